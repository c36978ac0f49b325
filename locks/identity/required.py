"""Managers and superusers reach nothing before they have a second factor (MFA_REQUIRED)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from locks.http import vouched_for
from locks.models import lacking_second_factor

# What is needed to set one up, to change the password, and to leave.
REACHED = {
    "logout",
    "password_change",
    "password_change_done",
    "account_reauthenticate",
    "mfa_index",
    "mfa_activate_totp",
    "mfa_add_webauthn",
    "full_sign_in",  # a PIN does not suffice to set one up
    "switch",
}


class SecondFactorRequired:
    """Leads who needs a second factor and has none to where it is set up."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Asked at each request: a role may have been granted a moment ago. One query."""
        user, match = request.user, request.resolver_match
        if not user.is_authenticated or not getattr(view, "login_required", True):
            return None
        if match is not None and match.url_name in REACHED and not match.namespaces:
            return None
        if vouched_for(request.session) or not lacking_second_factor([user.pk]):
            return None
        where = reverse("mfa_index")
        if "HX-Request" in request.headers:
            return HttpResponseClientRedirect(where)
        return HttpResponseRedirect(where)
