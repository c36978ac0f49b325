"""Strangers' noise: counted by the hour, and put on the record once an hour is over."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from locks.models import Kind, Noise
from locks.services.audit import record

HOUR = dt.timedelta(hours=1)
KEPT_FOR = dt.timedelta(days=90)
# Words whose counts are told otherwise than as strangers' noise.
OWN_RECORD: Final = ("sign_in.refused", "pin.refused")


def count(what: str) -> None:
    """One more of `what` (a stable word, such as `webhook.refused`), in this hour."""
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    row = Noise.objects.filter(what=what, hour=hour)
    if row.update(times=F("times") + 1):
        return
    try:
        with transaction.atomic():
            Noise.objects.create(what=what, hour=hour, times=1)
    except IntegrityError:
        row.update(times=F("times") + 1)


def record_noise() -> int:
    """Put hours that are over on the organisation's record, an event for each kind. Returns how many."""

    def tell(row: Noise, times: int) -> None:
        what, hour = row.what, row.hour.isoformat()
        record(Kind.NOISE, building=None, what=what, times=times, hour=hour)

    return record_counts(tell)


def record_counts(tell: Callable[[Noise, int], None], *, what: str = "") -> int:
    """Have `tell` record what was counted in hours that are over. Returns how many rows.

    `what` names the words with a record of their own (`what` itself, and `what:` with more); without
    it, all the others. `tell` gets the row and how many times are new, within a transaction.
    """
    own = Q()
    for word in [what] if what else OWN_RECORD:
        own |= Q(what=word) | Q(what__startswith=f"{word}:")
    over = Noise.objects.filter(
        own if what else ~own, times__gt=F("recorded"), hour__lte=timezone.now() - HOUR
    ).order_by("hour")
    done = 0
    for row in over[:100]:
        with transaction.atomic():
            mine = Noise.objects.filter(pk=row.pk, recorded=row.recorded)
            if mine.update(recorded=row.times):
                tell(row, row.times - row.recorded)
                done += 1
    return done


def prune() -> None:
    """Forget counts that are long on the record."""
    Noise.objects.filter(hour__lt=timezone.now() - KEPT_FOR, times=F("recorded")).delete()
