"""PINs: a short proof of who stands at a shared PC, and before a press. Never a way in by itself.

A PIN is short, so its tries are few: each wrong one makes the next wait longer, and after
MOST_WRONG in a row only a full sign-in makes it usable again (locks.http notes it). Nobody can lock
an account by this: the password goes on to work.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from django.contrib.auth.hashers import check_password, make_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from locks.models import Kind, Noise, Pin, User
from locks.services import noise
from locks.services.audit import record
from locks.services.editing import require_superuser, subject_of
from locks.services.errors import ServiceError
from locks.services.sessions import end_sessions_by_pin
from locks.services.signing_in import buildings_of

REFUSED: Final = "pin.refused"  # with `:` and the account's id
FEWEST, MOST = 4, 8  # digits
MOST_WRONG: Final = 5
WAITS: Final = (1, 5, 20, 60, 60)  # seconds before the next try, by how many were wrong in a row


class TooManyTries(ServiceError):
    """The PIN was not looked at. `until` says when it will be; None: after a full sign-in."""

    def __init__(self, until: dt.datetime | None) -> None:
        self.until = until
        if until is None:
            super().__init__(
                _("Too many wrong tries. Sign in with your password; the PIN then works again.")
            )
        else:
            super().__init__(
                _("Too many wrong tries. Wait a minute, or sign in with your password.")
            )


@transaction.atomic
def set_pin(*, person: User, pin: str) -> Pin:
    """Give `person` a PIN, who has just proved who they are. Raises ValidationError for a poor one."""
    if problem := _problem_of(pin):
        raise ValidationError(problem)
    row, _made = Pin.objects.update_or_create(
        person=person,
        defaults={
            "pin_hash": make_password(_keyed(person, pin)),
            "set_at": timezone.now(),
            "wrong_in_a_row": 0,
            "free_at": None,
        },
    )
    end_sessions_by_pin(person=person)  # whoever knew the one before may sit there
    _record(Kind.PIN_SET, actor=person, person=person)
    return row


@transaction.atomic
def remove_pin(*, actor: User, person: User) -> None:
    """Take the PIN of `person` away; their own, or anybody's for a superuser. Raises NotAllowed."""
    if actor.pk != person.pk:
        require_superuser(actor)
    forget_pin(actor=actor, person=person)


def forget_pin(*, actor: User | None, person: User) -> None:
    """End the PIN of `person` with another change that ends it; inside the caller's transaction."""
    removed, _rows = Pin.objects.filter(person=person).delete()
    if removed:
        end_sessions_by_pin(person=person)
        _record(Kind.PIN_REMOVED, actor=actor, person=person)


def prove_pin(*, person: User, pin: str, at: dt.datetime) -> bool:
    """Whether `pin` is the PIN of `person`. Raises TooManyTries where it is not looked at.

    A try is counted before it is judged. Nothing is locked meanwhile: judging takes long on purpose.
    """
    row = Pin.objects.filter(person=person, person__is_active=True).first()
    if row is None:
        make_password(_keyed(person, pin))  # as long as with one
        noise.count(f"{REFUSED}:{person.pk}")
        return False
    _take_a_try(row, at)
    if check_password(_keyed(person, pin), row.pin_hash):
        still = Pin.objects.filter(pk=row.pk, pin_hash=row.pin_hash)
        if still.update(wrong_in_a_row=0, free_at=None):  # else removed or changed meanwhile
            return True
    noise.count(f"{REFUSED}:{person.pk}")
    return False


def record_refused() -> int:
    """Put the refused PINs of the hours that are over on the record. Returns how many rows."""
    return noise.record_counts(_tell_refused, what=REFUSED)


def _take_a_try(row: Pin, at: dt.datetime) -> None:
    """Count a try of the PIN, compare-and-set: of two at the same time one waits."""
    wrong = row.wrong_in_a_row
    until = None if wrong >= MOST_WRONG else row.free_at
    is_free = wrong < MOST_WRONG and (until is None or at >= until)
    if is_free:
        until = at + dt.timedelta(seconds=WAITS[wrong])
        as_read = Pin.objects.filter(
            pk=row.pk, pin_hash=row.pin_hash, wrong_in_a_row=wrong, free_at=row.free_at
        )
        is_free = bool(as_read.update(wrong_in_a_row=F("wrong_in_a_row") + 1, free_at=until))
    if not is_free:
        noise.count(f"{REFUSED}:{row.person_id}")
        raise TooManyTries(until)


def _keyed(person: User, pin: str) -> str:
    """The PIN under this installation's key: who has the database alone cannot try all of them out."""
    return salted_hmac("locks.pin", f"{person.pk}:{pin}", algorithm="sha256").hexdigest()


def _problem_of(pin: str) -> str:
    """Why this cannot be a PIN, as a sentence; empty where it can."""
    if not (pin.isascii() and pin.isdigit() and FEWEST <= len(pin) <= MOST):
        return _("A PIN has 4 to 8 digits.")
    steps = {(int(b) - int(a)) % 10 for a, b in zip(pin, pin[1:], strict=False)}
    is_run = steps in ({0}, {1}, {9})
    is_repeated = any(
        pin == pin[:size] * (len(pin) // size) for size in range(1, len(pin) // 2 + 1)
    )
    is_year = len(pin) == 4 and pin[:2] in ("19", "20")
    if is_run or is_repeated or is_year:
        return _("This PIN is easily guessed: use no run (1234), no repetition (1212) and no year.")
    return ""


def _tell_refused(row: Noise, times: int) -> None:
    person = User.objects.filter(pk=int(row.what.partition(":")[2])).first()
    if person is not None:
        _record(Kind.PIN_REFUSED, actor=None, person=person, times=times, hour=row.hour.isoformat())


def _record(kind: Kind, *, actor: User | None, person: User, **detail: Any) -> None:
    for building in buildings_of(person):
        record(kind, building=building, actor=actor, **subject_of(person), **detail)
