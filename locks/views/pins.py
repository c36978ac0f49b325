"""A person's own PIN: set and changed with their password, and removed, by them alone.

Who has a second factor proves it anew before.
"""

from __future__ import annotations

import time
from typing import Final

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from locks import words
from locks.forms import OwnPinForm
from locks.http import BEGAN, shared_pc
from locks.models import Building, Pin, SharedPCVisit
from locks.services import throttling
from locks.services.pins import remove_pin, set_pin
from locks.services.second_factors import has_second_factor
from locks.services.signing_in import count_refused
from locks.views.factors import proof_first
from locks.views.requests import DeskRequest, SeeOther, client_address

FRESH: Final = 600  # seconds after signing in


@sensitive_post_parameters("password", "pin", "again")
@sensitive_variables("form")
@require_http_methods(["GET", "POST"])
def own_pin(request: DeskRequest) -> HttpResponse:
    """Whether one has a PIN, and the forms to set and to remove it. The PIN is never shown."""
    # A PIN proves at doors as much as the factor does: who knows the password alone sets none.
    if has_second_factor(request.user) and (first := proof_first(request)):
        return first
    form = OwnPinForm(request.user)
    if request.method == "POST" and "remove" in request.POST:
        remove_pin(actor=request.user, person=request.user)
        messages.success(request, _("Your PIN is removed."))
        return SeeOther(request.path)
    sentence = ""
    if request.method == "POST":
        # Guesses at the password are slowed here, too, before it is looked at.
        name, address, now = request.user.username, client_address(request), timezone.now()
        if again := throttling.try_password(name, address=address, at=now):
            sentence = words.try_again(again, now=now)
    if request.method == "POST" and not sentence:
        form = OwnPinForm(request.user, request.POST)
        if not _must_sign_in_first(request) and _is_set(request, form):
            messages.success(request, _("Your PIN is set."))
            return SeeOther(request.path)
    pc = shared_pc(request)
    context = {
        "form": form,
        "sentence": sentence,
        "pin": Pin.objects.filter(person=request.user).first(),
        "pc": pc,
        "may_use": pc is not None and _is_of(request, pc.building_id),
        "must_sign_in_first": _must_sign_in_first(request),
        "may_enrol": Building.objects.managed_by(request.user).exists(),
        "known_for": SharedPCVisit.KNOWN_FOR.days,
    }
    status = 429 if sentence else 400 if form.errors else 200
    return render(request, "locks/pin.html", context, status=status)


def _must_sign_in_first(request: DeskRequest) -> bool:
    """Whether a fresh proof is missing: who has no password here gives it by signing in."""
    began = request.session.get(BEGAN, 0)
    return not request.user.has_usable_password() and time.time() - began > FRESH


def _is_set(request: DeskRequest, form: OwnPinForm) -> bool:
    name, address = request.user.username, client_address(request)
    is_valid = form.is_valid()
    if form.has_error("password", "wrong"):
        count_refused(name)
    else:
        throttling.password_was_right(name, address=address)
    if not is_valid:
        return False
    try:
        set_pin(person=request.user, pin=form.cleaned_data["pin"])
    except ValidationError as problem:
        form.add_error("pin", problem)
        return False
    return True


def _is_of(request: DeskRequest, building_id: int) -> bool:
    return request.user.assignments.in_force().filter(building=building_id).exists()
