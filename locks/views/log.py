"""The desk log: what happened at a building's doors in the last 12 hours, newest first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from locks import words
from locks.models import Action, Building, Device, SeamEvent, UnlockRequest, Verdict
from locks.services.attesting import newest_of
from locks.views.states import clock, said, state_of

LOG_REACHES_BACK = dt.timedelta(hours=12)
LONGEST_LOG = 100  # rows
UNLOCKED = "lock.unlocked"


@dataclass(frozen=True)
class LogRow:
    """One line: a press that was sent, or an unlock that Seam told of and nobody here asked for."""

    key: str
    at: dt.datetime
    when: str
    door: str
    tone: str
    icon: str
    outcome: str
    who: str
    seen: str = ""  # what somebody saw at the door


def read_log(building: Building, *, at: dt.datetime, managed: Collection[int]) -> list[LogRow]:
    """The newest rows; one more than is shown tells that there are more. Three queries.

    What happened by hand or by code at private doors is for those who manage the building.
    """
    rows = _presses(building, at=at)
    rows += _moves(building, at=at, private=building.pk in managed)
    rows.sort(key=lambda row: (row.at, row.key), reverse=True)
    return rows[: LONGEST_LOG + 1]


def _presses(building: Building, *, at: dt.datetime) -> list[LogRow]:
    requests = (
        UnlockRequest.objects.filter(building=building, requested_at__gt=at - LOG_REACHES_BACK)
        .annotate(joined=Count("presses", filter=Q(presses__verdict=Verdict.JOINED)))
        .order_by("-requested_at", "-pk")
    )
    rows = []
    found = list(requests[: LONGEST_LOG + 1])
    words_of = newest_of(found)
    for request in found:
        request.building = building
        state = state_of(request, at=at)
        rows.append(
            LogRow(
                key=f"request-{request.pk}",
                at=request.requested_at,
                when=clock(request.requested_at, zone=building.zone, at=at),
                door=request.door_label,
                tone=state.tone,
                icon=state.icon,
                outcome=state.brief,
                who=_who(request, request.joined),
                seen=said(words_of.get(request.pk), zone=building.zone, at=at),
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


def _moves(building: Building, *, at: dt.datetime, private: bool) -> list[LogRow]:
    """Unlocks that no press of ours stands for, at doors that are still this building's."""
    ours = UnlockRequest.objects.filter(action_attempt_id=OuterRef("action_attempt_id"))
    moves = SeamEvent.objects.filter(
        ~(Q(action_attempt_id__gt="") & Exists(ours)),
        building=building,
        device__building=building,
        event_type=UNLOCKED,
        waiting=False,
        occurred_at__gt=at - LOG_REACHES_BACK,
        occurred_at__lte=at,
    )
    if not private:
        moves = moves.filter(device__access=Device.Access.COMMON)
    return [
        LogRow(
            key=f"event-{move.pk}",
            at=move.occurred_at,
            when=clock(move.occurred_at, zone=building.zone, at=at),
            door=move.door_label,
            tone="plain",
            icon="key",
            outcome=words.move(move.method, remote=bool(move.action_attempt_id)),
            who="",
        )
        for move in moves.order_by("-occurred_at", "-pk")[: LONGEST_LOG + 1]
    ]
