"""A way to a new password: who may give one to whom, and what happens when it is used."""

import datetime as dt
import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from locks.models import AuditDetail, AuditEvent, Building, Kind, PasswordReset, Role, User
from locks.services import staffing
from locks.services.errors import NotAllowed
from locks.services.resetting import give_reset, why_no_reset
from locks.tests.admin_forms import messages_of
from locks.tests.conftest import signed_in
from locks.tests.factories import PASSWORD, grant, make_superuser, make_user

GOOD = "a-good-long-secret-7"
OPENED = "/accounts/invitation/open/"
SECRET = re.compile(r"(?:[A-HJKMNP-TV-Z2-9]{4}-){3}[A-HJKMNP-TV-Z2-9]{4}")
DAY = dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def nobody_has_guessed_yet() -> Any:
    cache.clear()
    yield
    cache.clear()


def page_of(person: User) -> str:
    return f"/admin/locks/user/{person.pk}/reset/"


def secret_for(client: Client, person: User, factors: str = "keep") -> str:
    page = client.post(page_of(person), {"factors": factors})
    [secret] = set(SECRET.findall(page.content.decode()))
    return str(secret)


def choose(secret: str, password: str = GOOD, **more: str) -> Any:
    client = Client()
    client.get(f"/accounts/invitation/{secret}/")
    return client.post(OPENED, {"password1": password, "password2": password, **more})


def test_somebody_who_forgot_their_password_chooses_a_new_one(
    clerk: User, north: Building, manager_client: Client
) -> None:
    before = signed_in(clerk)
    secret = secret_for(manager_client, clerk)
    assert before.get("/").status_code == 200, "signed out before the link was used"

    answer = choose(secret)

    assert "password is changed" in answer.content.decode()
    clerk.refresh_from_db()
    assert clerk.check_password(GOOD)
    assert before.get("/").status_code == 302, "an old session lives on"
    given = AuditEvent.objects.get(kind=Kind.RESET_GIVEN)
    assert given.chain.building == north
    assert given.detail.content["subject_username"] == "clerk"
    changed = AuditEvent.objects.get(kind=Kind.PERSON_CHANGED).detail.content
    assert (changed["password"], changed["given_by"]) == (staffing.BY_LINK, "Manager")
    for text in AuditDetail.objects.values_list("body", flat=True):
        assert GOOD not in text
        assert secret not in text
    late = choose(secret, "another-good-secret-8")
    assert late.status_code == 302, "a used link was opened"
    assert Client().get(f"/accounts/invitation/{secret}/").status_code == 410
    assert User.objects.get(pk=clerk.pk).check_password(GOOD)


