"""The lists that a building offers at a press: set up, changed, and read from what was posted.

Managers of the building and superusers change them; others get NotAllowed. ValidationError says what
cannot be. An entry is never deleted, and no change reaches what was chosen before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from locks.models import Building, Kind, PickList, PickListEntry, User
from locks.models.unlocks import Identified
from locks.services.audit import record
from locks.services.editing import apply, plain, require_manager

# What a new building begins with: of the reasons also whether it needs a note.
USUAL_REASONS: Final[tuple[tuple[str | Promise, bool], ...]] = (
    (_("Guest locked out"), False),
    (_("Arrival"), False),
    (_("Courier"), False),
    (_("Cleaning"), False),
    (_("Maintenance"), False),
    (_("Emergency services"), False),
    (_("Other"), True),
)
FIELDS: Final = frozenset({"text", "meaning", "needs_note", "place", "retired"})
_STEP: Final = 10  # between two places, so that something fits in


def add_usual(building: Building) -> None:
    """Give a new building the usual lists; its `building.added` is what the record says of them."""
    entries = [
        PickListEntry(
            building=building,
            kind=PickList.REASON,
            text=str(text),
            needs_note=needs_note,
            place=number * _STEP,
        )
        for number, (text, needs_note) in enumerate(USUAL_REASONS, start=1)
    ]
    for number, way in enumerate(Identified, start=1):
        entries.append(
            PickListEntry(
                building=building,
                kind=PickList.IDENTIFIED,
                text=str(way.label),
                meaning=way,
                place=number * _STEP,
            )
        )
    PickListEntry.objects.bulk_create(entries)


@transaction.atomic
def add_entry(*, actor: User, building: Building, kind: str, **fields: Any) -> PickListEntry:
    """Put an entry into one of the lists of `building`; `fields` as FIELDS names them."""
    _require_known(fields)
    require_manager(actor, building)
    entry = PickListEntry(building=building, kind=kind, **fields)
    entry.full_clean()
    entry.save()
    told = {name: [None, plain(getattr(entry, name))] for name in sorted(fields)}
    _record(actor, entry, changed=told)
    return entry


@transaction.atomic
def change_entry(*, actor: User, entry: PickListEntry, changes: Mapping[str, Any]) -> PickListEntry:
    """Change what FIELDS names: reword, move, retire, bring back."""
    _require_known(changes)
    row = PickListEntry.objects.select_for_update(of=("self",)).get(pk=entry.pk)
    require_manager(actor, row.building)
    # The row is judged as a whole: its constraints span list, text and meaning.
    whole = {name: getattr(row, name) for name in (*FIELDS, "building", "kind")}
    if changed := apply(row, {**whole, **changes}):
        _record(actor, row, changed=changed)
    return row


def _record(actor: User, entry: PickListEntry, **detail: Any) -> None:
    told = {"list": str(entry.kind), "entry": entry.pk, "text": entry.text, **detail}
    record(Kind.PICK_LIST_CHANGED, building=entry.building, actor=actor, **told)


def _require_known(fields: Iterable[str]) -> None:
    if unknown := set(fields) - FIELDS:
        raise ValueError(f"Not to be changed here: {sorted(unknown)}")


@dataclass(frozen=True)
class Lists:
    """What a building offers now. An empty list: a reason is typed, the ways are the usual four."""

    reasons: list[PickListEntry]
    ways: list[PickListEntry]


def lists_of(building: Building | None) -> Lists:
    """The lists of `building`. One query."""
    entries = list(PickListEntry.objects.offered_in(building))
    return Lists(
        reasons=[each for each in entries if each.kind == PickList.REASON],
        ways=[each for each in entries if each.kind == PickList.IDENTIFIED],
    )


def chosen(
    lists: Lists, *, reason_id: int | None, reason: str, way_id: int | None, identified_by: str
) -> dict[str, Any]:
    """What was chosen or typed, as PressForm takes it.

    An entry that is not offered here, and a way that the building does not offer, count as left empty.
    A reason that was typed, without an entry, stays as it is: scripts and older pages send no other.
    """
    why = next((each for each in lists.reasons if each.pk == reason_id), None)
    way = next((each for each in lists.ways if each.pk == way_id), None)
    if way is None and lists.ways:
        way = next((each for each in lists.ways if each.meaning == identified_by), None)
        identified_by = ""
    return {
        "reason": why.text if why else reason,
        "needs_note": why is not None and why.needs_note,
        "identified_by": way.meaning if way else identified_by,
        "identified_as": way.text if way and way.text != way.get_meaning_display() else "",
    }
