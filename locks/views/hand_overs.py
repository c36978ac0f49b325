"""Shift hand-over: the sheet of a building, "taken over by me" in one click, and follow-ups."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from http import HTTPStatus

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from locks.models import Building, Device, FollowUp, HandOver
from locks.services.errors import ServiceError
from locks.services.follow_ups import ClosedAlready, add_note, close_follow_up, open_follow_up
from locks.services.handing_over import (
    LONGEST,
    TakenAlready,
    latest_of,
    take_over,
    tidy,
    works_at,
)
from locks.services.weighing import READ_BY_ALL_FOR
from locks.views.requests import DeskRequest, SeeOther
from locks.views.sheet_lines import moment_on_paper, parsed
from locks.views.sheets import came_since, sheet_now, sheet_of
from locks.views.states import clock

MOST_PAST = 20  # hand-overs that are listed


@dataclass(frozen=True)
class Past:
    """A hand-over in the list of past ones."""

    number: int
    since: str
    until: str
    who: str


@require_GET
def hand_over(request: DeskRequest, building_id: int) -> HttpResponse:
    """The sheet of the shift that is under way, and what its successor does with it."""
    building, is_managed = _place(request, building_id)
    return _sheet(request, building, is_managed=is_managed)


def _sheet(
    request: DeskRequest, building: Building, *, is_managed: bool, refused: str = ""
) -> HttpResponse:
    """The page of the shift that is under way; with what was typed, where that was `refused`."""
    at = timezone.now()
    latest = latest_of(building)
    doors = building.devices.on_the_desk().order_by("label", "pk")
    works = works_at(request.user, building, at=at)
    context = {
        "sheet": sheet_now(building, latest=latest, is_managed=is_managed, at=at),
        "latest": _past(latest, building) if latest else None,
        "said": latest.note if latest and _may_read(latest, is_managed=is_managed, at=at) else "",
        "works": works,
        "doors": list(doors.values_list("pk", "label")) if works else [],
        "longest": LONGEST,
        "past": [
            _past(each, building)
            for each in building.hand_overs.order_by("-number").defer("noted")[:MOST_PAST]
            if _may_read(each, is_managed=is_managed, at=at)
        ],
        "read_at": at.isoformat(),
        "printed_at": moment_on_paper(at, building),
        "typed": request.POST if refused else {},
        "refused": refused,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return render(request, "locks/hand_over.html", context, status=status)


@require_GET
def past_hand_over(request: DeskRequest, building_id: int, number: int) -> HttpResponse:
    """A shift that is over, as it was handed over; for managers, and for others while it is recent."""
    building, is_managed = _place(request, building_id)
    found = get_object_or_404(building.hand_overs.select_related("building"), number=number)
    at = timezone.now()
    if not _may_read(found, is_managed=is_managed, at=at):
        raise Http404
    context = {
        "sheet": sheet_of(found, is_managed=is_managed, at=at),
        "taken": found,
        "taken_at": clock(found.until, zone=building.zone, at=at),
        "printed_at": moment_on_paper(at, building),
    }
    return render(request, "locks/hand_over.html", context)


@require_POST
def take_shift_over(request: DeskRequest, building_id: int) -> HttpResponse:
    """Begin one's shift; who comes second reads who was first."""
    building, is_managed = _place(request, building_id)
    at = timezone.now()
    try:
        taken = take_over(
            actor=request.user,
            building=building,
            after=_number(request.POST.get("after", "")) or 0,
            note=request.POST.get("note", ""),
            at=at,
        )
    except TakenAlready as first:
        told = _who_was_first(first.hand_over, request, at)
        if first.hand_over.taken_by_id != request.user.pk:  # they may want to say it all the same
            return _sheet(request, building, is_managed=is_managed, refused=told)
        messages.warning(request, told)
    except ServiceError as refusal:
        return _sheet(request, building, is_managed=is_managed, refused=str(refusal))
    else:
        _tell_what_came(request, taken, is_managed=is_managed)
        return SeeOther(reverse("past_hand_over", args=(building.pk, taken.number)))
    return _back(building)


def _tell_what_came(request: DeskRequest, taken: HandOver, *, is_managed: bool) -> None:
    """Who read a sheet for a while has not read all that they took over."""
    read_at = parsed(request.POST.get("read_at", ""))
    if read_at is None or not taken.since <= read_at < taken.until:
        return
    count = came_since(read_at, taken, is_managed=is_managed)
    if not count:
        return
    told = ngettext(
        "One more press, unlock or note has come since you opened the sheet, at %(time)s.",
        "%(count)d more presses, unlocks or notes have come since you opened the sheet, at %(time)s.",
        count,
    )
    when = clock(read_at, zone=taken.building.zone, at=taken.until)
    messages.warning(request, told % {"count": count, "time": when})


