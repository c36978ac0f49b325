"""What holds for every request: never cached, signed in, as far as it takes, and not idle for too long."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit, urlunsplit

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import (
    REDIRECT_FIELD_NAME,
    SESSION_KEY,
    logout,
    update_session_auth_hash,
)
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.models import Session
from django.core.exceptions import BadRequest
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language, ngettext
from django_htmx.http import HttpResponseClientRedirect

from locks.models import Building, Pin, SharedPC, SharedPCVisit, User, reality
from locks.models.shared_pcs import BY_PIN
from locks.words.numbers import counted

PRESSES = frozenset({"unlock_door", "lock_door"})  # the names of their addresses

Handler = Callable[[HttpRequest], HttpResponse]
View = TypeVar("View", bound=Callable[..., Any])
SEEN = "seen_at"  # session key: when the person last did something, seconds since the epoch
BEGAN = "began_at"  # session key: when the person signed in
OPENED = "one_time_way"  # session key: the hash of the one-time secret that was opened here
# How allauth's list of a session's proofs names a second factor that the provider asked for.
BY_PROVIDER = ("mfa", "single_sign_on")
SIGN_OUTS = {"logout", "account_logout"}  # views that every session may use
SAID = 60  # seconds before its end that is said (session.js)
SEEN_STEP = 20  # seconds; a session is not rewritten more often


def at_door(device_id: int) -> str:
    """The address of the desk, at one of its doors."""
    return f"{reverse('desk')}?door={device_id}#door-{device_id}"


def seconds_left(session: Mapping[str, Any], now: float) -> tuple[float, bool]:
    """How long a session lasts if nothing is done, and whether doing something prolongs it.

    It ends SESSION_IDLE_MINUTES after the last act, and a shift after the signing in.
    """
    seen, began = session.get(SEEN), session.get(BEGAN)
    idle, shift = settings.SESSION_IDLE_MINUTES * 60.0, float(settings.SESSION_COOKIE_AGE)
    if isinstance(seen, int | float):
        idle += seen - now
    if isinstance(began, int | float):
        shift += began - now
    return min(idle, shift), idle < shift


def is_over(session: Mapping[str, Any], now: float) -> bool:
    """Whether a session's person has been idle for SESSION_IDLE_MINUTES, or signed in for a shift."""
    return seconds_left(session, now)[0] < 0


def session_mark(request: HttpRequest) -> str:
    """What tells a page that another session has begun in its browser; empty where none is signed in.

    No way leads from it to the session's key.
    """
    key = request.session.session_key if request.user.is_authenticated else None
    return salted_hmac("locks.session_mark", key).hexdigest()[:20] if key else ""


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


class OtherSession:
    """Tells a page that another session has begun in its browser: then it leaves (session.js).

    It says whose it is with each question. What it sends takes no effect, but for presses: those are
    refused on the record, for their token is another person's.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_other = self._is_other(request)
        response = self.get_response(request)
        if is_other:
            response["X-Session-Other"] = "1"
        return response

    def process_view(self, request: HttpRequest, *_args: Any) -> HttpResponse | None:
        """Nothing is done in the name of one person that another one's page asks for."""
        match = request.resolver_match
        if request.method != "POST" or (match and match.url_name in PRESSES):
            return None
        return HttpResponse(status=409) if self._is_other(request) else None

    @staticmethod
    def _is_other(request: HttpRequest) -> bool:
        theirs = request.headers.get("X-Session-Mark")
        return bool(theirs) and session_mark(request) not in ("", theirs)


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
                note_act(request, now)
        return self.get_response(request)


def note_act(request: HttpRequest, now: float) -> None:
    """Saved now, not after the view: a session that ends during a press must not spoil its answer."""
    request.session[SEEN] = now
    request.session.setdefault(BEGAN, now)
    try:
        request.session.save()
    except UpdateError:
        logout(request)  # signed out elsewhere meanwhile
    else:
        request.session.modified = False


@transaction.atomic
def goes_on_under_new_password(request: HttpRequest, person: User) -> bool:
    """Let this session go on, under another key; False where it was ended while the password was changed.

    It is not brought back then, and the browser's cookie is left alone: it may be the next person's by now.
    """
    key = request.session.session_key or ""
    # Held in the order in which sessions are ended from the list of them.
    listed = UserSession.objects.select_for_update().filter(user=person, session_key=key)
    found = [row.pk for row in listed]
    gone, _rows = Session.objects.filter(pk=key).delete()
    if not gone:
        request.session.modified = False
        return False
    update_session_auth_hash(request, person)
    UserSession.objects.filter(pk__in=found).update(session_key=request.session.session_key)
    return True


def _is_an_act(request: HttpRequest) -> bool:
    if request.method == "POST":
        return True
    # A page asks by itself how long its session lasts.
    return "HX-Request" not in request.headers and request.path != reverse("session")


def pin_suffices(view: View) -> View:
    """Mark a view under /accounts/ that a session begun by a PIN may use, too."""
    view.pin_suffices = True  # type: ignore[attr-defined]
    return view


def signed_in_by_pin(request: HttpRequest) -> bool:
    """Whether the session was begun by a PIN on a shared PC: good for the desk, and for no more."""
    return BY_PIN in request.session


