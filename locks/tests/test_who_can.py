"""Who can unlock what: now, and at a moment that has passed, as the record tells it."""

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from locks.models import Assignment, AuditEvent, Building, Device, Role, User
from locks.services import freezing, places, staffing, who_can
from locks.services.staffing import Terms
from locks.tests.conftest import signed_in
from locks.tests.factories import grant, make_device, make_user

NIGHTS = [{"days": [1, 2, 3, 4, 5, 6, 7], "from": "22:00", "until": "06:00"}]
DAY = dt.timedelta(days=1)


def moment() -> dt.datetime:
    """Now, and later than anything that was written before."""
    return timezone.now()


def people_at(actor: User, door: Device, at: dt.datetime | None = None) -> list[str] | None:
    place = who_can.who_can_at_a_door(actor=actor, door=door, at=at)
    return None if place is None else [right.person.username for right in place.rights]


def page_of(obj: Any) -> str:
    return f"/admin/locks/{obj._meta.model_name}/{obj.pk}/unlocks/"


def wall(at: dt.datetime, building: Building) -> str:
    return f"{at.astimezone(building.zone):%Y-%m-%dT%H:%M:%S.%f}"


def test_it_tells_who_can_unlock_a_door_now(
    north: Building, manager: User, clerk: User, viewer: User, outsider: User
) -> None:
    door = make_device(north)
    grant(make_user("over"), north, valid_until=timezone.now() - DAY)
    grant(make_user("ahead"), north, valid_from=timezone.now() + DAY)
    grant(make_user("revoked"), north, revoked_at=timezone.now())
    grant(make_user("closed", is_active=False), north)
    assert people_at(manager, door) == ["clerk"]


def test_a_role_that_was_revoked_counts_until_then(
    north: Building, manager: User, clerk: User
) -> None:
    door, start = make_device(north), moment()
    newcomer = make_user("newcomer")
    staffing.grant_role(actor=manager, person=newcomer, building=north, role=Role.FRONT_DESK)
    granted = moment()
    staffing.revoke_role(actor=manager, assignment=clerk.assignments.get())
    assert people_at(manager, door) == ["newcomer"]
    assert people_at(manager, door, granted) == ["clerk", "newcomer"]
    assert people_at(manager, door, start) == ["clerk"]
    assert people_at(manager, door, start - DAY) == []


def test_terms_are_those_of_that_moment(north: Building, manager: User, clerk: User) -> None:
    door, role = make_device(north), clerk.assignments.get()
    times, ends = [moment()], [None, timezone.now() + DAY, timezone.now() + 2 * DAY]
    for hours, end in ((NIGHTS, ends[1]), ([], ends[2])):
        terms = Terms(weekly_hours=hours, valid_until=end)
        staffing.change_role(actor=manager, assignment=role, terms=terms)
        times.append(moment())
    # Revoked and granted anew with other terms, which say nothing of the role before.
    staffing.revoke_role(actor=manager, assignment=role)
    anew = staffing.grant_role(actor=manager, person=clerk, building=north, role=Role.FRONT_DESK)
    staffing.change_role(actor=manager, assignment=anew, terms=Terms(weekly_hours=NIGHTS))

    found = []
    for at in times:
        place = who_can.who_can_at_a_door(actor=manager, door=door, at=at)
        [right] = place.rights
        found.append((right.weekly_hours, right.valid_until))
    assert found == [([], None), (NIGHTS, ends[1]), ([], ends[2])]


def test_a_role_that_was_prolonged_later_was_over_then(
    north: Building, manager: User, clerk: User
) -> None:
    """Over yesterday, prolonged today: yesterday evening nobody could unlock by it."""
    door, role = make_device(north), clerk.assignments.get()
    Assignment.objects.filter(pk=role.pk).update(
        granted_at=timezone.now() - 3 * DAY, valid_until=timezone.now() - 2 * DAY
    )
    terms = Terms(valid_until=timezone.now() + DAY)
    staffing.change_role(actor=manager, assignment=role, terms=terms)
    assert people_at(manager, door) == ["clerk"]
    assert people_at(manager, door, timezone.now() - DAY) == []


def test_an_account_that_is_closed_now_counts_as_it_did(
    north: Building, manager: User, clerk: User, superuser: User
) -> None:
    door, before = make_device(north), moment()
    staffing.deactivate_person(actor=superuser, person=clerk)
    closed = moment()
    staffing.change_person(actor=superuser, person=clerk, changes={"is_active": True})
    assert people_at(manager, door) == ["clerk"]
    assert people_at(manager, door, closed) == []
    assert people_at(manager, door, before) == ["clerk"]


def test_a_door_counts_where_it_was(
    north: Building, south: Building, manager: User, clerk: User, outsider: User, superuser: User
) -> None:
    other = make_user("other")
    grant(other, south, Role.MANAGER)
    door, at_first = make_device(north, label="Gate"), moment()
    places.assign_door(actor=superuser, device=door, building=south)
    places.change_door(actor=superuser, device=door, changes={"label": "South secret"})
    moved = moment()
    assert people_at(manager, door) is None
    assert people_at(manager, door, at_first) == ["clerk"]
    assert people_at(other, door) == ["outsider"]
    assert people_at(other, door, at_first) is None
    assert people_at(superuser, door, at_first) == ["clerk"]
    assert people_at(superuser, door, moved) == ["outsider"]
    # Its page is the manager's still, for the time when it was theirs, under the name of then.
    page = signed_in(manager).get(page_of(door), {"at": wall(at_first, north)})
    assert "clerk" in page.content.decode()
    assert "Gate" in page.content.decode()
    for query in ({}, {"at": wall(at_first, north)}):
        html = signed_in(manager).get(page_of(door), query).content.decode()
        assert "South" not in html
        assert "outsider" not in html


