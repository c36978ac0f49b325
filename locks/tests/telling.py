"""One minute of alerts: found, and delivered."""

import datetime as dt
from dataclasses import replace
from typing import Any

from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.utils import timezone

from locks.models import Building, Device, Kind, Role, User
from locks.services.alert_settings import change_alerts, choices_of
from locks.services.alerting import AlertReport, find_alerts
from locks.services.audit import record
from locks.services.delivering import deliver
from locks.tests.factories import grant, make_user
from locks.tests.history import recorded_at

MINUTE = dt.timedelta(minutes=1)
NOW = timezone.now().replace(second=0, microsecond=0)


class NoServer(BaseEmailBackend):
    """A mail server that cannot be reached."""

    def send_messages(self, email_messages: Any) -> int:
        raise ConnectionRefusedError("manager@example.com")


NO_SERVER = f"{__name__}.NoServer"


def a_minute(now: dt.datetime = NOW) -> AlertReport:
    """What beat does once a minute."""
    report = find_alerts(now=now)
    deliver(now=now)
    return report


def minutes(first: int, last: int, *, every: int = 0) -> list[AlertReport]:
    """From one minute after NOW to another; where `every` is not said, those between are sampled."""
    every = every or max(1, (last - first) // 3)
    times = sorted({*range(first, last + 1, every), last})
    return [a_minute(NOW + number * MINUTE) for number in times]


def subjects() -> list[str]:
    """Of the mails that left, without what stands before each."""
    return [each.subject.removeprefix("[accessdesk] ") for each in mail.outbox]


def make_reader(building: Building, username: str = "") -> User:
    """A manager with an address."""
    person = make_user(username)
    User.objects.filter(pk=person.pk).update(email=f"{person.username}@example.com")
    person.refresh_from_db()
    grant(person, building, Role.MANAGER)
    return person


def want(building: Building, reader: User, *, names_people: bool = False, **kinds: Any) -> None:
    """Set kinds as their usual choice with some values changed: `offline={"minutes": 5}`."""
    now = choices_of(building)
    change_alerts(
        actor=reader,
        building=building,
        choices={kind: replace(now[kind], **values) for kind, values in kinds.items()},
        names_people=names_people,
    )


def goes(door: Device, *, online: bool, at: dt.datetime) -> None:
    """Seam's event of a lock that loses its connection, or has it again."""
    Device.objects.filter(pk=door.pk).update(online=online)
    kind = Kind.LOCK_ONLINE if online else Kind.LOCK_OFFLINE
    with recorded_at(at), transaction.atomic():
        record(kind, building=door.building, device=door)
