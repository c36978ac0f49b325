"""Seam's events, from a webhook or read afterwards: each counts once, in whatever order they come."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from locks.models import (
    AuditEvent,
    Building,
    Device,
    EventsRead,
    Kind,
    SeamEvent,
    Source,
    Status,
    UnlockRequest,
)
from locks.seam import Event
from locks.services import noise
from locks.services.audit import record, touch
from locks.services.rights import lasting
from locks.services.weighing import CLOCKS_DIFFER, LOCKED, UNLOCKED, action_of, weigh

# The kinds that are asked of Seam; others that come are kept and move nothing.
EVENT_TYPES: Final = (
    "action_attempt.unlock_door.succeeded",
    "action_attempt.unlock_door.failed",
    "action_attempt.lock_door.succeeded",
    "action_attempt.lock_door.failed",
    LOCKED,
    UNLOCKED,
    "device.connected",
    "device.disconnected",
    "device.removed",
    "device.low_battery",
    "device.battery_status_changed",
)
# Seam delivers for 27 hours, and its list is read 30 days back: one forgotten sooner would count twice.
KEPT_FOR: Final = dt.timedelta(days=31)
# So long may a press whose answer was lost still turn out to be whose an unlock was.
SOON_SETTLED: Final = dt.timedelta(minutes=1)
AHEAD: Final = dt.timedelta(minutes=5)  # no event of the future moves a door's state
_CONNECTION: Final = ("device.connected", "device.disconnected")
_CHARGES: Final = frozenset({"critical", "low", "good", "full"})


def take(event: Event, *, source: Source) -> bool:
    """Keep and apply an event; False where it was there already, and nothing changed.

    One transaction: whoever dies in it has it delivered again.
    """
    try:
        with transaction.atomic(durable=True):
            return _take(event, source)
    except IntegrityError:
        if SeamEvent.objects.filter(event_id=event.event_id).exists():
            return False  # another process was first
        raise


def _take(event: Event, source: Source) -> bool:
    if SeamEvent.objects.filter(event_id=event.event_id).exists():
        return False
    device = _door(event.device_id)
    if device and event.workspace_id and device.workspace_id not in ("", event.workspace_id):
        noise.count("event.of_another_workspace")
        device = None
    kept = SeamEvent.objects.create(
        event_id=event.event_id,
        event_type=event.event_type,
        device=device,
        building=_building_then(device, event.occurred_at) if device else None,
        door_label=device.label if device else "",
        action_attempt_id=event.action_attempt_id,
        method=event.method,
        status=event.status,
        source=source,
        occurred_at=event.occurred_at,
    )
    if device is not None:
        _apply(event, kept, device)
    return True


def _door(device_id: str) -> Device | None:
    """The door, held until commit. Locks are taken in one order: door, request, chain."""
    rows = Device.objects.select_for_update(of=("self",), no_key=True).select_related("building")
    return rows.filter(seam_device_id=device_id).first() if device_id else None


def _building_then(device: Device, at: dt.datetime) -> Building | None:
    """Where the door was at that time: what happened before it was moved is not for the people there."""
    moves = AuditEvent.objects.filter(device=device, at__gt=at).order_by("at", "pk")
    moves = moves.select_related("chain__building")
    left = moves.filter(kind=Kind.DOOR_UNASSIGNED).first()
    came = moves.filter(kind=Kind.DOOR_ASSIGNED).first()
    # The two halves of a move stand in two chains, in either order.
    if left and not (came and came.chain == left.chain and came.at < left.at):
        then: Building | None = left.chain.building
        return then
    return None if came else device.building


def _apply(event: Event, kept: SeamEvent, device: Device) -> None:
    if action_of(event.event_type):
        weigh(
            event_type=event.event_type,
            action_attempt_id=event.action_attempt_id,
            device=device,
            occurred_at=event.occurred_at,
            status=event.status,
        )
    now = timezone.now()
    if (
        now < event.occurred_at <= now + AHEAD
    ):  # a lock whose clock is fast: what is true comes after it
        event = replace(event, occurred_at=now)
    if event.event_type in (UNLOCKED, LOCKED):
        _moved(event, kept, device)
    elif apply := _HEALTH.get(event.event_type):
        told = device.online_told_at if event.event_type in _CONNECTION else device.health_told_at
        if event.occurred_at <= timezone.now() + AHEAD and (not told or event.occurred_at > told):
            apply(device, event)


def _was_in_the_list(event: Event, device: Device) -> bool:
    """Whether Seam's list was read after Seam knew of it: then what the list said is newer.

    By `created_at`: a lock may tell Seam late what it did, with the true time in `occurred_at`.
    """
    read = device.synced_at
    return read is not None and event.created_at + CLOCKS_DIFFER <= read


def _moved(event: Event, kept: SeamEvent, device: Device) -> None:
    """The bolt moved: the door's state, unless something later is known, and the record."""
    told = device.lock_told_at
    before = (device.locked, told, device.unlocked_since)
    if event.occurred_at <= timezone.now() + AHEAD:
        if not told or event.occurred_at > told:
            _newest(device, event)
        elif device.unlocked_since is not None:
            device.unlocked_since = _reckoned_again(device, event, told)
    if before != (device.locked, device.lock_told_at, device.unlocked_since):
        device.save(update_fields=["locked", "lock_told_at", "unlocked_since"])
        touch(device.building)
    if _may_be_ours(kept):
        SeamEvent.objects.filter(pk=kept.pk).update(waiting=True)
    else:
        _record_move(kept, device)


