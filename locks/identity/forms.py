"""Proofs that are typed: a code, or the password once more. Each guess is counted before it is checked."""

from __future__ import annotations

from typing import Any

from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from locks import words
from locks.http import client_address
from locks.models import User
from locks.services import throttling
from locks.services.second_factors import spend_code
from locks.services.signing_in import count_refused

THROTTLED = "throttled"  # the error's code: the answer is 429


class SignInForm(AuthenticationForm):
    """User name and password; which of the two was wrong is not said."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": gettext_lazy(
            "User name or password is wrong. Capital and small letters differ in both."
        ),
    }


class _Code(forms.Form):
    """What allauth's forms for codes lack: throttled for all processes, and each code good once."""

    user: User
    authenticator: Any

    def clean_code(self) -> str:
        address, now = client_address(context.request), timezone.now()
        if again := throttling.try_code(self.user, address=address, at=now):
            raise ValidationError(words.try_again(again, now=now), code=THROTTLED)
        try:
            code: str = super().clean_code()  # type: ignore[misc]
            right = spend_code(self.authenticator, code)
        except ValidationError:
            right = False
        if not right:
            count_refused(self.user.username)
            raise ValidationError(_("This code is not right, or it was used before."))
        throttling.code_was_right(self.user, address=address)
        return code


class CodeForm(_Code, AuthenticateForm):
    """The second step of signing in."""


class CodeAgainForm(_Code, ReauthenticateForm):
    """A code of who is signed in, before they change what protects the account."""


def _is_own_password(person: User, password: str) -> bool:
    """Whether it is; slowed as at the sign-in. Raises ValidationError where it is not looked at."""
    address, now = client_address(context.request), timezone.now()
    if again := throttling.try_password(person.username, address=address, at=now):
        raise ValidationError(words.try_again(again, now=now), code=THROTTLED)
    if not person.check_password(password):
        count_refused(person.username)
        return False
    throttling.password_was_right(person.username, address=address)
    return True


class OwnPasswordForm(PasswordChangeForm):
    """Another password for who knows the one before."""

    def clean_old_password(self) -> str:
        password: str = self.cleaned_data["old_password"]
        if not _is_own_password(self.user, password):
            raise ValidationError(self.error_messages["password_incorrect"])
        return password


class PasswordAgainForm(forms.Form):
    """The password of who is signed in, likewise."""

    password = forms.CharField(strip=False)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        self.user = user
        super().__init__(*args, **kwargs)

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not _is_own_password(self.user, password):
            raise ValidationError(_("This is not your password."))
        return password
