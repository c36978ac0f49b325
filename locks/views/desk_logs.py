"""The desk log beside the doors: its rows, and what it can be filtered by."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from locks.models import Building, Press, Verdict
from locks.views.log import (
    LOG_REACHES_BACK,
    LONGEST_LOG,
    Chosen,
    LogRow,
    Span,
    moves_at,
    read_log,
)

SHORT_LOG = 25  # rows, until earlier ones are asked for: each costs, at each change at a door
MOST_COUNTED = 20  # new rows
_KEPT = re.compile(r"building|log_(door|person|long)_[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True)
class Choice:
    value: int
    label: str
    is_chosen: bool


@dataclass(frozen=True)
class DeskLog:
    """A building's log as one person reads it now."""

    building: Building
    rows: list[LogRow]
    is_cut: bool  # there were more
    is_long: bool  # up to LONGEST_LOG rows are shown, else up to SHORT_LOG
    chosen: Chosen
    doors: list[Choice]
    people: list[Choice]
    kept: list[tuple[str, str]]  # what else the page's address asks for

    @property
    def door_field(self) -> str:
        return f"log_door_{self.building.pk}"

    @property
    def person_field(self) -> str:
        return f"log_person_{self.building.pk}"

    @property
    def long_field(self) -> str:
        return f"log_long_{self.building.pk}"

    @property
    def long_query(self) -> str:
        """The address of the page with this log's earlier rows, after its `?`; of one without filter."""
        return urlencode([*self.kept, (self.long_field, "1")])

    @property
    def mark(self) -> str:
        """Tells one choice from another."""
        return f"{self.chosen.door or ''}-{self.chosen.person or ''}"

    @property
    def all_query(self) -> str:
        """The address of the page with this log unfiltered, after its `?`."""
        return urlencode(self.kept)

    @property
    def door_query(self) -> str:
        """The same with it filtered by a door, whose id is to follow."""
        asked = list(self.kept)
        if self.chosen.person is not None:
            asked.append((self.person_field, str(self.chosen.person)))
        return urlencode([*asked, (self.door_field, "")])

    @property
    def new_texts(self) -> str:
        """What the chip says of 1, 2, 3 … new rows, and of more than that, between bars."""
        texts = [
            ngettext("%(count)d new", "%(count)d new", count) % {"count": count}
            for count in range(1, MOST_COUNTED + 1)
        ]
        more = _("More than %(count)d new") % {"count": MOST_COUNTED}
        return "|".join([*texts, more])


def read_desk_log(
    building: Building, *, at: dt.datetime, managed: Collection[int], asked: Mapping[str, str]
) -> DeskLog:
    """The log of the last 12 hours, filtered and as long as `asked` (an address's query) says.

    The queries of read_log, two more where its rows do not hold all that it can be filtered by.
    """
    chosen = Chosen(
        door=_id_in(asked, f"log_door_{building.pk}"),
        person=_id_in(asked, f"log_person_{building.pk}"),
    )
    is_long = bool(chosen) or _id_in(asked, f"log_long_{building.pk}") is not None
    longest = LONGEST_LOG if is_long else SHORT_LOG
    rows = read_log(building, at=at, managed=managed, chosen=chosen, longest=longest)
    is_cut = len(rows) > longest
    # Who joined stands in no row of their own.
    is_whole = not chosen and not is_cut and not any(row.joined for row in rows)
    others = ({}, {}) if is_whole else _known(building, at=at, private=building.pk in managed)
    doors, people = _named(rows, *others)
    own = tuple(f"log_{field}_{building.pk}" for field in ("door", "person", "long"))
    return DeskLog(
        building=building,
        rows=rows[:longest],
        is_cut=is_cut,
        is_long=is_long,
        chosen=chosen,
        doors=_choices(doors, chosen.door),
        people=_choices(people, chosen.person),
        kept=[
            (name, value)
            for name, value in asked.items()
            if _KEPT.fullmatch(name) and name not in own and _id_in(asked, name) is not None
        ],
    )


def _id_in(asked: Mapping[str, str], name: str) -> int | None:
    value = asked.get(name, "")
    return int(value) if value.isdecimal() and len(value) <= 18 else None


Names = dict[int, str]  # by id


def _known(building: Building, *, at: dt.datetime, private: bool) -> tuple[Names, Names]:
    """Doors and people of which this log tells when nothing is chosen. Two queries.

    From what the reader may see of it alone, so that no name is offered which the log does not hold.
    """
    span = Span(at - LOG_REACHES_BACK)
    presses = Press.objects.filter(building=building, pressed_at__gt=span.since)
    sent = presses.exclude(verdict=Verdict.REFUSED).order_by()
    moves = moves_at(building, span, at=at, private=private).order_by()
    doors: Names = dict(moves.values_list("device_id", "door_label").distinct())
    people: Names = {}
    columns = ("device_id", "door_label", "person_id", "person_name")
    for door, label, person, name in sent.values_list(*columns).distinct():
        doors[door], people[person] = label, name
    return doors, people


def _named(rows: Iterable[LogRow], doors: Names, people: Names) -> tuple[Names, Names]:
    """The same, and those of the rows."""
    for row in rows:
        if row.device_id is not None:
            doors.setdefault(row.device_id, row.door)
        if row.person:
            people.setdefault(*row.person)
    return doors, people


def _choices(known: Mapping[int, str], chosen: int | None) -> list[Choice]:
    """By name; what was chosen and is not told of any more stays, nameless."""
    choices = [Choice(pk, label, pk == chosen) for pk, label in known.items()]
    choices.sort(key=lambda each: (each.label.casefold(), each.value))
    if chosen is not None and chosen not in known:
        choices.append(Choice(chosen, _("Not in the log any more"), is_chosen=True))
    return choices
