"""What a request keeps for the history: its outcome as one value, how long it took, quiet hours."""

import datetime as dt
from itertools import product
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from locks.models import Action, AuditEvent, Building, Kind, Status, UnlockRequest, User
from locks.models.unlocks import DONE_STATUSES
from locks.services import places
from locks.services.answers import Answer, settle
from locks.services.tokens import issue_token
from locks.services.unlocking import PressForm, request_unlock
from locks.simulator import Simulator
from locks.tests.factories import make_building, make_device
from locks.tests.history import past_unlock

pytestmark = pytest.mark.django_db


def test_the_kept_outcome_is_the_one_that_people_read(north: Building, clerk: User) -> None:
    device = make_device(north)
    for action, status, inferred, confirmed, may_act in product(
        Action, Status, (True, False), (True, False, None), (True, False)
    ):
        if status == {"unlock": Status.LOCKED, "lock": Status.UNLOCKED}[action]:
            continue  # the database refuses it
        if confirmed is not None and status not in DONE_STATUSES:
            continue  # the database refuses it
        values: dict[str, Any] = {"inferred": inferred, "confirmed_by_device": confirmed}
        values["action"] = action
        if status == Status.PENDING:
            values["action_attempt_id"] = f"attempt-{action}-{inferred}-{may_act}"
        request = past_unlock(device, clerk, status=status, **values)
        UnlockRequest.objects.filter(pk=request.pk).update(may_still_act=may_act)
        request.refresh_from_db()
        assert request.outcome_value == request.outcome.value
        UnlockRequest.objects.open().update(status=Status.UNKNOWN)  # one open one a door


def settled_after(seconds: int, request: UnlockRequest, frm: Status) -> int | None:
    """How long an unlock took that is told as done so many seconds after its press."""
    pressed = timezone.now() - dt.timedelta(seconds=seconds)
    UnlockRequest.objects.filter(pk=request.pk).update(requested_at=pressed)
    request.requested_at = pressed
    frms = (Status.SENDING, Status.PENDING, Status.UNKNOWN)
    assert UnlockRequest.objects.get(pk=request.pk).status == frm
    assert settle(request, Answer(Status.UNLOCKED, confirmed=True), frm=frms)
    return UnlockRequest.objects.get(pk=request.pk).took_ms


def test_a_request_keeps_how_long_it_took(north: Building, clerk: User) -> None:
    request = past_unlock(
        make_device(north), clerk, status=Status.PENDING, action_attempt_id="attempt"
    )
    assert request.took_ms is None
    took = settled_after(12, request, Status.PENDING)
    assert took is not None
    assert 12_000 <= took < 60_000


def test_one_that_was_unknown_keeps_none_when_it_settles(north: Building, clerk: User) -> None:
    request = past_unlock(make_device(north), clerk, status=Status.UNKNOWN)
    assert settled_after(5 * 3600, request, Status.UNKNOWN) is None


def test_one_that_the_sweep_gave_up_meanwhile_keeps_none(north: Building, clerk: User) -> None:
    request = past_unlock(
        make_device(north), clerk, status=Status.PENDING, action_attempt_id="attempt"
    )
    UnlockRequest.objects.filter(pk=request.pk).update(status=Status.UNKNOWN)
    assert request.status == Status.PENDING  # as the slow caller still has it
    assert settled_after(40, request, Status.UNKNOWN) is None


@pytest.mark.parametrize(
    ("begins", "ends", "at", "quiet"),
    [
        ("23:00", "06:00", "2026-03-01T22:59:59+00:00", False),
        ("23:00", "06:00", "2026-03-01T23:00:00+00:00", True),
        ("23:00", "06:00", "2026-03-02T05:59:59+00:00", True),
        ("23:00", "06:00", "2026-03-02T06:00:00+00:00", False),
        ("12:00", "14:00", "2026-03-01T12:30:00+00:00", True),
        ("12:00", "14:00", "2026-03-01T14:00:00+00:00", False),
        # Lisbon is an hour ahead of UTC in summer.
        ("23:00", "06:00", "2026-07-01T22:00:00+00:00", True),
        ("23:00", "06:00", "2026-07-01T05:00:00+00:00", False),
    ],
)
def test_quiet_hours_follow_the_building_s_wall_clock(
    begins: str, ends: str, at: str, quiet: bool
) -> None:
    building = Building(time_zone="Europe/Lisbon")
    building.quiet_from = dt.time.fromisoformat(begins)
    building.quiet_until = dt.time.fromisoformat(ends)
    assert building.is_quiet(dt.datetime.fromisoformat(at)) is quiet


@pytest.mark.parametrize("quiet", [True, False])
def test_an_unlock_in_quiet_hours_is_marked_on_the_record(
    clerk: User, north: Building, simulator: Simulator, quiet: bool
) -> None:
    hour = timezone.now().astimezone(north.zone).hour
    north.quiet_from = dt.time(hour if quiet else (hour + 12) % 24)
    north.quiet_until = dt.time((north.quiet_from.hour + 2) % 24)
    north.save()
    device = make_device(north)
    result = request_unlock(
        actor=clerk, device=device, form=PressForm(token=issue_token(person=clerk, device=device))
    )
    assert result.press.request is not None
    assert result.press.request.out_of_hours is quiet
    event = AuditEvent.objects.get(kind=Kind.UNLOCK_REQUESTED)
    assert event.detail.content.get("out_of_hours", False) is quiet


def test_a_manager_sets_the_quiet_hours_of_the_own_building(manager: User, north: Building) -> None:
    changes = {"quiet_from": dt.time(22), "quiet_until": dt.time(5)}
    places.change_building(actor=manager, building=north, changes=changes)
    north.refresh_from_db()
    assert (north.quiet_from, north.quiet_until) == (dt.time(22), dt.time(5))
    event = AuditEvent.objects.get(kind=Kind.BUILDING_CHANGED)
    assert event.detail.content["changed"]["quiet_from"] == ["23:00:00", "22:00:00"]


def test_quiet_hours_with_one_end_are_refused(manager: User, north: Building) -> None:
    with pytest.raises(ValidationError, match="a beginning and an end"):
        places.change_building(actor=manager, building=north, changes={"quiet_until": None})
    assert not AuditEvent.objects.exists()


def test_a_building_without_quiet_hours_is_never_quiet() -> None:
    building = make_building(quiet_from=None, quiet_until=None)
    assert not building.is_quiet(timezone.now())
