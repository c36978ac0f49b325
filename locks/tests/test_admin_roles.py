"""Roles in the admin: granted by exact username, in own buildings, never for oneself."""

import datetime as dt
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone
from django.utils.translation import override

from locks.admin.hours import WeeklyHoursField, written
from locks.models import Assignment, AuditEvent, Building, Kind, Role, User
from locks.tests.admin_forms import filled, messages_of, save
from locks.tests.factories import make_user

ADD = "/admin/locks/assignment/add/"


def page_of(role: Assignment) -> str:
    return f"/admin/locks/assignment/{role.pk}/change/"


def grant_by_form(client: Client, building: Building, username: str, **more: Any) -> Any:
    values = {"username": username, "building": building.pk, "role": "front_desk", **more}
    return save(client, ADD, **values)


def test_a_manager_grants_a_role_on_the_buildings_clock(
    north: Building, manager: User, manager_client: Client
) -> None:
    newcomer = make_user("newcomer")
    year = timezone.now().year + 1
    grant_by_form(
        manager_client,
        north,
        "newcomer",
        valid_until=f"{year}-07-01T20:00",
        weekly_hours="Mon-Fri 08:00-16:00; Sat,Sun 10:00-14:00",
    )
    role = newcomer.assignments.get()
    # Lisbon is an hour ahead of UTC in summer.
    assert role.valid_until == dt.datetime(year, 7, 1, 19, 0, tzinfo=dt.UTC)
    assert role.weekly_hours == [
        {"days": [1, 2, 3, 4, 5], "from": "08:00", "until": "16:00"},
        {"days": [6, 7], "from": "10:00", "until": "14:00"},
    ]
    assert role.granted_by == manager
    assert AuditEvent.objects.get().kind == Kind.ROLE_GRANTED
    page = manager_client.get(page_of(role)).content.decode()
    assert f"{year}-07-01T20:00:00" in page
    assert "Mon-Fri 08:00-16:00; Sat,Sun 10:00-14:00" in page


def test_saving_a_role_unchanged_changes_nothing(
    north: Building, clerk: User, manager_client: Client
) -> None:
    role = clerk.assignments.get()
    role.valid_until = timezone.now() + dt.timedelta(days=3)
    role.weekly_hours = [{"days": [6, 7, 1], "from": "22:00", "until": "06:00"}]
    role.save()
    before = Assignment.objects.filter(pk=role.pk).values().get()
    answer = save(manager_client, page_of(role))
    assert answer.redirect_chain
    assert Assignment.objects.filter(pk=role.pk).values().get() == before
    assert not AuditEvent.objects.exists()


def test_a_manager_cannot_grant_in_another_building(
    south: Building, clerk: User, manager_client: Client
) -> None:
    assert "South Tower" not in manager_client.get(ADD).content.decode()
    for building in (south.pk, 987_654):
        answer = save(manager_client, ADD, username="clerk", building=building, role="front_desk")
        assert "Select a valid choice" in answer.content.decode()
    assert not Assignment.objects.filter(building=south).exists()


def test_a_manager_cannot_grant_to_themselves(
    north: Building, manager: User, manager_client: Client
) -> None:
    answer = grant_by_form(manager_client, north, "manager")
    assert "own roles" in messages_of(answer)
    assert manager.assignments.count() == 1


def test_a_manager_cannot_change_or_revoke_their_own_role(
    manager: User, manager_client: Client
) -> None:
    own = manager.assignments.get()
    page = manager_client.get(page_of(own))
    assert page.status_code == 200
    assert 'name="revoke"' not in page.content.decode()
    for forged in ({"revoke": "on"}, {"valid_until": ""}, {"weekly_hours": "Mon 08:00-09:00"}):
        assert manager_client.post(page_of(own), forged).status_code == 403
    assert Assignment.objects.in_force().filter(pk=own.pk).exists()


def test_a_posted_person_building_or_role_does_not_move_a_role(
    north: Building, south: Building, clerk: User, manager: User, manager_client: Client
) -> None:
    role = clerk.assignments.get()
    forged = {"person": manager.pk, "building": south.pk, "role": "manager", "revoked_at": "x"}
    save(manager_client, page_of(role), weekly_hours="Mon 08:00-09:00", **forged)
    role.refresh_from_db()
    assert (role.person, role.building, role.role) == (clerk, north, Role.FRONT_DESK)
    assert role.weekly_hours


def test_a_manager_revokes_and_grants_anew(
    north: Building, clerk: User, manager: User, manager_client: Client
) -> None:
    role = clerk.assignments.get()
    save(manager_client, page_of(role), revoke="on")
    role.refresh_from_db()
    assert role.revoked_by == manager
    assert manager_client.post(page_of(role), {"revoke": "on"}).status_code == 403
    assert manager_client.get(page_of(role)).status_code == 200

    grant_by_form(manager_client, north, "clerk")

    assert clerk.assignments.in_force().count() == 1
    kinds = AuditEvent.objects.order_by("id").values_list("kind", flat=True)
    assert list(kinds) == [Kind.ROLE_REVOKED, Kind.ROLE_GRANTED]


