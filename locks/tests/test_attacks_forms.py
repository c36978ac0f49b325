"""A form changes what it shows and nothing else, whatever else is sent along with it.

Every form that a clerk and a manager are shown is sent with a value for every column of
every table besides its own fields. The values are told by a mark that nothing else holds.
"""

from collections.abc import Mapping
from typing import Any

import pytest
from django.apps import apps
from django.db import models

from locks.models import Assignment, Role, User
from locks.tests import test_access_matrix as matrix
from locks.tests.attacks import Form, forms_of, rows, written
from locks.tests.factories import make_user

cast, ids = matrix.cast, matrix.ids
pytestmark = pytest.mark.sqlite_only  # the same on any database
MARK = "smuggled"
LONG_AGO = "2001-01-01"
PRIVILEGES = {
    "is_superuser": "on",
    "is_staff": "on",
    "is_active": "on",
    "groups": "1",
    "user_permissions": "1",
    "role": "manager",
    "action": MARK,
}


def smuggled(person: User) -> dict[str, str]:
    """A value for each column of each table, by its names in a form: that of the field and of the column."""
    sent: dict[str, str] = {}
    for model in apps.get_models():
        for column in model._meta.concrete_fields:
            value = _value(column, person)
            for name in (column.name, column.attname):
                sent |= {name: value, f"{name}_0": value, f"form-0-{name}": value}
    return sent | PRIVILEGES


def _value(column: models.Field, person: User) -> str:
    if isinstance(column, models.BooleanField):
        return "on"
    if isinstance(column, models.DateField):
        return f"{LONG_AGO} 00:00:00"
    if column.is_relation or column.primary_key:
        return str(person.pk)
    if isinstance(column, models.JSONField):
        return f'["{MARK}"]'
    return MARK if isinstance(column, models.CharField | models.TextField) else "77"


def own_fields(form: Form) -> set[str]:
    """Which columns a form may change: those that it names, and a password where it takes one."""
    names = {name.removeprefix("initial-") for name in form.kinds}
    return names | ({"password"} if "password" in form.kinds.values() else set())


def foreign_changes(
    before: Mapping[Any, Any], after: Mapping[Any, Any], form: Form, person: User
) -> list[Any]:
    """What was smuggled in: a mark, the other person, a privilege, outside the form's own fields."""
    found = []
    allowed = own_fields(form)
    for key, row in after.items():
        was = before.get(key, {})
        for name, value in row.items():
            if value == was.get(name) and key in before:
                continue
            if name in allowed or name.removesuffix("_id") in allowed:
                continue
            told = written(value)
            is_marked = MARK in told or told.startswith(LONG_AGO)
            is_theirs = name.endswith("_id") and value == person.pk
            is_privilege = name in PRIVILEGES and key[0] == "user" and key in before
            if is_marked or is_theirs or is_privilege:
                found.append((key, name, value))
    return found


@pytest.mark.parametrize("who", ["clerk", "manager"])
def test_a_form_changes_its_own_fields_alone(cast, ids, who: str) -> None:
    client, other = cast[who], make_user("another", pk=770_077)
    extra = smuggled(other)
    forms = forms_of(client, ids)
    assert len(forms) >= 1
    found, before = [], rows()
    for form in forms:
        if form.action.endswith("/leave/"):
            continue  # closes the account of who has left: what it is for
        client.force_login(User.objects.get(pk=client.person.pk))
        sent = {**extra, **form.filled("typed in")}
        # The form's own fields, where it has them, keep what a person would send.
        assert client.post(form.action, sent).status_code < 500, form.action
        after = rows()
        found += [(form.action, *each) for each in foreign_changes(before, after, form, other)]
        before = after
    assert found == []


@pytest.mark.parametrize("who", ["clerk", "manager"])
def test_no_form_makes_anyone_more_than_they_were(cast, ids, who: str) -> None:
    """After every form of theirs, with every privilege in it: the same superusers, the same roles."""
    client = cast[who]
    superusers = set(User.objects.filter(is_superuser=True).values_list("pk", flat=True))
    staff = set(User.objects.filter(is_staff=True).values_list("pk", flat=True))
    own = list(Assignment.objects.filter(person=client.person).values())
    extra = smuggled(client.person) | {"username": client.person.username, "person": "1"}
    for form in forms_of(client, ids):
        client.force_login(User.objects.get(pk=client.person.pk))
        client.post(form.action, {**form.filled(), **extra})
        client.post(form.action, {**extra, **form.filled(client.person.username)})
    assert set(User.objects.filter(is_superuser=True).values_list("pk", flat=True)) == superusers
    assert set(User.objects.filter(is_staff=True).values_list("pk", flat=True)) == staff
    assert list(Assignment.objects.filter(person=client.person).values()) == own


@pytest.mark.parametrize("role", Role.values)
def test_a_manager_gives_themselves_nothing_by_the_form_for_roles(cast, ids, role: str) -> None:
    boss = cast["manager"]
    sent = {"username": boss.person.username, "building": ids["building"], "role": role}
    before = list(Assignment.objects.values())
    for extra in ({}, {"person": boss.person.pk, "granted_by": ids["user"], "_save": "Save"}):
        boss.post("/admin/locks/assignment/add/", {**sent, **extra})
    mine = Assignment.objects.get(person=boss.person)
    boss.post(
        f"/admin/locks/assignment/{mine.pk}/change/",
        {"role": role, "valid_until_0": "", "weekly_hours": "", "person": boss.person.pk},
    )
    assert list(Assignment.objects.values()) == before


def test_a_role_is_signed_by_who_gave_it(cast, ids) -> None:
    """Not by whom the form names, nor for a time, a revocation or a person that it smuggles in."""
    other = make_user("another", pk=770_077)
    newcomer = make_user("newcomer")
    page = {"username": "newcomer", "building": ids["building"], "role": Role.VIEWER}
    extra = smuggled(other)
    for name in ("valid_from", "valid_until", "weekly_hours"):
        extra |= {name: "", f"{name}_0": "", f"{name}_1": ""}
    cast["manager"].post("/admin/locks/assignment/add/", {**extra, **page})
    given = Assignment.objects.get(person=newcomer)
    assert given.granted_by == cast["manager"].person
    assert (given.revoked_at, given.revoked_by, given.role) == (None, None, Role.VIEWER)
    assert given.granted_at.year > 2001


def test_times_without_a_building_are_refused_with_a_sentence(cast, ids) -> None:
    sent = {"username": cast["clerk"].person.username, "role": Role.VIEWER, "building": "987654321"}
    times = dict.fromkeys(("valid_from", "valid_until"), f"{LONG_AGO}T12:00")
    answer = cast["manager"].post("/admin/locks/assignment/add/", {**sent, **times})
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors["building"]
