"""Proving the record: each chain is walked from its first event, and every hash computed again.

The format is described in docs/record.md. What is found: a changed, removed, inserted, replaced or
reordered event, a detail that does not fit its event, a head that does not fit its events. A chain
that was rewritten or cut off from some event to its end, head included, is found with a checkpoint:
a copy of an earlier head (services.checkpoints).
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import DatabaseError
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from locks.models import AuditChain, AuditDetail, AuditEvent, Building
from locks.models.audit import CHAIN_STRIDE, FORMAT, GENESIS, ORGANISATION
from locks.services.checkpoints import Checkpoint, Point
from locks.services.diagnosing import (
    computed_hash,
    explained_by_restore,
    lost_in_restore,
    why_not_continuing,
)
from locks.services.errors import DATABASE_GONE

logger = logging.getLogger(__name__)

BATCH = 500  # events held in memory at a time
MOST_FLAGS = 20  # of a chain; the rest is counted
# A clock that is set right by a little is no event; the clocks of two servers differ by as much.
CLOCK_STEP = dt.timedelta(seconds=2)
CLOCK_AHEAD = dt.timedelta(minutes=5)
# Seam's events can be read for 30 days, and a lock that was offline tells late.
TOLD_LATE = dt.timedelta(days=31)


@dataclass(frozen=True)
class Break:
    """The first event of a chain that does not fit, and why. `sequence` 0: the chain as such."""

    sequence: int
    why: str


@dataclass(frozen=True)
class Flag:
    """An event that fits its chain and whose time is odd, and why."""

    sequence: int
    why: str


@dataclass(frozen=True)
class ChainReport:
    """What was found in one chain.

    `events` were walked, from the first one, or the one numbered `first`. `length` and `head` are
    what the chain's own row says; keep them elsewhere, and a later rewriting can be shown. `flags`
    are at most 20 of `flagged` events whose time is odd.
    """

    key: str
    building: int | None
    length: int
    head: str
    events: int
    broken: Break | None
    first: int = 1
    flags: list[Flag] = field(default_factory=list)
    flagged: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether nothing of it was altered, as far as the chain itself tells."""
        return self.broken is None

    @property
    def is_sound(self) -> bool:
        """Whether it is whole, and its times are in order."""
        return self.is_whole and not self.flagged

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {**asdict(self), "whole": self.is_whole, "sound": self.is_sound}


class _Broken(Exception):
    """Ends the walk at the first thing that does not fit."""

    def __init__(self, sequence: int, why: str) -> None:
        self.found = Break(sequence, why)
        super().__init__(why)


def verify_chains(
    *,
    building: Building | None = None,
    since: dt.datetime | None = None,
    checkpoint: Checkpoint | None = None,
) -> Iterator[ChainReport]:
    """Walk every chain (or only that of `building`) and yield a report of each.

    `since` begins one event before the first of that time and trusts the hash before that; with a
    `checkpoint`, nowhere behind the event that it names, so that nothing has to be trusted. Each
    chain must still hold what `checkpoint` says of it. Memory stays constant; other processes may
    append meanwhile. Ends with a report under the key "(none)" where events or details stand outside
    every chain, and one for each chain of the checkpoint that is no more.
    """
    chains = AuditChain.objects.order_by("pk")
    if building is not None:
        chains = chains.filter(building=building)
    points = dict(checkpoint.points if checkpoint else {})
    walked = set()
    for chain in chains.iterator():
        walked.add(chain.key)
        yield _Walk(chain, since=since, point=points.get(chain.key)).report()
    if building is None and (broken := _strays()):
        yield ChainReport("(none)", None, 0, "", 0, broken)
    yield from _lost(points, walked, building)


def _lost(
    points: Mapping[str, Point], walked: Collection[str], building: Building | None
) -> Iterator[ChainReport]:
    own = f"building-{building.pk}" if building else None
    for key, point in points.items():
        if point.length and key not in walked and own in (None, key):
            why = f"the checkpoint knows this chain, and it is no more{lost_in_restore(key)}"
            yield ChainReport(key, None, 0, "", 0, Break(0, why))
    if own and own not in walked and own not in points:
        yield ChainReport(own, None, 0, "", 0, Break(0, "this building has no chain"))


