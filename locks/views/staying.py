"""How long one's session lasts, the way back to a place, and when a PIN does not suffice."""

from __future__ import annotations

import time

from django.contrib.auth import REDIRECT_FIELD_NAME, logout
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_http_methods

from locks.http import (
    note_act,
    pin_suffices,
    seconds_left,
    session_mark,
    shared_pc,
    signed_in_by_pin,
)
from locks.models import User
from locks.services.signing_in import record_sign_out
from locks.views.requests import DeskRequest, SeeOther, client_address
from locks.views.returning import place_for, sign_in_for


@login_not_required
@require_http_methods(["GET", "POST"])
def session(request: HttpRequest) -> JsonResponse:
    """Whose session it is and how long it lasts, for the page's script. A POST stays signed in."""
    if request.method == "POST" and request.user.is_authenticated:
        note_act(request, time.time())
    if not request.user.is_authenticated:
        return JsonResponse({"mark": "", "left": 0, "may_stay": False})
    left, may_stay = seconds_left(request.session, time.time())
    return JsonResponse({"mark": session_mark(request), "left": left, "may_stay": may_stay})


@login_not_required
@require_GET
def back(request: HttpRequest) -> HttpResponse:
    """To the place that `next` names, or to the desk; by way of the sign-in where nobody is."""
    wanted = request.GET.get(REDIRECT_FIELD_NAME, "")
    if isinstance(request.user, User):
        by_pin = signed_in_by_pin(request)
        return HttpResponseRedirect(place_for(request.user, wanted, by_pin=by_pin))
    if shared_pc(request) is None:
        return HttpResponseRedirect(sign_in_for(wanted))
    return HttpResponseRedirect(f"{reverse('switch')}?{urlencode({REDIRECT_FIELD_NAME: wanted})}")


@pin_suffices
@require_http_methods(["GET", "POST"])
def full_sign_in(request: DeskRequest) -> HttpResponse:
    """Says that a page takes more than a PIN; a POST leads to the full sign-in, and on to `next`."""
    if request.method == "POST":
        sign_out(request)
        return SeeOther(sign_in_for(request.POST.get(REDIRECT_FIELD_NAME, "")))
    wanted = request.GET.get(REDIRECT_FIELD_NAME, "")
    if not signed_in_by_pin(request):
        return HttpResponseRedirect(place_for(request.user, wanted))
    return render(request, "locks/full_sign_in.html", {"next": wanted})


def sign_out(request: HttpRequest) -> None:
    """End the session at once, by the person's own hand. Nothing where nobody is signed in."""
    person = request.user
    logout(request)
    if isinstance(person, User):
        record_sign_out(person, address=client_address(request))
