"""Who came and who went, on the record of the buildings where they hold a role; failures are counted.

What was typed into a refused sign-in is never kept: it may be a password in the wrong field.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from django.db import transaction
from django.utils import timezone

from locks.models import Building, Kind, Noise, SharedPC, User
from locks.services import noise
from locks.services.audit import in_chain_order, record
from locks.services.editing import subject_of

REFUSED: Final = "sign_in.refused"  # with `:` and an account's id where the name was one
UNKNOWN_NAME: Final = "unknown name"


@transaction.atomic
def record_sign_in(person: User, *, address: str, ways: Sequence[str] = ()) -> None:
    """Put on the record that `person` signed in from `address`, and in which ways (password, totp …)."""
    proved_by = ", ".join(ways)
    for building in buildings_of(person):
        record(
            Kind.SIGNED_IN, building=building, actor=person, address=address, proved_by=proved_by
        )


@transaction.atomic
def record_sign_out(person: User, *, address: str) -> None:
    """Put on the record that `person` signed out themselves. (A session that runs out tells nobody.)"""
    for building in buildings_of(person):
        record(Kind.SIGNED_OUT, building=building, actor=person, address=address)


@transaction.atomic
def record_switch(person: User, *, pc: SharedPC, address: str) -> None:
    """Put on the record that `person` took a turn on a shared PC, by their PIN."""
    for building in buildings_of(person):
        here = building is not None and building.pk == pc.building_id
        record(
            Kind.PERSON_SWITCHED,
            building=building,
            actor=person,
            method="pin",
            pc=pc.name if here else None,  # another building's is not its managers' to know
            address=address,
        )


def count_refused(username: str) -> None:
    """Count a refused sign-in, for the account of that name or for all unknown names together."""
    known = User.objects.filter(username=username).values_list("pk", flat=True).first()
    noise.count(REFUSED if known is None else f"{REFUSED}:{known}")


def record_refused() -> int:
    """Put the refused sign-ins of the hours that are over on the record. Returns how many rows."""
    return noise.record_counts(_refused, what=REFUSED)


def _refused(row: Noise, times: int) -> None:
    account = row.what.partition(":")[2]
    person = User.objects.filter(pk=int(account)).first() if account else None
    subject = subject_of(person) if person else {"subject": UNKNOWN_NAME}
    for building in buildings_of(person):
        record(
            Kind.SIGN_IN_REFUSED,
            building=building,
            times=times,
            hour=row.hour.isoformat(),
            **subject,
        )


def buildings_of(person: User | None) -> Iterable[Building | None]:
    """Whose managers are told: those of the buildings where they hold a role; else the organisation.

    In one order, as the chains are locked.
    """
    if person is None:
        return [None]
    held = person.assignments.in_force(at=timezone.now()).values("building")
    return in_chain_order(Building.objects.filter(pk__in=held)) or [None]
