"""When a lock was offline, as far as its events tell: pure reckoning, without the database.

Events tell of a change only where Seam's webhook brought it; a reading of Seam's list moves the present
state without one. So two events of the same kind in a row, or an event that the present contradicts, mean
that something between them went untold: that stretch counts as possible, never as known.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LONG_AGO = dt.datetime(1, 1, 2, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Told:
    """A lock went online or offline at a moment."""

    at: dt.datetime
    online: bool


@dataclass(frozen=True)
class Stretch:
    """A time in which a lock was offline; where not `certain`, in which it was at some time or other."""

    begin: dt.datetime
    end: dt.datetime
    certain: bool

    @property
    def length(self) -> dt.timedelta:
        return self.end - self.begin


@dataclass(frozen=True)
class Downtime:
    """A lock's offline stretches within a period, in order.

    `online` is the present state; None where Seam does not say. `since` is when it went offline, of
    one that is offline now and of which an event tells; it may lie before the period.
    """

    stretches: tuple[Stretch, ...]
    online: bool | None
    since: dt.datetime | None = None
    silent: bool = False  # neither an event nor the present state tells anything

    @property
    def known(self) -> dt.timedelta:
        return self._sum(certain=True)

    @property
    def possible(self) -> dt.timedelta:
        """How much more it may have been."""
        return self._sum(certain=False)

    def _sum(self, *, certain: bool) -> dt.timedelta:
        fitting = (each.length for each in self.stretches if each.certain == certain)
        return sum(fitting, dt.timedelta())


def reckon(
    told: Iterable[Told], *, online: bool | None, begin: dt.datetime, now: dt.datetime
) -> Downtime:
    """When a lock was offline between `begin` and `now`.

    `told`, in order, are the changes within the period, and the last one before it where there is one.
    An outage that has no end lasts until `now`; one that began before the period counts from `begin`.
    """
    changes = [each for each in told if each.at <= now]
    stretches = [_between(before, after) for before, after in _pairs(changes)]
    latest = changes[-1] if changes else None
    stretches.append(_until(latest, online=online, now=now))
    clipped = tuple(
        Stretch(max(each.begin, begin), each.end, each.certain)
        for each in stretches
        if each is not None and each.end > max(begin, each.begin)
    )
    went = latest.at if latest and not latest.online and online is not True else None
    return Downtime(clipped, online, went, silent=latest is None and online is None)


def _pairs(changes: Sequence[Told]) -> Iterable[tuple[Told | None, Told]]:
    return zip((None, *changes), changes, strict=False)


def _between(before: Told | None, after: Told) -> Stretch | None:
    if before is None:
        # An event is written where the state differs: it was offline, since a time that none tells.
        return Stretch(LONG_AGO, after.at, certain=False) if after.online else None
    if before.online and not after.online:
        return None
    return Stretch(before.at, after.at, certain=before.online != after.online)


def _until(latest: Told | None, *, online: bool | None, now: dt.datetime) -> Stretch | None:
    """From the last change to the present, which may contradict it; where it is unknown, it stands."""
    if latest is not None and not latest.online:
        return Stretch(latest.at, now, certain=online is not True)
    if online is False:
        return Stretch(latest.at if latest else LONG_AGO, now, certain=False)
    return None
