"""Second factors: asked for when signing in, added and removed by the person themselves.

allauth's views, in the desk's look, with every change on the record. A fresh proof comes first.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import record_authentication
from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from allauth.account.views import ReauthenticateView
from allauth.mfa.base import views as base
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse_lazy

from locks.identity.forms import THROTTLED
from locks.models import SECOND_FACTORS, lacking_second_factor
from locks.services.second_factors import recorded, spend_code


def _status(form: Any) -> int:
    errors = [error for field in form.errors.as_data().values() for error in field]
    throttled = any(error.code == THROTTLED for error in errors)
    return HTTPStatus.TOO_MANY_REQUESTS if throttled else HTTPStatus.OK


def proof_first(request: HttpRequest) -> HttpResponse | None:
    """Where a proof is asked for, where the last one is more than five minutes old; else None.

    allauth would keep the whole request in the session for afterwards; what is posted may be a code,
    so that it is asked for anew instead.
    """
    methods = get_adapter().get_reauthentication_methods(request.user)
    if not methods and get_adapter().is_reauthentication_required(app="allauth.mfa"):
        # Of somebody who has only the single sign-on: that is the proof, once more.
        context = {"next": request.path, "lately": True}
        return render(request, "locks/full_sign_in.html", context)
    if is_reauthentication_required(request, app="allauth.mfa"):
        method = methods[0]
        return HttpResponseRedirect(f"{method['url']}?{urlencode({'next': request.path})}")
    return None


class Fresh:
    """Asks for a proof first, as proof_first() says."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if first := proof_first(request):
            return first
        answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        return answer


class Recorded(Fresh):
    """What the form does to the person's factors is on the record, or is not done."""

    request: Any

    def form_valid(self, form: Any) -> HttpResponse:
        with recorded(self.request.user, session_key=self.request.session.session_key):
            answer: HttpResponse = super().form_valid(form)  # type: ignore[misc]
        return answer


class SecondStep(base.AuthenticateView):
    """The second step of signing in."""

    def form_invalid(self, form: Any) -> HttpResponse:
        return self.render_to_response(self.get_context_data(), status=_status(form))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        types = set(
            Authenticator.objects.filter(user=self.stage.login.user).values_list("type", flat=True)
        )
        if Authenticator.Type.WEBAUTHN not in types:
            self.webauthn_form = None  # nothing to begin
        context: dict[str, Any] = super().get_context_data(**kwargs)
        failed = [form for form in (self.auth_form, self.webauthn_form) if form and form.errors]
        sentences = [text for form in failed for field in form.errors.values() for text in field]
        return {**context, "types": types, "sentences": sentences}


class _Again:
    """Proving anew: a wrong proof is said, too many are 429."""

    def form_invalid(self, form: Any) -> HttpResponse:
        context = self.get_context_data(form=form)  # type: ignore[attr-defined]
        return self.render_to_response(context, status=_status(form))  # type: ignore[attr-defined]


class PasswordAgain(_Again, ReauthenticateView):
    pass


class CodeAgain(_Again, base.ReauthenticateView):
    pass


class PasskeyAgain(_Again, webauthn.ReauthenticateWebAuthnView):
    pass


class Factors(base.IndexView):
    """What protects the account, and what more could."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        lacking = bool(lacking_second_factor([self.request.user.pk]))
        return {**context, "lacking": lacking, "required": settings.MFA_REQUIRED}


class Added(Recorded):
    """A factor that is being added: to show that it works proves who one is, and spends its code."""

    def form_valid(self, form: Any) -> HttpResponse:
        answer = super().form_valid(form)
        factor = Authenticator.objects.filter(
            user=self.request.user, type__in=SECOND_FACTORS
        ).latest("pk")
        spend_code(factor, form.cleaned_data.get("code", ""))
        record_authentication(
            self.request, self.request.user, "mfa", id=factor.pk, type=factor.type
        )
        return answer


class AddApp(Added, totp.ActivateTOTPView):
    pass


class RemoveApp(Recorded, totp.DeactivateTOTPView):
    pass


class AddPasskey(Added, webauthn.AddWebAuthnView):
    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return {**context, "form": kwargs.get("form") or self.get_form()}


class RemovePasskey(Recorded, webauthn.RemoveWebAuthnView):
    success_url = reverse_lazy("mfa_index")


class NewRecoveryCodes(Recorded, codes.GenerateRecoveryCodesView):
    pass


class RecoveryCodes(Fresh, codes.ViewRecoveryCodesView):
    """The codes, once."""
