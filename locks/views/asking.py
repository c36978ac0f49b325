"""What a confirmation asks beside the door: reason, note, reference, and how the person was identified.

What somebody chose last in a building is chosen already the next time within a shift, wherever they
sign in: never another person's, and never a note or a reference, which belong to one press. Where the way
of identifying stays so, the record says that it was carried over.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from locks.forms import UnlockForm
from locks.models import Device, PickListEntry, UnlockRequest
from locks.services.card_numbers import without_card_numbers
from locks.services.pick_lists import Lists, chosen, lists_of
from locks.views.requests import DeskRequest

SHIFT = dt.timedelta(hours=12)
_LATELY = 20  # presses that are looked at for what was chosen last
_MOST_SHOWN = 1000  # characters of what was typed
_KEYS = 9  # entries that a digit chooses


@dataclass(frozen=True)
class Offer:
    """One entry as the form shows it."""

    name: str  # of its field
    value: str
    text: str
    is_chosen: bool
    needs_note: bool = False
    key: str = ""  # the digit that chooses it


@dataclass(frozen=True)
class Question:
    """What is asked of one press, and what is filled in already."""

    reasons: list[Offer]  # none where the reason is typed
    ways: list[Offer]  # none where nobody has to be identified
    reason: str
    note: str
    reference: str
    way_before: int | None  # the way that was chosen already, until somebody chooses

    @property
    def needs_note(self) -> bool:
        """Whether the reason that is chosen says nothing without a note."""
        return any(each.is_chosen and each.needs_note for each in self.reasons)

    def first_open(self, form: UnlockForm) -> str:
        """The first field that wants something: unfit, or required and empty; "" where none does."""
        unfit = form.errors if form.is_bound else {}
        open_ones = {
            "reason": not self.reason and not _is_chosen(self.reasons),
            "note": "note" in unfit or (self.needs_note and not self.note),
            "reference": "reference" in unfit,
            "way": bool(self.ways) and not _is_chosen(self.ways),
        }
        return next((name for name, is_open in open_ones.items() if is_open), "")


def _is_chosen(offers: Sequence[Offer]) -> bool:
    return any(each.is_chosen for each in offers)


def question(request: DeskRequest, device: Device, form: UnlockForm) -> Question:
    """What a press of `device` is asked: with what was posted, else with what the person chose last."""
    lists = lists_of(device.building)
    posted = request.method == "POST"  # a question is bound, too: it comes with what found the door
    last = {} if posted else _last(request, device, lists)
    reason, way = (form.number("reason_id"), form.number("way_id")) if posted else (None, None)
    typed = {name: _typed(form, name) for name in ("reason", "note", "reference")}
    if lists.reasons:  # there is no field for one that was typed: it becomes the note of another
        typed |= {"reason": "", "note": typed["note"] or typed["reason"]}
    return Question(
        reasons=_offers("reason_id", lists.reasons, reason or last.get("reason")),
        ways=_ways(form, lists, way or last.get("way")) if device.is_private else [],
        way_before=form.number("way_before") if posted else last.get("way"),
        **typed,
    )


def said(form: UnlockForm, lists: Lists) -> dict[str, Any]:
    """What the form says of the press, as PressForm takes it."""
    words = chosen(
        lists,
        reason_id=form.number("reason_id"),
        reason=form.text("reason"),
        way_id=form.number("way_id"),
        identified_by=form.text("identified_by"),
    )
    typed = {name: form.text(name) for name in ("note", "reference")}
    stayed = words["identified_by"] and form.number("way_id") == form.number("way_before")
    return {**words, **typed, "way_carried_over": bool(stayed), "is_unfit": form.is_unfit}


def _last(request: DeskRequest, device: Device, lists: Lists) -> dict[str, int]:
    """What the person chose last in this building of what is offered still. One query.

    A reason that needs a note is left out: it is chosen for what its note says.
    """
    sent = UnlockRequest.objects.unlocks().filter(
        requested_by=request.user,
        building=device.building,
        requested_at__gt=timezone.now() - SHIFT,
    )
    # A common door asks nothing.
    sent = sent.exclude(reason="", identified_by="", identified_as="")
    rows = list(sent.order_by("-requested_at", "-pk")[:_LATELY])
    reasons = {each.text: each.pk for each in lists.reasons if not each.needs_note}
    ways = {each.text: each.pk for each in lists.ways}
    named = (each.identified_as or str(each.get_identified_by_display()) for each in rows)
    found = {
        "reason": next((reasons[each.reason] for each in rows if each.reason in reasons), None),
        "way": next((ways[each] for each in named if each in ways), None),
    }
    return {name: pk for name, pk in found.items() if pk is not None}


def _offers(name: str, entries: Sequence[PickListEntry], pk: int | None) -> list[Offer]:
    digits = name == "reason_id"
    return [
        Offer(
            name=name,
            value=str(each.pk),
            text=each.text,
            is_chosen=each.pk == pk,
            needs_note=each.needs_note,
            key=str(number) if digits and number <= _KEYS else "",
        )
        for number, each in enumerate(entries, start=1)
    ]


def _ways(form: UnlockForm, lists: Lists, pk: int | None) -> list[Offer]:
    """The building's ways; the four where it has no list of its own."""
    return _offers("way_id", lists.ways, pk) or [
        Offer("identified_by", value, str(label), form.data.get("identified_by") == value)
        for value, label in UnlockRequest.Identified.choices
    ]


def _typed(form: UnlockForm, name: str) -> str:
    """What was typed, to be shown once more: without what must not be kept."""
    return without_card_numbers(str(form.data.get(name, ""))[:_MOST_SHOWN])
