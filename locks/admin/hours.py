"""Form fields of a role's terms: wall-clock times, and weekly hours as people write them."""

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.utils.formats import get_format
from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _

ENGLISH = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")  # understood in every language
EXAMPLE = (
    {"days": [1, 2, 3, 4, 5], "from": "08:00", "until": "16:00"},
    {"days": [6, 7], "from": "10:00", "until": "14:00"},
)
_PERIOD = re.compile(r"(?P<days>.+?)\s+(?P<from>\d\d:\d\d)\s*-\s*(?P<until>\d\d:\d\d)")


class WallClockField(forms.DateTimeField):
    """A time without zone: the form that knows the building gives it one."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M:%S")

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        try:
            moment = dt.datetime.fromisoformat(str(value).strip())
        except ValueError:
            moment = None
        # Years at the ends of the calendar have no UTC.
        if moment is None or moment.tzinfo or not 1 < moment.year < 9999:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return moment


class WeeklyHoursField(forms.Field):
    """Weekly hours as text, such as `Mon-Fri 08:00-16:00; Sat,Sun 10:00-14:00`."""

    widget = forms.TextInput(attrs={"class": "vTextField"})

    def prepare_value(self, value: Any) -> Any:
        return written(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[dict[str, Any]]:
        if isinstance(value, list):
            return value
        return [_period(part) for part in str(value or "").split(";") if part.strip()]


def written(periods: Iterable[Mapping[str, Any]]) -> str:
    """Weekly hours as people write them in their language; what WeeklyHoursField reads."""
    return "; ".join(
        f"{_days_written(period['days'])} {period['from']}-{period['until']}" for period in periods
    )


example = lazy(written, str)(EXAMPLE)


def _days_written(days: list[int]) -> str:
    ordered = sorted(set(days))
    if len(ordered) > 2 and ordered == list(range(ordered[0], ordered[-1] + 1)):
        return f"{_name(ordered[0])}-{_name(ordered[-1])}"
    return ",".join(map(_name, ordered))


def _name(day: int) -> str:
    """Of a day from 1, Monday, to 7."""
    return str(WEEKDAYS_ABBR[day - 1])


def _period(text: str) -> dict[str, Any]:
    found = _PERIOD.fullmatch(text.strip())
    if found is None:
        raise ValidationError(_("Write hours like: %(example)s"), params={"example": example})
    days: set[int] = set()
    for part in found["days"].split(","):
        first, _dash, last = (end.strip() for end in part.partition("-"))
        begin, end = _day(first), _day(last or first)
        # Fri-Mon runs over the week's end.
        days |= {(day - 1) % 7 + 1 for day in range(begin, end + (7 if end < begin else 0) + 1)}
    return {"days": sorted(days), "from": found["from"], "until": found["until"]}


def _day(text: str) -> int:
    """A day by its name in the reader's language, or in English."""
    named = text.strip().casefold()
    for day in range(1, 8):
        if named in (_name(day).strip().casefold(), str(WEEKDAYS[day - 1]).strip().casefold()):
            return day
    if named[:3] in ENGLISH:
        return ENGLISH.index(named[:3]) + 1
    first = get_format("FIRST_DAY_OF_WEEK")  # 0 is Sunday
    week = ", ".join(_name((first + after - 1) % 7 + 1) for after in range(7))
    raise ValidationError(_("The days are: %(days)s"), params={"days": week})
