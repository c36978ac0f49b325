"""How the locks of a building did over some days, read from unlocks and events for the lock health page.

The number of queries is the same for two doors and for two hundred, and each is bounded by the building
and the period, or by one row a door.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db.models import Count, OuterRef, Q, Subquery

from locks.models import AuditEvent, Building, Device, Kind, Status, UnlockRequest
from locks.models.audit import LOCK_HEALTH
from locks.models.unlocks import OPEN_STATUSES, SLOW_MS, Outcome
from locks.services.downtime import Downtime, Told, reckon

FAILURES: Final = (Outcome.FAILED, Outcome.FAILED_MAY_ACT)
UNLOCKS: Final = (Outcome.CONFIRMED, Outcome.INFERRED, Outcome.UNCONFIRMED, Outcome.UNSAID)
# What a door is told by to need attention; below the least number, one bad press would be enough.
FAILS_OFTEN, FAILS_AT_LEAST = 0.1, 3
OFFLINE_OFTEN = 0.05
CONFIRMS_MOSTLY, UNLOCKS_AT_LEAST = 0.9, 10
ANSWERS_AT_LEAST = 5


@dataclass(frozen=True)
class Period:
    """Whole days of a building's calendar, the last of them today: from `since` to `until`, inclusive.

    `begin` and `end` are their moments, `end` the midnight that is still to come; `now` is when it was asked.
    """

    since: dt.date
    until: dt.date
    begin: dt.datetime
    end: dt.datetime
    now: dt.datetime

    @classmethod
    def of(cls, building: Building, *, days: int, now: dt.datetime) -> Period:
        zone = building.zone
        until = now.astimezone(zone).date()
        since = until - dt.timedelta(days=days - 1)
        begin, end = (
            dt.datetime.combine(day, dt.time(), tzinfo=zone).astimezone(dt.UTC)
            for day in (since, until + dt.timedelta(days=1))
        )
        return cls(since, until, begin, end, now)


@dataclass
class Tally:
    """Presses counted: by outcome, by failure code, and how many were slow."""

    outcomes: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    errors: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # Seam's, by code
    slow: int = 0

    @property
    def presses(self) -> int:
        return self.outcomes.total()

    @property
    def unlocked(self) -> int:
        return sum(self.outcomes[each] for each in UNLOCKS)

    @property
    def failed(self) -> int:
        return sum(self.outcomes[each] for each in FAILURES)

    @property
    def unknown(self) -> int:
        return self.outcomes[Outcome.UNKNOWN]

    @property
    def confirmed(self) -> float | None:
        """The share of unlocks that the lock confirmed, 0 to 1; None where nothing unlocked."""
        return self.outcomes[Outcome.CONFIRMED] / self.unlocked if self.unlocked else None

    @property
    def troubled(self) -> float:
        """The share of presses that failed or stayed unknown, 0 to 1, of those that have an outcome."""
        over = self.presses - sum(self.outcomes[each] for each in OPEN_STATUSES)
        return (self.failed + self.unknown) / over if over else 0.0

    def add(self, row: Mapping[str, Any]) -> None:
        self.outcomes[row["outcome_value"]] += row["presses"]
        self.slow += row["slow"]
        if code := row["code"]:
            self.codes[code] += row["presses"]
            self.errors[code].add(row["error_type"])


@dataclass(frozen=True)
class AnswerTimes:
    """How long unlocks took, in milliseconds from the press: each length with how often it occurred.

    Those of unlocks that were inferred are left out: their end is not the lock's.
    """

    lengths: tuple[tuple[int, int], ...] = ()  # ascending

    @property
    def count(self) -> int:
        return sum(times for _length, times in self.lengths)

    def percentile(self, share: float) -> int | None:
        """The shortest length, in ms, that `share` of the answers did not exceed; None without answers.

        The nearest rank, as PostgreSQL's percentile_disc: always a length that occurred.
        """
        wanted, seen = max(1, math.ceil(share * self.count)), 0
        for length, times in self.lengths:
            seen += times
            if seen >= wanted:
                return length
        return None

    @property
    def median(self) -> int | None:
        return self.percentile(0.5)

    @property
    def p95(self) -> int | None:
        return self.percentile(0.95)


@dataclass(frozen=True)
class Charge:
    """A battery's level, 0 to 1, at a moment."""

    at: dt.datetime
    level: float


