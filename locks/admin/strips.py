"""Small pictures of a lock's health: where their marks stand, and the words that say the same.

Templates draw them as SVG, in shapes that need no colour. Coordinates are text, so that no language writes
them with a comma.
"""

import datetime as dt
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from locks.models.places import LOW_BATTERY
from locks.models.unlocks import SLOW_MS
from locks.services.downtime import Downtime, Stretch
from locks.services.health import AnswerTimes, Charge, Period
from locks.words import dates, numbers
from locks.words.numbers import tenths

WIDTH, EDGE = 180, 6  # of a picture, and left free at either side for marks
PLOT = WIDTH - 2 * EDGE
# Answer times stand on a scale on which each octave is as wide as the one before: two columns an octave.
SHORTEST_MS, OCTAVES, COLUMNS = 250, 8, 16
FLOOR, ROOF = 38, 12  # of the columns
MOST_TOLD = 20  # stretches in words
_TICKS_MS = (1_000, SLOW_MS, 60_000)


@dataclass(frozen=True)
class Column:
    x: str
    y: str
    width: str
    height: str


@dataclass(frozen=True)
class Tick:
    x: str
    label: str


@dataclass(frozen=True)
class TimesStrip:
    """How often which answer times occurred, with marks at the median and the 95th percentile."""

    key: str
    title: str
    description: str
    columns: tuple[Column, ...]
    ticks: tuple[Tick, ...]
    median: str
    p95: str
    slow: str


@dataclass(frozen=True)
class OutageStrip:
    """The days of the period, with bars where the lock was (`certain`) or may have been offline."""

    key: str
    title: str
    description: str
    certain: tuple[Column, ...]
    possible: tuple[Column, ...]
    first: str
    last: str


@dataclass(frozen=True)
class ChargeStrip:
    """The battery's levels over the days of the period, as steps."""

    key: str
    title: str
    description: str
    steps: str  # the points of a polyline
    x: str  # of the last level
    y: str
    low: str


def seconds(length_ms: int) -> str:
    """A length as people read it: 0.8 s, 12 s, 1 min 5 s."""
    if length_ms < 9_950:
        return _("%(seconds)s s") % {"seconds": tenths(length_ms / 1000)}
    whole = round(length_ms / 1000)
    if whole < 60:
        return _("%(seconds)s s") % {"seconds": whole}
    minutes, rest = divmod(whole, 60)
    return _("%(minutes)d min %(seconds)d s") % {"minutes": minutes, "seconds": rest}


def times_strip(times: AnswerTimes, *, key: str, label: str) -> TimesStrip | None:
    """None where there was no answer."""
    if times.median is None or times.p95 is None:
        return None
    counts = [0] * COLUMNS
    for length, often in times.lengths:
        counts[min(COLUMNS - 1, int(_place(length) * COLUMNS))] += often
    width = PLOT / COLUMNS
    columns = tuple(
        _column(EDGE + index * width + 0.75, width - 1.5, height=_height(count, max(counts)))
        for index, count in enumerate(counts)
        if count
    )
    return TimesStrip(
        key=f"times-{key}",
        title=_("Answer times of %(door)s") % {"door": label},
        description=_describe_times(times, counts),
        columns=columns,
        ticks=tuple(Tick(_x(_place(each)), _tick(each)) for each in _TICKS_MS),
        median=_x(_place(times.median)),
        p95=_x(_place(times.p95)),
        slow=_x(_place(SLOW_MS)),
    )


def _place(length_ms: int) -> float:
    """Where on the scale a length stands, 0 to 1; what does not fit on it stands at its end."""
    octaves = math.log2(max(length_ms, 1) / SHORTEST_MS)
    return min(max(octaves / OCTAVES, 0.0), 1.0)


def _height(count: int, most: int) -> float:
    return max(2.0, (FLOOR - ROOF) * count / most)


def _column(x: float, width: float, *, height: float) -> Column:
    return Column(f"{x:.1f}", f"{FLOOR - height:.1f}", f"{width:.1f}", f"{height:.1f}")


def _x(share: float) -> str:
    return f"{EDGE + PLOT * share:.1f}"