class LoginRequired(LoginRequiredMiddleware):
    """Every view asks for a signed-in person unless it says @login_not_required.

    An htmx request gets the whole page sent to the sign-in, instead of a sign-in form inside a card,
    and from there back to the page on which it was made. On a shared PC the sign-in is the page on
    which its people take turns. Accounts are for those who signed in fully, not by a PIN.
    """

    def process_view(
        self, request: HttpRequest, view_func: Any, view_args: Any, view_kwargs: Any
    ) -> HttpResponseBase | None:
        if answer := super().process_view(request, view_func, view_args, view_kwargs):
            return answer
        is_open = not getattr(view_func, "login_required", True)
        is_way_out = request.resolver_match and request.resolver_match.url_name in SIGN_OUTS
        if is_open or is_way_out or getattr(view_func, "pin_suffices", False):
            return None
        if request.path.startswith("/accounts/") and signed_in_by_pin(request):
            return _sent_to(request, reverse("full_sign_in"))
        return None

    def handle_no_permission(  # type: ignore[override]  # Django's own type is too narrow
        self, request: HttpRequest, view_func: Any
    ) -> HttpResponseBase:
        return _sent_to(request, sign_in_page(request, self.get_login_url(view_func)))


def sign_in_page(request: HttpRequest, usual: str = "login") -> str:
    """Where people sign in on this PC."""
    return reverse("switch") if shared_pc(request) else resolve_url(usual)


def shared_pc(request: HttpRequest) -> SharedPC | None:
    """The shared PC that the request comes from; None for any other. Looked up once a request."""
    kept = vars(request)
    if "_shared_pc" not in kept:
        token = request.COOKIES.get(settings.SHARED_PC_COOKIE_NAME, "")
        kept["_shared_pc"] = SharedPC.objects.of(token)
    found: SharedPC | None = kept["_shared_pc"]
    return found


def begins_by_pin(request: HttpRequest, pc: SharedPC) -> None:
    """Say before login() that the session is begun by a PIN on `pc`."""
    vars(request)["_begins_by_pin"] = pc


def note_sign_in(*, request: HttpRequest, user: User, **_signal: Any) -> None:
    """At every login(): whether by PIN alone; a full sign-in makes the PIN usable again."""
    if pc := vars(request).get("_begins_by_pin"):
        request.session[BY_PIN] = pc.pk
        return
    request.session.pop(BY_PIN, None)
    Pin.objects.filter(person=user).update(wrong_in_a_row=0, free_at=None)
    if pc := shared_pc(request):
        SharedPCVisit.objects.note_full_sign_in(pc=pc, person=user, at=timezone.now())


def _sent_to(request: HttpRequest, url: str) -> HttpResponse:
    """To `url`, and from there back: to this address, or to the page on which it was asked for."""
    by_htmx = "HX-Request" in request.headers
    match = request.resolver_match
    is_press = match is not None and match.url_name in PRESSES  # the sign-in says so, too
    is_a_place = is_press or (request.method == "GET" and not by_htmx)
    page = request.get_full_path() if is_a_place else page_of(request)
    if page:
        url = f"{url}?{urlencode({REDIRECT_FIELD_NAME: page}, safe='/')}"
    return HttpResponseClientRedirect(url) if by_htmx else HttpResponseRedirect(url)


def page_of(request: HttpRequest) -> str:
    """Path and query of the page that a request was made on; empty where it is not ours.

    https://htmx.org/reference/#request_headers
    """
    address = request.headers.get("HX-Current-URL") or request.headers.get("Referer", "")
    https = request.is_secure()
    if not url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=https):
        return ""
    page = urlsplit(address)
    if page.path.startswith("//"):  # without its host it would name another
        return ""
    return urlunsplit(("", "", page.path or "/", page.query, ""))


def _manages(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    if not isinstance(user, User) or not user.is_active:
        return False
    return user.is_superuser or Building.objects.managed_by(user).exists()


def _seconds_left(request: HttpRequest) -> int:
    return int(seconds_left(request.session, time.time())[0])


@cache
def _session_texts(_language: str | None) -> dict[str, str]:
    """What is said in the last minute of a session: of one that can be kept on, and of one that cannot."""

    def idle(seconds: int) -> str:
        return ngettext(
            "You will be signed out in {count} second.",
            "You will be signed out in {count} seconds.",
            seconds,
        )

    def shift(seconds: int) -> str:
        return ngettext(
            "Your 12 hours are over: you will be signed out in {count} second. Sign in again to go on.",
            "Your 12 hours are over: you will be signed out in {count} seconds. Sign in again to go on.",
            seconds,
        )

    return {"idle": counted(idle, SAID), "shift": counted(shift, SAID)}


def page_context(request: HttpRequest) -> dict[str, Any]:
    """What every page shows: whether doors are real, and whether the person may review the record.

    Looked up by the pages that show it only.
    """
    left = partial(_seconds_left, request)
    return {
        "session_left": left,
        "session_texts": _session_texts(get_language()),
        "session_mark": partial(session_mark, request),
        "simulated": settings.SEAM_SIMULATED,
        "reality": reality,
        "manages": partial(_manages, request),
    }
