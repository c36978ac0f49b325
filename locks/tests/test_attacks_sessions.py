"""A session belongs to who signed in: it cannot be laid under somebody, nor used once it is over."""

import asyncio

import pytest
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client

from locks.models import Building, Device, UnlockRequest, User
from locks.services import staffing
from locks.services.tokens import issue_token
from locks.tests.attacks import sign_in
from locks.tests.conftest import signed_in
from locks.tests.consoles import open_consoles
from locks.tests.factories import PASSWORD, grant, make_device, make_user
from locks.tests.starting import run_with_settings

pytestmark = pytest.mark.sqlite_only  # the same on any database
COOKIE = settings.SESSION_COOKIE_NAME
COOKIE_SETTINGS = ("NAME", "SECURE", "DOMAIN", "PATH")
NEW_PASSWORD = "Tangerine-41-lanterns"


def with_cookie(key: str) -> Client:
    """A browser that holds this session cookie."""
    client = Client()
    client.cookies[COOKIE] = key
    return client


def is_let_in(client: Client) -> bool:
    return client.get("/").status_code == 200


def test_a_session_that_was_laid_under_somebody_is_not_the_one_that_they_sign_in_to(
    clerk: User,
) -> None:
    laid = SessionStore()
    laid["chosen"] = "by the attacker"
    laid.create()
    victim = with_cookie(laid.session_key)
    sign_in(victim, "clerk", PASSWORD)
    assert is_let_in(victim)
    assert victim.cookies[COOKIE].value != laid.session_key
    assert "chosen" not in victim.session or not is_let_in(with_cookie(laid.session_key))
    assert not is_let_in(with_cookie(laid.session_key))


def test_a_made_up_session_key_is_never_taken_over(clerk: User) -> None:
    victim = with_cookie("a" * 32)
    sign_in(victim, "clerk", PASSWORD)
    assert is_let_in(victim)
    assert not is_let_in(with_cookie("a" * 32))


def test_who_signs_in_after_another_gets_a_session_of_their_own(clerk: User, viewer: User) -> None:
    shared = Client()
    sign_in(shared, "clerk", PASSWORD)
    before = shared.cookies[COOKIE].value
    shared.post("/accounts/logout/")
    sign_in(shared, "viewer", PASSWORD)
    assert shared.cookies[COOKIE].value != before
    assert not is_let_in(with_cookie(before))


def test_the_token_against_forged_forms_is_another_after_the_sign_in(clerk: User) -> None:
    client = Client()
    client.get("/accounts/login/")
    before = client.cookies[settings.CSRF_COOKIE_NAME].value
    sign_in(client, "clerk", PASSWORD)
    client.get("/")
    assert client.cookies[settings.CSRF_COOKIE_NAME].value != before


def sign_out(person: User, client: Client) -> None:
    client.post("/accounts/logout/")


def change_own_password(person: User, client: Client) -> None:
    staffing.change_own_password(person=person, password=NEW_PASSWORD)


def be_given_a_password(person: User, client: Client) -> None:
    boss = User.objects.get(is_superuser=True)
    staffing.set_password(actor=boss, person=person, password=NEW_PASSWORD)


def be_deactivated(person: User, client: Client) -> None:
    staffing.deactivate_person(actor=User.objects.get(is_superuser=True), person=person)


ENDINGS = {
    each.__name__: each
    for each in (sign_out, change_own_password, be_given_a_password, be_deactivated)
}


@pytest.mark.django_db(transaction=True)
def test_a_stolen_cookie_is_worth_nothing_once_the_session_is_over(
    north: Building, superuser: User, simulator
) -> None:
    """After each way to end it: no page, no press, no records, no stream."""
    door = make_device(north, seam_device_id="harbour-main-entrance")
    stolen, tokens = {}, {}
    for name, end in ENDINGS.items():
        person = make_user(name)
        grant(person, north)
        own = signed_in(person)
        stolen[name] = own.cookies[COOKIE].value
        tokens[name] = issue_token(person=person, device=door)
        assert is_let_in(with_cookie(stolen[name]))
        end(person, own)
    heard = asyncio.run(_heard(stolen))
    for name, key in stolen.items():
        thief = with_cookie(key)
        for path in ("/", "/history/", "/admin/", f"/doors/{door.pk}/"):
            assert thief.get(path).status_code == 302, (name, path)
        answer = thief.post(f"/doors/{door.pk}/unlock/", {"token": tokens[name]})
        assert answer.status_code == 302, name
        assert heard[name] == ["gone"], name
    assert not UnlockRequest.objects.exists()
    assert simulator.posts("harbour-main-entrance") == 0


async def _heard(keys: dict[str, str]) -> dict[str, list[str]]:
    async with open_consoles(**keys) as consoles:
        return {name: list(console.names) for name, console in consoles.items()}


def test_a_deactivated_account_signs_in_no_more(clerk: User, superuser: User) -> None:
    be_deactivated(clerk, Client())
    client = Client()
    sign_in(client, "clerk", PASSWORD)
    assert not is_let_in(client)


def test_a_token_to_press_is_worth_nothing_in_another_session(
    clerk: User, north: Building, simulator
) -> None:
    """Seen on a colleague's screen: it is bound to the person, and refused on the record."""
    door: Device = make_device(north, seam_device_id="harbour-main-entrance")
    colleague = make_user("colleague")
    grant(colleague, north)
    token = issue_token(person=clerk, device=door)
    signed_in(colleague).post(f"/doors/{door.pk}/unlock/", {"token": token})
    assert not UnlockRequest.objects.exists()
    assert simulator.posts("harbour-main-entrance") == 0


def test_its_cookies_are_for_its_own_pages_alone(clerk: User) -> None:
    client = Client()
    sign_in(client, "clerk", PASSWORD)
    client.get("/")
    assert client.cookies
    for cookie in client.cookies.values():
        assert cookie["httponly"], cookie.key
        assert cookie["samesite"] in {"Lax", "Strict"}, cookie.key
        assert not cookie["domain"], cookie.key


def test_under_https_its_cookies_leave_by_https_alone(tmp_path) -> None:
    names = [f"{kind}_COOKIE_{what}" for kind in ("SESSION", "CSRF") for what in COOKIE_SETTINGS]
    show = f"from django.conf import settings as s; print([getattr(s, n) for n in {names}])"
    said = run_with_settings(tmp_path, show, ALLOWED_HOSTS="desk.example.com")
    assert said.stdout.strip() == str(
        ["__Host-sessionid", True, None, "/", "__Host-csrftoken", True, None, "/"]
    )
