"""Error pages as sentences: what happened, and whether anything was sent."""

from __future__ import annotations

import sys
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from locks.http import PRESSES, page_of
from locks.identity.onward import page_at
from locks.services.errors import DATABASE_GONE, BadInput, DatabaseLost, Sent
from locks.services.reconnecting import drop_dead_connections
from locks.views.requests import SeeOther
from locks.views.returning import ON_A_SHEET, ON_THE_WAY

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
    if _is_press(request):
        sentence = _("This page was out of date. Nothing was sent. Press again.")
    else:
        sentence = _("This page was out of date. Nothing was changed. Load it again.")
    return _page(request, 403, sentence)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if getattr(request, "pressed", False):
        return _page(request, 404, _("The press was sent. The door is not yours to see any more."))
    if _is_press(request):
        sentence = _(
            "Nothing was sent. There is no such door, or it is not yours to see any more."
            " If it should be yours, tell a manager."
        )
        return _page(request, 404, sentence)
    return _page(request, 404, _("There is no such page, or it is not yours to see."))


def server_error(request: HttpRequest) -> HttpResponse:
    """500, or 503 where the database is gone. Touches neither database nor session."""
    error = sys.exc_info()[1]
    if isinstance(error, (DatabaseLost, *DATABASE_GONE)):
        drop_dead_connections()
    if isinstance(error, DatabaseLost):
        return _page(request, 503, str(error))
    if isinstance(error, DATABASE_GONE):
        if getattr(request, "pressed", False):
            return _page(request, 503, str(Sent()))
        sentence = _(
            "The desk's database cannot be reached. Nothing was sent. Try again in a moment."
        )
        return _page(request, 503, sentence)
    if getattr(request, "pressed", False):
        sentence = _(
            "The press was sent, and then something went wrong here."
            " Look at the door's card before you press again."
        )
    elif _is_press(request):  # sent or not: where it broke, nobody can tell here
        sentence = _("Something went wrong here. Look at the door's card before you press again.")
    else:
        sentence = _(
            "Something went wrong here. Try again; if it stays so, tell whoever runs accessdesk."
        )
    return _page(request, 500, sentence)


def _is_press(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and match.url_name in PRESSES


def _page(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    """The sentence, and the way back to the place where it happened."""
    context = {
        "sentence": sentence,
        "status": status,
        "simulated": settings.SEAM_SIMULATED,
        **_ways_on(request, status),
    }
    return render(None, "error.html", context, status=status)


def _ways_on(request: HttpRequest, status: int) -> dict[str, object]:
    """Where to from here, besides the desk.

    A 404 names nothing: it would tell what there is. It leads back to the page that led to it.
    """
    if status == HTTPStatus.NOT_FOUND:
        back = page_of(request)
        # A sign-in that led here would lead on to here again.
        match = page_at(back.partition("?")[0])
        leads_back = match is not None and match.url_name not in ON_THE_WAY
        leads_back = leads_back and back != request.get_full_path()
        return {"back": back if leads_back else ""}
    match = request.resolver_match
    if match is not None and "device_id" in match.kwargs:
        return {"door": match.kwargs["device_id"]}
    if request.method == "GET":
        return {"again": request.get_full_path() if status >= 500 else ""}
    if match is not None and match.url_name in ON_A_SHEET:
        return {"again": reverse("hand_over", kwargs=match.kwargs)}
    return {"again": page_of(request)}