@require_POST
def add_follow_up(request: DeskRequest, building_id: int) -> HttpResponse:
    """Leave something to the next shifts."""
    building, is_managed = _place(request, building_id)
    asked = request.POST.get("door", "")
    number = _number(asked)
    doors = Device.objects.on_the_desk().filter(building=building)
    door = doors.filter(pk=number).first() if number is not None else None
    try:
        if asked and door is None:
            raise ServiceError(_("This door is not in the building any more."))
        open_follow_up(
            actor=request.user,
            building=building,
            text=request.POST.get("text", ""),
            door=door,
            at=timezone.now(),
        )
    except ServiceError as refusal:
        return _sheet(request, building, is_managed=is_managed, refused=str(refusal))
    return _back(building, "follow-ups")


@require_POST
def close_one(request: DeskRequest, follow_up_id: int) -> HttpResponse:
    """Say that a follow-up is done."""
    found = _follow_up(request, follow_up_id)
    at, note = timezone.now(), request.POST.get("note", "")
    try:
        close_follow_up(actor=request.user, follow_up=found, note=note, at=at)
    except ClosedAlready as first:
        done = first.follow_up
        is_own = done.closed_by_id == request.user.pk  # a double click
        told = (
            _("You have done that already, at %(time)s.")
            if is_own
            else _("%(name)s has done that already, at %(time)s.")
        )
        when = clock(done.closed_at, zone=found.building.zone, at=at)
        lost = "" if is_own and done.closing_note == tidy(note) else _not_added(note)
        messages.warning(request, f"{told % {'name': done.closer_name, 'time': when}} {lost}")
    except ServiceError as refusal:
        messages.error(request, f"{refusal} {_not_added(note)}")
    return _back(found.building, "follow-ups")


@require_POST
def note_on_one(request: DeskRequest, follow_up_id: int) -> HttpResponse:
    """Say how far a follow-up has come; it stays open. What could not be added is said with why."""
    found = _follow_up(request, follow_up_id)
    text = request.POST.get("note", "")
    try:
        add_note(actor=request.user, follow_up=found, text=text, at=timezone.now())
    except ClosedAlready as closed:
        done = closed.follow_up
        when = clock(done.closed_at, zone=found.building.zone, at=timezone.now())
        told = _("%(name)s closed it at %(time)s.") % {"name": done.closer_name, "time": when}
        messages.warning(request, f"{told} {_not_added(text)}")
    except ServiceError as refusal:
        messages.error(request, f"{refusal} {_not_added(text)}".rstrip())
    return _back(found.building, "follow-ups")


def _not_added(text: str) -> str:
    """With the text, which would be lost with the form that it was typed into."""
    text = text.strip()
    return _("Your note was not added: “%(note)s”.") % {"note": text} if text else ""


def _follow_up(request: DeskRequest, follow_up_id: int) -> FollowUp:
    rows = FollowUp.objects.visible_to(request.user).select_related("building")
    return get_object_or_404(rows, pk=follow_up_id)


def _place(request: DeskRequest, building_id: int) -> tuple[Building, bool]:
    """The building, and whether the person manages it; 404 where they hold no role."""
    building = get_object_or_404(Building.objects.visible_to(request.user), pk=building_id)
    managed = Building.objects.managed_by(request.user).filter(pk=building.pk)
    return building, managed.exists()


def _may_read(row: HandOver, *, is_managed: bool, at: dt.datetime) -> bool:
    return is_managed or at - row.until < READ_BY_ALL_FOR


def _past(row: HandOver, building: Building) -> Past:
    return Past(
        number=row.number,
        since=moment_on_paper(row.since, building),
        until=moment_on_paper(row.until, building),
        who=row.person_name,
    )


def _who_was_first(row: HandOver, request: DeskRequest, at: dt.datetime) -> str:
    when = clock(row.until, zone=row.building.zone, at=at)
    if row.taken_by_id == request.user.pk:
        return _("You have taken over already, at %(time)s.") % {"time": when}
    told = _(
        "%(name)s took over at %(time)s, before you. Take over from them if this is your shift."
    )
    return told % {"name": row.person_name, "time": when}


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) <= 9 else None


def _back(building: Building, part: str = "") -> SeeOther:
    address = reverse("hand_over", args=(building.pk,))
    return SeeOther(f"{address}#{part}" if part else address)
