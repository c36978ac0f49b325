"""Signing in, and a person's own password, in the desk's own look."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import update_session_auth_hash
from django.contrib.auth import views as auth
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, SetPasswordForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone

from locks.models import User
from locks.services.proving_oneself import PASSWORD, Proved
from locks.services.signing_in import count_refused, record_sign_in, record_sign_out
from locks.services.staffing import change_own_password
from locks.views.proving import note
from locks.views.requests import DeskRequest, client_address


class SignIn(auth.LoginView):
    """The one sign-in. Goes on to where the person wanted to be, never to a press."""

    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Recorded first: who cannot be put on the record is not let in."""
        person = form.get_user()
        if isinstance(person, User):
            record_sign_in(person, address=client_address(self.request))
        response = super().form_valid(form)
        if isinstance(person, User):
            note(self.request, Proved(person.pk, PASSWORD, timezone.now()))
        return response

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        # What a name cannot be (too long, with a NUL) is not among the cleaned: an unknown name, too.
        if form.data.get("username"):
            count_refused(form.cleaned_data.get("username", ""))
        return super().form_invalid(form)

    def get_redirect_url(self, request: HttpRequest | None = None) -> str:
        """`next`, where it is ours; the address of a press becomes its door's page."""
        wanted = super().get_redirect_url()
        try:
            match = resolve(wanted.partition("?")[0])
        except Resolver404:
            return ""
        if match.url_name == "login":
            return ""  # it would lead here for ever
        if match.url_name == "unlock_door":
            return reverse("door", kwargs=match.kwargs)
        return wanted


class SignOut(auth.LogoutView):
    """Signing out, by the person's own hand."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        person = request.user
        response = super().post(request, *args, **kwargs)
        if isinstance(person, User):
            record_sign_out(person, address=client_address(request))
        return response


class PasswordChange(auth.PasswordChangeView):
    """A person's own password: the old one is asked for, and the record says that it changed."""

    request: DeskRequest
    form_class = PasswordChangeForm

    def form_valid(self, form: SetPasswordForm) -> HttpResponse:
        password = form.cleaned_data["new_password1"]
        person = change_own_password(person=self.request.user, password=password)
        update_session_auth_hash(self.request, person)  # this session goes on, all others end
        return HttpResponseRedirect(self.get_success_url())
