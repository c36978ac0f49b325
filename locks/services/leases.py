"""A lease in the database on a job that one process should do at a time, by the database's clock.

It only saves work: whatever is done under it is safe to do twice.
"""

from __future__ import annotations

import datetime as dt
import os
import socket
import threading

from django.db import IntegrityError, transaction
from django.db.models import DurationField, ExpressionWrapper, F, Q
from django.db.models.functions import Now
from django.utils import timezone

from locks.models import Lease

LENGTH = dt.timedelta(seconds=3)
LONG_AGO = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


def myself() -> str:
    """The name under which this thread holds leases."""
    return f"{socket.gethostname()[:30]}:{os.getpid()}:{threading.get_ident()}"[:64]


def wish(name: str) -> None:
    """Count one more wish to have the job done; its holder sees it before letting go."""
    if Lease.objects.filter(name=name).update(wanted=F("wanted") + 1):
        return
    try:
        with transaction.atomic():
            Lease.objects.create(name=name, until=LONG_AGO, wanted=1)
    except IntegrityError:
        Lease.objects.filter(name=name).update(wanted=F("wanted") + 1)


def acquire(name: str, *, length: dt.timedelta = LENGTH) -> int | None:
    """Take or renew the lease for `length` (3 s).

    Returns the number of wishes seen, None where another holds it.
    """
    taken = Lease.objects.filter(Q(until__lt=Now()) | Q(holder=myself()), name=name).update(
        holder=myself(), until=Now() + length
    )
    if not taken:
        if Lease.objects.filter(name=name).exists():
            return None
        wish(name)
        return acquire(name, length=length)
    return Lease.objects.values_list("wanted", flat=True).get(name=name)


def release(name: str, *, seen: int) -> bool:
    """Let go, unless a wish came since `seen`: then False, and there is more to do."""
    return (
        Lease.objects.filter(name=name, holder=myself(), wanted=seen).update(
            holder="", until=LONG_AGO
        )
        == 1
    )


def left(name: str) -> float:
    """Seconds until the lease runs out unless its holder renews it; 0 where it is free."""
    rest = ExpressionWrapper(F("until") - Now(), output_field=DurationField())
    found = Lease.objects.filter(name=name, until__gt=Now()).annotate(rest=rest)
    seconds = [each.rest.total_seconds() for each in found]
    return max(0.01, *seconds) if seconds else 0.0


def drop(name: str) -> None:
    """Let go without looking: someone else takes over."""
    Lease.objects.filter(name=name, holder=myself()).update(holder="", until=LONG_AGO)


def take_turn(name: str, *, every: dt.timedelta) -> bool:
    """True for the one who does the job this time; then nobody does it for `every`."""
    free = Lease.objects.filter(name=name, until__lt=Now())
    if free.update(holder=myself(), until=Now() + every):
        return True
    if Lease.objects.filter(name=name).exists():
        return False
    wish(name)
    return take_turn(name, every=every)


def seen(name: str) -> None:
    """Note that the process of this kind was alive just now."""
    Lease.objects.update_or_create(name=name, defaults={"until": timezone.now()})
