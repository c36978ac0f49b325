"""Settling what is `unknown` from Seam's own records: its events, and what it lists of the door.

An attempt is taken for a request's own only where nothing else can be meant; the outcome is then
called inferred. Absence proves nothing.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from locks.clients import impatient_client
from locks.models import Action, Device, Kind, SeamEvent, Status, UnlockRequest
from locks.models.unlocks import ENDED_STATUSES, UnlockRequestQuerySet
from locks.seam import ActionAttempt, SeamError, SeamRejected, SeamUnreadable
from locks.services import following, leases
from locks.services.answers import ACTION_TYPES, Answer, from_attempt, settle
from locks.services.audit import record
from locks.services.errors import DATABASE_GONE
from locks.services.kinds import kind_of

logger = logging.getLogger(__name__)

SETTLER: Final = "settler"
LEASE_LENGTH: Final = dt.timedelta(seconds=30)
MOST_AT_ONCE: Final = 20
# Seam's clock and ours may differ by as much.
CLOCKS_DIFFER: Final = dt.timedelta(seconds=1)
# A lock may act so long after the answer to its call was lost (it usually takes 4 s).
ACTS_WITHIN: Final = dt.timedelta(seconds=6)
# Svix delivers for 27 hours: what a webhook tells until then still settles what is watched no more.
WEBHOOKS_COME_FOR: Final = dt.timedelta(hours=28)
# Of one look, in a thread that has others to end and to follow.
READ_FOR: Final = 4.0  # seconds, for the events
UNLOCKED, LOCKED = "lock.unlocked", "lock.locked"
# What Seam tells where the bolt did it, and how the kinds begin that tell of an attempt's end.
MOVED: Final[Mapping[str, str]] = {Action.UNLOCK: UNLOCKED, Action.LOCK: LOCKED}
ENDED: Final[Mapping[str, str]] = {
    action: f"action_attempt.{seams.lower()}." for action, seams in ACTION_TYPES.items()
}


@dataclass(frozen=True)
class _Records:
    """What Seam holds about a door around one call."""

    named: frozenset[str]  # attempts with an event within the call
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
    give_up = time.monotonic() + READ_FOR
    for event in impatient_client().list_events(since=opens, device_id=device_id):
        if time.monotonic() > give_up:
            raise SeamUnreadable("Seam's events of this door take too long to read.")
        about = action_of(event.event_type) == request.action
        within = opens <= event.occurred_at <= closes
        if event.action_attempt_id and about and within and event.device_id == device_id:
            named.add(event.action_attempt_id)
    listed = impatient_client().list_attempts_of(device_id)
    return _Records(frozenset(named), None if listed is None else tuple(listed))


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


def action_of(event_type: str) -> str:
    """Which action an event of Seam's tells of; empty for neither."""
    told = (
        action
        for action, moved in MOVED.items()
        if event_type == moved or event_type.startswith(ENDED[action])
    )
    return next(told, "")


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
            _record(kind_of(request.action, "nothing_listed"), request)


def weigh(
    *,
    event_type: str,
    action_attempt_id: str,
    device: Device,
    occurred_at: dt.datetime,
    status: str = "",
) -> None:
    """Take a word of Seam's about an attempt (or about `device`) for what it is worth.

    An attempt that is still followed is looked at now. Against one that has ended otherwise the
    word is noted as a contradiction, once. Where nobody owns the attempt, the requests of the door
    that may are looked at now. `status` is the attempt's, where the event names it.
    """
    owner = None
    if action_attempt_id:
        owner = UnlockRequest.objects.filter(action_attempt_id=action_attempt_id).first()
    if owner is None:
        _look_now(device, occurred_at, action=action_of(event_type))
    elif owner.status in (Status.PENDING, Status.UNKNOWN):
        waiting = UnlockRequest.objects.filter(_watched(), pk=owner.pk)
        waiting = waiting.filter(status__in=(Status.PENDING, Status.UNKNOWN))
        if waiting.update(next_look_at=timezone.now()):
            transaction.on_commit(following.nudge, robust=True)
    elif _speaks_against(owner, event_type, status):
        contradict(owner, event_type=event_type, occurred_at=occurred_at)


def _watched() -> Q:
    """Requests that are looked at still, and those that may be once more on a late webhook's word."""
    young = Q(requested_at__gt=timezone.now() - WEBHOOKS_COME_FOR)
    return Q(next_look_at__isnull=False) | young


def _look_now(device: Device, occurred_at: dt.datetime, *, action: str) -> None:
    lost = UnlockRequest.objects.filter(
        _watched(),
        device=device,
        action=action,
        status=Status.UNKNOWN,
        action_attempt_id="",
        requested_at__lte=occurred_at + CLOCKS_DIFFER,
        call_deadline__gte=occurred_at - CLOCKS_DIFFER,
    )
    if lost.update(next_look_at=timezone.now()):
        transaction.on_commit(following.wake_here.set, robust=True)


def _speaks_against(request: UnlockRequest, event_type: str, status: str) -> bool:
    """Only what tells of the same action: that a door was unlocked later says nothing of its locking."""
    if action_of(event_type) != request.action:
        return False
    ended = ENDED[request.action]
    done = event_type in (MOVED[request.action], f"{ended}succeeded") or status == "success"
    failed = event_type == f"{ended}failed" or status == "error"
    return done if request.status == Status.FAILED else failed and not done


def weigh_answer(request: UnlockRequest, answer: Answer) -> None:
    """Take the late answer of the call itself, once its outcome was inferred from Seam's records."""
    now = UnlockRequest.objects.get(pk=request.pk)
    ended = answer.status in ENDED_STATUSES
    otherwise = ended and answer.status != now.status
    another = answer.attempt_id not in ("", now.action_attempt_id)
    if now.inferred and (otherwise or another):
        contradict(now, event_type=f"answer.{answer.status}", occurred_at=timezone.now())


def contradict(request: UnlockRequest, *, event_type: str, occurred_at: dt.datetime) -> bool:
    """Note, once, that Seam later said otherwise than how `request` ended. Its status stays."""
    with transaction.atomic():
        open_to_it = UnlockRequest.objects.filter(
            pk=request.pk, status__in=ENDED_STATUSES, contradicted_at=None
        )
        if not open_to_it.update(contradicted_at=timezone.now()):
            return False
        _record(
            kind_of(request.action, "contradicted"),
            request,
            ended_as=request.status,
            seen=event_type,
            occurred_at=occurred_at.isoformat(),
            action_attempt_id=request.action_attempt_id,
        )
    return True


def _record(kind: Kind, request: UnlockRequest, **detail: object) -> None:
    record(
        kind,
        building=request.building,
        actor=request.requested_by,
        device=request.device,
        request=request,
        **detail,
    )
