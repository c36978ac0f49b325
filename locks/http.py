"""What holds for every request: never cached, signed in, and not idle for too long."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django_htmx.http import HttpResponseClientRedirect

from locks.models import reality

Handler = Callable[[HttpRequest], HttpResponse]
SEEN = "seen_at"  # session key: when the person last did something, seconds since the epoch
SEEN_STEP = 20  # seconds; a session is not rewritten more often


def idle_since(session: Mapping[str, Any], now: float) -> bool:
    """Whether a session's person has done nothing for SESSION_IDLE_MINUTES."""
    seen = session.get(SEEN)
    return isinstance(seen, int | float) and now - seen > settings.SESSION_IDLE_MINUTES * 60


class NoStore:
    """No page may be kept by the browser or a proxy: the next person at the desk presses Back."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response["Cache-Control"] = "no-store"
        return response


class IdleSignOut:
    """Signs out who has done nothing for a while; refetches and streams are nothing done."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            now = time.time()
            if idle_since(request.session, now):
                logout(request)
            elif _is_an_act(request) and now - request.session.get(SEEN, 0) > SEEN_STEP:
                request.session[SEEN] = now
        return self.get_response(request)


def _is_an_act(request: HttpRequest) -> bool:
    return request.method == "POST" or "HX-Request" not in request.headers


class LoginRequired(LoginRequiredMiddleware):
    """Every view asks for a signed-in person unless it says @login_not_required.

    An htmx request gets the whole page sent to the sign-in, instead of a sign-in form inside a card.
    """

    def handle_no_permission(  # type: ignore[override]  # Django's own type is too narrow
        self, request: HttpRequest, view_func: Any
    ) -> HttpResponseBase:
        if "HX-Request" not in request.headers:
            return super().handle_no_permission(request, view_func)
        login_url = self.get_login_url(view_func)
        from django.shortcuts import resolve_url

        return HttpResponseClientRedirect(resolve_url(login_url))


def page_context(request: HttpRequest) -> dict[str, Any]:
    """What every page shows: whether the doors are real. Asked only by pages that show it."""
    return {"simulated": settings.SEAM_SIMULATED, "reality": reality}