def _newest(device: Device, event: Event) -> None:
    locks, device.lock_told_at = event.event_type == LOCKED, event.occurred_at
    since = device.unlocked_since
    if device.locked not in (None, locks) and _was_in_the_list(event, device):
        # It moved once more, and none told; of one that was unlocked the list is the first to.
        device.unlocked_since = since and max(since, device.synced_at or since)
        return
    device.locked = locks
    device.unlocked_since = None if locks else min(filter(None, (since, event.occurred_at)))


def _reckoned_again(device: Device, late: Event, told: dt.datetime) -> dt.datetime | None:
    """Since when a door is unlocked that still is so, with a move of before that became known late."""
    since, at = device.unlocked_since, late.occurred_at
    moves = SeamEvent.objects.filter(device=device, occurred_at__gt=at, occurred_at__lte=told)
    if since is None:
        return None
    if late.event_type == LOCKED and since <= at:
        first = moves.filter(event_type=UNLOCKED).order_by("occurred_at").first()
        return first.occurred_at if first else told
    if late.event_type == UNLOCKED and at < since:
        locked = moves.filter(event_type=LOCKED, occurred_at__lt=since).exists()
        # A sync between the two may have found it locked.
        synced = device.synced_at is not None and at <= device.synced_at <= since
        return since if locked or synced else at
    return since


def _may_be_ours(kept: SeamEvent) -> bool:
    """Whether a press of that moment is still to say whose move this is."""
    if kept.method not in ("", "remote", "unknown") and not kept.action_attempt_id:
        return False
    if kept.action_attempt_id and _owner(kept) is not None:
        return False
    since = timezone.now() - SOON_SETTLED
    lost = Q(status=Status.UNKNOWN, action_attempt_id="", call_deadline__gt=since)
    return UnlockRequest.objects.filter(
        Q(status=Status.SENDING) | lost,
        device=kept.device,
        action=action_of(kept.event_type),
        requested_at__lte=kept.occurred_at + CLOCKS_DIFFER,
        call_deadline__gte=kept.occurred_at - CLOCKS_DIFFER,
    ).exists()


def _owner(kept: SeamEvent) -> UnlockRequest | None:
    if not kept.action_attempt_id:
        return None
    named = UnlockRequest.objects.filter(action_attempt_id=kept.action_attempt_id)
    return named.filter(device=kept.device).first()


def _record_move(kept: SeamEvent, device: Device) -> None:
    """Put a move of the bolt on the record, unless a press of ours stands for it there."""
    if _owner(kept) is not None:
        return
    record(
        Kind.LOCK_LOCKED if kept.event_type == LOCKED else Kind.LOCK_UNLOCKED,
        building=kept.building,
        device=device,
        method=kept.method,
        occurred_at=kept.occurred_at.isoformat(),
        action_attempt_id=kept.action_attempt_id,
        foreign=is_foreign(kept) or None,
        late=kept.source == Source.LIST or None,
    )


def is_foreign(kept: SeamEvent) -> bool:
    """Whether an unlock was asked for through Seam by somebody else than accessdesk."""
    remote = kept.method == "remote" or bool(kept.action_attempt_id)
    return kept.event_type == UNLOCKED and remote


