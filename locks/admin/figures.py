"""The figures of a lock's health in words, each with the address of the history that it counts."""

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from locks import words
from locks.admin.links import events_url, unlocks_url
from locks.admin.strips import (
    ChargeStrip,
    OutageStrip,
    TimesStrip,
    charge_strip,
    outage_strip,
    percent,
    seconds,
    times_strip,
)
from locks.models import Building, Kind
from locks.models.unlocks import Outcome
from locks.services.downtime import Downtime
from locks.services.health import FAILURES, UNLOCKS, LockHealth, Period, Tally
from locks.words import dates
from locks.words.numbers import tenths

_CONCERNS: dict[str, str | Promise] = {
    "gone": gettext_lazy("Gone from Seam: nobody can unlock it from here."),
    "offline": gettext_lazy("Offline now: it may not answer."),
    "battery_critical": gettext_lazy("Battery nearly empty: change it now."),
    "fails": gettext_lazy("Fails often: a tenth of its presses or more failed or stayed unknown."),
    "battery_low": gettext_lazy("Low battery: change it soon."),
    "slow": gettext_lazy("Slow: one answer in twenty takes 10 seconds or longer."),
    "often_offline": gettext_lazy("Offline often: a twentieth of these days or more."),
    "often_unconfirmed": gettext_lazy(
        "Often leaves out its confirmation: more than a tenth of its unlocks are without it."
    ),
}
_STATUSES: dict[str, str | Promise] = {
    "critical": gettext_lazy("nearly empty"),
    "low": gettext_lazy("low"),
    "good": gettext_lazy("good"),
    "full": gettext_lazy("full"),
}


@dataclass(frozen=True)
class Figure:
    """A number with the address of what it counts, and the words that follow it."""

    text: str
    url: str
    words: str = ""
    quiet: bool = False  # no number to look at


@dataclass(frozen=True)
class Row:
    """One lock, as the page writes it; what does not apply to it is None or empty."""

    label: str
    url: str
    area: str
    concerns: list[str]
    presses: Figure
    median: Figure | None
    p95: Figure | None
    slow: Figure | None
    times: TimesStrip | None
    confirmed: Figure | None
    confirms: str
    unlocks: list[Figure]
    failures: list[Figure]
    kinds: list[Figure]
    offline: Figure | None
    offline_note: str
    outages: Figure | None
    downtime: OutageStrip | None
    battery: Figure | None
    battery_note: str
    charge: ChargeStrip | None


def outcome_figures(tally: Tally, outcomes: Any, **where: Any) -> list[Figure]:
    """How many presses had each of `outcomes`, of those that occurred; `where` filters the history."""
    return [
        Figure(str(tally.outcomes[each]), unlocks_url(**where, outcome=each.value), str(each.label))
        for each in outcomes
        if tally.outcomes[each]
    ]


def press_figure(tally: Tally, **where: Any) -> Figure:
    """How many presses there were."""
    count = tally.presses
    return Figure(str(count), unlocks_url(**where), ngettext("press", "presses", count))


