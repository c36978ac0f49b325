"""Where a person goes on to after signing in."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import Resolver404, resolve, reverse
from django.utils.http import url_has_allowed_host_and_scheme

ENTRANCES = {"login", "account_login", "mfa_authenticate", "openid_connect_login"}


def is_ours(request: HttpRequest, url: str) -> bool:
    """Whether an address lies on the host and under the scheme of this request."""
    https = request.is_secure()
    return url_has_allowed_host_and_scheme(url, {request.get_host()}, require_https=https)


def onward(request: HttpRequest, wanted: str) -> str:
    """`wanted`, where it is ours; the address of a press becomes its door's page; else empty."""
    if not wanted or not is_ours(request, wanted):
        return ""
    try:
        match = resolve(wanted.partition("?")[0])
    except Resolver404:
        return ""
    if match.url_name in ENTRANCES:
        return ""  # it would lead here for ever
    if match.url_name in ("unlock_door", "lock_door"):
        return reverse("door", kwargs=match.kwargs)
    return wanted
