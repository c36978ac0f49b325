"""May this person unlock this door now? One answer, for the sending and for the page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from locks.models import Assignment, Building, Device, User


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
    if device.building is None:
        return "no_role"
    if code := obstacle_in(device.building, roles=roles, at=at):
        return code
    if device.gone_at is not None:
        return "gone"
    if device.is_frozen(at):
        return "frozen_door"
    # Seam's docs: this alone decides. A lock that is said to be offline may answer all the same.
    return "" if device.can_remotely_unlock else "not_remote"


def obstacle_in(building: Building, *, roles: Iterable[Assignment], at: dt.datetime) -> str:
    """The part of it that holds for every door of `building`. No query."""
    here = [role for role in roles if role.building_id == building.pk]
    if not here:
        return "no_role"
    if building.is_frozen(at):
        return "frozen"
    return "" if any(role.within_hours(at) for role in here) else "out_of_hours"


def freeze_behind(code: str, device: Device) -> Building | Device | None:
    """What is frozen where `code` says so: the building or the door; None for any other code."""
    return {"frozen": device.building, "frozen_door": device}.get(code)
