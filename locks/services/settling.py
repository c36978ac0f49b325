"""Settling what is `unknown` from Seam's own records: its events, and what it lists of the door.

An attempt is taken for a request's own only where nothing else can be meant; the outcome is then
called inferred. Absence proves nothing.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from locks.clients import impatient_client
from locks.models import SeamEvent, Status, UnlockRequest
from locks.models.unlocks import UnlockRequestQuerySet
from locks.seam import ActionAttempt, Event, SeamError, SeamRejected, SeamUnreadable
from locks.services import following, leases
from locks.services.answers import ACTION_TYPES, from_attempt, settle
from locks.services.errors import DATABASE_GONE
from locks.services.late_moves import take_of
from locks.services.weighing import CLOCKS_DIFFER, ENDED, MOVED, action_of, record_of

logger = logging.getLogger(__name__)

SETTLER: Final = "settler"
LEASE_LENGTH: Final = dt.timedelta(seconds=30)
MOST_AT_ONCE: Final = 20
# A lock may act so long after the answer to its call was lost (it usually takes 4 s).
ACTS_WITHIN: Final = dt.timedelta(seconds=6)
# Of one look, in a thread that has others to end and to follow.
READ_FOR: Final = 4.0  # seconds, for the events


@dataclass(frozen=True)
class _Records:
    """What Seam holds about a door around one call."""

    named: frozenset[str]  # attempts with an event within the call
    told: tuple[Event, ...]  # those events, as far as Seam lists them now
    # All of the door, whenever they were; None: this Seam does not list them, or not all at once.
    listed: tuple[ActionAttempt, ...] | None


def settle_lost(*, for_seconds: float = 4.0) -> int:
    """Look for what became of requests whose answer was lost, as far as they are due.

    Run by every sweep, by one process at a time. Returns how many were looked for.
    """
    if not _due().exists() or leases.acquire(SETTLER, length=LEASE_LENGTH) is None:
        return 0
    until, looked = time.monotonic() + for_seconds, 0
    try:
        for request in _due().select_related("device", "building", "requested_by")[:MOST_AT_ONCE]:
            if time.monotonic() >= until:
                break
            looked += 1
            if not look(request):
                break  # Seam does not answer now; who waits for this thread is not to wait for it
    finally:
        leases.drop(SETTLER)
    return looked


def _due() -> UnlockRequestQuerySet:
    return UnlockRequest.objects.filter(
        status=Status.UNKNOWN, action_attempt_id="", next_look_at__lte=timezone.now()
    ).order_by("next_look_at")


def look(request: UnlockRequest) -> bool:
    """Ask Seam what became of one request without an attempt; False where Seam gives no answer at all.

    What cannot be read is asked again later.
    """
    answers = True
    try:
        _look(request)
    except SeamError as error:
        answers = isinstance(error, SeamRejected)  # a "no" is about this one
        logger.info("Unlock request %s: Seam's records cannot be read: %s", request.pk, error)
    except DATABASE_GONE:
        raise  # the database is gone: for all of them
    except Exception:
        logger.exception("Unlock request %s could not be settled.", request.pk)
    following.look_again_later(request)
    return answers


def _look(request: UnlockRequest) -> None:
    records = _read(request)
    own = _ownerless(records.named)
    if len(own) == 1 and not _mistakable(request):
        attempt = impatient_client().get_action_attempt(*own)
        if attempt.action_type == ACTION_TYPES[request.action]:
            answer = replace(from_attempt(attempt), inferred=True)
            settle(request, answer, frm=(Status.UNKNOWN,))
            # The lock's own time, at once: a webhook may be long in coming, or never come.
            take_of(records.told, own)
    elif (
        not own
        and _lists_nothing(records, request.action)
        and timezone.now() > request.call_deadline
    ):
        _note_nothing_listed(request)


def _read(request: UnlockRequest) -> _Records:
    opens, closes = call_of(request)
    device_id = request.device.seam_device_id
    told = SeamEvent.objects.filter(
        _about(request.action), device=request.device, occurred_at__range=(opens, closes)
    ).exclude(action_attempt_id="")
    named = set(told.values_list("action_attempt_id", flat=True))
    listed_now: list[Event] = []
    give_up = time.monotonic() + READ_FOR
    for event in impatient_client().list_events(since=opens, device_id=device_id):
        if time.monotonic() > give_up:
            raise SeamUnreadable("Seam's events of this door take too long to read.")
        about = action_of(event.event_type) == request.action
        within = opens <= event.occurred_at <= closes
        if event.action_attempt_id and about and within and event.device_id == device_id:
            named.add(event.action_attempt_id)
            listed_now.append(event)
    listed = impatient_client().list_attempts_of(device_id)
    attempts = None if listed is None else tuple(listed)
    return _Records(frozenset(named), tuple(listed_now), attempts)


def call_of(request: UnlockRequest) -> tuple[dt.datetime, dt.datetime]:
    """The time within which the one call of `request` moved the lock, by either clock.

    Whose sender died may have been sent until its deadline.
    """
    ended = request.call_deadline
    if request.call_ended_at is not None:
        ended = min(request.call_ended_at + ACTS_WITHIN, ended)
    return request.requested_at - CLOCKS_DIFFER, ended + CLOCKS_DIFFER


def _about(action: str) -> Q:
    return Q(event_type=MOVED[action]) | Q(event_type__startswith=ENDED[action])


def _ownerless(attempt_ids: Iterable[str]) -> list[str]:
    ids = list(attempt_ids)
    owned = UnlockRequest.objects.filter(action_attempt_id__in=ids)
    return sorted(set(ids) - set(owned.values_list("action_attempt_id", flat=True)))


def _mistakable(request: UnlockRequest) -> bool:
    """Whether another request of the door could be the one that an attempt belongs to."""
    opens, closes = call_of(request)
    others = UnlockRequest.objects.filter(device=request.device, action=request.action)
    others = others.exclude(pk=request.pk)
    lost = Q(
        action_attempt_id="",
        status=Status.UNKNOWN,
        requested_at__lte=closes + CLOCKS_DIFFER,
        call_deadline__gte=opens - CLOCKS_DIFFER,
    )
    return others.filter(Q(status=Status.SENDING) | lost).exists()


def _lists_nothing(records: _Records, action: str) -> bool:
    """Whether Seam lists all that it knows, and no such attempt that another request does not own."""
    if records.listed is None:
        return False
    seams = ACTION_TYPES[action]
    alike = [attempt for attempt in records.listed if attempt.action_type == seams]
    return not _ownerless(attempt.action_attempt_id for attempt in alike)


def _note_nothing_listed(request: UnlockRequest) -> None:
    """Once. It stays unknown: what Seam does not list may have been sent to the lock all the same."""
    with transaction.atomic(durable=True):
        unknown = UnlockRequest.objects.filter(
            pk=request.pk, status=Status.UNKNOWN, nothing_listed_at=None
        )
        if unknown.update(nothing_listed_at=timezone.now()):
            record_of(request, "nothing_listed")
