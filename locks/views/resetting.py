"""A new password by mail: whoever asks is answered the same, whether there is such an account or not."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import views as auth
from django.contrib.auth.forms import PasswordResetForm, SetPasswordForm
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse, reverse_lazy
from django.utils import timezone

from locks import words
from locks.models import User
from locks.services import throttling
from locks.services.errors import NotAllowed
from locks.services.staffing import reset_own_password
from locks.views.requests import client_address

logger = logging.getLogger(__name__)


class Afterwards(HttpResponseRedirect):
    """A redirect that does its work once it has been sent, so that its time tells nothing."""

    def __init__(self, to: str, work: Callable[[], None]) -> None:
        super().__init__(to)
        self._work: Callable[[], None] | None = work

    def close(self) -> None:
        work, self._work = self._work, None
        try:
            if work is not None:
                work()
        finally:
            super().close()  # last: it gives the database's connection back


class LinkTokens(PasswordResetTokenGenerator):
    """A link is good for an open account alone, and none from before the account was closed."""

    def check_token(self, user: Any, token: str | None) -> bool:
        return user.is_active and super().check_token(user, token)

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        closed = user.closed_at.isoformat() if user.closed_at else ""
        return f"{super()._make_hash_value(user, timestamp)}{closed}"


class AskForReset(auth.PasswordResetView):
    """Sends a link to the account's mail address; it is good once, for an hour."""

    template_name = "account/password_reset.html"
    email_template_name = "account/email/password_reset.txt"
    subject_template_name = "account/email/password_reset_subject.txt"
    success_url = reverse_lazy("password_reset_done")
    token_generator = LinkTokens()

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        now = timezone.now()
        if again := throttling.try_reset(address=client_address(request), at=now):
            context = self.get_context_data(sentence=words.try_again(again, now=now))
            return self.render_to_response(context, status=HTTPStatus.TOO_MANY_REQUESTS)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: PasswordResetForm) -> HttpResponse:
        return Afterwards(str(self.success_url), lambda: self._send(form))

    def _send(self, form: PasswordResetForm) -> None:
        try:
            if not throttling.may_mail(form.cleaned_data["email"], at=timezone.now()):
                return
            desk = urlsplit(settings.DESK_URL)
            form.save(
                domain_override=desk.netloc,  # never what a request calls us
                use_https=desk.scheme == "https",
                token_generator=self.token_generator,
                email_template_name=self.email_template_name,
                subject_template_name=self.subject_template_name,
            )
        except Exception:  # the answer has gone out: there is nobody left to tell but the operator
            logger.exception("A mail with a link to a new password could not be sent.")


class ResetAsked(auth.PasswordResetDoneView):
    template_name = "account/password_reset_done.html"


class Reset(auth.PasswordResetConfirmView):
    """Where the link leads. Signs nobody in: the second factor is asked for as ever."""

    template_name = "account/password_reset_from_key.html"
    success_url = reverse_lazy("password_reset_complete")
    token_generator = LinkTokens()

    def form_valid(self, form: SetPasswordForm) -> HttpResponse:
        if isinstance(self.user, User):
            password = form.cleaned_data["new_password1"]
            try:
                reset_own_password(person=self.user, password=password)
            except (
                NotAllowed
            ):  # closed a moment ago: the page now says that the link is no longer good
                return HttpResponseRedirect(self.request.path)
        if self.request.user.pk == getattr(self.user, "pk", None):
            self.request.session.flush()  # theirs have ended
        else:
            self.request.session.pop("_password_reset_token", None)
        return HttpResponseRedirect(reverse("password_reset_complete"))


class ResetDone(auth.PasswordResetCompleteView):
    template_name = "account/password_reset_from_key_done.html"
