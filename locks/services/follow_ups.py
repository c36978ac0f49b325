"""Follow-ups: what a shift leaves to the next ones, on the record until somebody says that it is done."""

from __future__ import annotations

import datetime as dt
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from locks.models import Building, Device, FollowUp, FollowUpNote, Kind, User
from locks.services.audit import record
from locks.services.errors import ServiceError
from locks.services.handing_over import require_work_at, tidy

MOST_OPEN: Final = 100  # of a building
MOST_NOTES: Final = 20  # of a follow-up


class ClosedAlready(ServiceError):
    """Somebody was first; `follow_up` tells who and when."""

    def __init__(self, follow_up: FollowUp) -> None:
        super().__init__(_("Somebody has done that already."))
        self.follow_up = follow_up


@transaction.atomic
def open_follow_up(
    *, actor: User, building: Building, text: str, door: Device | None = None, at: dt.datetime
) -> FollowUp:
    """Leave `text` to the next shifts of `building`; while it is open, the same person's same is one.

    Raises NotAllowed and ServiceError.
    """
    text = tidy(text)
    if not text:
        raise ServiceError(_("Say what the next shift should see to."))
    place = Building.objects.select_for_update(no_key=True).get(pk=building.pk)
    require_work_at(actor, place)
    if door is not None and door.building_id != place.pk:
        raise ServiceError(_("This door is not in the building any more."))
    open_ones = place.follow_ups.open()
    again = open_ones.filter(opened_by=actor, device=door, text=text).first()
    if again is not None:
        return again  # a double click
    if open_ones.count() >= MOST_OPEN:
        told = _("%(most)d follow-ups are open: close some of them first.")
        raise ServiceError(told % {"most": MOST_OPEN})
    added = FollowUp.objects.create(
        building=place,
        device=door,
        door_label=door.label if door else "",
        text=text,
        opened_by=actor,
        opener_name=actor.get_full_name(),
        opened_at=at,
    )
    record(
        Kind.FOLLOW_UP_OPENED,
        building=place,
        actor=actor,
        device=door,
        follow_up=added.pk,
        text=text,
    )
    return added


@transaction.atomic
def add_note(*, actor: User, follow_up: FollowUp, text: str, at: dt.datetime) -> FollowUpNote:
    """Say how far it has come; it stays open. The same person's same last word is one.

    Raises NotAllowed, ClosedAlready, and ServiceError for an empty note, a long one, or one too many.
    """
    text = tidy(text)
    if not text:
        raise ServiceError(_("Say how far it has come."))
    row = FollowUp.objects.select_for_update(no_key=True).get(pk=follow_up.pk)
    require_work_at(actor, row.building)
    if row.closed_at is not None:
        raise ClosedAlready(row)
    notes = list(row.notes.all())
    if notes and (notes[-1].written_by_id, notes[-1].text) == (actor.pk, text):
        return notes[-1]  # a double click
    if len(notes) >= MOST_NOTES:
        told = _("It has %(most)d notes: close it, and leave what is still to be done anew.")
        raise ServiceError(told % {"most": MOST_NOTES})
    added = FollowUpNote.objects.create(
        follow_up=row,
        text=text,
        written_by=actor,
        writer_name=actor.get_full_name(),
        written_at=at,
    )
    _record(Kind.FOLLOW_UP_NOTED, row, actor=actor, note=text)
    return added


@transaction.atomic
def close_follow_up(
    *, actor: User, follow_up: FollowUp, note: str = "", at: dt.datetime
) -> FollowUp:
    """Say that it is done. Raises NotAllowed, ClosedAlready, ServiceError for a note too long."""
    note = tidy(note)
    require_work_at(actor, follow_up.building)
    closed = FollowUp.objects.filter(pk=follow_up.pk, closed_at=None).update(
        closed_at=at, closed_by=actor, closer_name=actor.get_full_name(), closing_note=note
    )
    row = FollowUp.objects.select_related("building", "device").get(pk=follow_up.pk)
    if not closed:
        raise ClosedAlready(row)
    _record(Kind.FOLLOW_UP_CLOSED, row, actor=actor, note=note)
    return row


def _record(kind: Kind, row: FollowUp, *, actor: User, note: str) -> None:
    # A door that has moved away is called otherwise there, and that is not for the people here.
    is_here = row.device is not None and row.device.building_id == row.building_id
    record(
        kind,
        building=row.building,
        actor=actor,
        device=row.device if is_here else None,
        door=row.door_label,
        follow_up=row.pk,
        text=row.text,
        note=note,
    )
