"""Accounts in the admin: superusers edit, managers read their own buildings' people."""

import datetime as dt
import re

import pytest
from django.test import Client
from django.utils import timezone

from locks.admin.shown import NONE
from locks.models import Assignment, AuditEvent, Building, Kind, User
from locks.tests.admin_forms import filled, messages_of, save
from locks.tests.conftest import signed_in
from locks.tests.factories import PASSWORD, grant, make_building, make_user

DAY = dt.timedelta(days=1)
HERE = ("active_here", "last_login_here")
GOOD = "a-good-long-secret-7"


def test_a_manager_reads_people_without_what_is_not_theirs_to_know(
    clerk: User, manager_client: Client
) -> None:
    clerk.email = "clerk@example.com"
    clerk.save()
    grant(clerk, make_building("Zephyr Tower"))
    page = manager_client.get(f"/admin/locks/user/{clerk.pk}/change/").content.decode()
    assert "North House" in page
    for hidden in (
        "Zephyr",
        clerk.password,
        clerk.password[:12],
        "clerk@example.com",
        "/password/",
    ):
        assert hidden not in page, hidden
    for field in ("is_staff", "is_superuser", "groups", "user_permissions", "is_demo"):
        assert field not in page, field


def told_of(client: Client, person: User) -> list[tuple[str, str]]:
    """What list and page say of the account today: whether it is active, and its last login."""
    listed = client.get("/admin/locks/user/").content.decode()
    [row] = [row for row in listed.split("<tr>") if f">{person.username}<" in row]
    page = client.get(f"/admin/locks/user/{person.pk}/change/").content.decode()
    cells = [re.search(rf'class="field-{name}[^>]*>(.*?)</td>', row) for name in HERE] + [
        re.search(rf'field-{name}.*?class="readonly">(.*?)</div>', page, re.DOTALL) for name in HERE
    ]
    told = [cell[1].strip() if cell else "" for cell in cells]
    return [(told[0], told[1]), (told[2], told[3])]


@pytest.mark.parametrize(
    "ended",
    [
        {"revoked_at": timezone.now() - DAY},
        {"valid_until": timezone.now() - DAY},
        {"valid_from": timezone.now() + DAY},
    ],
    ids=lambda ended: next(iter(ended)),
)
def test_how_an_account_is_today_is_told_where_the_person_works_today(
    north: Building, manager_client: Client, ended: dict[str, dt.datetime]
) -> None:
    person = make_user("leaver")
    role = grant(person, north)
    User.objects.filter(pk=person.pk).update(last_login=dt.datetime(2026, 3, 1, 9, tzinfo=dt.UTC))
    grant(person, make_building("Zephyr Tower"))
    for active, login in told_of(manager_client, person):
        assert (active, "March 1, 2026" in login) == ("yes", True)
    Assignment.objects.filter(pk=role.pk).update(**ended)
    assert told_of(manager_client, person) == [(NONE, NONE)] * 2
    for order in ("3", "-3", "5", "-5"):
        ordered = manager_client.get("/admin/locks/user/", {"o": order}).context["cl"]
        assert not {"last_login", "is_active"} & {
            name.lstrip("-") for name in ordered.queryset.query.order_by
        }


def test_a_manager_reads_that_an_account_of_the_house_is_closed(
    clerk: User, manager_client: Client
) -> None:
    User.objects.filter(pk=clerk.pk).update(is_active=False)
    assert [active for active, _login in told_of(manager_client, clerk)] == ["no", "no"]
    page = manager_client.get(f"/admin/locks/user/{clerk.pk}/change/").content.decode()
    assert "· North House" not in page


@pytest.mark.parametrize(
    "forged",
    [{"is_superuser": "on"}, {"is_staff": "on"}, {"name": "X"}, {"password": "x"}],
    ids=lambda forged: next(iter(forged)),
)
def test_a_manager_cannot_write_people(
    forged: dict[str, str], clerk: User, manager: User, manager_client: Client
) -> None:
    for person in (clerk, manager):
        before = User.objects.filter(pk=person.pk).values().get()
        assert manager_client.get("/admin/locks/user/add/").status_code == 403
        assert manager_client.post("/admin/locks/user/add/", forged).status_code == 403
        page = f"/admin/locks/user/{person.pk}/change/"
        assert manager_client.post(page, forged).status_code == 403
        secret = {"new_password1": GOOD, "new_password2": GOOD}
        page = f"/admin/locks/user/{person.pk}/password/"
        assert manager_client.get(page).status_code == 403
        assert manager_client.post(page, secret).status_code == 403
        assert User.objects.filter(pk=person.pk).values().get() == before