def _tick(length_ms: int) -> str:
    whole = length_ms // 1000
    if whole >= 60:
        return _("%(minutes)d min") % {"minutes": whole // 60}
    return _("%(seconds)s s") % {"seconds": whole}


def _describe_times(times: AnswerTimes, counts: Sequence[int]) -> str:
    told = ngettext(
        "%(count)d answer: half within %(median)s, 95 of 100 within %(p95)s.",
        "%(count)d answers: half within %(median)s, 95 of 100 within %(p95)s.",
        times.count,
    ) % {
        "count": times.count,
        "median": seconds(times.median or 0),
        "p95": seconds(times.p95 or 0),
    }
    octaves = [counts[2 * each] + counts[2 * each + 1] for each in range(OCTAVES)]
    return " ".join([told, *(_octave(each, count) for each, count in enumerate(octaves) if count)])


def _octave(number: int, count: int) -> str:
    begin, end = (seconds(SHORTEST_MS * 2**each) for each in (number, number + 1))
    words = {"count": count, "begin": begin, "end": end}
    if number == 0:
        return _("Below %(end)s: %(count)d.") % words
    if number == OCTAVES - 1:
        return _("%(begin)s and more: %(count)d.") % words
    return _("%(begin)s to %(end)s: %(count)d.") % words


def outage_strip(
    downtime: Downtime,
    period: Period,
    *,
    key: str,
    label: str,
    written: Callable[[dt.datetime], str],
) -> OutageStrip | None:
    """None where it was never offline. `written` gives a moment as the page writes it."""
    if not downtime.stretches:
        return None
    bars: dict[bool, dict[Column, None]] = {True: {}, False: {}}
    for each in downtime.stretches:
        # Those of a lock that comes and goes fall on each other, and are drawn once.
        bars[each.certain][_bar(each, period)] = None
    told = [_stretch(each, written) for each in downtime.stretches[-MOST_TOLD:]]
    if unsaid := len(downtime.stretches) - len(told):
        told.insert(0, _("%(count)d earlier ones.") % {"count": unsaid})
    return OutageStrip(
        key=f"outages-{key}",
        title=_("When %(door)s was offline") % {"door": label},
        description=" ".join(told),
        certain=tuple(bars[True]),
        possible=tuple(bars[False]),
        first=dates.written(period.since, dates.DAY),
        last=_("today"),
    )


def _bar(stretch: Stretch, period: Period) -> Column:
    length = period.now - period.begin
    begin, end = ((moment - period.begin) / length for moment in (stretch.begin, stretch.end))
    width = max(2, round(PLOT * (end - begin)))
    x = min(EDGE + round(PLOT * begin), EDGE + PLOT - width)
    return Column(str(x), "4", str(width), "12")


def _stretch(stretch: Stretch, written: Callable[[dt.datetime], str]) -> str:
    sentence = (
        _("Offline from %(begin)s until %(end)s.")
        if stretch.certain
        else _("At some time offline between %(begin)s and %(end)s.")
    )
    return sentence % {"begin": written(stretch.begin), "end": written(stretch.end)}


def charge_strip(
    charges: Sequence[Charge],
    period: Period,
    *,
    level: float | None,
    key: str,
    label: str,
    written: Callable[[dt.datetime], str],
) -> ChargeStrip | None:
    """None where fewer than two levels are known: those that events told, and the present one."""
    known = [*charges, *([] if level is None else [Charge(period.now, level)])]
    if len(known) < 2:
        return None
    points = _steps(known, period)
    told = (f"{written(each.at)}: {percent(each.level)}." for each in known)
    return ChargeStrip(
        key=f"battery-{key}",
        title=_("Battery of %(door)s") % {"door": label},
        description=" ".join(told),
        steps=" ".join(f"{x:.1f},{y:.1f}" for x, y in points),
        x=f"{points[-1][0]:.1f}",
        y=f"{points[-1][1]:.1f}",
        low=f"{_level(LOW_BATTERY):.1f}",
    )


def _steps(charges: Sequence[Charge], period: Period) -> list[tuple[float, float]]:
    """Each level holds until the next is told."""
    length = period.now - period.begin
    points: list[tuple[float, float]] = []
    for each in charges:
        x = EDGE + PLOT * min(1.0, max(0.0, (each.at - period.begin) / length))
        if points:
            points.append((x, points[-1][1]))
        points.append((x, _level(each.level)))
    return points


def _level(level: float) -> float:
    return 26 - 22 * min(1.0, max(0.0, level))


def percent(share: float) -> str:
    """A share as people read it: 98 %. Only all is 100 %, only none is 0 %."""
    whole = round(share * 100)
    if share < 1:
        whole = min(whole, 99)
    if share > 0:
        whole = max(whole, 1)
    return numbers.percent(whole)
