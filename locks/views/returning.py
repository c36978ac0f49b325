"""Where a person goes on after signing in: to the place that was in view, where it is theirs to see."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode

from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.shortcuts import resolve_url
from django.urls import ResolverMatch, reverse
from django.utils.translation import gettext as _

from locks.http import PRESSES, at_door
from locks.identity.onward import page_at
from locks.models import Building, Device, User

# Forms of a hand-over sheet, which stay on the screen where they are refused.
ON_A_SHEET = {"take_shift_over", "add_follow_up"}
LONGEST = 500  # characters of an address
# They are about a session, and no place.
ON_THE_WAY = {
    *("login", "logout", "switch", "switch_to", "session", "back", "full_sign_in"),
    *("mfa_authenticate", "openid_connect_login", "openid_connect_callback"),
}


def way_back(wanted: str) -> str:
    """The address that leads whoever has signed in by then to `wanted`, or to the desk."""
    return f"{reverse('back')}?{urlencode({REDIRECT_FIELD_NAME: wanted}, safe='/')}"


def sign_in_for(wanted: str) -> str:
    """The address of the full sign-in, leading on to `wanted`."""
    sign_in = resolve_url(settings.LOGIN_URL)
    after = urlencode({REDIRECT_FIELD_NAME: way_back(wanted)}, safe="/")
    return f"{sign_in}?{after}" if wanted else sign_in


def unsent(wanted: str) -> str:
    """What the sign-in says to who comes from a press that it held up, or an open question; else empty."""
    match, _path, query = _place(wanted)
    if match is not None and match.url_name in PRESSES:
        return _(
            "You were signed out before your press got here. Nothing was sent. Sign in to return to"
            " that door."
        )
    if _was_asked(match, query):
        return _(
            "You were signed out while a door's question was open. Nothing was sent from it. Sign in"
            " to return to that door."
        )
    return ""


def place_for(person: User, wanted: str, *, by_pin: bool = False) -> str:
    """`wanted`, where it is a page of ours that `person` may see; else the desk.

    The address of a press, or of a question that was open on the desk, becomes its door there, with the
    keyboard on no button. A session begun by a PIN stays at the desk.
    """
    match, path, query = _place(wanted)
    if match is None:
        return reverse("desk")
    if match.url_name in ON_A_SHEET:
        return reverse("hand_over", kwargs=match.kwargs)
    if match.url_name in {"door", "building", "desk", *PRESSES}:
        return _desk_page(person, match, query)
    is_managers = match.app_name == "admin" or match.url_name == "shared_pc"
    if by_pin and (is_managers or path.startswith("/accounts/")):
        return reverse("desk")
    if is_managers and not (person.is_superuser or Building.objects.managed_by(person).exists()):
        return reverse("desk")
    return f"{path}?{query}" if query else path


def _place(wanted: str) -> tuple[ResolverMatch | None, str, str]:
    """The page that `wanted` leads to in the end, its path and its query."""
    path, _mark, query = wanted[:LONGEST].partition("?")
    match = page_at(path)
    while match is not None and match.url_name in ON_THE_WAY:  # on, to where that would have led
        path, _mark, query = parse_qs(query).get(REDIRECT_FIELD_NAME, [""])[0].partition("?")
        match = page_at(path)
    return match, path, query


def _was_asked(match: ResolverMatch | None, query: str) -> bool:
    """Whether it is a question that was open on the desk: session.js names it so."""
    return match is not None and match.url_name == "door" and "asked" in parse_qs(query)


def _desk_page(person: User, match: ResolverMatch, asked: str) -> str:
    """The page, and on it what was searched for, or which area was open."""
    query = parse_qs(asked)
    buildings, devices = Building.objects.visible_to(person), Device.objects.visible_to(person)
    if match.url_name == "building":
        chosen = str(match.kwargs["building_id"])
    else:
        chosen = query.get("building", [""])[0]
    if "device_id" in match.kwargs:
        if devices.on_the_desk().filter(pk=match.kwargs["device_id"]).exists():
            if match.url_name == "door" and not _was_asked(match, asked):
                return reverse("door", kwargs=match.kwargs)
            return at_door(match.kwargs["device_id"])
    elif chosen.isdecimal() and len(chosen) < 19 and buildings.filter(pk=int(chosen)).exists():
        page = reverse("building", kwargs={"building_id": int(chosen)})
        return page + _asked(query, "q", "area")
    is_desk = match.url_name == "desk" and not chosen
    return reverse("desk") + (_asked(query, "q", "door") if is_desk else "")


def _asked(query: dict[str, list[str]], *names: str) -> str:
    kept = {name: query[name][0] for name in names if name in query}
    return "?" + urlencode(kept) if kept else ""
