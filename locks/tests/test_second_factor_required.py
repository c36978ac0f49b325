"""MFA_REQUIRED: managers and superusers reach nothing before they have a second factor."""

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from locks.listening import admit, rights_of
from locks.models import Assignment, Building, Role, User
from locks.tests.factories import grant, make_device, make_user
from locks.tests.proofs import code_of, give_app, sign_in
from locks.tests.starting import run_with_settings

pytestmark = pytest.mark.django_db(transaction=True)
SET_UP = "/accounts/2fa/"


@pytest.fixture(autouse=True)
def required(settings: Settings) -> None:
    settings.MFA_REQUIRED = True


@pytest.fixture
def boss(north: Building) -> User:
    person = make_user("boss", name="Boss")
    grant(person, north, Role.MANAGER)
    return person


def where(client: Client, path: str, method: str = "get") -> str:
    answer = getattr(client, method)(path)
    return str(answer.headers.get("Location", answer.status_code))


def test_clerks_and_viewers_need_none(clerk: User, viewer: User, outsider: User) -> None:
    for person in (clerk, viewer, outsider):
        client = Client()
        client.force_login(person)
        assert where(client, "/") == "200"


@pytest.mark.parametrize("who", ["boss", "superuser"])
def test_who_needs_one_is_led_to_set_it_up_and_reaches_nothing_else(
    who: str, north: Building, request: pytest.FixtureRequest
) -> None:
    door = make_device(north)
    person = request.getfixturevalue(who)
    grant(person, north, Role.FRONT_DESK)
    client = Client()
    client.force_login(person)
    paths = ("/", "/history/", "/admin/", "/admin/locks/auditevent/", f"/doors/{door.pk}/")
    paths += ("/accounts/", "/accounts/sessions/", f"/buildings/{north.pk}/", "/no/such/page/")
    for path in paths[:-1]:
        assert where(client, path) == SET_UP, path
        assert where(client, path, "post") == SET_UP, path
    assert where(client, f"/doors/{door.pk}/unlock/", "post") == SET_UP
    assert not door.unlock_requests.exists()
    for path in (SET_UP, "/accounts/password_change/", "/accounts/password_change/done/"):
        assert where(client, path) == "200"
    assert "before you go on" in client.get(SET_UP).content.decode()
    assert where(client, "/accounts/logout/", "post") == "/accounts/login/?signed_out=1"


def test_a_refetch_of_the_page_sends_the_whole_page_there(boss: User, north: Building) -> None:
    client = Client()
    client.force_login(boss)
    answer = client.get(f"/buildings/{north.pk}/", headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == SET_UP


def test_no_stream_is_opened_and_an_open_one_ends(boss: User, north: Building) -> None:
    Assignment.objects.update(role=Role.VIEWER)
    client = Client()
    client.force_login(boss)
    admitted = admit(client.session.session_key)
    assert admitted is not None
    grant(boss, north, Role.MANAGER)  # while it is open
    assert rights_of([admitted.listener]) == {}
    assert admit(client.session.session_key) is None
    give_app(boss)
    assert admit(client.session.session_key) is not None


def test_it_opens_as_soon_as_there_is_a_factor(boss: User) -> None:
    client = sign_in(boss)
    assert where(client, "/") == SET_UP
    page = client.get("/accounts/2fa/app/add/").content.decode()
    secret = page.split("data-secret>")[1].split("<")[0]
    client.post("/accounts/2fa/app/add/", {"code": code_of(secret)})
    assert where(client, "/accounts/2fa/recovery-codes/") == "200"
    assert where(client, "/") == "200"
    assert where(client, "/admin/") == "200"


def test_who_has_one_is_asked_for_it_and_goes_on(boss: User) -> None:
    give_app(boss)
    assert where(sign_in(boss), "/").startswith("/accounts/login/")
    assert where(sign_in(boss, code_of()), "/admin/") == "200"


def test_recovery_codes_alone_are_no_second_factor(boss: User) -> None:
    give_app(boss).delete()
    assert where(sign_in(boss), "/") == SET_UP


def test_a_manager_of_yesterday_needs_none(boss: User, north: Building) -> None:
    from django.utils import timezone

    Assignment.objects.update(revoked_at=timezone.now())
    assert where(sign_in(boss), "/") == "200"


@pytest.mark.parametrize(
    ("environment", "on"),
    [
        ({}, True),
        ({"MFA_REQUIRED": "0"}, False),
        ({"SEAM_SIMULATED": "1", "SEAM_API_KEY": "-", "SEAM_ENDPOINT": "-"}, False),
        (
            {"SEAM_SIMULATED": "1", "SEAM_API_KEY": "-", "SEAM_ENDPOINT": "-", "MFA_REQUIRED": "1"},
            True,
        ),
    ],
)
def test_it_is_on_beside_real_doors_unless_the_environment_says_otherwise(
    tmp_path, environment: dict[str, str], on: bool
) -> None:
    show = "from django.conf import settings; print(settings.MFA_REQUIRED)"
    assert run_with_settings(tmp_path, show, **environment).stdout.strip() == str(on)
