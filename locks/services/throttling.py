"""Guessing slowed down: who guesses wrong waits, longer each time, and is told until when.

Counted in the database, before anything is checked: attempts at the same moment, in whatever
process, cannot slip through together. Keys are keyed hashes of what was typed and of the client's
address, so an unknown name is slowed exactly as a known one, and neither is kept.

Nobody can lock anybody out: what is counted for an account is counted for each address by itself,
every wait ends, and while one lasts nothing is counted. The address as a whole is slowed, too (one
password for many names); not for those who have signed in from there within a month.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.utils.crypto import salted_hmac

from locks.models import Throttle, User


@dataclass(frozen=True)
class Limit:
    """So many attempts are free; each further failure doubles the wait, up to the longest."""

    free: int
    first: dt.timedelta
    longest: dt.timedelta
    forgotten: dt.timedelta  # so long after the last attempt all is as if there had been none

    def wait(self, failures: int) -> dt.timedelta:
        """How long to wait after so many failures."""
        if failures < self.free:
            return dt.timedelta(0)
        doublings = min(failures - self.free, 20)
        return min(self.first * (1 << doublings), self.longest)


SECOND, MINUTE, DAY = dt.timedelta(seconds=1), dt.timedelta(minutes=1), dt.timedelta(days=1)
# A name from an address: a typing error or two cost nothing, a day of guessing gets about a hundred.
BY_NAME: Final = Limit(free=5, first=5 * SECOND, longest=15 * MINUTE, forgotten=DAY)
# All names from an address: a desk of colleagues behind one router stays below it.
BY_ADDRESS: Final = Limit(free=30, first=SECOND, longest=5 * MINUTE, forgotten=60 * MINUTE)
# Codes of a second factor, which only who knows the password comes to guess.
BY_PERSON: Final = Limit(free=10, first=30 * SECOND, longest=15 * MINUTE, forgotten=DAY)
# Mails to an address, whoever asks for them.
BY_MAILBOX: Final = Limit(free=3, first=5 * MINUTE, longest=60 * MINUTE, forgotten=DAY)
# Secrets of one-time links, from an address: a house may share one.
BY_GUESSER: Final = Limit(free=30, first=10 * MINUTE, longest=10 * MINUTE, forgotten=10 * MINUTE)
KNOWN_FOR: Final = 30 * DAY
KEPT_FOR: Final = 31 * DAY


def try_password(name: str, *, address: str, at: dt.datetime) -> dt.datetime | None:
    """Count an attempt to sign in as `name`; when the next one is let through, or None: go ahead."""
    return _take(
        {_key("password", name, address): BY_NAME, _key("address", address): BY_ADDRESS},
        at=at,
        known=_key("password", name, address),
    )


def password_was_right(name: str, *, address: str) -> None:
    """Take back what the attempt before was counted as."""
    _give_back(_key("password", name, address), all_of_it=True)
    _give_back(_key("address", address))


def remember_address(name: str, *, address: str, at: dt.datetime) -> None:
    """Note that the account was signed in to from this address, with all that it asks for."""
    Throttle.objects.update_or_create(
        key=_key("password", name, address), defaults={"known_at": at, "last_at": at}
    )


def try_code(person: User, *, address: str, at: dt.datetime, way: str = "") -> dt.datetime | None:
    """Count a code of a second factor; when the next one is let through, or None: go ahead.

    Another `way` of proving oneself counts by itself: who knows one secret of somebody's does not
    so get free guesses at another.
    """
    pair = _key("code", f"{person.pk}{way}", address)
    limits = {pair: BY_NAME, _key("codes", f"{person.pk}{way}"): BY_PERSON}
    return _take(limits, at=at, known=_key("password", person.username, address))


def code_was_right(person: User, *, address: str, way: str = "") -> None:
    """Take back what the codes before were counted as."""
    _give_back(_key("code", f"{person.pk}{way}", address), all_of_it=True)
    _give_back(_key("codes", f"{person.pk}{way}"))


def try_reset(*, address: str, at: dt.datetime) -> dt.datetime | None:
    """Count a request for a new password; when the next one is let through, or None: go ahead."""
    return _take({_key("reset", address): BY_ADDRESS}, at=at)


def try_sign_on(*, address: str, at: dt.datetime) -> dt.datetime | None:
    """Count a way out to the provider, which costs it and us; when the next one is let through, or None."""
    return _take({_key("sign_on", address): BY_ADDRESS}, at=at)


def signed_on(*, address: str) -> None:
    """Somebody came back signed in: that way out was none too many."""
    _give_back(_key("sign_on", address))


def may_mail(mailbox: str, *, at: dt.datetime) -> bool:
    """Count a mail that anybody may ask for; whether it should go out."""
    return _take({_key("mail", mailbox.lower()): BY_MAILBOX}, at=at) is None


def guesses_again(who: str, *, at: dt.datetime) -> dt.datetime | None:
    """When `who` may guess the secret of a one-time link again; None: now. Counts nothing."""
    row = Throttle.objects.filter(key=_key("guess", who)).first()
    return row.free_at if row and row.free_at and row.free_at > at else None


def guessed_wrong(who: str, *, at: dt.datetime) -> None:
    """Count a secret that was none."""
    _take({_key("guess", who): BY_GUESSER}, at=at)


@transaction.atomic
def _take(limits: Mapping[str, Limit], *, at: dt.datetime, known: str = "") -> dt.datetime | None:
    """Count one attempt under every key, unless one of them has to wait: then when it is over.

    Where `known` was good within a month, only the first key makes wait.
    """
    if again := _stands(limits, at=at, known=known):
        return again  # and leaves no row behind, whatever names are tried meanwhile
    rows = _locked({*limits, known} - {""}, at=at)
    good = rows[known].known_at if known else None
    binding = list(limits)[:1] if good and good > at - KNOWN_FOR else list(limits)
    waits = [free for key in binding if (free := rows[key].free_at) and free > at]
    if waits:
        return max(waits)
    for key, limit in limits.items():
        row = rows[key]
        before = row.failures if row.last_at > at - limit.forgotten else 0
        row.failures, row.last_at = before + 1, at
        row.free_at = at + limit.wait(row.failures)
        row.save(update_fields=["failures", "last_at", "free_at"])
    return None


def _stands(limits: Mapping[str, Limit], *, at: dt.datetime, known: str) -> dt.datetime | None:
    """When a wait that stands already is over; None where it does not bind."""
    good = Throttle.objects.filter(key=known, known_at__gt=at - KNOWN_FOR).exists()
    binding = list(limits)[:1] if good else list(limits)
    waits = Throttle.objects.filter(key__in=binding, free_at__gt=at)
    return waits.order_by("-free_at").values_list("free_at", flat=True).first()


def _locked(keys: set[str], *, at: dt.datetime) -> dict[str, Throttle]:
    """The rows of these keys, made where there are none, held until commit; always in one order."""
    found = set(Throttle.objects.filter(key__in=keys).values_list("key", flat=True))
    if missing := sorted(keys - found):
        Throttle.objects.bulk_create(
            [Throttle(key=key, last_at=at) for key in missing], ignore_conflicts=True
        )
        _forget(at)
    rows = Throttle.objects.select_for_update().filter(key__in=keys).order_by("key")
    return {row.key: row for row in rows}


def _forget(at: dt.datetime) -> None:
    """Remove a few rows that say nothing any more, whenever new ones are made."""
    old = Throttle.objects.filter(last_at__lt=at - KEPT_FOR).values_list("key", flat=True)
    if keys := list(old[:50]):
        Throttle.objects.filter(key__in=keys, last_at__lt=at - KEPT_FOR).delete()


@transaction.atomic
def _give_back(key: str, *, all_of_it: bool = False) -> None:
    """One attempt was none, or all of them are forgiven.

    The wait of an address stays: who has an account of their own must not end it by signing in.
    """
    for row in Throttle.objects.select_for_update().filter(key=key):
        row.failures = 0 if all_of_it else max(row.failures - 1, 0)
        row.free_at = None if all_of_it else row.free_at
        row.save(update_fields=["failures", "free_at"])


def _key(kind: str, *words: str) -> str:
    """A keyed hash. Names as the sign-in reads them; of an IPv6 address its network."""
    told = [unicodedata.normalize("NFKC", word).strip() for word in words]
    if kind in {"password", "address", "code", "reset", "sign_on"}:
        told[-1] = _network(told[-1])
    text = "\0".join([kind, *told])
    return salted_hmac("locks.throttling", text, algorithm="sha256").hexdigest()


def _network(address: str) -> str:
    """The address; of IPv6 the /64 that one customer holds; as it stands where it is none."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
