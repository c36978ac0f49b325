"""Seam's events read from its list: what the receiver missed while it was down, or was never sent."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import asdict, dataclass
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from locks.clients import seam_client
from locks.models import EventsRead, Kind, Source
from locks.seam import Event, SeamError
from locks.services import events, leases, noise
from locks.services.audit import record
from locks.services.errors import DATABASE_GONE, ServiceError

logger = logging.getLogger(__name__)

LEASE: Final = "catch_up_events"
LEASE_LENGTH: Final = dt.timedelta(seconds=60)  # renewed while events come
# Events are listed some time after they occurred; those read twice count once.
OVERLAP: Final = dt.timedelta(minutes=10)
FIRST_TIME: Final = dt.timedelta(hours=24)
REACHES_BACK: Final = dt.timedelta(days=30)  # further, Seam's list is not taken for complete
# A webhook that is on its way is not missing.
ON_ITS_WAY: Final = dt.timedelta(minutes=2)


@dataclass(frozen=True)
class CaughtUp:
    """What was read: from `since` to `until`, events `listed`, `new` ones among them, and those of
    them that a webhook should have brought (`missed`). `gap`: the list may not reach back that far.
    """

    since: dt.datetime
    until: dt.datetime
    listed: int
    new: int
    missed: int
    gap: bool

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        times = {"since": self.since.isoformat(), "until": self.until.isoformat()}
        return {**asdict(self), **times}


def catch_up_events(*, since: dt.datetime | None = None) -> CaughtUp:
    """Read Seam's events since they were last known whole (or `since`, if that is longer ago), and take
    the new ones.

    What a webhook should have brought, and a time that the list may not cover, are put on the
    record. Raises ServiceError where Seam cannot be read to the end (what was taken stays taken), or
    another process is at it.
    """
    if leases.acquire(LEASE, length=LEASE_LENGTH) is None:
        raise ServiceError(_("Seam's events are being read already."))
    try:
        return _catch_up(since)
    except SeamError as error:
        raise ServiceError(_("Seam's events cannot be read: %(why)s") % {"why": error}) from error
    finally:
        leases.drop(LEASE)


def _catch_up(asked: dt.datetime | None) -> CaughtUp:
    now = timezone.now()
    known = EventsRead.objects.filter(pk=1).values_list("through", flat=True).first()
    # Never later than what is known: the time between would be taken for read.
    usual = known - OVERLAP if known else now - FIRST_TIME
    since = max(min(asked or usual, usual), now - REACHES_BACK)
    listed = new = missed = 0
    for event in seam_client().list_events(since=since):
        listed += 1
        if _taken(event):
            new += 1
            registered = event.event_type in events.EVENT_TYPES
            late = known is not None and event.created_at < now - ON_ITS_WAY
            missed += registered and late
        if listed % 100 == 0:
            leases.acquire(LEASE, length=LEASE_LENGTH)
    gap = known is not None and known < since
    report = CaughtUp(since, now, listed, new, missed if _receives() else 0, gap)
    _note(report, known)
    events.prune()
    noise.prune()
    return report


def _taken(event: Event) -> bool:
    """Whether it is taken and was new. One that cannot be taken keeps nobody from those after it."""
    try:
        return events.take(event, source=Source.LIST)
    except DATABASE_GONE:
        raise  # for all of them
    except Exception:
        logger.exception("Seam's event %s could not be taken.", event.event_id)
        return False


def _receives() -> bool:
    return bool(settings.SEAM_WEBHOOK_SECRETS)


def _note(report: CaughtUp, known: dt.datetime | None) -> None:
    with transaction.atomic(durable=True):
        EventsRead.objects.update_or_create(pk=1, defaults={"through": report.until})
        if report.missed:
            record(
                Kind.EVENTS_CAUGHT_UP,
                building=None,
                since=report.since.isoformat(),
                until=report.until.isoformat(),
                missed=report.missed,
            )
        if report.gap and known is not None:
            record(
                Kind.EVENTS_GAP,
                building=None,
                since=known.isoformat(),
                until=report.since.isoformat(),
            )
