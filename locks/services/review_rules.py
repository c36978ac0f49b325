"""The rules of the review queue: what belongs into it, and the thresholds. docs/review.md explains them.

Each rule is a finder of events since a moment that are not in the queue for this rule yet. All
begin at the events' index by kind and time, so that the length of the record does not matter.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from locks.models import AuditEvent, Building, Kind, Review, Rule, Status, UnlockRequest
from locks.models.unlocks import Outcome

MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)

# --- The thresholds ---------------------------------------------------------------------------
# An unknown outcome often settles at once: so long it is nobody's work.
UNKNOWN_FOR: Final = 2 * MINUTE
# A lock usually confirms where, of so many unlocks before the one in question, so many at least were
# told of and so large a part of them was confirmed. One that never can does not fill the queue.
CONFIRMS_OF_LAST: Final = 30
CONFIRMS_LEAST: Final = 5
CONFIRMS_PART: Final = 0.8
MOST_ODD: Final = 1000  # named in one query; those that are left come with the next run
# One door: so many requests that failed or stayed unknown, within so long.
FAILURES_LEAST, FAILURES_WITHIN = 3, HOUR
# One person: so many unlocks at so many doors within so long. A group that arrives at one door, or
# at two, is none.
BURST_LEAST, BURST_DOORS, BURST_WITHIN = 10, 5, 10 * MINUTE
# One person at one private door: so many unlocks within so long.
PRIVATE_LEAST, PRIVATE_WITHIN = 4, 24 * HOUR

SETTLED_WITHIN: Final = 48 * HOUR  # no request gets another outcome later than that
FAILED: Final = (Kind.UNLOCK_FAILED, Kind.UNLOCK_UNKNOWN)
REQUESTED: Final = (Kind.UNLOCK_REQUESTED,)
Events = QuerySet[AuditEvent]


@dataclass(frozen=True)
class Found:
    """An event for the queue; of a series the last one, with where it began and whose it is."""

    event_id: int
    at: dt.datetime
    since: dt.datetime | None = None
    times: int = 1
    subject: str = ""


@dataclass(frozen=True)
class Series:
    """Requests that are of interest only together: so many of one `key` within a time."""

    kinds: tuple[Kind, ...]
    key: tuple[str, ...]  # columns of the event that make two belong together, beside the chain
    least: int
    within: dt.timedelta
    doors: int = 1
    nightly: bool = (
        False  # one a night of the building, told when it is over; `least` is nothing then
    )
    only: Q = Q()  # what is part of one: nothing that may change, so that it stays the same series
    now: Q = Q()  # what counts at the moment of looking

    def events(self, *, since: dt.datetime) -> Events:
        """What may be part of one."""
        # The bound on the request says nothing new; it keeps PostgreSQL from reading them all.
        pressed = Q(request__requested_at__gte=since - SETTLED_WITHIN)
        return AuditEvent.objects.filter(self.only, pressed, kind__in=self.kinds, at__gte=since)


# --- One event each ---------------------------------------------------------------------------


def _of_kind(kinds: tuple[Kind, ...], rule: Rule, since: dt.datetime) -> Events:
    """Events of these kinds since a moment that are not in the queue for `rule`."""
    queued = Review.objects.filter(event=OuterRef("pk"), rule=rule)
    return AuditEvent.objects.filter(~Exists(queued), kind__in=kinds, at__gte=since)


def _unknown(since: dt.datetime, now: dt.datetime) -> Events:
    kinds = (Kind.UNLOCK_UNKNOWN, Kind.RELOCK_UNKNOWN)
    waited = _of_kind(kinds, Rule.UNKNOWN, since).filter(at__lte=now - UNKNOWN_FOR)
    return waited.filter(request__status=Status.UNKNOWN)


def _contradicted(since: dt.datetime, now: dt.datetime) -> Events:
    kinds = (Kind.UNLOCK_CONTRADICTED, Kind.RELOCK_CONTRADICTED)
    return _of_kind(kinds, Rule.CONTRADICTED, since)


def _unconfirmed(since: dt.datetime, now: dt.datetime) -> Events:
    accepted = _of_kind((Kind.UNLOCK_UNLOCKED,), Rule.UNCONFIRMED, since).filter(
        request__outcome_value__in=(Outcome.UNCONFIRMED, Outcome.UNSAID)
    )
    open_ones = accepted.order_by().values_list("device", "request", "request__requested_at")
    doors = defaultdict[int, dict[int, dt.datetime]](dict)
    for door, request, pressed in open_ones:
        if door is not None:
            doors[door][request] = pressed
    odd = sorted(
        request
        for door, times in doors.items()
        for request in unusual_unlocks(door, since=min(times.values()))
        if request in times
    )
    return accepted.filter(request__in=odd[:MOST_ODD])


def unusual_unlocks(door: int, *, since: dt.datetime) -> Iterator[int]:
    """Unlocks of a lock from `since` on without the confirmation that it usually gave until then.

    Those in a row are judged by what came before the first of them, so that a lock that breaks
    does not become one that never could by the very unlocks in question; until they are as many as
    it is judged by. Two queries, served by an index.
    """
    told = UnlockRequest.objects.filter(device=door, status=Status.UNLOCKED, inferred=False)
    said = told.values_list("pk", "confirmed_by_device")
    earlier = said.filter(requested_at__lt=since).order_by("-requested_at", "-pk")
    later = said.filter(requested_at__gte=since).order_by("requested_at", "pk")
    before = deque[bool](maxlen=CONFIRMS_OF_LAST)
    row = 0  # how many without a confirmation have followed one another
    for pk, confirmed in chain(reversed(earlier[: 2 * CONFIRMS_OF_LAST]), later.iterator()):
        if confirmed:
            before.extend([False] * row + [True])
            row = 0
            continue
        row += 1
        if _mostly(before):
            yield pk
        if row == CONFIRMS_OF_LAST:
            before.extend([False] * row)
            row = 0


def _mostly(said: deque[bool]) -> bool:
    return len(said) >= CONFIRMS_LEAST and said.count(True) >= CONFIRMS_PART * len(said)


def _elsewhere(since: dt.datetime, now: dt.datetime) -> Events:
    moved = _of_kind((Kind.LOCK_UNLOCKED,), Rule.ELSEWHERE, since)
    # As services.events writes it; quotes within a text would be escaped.
    remote = Q(detail__body__contains='"foreign":true')
    return moved.filter(remote | Q(detail__body__contains='"method":"remote"'))


def _self_grant(since: dt.datetime, now: dt.datetime) -> Events:
    # A role granted for an hour may be given for good by a change of its dates.
    granted = _of_kind((Kind.ROLE_GRANTED, Kind.ROLE_CHANGED), Rule.SELF_GRANT, since)
    return granted.filter(detail__body__contains='"self_grant":true')


def _broke_glass(since: dt.datetime, now: dt.datetime) -> Events:
    """Queued with the press itself; found here only where that row was lost."""
    return _of_kind((Kind.UNLOCK_BROKE_GLASS,), Rule.BROKE_GLASS, since)


# --- Series -----------------------------------------------------------------------------------

SERIES: Mapping[str, Series] = {
    Rule.OUT_OF_HOURS: Series(
        REQUESTED, ("actor_id",), 1, DAY, nightly=True, only=Q(request__out_of_hours=True)
    ),
    Rule.FAILURES: Series(
        FAILED,
        ("device_id",),
        FAILURES_LEAST,
        FAILURES_WITHIN,
        now=Q(request__status__in=(Status.FAILED, Status.UNKNOWN)),
    ),
    Rule.BURST: Series(REQUESTED, ("actor_id",), BURST_LEAST, BURST_WITHIN, doors=BURST_DOORS),
    Rule.PRIVATE_AGAIN: Series(
        REQUESTED,
        ("actor_id", "device_id"),
        PRIVATE_LEAST,
        PRIVATE_WITHIN,
        # Only private doors ask how the person was identified: so it was private then.
        only=~Q(request__identified_by=""),
    ),
}
_SINGLE: Mapping[str, Callable[[dt.datetime, dt.datetime], Events]] = {
    Rule.UNKNOWN: _unknown,
    Rule.CONTRADICTED: _contradicted,
    Rule.UNCONFIRMED: _unconfirmed,
    Rule.ELSEWHERE: _elsewhere,
    Rule.SELF_GRANT: _self_grant,
    Rule.BROKE_GLASS: _broke_glass,
}
RULES: Final = (*_SINGLE, *SERIES)


def find(rule: str, *, since: dt.datetime, now: dt.datetime, most: int) -> list[Found]:
    """What `rule` finds from `since` on and is not in the queue yet: the oldest `most`, in order."""
    if rule in SERIES:
        nightly = SERIES[rule].nightly
        series = _nights_found(rule, since, now) if nightly else _series_found(rule, since)
        return sorted(series, key=lambda found: (found.at, found.event_id))[:most]
    events = _SINGLE[rule](since, now).order_by("at", "pk").values_list("pk", "at")
    return [Found(pk, at) for pk, at in events[:most]]


def _series_found(rule: str, since: dt.datetime) -> Iterator[Found]:
    """One for each series, and one more each time that it has gone on for another `within`."""
    series = SERIES[rule]
    known = _known(rule, since - series.within)
    for subject, rows in _grouped(series, since - series.within):
        last = known.get(subject, [])
        for found in _full(series, subject, rows):
            near = any(abs(found.at - at) < series.within for at in last)
            if found.at >= since and not near:
                last.append(found.at)
                yield found


def _known(rule: str, since: dt.datetime) -> dict[str, list[dt.datetime]]:
    known: dict[str, list[dt.datetime]] = {}
    rows = Review.objects.filter(rule=rule, at__gte=since).values_list("subject", "at")
    for subject, at in rows:
        known.setdefault(subject, []).append(at)
    return known


def _grouped(series: Series, since: dt.datetime) -> Iterator[tuple[str, Iterable[Any]]]:
    """The events of each key that has enough of them at all, in order."""
    key = ("chain_id", *series.key)
    events = series.events(since=since).filter(series.now)
    many = (
        events.order_by()
        .values(*key)
        .annotate(requests=Count("request", distinct=True))
        .filter(requests__gte=series.least)
        .values_list(*key)
    )
    for values in many:
        own = dict(zip(key, values, strict=True))
        subject = " ".join(f"{name.removesuffix('_id')}:{value}" for name, value in own.items())
        rows = events.filter(**own).order_by("at", "pk")
        yield subject, rows.values_list("pk", "at", "request", "device", named=True)


def _full(series: Series, subject: str, rows: Iterable[Any]) -> Iterator[Found]:
    """Each event that, with those before it, is as much as the series asks for."""
    before: deque[Any] = deque()
    for row in rows:
        before.append(row)
        while row.at - before[0].at > series.within:
            before.popleft()
        if len(before) < series.least:
            continue
        requests, doors = {each.request for each in before}, {each.device for each in before}
        if len(requests) >= series.least and len(doors) >= series.doors:
            yield Found(row.pk, row.at, before[0].at, len(requests), subject)


# --- A night at a time ------------------------------------------------------------------------


def _nights_found(rule: str, since: dt.datetime, now: dt.datetime) -> Iterator[Found]:
    """One for each person and night of a building, once it is over, so that it tells how often.

    What comes to light after that night was queued is another one.
    """
    series = SERIES[rule]
    events = series.events(since=since - series.within).filter(chain__building__isnull=False)
    rows = events.order_by("at", "pk").values_list("pk", "at", "chain__building", "actor")
    buildings = Building.objects.in_bulk()
    known = _known_spans(rule, since - series.within)
    nights = defaultdict[tuple[int, int | None, dt.date], list[tuple[int, dt.datetime]]](list)
    for pk, at, place, person in rows:
        if not any(begin <= at <= end for begin, end in known[place, person]):
            nights[place, person, _night_of(buildings[place], at)].append((pk, at))
    for (place, _person, night), presses in nights.items():
        (_pk, begin), (pk, at) = presses[0], presses[-1]
        tonight = _night_of(buildings[place], now)
        is_over = night < tonight or night == tonight and not buildings[place].is_quiet(now)
        if is_over and at >= since:
            yield Found(pk, at, begin, len(presses))


def _night_of(building: Building, at: dt.datetime) -> dt.date:
    """The day on which that night began, on the building's wall clock; of nights without one, by noon."""
    begins = building.quiet_from or dt.time(12)
    wall = at.astimezone(building.zone).replace(tzinfo=None)
    return (wall - dt.timedelta(hours=begins.hour, minutes=begins.minute)).date()


def _known_spans(
    rule: str, since: dt.datetime
) -> defaultdict[tuple[int, int | None], list[tuple[dt.datetime, dt.datetime]]]:
    """From when until when each person's nights are in the queue already, by building and person."""
    spans = defaultdict[tuple[int, int | None], list[tuple[dt.datetime, dt.datetime]]](list)
    rows = Review.objects.filter(rule=rule, at__gte=since)
    for place, person, begin, end in rows.values_list("building", "event__actor", "since", "at"):
        spans[place, person].append((begin or end, end))
    return spans


def series_of(review: Review) -> Events:
    """The events that an item stands for: its own, or those of its series, in order."""
    series = SERIES.get(review.rule)
    event = review.event
    if series is None or review.since is None:
        return AuditEvent.objects.filter(pk=event.pk)
    own = {name: getattr(event, name) for name in ("chain_id", *series.key)}
    return series.events(since=review.since).filter(at__lte=event.at, **own).order_by("at", "pk")
