"""How often a door may be pressed, and a person press: the answer is when, never merely no."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Final

from django.db.models import Q
from django.utils import timezone

from locks.models import Action, Device, Press, UnlockRequest, User, Verdict

MINUTE: Final = dt.timedelta(minutes=1)
# Seam's own limit of unlocks, and of locks, a minute and door: https://docs.seam.co/latest/api (rate limits).
PER_DOOR: Final = 15
# Presses that sent something. A group that arrives keeps one clerk at 30 a minute; twice that is no
# pair of hands.
PER_PERSON: Final = 60
# Further refused presses of a minute are counted and no longer kept one by one.
REFUSED_KEPT: Final = 120
# Seam's word on how long to wait is followed as far as it is sensible.
LONGEST_WAIT: Final = dt.timedelta(minutes=10)
_NEVER_REACHED_SEAM: Final = ("not_sent", "sent_too_late", "rate_limited")


def retry_at(seconds: float | None) -> dt.datetime:
    """When Seam takes the next unlock of a door that it has just refused; a minute where it does not say."""
    wait = MINUTE if seconds is None else dt.timedelta(seconds=min(seconds, 3600))
    return timezone.now() + min(max(wait, dt.timedelta(seconds=1)), LONGEST_WAIT)


def doors_free_at(
    device_ids: Collection[int], *, at: dt.datetime, action: str = Action.UNLOCK
) -> dict[int, dt.datetime]:
    """When doors that had too many unlocks may be pressed again, by door; others are left out.

    With another `action` the same of that button: Seam counts each for itself. One query.
    """
    recent = UnlockRequest.objects.filter(
        Q(requested_at__gt=at - MINUTE) | Q(retry_at__gt=at), device__in=device_ids, action=action
    ).order_by("-requested_at")
    sent: dict[int, list[dt.datetime]] = {}
    free: dict[int, dt.datetime] = {}
    for door, when, code, told in recent.values_list("device", "requested_at", "code", "retry_at"):
        if told is not None and told > at:
            free[door] = max(told, free.get(door, told))
        if code not in _NEVER_REACHED_SEAM and when > at - MINUTE:
            sent.setdefault(door, []).append(when)
    for door, times in sent.items():
        if len(times) >= PER_DOOR:
            again = times[PER_DOOR - 1] + MINUTE
            free[door] = max(again, free.get(door, again))
    return free


def door_free_at(
    device: Device, *, at: dt.datetime, action: str = Action.UNLOCK
) -> dt.datetime | None:
    """When this door may be pressed again; None for now. One query."""
    return doors_free_at([device.pk], at=at, action=action).get(device.pk)


def person_free_at(person: User, *, at: dt.datetime) -> dt.datetime | None:
    """When `person` may press again; None for now. One query."""
    sent = Press.objects.filter(person=person, verdict=Verdict.SENT, pressed_at__gt=at - MINUTE)
    newest = sent.order_by("-pressed_at").values_list("pressed_at", flat=True)
    times = list(newest[:PER_PERSON])
    return times[-1] + MINUTE if len(times) >= PER_PERSON else None
