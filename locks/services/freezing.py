"""Freezing a building or a single door, and lifting it: managers' work, always on the record.

A freeze has a reason that clerks read and may have an end. Whether it is in force is decided by the
clock (Freezable.is_frozen) at each press; that an end has come is recorded by the sweep, which so also
tells the open consoles. All raise NotAllowed or ValidationError, each with a sentence.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from locks.models import Building, Device, Kind, User
from locks.services.audit import record
from locks.services.editing import apply, plain, require_manager

LIFTED_AT_ONCE: Final = 100  # of buildings, and of doors; the next sweep goes on
_OVER: Final = {"frozen": False, "frozen_reason": "", "frozen_until": None}


@transaction.atomic
def freeze_building(
    *, actor: User, building: Building, reason: str, until: dt.datetime | None = None
) -> Building:
    """Stop all unlocking in `building`; clerks read `reason`. Another reason or end replaces it."""
    require_manager(actor, building)
    row = Building.objects.select_for_update(no_key=True).get(pk=building.pk)
    if _freeze(row, reason, until):
        record(
            Kind.BUILDING_FROZEN,
            building=row,
            actor=actor,
            reason=row.frozen_reason,
            until=plain(until),
        )
    return row


@transaction.atomic
def release_building(*, actor: User, building: Building) -> Building:
    """Lift the freeze of `building`."""
    require_manager(actor, building)
    row = Building.objects.select_for_update(no_key=True).get(pk=building.pk)
    reason = row.frozen_reason
    if apply(row, _OVER):
        record(Kind.BUILDING_RELEASED, building=row, actor=actor, reason=reason)
    return row


@transaction.atomic
def freeze_door(
    *, actor: User, device: Device, reason: str, until: dt.datetime | None = None
) -> Device:
    """Stop all unlocking of `device`; clerks read `reason`. Another reason or end replaces it."""
    row = locked_door(actor, device)
    if _freeze(row, reason, until):
        record(
            Kind.DOOR_FROZEN,
            building=row.building,
            actor=actor,
            device=row,
            reason=row.frozen_reason,
            until=plain(until),
        )
    return row


@transaction.atomic
def release_door(*, actor: User, device: Device) -> Device:
    """Lift the freeze of `device` itself; that of its building stays."""
    row = locked_door(actor, device)
    reason = row.frozen_reason
    if apply(row, _OVER):
        record(Kind.DOOR_RELEASED, building=row.building, actor=actor, device=row, reason=reason)
    return row


def lift_ended(*, at: dt.datetime | None = None) -> int:
    """Record the freezes whose end has come, with nobody as who lifted them. Returns how many."""
    at = at or timezone.now()
    over = {"frozen": True, "frozen_until__lte": at}
    done = 0
    for pk in Building.objects.filter(**over).values_list("pk", flat=True)[:LIFTED_AT_ONCE]:
        done += _lift_building(pk, at)
    for pk in Device.objects.filter(**over).values_list("pk", flat=True)[:LIFTED_AT_ONCE]:
        done += _lift_door(pk, at)
    return done


@transaction.atomic
def _lift_building(pk: int, at: dt.datetime) -> bool:
    row = Building.objects.select_for_update(no_key=True).get(pk=pk)
    if not row.frozen or row.is_frozen(at):
        return False  # lifted, or frozen anew, meanwhile
    told = {"reason": row.frozen_reason, "until": plain(row.frozen_until)}
    apply(row, _OVER)
    record(Kind.BUILDING_RELEASED, building=row, **told)
    return True


@transaction.atomic
def _lift_door(pk: int, at: dt.datetime) -> bool:
    row = _held_door(pk)
    if not row.frozen or row.is_frozen(at):
        return False
    told = {"reason": row.frozen_reason, "until": plain(row.frozen_until)}
    apply(row, _OVER)
    record(Kind.DOOR_RELEASED, building=row.building, device=row, **told)
    return True


def _freeze(row: Building | Device, reason: str, until: dt.datetime | None) -> bool:
    """Freeze a locked row; True where that changed anything. Raises ValidationError."""
    reason = reason.strip()
    if not reason:
        raise ValidationError(_("A freeze needs a reason that clerks can read."))
    if until is not None and until <= timezone.now():
        raise ValidationError(_("The end of a freeze must lie in the future."))
    return bool(apply(row, {"frozen": True, "frozen_reason": reason, "frozen_until": until}))


def locked_door(actor: User, device: Device) -> Device:
    """The door as it is now, held until commit; only where `actor` may set it up."""
    row = _held_door(device.pk)
    require_manager(actor, row.building)
    return row


def _held_door(pk: int) -> Device:
    held = Device.objects.select_for_update(of=("self",), no_key=True)
    return held.select_related("building").get(pk=pk)
