"""A passkey as the proof at a door that asks for one, with Chromium's own authenticator."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from allauth.core import context
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth as webauthn
from django.contrib.sessions.backends.db import SessionStore
from django.test import RequestFactory
from playwright.sync_api import Page, expect

from locks.models import AuditEvent, Building, Kind, User
from locks.services.proving_oneself import NotProved, prove, ways_of
from locks.simulator import Simulator
from locks.tests.factories import PASSWORD, make_device

CREATE = """async (options) => {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options.publicKey);
  const made = await navigator.credentials.create({ publicKey });
  return JSON.stringify(made.toJSON());
}"""
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
}


def with_passkey(person: User, page: Page) -> None:
    """Makes a passkey in the page's authenticator, and keeps it as the person's."""
    request = RequestFactory().get("/", HTTP_HOST="localhost")
    request.session = SessionStore()
    with context.request_context(request):
        options = json.loads(json.dumps(webauthn.begin_registration(person, False), default=dict))
        made = json.loads(page.evaluate(CREATE, options))
        webauthn.complete_registration(webauthn.parse_registration_response(made))
    webauthn.WebAuthn.add(person, "Key", made)


def test_a_passkey_proves_who_is_there_and_unlocks_in_one_step(
    live_server: Any,
    new_page: Callable[..., Page],
    simulator: Simulator,
    north: Building,
    clerk: User,
) -> None:
    simulator.behave("harbour-main-entrance", "instant")
    door = make_device(north, seam_device_id="harbour-main-entrance", step_up_minutes=5)
    page = new_page(viewport={"width": 1280, "height": 800})
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    device = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    page.goto(live_server.url)
    page.get_by_label("User name").fill(clerk.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="North House")).to_be_visible()
    with_passkey(clerk, page)
    assert ways_of(clerk) == ["webauthn"]  # the password is no way any more

    page.goto(live_server.url)
    page.locator(f"#unlock-{door.pk}").click()
    button = page.get_by_role("dialog").get_by_role("button", name="with your passkey")
    expect(button).to_be_focused()

    kept = devtools.send("WebAuthn.getCredentials", device)["credentials"]
    devtools.send("WebAuthn.clearCredentials", device)
    button.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text(
        "The passkey did not answer. Nothing was sent."
    )
    expect(button).to_be_focused()
    assert simulator.posts(door.seam_device_id) == 0

    devtools.send("WebAuthn.addCredential", {**device, "credential": kept[0]})
    button.press("Enter")
    expect(page.locator(f"#door-{door.pk} .state:not(.instant) .headline")).to_contain_text(
        re.compile("Waiting for the lock|Unlocked")
    )
    assert simulator.posts(door.seam_device_id) == 1
    told = AuditEvent.objects.get(kind=Kind.UNLOCK_REQUESTED).detail.content
    assert told["proved"] == "webauthn"


@pytest.mark.parametrize("forged", ["", "x", "{}", "[]", '{"id": "a", "rawId": "a"}', "null"])
def test_a_forged_answer_proves_nothing(forged: str, clerk: User) -> None:
    Authenticator.objects.create(user=clerk, type="webauthn", data={"name": "k", "credential": {}})
    request = RequestFactory().get("/", HTTP_HOST="localhost")
    request.session = SessionStore()
    with context.request_context(request), pytest.raises(NotProved):
        prove(person=clerk, method="webauthn", secret=forged)
