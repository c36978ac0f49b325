"""Following action attempts until they resolve, and ending what nobody ended.

One follower at a time (a lease) looks at all due attempts in batches. Celery, the beat and each web
process may start it; none of them is needed by the others.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from django.db.models import Q
from django.utils import timezone

from locks.clients import seam_client
from locks.models import Status, UnlockRequest
from locks.models.unlocks import DONE_STATUSES, UnlockRequestQuerySet
from locks.seam import ActionAttempt, SeamError, SeamRateLimited
from locks.services import leases
from locks.services.answers import ACTION_TYPES, Answer, from_attempt, settle
from locks.services.errors import DATABASE_GONE

logger = logging.getLogger(__name__)

FOLLOWER = "follower"
BATCH = 100  # attempts a call
SOON = dt.timedelta(seconds=3)  # what is due later is left to the next sweep
GRACE = dt.timedelta(seconds=2)  # after a bound, before anyone but the sender may end a request
# Where Seam has had too many calls and does not say for how long to wait, and where it does.
BUSY, LONGEST_BUSY = dt.timedelta(seconds=2), dt.timedelta(seconds=30)
SWEEP_EVERY = 5.0  # seconds between sweeps where nothing calls for one sooner
WATCH_UNKNOWN_FOR = dt.timedelta(hours=24)
PUBLISH_AGAIN_AFTER = 60.0  # seconds that a broker which did not take a nudge is left alone

# Set where a nudge could not be published: this process's own sweep thread then follows.
wake_here = threading.Event()
# Set where this process was asked to end: who follows lets go at once, and another takes over.
ending = threading.Event()
_broker_down_until = 0.0


def nudge() -> None:
    """Have the pending attempts followed now. Never raises; call it after the commit.

    Only a hint: without broker or worker the sweeps find the same rows. A broker that does not answer
    is left alone for a minute, so that it slows one press and not each.
    """
    global _broker_down_until
    from locks.tasks import follow_attempts

    if time.monotonic() < _broker_down_until:
        wake_here.set()
        return
    try:
        leases.wish(FOLLOWER)
        follow_attempts.apply_async(expires=60)
    except Exception as error:
        # Whatever the transport raises: the message may even have been published.
        _broker_down_until = time.monotonic() + PUBLISH_AGAIN_AFTER
        logger.warning("The broker did not take a nudge: %s", type(error).__name__)
        wake_here.set()


def follow(*, for_seconds: float = 20.0, pause: Callable[[float], object] = ending.wait) -> bool:
    """Follow all attempts until none is due soon, the time is up, or this process is to end.

    Returns True where there is more to follow and someone should come back at once; False where all is
    done or another process follows.
    """
    until = time.monotonic() + for_seconds
    seen = leases.acquire(FOLLOWER)
    while seen is not None:
        try:
            _tick()
        except BaseException:
            leases.drop(FOLLOWER)
            raise
        wait = _until_next_look()
        if wait is None:
            if leases.release(FOLLOWER, seen=seen):
                return False
        elif ending.is_set() or time.monotonic() + wait >= until:
            leases.drop(FOLLOWER)
            return True
        else:
            pause(wait)
        seen = leases.acquire(FOLLOWER)
    return False


def follow_if_due(*, for_seconds: float) -> float:
    """Follow what nobody follows; one query where there is nothing.

    Returns in how many seconds to come again: at once where more is to follow, and when its lease runs
    out where another process follows, which may have died.
    """
    if _until_next_look() is None:
        return SWEEP_EVERY
    leases.wish(FOLLOWER)  # who follows now may have looked for the last time
    if follow(for_seconds=for_seconds):
        return 0.0
    return min(leases.left(FOLLOWER) or SWEEP_EVERY, SWEEP_EVERY)


def end_overdue() -> int:
    """Turn what stayed `sending` or `pending` past its bound into `unknown`. Returns how many.

    A sender that is alive has recorded its answer by then; one that comes even later still may.
    """
    before = timezone.now() - GRACE
    overdue = UnlockRequest.objects.filter(
        Q(status=Status.SENDING, call_deadline__lt=before)
        | Q(status=Status.PENDING, resolve_by__lt=before)
    ).select_related("device", "building", "requested_by")
    ended = 0
    for request in overdue[:BATCH]:
        code = "interrupted" if request.status == Status.SENDING else "no_outcome"
        answer = Answer(Status.UNKNOWN, code=code)
        ended += _settled(request, answer, frm=(Status(request.status),))
    return ended


def _tick() -> None:
    """Look at those that are due, in one call; who is not told of is asked about again later."""
    now = timezone.now()
    due = _followed().filter(next_look_at__lte=now).order_by("next_look_at")
    requests = list(due.select_related("device", "building", "requested_by")[:BATCH])
    if not requests:
        return
    attempts, pause = _look([request.action_attempt_id for request in requests])
    late = []
    for request in requests:
        attempt = attempts.get(request.action_attempt_id)
        is_its = attempt is not None and attempt.action_type == ACTION_TYPES[request.action]
        if attempt is not None and is_its and attempt.status != "pending":
            answer = replace(from_attempt(attempt), inferred=request.inferred)
            moved = _settled(request, answer, frm=(Status.PENDING, Status.UNKNOWN))
            if moved and request.status == Status.UNKNOWN and answer.status in DONE_STATUSES:
                late.append(request)
        elif request.status == Status.PENDING and timezone.now() >= request.resolve_by:
            _settled(request, Answer(Status.UNKNOWN, code="no_outcome"), frm=(Status.PENDING,))
        else:
            look_again_later(request, least=pause)
    if late:
        from locks.services.late_moves import read_moves

        read_moves(late)


def _settled(request: UnlockRequest, answer: Answer, *, frm: tuple[Status, ...]) -> bool:
    """settle(), but one row that cannot be settled never stops the others: it is tried again later."""
    try:
        return settle(request, answer, frm=frm)
    except DATABASE_GONE:
        raise  # the database is gone: for all of them
    except Exception:
        logger.exception("Unlock request %s could not be settled.", request.pk)
        look_again_later(request)
        return False


def _followed() -> UnlockRequestQuerySet:
    return UnlockRequest.objects.filter(
        status__in=(Status.PENDING, Status.UNKNOWN), next_look_at__isnull=False
    ).exclude(action_attempt_id="")


def _look(attempt_ids: list[str]) -> tuple[dict[str, ActionAttempt], dt.timedelta]:
    """What Seam says of these attempts, by id, and how long to leave it alone before the next look.

    Those that it does not tell of are left out.
    """
    try:
        found = seam_client().list_action_attempts(attempt_ids)
    except SeamRateLimited as error:
        wait = BUSY if error.retry_after is None else dt.timedelta(seconds=error.retry_after)
        return {}, min(max(wait, BUSY), LONGEST_BUSY)
    except SeamError as error:
        logger.info("Could not read %s action attempts: %s", len(attempt_ids), error)
        return {}, dt.timedelta()
    return {attempt.action_attempt_id: attempt for attempt in found}, dt.timedelta()


def look_again_later(request: UnlockRequest, *, least: dt.timedelta = dt.timedelta()) -> None:
    """Put off the next look at a request that has not ended, by `least` at least.

    Not where a webhook has asked for one meanwhile. Unknown ones are given up after 24 h.
    """
    now = timezone.now()
    age = now - request.requested_at
    next_look_at: dt.datetime | None = now + max(least, _interval(request.status, age))
    if request.status == Status.UNKNOWN and age > WATCH_UNKNOWN_FOR:
        next_look_at = None
    UnlockRequest.objects.filter(
        pk=request.pk, status=request.status, next_look_at=request.next_look_at
    ).update(next_look_at=next_look_at)


def _interval(status: str, age: dt.timedelta) -> dt.timedelta:
    """A twentieth of the age: quick locks are seen quickly, slow ones cost few calls."""
    if status == Status.PENDING:
        return min(max(age / 20, dt.timedelta(milliseconds=100)), dt.timedelta(seconds=2))
    return min(max(age / 10, dt.timedelta(seconds=2)), dt.timedelta(minutes=30))


def _until_next_look() -> float | None:
    """Seconds until the next attempt is due; None where none is due soon (the sweep will find it)."""
    next_look = (
        _followed()
        .filter(next_look_at__lte=timezone.now() + SOON)
        .order_by("next_look_at")
        .values_list("next_look_at", flat=True)
        .first()
    )
    if next_look is None:
        return None
    return max(0.02, (next_look - timezone.now()).total_seconds())
