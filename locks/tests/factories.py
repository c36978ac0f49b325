"""Rows for tests, written directly: no service, no event. What is left out gets a value."""

import itertools
from typing import Any

from locks.models import Assignment, Building, Device, Role, User

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
    """A common door that can be unlocked now."""
    number = next(_numbers)
    values: dict[str, Any] = {
        "seam_device_id": f"device-{number}",
        "label": f"Door {number}",
        "access": Device.Access.COMMON,
        "online": True,
        "locked": True,
        "can_remotely_unlock": True,
        **fields,
    }
    return Device.objects.create(building=building, **values)


def grant(
    person: User, building: Building, role: str = Role.FRONT_DESK, **fields: Any
) -> Assignment:
    """A role in force."""
    return Assignment.objects.create(person=person, building=building, role=role, **fields)
