"""Signing in, and a person's own password, in the desk's own look."""

from __future__ import annotations

from django.contrib.auth import update_session_auth_hash
from django.contrib.auth import views as auth
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import Resolver404, resolve, reverse

from locks.services.staffing import change_own_password
from locks.views.requests import DeskRequest


class SignIn(auth.LoginView):
    """The one sign-in. Goes on to where the person wanted to be, never to a press."""

    redirect_authenticated_user = True

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


class PasswordChange(auth.PasswordChangeView):
    """A person's own password: the old one is asked for, and the record says that it changed."""

    request: DeskRequest
    form_class = PasswordChangeForm

    def form_valid(self, form: SetPasswordForm) -> HttpResponse:
        password = form.cleaned_data["new_password1"]
        person = change_own_password(person=self.request.user, password=password)
        update_session_auth_hash(self.request, person)  # this session goes on, all others end
        return HttpResponseRedirect(self.get_success_url())
