"""services.places: who sets up buildings and doors, and what the record says of it."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from locks.models import AuditEvent, Building, Kind, Status, UnlockRequest, User
from locks.services import freezing, places
from locks.services.errors import NotAllowed
from locks.services.rights import why_not
from locks.tests.factories import make_device
from locks.tests.history import past_unlock


def told(kind: Kind) -> list[tuple[str, dict[str, Any]]]:
    events = AuditEvent.objects.filter(kind=kind).select_related("chain__building", "detail")
    return [(str(event.chain.building), event.detail.content) for event in events.order_by("id")]


def test_a_manager_freezes_and_releases_their_building(
    manager: User, clerk: User, north: Building
) -> None:
    door = make_device(
        freezing.freeze_building(actor=manager, building=north, reason=" Fire drill. ")
    )
    assert why_not(person=clerk, device=door, at=timezone.now()) == "frozen"
    freezing.release_building(actor=manager, building=north)
    door.refresh_from_db()
    assert why_not(person=clerk, device=door, at=timezone.now()) == ""
    for kind in (Kind.BUILDING_FROZEN, Kind.BUILDING_RELEASED):
        assert [detail["reason"] for _where, detail in told(kind)] == ["Fire drill."]


def test_a_freeze_needs_a_reason(manager: User, north: Building) -> None:
    with pytest.raises(ValidationError, match="reason"):
        freezing.freeze_building(actor=manager, building=north, reason="  ")


@pytest.mark.parametrize("who", ["clerk", "viewer", "outsider"])
def test_who_is_no_manager_cannot_freeze_or_set_up(
    who: str, request: pytest.FixtureRequest, north: Building
) -> None:
    person, door = request.getfixturevalue(who), make_device(north)
    for attempt in (
        lambda: freezing.freeze_building(actor=person, building=north, reason="x"),
        lambda: freezing.release_building(actor=person, building=north),
        lambda: places.change_building(actor=person, building=north, changes={"help_line": "x"}),
        lambda: places.change_door(actor=person, device=door, changes={"label": "x"}),
    ):
        with pytest.raises(NotAllowed):
            attempt()
    assert not AuditEvent.objects.exists()


def test_a_manager_sets_the_help_line_and_not_the_name_or_zone(
    manager: User, superuser: User, north: Building
) -> None:
    places.change_building(actor=manager, building=north, changes={"help_line": "200"})
    for refused in ({"name": "Taken?"}, {"time_zone": "UTC"}, {"help_line": "3", "name": "X"}):
        with pytest.raises(NotAllowed):
            places.change_building(actor=manager, building=north, changes=refused)
    places.change_building(actor=superuser, building=north, changes={"name": "North Hall"})
    assert [detail["changed"] for _where, detail in told(Kind.BUILDING_CHANGED)] == [
        {"help_line": ["north 100", "200"]},
        {"name": ["North House", "North Hall"]},
    ]


def test_only_a_superuser_adds_a_building(manager: User, superuser: User) -> None:
    with pytest.raises(NotAllowed):
        places.add_building(actor=manager, name="Third", time_zone="UTC")
    with pytest.raises(ValidationError):
        places.add_building(actor=superuser, name="Third", time_zone="Mars/Olympus")
    places.add_building(actor=superuser, name="Third", time_zone="UTC")
    assert [where for where, _detail in told(Kind.BUILDING_ADDED)] == ["Third"]


def test_a_manager_sets_up_a_door_of_their_own_building_only(
    manager: User, north: Building, south: Building
) -> None:
    own, foreign, nowhere = make_device(north, label="Gate"), make_device(south), make_device()
    places.change_door(
        actor=manager, device=own, changes={"label": "Main gate", "area": "", "access": "private"}
    )
    [(where, detail)] = told(Kind.DOOR_CHANGED)
    assert where == "North House"
    assert detail["changed"] == {"label": ["Gate", "Main gate"], "access": ["common", "private"]}
    for door in (foreign, nowhere):
        with pytest.raises(NotAllowed):
            places.change_door(actor=manager, device=door, changes={"label": "x"})


def test_a_manager_cannot_move_doors(manager: User, north: Building, south: Building) -> None:
    own, nowhere = make_device(north), make_device()
    for door, target in ((own, None), (own, south), (nowhere, north)):
        with pytest.raises(NotAllowed):
            places.assign_door(actor=manager, device=door, building=target)


def test_a_moved_door_is_private_and_neither_chain_names_the_other_building(
    superuser: User, north: Building, south: Building
) -> None:
    door = make_device(south, label="Gate", access="common")
    places.assign_door(actor=superuser, device=door, building=north)
    door.refresh_from_db()
    assert (door.building, door.access) == (north, "private")
    [(left, left_detail)] = told(Kind.DOOR_UNASSIGNED)
    [(came, came_detail)] = told(Kind.DOOR_ASSIGNED)
    assert (left, came) == ("South Tower", "North House")
    assert "North" not in str(left_detail)
    assert "South" not in str(came_detail)
    assert came_detail["access"] == "private"
    assert "access" not in left_detail

    places.assign_door(actor=superuser, device=door, building=None)
    assert len(told(Kind.DOOR_UNASSIGNED)) == 2


def test_a_manager_takes_over_or_dismisses_the_name_at_seam(manager: User, north: Building) -> None:
    one = make_device(north, label="Gate", seam_name="GATE 7", reviewed_seam_name="Gate")
    two = make_device(north, label="Yard", seam_name="YARD 8", reviewed_seam_name="Yard")
    assert places.accept_seam_name(actor=manager, device=one).label == "GATE 7"
    assert places.dismiss_seam_name(actor=manager, device=two).label == "Yard"
    for door in (one, two):
        with pytest.raises(ValidationError, match="no other name"):
            places.accept_seam_name(actor=manager, device=door)
    assert len(told(Kind.DOOR_CHANGED)) == 2


def test_a_door_is_not_moved_while_an_unlock_of_it_is_under_way(
    north: Building, south: Building, superuser: User, clerk: User
) -> None:
    door = make_device(north)
    past_unlock(door, clerk, status=Status.UNKNOWN)
    UnlockRequest.objects.update(status=Status.SENDING)
    with pytest.raises(NotAllowed):
        places.assign_door(actor=superuser, device=door, building=south)
    door.refresh_from_db()
    assert door.building == north
