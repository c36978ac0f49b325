"""One request's whole story: each step to the millisecond, and what else happened at that door then."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from locks import words
from locks.admin.shown import detail_of, labelled, name_of, outcome_of
from locks.models import Action, AuditEvent, Seen, UnlockRequest
from locks.models.unlocks import SAID

BEFORE, AFTER = dt.timedelta(minutes=1), dt.timedelta(minutes=5)
MOST_BESIDE = 30
# Said of every step, or shown above it.
_LEFT_OUT = {"person", "username", "door", "building", "identified_by", "reality"}


@dataclass(frozen=True)
class Step:
    """One event as the timeline shows it; `facts` is empty where only that it happened matters."""

    what: str
    who: str
    clock: str  # on the building's wall clock, with milliseconds
    utc: str
    since: str  # from the press
    link: str
    words: str  # why, in a sentence; empty where nothing needs one
    facts: list[tuple[str, str]]


@dataclass(frozen=True)
class Story:
    """A request's own steps, and the events of its door around it."""

    zone: str
    steps: list[Step]
    beside: list[Step]
    has_more: bool  # beside than are shown


def timeline(request: UnlockRequest) -> Story:
    """The story of `request`, oldest first. Three queries."""
    own = request.events.select_related("detail").order_by("sequence")
    # What was settled hours later was still a press of that moment.
    ended = min(request.ended_at or request.resolve_by, request.resolve_by)
    around = AuditEvent.objects.filter(
        device=request.device_id,
        chain__building=request.building_id,
        at__range=(request.requested_at - BEFORE, ended + AFTER),
    )
    beside = around.exclude(request=request.pk).select_related("detail").order_by("at", "pk")
    return Story(
        zone=request.building.zone.key,
        steps=[_step(event, request) for event in own],
        beside=[replace(_step(event, request), facts=[]) for event in beside[:MOST_BESIDE]],
        has_more=beside[MOST_BESIDE : MOST_BESIDE + 1].exists(),
    )


def _step(event: AuditEvent, request: UnlockRequest) -> Step:
    detail = detail_of(event)
    return Step(
        what=outcome_of(event),
        who=name_of(detail),
        clock=clock(event.at.astimezone(request.building.zone)),
        utc=clock(event.at.astimezone(dt.UTC)),
        since=_since(event.at - request.requested_at),
        link=reverse("admin:locks_auditevent_change", args=(event.pk,)),
        words=_why(detail, locking=request.action == Action.LOCK),
        facts=[
            labelled(name, value)
            for name, value in detail.items()
            if name not in _LEFT_OUT
            and not (name in SAID and value == getattr(request, name))
            and not (name == "code" and value in words.FAILURES)
        ],
    )


def clock(at: dt.datetime) -> str:
    """A date and a time to the millisecond."""
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}"


def _since(passed: dt.timedelta) -> str:
    """How long after the press (or before it, with a minus)."""
    milliseconds = passed // dt.timedelta(milliseconds=1)
    sign = "−" if milliseconds < 0 else "+"
    return _("%(sign)s%(seconds).3f s") % {"sign": sign, "seconds": abs(milliseconds) / 1000}


def _why(detail: dict[str, Any], *, locking: bool) -> str:
    if detail.get("seen") in Seen.values:
        return str(Seen(detail["seen"]).label)
    code = str(detail.get("code", ""))
    if code in words.FAILURES:
        error_type = str(detail.get("error_type", ""))
        return words.failure(code, error_type, when="", locking=locking)
    return ""
