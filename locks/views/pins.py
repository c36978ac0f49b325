"""A person's own PIN: set, changed and removed by them alone, with their password."""

from __future__ import annotations

import time
from typing import Final

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from locks.forms import OwnPinForm
from locks.http import BEGAN, shared_pc
from locks.models import Building, Pin, SharedPCVisit
from locks.services.pins import remove_pin, set_pin
from locks.services.signing_in import count_refused
from locks.views.requests import DeskRequest, SeeOther

FRESH: Final = 600  # seconds after signing in


@sensitive_post_parameters("password", "pin", "again")
@sensitive_variables("form")
@require_http_methods(["GET", "POST"])
def own_pin(request: DeskRequest) -> HttpResponse:
    """Whether one has a PIN, and the forms to set and to remove it. The PIN is never shown."""
    form = OwnPinForm(request.user)
    if request.method == "POST" and "remove" in request.POST:
        remove_pin(actor=request.user, person=request.user)
        messages.success(request, _("Your PIN is removed."))
        return SeeOther(request.path)
    if request.method == "POST":
        form = OwnPinForm(request.user, request.POST)
        if not _must_sign_in_first(request) and _is_set(request, form):
            messages.success(request, _("Your PIN is set."))
            return SeeOther(request.path)
    pc = shared_pc(request)
    context = {
        "form": form,
        "pin": Pin.objects.filter(person=request.user).first(),
        "pc": pc,
        "may_use": pc is not None and _is_of(request, pc.building_id),
        "must_sign_in_first": _must_sign_in_first(request),
        "may_enrol": Building.objects.managed_by(request.user).exists(),
        "known_for": SharedPCVisit.KNOWN_FOR.days,
    }
    return render(request, "locks/pin.html", context, status=400 if form.errors else 200)


def _must_sign_in_first(request: DeskRequest) -> bool:
    """Whether a fresh proof is missing: who has no password here gives it by signing in."""
    began = request.session.get(BEGAN, 0)
    return not request.user.has_usable_password() and time.time() - began > FRESH


def _is_set(request: DeskRequest, form: OwnPinForm) -> bool:
    if not form.is_valid():
        if form.has_error("password", "wrong"):
            count_refused(request.user.username)
        return False
    try:
        set_pin(person=request.user, pin=form.cleaned_data["pin"])
    except ValidationError as problem:
        form.add_error("pin", problem)
        return False
    return True


def _is_of(request: DeskRequest, building_id: int) -> bool:
    return request.user.assignments.in_force().filter(building=building_id).exists()
