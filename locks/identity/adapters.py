"""How allauth does things here. Nobody signs up: accounts are made by administrators and invitations."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from http import HTTPStatus
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import (
    get_authentication_records,
    record_authentication,
)
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.base import AuthProcess
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.views import INTERNAL_RESET_SESSION_TOKEN
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from locks.http import BY_PROVIDER, OPENED, client_address
from locks.identity.onward import is_ours, onward
from locks.models import Invitation, User
from locks.services import one_time, throttling
from locks.services.second_factors import has_second_factor
from locks.services.signing_in import count_refused, record_sign_in
from locks.services.single_sign_on import link_by_mail


class AccountAdapter(DefaultAccountAdapter):
    """Signing in, whichever way: recorded first, and only then let in."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_login_stages(self) -> list[str]:
        return ["locks.identity.stages.SecondFactorStage"]

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        """Every way in ends here, after the last stage. Who cannot be put on the record stays outside."""
        if not isinstance(user, User):
            raise TypeError("Only a person signs in.")
        if not user.is_active:  # closed between the steps
            raise ImmediateHttpResponse(self.respond_user_inactive(request, user))
        address = client_address(request)
        proofs = get_authentication_records(request, user)
        ways = [_way(str(proof.get("type") or proof["method"])) for proof in proofs]
        record_sign_in(user, address=address, ways=ways)
        throttling.remember_address(user.username, address=address, at=timezone.now())
        super().login(request, user)

    def post_login(
        self,
        request: HttpRequest,
        user: AbstractBaseUser,
        *,
        redirect_url: str | None,
        **kwargs: Any,
    ) -> HttpResponse:
        after = onward(request, redirect_url or "") or self.get_login_redirect_url(request)
        _drop_what_was_opened(request, after)
        return super().post_login(request, user, redirect_url=after, **kwargs)

    def respond_user_inactive(self, request: HttpRequest, user: AbstractBaseUser) -> HttpResponse:
        return HttpResponseRedirect(reverse("login"))

    def is_safe_url(self, url: str) -> bool:
        return is_ours(self.request, url)

    def get_client_ip(self, request: HttpRequest) -> str:
        """As everywhere; a socket without an address counts as none in particular."""
        address = client_address(request)
        try:
            return str(ipaddress.ip_address(address))
        except ValueError:
            return "0.0.0.0"  # noqa: S104 # nothing listens there: the column wants an address

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """None: the pages themselves say what happened, and nobody should read it a day later."""

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Not within five minutes of a proof; with a second factor only that one counts."""
        user = self.request.user
        since = timezone.now().timestamp() - settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
        proofs = get_authentication_records(self.request, user)
        if has_second_factor(user):
            proofs = [proof for proof in proofs if proof.get("method") == "mfa"]
        return not any(proof.get("at", 0) > since for proof in proofs)

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, str]]:
        """The password; for who has a second factor, that one instead."""
        found: list[dict[str, str]] = super().get_reauthentication_methods(user)
        second = [method for method in found if method["id"] != "reauthenticate"]
        return second or found


def _drop_what_was_opened(request: HttpRequest, after: str) -> None:
    """Somebody else may have opened it here. An invitation whose page asked for the sign-in stays."""
    request.session.pop(INTERNAL_RESET_SESSION_TOKEN, None)
    way = one_time.way_of(str(request.session.get(OPENED, "")))
    is_wanted = after.partition("?")[0] == reverse("opened_invitation")
    if not (is_wanted and isinstance(way, Invitation)):
        request.session.pop(OPENED, None)


def _way(proof: str) -> str:
    """How the record names a proof, where allauth's word for it is not everybody's."""
    known = {"socialaccount": "single sign-on", BY_PROVIDER[1]: "second factor there"}
    return known.get(proof, proof)


class SingleSignOnAdapter(DefaultSocialAccountAdapter):
    """Signs in people whose account exists, and nobody else.

    Whose it is: the account that the provider's subject was linked to before; else the one active
    account whose mail address is the one that the provider says it has verified, which is linked then.
    """

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return False

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: Any) -> Any:
        """Keeps nothing of what the provider tells, but whether it asked for a second factor."""
        claims = sociallogin.account.extra_data.get("id_token") or {}
        named = claims.get("amr")
        sociallogin.second_factor = isinstance(named, list) and "mfa" in named
        sociallogin.account.extra_data = {}
        return sociallogin.user

    def authenticate_by_email(self, sociallogin: Any) -> None:
        """Not allauth's way, which would take the account's password away."""

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        process = sociallogin.state.get("process")
        person = sociallogin.user if sociallogin.is_existing else None
        account = sociallogin.account
        if person is None and process == AuthProcess.LOGIN:
            person = link_by_mail(
                _verified(sociallogin), provider=account.provider, uid=account.uid
            )
        if person is None or not person.is_active or process != AuthProcess.LOGIN:
            count_refused("")
            raise ImmediateHttpResponse(refusal(request, "no_account"))
        if account.pk is None:
            sociallogin.account = SocialAccount.objects.get(
                provider=account.provider, uid=account.uid
            )
        sociallogin.user = person
        if sociallogin.second_factor:
            method, kind = BY_PROVIDER
            record_authentication(request, person, method, type=kind)

    def on_authentication_error(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        raise ImmediateHttpResponse(refusal(request, "not_done"))


def _verified(sociallogin: Any) -> list[str]:
    """The mail addresses that the provider says it has verified; some say so with a word."""
    addresses = sociallogin.email_addresses
    return [each.email for each in addresses if each.verified in (True, "true")]


def refusal(request: HttpRequest, why: str) -> HttpResponse:
    """Why the single sign-on did not sign in, as a page with the way back."""
    sentence, status = {
        "no_account": (
            _("No account here belongs to this sign-in. Ask a manager for one."),
            HTTPStatus.FORBIDDEN,
        ),
        "not_done": (
            _("The sign-in was not completed. Nothing has changed; try again."),
            HTTPStatus.UNAUTHORIZED,
        ),
        "unreachable": (
            _(
                "%(name)s cannot be reached at the moment. Sign in with your password, or try again."
            ),
            HTTPStatus.BAD_GATEWAY,
        ),
    }[why]
    context = {"sentence": sentence % {"name": settings.OIDC_NAME}}
    return render(request, "socialaccount/refused.html", context, status=status)


class FactorAdapter(DefaultMFAAdapter):
    """Second factors: their secrets are encrypted at rest, their names read like the desk."""

    def encrypt(self, text: str) -> str:
        return _boxes().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _boxes().decrypt(encrypted_text.encode()).decode()

    def get_totp_label(self, user: AbstractBaseUser) -> str:
        return str(user.get_username())

    def _get_user_identifier(self, user: AbstractBaseUser) -> str:
        return str(user.get_username())

    def generate_authenticator_name(self, user: AbstractBaseUser, type: Any) -> str:  # noqa: A002
        return _("Passkey of %(day)s") % {"day": timezone.localdate().isoformat()}


def _boxes() -> MultiFernet:
    """Keys of their own, made from SECRET_KEY (the first encrypts) and its fallbacks."""
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return MultiFernet(Fernet(_key(str(key))) for key in keys)


def _key(secret: str) -> bytes:
    # SECRET_KEY is long and random: one hash is enough to keep its uses apart.
    return base64.urlsafe_b64encode(hashlib.sha256(f"second factors\0{secret}".encode()).digest())