def test_the_person_is_told_so_that_nobody_takes_an_account_over_unseen(
    clerk: User, manager_client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    User.objects.filter(pk=clerk.pk).update(email="clerk@example.com")
    secret = secret_for(manager_client, clerk)
    with django_capture_on_commit_callbacks(execute=True):
        choose(secret)
    [told] = mail.outbox
    assert told.to == ["clerk@example.com"]
    assert "a link that Manager had made" in told.body
    assert secret not in told.body


def test_whether_second_factors_go_is_chosen_on_the_form(
    clerk: User, north: Building, manager_client: Client
) -> None:
    for kind in (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES):
        Authenticator.objects.create(user=clerk, type=kind, data={})
    assert manager_client.post(page_of(clerk)).context["adminform"].form.errors["factors"]
    assert not PasswordReset.objects.exists()

    choose(secret_for(manager_client, clerk, "keep"))
    assert Authenticator.objects.filter(user=clerk).count() == 2

    secret = secret_for(manager_client, clerk, "drop")
    assert Authenticator.objects.filter(user=clerk).count() == 2, "gone before it was used"
    choose(secret, "another-good-secret-8")

    assert not Authenticator.objects.filter(user=clerk).exists()
    removed = AuditEvent.objects.filter(kind=Kind.FACTOR_REMOVED)
    assert {event.chain.building for event in removed} == {north}
    assert {event.detail.content["subject_username"] for event in removed} == {"clerk"}


@pytest.mark.parametrize(
    "case", ["works elsewhere", "will work elsewhere", "superuser", "oneself", "closed", "left"]
)
def test_a_manager_resets_only_people_who_are_theirs_alone(
    case: str, clerk: User, south: Building, manager: User, manager_client: Client
) -> None:
    person = manager if case == "oneself" else clerk
    match case:
        case "works elsewhere":
            grant(clerk, south, Role.VIEWER)
        case "will work elsewhere":
            grant(clerk, south, valid_from=timezone.now() + DAY)
        case "superuser":
            User.objects.filter(pk=clerk.pk).update(is_superuser=True)
        case "closed":
            User.objects.filter(pk=clerk.pk).update(is_active=False)
        case "left":
            clerk.assignments.update(revoked_at=timezone.now())
    with pytest.raises(NotAllowed):
        give_reset(actor=manager, person=person, drop_factors=False)
    for answer in (
        manager_client.get(page_of(person), follow=True),
        manager_client.post(page_of(person), {"factors": "drop"}, follow=True),
    ):
        assert messages_of(answer)
        assert not SECRET.search(answer.content.decode())
        assert f"{person.pk}/reset/" not in answer.content.decode(), "offered all the same"
    assert not PasswordReset.objects.exists()


def test_a_role_elsewhere_that_is_over_does_not_stand_in_the_way(
    clerk: User, south: Building, manager: User
) -> None:
    grant(clerk, south, valid_until=timezone.now() - DAY)
    grant(clerk, south, Role.VIEWER, revoked_at=timezone.now() - DAY)
    assert why_no_reset(actor=manager, person=clerk) == ""


@pytest.mark.parametrize("change", ["the manager left", "the person works elsewhere", "superuser"])
def test_what_its_giver_may_is_asked_again_when_it_is_used(
    change: str, clerk: User, south: Building, manager: User, manager_client: Client
) -> None:
    secret = secret_for(manager_client, clerk)
    match change:
        case "the manager left":
            manager.assignments.update(revoked_at=timezone.now())
        case "the person works elsewhere":
            grant(clerk, south)
        case "superuser":
            User.objects.filter(pk=clerk.pk).update(is_superuser=True)
    assert choose(secret).status_code == 410
    assert User.objects.get(pk=clerk.pk).check_password(PASSWORD)


def test_a_newer_way_ends_the_older(clerk: User, manager_client: Client) -> None:
    older, newer = secret_for(manager_client, clerk), secret_for(manager_client, clerk)
    assert Client().get(f"/accounts/invitation/{older}/").status_code == 410
    choose(newer)
    assert User.objects.get(pk=clerk.pk).check_password(GOOD)


@pytest.mark.parametrize("after", ["", OPENED])
def test_a_way_left_open_is_not_of_who_signs_in_there_next(
    clerk: User, viewer: User, manager_client: Client, after: str
) -> None:
    browser = Client()
    browser.get(f"/accounts/invitation/{secret_for(manager_client, clerk)}/")
    form = {"username": "viewer", "password": PASSWORD, "next": after}
    browser.post("/accounts/login/", form)
    assert browser.get("/history/").status_code == 200
    browser.post(OPENED, {"password1": GOOD, "password2": GOOD})
    clerk.refresh_from_db()
    assert clerk.check_password(PASSWORD)


def test_a_weak_password_is_told_and_uses_nothing_up(clerk: User, manager_client: Client) -> None:
    secret = secret_for(manager_client, clerk)
    for more in ({"password1": "clerk123", "password2": "clerk123"}, {"password2": "different"}):
        answer = choose(secret, **more)
        assert answer.status_code == 400
        assert 'class="error"' in answer.content.decode()
    assert PasswordReset.objects.get().is_open


def test_superusers_reset_anybody_but_themselves(superuser: User, outsider: User) -> None:
    other = make_superuser("other")
    for person in (outsider, make_user("roleless"), other):
        give_reset(actor=superuser, person=person, drop_factors=True)
    with pytest.raises(NotAllowed):
        give_reset(actor=superuser, person=superuser, drop_factors=True)
    given = AuditEvent.objects.filter(kind=Kind.RESET_GIVEN).order_by("at")
    places = [str(event.chain.building) for event in given]
    assert places == ["South Tower", "None", "None"]


def test_nothing_more_is_taken_from_the_form(clerk: User, manager_client: Client) -> None:
    other = make_user("other")
    far = (timezone.now() + 90 * DAY).isoformat()
    forged = {"person": other.pk, "expires_at": far, "password": "x", "secret_hash": "0" * 64}
    manager_client.post(page_of(clerk), {"factors": "keep", **forged})
    reset = PasswordReset.objects.get()
    assert (reset.person, reset.drop_factors) == (clerk, False)
    assert reset.secret_hash != "0" * 64
    assert reset.expires_at < timezone.now() + dt.timedelta(hours=25)


def test_people_of_elsewhere_are_unknown(outsider: User, manager_client: Client) -> None:
    for page in ("reset", "leave", "unlocks"):
        for pk in (outsider.pk, 987_654, "x"):
            address = f"/admin/locks/user/{pk}/{page}/"
            assert manager_client.get(address).status_code == 404


@pytest.mark.parametrize("how", ["by themselves", "by an administrator", "by a link in a mail"])
def test_an_unused_way_ends_when_the_password_is_changed_otherwise(
    clerk: User, superuser: User, manager_client: Client, how: str
) -> None:
    secret = secret_for(manager_client, clerk)
    if how == "by themselves":
        staffing.change_own_password(person=clerk, password=GOOD)
    elif how == "by an administrator":
        staffing.set_password(actor=superuser, person=clerk, password=GOOD)
    else:
        staffing.reset_own_password(person=clerk, password=GOOD)
    page = Client().get(f"/accounts/invitation/{secret}/")
    assert "has been withdrawn" in page.content.decode()
    choose(secret, "another-good-long-8")
    clerk.refresh_from_db()
    assert clerk.check_password(GOOD)
