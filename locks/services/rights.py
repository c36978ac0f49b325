"""May this person unlock (or lock) this door now? One answer, for the sending and for the page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Final

from locks.models import Assignment, Building, Device, User
from locks.models.places import problem_code

# What break-glass may override.
BREAKABLE: Final = frozenset({"no_role", "out_of_hours", "frozen", "frozen_door"})
# Errors of Seam's that stand between it and the lock, whatever else it says of it, and the refusal that each
# is; the one that people are told first, first. Of others nobody knows that they concern unlocking: they
# make a press doubtful and no more (docs/decisions/0015).
BLOCKING: Final = {
    "device_removed": "removed",
    "account_disconnected": "disconnected",
    "august_lock_not_authorized": "not_authorized",
    "missing_device_credentials": "not_authorized",
    "subscription_required": "not_subscribed",
    "august_lock_missing_bridge": "no_bridge",
    "lockly_missing_wifi_bridge": "no_bridge",
    "ttlock_lock_not_paired_to_gateway": "no_bridge",
    "bridge_disconnected": "hub_offline",
    "hub_disconnected": "hub_offline",
    "device_disconnected": "offline",
    "device_offline": "offline",
}
# Over, as soon as an event says that the lock is back; and no more than a doubt once they are old, so that
# no door stays shut because nobody reads Seam's list any more (it is read every five minutes).
PASSING: Final = frozenset({"hub_offline", "offline"})
OLD: Final = dt.timedelta(hours=2)


def why_not(*, person: User, device: Device, at: dt.datetime) -> str:
    """The code (see locks.words.REFUSALS) of what forbids it at `at`; empty where nothing does.

    Four queries at most. `device` should come with its building.
    """
    if not Device.objects.visible_to(person, at=at).filter(pk=device.pk).exists():
        return "not_yours"
    return obstacle(device, roles=unlocking_roles(person, at=at), at=at)


def why_not_lock(*, person: User, device: Device, at: dt.datetime) -> str:
    """The same of locking: whoever may unlock there may lock, also in a freeze and outside their hours.

    Three queries at most.
    """
    if not Device.objects.visible_to(person, at=at).filter(pk=device.pk).exists():
        return "not_yours"
    return obstacle_to_locking(device, roles=unlocking_roles(person, at=at), at=at)


def obstacle_to_locking(device: Device, *, roles: Iterable[Assignment], at: dt.datetime) -> str:
    """The same for a door that the person may see, given their `unlocking_roles`. No query."""
    if device.building is None or all(role.building_id != device.building_id for role in roles):
        return "no_role"
    if device.gone_at is not None:
        return "gone"
    if code := next(cut_off(device, at), ""):
        return code
    return "" if device.can_remotely_lock else "not_lockable"


def unlocking_roles(person: User, *, at: dt.datetime) -> list[Assignment]:
    """The roles in force that let `person` unlock, with their buildings. One query."""
    held = Assignment.objects.in_force(at=at).filter(person=person, role="front_desk")
    return list(held.select_related("building"))


def obstacle(device: Device, *, roles: Iterable[Assignment], at: dt.datetime) -> str:
    """The same for a door that the person may see, given their `unlocking_roles`. No query."""
    return next(obstacles(device, roles=roles, at=at), "")


def obstacle_in(building: Building, *, roles: Iterable[Assignment], at: dt.datetime) -> str:
    """The part of it that holds for every door of `building`. No query."""
    return next(_obstacles_in(building, roles, at), "")


def obstacles(device: Device, *, roles: Iterable[Assignment], at: dt.datetime) -> Iterator[str]:
    """The codes of all that forbids it, the one that people are told first. No query."""
    if device.building is None:
        yield "no_role"
        return
    yield from _obstacles_in(device.building, roles, at)
    if device.gone_at is not None:
        yield "gone"
        return
    if device.is_frozen(at):
        yield "frozen_door"
    yield from cut_off(device, at)
    # Of the rest this alone decides. A lock that only an event said to be offline may answer all the same.
    if not device.can_remotely_unlock:
        yield "not_remote"


def cut_off(device: Device, at: dt.datetime) -> Iterator[str]:
    """The codes of what keeps Seam from reaching the lock, by its errors, each once. No query."""
    errors, told = device.error_codes, device.synced_at
    is_old = told is not None and at - told > OLD
    for code in dict.fromkeys(why for error, why in BLOCKING.items() if error in errors):
        if not (code in PASSING and is_old):
            yield code


def lasting(errors: object) -> list[object]:
    """Of what Seam calls errors of a lock, those that are not over when it is back."""
    entries = errors if isinstance(errors, list) else []
    return [entry for entry in entries if BLOCKING.get(problem_code(entry)) not in PASSING]


def _obstacles_in(
    building: Building, roles: Iterable[Assignment], at: dt.datetime
) -> Iterator[str]:
    here = [role for role in roles if role.building_id == building.pk]
    if not here:
        yield "no_role"
    if building.is_frozen(at):
        yield "frozen"
    if here and not any(role.within_hours(at) for role in here):
        yield "out_of_hours"


def breakable(*, person: User, device: Device, at: dt.datetime) -> tuple[str, ...]:
    """What a break-glass press of `person` would override; empty where there is none to be made.

    Only where a manager has allowed it for this door, for who holds some role in its building (to be a
    superuser is none), and only what people have forbidden: no glass brings back a lock that is gone.
    Three queries at most.
    """
    if not device.break_glass or not holds_a_role(person, device.building, at=at):
        return ()
    return overridable(device, roles=unlocking_roles(person, at=at), at=at)


def holds_a_role(person: User, building: Building | None, *, at: dt.datetime) -> bool:
    """Whether any role in `building` is in force for `person`. One query."""
    return Assignment.objects.in_force(at=at).filter(person=person, building=building).exists()


def overridable(device: Device, *, roles: Iterable[Assignment], at: dt.datetime) -> tuple[str, ...]:
    """All that forbids it, where people have forbidden all of it; else empty. No query."""
    codes = tuple(obstacles(device, roles=roles, at=at))
    return codes if BREAKABLE.issuperset(codes) else ()


def freeze_behind(code: str, device: Device) -> Building | Device | None:
    """What is frozen where `code` says so: the building or the door; None for any other code."""
    return {"frozen": device.building, "frozen_door": device}.get(code)
