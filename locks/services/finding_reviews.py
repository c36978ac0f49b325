"""Filling the review queue by its rules, and closing what has settled. Run by beat, safe to repeat."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from locks.models import AuditEvent, Review, Rule
from locks.models.unlocks import ENDED_STATUSES
from locks.services import leases
from locks.services.errors import ServiceError
from locks.services.review_rules import RULES, Found, find
from locks.services.reviewing import settle

LEASE: Final = "find_reviews"
LEASE_LENGTH: Final = dt.timedelta(minutes=10)
# How far back a run looks: over a long weekend without workers nothing is missed.
LOOKS_BACK: Final = dt.timedelta(days=4)
MOST_AT_ONCE: Final = 500  # of one rule; the next run goes on


@dataclass
class FindingReport:
    """What one run did: new items by rule, how many settled, and how many are open now."""

    since: dt.datetime
    new: dict[str, int] = field(default_factory=dict)
    settled: int = 0
    open: int = 0

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "since": self.since.isoformat()}


def find_reviews(
    *, now: dt.datetime | None = None, looks_back: dt.timedelta = LOOKS_BACK
) -> FindingReport:
    """Put what the rules find into the queue, each once, and close what Seam has settled.

    Raises ServiceError while another process does it. That only saves work: two at once put
    nothing in twice.
    """
    if leases.acquire(LEASE, length=LEASE_LENGTH) is None:
        raise ServiceError(_("The queue is being filled already."))
    try:
        return fill(now=now or timezone.now(), looks_back=looks_back)
    finally:
        leases.drop(LEASE)


def fill(*, now: dt.datetime, looks_back: dt.timedelta = LOOKS_BACK) -> FindingReport:
    """The same without asking whether somebody else is at it."""
    report = FindingReport(since=now - looks_back)
    report.settled = _close_settled()
    for rule in RULES:
        found = find(rule, since=report.since, now=now, most=MOST_AT_ONCE)
        report.new[rule] = sum(_enqueue(rule, each) for each in found)
    report.open = Review.objects.open().count()
    return report


def _enqueue(rule: str, found: Found) -> bool:
    """Put one in; False where another process was first."""
    event = AuditEvent.objects.select_related("chain").get(pk=found.event_id)
    try:
        with transaction.atomic():
            Review.objects.create(
                event=event,
                rule=rule,
                building_id=event.chain.building_id,
                at=found.at,
                since=found.since,
                times=found.times,
                subject=found.subject,
            )
    except IntegrityError:
        if Review.objects.filter(event=event, rule=rule).exists():
            return False
        raise
    return True


def _close_settled() -> int:
    """Close items of an unknown outcome that has come to be known, where nobody has spoken.

    One that did not unlock and may still do so stays: its door has to be looked at all the same.
    """
    told = Review.objects.open().filter(
        rule=Rule.UNKNOWN,
        remarked=0,
        event__request__status__in=ENDED_STATUSES,
        event__request__may_still_act=False,
    )
    done = 0
    for review in told.select_related("event__request").order_by("pk")[:MOST_AT_ONCE]:
        request = review.event.request
        outcome = request.outcome_label if request else ""
        done += settle(review, _("Settled by Seam: %(outcome)s") % {"outcome": outcome})
    return done
