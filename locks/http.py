"""What holds for every request: never cached, signed in, and not idle for too long."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.sessions.backends.base import UpdateError
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect

from locks.models import Building, User, reality

Handler = Callable[[HttpRequest], HttpResponse]
SEEN = "seen_at"  # session key: when the person last did something, seconds since the epoch
BEGAN = "began_at"  # session key: when the person signed in
# How allauth's list of a session's proofs names a second factor that the provider asked for.
BY_PROVIDER = ("mfa", "single_sign_on")
SEEN_STEP = 20  # seconds; a session is not rewritten more often


def is_over(session: Mapping[str, Any], now: float) -> bool:
    """Whether a session's person has been idle for SESSION_IDLE_MINUTES, or signed in for a shift."""
    seen, began = session.get(SEEN), session.get(BEGAN)
    idle = isinstance(seen, int | float) and now - seen > settings.SESSION_IDLE_MINUTES * 60
    long = isinstance(began, int | float) and now - began > settings.SESSION_COOKIE_AGE
    return idle or long


def client_address(request: HttpRequest) -> str:
    """Where the request came from; the web process has already believed trusted proxies only."""
    return str(request.META.get("REMOTE_ADDR", ""))[:45]


def vouched_for(session: Mapping[str, Any]) -> bool:
    """Whether the session's sign-in came with the word of the single sign-on for a second factor."""
    if session.get("account_authentication_methods_user") != session.get(SESSION_KEY):
        return False
    records = session.get("account_authentication_methods") or []
    return any((each.get("method"), each.get("type")) == BY_PROVIDER for each in records)


class OddInput:
    """Turns away what no browser of ours sends, and what would break further in.

    A body in another encoding than UTF-8 (Python knows some that are none), and a session cookie that
    is no session key (PostgreSQL refuses NUL).
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        charset = (request.content_params or {}).get("charset", "utf-8")
        if charset.lower() not in {"utf-8", "utf8"}:
            raise BadRequest("The body is not UTF-8.")
        if not request.COOKIES.get(settings.SESSION_COOKIE_NAME, "").isalnum():
            request.COOKIES.pop(settings.SESSION_COOKIE_NAME, None)
        return self.get_response(request)


class NoStore:
    """No page may be kept by the browser or a proxy: the next person at the desk presses Back."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response["Cache-Control"] = "no-store"
        return response


class IdleSignOut:
    """Signs out who has done nothing for a while, or was signed in for a shift.

    Refetches and streams are nothing done.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            now = time.time()
            if is_over(request.session, now):
                logout(request)
            elif _is_an_act(request) and now - request.session.get(SEEN, 0) > SEEN_STEP:
                _note_act(request, now)
        return self.get_response(request)


def _note_act(request: HttpRequest, now: float) -> None:
    """Saved now, not after the view: a session that ends during a press must not spoil its answer."""
    request.session[SEEN] = now
    request.session.setdefault(BEGAN, now)
    try:
        request.session.save()
    except UpdateError:
        logout(request)  # signed out elsewhere meanwhile
    else:
        request.session.modified = False


def _is_an_act(request: HttpRequest) -> bool:
    return request.method == "POST" or "HX-Request" not in request.headers


class LoginRequired(LoginRequiredMiddleware):
    """Every view asks for a signed-in person unless it says @login_not_required.

    An htmx request gets the whole page sent to the sign-in, instead of a sign-in form inside a card,
    and from there back to the page on which it was made.
    """

    def handle_no_permission(  # type: ignore[override]  # Django's own type is too narrow
        self, request: HttpRequest, view_func: Any
    ) -> HttpResponseBase:
        if "HX-Request" not in request.headers:
            return super().handle_no_permission(request, view_func)
        login_url = resolve_url(self.get_login_url(view_func))
        if page := _page_of(request):
            field = self.get_redirect_field_name(view_func)
            login_url = f"{login_url}?{urlencode({field: page})}"
        return HttpResponseClientRedirect(login_url)


def _page_of(request: HttpRequest) -> str:
    """Path and query of the page that an htmx request was made on; empty where it is not ours.

    https://htmx.org/reference/#request_headers
    """
    address = request.headers.get("HX-Current-URL", "")
    https = request.is_secure()
    if not url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=https):
        return ""
    page = urlsplit(address)
    return urlunsplit(("", "", page.path or "/", page.query, ""))


def _manages(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    if not isinstance(user, User) or not user.is_active:
        return False
    return user.is_superuser or Building.objects.managed_by(user).exists()


def page_context(request: HttpRequest) -> dict[str, Any]:
    """What every page shows: whether doors are real, and whether the person may review the record.

    Looked up by the pages that show it only.
    """
    return {
        "simulated": settings.SEAM_SIMULATED,
        "reality": reality,
        "manages": partial(_manages, request),
    }
