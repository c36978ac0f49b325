"""What happened at a building's doors in some time, newest first: one rule for the desk and the hand-over."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from locks import words
from locks.models import Action, Building, Device, Press, SeamEvent, UnlockRequest, Verdict
from locks.services.attesting import newest_of
from locks.services.weighing import UNLOCKED, answers_a_press
from locks.views.lock_offers import unlocks_before
from locks.views.moments import moved_at
from locks.views.states import clock, said, state_of

LOG_REACHES_BACK = dt.timedelta(hours=12)
LONGEST_LOG = 100  # rows


@dataclass(frozen=True)
class Span:
    """The time that a log tells of: after `since`, up to `until` (or to now)."""

    since: dt.datetime
    until: dt.datetime | None = None


@dataclass(frozen=True)
class Chosen:
    """What a log is filtered by, by id; None for all."""

    door: int | None = None
    person: int | None = None

    def __bool__(self) -> bool:
        return self.door is not None or self.person is not None


ALL = Chosen()


@dataclass(frozen=True)
class LogRow:
    """One line: a press that was sent, or an unlock that Seam told of and nobody here asked for."""

    key: str
    at: dt.datetime
    when: str
    door: str
    device_id: int | None
    tone: str
    icon: str
    outcome: str
    who: str
    person: tuple[int, str] | None = None  # who pressed
    seen: str = ""  # what somebody saw at the door
    learned: str = ""  # of one that nobody knew of for a while
    request: UnlockRequest | None = None
    joined: int = 0  # presses that came while it was under way


def read_log(
    building: Building,
    *,
    at: dt.datetime,
    managed: Collection[int],
    span: Span | None = None,
    chosen: Chosen = ALL,
    longest: int = LONGEST_LOG,
) -> list[LogRow]:
    """The newest rows; one more than `longest` tells that there are more.

    Three queries, one more where something was learned late, and up to two where a lock came after an
    unlock of unknown outcome.

    Without a span, those of the last 12 hours. What happened by hand or by code at private doors is
    for those who manage the building, whatever is chosen.
    """
    span = span or Span(at - LOG_REACHES_BACK)
    rows = _presses(building, span, at=at, chosen=chosen, longest=longest)
    if chosen.person is None:  # nobody here asked for the others
        moves = moves_at(building, span, at=at, private=building.pk in managed)
        if chosen.door is not None:
            moves = moves.filter(device=chosen.door)
        newest = moves.order_by("-occurred_at", "-pk")[: longest + 1]
        rows += [_move_row(move, building, at=at) for move in newest]
    rows.sort(key=lambda row: (row.at, row.key), reverse=True)
    return rows[: longest + 1]


def requests_in(building: Building, span: Span) -> QuerySet[UnlockRequest]:
    """The presses that were sent in that time."""
    requests = UnlockRequest.objects.filter(building=building, requested_at__gt=span.since)
    return requests if span.until is None else requests.filter(requested_at__lte=span.until)


def moves_at(
    building: Building, span: Span, *, at: dt.datetime, private: bool
) -> QuerySet[SeamEvent]:
    """Unlocks that no press of ours stands for, at doors that are still this building's.

    `private`: those at private doors, too.
    """
    moves = SeamEvent.objects.filter(
        ~answers_a_press(),
        building=building,
        device__building=building,
        event_type=UNLOCKED,
        waiting=False,
        occurred_at__gt=span.since,
        occurred_at__lte=span.until or at,
    )
    return moves if private else moves.filter(device__access=Device.Access.COMMON)


def _presses(
    building: Building, span: Span, *, at: dt.datetime, chosen: Chosen, longest: int
) -> list[LogRow]:
    requests = requests_in(building, span)
    if chosen.door is not None:
        requests = requests.filter(device=chosen.door)
    if chosen.person is not None:
        took_part = Press.objects.filter(request=OuterRef("pk"), person=chosen.person)
        requests = requests.filter(Q(requested_by=chosen.person) | Exists(took_part))
    joined = Count("presses", filter=Q(presses__verdict=Verdict.JOINED))
    ordered = requests.annotate(joined=joined).order_by("-requested_at", "-pk")
    rows = []
    found = list(ordered[: longest + 1])
    words_of, moments, befores = newest_of(found), moved_at(found), unlocks_before(found)
    for request in found:
        request.building = building
        moved, before = moments.get(request.pk), befores.get(request.pk)
        state = state_of(request, at=at, moved_at=moved, before=before)
        rows.append(
            LogRow(
                key=f"request-{request.pk}",
                at=request.requested_at,
                when=clock(request.requested_at, zone=building.zone, at=at),
                door=request.door_label,
                device_id=request.device_id,
                tone=state.tone,
                icon=state.icon,
                outcome=state.brief,
                who=_who(request, request.joined),
                person=(request.requested_by_id, request.person_name),
                learned=state.learned,
                seen=said(words_of.get(request.pk), zone=building.zone, at=at),
                request=request,
                joined=request.joined,
            )
        )
    return rows


def _who(request: UnlockRequest, joined: int) -> str:
    told = [request.person_name]
    if request.overridden:
        told.append(_("break-glass"))
    if joined:
        told.append(ngettext("%(count)d joined", "%(count)d joined", joined) % {"count": joined})
    if request.pressed_again and request.action == Action.UNLOCK:
        told.append(_("pressed again"))
    return " · ".join(told)


def _move_row(move: SeamEvent, building: Building, *, at: dt.datetime) -> LogRow:
    return LogRow(
        key=f"event-{move.pk}",
        at=move.occurred_at,
        when=clock(move.occurred_at, zone=building.zone, at=at),
        door=move.door_label,
        device_id=move.device_id,
        tone="plain",
        icon="key",
        outcome=words.move(move.method, remote=bool(move.action_attempt_id)),
        who="",
    )
