"""The hand-over sheet: what a shift should know of the one before, read from rows.

Unlocks are told as the record has them now, with what became known only later marked so. Doors and
follow-ups of a shift that is over are told as they were noted when it was taken over.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

from django.db.models import Q

from locks.models import Building, FollowUp, FollowUpNote, HandOver
from locks.services.events import KEPT_FOR
from locks.services.handing_over import begins_at
from locks.services.shifts import Noted, noted_now
from locks.services.weighing import READ_BY_ALL_FOR
from locks.views.log import LogRow, Span, moves_at, read_log, requests_in
from locks.views.sheet_lines import (
    MOST_DONE,
    MOST_REFUSALS,
    MOST_TROUBLES,
    DoorLine,
    Figure,
    FollowUpLine,
    Refusal,
    Trouble,
    done_in,
    door_line,
    figures_of,
    moment_on_paper,
    open_line,
    parsed,
    refusals_in,
    troubles_in,
)
from locks.views.states import clock

# A shift that nobody took over may have lasted years: who manages reads the end of it. Seam's word against
# an earlier press is read 30 days back (services.catching_up), so that none is missed by it either.
LONGEST_TOLD: Final = KEPT_FOR
LONGEST_LIST: Final = 120  # rows


@dataclass(frozen=True)
class Sheet:
    """A shift as one person may read it."""

    building: Building
    since: str
    until: str
    is_clipped: bool  # it began earlier, and what was before is not here
    is_managed: bool
    moves_kept_for: int  # days; 0 where all unlocks by code and by hand are still kept
    figures: list[Figure]
    troubles: list[Trouble]
    refusals: list[Refusal]
    refused: int
    doors: list[DoorLine]
    silent: int
    open: list[FollowUpLine]
    done: list[FollowUpLine]
    rows: list[LogRow]
    rows_left: int
    cut: frozenset[str]  # the parts of which only the newest are here
    noted: Noted
    noted_at: str

    @property
    def head(self) -> str:
        """The hash at the record's end, in groups that can be read out and compared."""
        return " ".join(self.noted.head[at : at + 4] for at in range(0, len(self.noted.head), 4))


def sheet_now(
    building: Building, *, latest: HandOver | None, is_managed: bool, at: dt.datetime
) -> Sheet:
    """The shift that is under way; `latest` is the building's last hand-over."""
    span = Span(begins_at(latest, at=at), at)
    return _sheet(building, span, noted_now(building, at=at), is_managed=is_managed, at=at)


def sheet_of(hand_over: HandOver, *, is_managed: bool, at: dt.datetime) -> Sheet:
    """A shift that is over, as it was handed over; read `at` that moment."""
    span = Span(hand_over.since, hand_over.until)
    noted = Noted.from_json(hand_over.noted)
    return _sheet(hand_over.building, span, noted, is_managed=is_managed, at=at)


def came_since(moment: dt.datetime, hand_over: HandOver, *, is_managed: bool) -> int:
    """How many presses, unlocks and notes a shift's sheet tells, and did not at that `moment` of it.

    Seven queries; of presses of before, as far back as the sheet tells of what came of them.
    """
    building, end = hand_over.building, hand_over.until
    span = Span(moment, end)
    sent = requests_in(building, span).count()
    moves = moves_at(building, span, at=end, private=is_managed).count()
    _refusals, refused = refusals_in(building, span, is_managed=is_managed)
    reached = moment - LONGEST_TOLD if is_managed else end - READ_BY_ALL_FOR
    before = requests_in(building, Span(reached, moment))
    settled = before.filter(_between("ended_at", span) | _between("contradicted_at", span)).count()
    written = _between("opened_at", span) | _between("closed_at", span)
    follow_ups = FollowUp.objects.filter(written, building=building).count()
    notes = FollowUpNote.objects.filter(
        _between("written_at", span), follow_up__building=building
    ).count()
    return sent + moves + refused + settled + follow_ups + notes


def _between(field: str, span: Span) -> Q:
    return Q((f"{field}__gt", span.since), (f"{field}__lte", span.until))


def _sheet(
    building: Building, whole: Span, noted: Noted, *, is_managed: bool, at: dt.datetime
) -> Sheet:
    end = whole.until or at
    earliest = max(whole.since, end - LONGEST_TOLD if is_managed else at - READ_BY_ALL_FOR)
    span = Span(earliest, end)
    pressed_after = earliest - LONGEST_TOLD if is_managed else at - READ_BY_ALL_FOR
    managed = {building.pk} if is_managed else set()
    rows = read_log(building, at=end, managed=managed, span=span, longest=LONGEST_LIST)
    moved = moves_at(building, span, at=end, private=is_managed).count()
    figures = figures_of(building, span, moved)
    refusals, refused = refusals_in(building, span, is_managed=is_managed)
    troubles = troubles_in(building, span, pressed_after=pressed_after)
    done = done_in(building, span)
    cut = {
        "troubles": len(troubles) > MOST_TROUBLES,
        "refusals": len(refusals) > MOST_REFUSALS,
        "done": len(done) > MOST_DONE,
    }
    return Sheet(
        building=building,
        since=moment_on_paper(earliest, building),
        until=moment_on_paper(end, building),
        is_clipped=earliest > whole.since,
        is_managed=is_managed,
        moves_kept_for=KEPT_FOR.days if earliest < at - KEPT_FOR else 0,
        figures=figures,
        troubles=troubles[:MOST_TROUBLES],
        refusals=refusals[:MOST_REFUSALS],
        refused=refused,
        doors=[door_line(note, building, end, is_managed) for note in noted.doors],
        silent=noted.silent,
        open=[open_line(note, building, end) for note in noted.open],
        done=done[:MOST_DONE],
        rows=rows[:LONGEST_LIST],
        rows_left=max(0, sum(each.count for each in figures) - LONGEST_LIST),
        cut=frozenset(part for part, is_cut in cut.items() if is_cut),
        noted=noted,
        noted_at=clock(parsed(noted.at), zone=building.zone, at=end),
    )
