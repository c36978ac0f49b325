"""Secrets of one-time ways in: made, read, looked up, and guarded against guessing.

One secret serves as link and as printed code: 16 letters and digits that nobody mixes up, about 78
bits. It is shown once, where it was made; the database keeps its hash.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext as _

from locks.models import Invitation, PasswordReset, User
from locks.services import noise, throttling
from locks.services.errors import ServiceError

LASTS: Final = dt.timedelta(hours=24)
ALPHABET: Final = "ABCDEFGHJKMNPQRSTVWXYZ23456789"  # without 0 O, 1 I L, and U, which reads as V
GROUPS, GROUP = 4, 4
REFUSED: Final = "invitation.refused"  # among strangers' noise on the record

Way = Invitation | PasswordReset


class NoSuchWay(ServiceError):
    """No invitation and no reset has this secret."""

    def __init__(self) -> None:
        super().__init__(_("There is no such link or code. Look for a typing mistake."))


class WayClosed(ServiceError):
    """It led somewhere once: it was used or withdrawn, has run out, or its maker may not any more."""


class TooManyMisses(ServiceError):
    """Too many wrong secrets came from this address."""

    def __init__(self) -> None:
        super().__init__(_("Too many wrong tries came from here. Wait ten minutes."))


def make_secret() -> str:
    """A new secret, as people read it: `ABCD-EFGH-JKMN-PQRS`."""
    groups = ("".join(secrets.choice(ALPHABET) for _each in range(GROUP)) for _one in range(GROUPS))
    return "-".join(groups)


def hash_of(secret: str) -> str:
    """What is kept of a secret; however it is spaced, hyphenated or cased."""
    plain = "".join(each for each in secret.upper() if each.isalnum())
    return hashlib.sha256(plain.encode()).hexdigest()


def find_way(secret: str, *, address: str) -> Way:
    """The open invitation or reset with this secret.

    Raises NoSuchWay, which counts as a miss of `address`; TooManyMisses; WayClosed.
    """
    require_patience(address)
    way = way_of(hash_of(secret))
    if way is None:
        count_miss(address)
        noise.count(REFUSED)
        raise NoSuchWay
    require_open(way)
    return way


def require_patience(who: str) -> None:
    """Raise TooManyMisses where `who` (an address, say) has guessed wrong too often lately."""
    if throttling.guesses_again(who, at=timezone.now()):
        raise TooManyMisses


def count_miss(who: str) -> None:
    """One more wrong guess of `who`."""
    throttling.guessed_wrong(who, at=timezone.now())


def way_of(secret_hash: str) -> Way | None:
    """The invitation or reset with a secret of this hash, open or not."""
    invitations = Invitation.objects.select_related("building", "made_by")
    found = invitations.filter(secret_hash=secret_hash).first()
    resets = PasswordReset.objects.select_related("person", "made_by")
    return found or resets.filter(secret_hash=secret_hash).first()


def require_open(way: Way) -> None:
    """Raise WayClosed, with a sentence, unless it leads anywhere now."""
    match way.state:
        case "used":
            raise WayClosed(_("This link has been used. It works once."))
        case "withdrawn":
            raise WayClosed(_("This link has been withdrawn. Ask the manager for a new one."))
        case "expired":
            raise WayClosed(_("This link has run out. Ask the manager for a new one."))


def withdraw_resets(person: User) -> None:
    """End the unused ways of `person` to a new password, with what makes them needless or wrong.

    Their giving stays on the record; nothing else needs to.
    """
    open_ones = PasswordReset.objects.filter(person=person, used_at__isnull=True, withdrawn_at=None)
    open_ones.update(withdrawn_at=timezone.now())


def no_longer_backed() -> WayClosed:
    """Its maker could not do now what it does: their role has ended, say."""
    return WayClosed(
        _("Who made this link may not decide on that any more. Ask a manager for a new one.")
    )
