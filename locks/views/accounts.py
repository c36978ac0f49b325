"""Signing in and out, a person's own password, and the page from which they look after their account."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from allauth.account.internal.flows.login import perform_password_login
from allauth.account.internal.stagekit import clear_login
from allauth.account.models import Login
from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth import views as auth
from django.contrib.auth.forms import AuthenticationForm, SetPasswordForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from locks import words
from locks.http import goes_on_under_new_password, sign_in_page
from locks.identity.forms import OwnPasswordForm, SignInForm
from locks.identity.onward import onward
from locks.models import lacking_second_factor
from locks.services import throttling
from locks.services.second_factors import has_second_factor
from locks.services.signing_in import count_refused
from locks.services.staffing import change_own_password
from locks.views.requests import DeskRequest, client_address
from locks.views.returning import unsent
from locks.views.staying import sign_out


class SignIn(auth.LoginView):
    """The one sign-in. Goes on to where the person wanted to be, never to a press.

    The password is checked here; from then on it is allauth's flow, which asks for the second factor
    and lets in. Guesses are throttled before the password is looked at, whether or not the name is one.
    """

    form_class = SignInForm
    redirect_authenticated_user = True

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        clear_login(request)  # who comes back here has given up a sign-in that was half done
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        clear_login(request)
        name, now = request.POST.get("username", "").strip(), timezone.now()
        if not name or not request.POST.get("password"):
            return super().post(request, *args, **kwargs)
        if again := throttling.try_password(name, address=client_address(request), at=now):
            count_refused(name if len(name) <= 150 and "\0" not in name else "")
            return self._too_many(words.try_again(again, now=now), again - now)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        person = form.get_user()
        name = form.cleaned_data["username"]
        throttling.password_was_right(name, address=client_address(self.request))
        login = Login(user=person, redirect_url=self.get_success_url())
        return perform_password_login(self.request, {"username": name}, login)

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        # What a name cannot be (too long, with a NUL) is not among the cleaned: an unknown name, too.
        if form.data.get("username"):
            count_refused(form.cleaned_data.get("username", ""))
        return super().form_invalid(form)

    def get_redirect_url(self, request: HttpRequest | None = None) -> str:
        """`next`, where it is ours; the address of a press becomes its door's page."""
        return onward(self.request, super().get_redirect_url())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        name = settings.OIDC_NAME if settings.OIDC_ISSUER else ""
        asked = self.request.POST if self.request.method == "POST" else self.request.GET
        sentence = unsent(asked.get(REDIRECT_FIELD_NAME, ""))
        signed_out = "signed_out" in asked and not self.request.user.is_authenticated
        told = {"single_sign_on": name, "sentence": sentence, "signed_out": signed_out}
        return super().get_context_data(**{**told, **kwargs})

    def _too_many(self, sentence: str, wait: Any) -> HttpResponse:
        form = SignInForm(self.request)
        context = self.get_context_data(form=form, sentence=sentence)
        answer = self.render_to_response(context, status=HTTPStatus.TOO_MANY_REQUESTS)
        answer["Retry-After"] = str(int(wait.total_seconds()) + 1)
        return answer


class SignOut(auth.LogoutView):
    """Signing out, by the person's own hand."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        sign_out(request)
        return super().post(request, *args, **kwargs)  # which has nobody to sign out, and goes on

    def get_default_redirect_url(self) -> str:
        return f"{super().get_default_redirect_url()}?signed_out=1"


class PasswordChange(auth.PasswordChangeView):
    """A person's own password: the old one is asked for, and the record says that it changed."""

    request: DeskRequest
    form_class = OwnPasswordForm

    def form_valid(self, form: SetPasswordForm) -> HttpResponse:
        password = form.cleaned_data["new_password1"]
        here = self.request.session.session_key or ""
        person = change_own_password(person=self.request.user, password=password, keep=here)
        if not goes_on_under_new_password(self.request, person):
            return HttpResponseRedirect(sign_in_page(self.request))
        return HttpResponseRedirect(self.get_success_url())


@require_safe
def account(request: DeskRequest) -> HttpResponse:
    """What a person may look after themselves: password, second factors, sessions."""
    context = {
        "protected": has_second_factor(request.user),
        "lacking": bool(lacking_second_factor([request.user.pk])),
        "has_password": request.user.has_usable_password(),
    }
    return render(request, "account/overview.html", context)
