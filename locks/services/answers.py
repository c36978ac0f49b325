"""Seam's answer turned into the row's status and its event: compare-and-set, then record, together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Case, Q, Value, When
from django.utils import timezone

from locks import words
from locks.models import Action, Status, UnlockRequest
from locks.models.unlocks import DONE_STATUSES
from locks.seam import (
    ActionAttempt,
    SeamError,
    SeamNotSent,
    SeamRateLimited,
    SeamRejected,
    SeamTooLate,
    SeamUnauthorized,
)
from locks.services.audit import record
from locks.services.kinds import kind_of
from locks.services.limiting import retry_at
from locks.services.mirroring import note_locked

FIRST_LOOK = dt.timedelta(milliseconds=100)
FIRST_SEARCH = dt.timedelta(seconds=1)  # where the answer was lost, and with it the attempt's id
# What Seam calls each action, and what an attempt that succeeded has done.
ACTION_TYPES: Final[Mapping[str, str]] = {Action.UNLOCK: "UNLOCK_DOOR", Action.LOCK: "LOCK_DOOR"}
_DONE = {"UNLOCK_DOOR": Status.UNLOCKED, "LOCK_DOOR": Status.LOCKED}


@dataclass(frozen=True)
class Answer:
    """What is known of a request now, in the terms of its row."""

    status: Status
    code: str = ""  # ours; see locks.words.FAILURES
    error_type: str = ""  # Seam's, as it came
    message: str = ""  # Seam's, as it came
    attempt_id: str = ""
    request_id: str = ""
    confirmed: bool | None = None
    result: dict[str, Any] | None = None
    http_status: int | None = None
    validation_errors: dict[str, Any] | None = None
    retry_at: dt.datetime | None = None  # when Seam takes the next one of this door
    call_ended_at: dt.datetime | None = None  # where this is what the call itself came to
    inferred: bool = False  # the attempt was found among Seam's; no answer to the call named it


def from_attempt(attempt: ActionAttempt) -> Answer:
    """The answer that an action attempt gives; of one to unlock or to lock, whoever asks has looked."""
    status = {
        "pending": Status.PENDING,
        "success": _DONE[attempt.action_type],
        "error": Status.FAILED,
    }[attempt.status]
    return Answer(
        status=status,
        code="lock_error" if status == Status.FAILED else "",
        error_type=attempt.error_type,
        message=attempt.error_message,
        attempt_id=attempt.action_attempt_id,
        request_id=attempt.request_id,
        confirmed=attempt.was_confirmed_by_device if status in DONE_STATUSES else None,
        result=attempt.result,
    )


def from_error(error: SeamError) -> Answer:
    """The answer that a failed call gives: `failed` only where nothing can have moved, else `unknown`."""
    status, code = Status.UNKNOWN, "no_answer"
    if isinstance(error, SeamTooLate):
        status, code = Status.FAILED, "sent_too_late"
    elif isinstance(error, SeamNotSent):
        status, code = Status.FAILED, "not_sent"
    elif isinstance(error, SeamUnauthorized):
        status, code = Status.FAILED, "unauthorized"
    elif isinstance(error, SeamRateLimited):
        status, code = Status.FAILED, "rate_limited"
    elif isinstance(error, SeamRejected):
        status, code = Status.FAILED, "refused"
    return Answer(
        status=status,
        code=code,
        error_type=error.code,
        http_status=error.status,
        validation_errors=dict(error.validation_errors) or None,
        message=error.message,
        attempt_id=getattr(error, "action_attempt_id", ""),
        retry_at=retry_at(error.retry_after) if isinstance(error, SeamRateLimited) else None,
        request_id=error.request_id,
    )


def settle(request: UnlockRequest, answer: Answer, *, frm: tuple[Status, ...]) -> bool:
    """Move `request` from one of `frm` to what `answer` says, with its event. True if this call moved it.

    A request that is already `unknown` never becomes pending again (its door may have been pressed
    since): it keeps the attempt's id and is watched. An attempt id that another request owns is not
    believed: the outcome is `unknown`, or stays so where the attempt was inferred.
    """
    try:
        with transaction.atomic(durable=True):
            return _settle(request, answer, frm)
    except IntegrityError:
        if answer.inferred:
            return False
        if not answer.attempt_id or request.action_attempt_id:
            raise
    disowned = Answer(Status.UNKNOWN, code="attempt_reused", request_id=answer.request_id)
    with transaction.atomic(durable=True):
        return _settle(request, disowned, frm)


def _settle(request: UnlockRequest, answer: Answer, frm: tuple[Status, ...]) -> bool:
    now = timezone.now()
    waiting = answer.status in (Status.PENDING, Status.UNKNOWN)
    movable = tuple(s for s in frm if not (waiting and s == Status.UNKNOWN))
    moved = UnlockRequest.objects.move(request.pk, frm=movable, **_columns(request, answer, now))
    if moved and answer.status == Status.LOCKED and answer.confirmed:
        note = partial(note_locked, request.device_id, since=request.requested_at)
        transaction.on_commit(note, robust=True)
    if not moved and waiting and Status.UNKNOWN in frm and answer.attempt_id:
        moved = _keep_attempt(request, answer, now)
    if moved:
        record(
            kind_of(request.action, answer.status),
            building=request.building,
            actor=request.requested_by,
            device=request.device,
            request=request,
            code=answer.code,
            error_type=answer.error_type,
            http_status=answer.http_status,
            validation_errors=answer.validation_errors,
            message=answer.message,
            action_attempt_id=answer.attempt_id or request.action_attempt_id,
            seam_request_id=answer.request_id,
            confirmed_by_device=answer.confirmed,
            result=answer.result,
            inferred=answer.inferred or None,
            retry_at=answer.retry_at.isoformat() if answer.retry_at else None,
            **request.said,
        )
    return moved


def _columns(request: UnlockRequest, answer: Answer, now: dt.datetime) -> dict[str, Any]:
    attempt_id = answer.attempt_id or request.action_attempt_id
    waiting = answer.status in (Status.PENDING, Status.UNKNOWN)
    columns: dict[str, Any] = {
        "status": answer.status,
        "action_attempt_id": attempt_id,
        "confirmed_by_device": answer.confirmed,
        "result": answer.result,
        "code": answer.code,
        "error_type": answer.error_type[:100],
        "http_status": answer.http_status,
        "error_message": answer.message[:2000],
        "may_still_act": answer.status == Status.FAILED
        and words.may_still_act(answer.code, answer.error_type),
        "inferred": answer.inferred,
        "retry_at": answer.retry_at,
        "next_look_at": _next_look(answer, attempt_id, now),
        "ended_at": None if waiting else now,
        "took_ms": None if waiting else _took(now - request.requested_at),
    }
    if answer.request_id:
        columns["seam_request_id"] = answer.request_id[:100]
    if answer.call_ended_at is not None:
        columns["call_ended_at"] = answer.call_ended_at
    if request.answered_at is None and answer.request_id:
        columns["answered_at"] = now
    return columns


def _took(took: dt.timedelta) -> Case:
    """How long the lock took; nothing once the outcome was unknown, for its end is when we were told.

    Decided by the row as it is in the database: the sweep may have been there since it was read.
    """
    length = max(0, took // dt.timedelta(milliseconds=1))  # a clock may have been set back
    return Case(When(status=Status.UNKNOWN, then=None), default=Value(length))


def _next_look(answer: Answer, attempt_id: str, now: dt.datetime) -> dt.datetime | None:
    if answer.status not in (Status.PENDING, Status.UNKNOWN):
        return None
    return now + (FIRST_LOOK if attempt_id else FIRST_SEARCH)


def _keep_attempt(request: UnlockRequest, answer: Answer, now: dt.datetime) -> bool:
    """A slow answer after the sweep: the outcome stays unknown, and can now be watched.

    What the call itself named takes the place of an attempt that was inferred.
    """
    open_to_it = Q(action_attempt_id="")
    if not answer.inferred:
        open_to_it |= Q(inferred=True)
    return (
        UnlockRequest.objects.filter(open_to_it, pk=request.pk, status=Status.UNKNOWN).update(
            action_attempt_id=answer.attempt_id,
            inferred=answer.inferred,
            next_look_at=now + FIRST_LOOK,
        )
        == 1
    )
