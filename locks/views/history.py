"""What a person pressed lately, and what of it is still open."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_GET

from locks.models import Attestation, Building, Press, Verdict
from locks.models.unlocks import ENDED_STATUSES
from locks.services.attesting import newest_of
from locks.views.lock_offers import unlocks_before
from locks.views.locking_states import UnlockBefore
from locks.views.log import LOG_REACHES_BACK, LONGEST_LOG
from locks.views.moments import moved_at
from locks.views.own import own_doors, waiting_texts
from locks.views.requests import DeskRequest
from locks.views.states import State, clock, said, state_of, verdict_of


@dataclass(frozen=True)
class OwnPress:
    """One line of a person's own history."""

    press: Press
    building: Building
    state: State | None
    seen: str  # at the door, by somebody
    verdict: str
    when: str

    @property
    def is_unsettled(self) -> bool:
        """Whether more is to come of it."""
        request = self.press.request if self.state else None
        return request is not None and request.status not in ENDED_STATUSES

    @property
    def spoken(self) -> str:
        """What a screen reader is told when it changes; empty for a refused one, which does not."""
        if self.state is None:
            return ""
        outcome = f"{self.press.door_label}: {self.state.brief.rstrip('…')}."
        return " ".join(filter(None, (outcome, self.state.learned)))

    @property
    def needs_help(self) -> bool:
        """Whether the building's help line belongs beside it."""
        return bool(self.building.help_line) and (self.state is None or self.state.needs_help)


@require_GET
def history(request: DeskRequest) -> HttpResponse:
    """What the person pressed in the last 12 hours, in buildings where they still hold a role."""
    at = timezone.now()
    presses = (
        Press.objects.filter(
            person=request.user,
            pressed_at__gt=at - LOG_REACHES_BACK,
            building__in=Building.objects.visible_to(request.user, at=at),
        )
        .select_related("building", "request__building")
        .order_by("-pressed_at", "-pk")
    )
    shown = list(presses[:LONGEST_LOG])
    requests = [press.request for press in shown if press.request is not None]
    moments, words_of, befores = moved_at(requests), newest_of(requests), unlocks_before(requests)
    rows = [
        _own(
            press,
            request,
            moved=moments.get(press.request_id or 0),
            word=words_of.get(press.request_id or 0),
            before=befores.get(press.request_id or 0),
            at=at,
        )
        for press in shown
    ]
    return render(request, "locks/history.html", {"rows": rows})


def _own(
    press: Press,
    request: DeskRequest,
    *,
    moved: dt.datetime | None,
    word: Attestation | None,
    before: UnlockBefore | None,
    at: dt.datetime,
) -> OwnPress:
    place = press.building
    if place is None:
        raise Http404
    pressed = None if press.verdict == Verdict.REFUSED else press.request
    return OwnPress(
        press=press,
        building=place,
        state=None if pressed is None else state_of(pressed, at=at, moved_at=moved, before=before),
        seen="" if pressed is None else said(word, zone=place.zone, at=at),
        verdict=verdict_of(press, viewer=request.user) if press.verdict != Verdict.SENT else "",
        when=clock(press.pressed_at, zone=place.zone, at=at),
    )


@require_GET
def still_open(request: DeskRequest) -> HttpResponse:
    """What of it waits for an end or for a look, for the tab of a page that has no news of its own."""
    at = timezone.now()
    own = own_doors(request.user, Building.objects.visible_to(request.user, at=at), at=at)
    context = {
        "waiting_texts": waiting_texts(get_language()),
        "waiting": sum(each.waiting for each in own.values()),
        "is_doubted": any(each.doubted for each in own.values()),
    }
    return render(request, "locks/_still_open.html", context)