class _Walk:
    """One pass over one chain."""

    def __init__(
        self, chain: AuditChain, *, since: dt.datetime | None = None, point: Point | None = None
    ) -> None:
        self.chain = chain
        self.since, self.point = since, point
        self.first = 1
        self.walked = 0
        self.without_detail = 0  # the first such event
        self.last_hash = GENESIS
        self.last_at: dt.datetime | None = None
        self.flags: list[Flag] = []
        self.flagged = 0

    def report(self) -> ChainReport:
        broken = self._break()
        return ChainReport(
            key=str(self.chain.key),
            building=self.chain.building_id,
            length=self.chain.length if self._row_reads() else 0,
            head=str(self.chain.head),
            events=self.walked - self.first + 1,
            broken=broken,
            first=self.first,
            flags=self.flags,
            flagged=self.flagged,
        )

    def _break(self) -> Break | None:
        try:
            self._check_key()
            self._skip()
            for event in self._events():
                self._check(event)
            self._check_end()
            self._check_point()
            if self.without_detail:
                # No retention run exists yet that could have removed one rightly.
                raise _Broken(self.without_detail, "the event's detail was removed")
        except _Broken as error:
            return error.found
        except DATABASE_GONE:
            raise
        except Exception as error:
            # Whatever was written there to stop the walk is found, too, and the other chains are walked.
            logger.exception("The walk of %s could not go on.", self.chain.key)
            why = f"the event, or the chain's row, cannot be checked ({type(error).__name__})"
            return Break(self.walked + 1, why)
        return None

    def of_chain(self, **chosen: Any) -> QuerySet[AuditEvent]:
        """Its events, by `chosen`."""
        events: QuerySet[AuditEvent] = AuditEvent.objects.filter(chain=self.chain, **chosen)
        return events

    def _row_reads(self) -> bool:
        """Whether it holds what its columns' types say: SQLite lets a stranger write anything."""
        return type(self.chain.length) is int and isinstance(self.chain.head, str)

    def _check_key(self) -> None:
        building = self.chain.building_id
        if not self._row_reads():
            raise _Broken(0, "the chain's row cannot be read: its length or head is none")
        if self.chain.key != (ORGANISATION if building is None else f"building-{building}"):
            raise _Broken(0, "the chain's key does not name its building")

    def _skip(self) -> None:
        """Begin one event before the first of `since`, or right behind the checkpoint's event.

        One before: an event that was changed to claim an earlier time would else be trusted for it.
        """
        if self.since is None:
            return
        later = self.of_chain(at__gte=self.since).order_by("sequence")
        first = later.values_list("sequence", flat=True).first()
        begin = (first or self.chain.length) - 1
        if self.point is not None:
            begin = min(begin, self.point.length + 1)
        before = self.of_chain(sequence=begin - 1).values_list("hash", flat=True).first()
        if begin > 1 and before is not None:
            self.walked, self.last_hash, self.first = begin - 1, before, begin

    def _events(self) -> Iterator[AuditEvent]:
        """The events in their order, read in bounded batches, so that no query runs for long."""
        while batch := self._batch(BATCH):
            yield from batch

    def _batch(self, size: int) -> list[AuditEvent]:
        later = self.of_chain().select_related("detail")
        if self.walked:  # at first nothing is left out: an event put in before the first is found
            later = later.filter(sequence__gt=self.walked)
        try:
            return list(later.order_by("sequence")[:size])
        except Exception as error:
            if isinstance(error, DatabaseError) and "decode to UTF-8" not in str(error):
                raise  # that one sentence of SQLite's is about a text, not about the database
            # A column holds what its type cannot: one row at a time finds which.
            if size == 1:
                raise _Broken(self.walked + 1, "the event cannot be read") from None
            return self._batch(1)

    def _check(self, event: AuditEvent) -> None:
        expected = self.walked + 1
        if type(event.sequence) is not int:
            raise _Broken(expected, "the event cannot be read: its number is none")
        if event.sequence > expected:
            raise _Broken(expected, "the event was removed")
        if event.sequence < expected:
            raise _Broken(expected, "an event was put in before it")
        event.chain = self.chain
        if event.pk != self.chain.pk * CHAIN_STRIDE + expected:
            raise _Broken(expected, "the event's id does not follow from its place")
        if event.format != FORMAT:
            raise _Broken(expected, f"the event's format {event.format} is not known")
        if event.previous_hash != self.last_hash:
            raise _Broken(expected, why_not_continuing(event, self.last_hash))
        if computed_hash(event) != event.hash:
            raise _Broken(expected, "the event was changed: its hash differs")
        self._check_detail(event)
        self._check_time(event)
        self.walked, self.last_hash, self.last_at = expected, event.hash, event.at
        if expected == self.chain.length and event.hash != self.chain.head:
            raise _Broken(expected, "the chain's head is not the hash of its last event")

    def _check_time(self, event: AuditEvent) -> None:
        if self.last_at is not None and event.at < self.last_at - CLOCK_STEP:
            self._flag(event, "its time lies before that of the event before it")
        elif event.at > timezone.now() + CLOCK_AHEAD:
            self._flag(event, "its time lies in the future")
        elif (told := _told_at(event)) and told - event.at > CLOCK_AHEAD:
            self._flag(event, "its time lies before the time at which Seam says it happened")
        elif told and event.at - told > TOLD_LATE:
            self._flag(event, "its time lies long after the time at which Seam says it happened")

    def _flag(self, event: AuditEvent, why: str) -> None:
        self.flagged += 1
        if len(self.flags) < MOST_FLAGS:
            self.flags.append(Flag(event.sequence, why))

    def _check_point(self) -> None:
        """Whether the chain still holds what an earlier checkpoint says of it."""
        point = self.point
        if point is None or point.length == 0:
            return
        pk = self.chain.pk * CHAIN_STRIDE + point.length
        stored = AuditEvent.objects.filter(pk=pk).values_list("hash", flat=True).first()
        if self.walked < point.length:
            sequence, why = self.walked + 1, "the event was cut off: a checkpoint knows of it"
        elif stored != point.head:
            sequence = point.length
            why = "it, or one before it, was rewritten: a checkpoint knows another hash of it"
        else:
            return
        raise _Broken(sequence, why + explained_by_restore(self.chain, point.length))

    def _check_detail(self, event: AuditEvent) -> None:
        try:
            detail = event.detail
        except AuditDetail.DoesNotExist:
            self.without_detail = self.without_detail or event.sequence
            return
        try:
            fits = detail.computed_hash() == event.detail_hash
        except (AttributeError, TypeError, ValueError):
            # A salt that is not hexadecimal, text that is not Unicode, bytes instead of text.
            fits = False
        if not fits:
            raise _Broken(event.sequence, "the event's detail was changed: its hash differs")

    def _check_end(self) -> None:
        """Whether the events end where the chain's row says. It may have grown during the walk."""
        if self.walked < self.chain.length:
            raise _Broken(self.walked + 1, "the event was cut off, the chain's row still counts it")
        numbers = (self.first, self.walked)
        if self.of_chain(sequence__range=numbers).count() != self.walked - self.first + 1:
            raise _Broken(0, "one of its events stands there twice")
        if self.chain.length == 0 and self.chain.head != GENESIS:
            raise _Broken(0, "the chain has a head and no events")
        if self.walked > AuditChain.objects.values_list("length", flat=True).get(pk=self.chain.pk):
            raise _Broken(self.walked, "the event lies beyond the chain's head")


def _told_at(event: AuditEvent) -> dt.datetime | None:
    """When Seam says that it happened. (Recorded later, it may be: webhooks come for 27 hours.)"""
    try:
        told = dt.datetime.fromisoformat(str(event.told()["occurred_at"]))
    except (KeyError, ValueError):
        return None
    return told if told.tzinfo else None


def _strays() -> Break | None:
    chains = AuditChain.objects.filter(pk=OuterRef("chain_id"))
    lost = AuditEvent.objects.filter(~Exists(chains)).order_by("pk").values_list("pk", flat=True)
    for event_id in lost[:1]:
        return Break(0, f"the event {event_id} belongs to no chain")
    events = AuditEvent.objects.filter(pk=OuterRef("event_id"))
    loose = AuditDetail.objects.filter(~Exists(events)).order_by("pk").values_list("pk", flat=True)
    for detail_id in loose[:1]:
        return Break(0, f"a detail belongs to no event ({detail_id})")
    return None
