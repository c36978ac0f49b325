"""The answer to a press: the door's card for htmx, the desk otherwise."""

from __future__ import annotations

from functools import partial

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django_htmx.http import reswap, retarget

from locks.http import at_door
from locks.models import Device, Press
from locks.services.presses import PressResult
from locks.views.cards import read_cards
from locks.views.proving import latest
from locks.views.requests import DeskRequest, SeeOther
from locks.views.states import clock, verdict_of


def answer(
    request: DeskRequest, device: Device, result: PressResult, *, found_by: str = ""
) -> HttpResponse:
    """What came of a press, 200 also where it was refused; a used button says its old verdict.

    `found_by` is what was typed to find the door.
    """
    if result.repeated:
        messages.info(request, _repeated(request, result.press, device))
    if not request.htmx:
        return SeeOther(at_door(device.pk))
    proof = partial(latest, request)
    at = timezone.now()
    card = read_cards(request.user, [device], at=at, latest_proof=proof, found_by=found_by)[0]
    response = render(request, "locks/_press_answer.html", {"card": card})
    return reswap(retarget(response, f"#door-{device.pk}"), "outerHTML")


def _repeated(request: DeskRequest, press: Press, device: Device) -> str:
    """The old verdict of a token that was used before."""
    zone = device.building.zone if device.building else timezone.get_default_timezone()
    outcome = press.request.outcome.label if press.request else ""
    return _("%(door)s: %(outcome)s (result of the press at %(time)s; nothing was sent now).") % {
        "door": press.door_label,
        "outcome": outcome or verdict_of(press, viewer=request.user),
        "time": clock(press.pressed_at, zone=zone, at=timezone.now()),
    }
