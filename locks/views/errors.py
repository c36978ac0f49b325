"""Error pages as sentences: what happened, and whether anything was sent."""

from __future__ import annotations

import sys

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from locks.services.errors import DATABASE_GONE, BadInput, DatabaseLost, Sent
from locks.views.requests import SeeOther

OF_TURNS = {"login", "logout", "switch", "switch_to", "full_sign_in"}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if getattr(request, "pressed", False):
        return _page(
            request, 400, _("The press was sent. Look at the door's card for its outcome.")
        )
    if isinstance(exception, BadInput):
        return _page(request, 400, str(exception))
    return _page(request, 400, _("This request could not be read. Nothing was sent."))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(
        request, 403, _("This is not yours to do. A manager of the building can change that.")
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The page outlived its sign-in: nothing is lost but the press.

    Where it only asked who is to work here, that has been settled meanwhile: on to the desk.
    """
    match = request.resolver_match
    if match and match.url_name in OF_TURNS and request.user.is_authenticated:
        return SeeOther(reverse("desk"))
    return _page(
        request,
        403,
        _("This page was out of date. Nothing was sent. Load the desk and press again."),
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 404, _("There is no such page, or it is not yours to see."))


def server_error(request: HttpRequest) -> HttpResponse:
    """500, or 503 where the database is gone. Touches neither database nor session."""
    error = sys.exc_info()[1]
    if isinstance(error, DatabaseLost):
        return _page(request, 503, str(error))
    if isinstance(error, DATABASE_GONE):
        if getattr(request, "pressed", False):
            return _page(request, 503, str(Sent()))
        sentence = _(
            "The desk's database cannot be reached. Nothing was sent. Try again in a moment."
        )
        return _page(request, 503, sentence)
    return _page(
        request, 500, _("Something broke here. Look at the door's card before you press again.")
    )


def _page(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    context = {"sentence": sentence, "status": status, "simulated": settings.SEAM_SIMULATED}
    return render(None, "error.html", context, status=status)