def test_a_freeze_counts_when_it_was(north: Building, manager: User, clerk: User) -> None:
    door, before = make_device(north), moment()
    freezing.freeze_building(actor=manager, building=north, reason="Fire drill")
    first = moment()
    freezing.freeze_building(actor=manager, building=north, reason="Still burning")
    second = moment()
    freezing.release_building(actor=manager, building=north)
    reasons = [
        who_can.who_can_at_a_door(actor=manager, door=door, at=at).frozen
        for at in (before, first, second, None)
    ]
    assert reasons == ["", "Fire drill", "Still burning", ""]


def test_hours_are_read_on_the_clock_that_the_building_had(
    north: Building, manager: User, clerk: User, superuser: User
) -> None:
    door = make_device(north)
    now = moment().astimezone(north.zone)
    around = [
        {
            "days": [1, 2, 3, 4, 5, 6, 7],
            "from": f"{now - dt.timedelta(hours=1):%H:%M}",
            "until": f"{now + dt.timedelta(hours=1):%H:%M}",
        }
    ]
    clerk.assignments.update(weekly_hours=around)
    before = moment()
    places.change_building(
        actor=superuser, building=north, changes={"time_zone": "Pacific/Auckland"}
    )
    found = [
        who_can.who_can_at_a_door(actor=manager, door=door, at=at).rights[0].in_hours
        for at in (before, None)
    ]
    assert found == [True, False]


def test_it_tells_what_a_person_can_unlock_in_ones_own_buildings(
    north: Building, south: Building, manager: User, clerk: User, superuser: User
) -> None:
    make_device(north, label="Gate")
    make_device(south, label="South door")
    grant(clerk, south)
    own = who_can.what_a_person_can(actor=manager, person=clerk)
    assert [[door.label for door in place.doors] for place in own] == [["Gate"]]
    both = who_can.what_a_person_can(actor=superuser, person=clerk)
    assert [str(place.building) for place in both] == ["North House", "South Tower"]
    assert who_can.what_a_person_can(actor=manager, person=manager) == []
    page = signed_in(manager).get(page_of(clerk)).content.decode()
    assert "Gate" in page
    assert "South" not in page


def test_pages_lead_to_each_other_and_keep_the_moment(
    north: Building, clerk: User, manager_client: Client
) -> None:
    door = make_device(north, label="Gate")
    at = wall(moment(), north)
    for one, other in ((clerk, door), (door, clerk)):
        change = f"/admin/locks/{one._meta.model_name}/{one.pk}/change/"
        assert page_of(one) in manager_client.get(change).content.decode()
        page = manager_client.get(page_of(one), {"at": at}).content.decode()
        assert f"{page_of(other)}?at=" in page
        assert "As it was at" in page


@pytest.mark.parametrize(
    "at",
    ["x", "2026-13-01T00:00", "0001-01-01T00:00", "9999-12-31T23:59", "2026-01-01T00:00Z", "\0"],
)
def test_an_odd_moment_is_a_sentence(
    at: str, north: Building, clerk: User, manager_client: Client
) -> None:
    for obj in (clerk, make_device(north)):
        answer = manager_client.get(page_of(obj), {"at": at})
        assert answer.status_code == 400
        sentence = answer.content.decode()
        assert "A moment is written like" in sentence or "lies ahead" in sentence


def test_what_lies_ahead_is_refused(north: Building, clerk: User, manager_client: Client) -> None:
    at = wall(timezone.now() + DAY, north)
    answer = manager_client.get(page_of(clerk), {"at": at})
    assert answer.status_code == 400
    assert "lies ahead" in answer.content.decode()


def test_others_doors_are_unknown(south: Building, manager_client: Client) -> None:
    for pk in (make_device(south).pk, make_device().pk, 987_654, "x", "9" * 30):
        assert manager_client.get(f"/admin/locks/device/{pk}/unlocks/").status_code == 404


def test_it_asks_the_same_number_of_questions_however_many_there_are(
    north: Building, manager: User, clerk: User, superuser: User, django_assert_num_queries: Any
) -> None:
    door = make_device(north)
    Assignment.objects.update(granted_at=timezone.now() - 2 * DAY)
    at = timezone.now() - DAY

    def ask() -> tuple[int, int]:
        place = who_can.who_can_at_a_door(actor=manager, door=door, at=at)
        [own] = who_can.what_a_person_can(actor=manager, person=clerk, at=at)
        return len(place.rights), len(own.doors)

    with CaptureQueriesContext(connection) as few:
        assert ask() == (1, 1)
    before = timezone.now() - 2 * DAY
    people = User.objects.bulk_create(User(username=f"p{n}", name=f"P {n}") for n in range(200))
    Assignment.objects.bulk_create(
        Assignment(person=person, building=north, role=Role.FRONT_DESK, granted_at=before)
        for person in people
    )
    Device.objects.bulk_create(
        Device(building=north, label=f"Door {n}", seam_device_id=f"many-{n}") for n in range(3000)
    )
    for person in people[:3]:
        role = person.assignments.get()
        staffing.change_role(actor=manager, assignment=role, terms=Terms(weekly_hours=NIGHTS))
    assert AuditEvent.objects.count() == 3
    with django_assert_num_queries(len(few)):
        assert ask() == (201, 3001)