@dataclass(frozen=True)
class LockHealth:
    """One lock over the period. `outages` counts events of the record."""

    device: Device
    tally: Tally
    times: AnswerTimes
    downtime: Downtime
    outages: int
    told_from: dt.datetime | None  # when the record heard of an outage that the period began with
    charges: tuple[Charge, ...]
    concerns: tuple[str, ...]  # worst first; see CONCERNS


@dataclass(frozen=True)
class BuildingHealth:
    """All locks that are assigned now, and the presses of the building's every door, then or now."""

    period: Period
    locks: tuple[LockHealth, ...]
    tally: Tally


# What makes a lock need attention, worst first.
CONCERNS: Final = (
    "gone",
    "offline",
    "battery_critical",
    "fails",
    "battery_low",
    "slow",
    "often_offline",
    "often_unconfirmed",
)


@dataclass(frozen=True)
class _Event:
    """One event of a lock's health: when the record heard of it, and when it was so."""

    pk: int
    device: int
    kind: str
    recorded: dt.datetime
    at: dt.datetime
    level: float | None


def read_health(building: Building, period: Period) -> BuildingHealth:
    """The health of the building's locks, in the order of their labels."""
    doors = list(_doors(building, period))
    whole, tallies = _tallies(building, period)
    times = _answer_times(building, period)
    events = _events(building, period, doors)
    locks = tuple(
        _lock(door, period, tallies[door.pk], times[door.pk], events[door.pk]) for door in doors
    )
    return BuildingHealth(period, locks, whole)


def _doors(building: Building, period: Period) -> Iterable[Any]:
    """The doors, each with the id of the last event before the period that told it online or offline."""
    earlier = AuditEvent.objects.filter(
        chain__building=building,
        device=OuterRef("pk"),
        kind__in=LOCK_HEALTH,  # as the index has it
        at__lt=period.begin,
    ).exclude(kind=Kind.LOCK_BATTERY)
    latest = Subquery(earlier.order_by("-at", "-id").values("pk")[:1])
    return building.devices.annotate(told_before=latest).order_by("label", "pk")


def _requests(building: Building, period: Period) -> Any:
    within = {"requested_at__gte": period.begin, "requested_at__lt": period.end}
    return UnlockRequest.objects.unlocks().filter(building=building, **within).order_by()


def _tallies(building: Building, period: Period) -> tuple[Tally, dict[int, Tally]]:
    rows = _requests(building, period).values("device_id", "outcome_value", "code", "error_type")
    counted = rows.annotate(presses=Count("pk"), slow=Count("pk", Q(took_ms__gte=SLOW_MS)))
    whole, tallies = Tally(), defaultdict[int, Tally](Tally)
    for row in counted:
        whole.add(row)
        tallies[row["device_id"]].add(row)
    return whole, tallies


def _answer_times(building: Building, period: Period) -> dict[int, AnswerTimes]:
    """Counted by length in the database: exact, and far fewer rows than there were unlocks."""
    rows = _requests(building, period).filter(
        status=Status.UNLOCKED, inferred=False, took_ms__isnull=False
    )
    lengths = defaultdict[int, list[tuple[int, int]]](list)
    counted = rows.values_list("device_id", "took_ms").annotate(times=Count("pk"))
    for device, length, times in counted.order_by("device_id", "took_ms"):
        lengths[device].append((length, times))
    found = {device: AnswerTimes(tuple(each)) for device, each in lengths.items()}
    return defaultdict(AnswerTimes, found)


