"""Proving anew who one is, before a press that asks for it: once more the code, or the password.

Knows nothing of sessions: views.proving keeps there what prove() returns. Wrong tries are counted by
person in the database, and after a few of them each next one has to wait twice as long; so nobody
guesses, whichever process they come to, and nobody is locked out for longer than LONGEST_DELAY.
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
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from locks.models import ProofTry, User
from locks.services.errors import ServiceError

PASSWORD: Final = "password"  # noqa: S105  # the name of a way
PASSKEY: Final = "webauthn"  # as allauth calls it
FREE_TRIES: Final = 4  # wrong ones that cost no waiting: thumbs slip
LONGEST_DELAY: Final = dt.timedelta(minutes=5)


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
    good_for_once: bool = False


class NotProved(ServiceError):
    """The try was wrong (`wrong_proof`), or came before its time (`proof_later`); see words.REFUSALS."""

    def __init__(self, code: str, *, retry_at: dt.datetime | None = None) -> None:
        super().__init__(code)
        self.code, self.retry_at = code, retry_at


def _totp_of(person: User) -> Authenticator | None:
    return Authenticator.objects.filter(user=person, type=Authenticator.Type.TOTP).first()


def _is_right_code(person: User, secret: str) -> bool:
    totp = _totp_of(person)
    return totp is not None and bool(totp.wrap().validate_code(secret))


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
    "totp": Way(
        _("Code from your authenticator app"),
        lambda person: _totp_of(person) is not None,
        _is_right_code,
        good_for_once=True,
    ),
    PASSKEY: Way(_("Your passkey"), _has_passkey, _is_right_passkey, by_digits=False),
    PASSWORD: Way(
        _("Your password"),
        lambda person: person.has_usable_password(),
        # Not the person's own method, which may save another hash and so end their sessions.
        lambda person, secret: check_password(secret, person.password),
        by_digits=False,
    ),
}


def ways_of(person: User) -> list[str]:
    """How `person` can prove who they are: by password only where they have nothing better."""
    better = [name for name, way in WAYS.items() if name != PASSWORD and way.has(person)]
    return better or [name for name in (PASSWORD,) if WAYS[name].has(person)]


def prove(*, person: User, method: str, secret: str, door_id: int | None = None) -> Proved:
    """The proof, where `secret` is right now; for breaking glass at a door, where that is named.

    Raises NotProved.

    Each try is counted before it is looked at, so that many at once are no more than one after another.
    """
    if method not in ways_of(person):
        raise NotProved("wrong_proof")
    secret = "".join(secret.split()) if WAYS[method].by_digits else secret
    _begin_try(person)
    is_right = WAYS[method].is_right(person, secret)
    if not (is_right and _end_try(person, method, secret)):
        raise NotProved("wrong_proof")
    return Proved(person.pk, method, timezone.now(), door_id)


@transaction.atomic
def _begin_try(person: User) -> None:
    now = timezone.now()
    ProofTry.objects.get_or_create(person=person)
    row = ProofTry.objects.select_for_update().get(person=person)
    if row.free_at is not None and now < row.free_at:
        raise NotProved("proof_later", retry_at=row.free_at)
    row.wrong += 1
    row.free_at = now + _delay(row.wrong) if row.wrong >= FREE_TRIES else None
    row.save(update_fields=["wrong", "free_at"])


def _delay(wrong: int) -> dt.timedelta:
    """After so many wrong tries; doubled by each."""
    return min(LONGEST_DELAY, dt.timedelta(seconds=2 ** min(wrong - FREE_TRIES + 1, 20)))


@transaction.atomic
def _end_try(person: User, method: str, secret: str) -> bool:
    """Forget the wrong tries before a right one; False where its code was taken already."""
    row = ProofTry.objects.select_for_update().get(person=person)
    spent = salted_hmac("locks.proof", f"{person.pk}:{secret}", algorithm="sha256").hexdigest()
    once = WAYS[method].good_for_once
    if once and row.spent == spent:
        return False
    row.wrong, row.free_at = 0, None
    row.spent = spent if once else row.spent
    row.save(update_fields=["wrong", "free_at", "spent"])
    return True
