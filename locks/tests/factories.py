"""Rows for tests, written directly: no service, no event. What is left out gets a value."""

import datetime as dt
import itertools
from typing import Any

from django.utils import timezone

from locks.models import Assignment, Building, Device, Role, Status, UnlockRequest, User
from locks.models.unlocks import ENDED_STATUSES

PASSWORD = "a-password-for-tests"
_numbers = itertools.count(1)


def make_user(username: str = "", **fields: Any) -> User:
    """An active person who can sign in with PASSWORD and holds no role."""
    return User.objects.create_user(
        username or f"person{next(_numbers)}", **{"password": PASSWORD, **fields}
    )


def make_superuser(username: str = "", **fields: Any) -> User:
    """An administrator who can sign in with PASSWORD."""
    return make_user(username, is_superuser=True, is_staff=True, **fields)


def make_building(name: str = "", **fields: Any) -> Building:
    """A building that is not frozen."""
    return Building.objects.create(name=name or f"Building {next(_numbers)}", **fields)


def make_device(building: Building | None = None, **fields: Any) -> Device:
    """A common door that can be unlocked, and locked, now."""
    number = next(_numbers)
    values: dict[str, Any] = {
        "seam_device_id": f"device-{number}",
        "label": f"Door {_spelled(number)}",
        "access": Device.Access.COMMON,
        "online": True,
        "locked": True,
        "can_remotely_unlock": True,
        "can_remotely_lock": True,
        **fields,
    }
    return Device.objects.create(building=building, **values)


def _spelled(number: int) -> str:
    """Digit by digit, so that no two doors look alike."""
    digits = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    return " ".join(digits[int(each)] for each in str(number))


def grant(
    person: User, building: Building, role: str = Role.FRONT_DESK, **fields: Any
) -> Assignment:
    """A role in force."""
    return Assignment.objects.create(person=person, building=building, role=role, **fields)


def seconds(number: float) -> dt.timedelta:
    return dt.timedelta(seconds=number)


def request_of(
    door: Device, person: User, status: Status, *, ago: float = 5, **fields: Any
) -> UnlockRequest:
    """A request as the services would have left it, `ago` seconds old."""
    at = timezone.now() - seconds(ago)
    ended = at + seconds(4) if status in ENDED_STATUSES else None
    values = {
        "ended_at": ended,
        "took_ms": 4_000 if ended else None,
        "send_by": at + seconds(10),
        "call_deadline": at + seconds(18),
        "resolve_by": at + seconds(30),
        "action_attempt_id": "" if status == Status.SENDING else f"attempt-{door.pk}-{ago}",
        **fields,
    }
    return UnlockRequest.objects.create(
        device=door,
        building=door.building,
        requested_by=person,
        door_label=door.label,
        person_name=person.get_full_name(),
        status=status,
        requested_at=at,
        **values,
    )
