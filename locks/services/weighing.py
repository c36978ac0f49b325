"""What Seam's words about an attempt, or about a door's bolt, mean for the requests that they are about."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Final

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from locks.models import Action, Device, SeamEvent, Status, UnlockRequest
from locks.models.unlocks import ENDED_STATUSES
from locks.services import following
from locks.services.answers import ACTION_TYPES, Answer
from locks.services.audit import record
from locks.services.kinds import kind_of

UNLOCKED, LOCKED = "lock.unlocked", "lock.locked"
# What Seam tells where the bolt did it, and how the kinds begin that tell of an attempt's end.
MOVED: Final[Mapping[str, str]] = {Action.UNLOCK: UNLOCKED, Action.LOCK: LOCKED}
ENDED: Final[Mapping[str, str]] = {
    action: f"action_attempt.{seams.lower()}." for action, seams in ACTION_TYPES.items()
}
# Seam's clock and ours may differ by as much.
CLOCKS_DIFFER: Final = dt.timedelta(seconds=1)
# Who does not manage the building reads of nothing that is older when it is read: two shifts of 12 hours.
READ_BY_ALL_FOR: Final = dt.timedelta(hours=24)
# Svix delivers for 27 hours: what a webhook tells until then still settles what is watched no more.
WEBHOOKS_COME_FOR: Final = dt.timedelta(hours=28)


def action_of(event_type: str) -> str:
    """Which action an event of Seam's tells of; empty for neither."""
    told = (
        action
        for action, moved in MOVED.items()
        if event_type == moved or event_type.startswith(ENDED[action])
    )
    return next(told, "")


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
        named = UnlockRequest.objects.filter(action_attempt_id=action_attempt_id)
        owner = named.filter(device=device).first()  # of another door it would be a slip of Seam's
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


def answers_a_press() -> Q:
    """Of Seam's events, those that tell of a press of ours."""
    # That it is not empty is said for the index, which holds no others: else each event reads all presses.
    attempts = UnlockRequest.objects.filter(~Q(action_attempt_id=""))
    ours = attempts.filter(
        action_attempt_id=OuterRef("action_attempt_id"), device=OuterRef("device")
    )
    return Q(Q(action_attempt_id__gt=""), Exists(ours))


def unlocked_from_here(devices: Iterable[Device]) -> set[int]:
    """Of private doors that were not seen to lock, by id, those that a press of ours unlocked.

    When such a press was, everybody at its building's desk may read for a day; when somebody used
    their code is for managers. One query; none where no such door is among them.
    """
    asked = [each.pk for each in devices if each.is_private and each.unlocked_since is not None]
    if not asked:
        return set()
    moves = SeamEvent.objects.filter(
        answers_a_press(),
        device__in=asked,
        event_type=UNLOCKED,
        building=F("device__building"),  # what was before a door moved is not for its new people
        occurred_at=F("device__unlocked_since"),
        occurred_at__gt=timezone.now() - READ_BY_ALL_FOR,
    )
    return set(moves.values_list("device_id", flat=True))


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
        record_of(
            request,
            "contradicted",
            ended_as=request.status,
            seen=event_type,
            occurred_at=occurred_at.isoformat(),
            action_attempt_id=request.action_attempt_id,
        )
    return True


def record_of(request: UnlockRequest, what: str, **detail: object) -> None:
    """Put on the record what became known of `request`, as the kind of its action (see kind_of)."""
    record(
        kind_of(request.action, what),
        building=request.building,
        actor=request.requested_by,
        device=request.device,
        request=request,
        **detail,
    )
