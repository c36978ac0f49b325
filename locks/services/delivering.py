"""Emptying the outbox: mails and calls of webhooks, each tried again with back-off until it has left.

Whoever counts up `tries` delivers, so that two processes send one. Who is killed while it sends leaves the
notice to be tried again: rather twice than never. A receiver tells repetitions by `webhook-id`.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from dataclasses import asdict, dataclass, field
from smtplib import SMTPRecipientsRefused
from typing import Any, Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _
from svix.webhooks import Webhook

from locks.models import AlertRoute, Building, Kind, Notice
from locks.services import webhook_secrets
from locks.services.audit import record
from locks.services.posting import NotDelivered, post
from locks.services.telling import tell_managers

logger = logging.getLogger(__name__)

FIRST_PAUSE: Final = dt.timedelta(minutes=1)
LONGEST_PAUSE: Final = dt.timedelta(hours=1)
CLAIMED_FOR: Final = dt.timedelta(minutes=5)  # longer than any delivery takes
OFF_AFTER: Final = dt.timedelta(hours=24)  # a webhook that failed for so long is switched off
# A little longer than that, so that the last try is the one that switches it off.
TRIED_FOR: Final = OFF_AFTER + 2 * LONGEST_PAUSE
KEPT_FOR: Final = dt.timedelta(days=30)


@dataclass
class DeliveryReport:
    """What one run did, in numbers of notices."""

    sent: int = 0
    failed: int = 0  # tried again later, or given up
    dropped: int = 0  # nobody's to get any more

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


@dataclass
class _Run:
    now: dt.datetime
    report: DeliveryReport = field(default_factory=DeliveryReport)
    mail_is_down: bool = False
    down: set[int] = field(default_factory=set)  # buildings whose webhook failed in this run


def deliver(*, now: dt.datetime | None = None, for_seconds: float = 20.0) -> DeliveryReport:
    """Deliver what is due, for about `for_seconds`; the next run goes on. Safe to run side by side."""
    run, ends = _Run(now or timezone.now()), time.monotonic() + for_seconds
    while time.monotonic() < ends and (notice := _next(run)) is not None:
        if _claim(notice, run):
            _deliver(notice, run)
    return run.report


def prune(*, now: dt.datetime) -> None:
    """Forget notices that left, or were given up, long ago."""
    Notice.objects.filter(made_at__lt=now - KEPT_FOR).exclude(sent_at=None, failed_at=None).delete()


def _next(run: _Run) -> Notice | None:
    """The one that is due longest. A receiver that failed is left alone for the rest of the run."""
    due = Notice.objects.waiting().filter(next_try_at__lte=run.now)
    if run.mail_is_down:
        due = due.exclude(channel=Notice.Channel.MAIL)
    if run.down:
        due = due.exclude(channel=Notice.Channel.WEBHOOK, building__in=run.down)
    rows = due.select_related("building", "person", "building__alert_route")
    return rows.order_by("next_try_at", "pk").first()


def _claim(notice: Notice, run: _Run) -> bool:
    """True for the one process that tries it now."""
    mine = Notice.objects.waiting().filter(pk=notice.pk, tries=notice.tries)
    taken = mine.update(tries=F("tries") + 1, next_try_at=run.now + CLAIMED_FOR) == 1
    notice.tries += 1
    return taken


def _deliver(notice: Notice, run: _Run) -> None:
    try:
        delivered = _mail(notice) if notice.channel == Notice.Channel.MAIL else _call(notice, run)
    except NotDelivered as problem:
        run.down.add(notice.building_id)
        _failed(notice, run, str(problem))
    except Exception as error:
        # A mail server's trouble is told and tried again; an address is nobody's to read in a log.
        logger.error("Notice %s could not be sent: %s", notice.pk, type(error).__name__)
        if notice.channel == Notice.Channel.MAIL:
            run.mail_is_down |= not isinstance(error, SMTPRecipientsRefused)
        else:
            run.down.add(notice.building_id)
        _failed(notice, run, type(error).__name__)
    else:
        values: dict[str, Any] = {"sent_at": run.now} if delivered else {"failed_at": run.now}
        Notice.objects.waiting().filter(pk=notice.pk).update(**values)
        run.report.sent += delivered
        run.report.dropped += not delivered


def _failed(notice: Notice, run: _Run, problem: str) -> None:
    run.report.failed += 1
    values: dict[str, Any] = {"problem": problem[:200]}
    if run.now - notice.made_at >= TRIED_FOR:
        values["failed_at"] = run.now
    else:
        pause = FIRST_PAUSE * 2 ** min(notice.tries - 1, 10)
        values["next_try_at"] = run.now + min(pause, LONGEST_PAUSE)
    Notice.objects.waiting().filter(pk=notice.pk).update(**values)
    if notice.channel == Notice.Channel.WEBHOOK:
        _note_failure(notice.building, run.now, problem)


# --- Mail -------------------------------------------------------------------------------------


def _mail(notice: Notice) -> bool:
    """Send it; False where the person may not know of the building any more."""
    person = notice.person
    if person is None or not person.email:
        return False
    if not Building.objects.managed_by(person).filter(pk=notice.building_id).exists():
        return False
    EmailMessage(notice.title, notice.body, to=[person.email]).send()
    return True


# --- Webhook ----------------------------------------------------------------------------------


def _call(notice: Notice, run: _Run) -> bool:
    """Post it, signed as Standard Webhooks says; False where the building has no webhook any more.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    route = AlertRoute.objects.filter(building=notice.building_id).first()
    if route is None or not route.is_open:
        return False
    at = timezone.now()  # as the receiver's clock has it: old ones are refused
    signatures = [
        Webhook(secret).sign(notice.message_id, at, notice.body)
        for secret in webhook_secrets.in_use(route, now=at)
    ]
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "accessdesk",
        "webhook-id": notice.message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
    post(route.url, notice.body.encode(), headers, loopback=settings.SEAM_SIMULATED)
    AlertRoute.objects.filter(pk=route.pk).update(
        delivered_at=run.now, failing_since=None, problem=""
    )
    return True


def _note_failure(building: Building, now: dt.datetime, problem: str) -> None:
    route = AlertRoute.objects.filter(building=building, off_since=None)
    route.update(failing_since=Coalesce(F("failing_since"), now), problem=problem[:200])
    with transaction.atomic():
        if not route.filter(failing_since__lte=now - OFF_AFTER).update(off_since=now):
            return
        waiting = Notice.objects.waiting().filter(building=building)
        waiting.filter(channel=Notice.Channel.WEBHOOK).update(failed_at=now, problem=problem[:200])
        tell_managers(
            building,
            _("The webhook of alerts is switched off"),
            [
                _("It has failed for a day; the last problem: %(why)s") % {"why": problem},
                _("Mails go on. Switch it on again on the building's page of alerts."),
            ],
        )
        record(Kind.ALERTS_CHANGED, building=building, webhook="switched off", why=problem)
