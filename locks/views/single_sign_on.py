"""Single sign-on by OpenID Connect: out to the provider, and back. Unset: 404."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests
from allauth.socialaccount.providers.openid_connect import views as openid
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from locks import words
from locks.identity.adapters import refusal
from locks.identity.onward import onward
from locks.services import throttling
from locks.views.requests import client_address

logger = logging.getLogger(__name__)
# A provider that cannot be reached, or that answers with something else than its configuration.
NO_PROVIDER = (requests.RequestException, KeyError, ValueError)


@login_not_required
@never_cache
@require_POST
def begin(request: HttpRequest, provider_id: str) -> HttpResponse:
    """On to the provider, by a page of our own that goes on by itself.

    A redirect would be the answer to a form, and our Content-Security-Policy lets forms go nowhere
    else: providers redirect through several origins, which nobody can list beforehand.
    """
    if not settings.OIDC_ISSUER:
        raise Http404
    if request.user.is_authenticated:
        return redirect("desk")
    now = timezone.now()
    if again := throttling.try_sign_on(address=client_address(request), at=now):
        context = {"sentence": words.try_again(again, now=now)}
        status = HTTPStatus.TOO_MANY_REQUESTS
        return render(request, "socialaccount/refused.html", context, status=status)
    after = urlencode({"next": onward(request, request.POST.get("next", ""))})
    # Nothing else of what allauth reads here (scopes, parameters) is for a visitor to choose.
    request.GET, request.POST = QueryDict(after), QueryDict()
    try:
        answer = openid.login(request, provider_id=provider_id)
    except NO_PROVIDER as error:
        return _unusable(request, error)
    where = answer.headers.get("Location", "")
    if not parse_qs(urlsplit(where).query).get("state"):
        return answer
    page = render(request, "socialaccount/going.html", {"where": where, "name": settings.OIDC_NAME})
    page["Refresh"] = f"0; url={where}"
    return page


@login_not_required
@never_cache
@require_safe
def back(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Back from the provider, with a code that is exchanged for who it is."""
    if not settings.OIDC_ISSUER:
        raise Http404
    try:
        answer: Any = openid.callback(request, provider_id=provider_id)
    except NO_PROVIDER as error:
        return _unusable(request, error)
    if answer.status_code == HTTPStatus.FOUND:  # signed in, or on to the second factor
        throttling.signed_on(address=client_address(request))
    return answer


def _unusable(request: HttpRequest, error: Exception) -> HttpResponse:
    """A sentence for the person, and the kind of trouble, without what was sent, for the operator."""
    logger.warning("The OpenID Connect provider cannot be used: %s.", type(error).__name__)
    return refusal(request, "unreachable")
