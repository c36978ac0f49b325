"""Where a person goes on to after signing in."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.http import HttpRequest
from django.urls import Resolver404, ResolverMatch, resolve
from django.utils.http import url_has_allowed_host_and_scheme

from locks.http import PRESSES, at_door

ENTRANCES = {"login", "account_login", "mfa_authenticate", "openid_connect_login"}


def is_ours(request: HttpRequest, url: str) -> bool:
    """Whether an address lies on the host and under the scheme of this request."""
    https = request.is_secure()
    return url_has_allowed_host_and_scheme(url, {request.get_host()}, require_https=https)


def page_at(path: str) -> ResolverMatch | None:
    """The page at a path, as an address of ours begins (no host, no query); None where there is none."""
    try:
        parts = urlsplit(path.replace("\\", "/"))
    except ValueError:  # brackets that hold no address
        return None
    if parts.scheme or parts.netloc or not path.startswith("/") or path.startswith("//"):
        return None
    try:
        return resolve(path)
    except Resolver404:
        return None


def onward(request: HttpRequest, wanted: str) -> str:
    """`wanted`, where it is ours; the address of a press becomes its door on the desk; else empty."""
    if not wanted or not is_ours(request, wanted):
        return ""
    match = page_at(wanted.partition("?")[0])
    if match is None or match.url_name in ENTRANCES:
        return ""  # an entrance would lead here for ever
    if match.url_name in PRESSES:
        return at_door(match.kwargs["device_id"])
    return wanted
