"""What is wrong now, kind by kind, in all buildings that want to know: a few queries a kind.

A finder says of each subject (a door, a person, the building itself) whether it is as bad as it takes to
tell (`tell`), or only bad enough that what was told is not over yet.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db.models import Count, Max, Min, OuterRef, Q, QuerySet, Subquery

from locks.models import (
    Alarm,
    Alert,
    AuditEvent,
    Building,
    ChainProof,
    Device,
    EventsRead,
    Kind,
    Proof,
    Status,
    UnlockRequest,
)
from locks.models.places import LOW_BATTERY
from locks.services.alert_settings import Choice
from locks.services.review_rules import BURST_DOORS

FAILED: Final = (Status.FAILED, Status.UNKNOWN)
MAY_HAVE_UNLOCKED: Final = (Status.UNLOCKED, Status.PENDING, Status.UNKNOWN)
# How far back unlocks of before are still told of, where nothing looked for alerts meanwhile.
LOOKS_BACK: Final = dt.timedelta(hours=4)


@dataclass(frozen=True)
class Seen:
    """One subject that is not as it should be."""

    building: int
    subject: str
    since: dt.datetime
    last: dt.datetime
    tell: bool = True
    watch: bool = False  # to be told of if it lasts
    count: int = 1
    device: int | None = None
    person: int | None = None


Wanted = Mapping[int, Choice]  # how each building that wants the kind wants it
Open = Collection[Alert]  # the alerts of the kind that are not over


def find(kind: str, wanted: Wanted, open_alerts: Open, *, now: dt.datetime) -> Iterator[Seen]:
    """What is wrong now of this kind in the buildings of `wanted`."""
    return _FINDERS[kind](wanted, open_alerts, now)


def by_minutes(wanted: Wanted) -> dict[int, list[int]]:
    """Buildings that look back equally far."""
    groups: dict[int, list[int]] = defaultdict(list)
    for building, choice in wanted.items():
        groups[choice.minutes or 0].append(building)
    return groups


# --- What people do ---------------------------------------------------------------------------


def _off_hours(wanted: Wanted, open_alerts: Open, now: dt.datetime) -> Iterator[Seen]:
    """Unlocks of doors that were private then: only those ask how the person was identified."""
    quiet = {b.pk for b in Building.objects.filter(pk__in=wanted) if b.is_quiet(now)}
    for alert in open_alerts:
        if alert.building_id in quiet:
            yield _again(alert)
    rows = UnlockRequest.objects.unlocks().filter(
        ~Q(identified_by=""),
        building__in=wanted,
        out_of_hours=True,
        requested_at__gte=now - LOOKS_BACK,
        status__in=MAY_HAVE_UNLOCKED,
    )
    told = _told_until(Alarm.OFF_HOURS, now)
    for row in _grouped(rows, "device"):
        subject = f"device:{row['device']}"
        if row["last"] > told.get((row["building"], subject), row["first"] - dt.timedelta(1)):
            yield _seen(row, subject, device=row["device"])


def _told_until(kind: str, now: dt.datetime) -> dict[tuple[int, str], dt.datetime]:
    """The last unlock of each subject that an alert, over or not, has told of lately."""
    rows = Alert.objects.filter(kind=kind, last_at__gte=now - LOOKS_BACK).order_by("last_at")
    return {(row.building_id, row.subject): row.last_at for row in rows}


def _failures(wanted: Wanted, open_alerts: Open, now: dt.datetime) -> Iterator[Seen]:
    for minutes, buildings in by_minutes(wanted).items():
        rows = UnlockRequest.objects.unlocks().filter(
            building__in=buildings,
            status__in=FAILED,
            requested_at__gt=now - dt.timedelta(minutes=minutes),
        )
        for row in _grouped(rows, "device"):
            enough = row["times"] >= (wanted[row["building"]].least or 1)
            yield _seen(row, f"device:{row['device']}", tell=enough, device=row["device"])


def _burst(wanted: Wanted, open_alerts: Open, now: dt.datetime) -> Iterator[Seen]:
    for minutes, buildings in by_minutes(wanted).items():
        rows = UnlockRequest.objects.unlocks().filter(
            building__in=buildings, requested_at__gt=now - dt.timedelta(minutes=minutes)
        )
        for row in _grouped(rows, "requested_by"):
            least = wanted[row["building"]].least or 1
            if row["times"] >= least and row["doors"] >= min(BURST_DOORS, least):
                person = row["requested_by"]
                yield _seen(row, f"person:{person}", person=person)


def _grouped(rows: QuerySet[UnlockRequest], whose: str) -> Iterator[dict[str, Any]]:
    groups = rows.order_by().values("building", whose)
    yield from groups.annotate(
        times=Count("pk"),
        doors=Count("device", distinct=True),
        first=Min("requested_at"),
        last=Max("requested_at"),
    ).iterator()


def _seen(row: Mapping[str, Any], subject: str, **more: Any) -> Seen:
    return Seen(row["building"], subject, row["first"], row["last"], count=row["times"], **more)


def _again(alert: Alert) -> Seen:
    """An alert that is not over, and of which there is nothing new."""
    return Seen(
        alert.building_id,
        alert.subject,
        alert.since,
        alert.last_at,
        tell=False,
        count=alert.count,
        device=alert.device_id,
        person=alert.person_id,
    )


# --- Locks ------------------------------------------------------------------------------------


def _offline(wanted: Wanted, open_alerts: Open, now: dt.datetime) -> Iterator[Seen]:
    """Told once it has lasted: reckoned from its event, or from when it was first seen here."""
    known = {(alert.building_id, alert.device_id): alert for alert in open_alerts}
    changes = AuditEvent.objects.filter(
        device=OuterRef("pk"), kind__in=(Kind.LOCK_OFFLINE, Kind.LOCK_ONLINE)
    ).order_by("-at", "-id")
    doors = _doors(wanted, open_alerts).filter(~Q(online=True))
    told = doors.annotate(
        last_kind=Subquery(changes.values("kind")[:1]), last_at=Subquery(changes.values("at")[:1])
    )
    for pk, place, online, kind, at, seen in told.values_list(
        "pk", "building", "online", "last_kind", "last_at", "online_seen_at"
    ):
        alert = known.get((place, pk))
        if online is None and alert is None:
            continue
        # Where it was seen online after that event, no event told of this outage.
        is_told = kind == Kind.LOCK_OFFLINE and at <= now and not (seen and seen > at)
        since = at if is_told else now
        since = min(since, alert.since) if alert else since
        lasted = now - since >= dt.timedelta(minutes=wanted[place].minutes or 0)
        yield Seen(place, f"device:{pk}", since, now, tell=lasted, watch=online is False, device=pk)


def _battery(wanted: Wanted, open_alerts: Open, now: dt.datetime) -> Iterator[Seen]:
    """A lock that says nothing of its battery any more has not got a new one."""
    low = Q(battery_status__in=("critical", "low"))
    low |= Q(battery_status="", battery_level__lt=LOW_BATTERY)
    silent = Q(battery_status="", battery_level=None)
    known = {(alert.building_id, alert.device_id) for alert in open_alerts}
    for door in _doors(wanted, open_alerts).filter(low | silent):
        is_low = bool(door.charge)
        if door.building_id is not None and (is_low or (door.building_id, door.pk) in known):
            yield Seen(door.building_id, f"device:{door.pk}", now, now, is_low, device=door.pk)


def _doors(wanted: Wanted, open_alerts: Open) -> QuerySet[Device]:
    return Device.objects.on_the_desk().filter(building__in=wanted)


# --- The installation -------------------------------------------------------------------------


def _silent(wanted: Wanted, open_alerts: Open, now: dt.datetime) -> Iterator[Seen]:
    """Events had to be read afterwards that webhooks should have brought, and none has come since."""
    if not settings.SEAM_WEBHOOK_SECRETS:
        return
    missed = AuditEvent.objects.filter(kind=Kind.EVENTS_CAUGHT_UP, chain__building=None)
    noted = missed.order_by("-at", "-pk").values_list("at", flat=True).first()
    heard = EventsRead.objects.filter(pk=1).values_list("webhook_at", flat=True).first()
    if noted is None or (heard is not None and heard >= noted):
        return
    for building, choice in wanted.items():
        lasted = heard is None or now - heard >= dt.timedelta(minutes=choice.minutes or 0)
        yield Seen(building, "", heard or noted, noted, tell=lasted)


def _broken(wanted: Wanted, open_alerts: Open, now: dt.datetime) -> Iterator[Seen]:
    """As the last nightly proof found it: not whole, or not there although it was there before."""
    proof = Proof.objects.first()
    if proof is None:
        return
    bad = set(
        ChainProof.objects.filter(proof=proof, whole=False).values_list("building", flat=True)
    )
    lost = Building.objects.filter(proofs__proof__at__lt=proof.at).exclude(proofs__proof=proof)
    for building in bad.union(lost.values_list("pk", flat=True)).intersection(wanted):
        yield Seen(building, "", proof.at, proof.at)


_FINDERS: Final[Mapping[str, Callable[[Wanted, Open, dt.datetime], Iterator[Seen]]]] = {
    Alarm.OFF_HOURS: _off_hours,
    Alarm.FAILURES: _failures,
    Alarm.BURST: _burst,
    Alarm.OFFLINE: _offline,
    Alarm.BATTERY: _battery,
    Alarm.SILENT: _silent,
    Alarm.BROKEN: _broken,
}
