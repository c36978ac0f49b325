"""Second factors (allauth.mfa keeps them): on the record as they come and go, and taken away.

Raises nothing of its own but what record() does; who may is checked by the callers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.utils import decrypt
from django.db import transaction

from locks.models import SECOND_FACTORS, Kind, SharedPCVisit, User
from locks.services.audit import record
from locks.services.editing import subject_of
from locks.services.pins import forget_pin
from locks.services.sessions import end_sessions
from locks.services.signing_in import buildings_of

LAST_STEP = "last_step"  # in a TOTP factor's data: the time step whose code was spent last


def has_second_factor(person: User) -> bool:
    """Whether `person` is asked for one when signing in."""
    return bool(Authenticator.objects.filter(user=person, type__in=SECOND_FACTORS).exists())


@contextmanager
def recorded(person: User, *, session_key: str) -> Iterator[None]:
    """What `person` does to their own factors within is on the record, in the same transaction.

    With the first factor their other sessions, their PIN and what shared PCs know of them end: those
    were begun with a password alone.
    """
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=person.pk)
        before = _factors(person)
        yield
        after = _factors(person)
        if _second(after) and not _second(before):
            end_sessions(person, keep=session_key)
            SharedPCVisit.objects.filter(person=person).delete()
            forget_pin(actor=person, person=person)
        _record(Kind.FACTOR_REMOVED, person, actor=person, types=_without(before, after))
        _record(Kind.FACTOR_ADDED, person, actor=person, types=_without(after, before))


@transaction.atomic
def remove_factors(*, actor: User | None, person: User) -> int:
    """Take all second factors of `person` away and end their sessions, so that they can begin anew.

    For who has lost them all. The caller has seen to it that `actor` may; None is the command line.
    Returns how many there were, recovery codes included.
    """
    person = User.objects.select_for_update(no_key=True).get(pk=person.pk)
    before = _factors(person)
    Authenticator.objects.filter(user=person).delete()
    if before:
        end_sessions(person)
        _record(Kind.FACTOR_REMOVED, person, actor=actor, types=sorted(before.values()))
    return len(before)


@transaction.atomic
def spend_code(factor: Authenticator, code: str) -> bool:
    """Use up the code of an authenticator app that was just found right; False where it is spent.

    A code is good once, and none from before it: whoever looks over a shoulder comes too late. Kept
    with the factor, so that it holds in all processes. Recovery codes are spent by allauth.
    """
    row = Authenticator.objects.select_for_update().filter(pk=factor.pk).first()
    if row is None:
        return False
    if row.type != Authenticator.Type.TOTP:
        return True
    secret = decrypt(row.data["secret"])
    for step in totp.yield_hotp_counters_from_time():
        right = totp.format_hotp_value(totp.hotp_value(secret, step))
        if step > row.data.get(LAST_STEP, 0) and compare_user_code(actual=code, expected=right):
            row.data[LAST_STEP] = step
            row.save(update_fields=["data"])
            return True
    return False


def _factors(person: User) -> dict[int, str]:
    return dict(Authenticator.objects.filter(user=person).values_list("pk", "type"))


def _without(factors: dict[int, str], others: dict[int, str]) -> list[str]:
    return sorted(kind for pk, kind in factors.items() if pk not in others)


def _second(factors: dict[int, str]) -> bool:
    return any(kind in SECOND_FACTORS for kind in factors.values())


def _record(kind: Kind, person: User, *, actor: User | None, types: list[str]) -> None:
    for building in buildings_of(person) if types else ():
        for factor in types:
            record(kind, building=building, actor=actor, factor=factor, **subject_of(person))
