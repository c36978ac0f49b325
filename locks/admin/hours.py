"""Form fields of a role's terms: wall-clock times, and weekly hours as people write them."""

import datetime as dt
import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_PERIOD = re.compile(r"(?P<days>[a-z, -]+?)\s+(?P<from>\d\d:\d\d)\s*-\s*(?P<until>\d\d:\d\d)", re.I)


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


def written(periods: list[dict[str, Any]]) -> str:
    """Weekly hours as people write them; what WeeklyHoursField reads."""
    return "; ".join(
        f"{_days_written(period['days'])} {period['from']}-{period['until']}" for period in periods
    )


def _days_written(days: list[int]) -> str:
    ordered = sorted(set(days))
    if len(ordered) > 2 and ordered == list(range(ordered[0], ordered[-1] + 1)):
        return f"{DAYS[ordered[0] - 1]}-{DAYS[ordered[-1] - 1]}"
    return ",".join(DAYS[day - 1] for day in ordered)


def _period(text: str) -> dict[str, Any]:
    found = _PERIOD.fullmatch(text.strip())
    if found is None:
        raise ValidationError(_("Write hours like: Mon-Fri 08:00-16:00; Sat,Sun 10:00-14:00"))
    days: set[int] = set()
    for part in found["days"].split(","):
        first, _dash, last = (end.strip() for end in part.partition("-"))
        begin, end = _day(first), _day(last or first)
        # Fri-Mon runs over the week's end.
        days |= {(day - 1) % 7 + 1 for day in range(begin, end + (7 if end < begin else 0) + 1)}
    return {"days": sorted(days), "from": found["from"], "until": found["until"]}


def _day(text: str) -> int:
    try:
        return DAYS.index(text[:3].title()) + 1
    except ValueError:
        raise ValidationError(_("Days are Mon, Tue, Wed, Thu, Fri, Sat and Sun.")) from None
