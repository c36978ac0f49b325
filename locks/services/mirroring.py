"""One lock as Seam describes it, mirrored in the row of its door, with its events.

Seam's word moves health and Seam's name for it. Label, place and access are people's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from locks.models import Device, Kind, User
from locks.seam import Lock, Problem
from locks.services.audit import record, touch
from locks.services.rights import lasting


def save_lock(
    lock: Lock,
    *,
    workspace_id: str,
    actor: User | None = None,
    read_at: dt.datetime | None = None,
) -> set[str]:
    """Add the door of `lock`, or bring it up to date, with its events, in a transaction of its own.

    `read_at` is when Seam was asked (now by default): what its events told later stands. Returns
    what was done: of "added", "renamed", "back", "updated", any; nothing where nothing
    differed.
    """
    for _again in range(2):
        try:
            with transaction.atomic(durable=True):
                return _save_lock(lock, workspace_id, actor, read_at or timezone.now())
        except IntegrityError as error:
            problem = error  # another process added it first: then it is there the next time
    raise problem


def mark_gone(device: Device, *, actor: User | None = None) -> bool:
    """Note that Seam no longer lists the door, in a transaction of its own.

    False where that was noted already.
    """
    with transaction.atomic(durable=True):
        row = _locked(pk=device.pk)
        if row is None or row.gone_at is not None:
            return False
        _set(row, {"gone_at": timezone.now()})
        _record(Kind.DOOR_GONE, row, actor)
    return True


def note_locked(device_pk: int, *, since: dt.datetime) -> None:
    """A lock has said that it locked, after `since`; in a transaction of its own.

    Noted as of `since`, the one moment that is sure: whatever Seam's events, or a sync, told of later
    stands.
    """
    with transaction.atomic():
        device = _locked(pk=device_pk)
        told = (device.lock_told_at, device.synced_at) if device else ()
        if device is None or any(at is not None and at > since for at in told):
            return
        _set(device, {"locked": True, "lock_told_at": since, "unlocked_since": None})
        touch(device.building)


def differences(device: Device, lock: Lock, workspace_id: str) -> dict[str, Any]:
    """The columns that Seam's word changes. A name that is missing is no new name."""
    wanted: dict[str, Any] = {
        "gone_at": None,
        "seam_name": _name(lock) or device.seam_name,
        **_health(lock, workspace_id),
    }
    return {name: value for name, value in wanted.items() if getattr(device, name) != value}


def _save_lock(lock: Lock, workspace_id: str, actor: User | None, read_at: dt.datetime) -> set[str]:
    device = _locked(seam_device_id=lock.device_id)
    if device is None:
        _add(lock, workspace_id, actor)
        return {"added"}
    old_name, changes = device.seam_name, differences(device, lock, workspace_id)
    _leave_what_is_newer(device, changes, read_at)
    seen = {"online_seen_at": device.seen_online(read_at)} if lock.online else {}
    _set(device, {**changes, **seen, "synced_at": read_at})
    done = set()
    if "gone_at" in changes:
        done.add("back")
        _record(Kind.DOOR_BACK, device, actor)
    if "seam_name" in changes:
        done.add("renamed")
        names = {"old_name": old_name, "new_name": device.seam_name}
        _record(Kind.DOOR_RENAMED_AT_SEAM, device, actor, **names)
    if changes.keys() - {"gone_at", "seam_name"}:
        done.add("updated")
        touch(device.building)
    return done


def _leave_what_is_newer(device: Device, changes: dict[str, Any], read_at: dt.datetime) -> None:
    """Events may have told later than the list was read; what they told is kept."""
    if device.health_told_at and device.health_told_at > read_at:
        for name in ("battery_level", "battery_status", "gone_at"):
            changes.pop(name, None)
    if device.online_told_at and device.online_told_at > read_at:
        changes.pop("online", None)
        if device.online and "errors" in changes:
            changes["errors"] = lasting(changes["errors"])
    if device.lock_told_at and device.lock_told_at > read_at:
        changes.pop("locked", None)
    elif changes.get("locked"):
        changes["unlocked_since"] = None


def _add(lock: Lock, workspace_id: str, actor: User | None) -> None:
    name, now = _name(lock), timezone.now()
    device = Device.objects.create(
        seam_device_id=lock.device_id,
        label=(name or f"Lock {lock.device_id}")[: Device._meta.get_field("label").max_length],
        access=Device.Access.PRIVATE,
        seam_name=name,
        reviewed_seam_name=name,
        synced_at=now,
        online_seen_at=now if lock.online else None,
        **_health(lock, workspace_id),
    )
    _record(Kind.DOOR_ADDED, device, actor, seam_device_id=lock.device_id)


def _record(kind: Kind, device: Device, actor: User | None, **detail: Any) -> None:
    record(kind, building=device.building, actor=actor, device=device, **detail)


def _locked(**which: Any) -> Device | None:
    """The door as it is now, held until commit. Presses, which only point at it, do not wait."""
    rows = Device.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("building").filter(**which).first()


def _set(device: Device, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(device, name, value)
    device.save(update_fields=list(values))


def _name(lock: Lock) -> str:
    """Seam's name for it on one line."""
    return " ".join(lock.name.split())


def _health(lock: Lock, workspace_id: str) -> dict[str, Any]:
    return {
        "workspace_id": workspace_id,
        "manufacturer": lock.manufacturer,
        "model": lock.model,
        "online": lock.online,
        "locked": lock.locked,
        "can_remotely_unlock": lock.can_remotely_unlock,
        "can_remotely_lock": lock.can_remotely_lock,
        "battery_level": lock.battery_level,
        "battery_status": lock.battery_status,
        "errors": [_problem(problem) for problem in lock.errors],
        "warnings": [_problem(problem) for problem in lock.warnings],
    }


def _problem(problem: Problem) -> dict[str, str]:
    return {"code": problem.code, "message": problem.message}
