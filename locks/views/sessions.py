"""A person's own sessions: where they are signed in, and an end to any of them."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from locks.http import SEEN
from locks.models import Building, User
from locks.services.sessions import end_other_sessions, end_session
from locks.views.requests import DeskRequest
from locks.views.states import clock

# What a browser calls itself, in the order in which the names have to be looked for.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("iPad", "iPad"),
    ("iPhone", "iPhone"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


@require_safe
def sessions(request: DeskRequest) -> HttpResponse:
    """All of them, this one first, then the newest."""
    if not UserSession.objects.filter(session_key=request.session.session_key).exists():
        UserSession.objects.create_from_request(request)
    rows = UserSession.objects.purge_and_list(request.user)
    kept = Session.objects.in_bulk([row.session_key for row in rows])
    shown = [_shown(row, kept[row.session_key], request) for row in rows if row.session_key in kept]
    shown.sort(key=lambda each: (each["current"], each["began"]), reverse=True)
    zone, now = _zone_of(request.user), timezone.now()
    for each in shown:
        each["began_at"] = clock(each["began"], zone=zone, at=now)
        each["seen_at"] = clock(each["seen"], zone=zone, at=now)
    context = {"sessions": shown, "zone": str(zone)}
    return render(request, "usersessions/usersession_list.html", context)


def _zone_of(person: User) -> dt.tzinfo:
    """That of their buildings, where all have the same."""
    names = set(Building.objects.visible_to(person).values_list("time_zone", flat=True))
    return ZoneInfo(names.pop()) if len(names) == 1 else dt.UTC


@require_POST
def end(request: DeskRequest, session_id: int) -> HttpResponse:
    """End one; another person's is unknown."""
    if not end_session(actor=request.user, session=session_id):
        raise Http404
    return redirect("usersessions_list")


@require_POST
def end_others(request: DeskRequest) -> HttpResponse:
    """End all but this one."""
    end_other_sessions(actor=request.user, keep=request.session.session_key or "")
    return redirect("usersessions_list")


def _shown(row: UserSession, session: Session, request: DeskRequest) -> dict[str, Any]:
    seen = session.get_decoded().get(SEEN)
    return {
        "id": row.pk,
        "current": row.session_key == request.session.session_key,
        "began": row.created_at,
        "seen": dt.datetime.fromtimestamp(seen, dt.UTC) if isinstance(seen, int | float) else None,
        "address": row.ip,
        "browser": browser_of(row.user_agent),
    }


def browser_of(user_agent: str) -> str:
    """A browser and its system as people call them."""
    browser = next((name for mark, name in BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in SYSTEMS if mark in user_agent), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or _("Unknown browser")
