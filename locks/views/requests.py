"""What the desk's views share: a typed request, the client's address, the way back."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseRedirect
from django_htmx.middleware import HtmxDetails

from locks.models import User


class DeskRequest(HttpRequest):
    """A signed-in person's request (LoginRequired saw to it), with what htmx says of itself."""

    user: User
    htmx: HtmxDetails


class SeeOther(HttpResponseRedirect):
    """303: the browser goes on with a GET, so that a reload repeats no press (RFC 9110, 15.4.4)."""

    status_code = 303


def client_address(request: HttpRequest) -> str:
    """Where the request came from; the web process has already believed trusted proxies only."""
    return str(request.META.get("REMOTE_ADDR", ""))[:45]
