"""List filters whose choices, and posted values, are limited to what the person may review."""

import datetime as dt
import zoneinfo
from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Choices, Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from locks import words
from locks.admin.scope import scope
from locks.models import Action, Building, Device, User
from locks.models.unlocks import SLOW_MS, Outcome
from locks.services.errors import BadInput


class OneOf(admin.SimpleListFilter):
    """A filter by one of the offered values. Any other finds nothing, whether or not it exists."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not value:  # a form sends each of its fields, the empty ones, too
            return queryset
        if value not in {str(choice) for choice, _label in self.lookup_choices}:
            return queryset.none()
        return queryset.filter(self.narrow(value))

    def has_output(self) -> bool:
        return len(self.lookup_choices) > 1 or bool(self.value())

    def narrow(self, value: str) -> Q:
        """The condition for an offered value."""
        raise NotImplementedError


MOST_OFFERED, MOST_OF_ONE_BUILDING = 500, 3_000  # rows in one list of choices


def number_in(request: HttpRequest, name: str) -> int | None:
    """A row's id in the address; None where there is none, or something else."""
    value = request.GET.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


class ScopedRow(OneOf):
    """A filter by a row of `rows_of`, offered as far as the person may review it."""

    rows_of: ClassVar[type[Model]]
    path = ""  # from the listed model to the row
    too_many = False  # to offer all

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: type[Model], model_admin: Any
    ) -> None:
        self.user = request.user
        super().__init__(request, params, model, model_admin)

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        rows = self.rows(request)
        most = MOST_OFFERED if number_in(request, "building") is None else MOST_OF_ONE_BUILDING
        self.too_many = rows.order_by()[most : most + 1].exists()
        chosen = number_in(request, str(self.parameter_name))
        if self.too_many:
            rows = rows.filter(pk=chosen) if chosen is not None else rows.none()
        return [(str(row.pk), self.label(row)) for row in rows]

    def has_output(self) -> bool:
        return self.too_many or super().has_output()

    def rows(self, request: HttpRequest) -> QuerySet[Any]:
        return scope(self.rows_of, request.user)

    def label(self, row: Any) -> str:
        return str(row)

    def narrow(self, value: str) -> Q:
        return Q(**{self.path: int(value)})


class PastRow(ScopedRow):
    """A filter by a door or a person of the past, too: rows of before keep what has moved or left since.

    Any number is taken: what its person may not review is not among the rows that it narrows.
    """

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        offered = list(super().lookups(request, model_admin))
        chosen = number_in(request, str(self.parameter_name))
        if chosen is not None and str(chosen) not in {value for value, _label in offered}:
            offered.append((str(chosen), f"#{chosen}"))
        return offered


class ByBuilding(ScopedRow):
    title = _("building")
    parameter_name = "building"
    rows_of = Building
    path = "building"


class ByDoor(PastRow):
    title = _("door")
    parameter_name = "door"
    rows_of = Device
    path = "device"

    def rows(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().rows(request).select_related("building").order_by("building__name", "label")
        place = number_in(request, "building")
        return rows if place is None else rows.filter(building=place)

    def label(self, row: Device) -> str:
        return f"{row.label} · {row.building or _('unassigned')}"


class ByPerson(PastRow):
    title = _("person")
    parameter_name = "person"
    rows_of = User
    path = "person"

    def rows(self, request: HttpRequest) -> QuerySet[Any]:
        return super().rows(request).order_by("name", "username")


class ByChoice(OneOf):
    """A filter by a value of a column with choices."""

    choices_of: ClassVar[type[Choices]]
    path = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        return self.choices_of.choices

    def narrow(self, value: str) -> Q:
        return Q(**{self.path: value})


class Marked(OneOf):
    """A filter for rows with a mark that few have."""

    prefix = ""  # from the listed model to the unlock request

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("yes"))]

    def has_output(self) -> bool:
        return True

    def narrow(self, value: str) -> Q:
        return Q(**{f"{self.prefix}{name}": wanted for name, wanted in self.mark().items()})

    def mark(self) -> dict[str, Any]:
        """The columns of a request that has it."""
        raise NotImplementedError


class Slow(Marked):
    title = _("slow")
    parameter_name = "slow"

    def mark(self) -> dict[str, Any]:
        return {"took_ms__gte": SLOW_MS}


class OutOfHours(Marked):
    title = _("out of hours")
    parameter_name = "out_of_hours"

    def mark(self) -> dict[str, Any]:
        return {"out_of_hours": True}


class BrokeGlass(Marked):
    title = _("break-glass")
    parameter_name = "break_glass"

    def mark(self) -> dict[str, Any]:
        return {"overridden__gt": ""}


class Contradicted(Marked):
    """Requests that ended one way and of which Seam said otherwise later."""

    title = _("contradicted")
    parameter_name = "contradicted"

    def mark(self) -> dict[str, Any]:
        return {"contradicted_at__isnull": False}


class ByOutcome(ByChoice):
    """Status and confirmation as one value."""

    title = _("outcome")
    parameter_name = "outcome"
    choices_of = Outcome
    path = "outcome_value"


class ByAction(ByChoice):
    """What was pressed: Unlock or Lock."""

    title = _("button")
    parameter_name = "action"
    choices_of = Action
    path = "action"


class ByFailure(OneOf):
    """Why it failed, or is unknown."""

    title = _("because")
    parameter_name = "code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(code, words.failure(code)) for code in words.FAILURES]

    def narrow(self, value: str) -> Q:
        return Q(code=value)


class Days(admin.ListFilter):
    """From one day to another, both included, on the wall clock of the building that is chosen."""

    title = _("days")
    parameter_names = ("since", "until")
    column = ""

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: type[Model], model_admin: Any
    ) -> None:
        super().__init__(request, params, model, model_admin)
        self.zone = _zone(request)
        self.values = {name: params.pop(name, [""])[-1] for name in self.parameter_names}
        self.since, self.until = (_day(self.values[name]) for name in self.parameter_names)

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return list(self.parameter_names)

    def choices(self, changelist: Any) -> Any:
        return ()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.begins:
            queryset = queryset.filter(**{f"{self.column}__gte": self.begins})
        if self.ends:
            queryset = queryset.filter(**{f"{self.column}__lt": self.ends})
        return queryset

    @property
    def begins(self) -> dt.datetime | None:
        """The first moment of the first day."""
        return self._midnight(self.since) if self.since else None

    @property
    def ends(self) -> dt.datetime | None:
        """The first moment after the last day."""
        return self._midnight(self.until + dt.timedelta(days=1)) if self.until else None

    def _midnight(self, day: dt.date) -> dt.datetime:
        return dt.datetime.combine(day, dt.time(), self.zone).astimezone(dt.UTC)


def _zone(request: HttpRequest) -> zoneinfo.ZoneInfo:
    """The clock of the chosen building, or of the only one; UTC where there are several."""
    buildings = scope(Building, request.user)
    place = number_in(request, "building")
    few = list(buildings.filter(pk=place) if place is not None else buildings[:2])
    return few[0].zone if len(few) == 1 else zoneinfo.ZoneInfo("UTC")


def _day(text: str) -> dt.date | None:
    """The day, None for no text. Raises BadInput with a sentence."""
    if not text:
        return None
    try:
        day = dt.date.fromisoformat(text)
        if not 1970 <= day.year <= 9998:
            raise ValueError
    except ValueError:
        raise BadInput(gettext("A day is written like 2026-03-01.")) from None
    return day
