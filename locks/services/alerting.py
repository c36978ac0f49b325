"""Alerts: raised once, kept up to date, told again once a day at most, and over once it has lasted.

What is wrong is services.finding_alerts', how it is told services.telling_alerts', how it leaves
services.delivering's. Run by beat, and by each web process where no worker lives.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from locks.models import Alarm, Alert, Building, Device, Kind, Lease
from locks.services import leases, telling_alerts
from locks.services.alert_settings import Choice, all_choices
from locks.services.audit import record
from locks.services.delivering import deliver, prune
from locks.services.editing import subject_of
from locks.services.errors import DATABASE_GONE
from locks.services.finding_alerts import Seen, find

logger = logging.getLogger(__name__)

TURN: Final = "find_alerts"
EVERY: Final = dt.timedelta(seconds=50)  # beat comes four times a minute, each web process as well
MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)
# So long must be well again what goes back and forth; where a kind has minutes, at least those.
LASTS: Final = {Alarm.OFFLINE: 5 * MINUTE, Alarm.BATTERY: HOUR, Alarm.SILENT: 5 * MINUTE}
LASTS_AS_LONG: Final = (Alarm.OFFLINE, Alarm.BURST)
# What goes on is told again after so long. What people did is told once.
REMIND_AFTER: Final = {
    Alarm.FAILURES: DAY,
    Alarm.OFFLINE: DAY,
    Alarm.BATTERY: 7 * DAY,
    Alarm.SILENT: DAY,
    Alarm.BROKEN: DAY,
}
MOST_AT_ONCE: Final = 200  # raised in one transaction, which holds the chain; the next run goes on
CLOSED_KEPT_FOR: Final = 400 * DAY


@dataclass
class AlertReport:
    """What one run did: alerts raised, told again, and over."""

    raised: int = 0
    reminded: int = 0
    over: int = 0

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


@dataclass
class _Changes:
    """What is to be told of one kind in one building."""

    building: Building
    kind: str
    raised: list[Alert] = field(default_factory=list)
    still: list[Alert] = field(default_factory=list)
    over: list[Alert] = field(default_factory=list)


def run(*, for_seconds: float = 20.0) -> None:
    """Find alerts where it is time to, and deliver what is due. Safe to run side by side."""
    if leases.take_turn(TURN, every=EVERY):
        find_alerts()
        prune(now=timezone.now())
        Alert.objects.filter(closed_at__lt=timezone.now() - CLOSED_KEPT_FOR).delete()
    deliver(for_seconds=for_seconds)


def run_where_no_worker_lives() -> None:
    """The same, from a web process: only while no worker does it."""
    if not Lease.works():
        run()


def find_alerts(*, now: dt.datetime | None = None) -> AlertReport:
    """Compare what is wrong now with what was told, and tell the difference. Safe to repeat."""
    now, report, choices = now or timezone.now(), AlertReport(), all_choices()
    for kind in Alarm:
        wanted = {pk: chosen[kind] for pk, chosen in choices.items() if chosen[kind].on}
        try:
            _look(kind, wanted, now, report)
        except DATABASE_GONE:
            raise
        except Exception:
            logger.exception("Alerts of the kind %s could not be looked for.", kind)
    return report


def _look(kind: str, wanted: Mapping[int, Choice], now: dt.datetime, report: AlertReport) -> None:
    known = Alert.objects.filter(kind=kind, closed_at=None).select_related("device", "person")
    open_alerts: dict[int, dict[str, Alert]] = defaultdict(dict)
    for alert in known:
        open_alerts[alert.building_id][alert.subject] = alert
    seen: dict[int, dict[str, Seen]] = defaultdict(dict)
    for each in find(kind, wanted, list(known), now=now):
        if each.tell or each.watch or each.subject in open_alerts[each.building]:
            seen[each.building][each.subject] = each
    buildings = Building.objects.filter(pk__in=seen.keys() | open_alerts.keys()).order_by("pk")
    for building in buildings:
        choice = wanted.get(building.pk)
        try:
            with transaction.atomic():
                found, told = seen[building.pk], open_alerts[building.pk]
                changes = _compared(building, kind, choice, found, told, now)
                _tell(changes, choice or Choice(), now)
        except IntegrityError:
            # Another process raised one of them first. The rest is found again in a minute.
            logger.info("Alerts of building %s are being raised already.", building.pk)
        else:
            report.raised += len(changes.raised)
            report.reminded += len(changes.still)
            report.over += len(changes.over)


def _compared(
    building: Building,
    kind: str,
    choice: Choice | None,
    found: Mapping[str, Seen],
    told: Mapping[str, Alert],
    now: dt.datetime,
) -> _Changes:
    changes = _Changes(building, kind)
    for subject, seen in found.items():
        alert = told.get(subject)
        if len(changes.raised) >= MOST_AT_ONCE:
            break
        if alert is None and (seen.tell or seen.watch):
            alert = _begun(building, kind, seen)
        if alert is not None:
            _go_on(alert, seen, now, changes)
    for subject, alert in told.items():
        if subject not in found:
            _end(alert, choice, now, changes)
    return changes


def _begun(building: Building, kind: str, seen: Seen) -> Alert:
    return Alert.objects.create(
        building=building,
        kind=kind,
        subject=seen.subject,
        device_id=seen.device,
        person_id=seen.person,
        door_label=_label(seen),
        since=seen.since,
        last_at=seen.last,
        count=seen.count,
    )


def _label(seen: Seen) -> str:
    labels = Device.objects.filter(pk=seen.device or 0).values_list("label", flat=True)
    return labels.first() or ""


def _go_on(alert: Alert, seen: Seen, now: dt.datetime, changes: _Changes) -> None:
    """Raise what is bad enough; of what was raised, bring up to date when and how often."""
    still_open = Alert.objects.filter(pk=alert.pk, closed_at=None)
    values = {
        "since": min(alert.since, seen.since),
        "last_at": max(alert.last_at, seen.last),
        "count": max(alert.count, seen.count),
        "calm_since": None,
    }
    if any(getattr(alert, name) != value for name, value in values.items()):
        still_open.update(**values)
        for name, value in values.items():
            setattr(alert, name, value)
    if alert.raised_at is None:
        if seen.tell and still_open.filter(raised_at=None).update(raised_at=now, told_at=now):
            alert.raised_at = alert.told_at = now
            changes.raised.append(alert)
        return
    again = REMIND_AFTER.get(Alarm(alert.kind))
    is_due = again and alert.told_at and now - alert.told_at >= again
    if is_due and still_open.filter(told_at=alert.told_at).update(told_at=now):
        changes.still.append(alert)


def _end(alert: Alert, choice: Choice | None, now: dt.datetime, changes: _Changes) -> None:
    """Close what is over; what goes back and forth only once it has stayed well."""
    if alert.raised_at is None:
        Alert.objects.filter(pk=alert.pk, raised_at=None).delete()
        return
    ending = _ending(alert, choice)
    lasts = LASTS.get(Alarm(alert.kind), dt.timedelta())
    if alert.kind in LASTS_AS_LONG and choice and choice.minutes:
        lasts = max(lasts, choice.minutes * MINUTE)
    still_open = Alert.objects.filter(pk=alert.pk, closed_at=None)
    if alert.calm_since is None:
        alert.calm_since = now
        still_open.update(calm_since=now)
    if ending == Alert.Ending.OVER and now - alert.calm_since < lasts:
        return
    if still_open.update(closed_at=now, ending=ending):
        alert.closed_at, alert.ending = now, ending
        changes.over.append(alert)


def _ending(alert: Alert, choice: Choice | None) -> Alert.Ending:
    door = alert.device
    if choice is None or (alert.kind == Alarm.SILENT and not settings.SEAM_WEBHOOK_SECRETS):
        return Alert.Ending.OFF
    if door is not None and (door.building_id != alert.building_id or door.gone_at is not None):
        return Alert.Ending.LEFT
    return Alert.Ending.OVER


def _tell(changes: _Changes, choice: Choice, now: dt.datetime) -> None:
    """Into the outbox first, onto the record last: the chain is held until the commit."""
    building, kind = changes.building, changes.kind
    telling_alerts.tell(
        building,
        kind,
        choice,
        raised=changes.raised,
        still=changes.still,
        over=changes.over,
        now=now,
    )
    _record(Kind.ALERT_RAISED, changes.raised)
    _record(Kind.ALERT_OVER, changes.over)


def _record(event: Kind, alerts: Iterable[Alert]) -> None:
    for alert in alerts:
        about = subject_of(alert.person) if alert.person else {}
        record(
            event,
            building=alert.building,
            device=alert.device,
            door=alert.door_label,  # as it was: by now others may have it, and call it otherwise
            alert=alert.kind,
            alert_id=alert.pk,
            since=alert.since.isoformat(),
            ending=alert.ending,
            times=alert.count,
            **about,
        )