class Writer:
    """Writes one lock's figures, with the addresses of what they count."""

    def __init__(self, building: Building, period: Period, lock: LockHealth) -> None:
        self.period, self.lock, self.zone = period, lock, building.zone
        self.where = {"building": building.pk, "door": lock.device.pk}
        self.days = {"since": period.since, "until": period.until}

    def row(self) -> Row:
        device, tally = self.lock.device, self.lock.tally
        return Row(
            label=device.label,
            url=reverse("admin:locks_device_change", args=(device.pk,)),
            area=device.area,
            concerns=[str(_CONCERNS[each]) for each in self.lock.concerns],
            presses=press_figure(tally, **self.where, **self.days),
            unlocks=outcome_figures(tally, UNLOCKS, **self.where, **self.days),
            failures=outcome_figures(
                tally, (*FAILURES, Outcome.UNKNOWN), **self.where, **self.days
            ),
            kinds=[self._kind(code) for code, _count in tally.codes.most_common()],
            **self._answers(),
            **self._confirmed(),
            **self._offline(),
            **self._battery(),
        )

    def _requests(self, text: str, note: str = "", **filters: Any) -> Figure:
        return Figure(text, unlocks_url(**self.where, **filters, **self.days), note)

    def _events(self, text: str, kind: Kind, note: str = "", **days: Any) -> Figure:
        filters = {**self.where, "kind": kind.value, **self.days, **days}
        return Figure(text, events_url(**filters), note)

    def _answers(self) -> dict[str, Any]:
        times, slow, device = self.lock.times, self.lock.tally.slow, self.lock.device
        known = times.median is not None and times.p95 is not None
        return {
            "median": self._requests(seconds(times.median or 0)) if known else None,
            "p95": self._requests(seconds(times.p95 or 0)) if known else None,
            "slow": self._requests(str(slow), _("took 10 s or longer"), slow="yes")
            if slow
            else None,
            "times": times_strip(times, key=str(device.pk), label=device.label),
        }

    def _confirmed(self) -> dict[str, Any]:
        """The rate; in its place, what a lock that never confirms is like."""
        tally = self.lock.tally
        if tally.confirmed is None:
            return {"confirmed": None, "confirms": _("No unlocks") if tally.presses else ""}
        if not tally.confirmed and tally.outcomes[Outcome.UNCONFIRMED]:
            return {"confirmed": None, "confirms": _("This lock does not confirm")}
        note = _("of %(count)d unlocks confirmed") % {"count": tally.unlocked}
        if tally.unlocked == 1:
            note = _("of 1 unlock confirmed")
        share = percent(tally.confirmed)
        return {
            "confirmed": self._requests(share, note, outcome=Outcome.CONFIRMED.value),
            "confirms": "",
        }

    def _kind(self, code: str) -> Figure:
        tally = self.lock.tally
        told = sorted(words.seams_error(each) for each in tally.errors[code] if each)
        said = ": ".join(filter(None, (words.failure_in_short(code), " ".join(told))))
        return self._requests(str(tally.codes[code]), said, code=code)

    def _offline(self) -> dict[str, Any]:
        lock, down = self.lock, self.lock.downtime
        # The event that began an outage may lie before the period: the list reaches back to it.
        heard = lock.told_from.astimezone(self.zone).date() if lock.told_from else None
        text, note = _offline_words(down)
        if down.since is not None:
            note = " ".join(filter(None, (self._since(down.since), note)))
        figure = self._events(text, Kind.LOCK_OFFLINE, since=heard or self.period.since)
        outages = ngettext("outage told", "outages told", lock.outages)
        device = lock.device
        strip = outage_strip(
            down, self.period, key=str(device.pk), label=device.label, written=self._written
        )
        return {
            "offline": replace(figure, quiet=not down.known),
            "offline_note": note,
            "outages": self._events(str(lock.outages), Kind.LOCK_OFFLINE, outages)
            if lock.outages
            else None,
            "downtime": strip,
        }

    def _battery(self) -> dict[str, Any]:
        device, charges = self.lock.device, self.lock.charges
        strip = charge_strip(
            charges,
            self.period,
            level=device.battery_level,
            key=str(device.pk),
            label=device.label,
            written=self._written,
        )
        status = _STATUSES.get(device.battery_status, device.battery_status)
        level = None if device.battery_level is None else percent(device.battery_level)
        if level is None and not status:
            return {"battery": None, "battery_note": _("Seam does not say"), "charge": strip}
        text, note = (level, str(status)) if level else (str(status), "")
        figure = self._events(text, Kind.LOCK_BATTERY, note)
        return {"battery": figure, "battery_note": self._trend(), "charge": strip}

    def _trend(self) -> str:
        """How the level moved since the first event of the period that told one."""
        now, charges = self.lock.device.battery_level, self.lock.charges
        if now is None or not charges:
            return ""
        points = round((now - charges[0].level) * 100)
        said = {
            "points": abs(points),
            "day": dates.written(charges[0].at.astimezone(self.zone), dates.DAY),
        }
        if points < 0:
            return _("%(points)d points less than on %(day)s") % said
        if points > 0:
            return _("%(points)d points more than on %(day)s") % said
        return _("as on %(day)s") % said

    def _since(self, moment: dt.datetime) -> str:
        return _("Since %(time)s.") % {"time": self._written(moment)}

    def _written(self, moment: dt.datetime) -> str:
        """On the building's clock, short: 3 Nov 14:05."""
        return dates.written(moment.astimezone(self.zone), dates.DAY_AND_TIME)


def _offline_words(down: Downtime) -> tuple[str, str]:
    """How long it was offline, and a note where no event tells the whole."""
    if down.silent:
        return _("unknown"), _("Seam does not say whether it is online.")
    if not down.known and not down.possible:
        return _("none told"), ""
    if not down.possible:
        return _hours(down.known), ""
    hours = {"hours": _hours(down.possible)}
    if down.known:
        more = _("Perhaps %(hours)s more: no event tells when it went or came back.")
        return _hours(down.known), more % hours
    most = _("At most %(hours)s: no event tells when it went or came back.")
    return _("unknown"), most % hours


def _hours(length: dt.timedelta) -> str:
    hours = length / dt.timedelta(hours=1)
    if hours < 1:
        return _("%(minutes)d min") % {"minutes": max(1, round(hours * 60))}
    if hours < 9.95:
        return _("%(hours)s h") % {"hours": tenths(hours)}
    return _("%(hours)s h") % {"hours": round(hours)}
