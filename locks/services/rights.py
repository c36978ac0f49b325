"""May this person unlock this door now? One answer, for the sending and for the page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from locks.models import Assignment, Device, User


def why_not(*, person: User, device: Device, at: dt.datetime) -> str:
    """The code (see locks.words.REFUSALS) of what forbids it at `at`; empty where nothing does.

    Four queries at most. `device` should come with its building.
    """
    if not Device.objects.visible_to(person, at=at).filter(pk=device.pk).exists():
        return "not_yours"
    return obstacle(device, roles=unlocking_roles(person, at=at), at=at)


def unlocking_roles(person: User, *, at: dt.datetime) -> list[Assignment]:
    """The roles in force that let `person` unlock, with their buildings. One query."""
    held = Assignment.objects.in_force(at=at).filter(person=person, role="front_desk")
    return list(held.select_related("building"))


def obstacle(device: Device, *, roles: Iterable[Assignment], at: dt.datetime) -> str:
    """The same for a door that the person may see, given their `unlocking_roles`. No query."""
    here = [role for role in roles if role.building_id == device.building_id]
    if device.building is None or not here:
        return "no_role"
    if device.gone_at is not None:
        return "gone"
    if device.building.frozen:
        return "frozen"
    if not any(role.within_hours(at) for role in here):
        return "out_of_hours"
    return "" if device.can_remotely_unlock else "not_remote"