def record_waiting() -> int:
    """Put moves on the record that waited for a press to end, and turned out not to be its."""
    done = 0
    waiting = SeamEvent.objects.filter(waiting=True).select_related("device", "building")
    for kept in waiting.order_by("occurred_at")[:100]:
        with transaction.atomic(durable=True):
            device = _door(kept.device.seam_device_id) if kept.device else None
            if device is None or _may_be_ours(kept):
                continue
            if SeamEvent.objects.filter(pk=kept.pk, waiting=True).update(waiting=False):
                _record_move(kept, device)
                touch(kept.building)
                done += 1
    return done


_TOLD = frozenset({"online", "battery_level", "battery_status"})  # on the record


def _changed(
    device: Device,
    event: Event,
    kind: Kind,
    values: Mapping[str, Any],
    *,
    when: Mapping[str, dt.datetime] | None = None,
) -> None:
    """Bring the door's health up to date, and record it where it differs; `when` it was is no difference.

    What Seam's list has told since stands: then it goes on the record alone.
    """
    differs = any(getattr(device, name) != value for name, value in values.items())
    listed = _was_in_the_list(event, device)
    differs = differs or (listed and _turned(device, event))
    newest = max(filter(None, (device.health_told_at, event.occurred_at)))
    news = {
        name: value
        for name, value in values.items()
        if not listed or getattr(device, name) in (None, "")
    }
    fresh = {**news, **(when or {}), "health_told_at": newest}
    for name, value in fresh.items():
        setattr(device, name, value)
    device.save(update_fields=[*fresh])
    if differs:
        told = {name: value for name, value in values.items() if name in _TOLD}
        occurred_at = event.occurred_at.isoformat()
        record(kind, building=device.building, device=device, occurred_at=occurred_at, **told)


def _turned(device: Device, event: Event) -> bool:
    """Whether it ends what the connection event before it told, although a list told of that end first."""
    if event.event_type not in _CONNECTION:
        return False
    before = SeamEvent.objects.filter(
        device=device, event_type__in=_CONNECTION, occurred_at__lt=event.occurred_at
    )
    last = before.order_by("-occurred_at").values_list("event_type", flat=True).first()
    return last not in (None, event.event_type)


def _connected(device: Device, event: Event) -> None:
    at = event.occurred_at
    errors = lasting(device.errors)  # the list from which the others are was read before
    when = {"online_told_at": at, "online_seen_at": device.seen_online(at)}
    _changed(device, event, Kind.LOCK_ONLINE, {"online": True, "errors": errors}, when=when)


def _disconnected(device: Device, event: Event) -> None:
    when = {"online_told_at": event.occurred_at}
    _changed(device, event, Kind.LOCK_OFFLINE, {"online": False}, when=when)


def _removed(device: Device, event: Event) -> None:
    if device.gone_at is None and not _was_in_the_list(event, device):
        _changed(device, event, Kind.DOOR_GONE, {"gone_at": event.occurred_at})


def _battery(device: Device, event: Event) -> None:
    level, charge = event.words.get("battery_level"), str(event.words.get("battery_status"))
    values: dict[str, Any] = {}
    if isinstance(level, int | float) and not isinstance(level, bool) and 0 <= level <= 1:
        values["battery_level"] = float(level)
    if event.event_type == "device.low_battery" and charge not in _CHARGES:
        charge = "low"
    if charge in _CHARGES:
        values["battery_status"] = charge
    if values:
        _changed(device, event, Kind.LOCK_BATTERY, values)


_HEALTH: Mapping[str, Callable[[Device, Event], None]] = {
    "device.connected": _connected,
    "device.disconnected": _disconnected,
    "device.removed": _removed,
    "device.low_battery": _battery,
    "device.battery_status_changed": _battery,
}


def note_webhook() -> None:
    """Remember that the receiver was alive just now."""
    now = timezone.now()
    if not EventsRead.objects.filter(pk=1).update(webhook_at=now):
        EventsRead.objects.get_or_create(pk=1, defaults={"webhook_at": now})


def prune() -> None:
    """Forget events that Seam tells of no more; what matters of them is on the record."""
    SeamEvent.objects.filter(received_at__lt=timezone.now() - KEPT_FOR, waiting=False).delete()
