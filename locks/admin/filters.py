"""List filters whose choices, and posted values, are limited to what the person may review."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Choices, Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from locks.admin.scope import scope
from locks.models import Building, Device, User


class OneOf(admin.SimpleListFilter):
    """A filter by one of the offered values. Any other finds nothing, whether or not it exists."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value is None:
            return queryset
        if value not in {str(choice) for choice, _label in self.lookup_choices}:
            return queryset.none()
        return queryset.filter(self.narrow(value))

    def has_output(self) -> bool:
        return len(self.lookup_choices) > 1 or self.value() is not None

    def narrow(self, value: str) -> Q:
        """The condition for an offered value."""
        raise NotImplementedError


class ScopedRow(OneOf):
    """A filter by a row of `rows_of`, offered as far as the person may review it."""

    rows_of: ClassVar[type[Model]]
    path = ""  # from the listed model to the row

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(str(row.pk), self.label(row)) for row in self.rows(request)]

    def rows(self, request: HttpRequest) -> QuerySet[Any]:
        return scope(self.rows_of, request.user)

    def label(self, row: Any) -> str:
        return str(row)

    def narrow(self, value: str) -> Q:
        return Q(**{self.path: int(value)})


class ByBuilding(ScopedRow):
    title = _("building")
    parameter_name = "building"
    rows_of = Building
    path = "building"


class ByDoor(ScopedRow):
    title = _("door")
    parameter_name = "door"
    rows_of = Device
    path = "device"

    def rows(self, request: HttpRequest) -> QuerySet[Any]:
        return super().rows(request).select_related("building").order_by("building__name", "label")

    def label(self, row: Device) -> str:
        return f"{row.label} · {row.building or _('unassigned')}"


class ByPerson(ScopedRow):
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
