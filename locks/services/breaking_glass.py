"""An unlock that goes beyond what its person may: on the record as such, told at once, reviewed.

The press itself takes the one road of every press (services.unlocking); rights.breakable() says where
there is glass to break.
"""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from locks import words
from locks.models import Kind, Review, Rule, UnlockRequest
from locks.services.audit import record
from locks.services.presses import Pressed
from locks.services.telling import tell_managers


def break_glass(pressed: Pressed, request: UnlockRequest) -> None:
    """Record what was overridden, open the review, and write to the managers; in the press's transaction."""
    building = request.building
    event = record(
        Kind.UNLOCK_BROKE_GLASS,
        building=building,
        actor=pressed.actor,
        device=pressed.device,
        request=request,
        overridden=list(pressed.overridden),
        **pressed.form.said,
        address=pressed.form.address,
        **pressed.proof_told,
    )
    Review.objects.create(event=event, rule=Rule.BROKE_GLASS, building=building, at=event.at)
    subject = _("break-glass unlock of %(door)s") % {"door": request.door_label}
    tell_managers(building, subject, _lines(pressed, request))


def _lines(pressed: Pressed, request: UnlockRequest) -> list[str]:
    """The mail. The reason stays on the record: it may be about a guest."""
    local = request.requested_at.astimezone(request.building.zone)
    forbidden = "; ".join(words.overridden(code) for code in pressed.overridden)
    page = settings.DESK_URL + reverse("admin:locks_unlockrequest_change", args=(request.pk,))
    return [
        _("%(person)s unlocks %(door)s by break-glass.")
        % {"person": request.person_name, "door": request.door_label},
        _("When: %(when)s (%(zone)s)")
        % {"when": f"{local:%Y-%m-%d %H:%M:%S}", "zone": _name_of(local)},
        _("What forbade it: %(what)s") % {"what": forbidden},
        _("The reason, and what came of it: %(link)s") % {"link": page},
        "",
        _("It waits in the review queue. Somebody other than who pressed has to review it."),
    ]


def _name_of(local: dt.datetime) -> str:
    return local.tzname() or "UTC"