def _events(
    building: Building, period: Period, doors: Sequence[Any]
) -> defaultdict[int, list[_Event]]:
    within = Q(
        device__in=[door.pk for door in doors],
        kind__in=LOCK_HEALTH,
        at__gte=period.begin,
        at__lt=period.end,
    )
    before = Q(pk__in=[door.told_before for door in doors if door.told_before])
    found = defaultdict[int, list[_Event]](list)
    for wanted in (before, within):
        rows = AuditEvent.objects.filter(wanted, chain__building=building).order_by()
        for row in rows.values_list("pk", "device_id", "kind", "at", "detail__body"):
            found[row[1]].append(_event(*row))
    for each in found.values():
        each.sort(key=lambda event: (event.at, event.pk))
    return found


def _event(pk: int, device: int, kind: str, recorded: dt.datetime, body: str | None) -> _Event:
    """What an event tells; without its detail, which a retention run may have removed, less."""
    detail = json.loads(body) if body else {}
    level = detail.get("battery_level")
    return _Event(
        pk=pk,
        device=device,
        kind=kind,
        recorded=recorded,
        at=_moment(detail.get("occurred_at")) or recorded,
        level=level if isinstance(level, int | float) else None,
    )


def offline_since(devices: Iterable[Device]) -> dict[int, dt.datetime]:
    """Since when locks that are offline now have been, by door, as far as events tell.

    None of one that was seen online after the event. One query; none where no lock is offline.
    """
    offline = {door.pk: door.online_seen_at for door in devices if door.online is False}
    if not offline:
        return {}
    told = AuditEvent.objects.filter(
        device=OuterRef("pk"), chain__building=OuterRef("building"), kind__in=LOCK_HEALTH
    ).exclude(kind=Kind.LOCK_BATTERY)
    latest = Subquery(told.order_by("-at", "-id").values("pk")[:1])
    ids = Device.objects.filter(pk__in=offline).values_list(latest, flat=True)
    rows = AuditEvent.objects.filter(pk__in=ids, kind=Kind.LOCK_OFFLINE).order_by()
    events = (
        _event(*row) for row in rows.values_list("pk", "device_id", "kind", "at", "detail__body")
    )
    seen = ((event, offline[event.device]) for event in events)
    return {event.device: event.at for event, at in seen if at is None or at <= event.at}


def _moment(text: object) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(str(text or ""))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _lock(
    door: Device, period: Period, tally: Tally, times: AnswerTimes, events: Sequence[_Event]
) -> LockHealth:
    changes = [event for event in events if event.kind != Kind.LOCK_BATTERY]
    charges = [event for event in events if event.kind == Kind.LOCK_BATTERY]
    told = [Told(event.at, event.kind == Kind.LOCK_ONLINE) for event in changes]
    downtime = reckon(told, online=door.online, begin=period.begin, now=period.now)
    within = [event for event in changes if event.recorded >= period.begin]
    began = [event for event in changes if event.recorded < period.begin]
    return LockHealth(
        device=door,
        tally=tally,
        times=times,
        downtime=downtime,
        outages=sum(event.kind == Kind.LOCK_OFFLINE for event in within),
        told_from=began[0].recorded if began and began[0].kind == Kind.LOCK_OFFLINE else None,
        charges=tuple(Charge(each.at, each.level) for each in charges if each.level is not None),
        concerns=_concerns(door, period, tally, times, downtime),
    )


def _concerns(
    door: Device, period: Period, tally: Tally, times: AnswerTimes, downtime: Downtime
) -> tuple[str, ...]:
    rate, offline = tally.confirmed, downtime.known / (period.now - period.begin)
    holds = {
        "gone": door.gone_at is not None,
        "offline": door.online is False,
        "battery_critical": door.charge == "critical",
        "fails": tally.troubled >= FAILS_OFTEN and tally.failed + tally.unknown >= FAILS_AT_LEAST,
        "battery_low": door.charge == "low",
        "slow": times.count >= ANSWERS_AT_LEAST and (times.p95 or 0) >= SLOW_MS,
        "often_offline": offline >= OFFLINE_OFTEN and door.online is not False,
        # One that never confirms does not know how to: nothing is wrong with it.
        "often_unconfirmed": bool(rate)
        and (rate or 0) < CONFIRMS_MOSTLY
        and tally.unlocked >= UNLOCKS_AT_LEAST,
    }
    return tuple(concern for concern in CONCERNS if holds[concern])
