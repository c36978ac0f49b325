"""The proofs of who is at the keyboard, kept in that person's session: never another's, gone with it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from django.contrib.sessions.backends.base import UpdateError
from django.http import HttpRequest

from locks.models import User
from locks.services.proving_oneself import PASSWORD, Proved, ways_of

_KEY = "proved"  # session key: the latest proof made at a door, or by switching on a shared PC
_FOR_BREAKING = "proved_for_breaking"  # session key: the latest one made for breaking glass


def note(request: HttpRequest, proved: Proved) -> None:
    """Keep a proof for the doors that ask for one. A session that has ended meanwhile keeps nothing."""
    request.session[_KEY if proved.door_id is None else _FOR_BREAKING] = {
        "person": proved.person_id,
        "method": proved.method,
        "at": proved.at.timestamp(),
        "door": proved.door_id,
    }
    with suppress(UpdateError):
        request.session.save()  # now, not after the press: nothing may spoil its answer
    request.session.modified = False


def latest(request: HttpRequest, *, breaking: int | None = None) -> Proved | None:
    """The newest proof of the signed-in person in this session; the sign-in itself is one.

    Of a second factor or a single sign-on; by password alone only for who has nothing better, and a
    single sign-on not for who has set up a factor here. One that was made for breaking glass is
    among them at its own door alone, where that is named by `breaking`.
    """
    person = request.user
    if not isinstance(person, User):
        return None
    meant = [proved for proved in _kept(request, person) if proved.door_id in (None, breaking)]
    known = sorted(meant, key=lambda proved: proved.at, reverse=True)
    if not known:
        return None
    ways = ways_of(person)
    return next((proved for proved in known if _counts(proved.method, ways)), None)


def _counts(method: str, ways: list[str]) -> bool:
    if method in (PASSWORD, "socialaccount"):
        return not ways or PASSWORD in ways
    return True


def _kept(request: HttpRequest, person: User) -> Iterator[Proved]:
    ours = [request.session.get(key) for key in (_KEY, _FOR_BREAKING)]
    for entry in [*ours, *get_authentication_records(request, person)]:
        if isinstance(entry, dict) and entry.get("person", person.pk) == person.pk:
            yield from _read(entry, person)


def _read(entry: dict[str, Any], person: User) -> Iterator[Proved]:
    """Ours, or one of allauth's: `mfa` says which factor by its `type`."""
    method, at = entry.get("type") or entry.get("method"), entry.get("at")
    if isinstance(method, str) and isinstance(at, int | float):
        yield Proved(person.pk, method, dt.datetime.fromtimestamp(at, dt.UTC), entry.get("door"))
