"""Signing in and out, in the desk's own look."""

from __future__ import annotations

from django.contrib.auth import views as auth
from django.http import HttpRequest
from django.urls import Resolver404, resolve, reverse


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
        if match.url_name == "unlock_door":
            return reverse("door", kwargs=match.kwargs)
        return wanted
