"""The lines of a hand-over sheet, part by part, each read from rows with a bound on how many."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from locks import words
from locks.models import (
    Action,
    Attestation,
    Building,
    FollowUp,
    Press,
    Seen,
    Status,
    UnlockRequest,
    Verdict,
)
from locks.models.unlocks import DONE_STATUSES, Outcome
from locks.services.attesting import newest_of
from locks.services.shifts import BATTERY, NOT_LOCKED, OFFLINE, UNLOCKED, DoorNote, OpenNote
from locks.views.lock_offers import unlocks_before
from locks.views.locking_states import UnlockBefore
from locks.views.log import Span, requests_in
from locks.views.states import LOOKS, clock, said, state_of
from locks.words import dates
from locks.words.numbers import percent

MOST_TROUBLES, MOST_REFUSALS, MOST_DONE = 40, 20, 20

_URGENCY = ("warn", "bad", "busy", "half", "good")  # tones of outcomes
_DOORS = {  # icon, tone, words
    NOT_LOCKED: ("unlock", "warn", gettext_lazy("Unlocked, not seen to lock")),
    UNLOCKED: ("unlock", "warn", gettext_lazy("Unlocked")),
    OFFLINE: ("offline", "bad", gettext_lazy("Offline")),
    BATTERY["critical"]: ("battery-low", "bad", gettext_lazy("Battery nearly empty")),
    BATTERY["low"]: ("battery-low", "warn", gettext_lazy("Battery low")),
}


@dataclass(frozen=True)
class Figure:
    """How often one outcome came about."""

    count: int
    label: str
    icon: str
    tone: str


@dataclass(frozen=True)
class Trouble:
    """A press that somebody should still know of: why, what was seen, and what came of it later."""

    when: str
    door: str
    who: str
    tone: str
    icon: str
    outcome: str
    why: str
    seen: str
    later: str


@dataclass(frozen=True)
class Refusal:
    """Presses of one person on one door that were refused for one reason."""

    times: int
    when: str  # the last
    door: str
    who: str
    why: str


@dataclass(frozen=True)
class DoorLine:
    label: str
    icon: str
    tone: str
    text: str


@dataclass(frozen=True)
class NoteLine:
    text: str
    written: str  # by whom and when


@dataclass(frozen=True)
class FollowUpLine:
    pk: int
    text: str
    door: str
    opened: str  # by whom and when
    closed: str = ""
    note: str = ""
    notes: tuple[NoteLine, ...] = ()


def figures_of(building: Building, span: Span, moved: int) -> list[Figure]:
    """The outcomes, those that want something first, and what happened without a press of ours."""
    counted = requests_in(building, span).order_by().values("outcome_value")
    found = Counter(
        {row["outcome_value"]: row["times"] for row in counted.annotate(times=Count("pk"))}
    )
    figures = [
        Figure(found[outcome], str(outcome.label).rstrip("…"), LOOKS[outcome][1], LOOKS[outcome][0])
        for outcome in Outcome
        if found[outcome]
    ]
    figures.sort(key=lambda each: _URGENCY.index(each.tone))
    if moved:
        figures.append(
            Figure(moved, _("Unlocked by code, by hand, or from elsewhere"), "key", "plain")
        )
    return figures


def troubles_in(building: Building, span: Span, *, pressed_after: dt.datetime) -> list[Trouble]:
    """Not unlocked, unknown, under way, or contradicted within the time; newest first.

    Of presses that were made before it, after `pressed_after`, those are told that were contradicted, or
    whose outcome came to be known, within the time, and unlocks that were unknown to its end: while
    nobody saw it unlocked, and nobody has unlocked the door since. One more than MOST_TROUBLES tells
    that there are more; so with the others here.
    """
    odd = ~Q(status__in=DONE_STATUSES)
    late = Q(ended_at__gt=span.until)  # the shift did not know yet
    own = requests_in(building, span).filter(odd | late | Q(contradicted_at__isnull=False))
    # Asked apart from its own: as one question neither would be read along an index of times.
    before = requests_in(building, Span(pressed_after, span.since))
    against = before.filter(contradicted_at__gt=span.since, contradicted_at__lte=span.until)
    settled = before.filter(ended_at__gt=span.since, ended_at__lte=span.until)
    still = _unknown_at(span.until or timezone.now(), before)
    of_before = {
        request.pk: request
        for requests in (against, settled, still)
        for request in requests.order_by("-requested_at", "-pk")[: MOST_TROUBLES + 1]
    }
    found = [
        *own.order_by("-requested_at", "-pk")[: MOST_TROUBLES + 1],
        *sorted(of_before.values(), key=lambda each: (each.requested_at, each.pk), reverse=True),
    ][: MOST_TROUBLES + 1]
    seen, befores = newest_of(found), unlocks_before(found)
    return [
        _trouble(request, building, span, word=seen.get(request.pk), before=befores.get(request.pk))
        for request in found
    ]


def _unknown_at(end: dt.datetime, requests: QuerySet[UnlockRequest]) -> QuerySet[UnlockRequest]:
    """The unlocks among these of which nobody knew then whether the door had opened."""
    newer = UnlockRequest.objects.unlocks().filter(
        device=OuterRef("device"),
        requested_at__gt=OuterRef("requested_at"),
        requested_at__lte=end,
    )
    said = Attestation.objects.filter(request=OuterRef("pk"), at__lte=end).order_by("-at", "-pk")
    unknown = Q(status=Status.UNKNOWN, contradicted_at=None) | Q(ended_at__gt=end)
    found = requests.filter(unknown, ~Exists(newer), action=Action.UNLOCK)
    # Where it was seen locked, or nobody was there, it may still unlock.
    found = found.annotate(last_word=Subquery(said.values("seen")[:1]))
    return found.filter(Q(last_word=None) | ~Q(last_word=Seen.UNLOCKED))


def _trouble(
    request: UnlockRequest,
    building: Building,
    span: Span,
    *,
    word: Attestation | None,
    before: UnlockBefore | None,
) -> Trouble:
    end = span.until or timezone.now()
    request.building = building
    state = state_of(request, at=end, before=before)
    look, outcome, later = (state.tone, state.icon), state.brief, ""
    if request.ended_at is not None and request.ended_at > end:
        unknown = Outcome.LOCK_UNKNOWN if request.action == Action.LOCK else Outcome.UNKNOWN
        look, outcome = LOOKS[unknown], str(unknown.label)
        later = _("Known only at %(time)s: %(outcome)s") % {
            "time": clock(request.ended_at, zone=building.zone, at=end),
            "outcome": state.brief,
        }
    elif request.contradicted_at is not None and request.contradicted_at > end:
        told = _contradicted(request)
        look, outcome = LOOKS[request.outcome], str(request.outcome.label)
        later = f"{clock(request.contradicted_at, zone=building.zone, at=end)}: {told}"
    elif request.requested_at <= span.since < (request.ended_at or span.since):
        later = _("Known only since %(time)s") % {
            "time": clock(request.ended_at, zone=building.zone, at=end)
        }
    elif request.requested_at <= span.since and request.status == Status.UNKNOWN:
        later = _("Still not known")
    return Trouble(
        when=clock(request.requested_at, zone=building.zone, at=end),
        door=request.door_label,
        who=request.person_name,
        tone=look[0],
        icon=look[1],
        outcome=outcome.rstrip("…"),
        why=_why(request, end),
        seen=said(word, zone=building.zone, at=end),
        later=later,
    )


def _why(request: UnlockRequest, end: dt.datetime) -> str:
    told = [words.failure_in_short(request.code)] if request.code else []
    if request.code in ("refused", "lock_error") and request.error_type:
        told.append(words.seams_error(request.error_type).rstrip("."))
    if request.contradicted_at is not None and request.contradicted_at <= end:
        told.append(str(_contradicted(request)))
    return " · ".join(told)


def _contradicted(request: UnlockRequest) -> words.Told:
    if request.action == Action.LOCK:
        return words.lock_contradicted(locked=request.status == Status.LOCKED)
    return words.contradicted(unlocked=request.status == Status.UNLOCKED)


def refusals_in(building: Building, span: Span, *, is_managed: bool) -> tuple[list[Refusal], int]:
    """Refused presses: who tried what and why not, and how many in all. Two queries."""
    presses = Press.objects.filter(
        building=building,
        verdict=Verdict.REFUSED,
        counts_for=None,  # the others are counted by its repeats
        pressed_at__gt=span.since,
        pressed_at__lte=span.until,
    ).order_by()
    times = Count("pk") + Coalesce(Sum("repeats"), 0)
    total = presses.aggregate(times=times)["times"]
    alike = presses.values("device_id", "door_label", "person_id", "person_name", "code", "action")
    found = alike.annotate(times=times, last=Max("pressed_at")).order_by("-last", "device_id")
    refusals = [
        Refusal(
            times=each["times"],
            when=clock(each["last"], zone=building.zone, at=span.until or timezone.now()),
            door=each["door_label"],
            # Who holds no role here is not for the people here to know.
            who=each["person_name"] if is_managed or each["code"] != "not_yours" else _("somebody"),
            why=words.refusal_in_short(each["code"], locking=each["action"] == Action.LOCK),
        )
        for each in found[: MOST_REFUSALS + 1]
    ]
    return refusals, total


def door_line(note: DoorNote, building: Building, end: dt.datetime, is_managed: bool) -> DoorLine:
    icon, tone, told = _DOORS[note.code]
    text, since = str(told), parsed(note.since)
    # When somebody used their code at a private door is for managers.
    if since is not None and (is_managed or not note.private or note.code == OFFLINE):
        when = clock(since, zone=building.zone, at=end, seconds=False)
        if note.code == OFFLINE:
            text = _("Offline since %(time)s") % {"time": when}
        elif note.code == NOT_LOCKED:
            text = _("Unlocked since %(time)s, not seen to lock") % {"time": when}
        else:
            text = _("Unlocked, as Seam told at %(time)s") % {"time": when}
    if note.percent is not None:
        text = f"{text} · {percent(note.percent)}"
    return DoorLine(label=note.label, icon=icon, tone=tone, text=text)


def open_line(note: OpenNote, building: Building, end: dt.datetime) -> FollowUpLine:
    opened = _by(note.by, parsed(note.at), building, end)
    told = ((each.text, each.by, parsed(each.at)) for each in note.notes)
    notes = tuple(_note_line(*each, building, end) for each in told)
    return FollowUpLine(
        pk=note.follow_up, text=note.text, door=note.door, opened=opened, notes=notes
    )


def done_in(building: Building, span: Span) -> list[FollowUpLine]:
    """Follow-ups that were closed within the time. Two queries."""
    end = span.until or timezone.now()
    closed = FollowUp.objects.filter(
        building=building, closed_at__gt=span.since, closed_at__lte=end
    )
    return [
        FollowUpLine(
            pk=each.pk,
            text=each.text,
            door=each.door_label,
            opened=_by(each.opener_name, each.opened_at, building, end),
            closed=_by(each.closer_name, each.closed_at, building, end),
            note=each.closing_note,
            notes=tuple(
                _note_line(note.text, note.writer_name, note.written_at, building, end)
                for note in each.notes.all()
            ),
        )
        for each in closed.order_by("-closed_at", "-pk").prefetch_related("notes")[: MOST_DONE + 1]
    ]


def _note_line(
    text: str, name: str, at: dt.datetime | None, building: Building, end: dt.datetime
) -> NoteLine:
    return NoteLine(text, _by(name, at, building, end))


def _by(name: str, moment: dt.datetime | None, building: Building, end: dt.datetime) -> str:
    return " · ".join(filter(None, (name, clock(moment, zone=building.zone, at=end))))


def moment_on_paper(moment: dt.datetime, building: Building) -> str:
    """A moment with its day, as it stands on paper."""
    return dates.written(timezone.localtime(moment, building.zone), dates.ON_PAPER)


def parsed(text: str) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
