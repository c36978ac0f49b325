"""Refused presses: each is on the record, repeats are counted, so that nobody can flood a chain."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from locks.models import Action, Device, Press, User, Verdict
from locks.services.audit import record
from locks.services.kinds import kind_of
from locks.services.limiting import REFUSED_KEPT

COALESCE = dt.timedelta(seconds=60)


def refuse(
    *,
    actor: User,
    device: Device,
    code: str,
    action: str = Action.UNLOCK,
    nonce: uuid.UUID | None = None,
    address: str = "",
    retry_at: dt.datetime | None = None,
) -> Press:
    """Record a refused press and return its row; inside the caller's transaction.

    The first of a minute writes an event; the same refusal again (person, door, button, code) only counts
    up on that first press. A press with a nonce of ours keeps a row of its own, so that it stays used: as far
    as a person could have pressed. `retry_at` is when it would not be refused for coming too soon.
    """
    now = timezone.now()
    refused: dict[str, Any] = {"verdict": Verdict.REFUSED, "code": code, "action": action}
    row: dict[str, Any] = {"person": actor, "device": device, "pressed_at": now, **refused}
    row["retry_at"] = retry_at
    first = (
        Press.objects.filter(
            person=actor, device=device, counts_for=None, pressed_at__gt=now - COALESCE, **refused
        )
        .order_by("pressed_at")
        .first()
    )
    if first is None:
        first = Press.objects.add(nonce=nonce or uuid.uuid4(), **row)
        record(
            kind_of(action, "refused"),
            building=device.building,
            actor=actor,
            device=device,
            code=code,
            address=address,
            retry_at=retry_at.isoformat() if retry_at else None,
        )
        return first
    Press.objects.filter(pk=first.pk).update(repeats=F("repeats") + 1)
    flood = first.repeats >= REFUSED_KEPT
    return (
        first if nonce is None or flood else Press.objects.add(nonce=nonce, counts_for=first, **row)
    )


def record_repeats() -> int:
    """Put the counts of repeated refusals on the record once their minute is over. Returns how many."""
    waiting = Press.objects.filter(
        repeats__gt=F("repeats_recorded"), pressed_at__lte=timezone.now() - COALESCE
    ).select_related("person", "building", "device")
    done = 0
    for press in waiting[:100]:
        with transaction.atomic():
            mine = Press.objects.filter(
                pk=press.pk, repeats_recorded=press.repeats_recorded, repeats=press.repeats
            ).update(repeats_recorded=press.repeats)
            if mine:
                record(
                    kind_of(press.action, "refused_repeatedly"),
                    building=press.building,
                    actor=press.person,
                    device=press.device,
                    code=press.code,
                    times=press.repeats - press.repeats_recorded,
                )
                done += 1
    return done
