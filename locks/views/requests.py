"""What the desk's views share: a typed request, the client's address, the way back."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseRedirect
from django_htmx.middleware import HtmxDetails

from locks.http import client_address
from locks.models import User

__all__ = ["DeskRequest", "SeeOther", "client_address"]


class DeskRequest(HttpRequest):
    """A signed-in person's request (LoginRequired saw to it), with what htmx says of itself."""

    user: User
    htmx: HtmxDetails


class SeeOther(HttpResponseRedirect):
    """303: the browser goes on with a GET, so that a reload repeats no press (RFC 9110, 15.4.4)."""

    status_code = 303
