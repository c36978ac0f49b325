"""The daily mail about open items of the queue: to whoever wants it, once a day, silent when empty.

Sent from SEND_FROM on, on the wall clock of the first building that the person manages (the one that
was added first). At most once a day: who claims the day on the person's row sends it. A mail
server that refuses gives the day back, and the next run tries again; a process that is killed while
it sends loses that day's mail, never doubles it.
"""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import asdict, dataclass
from typing import Any, Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from locks.models import Building, DailyReviewMail, Review, Rule, User

logger = logging.getLogger(__name__)

SEND_FROM: Final = dt.time(7)


@dataclass
class MailReport:
    """What one run did, in numbers of people."""

    sent: int = 0
    empty: int = 0  # had nothing open today, and so no mail
    failed: int = 0  # tried again by the next run
    without_address: int = 0

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def want_daily_mail(*, person: User, wanted: bool) -> None:
    """Turn the person's own daily mail on or off. It goes to the address of their account."""
    DailyReviewMail.objects.update_or_create(person=person, defaults={"wanted": wanted})


def wants_daily_mail(person: User) -> bool:
    """Whether the person has turned it on."""
    return DailyReviewMail.objects.filter(person=person, wanted=True).exists()


def send_daily_reviews(*, now: dt.datetime | None = None, early: bool = False) -> MailReport:
    """Send today's mail to everybody who is due it and has not had it.

    `early` does not wait for SEND_FROM; a second mail on the same day nobody gets all the same.
    """
    now, report = now or timezone.now(), MailReport()
    wanted = DailyReviewMail.objects.filter(wanted=True, person__is_active=True)
    for row in wanted.select_related("person").order_by("person"):
        buildings = list(Building.objects.managed_by(row.person).order_by("pk"))
        here = now.astimezone(buildings[0].zone if buildings else dt.UTC)
        is_over = row.last_day is not None and row.last_day >= here.date()
        may_review = buildings or row.person.is_superuser
        if not may_review or is_over or (here.time() < SEND_FROM and not early):
            continue
        if not row.person.email:
            report.without_address += 1
        elif _claim(row, here.date()):
            _send(row, here.date(), report)
    return report


def _claim(row: DailyReviewMail, day: dt.date) -> bool:
    """True for the one process that sends the mail of `day`."""
    before = Q(last_day=None) | Q(last_day__lt=day)
    mine = DailyReviewMail.objects.filter(before, pk=row.pk, wanted=True)
    return mine.update(last_day=day) == 1


def _give_back(row: DailyReviewMail, day: dt.date) -> None:
    DailyReviewMail.objects.filter(pk=row.pk, last_day=day).update(last_day=row.last_day)


def _send(row: DailyReviewMail, day: dt.date, report: MailReport) -> None:
    try:
        mail = _mail_to(row.person)
        if mail is None:
            report.empty += 1
            return
        mail.send()
    except Exception as error:
        # A mail server's trouble is told and tried again; the address is nobody's to read in a log.
        logger.error(
            "The daily mail to account %s could not be sent: %s", row.pk, type(error).__name__
        )
        _give_back(row, day)
        report.failed += 1
    else:
        report.sent += 1


def _mail_to(person: User) -> EmailMessage | None:
    """The mail as it would be now; None where nothing is open. Numbers only: it names nobody."""
    parts, total = [], 0
    for building, counts in _open_items(person):
        total += sum(counts.values())
        parts.append(_part(building, counts))
    if not total:
        return None
    subject = ngettext("%(n)d item to review", "%(n)d items to review", total) % {"n": total}
    closing = _("You can turn this mail off: %(link)s") % {"link": _link("admin:locks_review_mail")}
    body = "\n".join([*parts, closing, ""])
    return EmailMessage(f"[accessdesk] {subject}", body, to=[person.email])


def _open_items(person: User) -> list[tuple[Building | None, dict[str, int]]]:
    """For each building that the person manages: how many items are open, by rule."""
    rows = (
        Review.objects.visible_to(person)
        .open()
        .order_by()
        .values("building", "rule")
        .annotate(items=Count("pk"))
    )
    found: dict[int | None, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row["building"], {})[row["rule"]] = row["items"]
    buildings: list[Building | None] = list(
        Building.objects.filter(pk__in=[pk for pk in found if pk]).order_by("name")
    )
    places = [*buildings, *([None] if None in found else [])]
    return [(place, found[place.pk if place else None]) for place in places]


def _part(building: Building | None, counts: dict[str, int]) -> str:
    where = {"building": building.pk} if building else {}
    lines = [str(building or _("No building")), _link("admin:locks_review_changelist", **where)]
    for rule in Rule:
        if items := counts.get(rule):
            link = _link("admin:locks_review_changelist", **where, rule=rule.value)
            lines.append(f"  {items} × {rule.label}\n      {link}")
    return "\n".join([*lines, ""])


def _link(view: str, **query: Any) -> str:
    """An address that opens from anywhere: DESK_URL is where people reach the desk."""
    return settings.DESK_URL + reverse(view) + (f"?{urlencode(query)}" if query else "")
