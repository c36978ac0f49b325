"""Unlocks of the past, with their events, as the services would have written them."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from locks import words
from locks.models import (
    AuditEvent,
    Building,
    Device,
    Kind,
    Press,
    Status,
    UnlockRequest,
    User,
    Verdict,
)
from locks.models.unlocks import ENDED_STATUSES
from locks.services import audit
from locks.services.audit import record
from locks.services.kinds import kind_of


@contextmanager
def recorded_at(moment: dt.datetime) -> Iterator[None]:
    """Events that are recorded within get this time; nobody may change it afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit, "AuditEvent", partial(AuditEvent, at=moment))
        yield


def unlock_at(moment: dt.datetime, device: Device, person: User, **fields: Any) -> UnlockRequest:
    """One press of `moment`, its events of the same time; it took 2 s, or came to be known at `ended_at`."""
    ended = fields.pop("ended_at", None)  # named of one that was unknown until then
    with recorded_at(moment):
        request = past_unlock(device, person, **fields)
    known = {"requested_at": moment}
    if request.ended_at:
        known["ended_at"] = ended or moment
    if request.ended_at and not ended:
        known["took_ms"] = fields.get("took_ms", 2_000)
    UnlockRequest.objects.filter(pk=request.pk).update(**known)
    return request


@transaction.atomic
def past_unlock(
    device: Device,
    person: User,
    *,
    status: Status = Status.UNLOCKED,
    reason: str = "",
    **fields: Any,
) -> UnlockRequest:
    """One press that was sent, and what came of it."""
    at = timezone.now() - dt.timedelta(minutes=1)
    building = device.building
    assert building is not None
    if status == Status.FAILED:
        fields.setdefault("code", "lock_error")
        may_act = words.may_still_act(fields["code"], fields.get("error_type", ""))
        fields.setdefault("may_still_act", may_act)
    if fields.get("out_of_hours"):
        _quiet_until(at, building)
    request = UnlockRequest.objects.create(
        device=device,
        building=building,
        requested_by=person,
        door_label=device.label,
        person_name=person.get_full_name(),
        status=status,
        reason=reason,
        requested_at=at,
        send_by=at,
        call_deadline=at,
        resolve_by=at,
        ended_at=at if status in ENDED_STATUSES else None,
        **fields,
    )
    action = request.action
    sent = {"verdict": Verdict.SENT, "action": action, "request": request}
    Press.objects.add(device=device, person=person, **sent)
    told = {"building": building, "actor": person, "device": device, "request": request}
    record(kind_of(action, "requested"), reason=reason, **told)
    if status != Status.SENDING:
        record(
            kind_of(action, status),
            reason=reason,
            action_attempt_id=request.action_attempt_id,
            confirmed_by_device=request.confirmed_by_device,
            code=request.code,
            error_type=request.error_type,
            **told,
        )
    return request


def _quiet_until(at: dt.datetime, building: Building) -> None:
    """Quiet hours that have ended `at` that time, at whatever hour a test runs."""
    wall = at.astimezone(building.zone)
    begun = (wall - dt.timedelta(hours=1)).time()
    Building.objects.filter(pk=building.pk).update(quiet_from=begun, quiet_until=wall.time())


@transaction.atomic
def past_refusal(device: Device, person: User, *, code: str = "no_role", **fields: Any) -> Press:
    """One press that was refused."""
    record(Kind.UNLOCK_REFUSED, building=device.building, actor=person, device=device, code=code)
    return Press.objects.add(
        device=device, person=person, verdict=Verdict.REFUSED, code=code, **fields
    )


def past_event(device: Device, kind: Kind, *, at: dt.datetime, **detail: Any) -> AuditEvent:
    """One event of a lock's health, recorded `at` that time, as Seam's webhook would have brought it."""
    with recorded_at(at), transaction.atomic():
        told = {"occurred_at": at.isoformat(), **detail}
        return record(kind, building=device.building, device=device, **told)


def unlocks_that_took(device: Device, person: User, *lengths_ms: int, **fields: Any) -> None:
    """Confirmed unlocks of these lengths, made just now; written without their events."""
    now = timezone.now()
    fields = {"requested_at": now, "confirmed_by_device": True, **fields}
    UnlockRequest.objects.bulk_create(
        UnlockRequest(
            device=device,
            building=device.building,
            requested_by=person,
            door_label=device.label,
            person_name=person.get_full_name(),
            status=Status.UNLOCKED,
            send_by=now,
            call_deadline=now,
            resolve_by=now,
            ended_at=now,
            took_ms=length,
            **fields,
        )
        for length in lengths_ms
    )
