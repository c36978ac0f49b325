"""Telling managers something at once, by mail: what is told is never lost, and holds nobody up.

A notice is a row, written in the transaction of what it tells of; it is sent after the commit by a
worker, at once where the broker works and within a minute by beat. One that a mail server refuses is
tried again for three days. A process that is killed while it sends may send it twice, never not at all.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable
from typing import Final

from django.core.mail import EmailMessage
from django.db.models import F, Q
from django.utils import timezone

from locks.models import Assignment, Building, Notice, Role, User

logger = logging.getLogger(__name__)

CLAIM: Final = dt.timedelta(minutes=2)  # longer than a mail server is waited for
TRIED_FOR: Final = dt.timedelta(days=3)
MOST_AT_ONCE: Final = 100


def tell_managers(*, building: Building, subject: str, lines: Iterable[str]) -> int:
    """Write a notice to each manager of `building`, in the caller's transaction. Returns to how many.

    To the superusers where no manager has an address. Call send_soon() after the commit.
    """
    managing = Assignment.objects.in_force().filter(building=building, role=Role.MANAGER)
    people = User.objects.filter(is_active=True).exclude(email="").order_by("pk")
    told = list(people.filter(pk__in=managing.values("person")))
    told = told or list(people.filter(is_superuser=True))
    subject = " ".join(f"[accessdesk] {subject}".split())[:200]  # a header is one line
    body = "\n".join([*lines, ""])
    Notice.objects.bulk_create(Notice(person=each, subject=subject, body=body) for each in told)
    return len(told)


def send_soon() -> None:
    """Have waiting notices sent now. Never raises; only a hint: beat finds the same rows."""
    from locks.tasks import send_notices

    try:
        send_notices.apply_async(expires=60)
    except Exception as error:
        # Whatever the transport raises: the message may even have been published.
        logger.warning("The broker did not take a nudge: %s", type(error).__name__)


def send_notices(*, now: dt.datetime | None = None) -> int:
    """Send what waits. Returns how many were sent."""
    now = now or timezone.now()
    waiting = Notice.objects.filter(
        Q(claimed_until=None) | Q(claimed_until__lte=now),
        sent_at=None,
        made_at__gt=now - TRIED_FOR,
        person__is_active=True,
    )
    done = 0
    for notice in waiting.select_related("person").order_by("made_at", "pk")[:MOST_AT_ONCE]:
        if _claim(notice, now):
            done += _send(notice)
    return done


def _claim(notice: Notice, now: dt.datetime) -> bool:
    """True for the one process that sends it."""
    same = Notice.objects.filter(pk=notice.pk, sent_at=None, claimed_until=notice.claimed_until)
    return same.update(claimed_until=now + CLAIM, tries=F("tries") + 1) == 1


def _send(notice: Notice) -> bool:
    try:
        EmailMessage(notice.subject, notice.body, to=[notice.person.email]).send()
    except Exception as error:
        # A mail server's trouble is told and tried again; the address is nobody's to read in a log.
        logger.error("Notice %s could not be sent: %s", notice.pk, type(error).__name__)
        return False
    Notice.objects.filter(pk=notice.pk).update(sent_at=timezone.now())
    return True
