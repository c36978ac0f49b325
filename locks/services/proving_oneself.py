"""Proving anew who one is, before a press that asks for it: once more the code, the PIN, or the password.

Knows nothing of sessions: views.proving keeps there what prove() returns. Tries are counted in the
database (services.throttling; PINs count their own), so nobody guesses, whichever process they come to.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth as passkeys
from django.contrib.auth.hashers import check_password
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from locks.models import Pin, User
from locks.services import throttling
from locks.services.errors import ServiceError
from locks.services.pins import TooManyTries, prove_pin
from locks.services.second_factors import spend_code

PASSWORD: Final = "password"  # noqa: S105  # the name of a way
TOTP: Final = "totp"  # this one and the next as allauth calls them
PASSKEY: Final = "webauthn"
PIN: Final = "pin"


@dataclass(frozen=True)
class Proved:
    """That a person proved who they are: how, and when."""

    person_id: int
    method: str
    at: dt.datetime
    door_id: int | None = None  # made for breaking glass at this door


@dataclass(frozen=True)
class Way:
    """One way to prove it: what the field is called, whether a person has it, whether a try is right."""

    label: str | Promise
    has: Callable[[User], bool]
    is_right: Callable[[User, str], bool]
    by_digits: bool = True


class NotProved(ServiceError):
    """The try was wrong (`wrong_proof`), or came before its time (`proof_later`); see words.REFUSALS."""

    def __init__(self, code: str, *, retry_at: dt.datetime | None = None) -> None:
        super().__init__(code)
        self.code, self.retry_at = code, retry_at


def _totp_of(person: User) -> Authenticator | None:
    return Authenticator.objects.filter(user=person, type=Authenticator.Type.TOTP).first()


def _is_right_code(person: User, secret: str) -> bool:
    totp = _totp_of(person)
    return totp is not None and spend_code(totp, secret)


def _is_right_pin(person: User, secret: str) -> bool:
    try:
        return prove_pin(person=person, pin=secret, at=timezone.now())
    except TooManyTries as later:
        if later.until is None:  # of no use before the next full sign-in
            raise NotProved("pin_unusable") from None
        raise NotProved("proof_later", retry_at=later.until) from None


def _has_passkey(person: User) -> bool:
    passkeys_of = Authenticator.objects.filter(user=person, type=Authenticator.Type.WEBAUTHN)
    return bool(passkeys_of.exists())


def begin_passkey(person: User) -> str:
    """What a browser needs to ask for one of the person's passkeys, as JSON.

    The challenge stays in the session of the request that is being answered; allauth keeps it there.
    """
    return json.dumps(passkeys.begin_authentication(person), default=dict)


def _is_right_passkey(person: User, secret: str) -> bool:
    try:
        passkeys.complete_authentication(person, json.loads(secret))
    except Exception:  # noqa: BLE001  # whatever a forged answer is made of, it proves nothing
        return False
    return True


# In the order in which they are offered. The password is the last resort, see ways_of().
WAYS: Final[dict[str, Way]] = {
    TOTP: Way(
        _("Code from your authenticator app"),
        lambda person: _totp_of(person) is not None,
        _is_right_code,
    ),
    PASSKEY: Way(_("Your passkey"), _has_passkey, _is_right_passkey, by_digits=False),
    PIN: Way(
        _("Your PIN"), lambda person: Pin.objects.filter(person=person).exists(), _is_right_pin
    ),
    PASSWORD: Way(
        _("Your password"),
        lambda person: person.has_usable_password(),
        # Not the person's own method, which may save another hash and so end their sessions.
        lambda person, secret: check_password(secret, person.password),
        by_digits=False,
    ),
}


def ways_of(person: User) -> list[str]:
    """How `person` can prove who they are: by password only where they have no second factor."""
    found = [name for name, way in WAYS.items() if name != PASSWORD and way.has(person)]
    if {TOTP, PASSKEY}.isdisjoint(found) and WAYS[PASSWORD].has(person):
        found.append(PASSWORD)
    return found


def prove(
    *, person: User, method: str, secret: str, address: str = "", door_id: int | None = None
) -> Proved:
    """The proof, where `secret` is right now; for breaking glass at a door, where that is named.

    Raises NotProved.

    Each try is counted before it is looked at, so that many at once are no more than one after another.
    """
    if method not in ways_of(person):
        raise NotProved("wrong_proof")
    secret = "".join(secret.split()) if WAYS[method].by_digits else secret
    counted = {"address": address, "way": "" if method == TOTP else method}
    if again := throttling.try_code(person, at=timezone.now(), **counted):
        raise NotProved("proof_later", retry_at=again)
    if not WAYS[method].is_right(person, secret):
        raise NotProved("wrong_proof")
    throttling.code_was_right(person, **counted)
    return Proved(person.pk, method, timezone.now(), door_id)
