"""One's account in a browser: a passkey from beginning to end, and pictures of every page."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page, expect

from locks.models import AuditEvent, Building, Kind, Role, User
from locks.tests.factories import PASSWORD, grant, make_user
from locks.tests.proofs import code_of


@pytest.fixture
def dora(north: Building) -> User:
    person = make_user("dora", name="Dora Delgado", email="dora@example.com")
    grant(person, north, Role.FRONT_DESK)
    return person


def device_with_passkeys(page: Page) -> tuple[CDPSession, str]:
    """Chromium's virtual authenticator: a phone whose owner always says yes."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session, made["authenticatorId"]


def sign_in(page: Page, url: str) -> None:
    page.goto(f"{url}/accounts/login/")
    page.get_by_label("User name").fill("dora")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_a_passkey_is_added_asked_for_and_removed(page: Page, live_server: Any, dora: User) -> None:
    device, authenticator = device_with_passkeys(page)
    sign_in(page, live_server.url)
    page.get_by_role("link", name="Dora Delgado").click()
    page.get_by_role("link", name=re.compile("^Set up ?: Second factor")).click()
    page.get_by_role("link", name=re.compile("^Add ?: Passkeys")).click()
    page.get_by_label("Name, to tell it from others").fill("My phone")
    page.get_by_role("button", name="Add passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    code = page.locator(".codes li").first.inner_text()
    page.get_by_role("link", name="I have them").click()
    expect(page.get_by_role("heading", name="My phone")).to_be_visible()

    page.get_by_role("button", name="Not you? Switch").click()
    sign_in(page, live_server.url)
    expect(page.get_by_role("heading", name="Second step")).to_be_visible()
    device.send(
        "WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": True}
    )
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.locator("#connection")).to_be_visible()

    page.goto(f"{live_server.url}/accounts/2fa/")
    page.get_by_role("link", name=re.compile("^Remove ?: My phone")).click()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("link", name=re.compile("^Add ?: Passkeys"))).to_be_visible()
    expect(page.get_by_text("My phone")).to_have_count(0)
    added = AuditEvent.objects.filter(kind=Kind.FACTOR_ADDED)
    assert {event.detail.content["factor"] for event in added} == {"recovery_codes", "webauthn"}
    assert AuditEvent.objects.filter(kind=Kind.FACTOR_REMOVED).count() == 2
    ways = [
        e.detail.content["proved_by"]
        for e in AuditEvent.objects.filter(kind=Kind.SIGNED_IN).order_by("id")
    ]
    assert ways == ["password", "password, webauthn"]
    assert len(code) == 8


def test_a_device_without_the_passkey_is_a_sentence_and_a_recovery_code_helps(
    page: Page, live_server: Any, dora: User
) -> None:
    device, authenticator = device_with_passkeys(page)
    sign_in(page, live_server.url)
    page.goto(f"{live_server.url}/accounts/2fa/passkeys/add/")
    page.get_by_role("button", name="Add passkey").click()
    code = page.locator(".codes li").nth(4).inner_text()
    page.get_by_role("link", name="I have them").click()
    page.get_by_role("button", name="Not you? Switch").click()
    device.send("WebAuthn.clearCredentials", {"authenticatorId": authenticator})
    sign_in(page, live_server.url)
    button = page.get_by_role("button", name="Use a passkey")
    button.click()
    expect(page.locator("[data-passkey-trouble]")).to_contain_text("No passkey was used. Try again")
    expect(button).to_be_focused()
    page.get_by_text("Use a recovery code instead").click()
    page.get_by_label("Recovery code").fill(code)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#connection")).to_be_visible()


def test_every_page_of_the_account_fits(
    page: Page, live_server: Any, dora: User, take: Callable[..., None], settings: Any
) -> None:
    settings.OIDC_ISSUER, settings.OIDC_NAME = "https://id.example.com", "House account"

    def picture(name: str, sentence: str) -> None:
        expect(page.get_by_text(sentence).first).to_be_visible()
        take(page, f"account-{name}", full=True, everywhere=True)

    url = live_server.url
    page.goto(f"{url}/accounts/login/")
    picture("sign-in", "Sign in with House account")
    page.goto(f"{url}/accounts/password/reset/")
    picture("reset", "Forgot your password?")
    sign_in(page, url)
    page.goto(f"{url}/accounts/")
    picture("overview", "Your account")
    page.goto(f"{url}/accounts/2fa/app/add/")
    secret = page.locator("[data-secret]").text_content() or ""
    picture("add-app", "Scan this with an authenticator app")
    page.get_by_label("Code").fill(code_of(secret))
    page.get_by_role("button", name="Add", exact=True).click()
    picture("recovery-codes", "For the day when your phone is lost")
    page.get_by_role("link", name="I have them").click()
    picture("factors", "Something besides your password")
    page.goto(f"{url}/accounts/2fa/passkeys/add/")
    picture("add-passkey", "Add a passkey")
    page.goto(f"{url}/accounts/sessions/")
    picture("sessions", "this one")
    page.goto(f"{url}/accounts/password_change/")
    picture("password", "Change your password")
    page.context.clear_cookies()
    sign_in(page, url)
    picture("second-step", "Second step")
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Sign in").click()
    picture("wrong-code", "This code is not right")