def test_a_manager_finds_nobody_of_elsewhere(outsider: User, manager_client: Client) -> None:
    make_user("roleless")
    html = manager_client.get("/admin/locks/user/").content.decode()
    assert "outsider" not in html
    assert "roleless" not in html


def test_a_superuser_adds_a_person_who_can_sign_in(superuser_client: Client) -> None:
    save(
        superuser_client,
        "/admin/locks/user/add/",
        username="newcomer",
        name="New Comer",
        email="",
        password1=GOOD,
        password2=GOOD,
    )
    person = User.objects.get(username="newcomer")
    assert person.check_password(GOOD)
    assert (person.is_staff, person.is_superuser) == (False, False)
    assert AuditEvent.objects.filter(kind=Kind.PERSON_ADDED).count() == 1


def test_a_weak_password_is_refused_in_the_form(superuser_client: Client) -> None:
    values = {"username": "weak", "password1": "12345678", "password2": "12345678"}
    page = save(superuser_client, "/admin/locks/user/add/", **values)
    assert "too common" in page.content.decode()
    assert not User.objects.filter(username="weak").exists()


def test_a_superuser_changes_and_closes_an_account(superuser_client: Client, clerk: User) -> None:
    browser, page = signed_in(clerk), f"/admin/locks/user/{clerk.pk}/change/"
    save(superuser_client, page, name="Night Clerk", is_active=None)
    clerk.refresh_from_db()
    assert (clerk.name, clerk.is_active) == ("Night Clerk", False)
    assert browser.get("/").status_code == 302
    changed = AuditEvent.objects.get(kind=Kind.PERSON_CHANGED).detail.content["changed"]
    assert changed == {"name": ["Clerk", "Night Clerk"], "is_active": [True, False]}


def test_no_form_makes_a_superuser(superuser_client: Client, clerk: User) -> None:
    page = f"/admin/locks/user/{clerk.pk}/change/"
    save(superuser_client, page, is_superuser="on", is_staff="on", name="Other")
    clerk.refresh_from_db()
    assert (clerk.name, clerk.is_superuser, clerk.is_staff) == ("Other", False, False)


def test_superusers_do_not_lock_themselves_out(superuser: User, superuser_client: Client) -> None:
    answer = save(superuser_client, f"/admin/locks/user/{superuser.pk}/change/", is_active=None)
    assert "own account" in messages_of(answer)
    superuser.refresh_from_db()
    assert superuser.is_active


def test_a_superuser_sets_a_password_and_sees_none(
    superuser_client: Client, superuser: User, clerk: User
) -> None:
    browser = signed_in(clerk)
    page = f"/admin/locks/user/{clerk.pk}/password/"
    values = {"new_password1": GOOD, "new_password2": GOOD}
    superuser_client.post(page, {**values, "new_password2": "different"})
    assert User.objects.get(pk=clerk.pk).check_password(PASSWORD)

    answer = superuser_client.post(page, values, follow=True)

    assert "has been set" in messages_of(answer)
    assert User.objects.get(pk=clerk.pk).check_password(GOOD)
    assert browser.get("/").status_code == 302
    html = superuser_client.get(f"/admin/locks/user/{clerk.pk}/change/").content.decode()
    assert User.objects.get(pk=clerk.pk).password not in html
    superuser_client.post(f"/admin/locks/user/{superuser.pk}/password/", values)
    assert superuser_client.get("/admin/").status_code == 200, "signed out by an own new password"


def test_an_account_may_not_take_anothers_name(
    superuser_client: Client, clerk: User, viewer: User
) -> None:
    page = save(superuser_client, f"/admin/locks/user/{clerk.pk}/change/", username="viewer")
    assert "already exists" in page.content.decode()


def test_a_page_open_for_long_undoes_nothing(
    superuser_client: Client, clerk: User, north: Building
) -> None:
    address = f"/admin/locks/user/{clerk.pk}/change/"
    old = superuser_client.get(address)
    save(superuser_client, address, is_active=None)
    superuser_client.post(address, filled(old, name="Renamed"))
    clerk.refresh_from_db()
    assert (clerk.name, clerk.is_active) == ("Renamed", False)
