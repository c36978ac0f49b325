"""Single sign-on against a real OpenID Connect provider: who has an account here, and nobody else."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.fixtures import Settings

from locks.models import AuditEvent, Building, Kind, Pin, Role, Throttle, User
from locks.services import throttling
from locks.services.inviting import accept_with_new_account, invite_person
from locks.services.pins import set_pin
from locks.tests.factories import PASSWORD, grant, make_user
from locks.tests.proofs import give_app, said, sign_in
from locks.tests.starting import run_with_settings
from tools.servers import OpenIdProvider

US = "http://testserver"
BACK = "/accounts/sso/back/"


def configure(settings: Settings, provider: OpenIdProvider) -> None:
    settings.OIDC_ISSUER, settings.OIDC_NAME = provider.issuer, "House account"
    app = {
        "provider_id": "sso",
        "name": "House account",
        "client_id": provider.client_id,
        "secret": provider.client_secret,
        "settings": {"server_url": provider.issuer},
    }
    settings.SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}
    }


@pytest.fixture(scope="module")
def running() -> Iterator[OpenIdProvider]:
    with OpenIdProvider(f"{US}{BACK}") as provider:
        yield provider


@pytest.fixture
def provider(running: OpenIdProvider, settings: Settings, transactional_db) -> OpenIdProvider:
    configure(settings, running)
    return running


@pytest.fixture
def dora(north: Building) -> User:
    person = make_user("dora", name="Dora", email="Dora@example.com")
    grant(person, north, Role.FRONT_DESK)
    return person


def begin(client: Client, after: str = "") -> str:
    """Where the button leads."""
    answer = client.post("/accounts/sso/", {"next": after})
    assert answer.status_code == 200
    where = answer.headers["Refresh"].partition("url=")[2]
    assert where in answer.content.decode().replace("&amp;", "&")
    return where


def at_provider(where: str, **form: str) -> str:
    """Follow it, sign in there as the form says, and give the address to which it sends us back."""
    with requests.Session() as session:
        session.trust_env = False
        page = session.get(where, timeout=20)
        answer = session.post(page.url, data=form, timeout=20, allow_redirects=False)
        while not answer.headers["Location"].startswith(US):
            answer = session.get(answer.headers["Location"], timeout=20, allow_redirects=False)
    back = urlsplit(answer.headers["Location"])
    return f"{back.path}?{back.query}"


def come_back(client: Client, sub: str = "d-1", email: str = "dora@example.com", **form: str):
    form = {"sub": sub, "email": email, "verified": "yes", "amr": "pwd", **form}
    after = form.pop("after", "")
    return client.get(at_provider(begin(client, after), **form))


def is_in(client: Client) -> bool:
    return client.get("/history/").status_code == 200


def test_a_verified_mail_address_signs_in_the_account_that_has_it(provider, dora: User) -> None:
    client = Client()
    answer = come_back(client, after="/history/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/history/")
    assert is_in(client)
    (event,) = AuditEvent.objects.filter(kind=Kind.SIGNED_IN)
    assert (event.actor, event.detail.content["proved_by"]) == (dora, "single sign-on")
    dora.refresh_from_db()
    assert dora.check_password(PASSWORD)  # it stays


def test_the_first_time_links_and_later_the_address_may_differ(provider, dora: User) -> None:
    come_back(Client())
    (told,) = AuditEvent.objects.filter(kind=Kind.PERSON_CHANGED)
    assert told.detail.content["single_sign_on"] == "linked by the verified mail address"
    client = Client()
    come_back(client, email="dora.new@example.com")
    assert is_in(client)
    linked = SocialAccount.objects.get()
    assert (linked.user, linked.uid, linked.extra_data) == (dora, "d-1", {})


@pytest.mark.parametrize(
    "form",
    [
        {"verified": "no"},
        {"email": "stranger@example.com"},
        {"email": ""},
    ],
    ids=["not verified", "no account", "no address"],
)
def test_nobody_else_is_let_in_and_no_account_is_made(provider, dora: User, form) -> None:
    client = Client()
    answer = come_back(client, **form)
    assert answer.status_code == 403
    assert "No account here belongs to this sign-in" in answer.content.decode()
    assert not is_in(client)
    assert User.objects.count() == 1
    assert not SocialAccount.objects.exists()


@pytest.mark.parametrize(("after", "stays"), [("", False), ("/accounts/invitation/open/", True)])
def test_an_invitation_that_was_open_stays_where_its_page_asked_for_the_sign_in(
    provider, dora: User, manager: User, north: Building, after: str, stays: bool
) -> None:
    handed = invite_person(actor=manager, building=north, role=Role.VIEWER, name="Somebody")
    client = Client()
    client.get(f"/accounts/invitation/{handed.secret}/")
    come_back(client, after=after)
    assert is_in(client)
    page = client.get("/accounts/invitation/open/")
    assert ("Take this role?" in page.content.decode()) is stays


@pytest.mark.parametrize("inviter", ["manager", "superuser"])
def test_the_first_time_ends_what_whoever_opened_a_managers_invitation_may_know(
    provider, north: Building, manager: User, superuser: User, inviter: str
) -> None:
    by = {"manager": manager, "superuser": superuser}[inviter]
    handed = invite_person(
        actor=by, building=north, role=Role.VIEWER, name="Paula", email="paula@example.com"
    )
    paula = accept_with_new_account(invitation=handed.way, username="paula", password=PASSWORD)
    set_pin(person=paula, pin="4826")
    before = sign_in(paula)
    stays = inviter == "superuser"  # an administrator stands for the address

    client = Client()
    come_back(client, email="paula@example.com")

    assert is_in(client)
    assert (is_in(before), is_in(sign_in(paula))) == (stays, stays)
    assert Pin.objects.filter(person=paula).exists() is stays
    (event,) = AuditEvent.objects.filter(kind=Kind.PERSON_CHANGED)
    assert ("ended" in event.detail.content.get("password", "")) is not stays


def test_another_subject_with_the_same_address_does_not_take_a_linked_account(
    provider, dora: User
) -> None:
    come_back(Client())
    assert come_back(Client(), sub="somebody-else").status_code == 403


def test_two_accounts_with_one_address_are_nobodys(provider, dora: User) -> None:
    make_user("twin", email="dora@example.com")
    assert come_back(Client()).status_code == 403


def test_a_closed_account_stays_closed(provider, dora: User) -> None:
    come_back(Client())
    User.objects.update(is_active=False)
    client = Client()
    assert come_back(client).status_code == 403
    assert not is_in(client)


def test_the_second_factor_is_asked_for_unless_the_provider_says_that_it_was(
    provider, dora: User
) -> None:
    give_app(dora)
    client = Client()
    assert come_back(client).headers["Location"] == "/accounts/2fa/sign-in/"
    assert not is_in(client)
    client = Client()
    assert come_back(client, amr="pwd mfa").headers["Location"] == "/"
    assert is_in(client)


def test_a_manager_is_let_on_where_the_provider_asked_for_a_second_factor(
    provider, north: Building, dora: User, settings: Settings
) -> None:
    settings.MFA_REQUIRED = True
    grant(dora, north, Role.MANAGER)
    client = Client()
    come_back(client)
    assert client.get("/").headers["Location"] == "/accounts/2fa/"
    client = Client()
    come_back(client, amr="pwd mfa")
    assert client.get("/").status_code == 200
    assert client.get("/admin/").status_code == 200


def test_a_code_or_a_state_is_good_once_and_in_the_browser_that_began(provider, dora: User) -> None:
    client = Client()
    form = {"sub": "d-1", "email": "dora@example.com", "verified": "yes", "amr": "pwd"}
    back = at_provider(begin(client), **form)
    thief = Client()
    assert thief.get(back).status_code == 401
    assert client.get(back).status_code == 302
    assert Client().get(back).status_code == 401
    assert not is_in(thief)


def test_who_cancels_over_there_reads_that_nothing_happened(provider, dora: User) -> None:
    client = Client()
    answer = client.get(at_provider(begin(client), cancel="1", sub="x"))
    assert answer.status_code == 401
    assert "was not completed" in said(answer)


def test_a_provider_that_cannot_be_reached_is_a_sentence(dora: User, settings: Settings) -> None:
    provider = OpenIdProvider(f"{US}{BACK}")  # never started
    configure(settings, provider)
    answer = Client().post("/accounts/sso/")
    assert answer.status_code == 502
    assert "House account cannot be reached" in answer.content.decode()


def test_a_visitor_asks_for_no_other_scopes_and_is_sent_nowhere_else(provider) -> None:
    client = Client()
    answer = client.post(
        "/accounts/sso/?scope=offline_access&auth_params=prompt%3Dnone&process=connect",
        {"next": "https://evil.example/", "process": "redirect"},
    )
    where = answer.headers["Refresh"]
    assert "offline_access" not in where
    assert "prompt" not in where
    assert re.search(r"code_challenge=[\w-]{43}", where)
    (state, *_rest) = client.session["socialaccount_states"].values()
    assert state[0]["process"] == "login"
    assert "evil" not in str(state)


def test_who_only_ever_goes_out_is_slowed_and_who_comes_back_is_not(
    provider, dora: User, settings: Settings
) -> None:
    for number in range(throttling.BY_ADDRESS.free):
        again = throttling.try_sign_on(address="127.0.0.1", at=timezone.now())
        assert again is None, number
    answer = Client().post("/accounts/sso/")
    assert (answer.status_code, said(answer)) == (
        429,
        "Too many attempts. Try again in 1 second.",
    )
    Throttle.objects.update(free_at=None)
    come_back(Client())
    assert Throttle.objects.exclude(failures=0).get().failures == throttling.BY_ADDRESS.free


def test_unset_there_is_no_button_and_no_route(db) -> None:
    client = Client()
    assert "/accounts/sso/" not in client.get("/accounts/login/").content.decode()
    assert client.post("/accounts/sso/").status_code == 404
    assert client.get(BACK).status_code == 404


@pytest.mark.parametrize(
    "environment",
    [
        {"OIDC_ISSUER": "https://id.example.com"},
        {"OIDC_CLIENT_SECRET": "x"},
        {
            "OIDC_ISSUER": "http://id.example.com",
            "OIDC_CLIENT_ID": "a",
            "OIDC_CLIENT_SECRET": "secret-9",
        },
        {
            "OIDC_ISSUER": "https://[broken",
            "OIDC_CLIENT_ID": "a",
            "OIDC_CLIENT_SECRET": "secret-9",
        },
    ],
)
def test_half_a_configuration_or_one_without_tls_stops_the_start(tmp_path, environment) -> None:
    ended = run_with_settings(
        tmp_path, "from django.conf import settings as s; s.DEBUG", **environment
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("accessdesk cannot start: OIDC_")
    assert "secret-9" not in ended.stderr


def test_in_a_browser_one_press_of_the_button_leads_there_and_back(
    page: Page, live_server, dora: User, settings: Settings
) -> None:
    with OpenIdProvider(f"{live_server.url}{BACK}") as provider:
        configure(settings, provider)
        page.goto(f"{live_server.url}/history/")
        page.get_by_role("button", name="Sign in with House account").click()
        page.get_by_label("Subject").fill("d-1")
        page.get_by_label("Mail").fill("dora@example.com")
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading", name="My presses")).to_be_visible()
        expect(page.get_by_text("Dora")).to_be_visible()