def test_a_role_held_already_is_told(north: Building, clerk: User, manager_client: Client) -> None:
    assert "already holds" in messages_of(grant_by_form(manager_client, north, "clerk"))


def test_a_username_is_exact_and_unknown_reads_like_closed(
    north: Building, manager_client: Client
) -> None:
    make_user("closed", is_active=False)
    make_user("Someone")
    answers = [
        grant_by_form(manager_client, north, name).context["adminform"].form.errors
        for name in ("closed", "nobody", "someone", "Some")
    ]
    assert answers[0]
    assert answers.count(answers[0]) == 4


@pytest.mark.parametrize(
    "mistake",
    [{"weekly_hours": "always"}, {"valid_until": "tomorrow"}, {"role": "owner"}, {"building": ""}],
    ids=lambda mistake: next(iter(mistake)),
)
def test_a_form_with_another_mistake_does_not_tell_which_usernames_exist(
    mistake: dict[str, str], north: Building, manager_client: Client
) -> None:
    make_user("exists")
    texts = []
    for name in ("exists", "missing"):
        values = {"username": name, "building": north.pk, "role": "viewer", **mistake}
        texts.append(save(manager_client, ADD, **values).context["adminform"].form.errors)
    assert texts[0] == texts[1] != {}


def test_a_person_with_an_own_grant_is_flagged(
    north: Building, superuser: User, superuser_client: Client
) -> None:
    grant_by_form(superuser_client, north, "superuser")
    event = AuditEvent.objects.get()
    assert event.detail.content["self_grant"] is True
    page = superuser_client.get(f"/admin/locks/auditevent/{event.pk}/change/").content.decode()
    assert "decided on their own role" in page


def test_an_end_in_the_past_is_refused_with_a_sentence(
    north: Building, clerk: User, manager_client: Client
) -> None:
    role = clerk.assignments.get()
    answer = save(manager_client, page_of(role), valid_until="2020-01-01T10:00")
    assert "lies in the past" in messages_of(answer)
    role.refresh_from_db()
    assert role.valid_until is None


@pytest.mark.parametrize("odd", ["0001-01-01T00:00", "9999-12-31T23:59", "2030-01-01T00:00Z", "x"])
def test_odd_times_are_refused_in_the_form(odd: str, clerk: User, manager_client: Client) -> None:
    answer = save(manager_client, page_of(clerk.assignments.get()), valid_until=odd)
    assert "valid_until" in answer.context["adminform"].form.errors


def test_a_page_open_for_long_undoes_nothing(
    clerk: User, north: Building, manager_client: Client
) -> None:
    role = clerk.assignments.get()
    old = manager_client.get(page_of(role))
    save(manager_client, page_of(role), weekly_hours="Mon 08:00-09:00")
    year = timezone.now().year + 1
    manager_client.post(page_of(role), filled(old, valid_until=f"{year}-01-01T00:00"))
    role.refresh_from_db()
    assert role.valid_until
    assert role.weekly_hours == [{"days": [1], "from": "08:00", "until": "09:00"}]


@pytest.mark.parametrize(
    ("text", "days"),
    [("Mon-Fri 08:00-16:00", [1, 2, 3, 4, 5]), ("fri-Mon 22:00-06:00", [1, 5, 6, 7])],
)
def test_weekly_hours_are_read_as_people_write_them(text: str, days: list[int]) -> None:
    [period] = WeeklyHoursField().clean(text)
    assert period["days"] == days
    assert WeeklyHoursField().clean(written([period])) == [period]


def test_weekly_hours_are_written_in_the_readers_language_and_read_in_english_too() -> None:
    period = {"days": [1, 2, 3, 4, 5], "from": "08:00", "until": "16:00"}
    with override("de"):
        assert written([period]) == "Mo-Fr 08:00-16:00"
        for text in ("Mo-Fr 08:00-16:00", "Montag-Freitag 08:00-16:00", "Mon-Fri 08:00-16:00"):
            assert WeeklyHoursField().clean(text) == [period]
        with pytest.raises(ValidationError, match="Mo, Di, Mi, Do, Fr, Sa, So"):
            WeeklyHoursField().clean("Xyz 08:00-16:00")


@pytest.mark.parametrize("text", ["Mon", "Mon 8-16", "Xyz 08:00-16:00", "Mon 25:00-26:00", "\0"])
def test_hours_that_make_no_sense_are_refused_in_the_form(
    text: str, clerk: User, manager_client: Client
) -> None:
    role = clerk.assignments.get()
    answer = save(manager_client, page_of(role), weekly_hours=text)
    assert answer.status_code == 200
    assert "weekly_hours" in answer.context["adminform"].form.errors
