"""The base class of every page: it allows nothing, and shows what its person may review."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import ValidationError
from django.db.models import Field, Model, QuerySet
from django.db.models.fields.related import RelatedField
from django.forms import Field as FormField
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from locks.admin.scope import scope
from locks.services.errors import ServiceError

# Of a date in an address. The year after it has to exist, too: a period ends there.
LAST = {"year": 9998, "month": 12, "day": 31}


class DefaultDeny(admin.ModelAdmin):
    """Refuses all; a subclass opens what its people may do. Rows, choices, posted ids are scoped.

    Nothing is ever deleted. A row of others answers like one that does not exist: 404, or 403
    where that action exists for nobody. Lookups in an address are those of the filters and the
    dates, no other.
    """

    actions: Any = ()
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    view_on_site = False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return scope(self.model, request.user).order_by(*self.get_ordering(request))

    def get_ordering(self, request: HttpRequest) -> Any:
        return self.ordering or self.model._meta.ordering

    def get_field_queryset(
        self, db: str | None, db_field: RelatedField[Any, Any], request: HttpRequest
    ) -> QuerySet[Any]:
        """What a foreign key offers and accepts."""
        return scope(db_field.remote_field.model, request.user)

    def formfield_for_dbfield(
        self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> FormField | None:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None:
            if isinstance(field.widget, RelatedFieldWidgetWrapper):
                field.widget = field.widget.widget  # without the pop-ups to other pages
            # A page that has been open for long changes only what its person changed, so that it
            # does not undo what another did meanwhile (lift a freeze, say).
            field.show_hidden_initial = True
        return field

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        field, _sep, part = lookup.rpartition("__")
        if self.date_hierarchy and field == self.date_hierarchy and part in LAST:
            return _is_one_of(value, LAST[part])
        return lookup in {
            getattr(each, "parameter_name", None) for each in self.get_list_filter(request)
        }

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        return to_field == self.opts.pk.name

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """As Django's; what a service refuses is rolled back, told, and the page shown anew."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except (ServiceError, ValidationError) as refusal:
            self.tell(request, refusal)
            return HttpResponseRedirect(request.path)

    def tell(self, request: HttpRequest, refusal: ServiceError | ValidationError) -> None:
        """Show why a service did nothing."""
        sentences = getattr(refusal, "messages", None) or [str(refusal)]
        self.message_user(request, " ".join(sentences), messages.ERROR)

    def _get_obj_does_not_exist_redirect(self, *args: Any, **kwargs: Any) -> HttpResponse:
        raise Http404

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """The row's history is the record's, filtered: LogEntry is not the record."""
        obj = self.get_object(request, unquote(object_id))
        if obj is None or not self.has_view_permission(request, obj):
            raise Http404
        where = self.record_filter(obj)
        return HttpResponseRedirect(
            f"{reverse('admin:locks_auditevent_changelist')}?{urlencode(where)}"
        )

    def record_filter(self, obj: Any) -> dict[str, Any]:
        """The filters of the record that lead to the events of `obj`."""
        raise Http404

    # Django's own log would hold names unscoped and beside the record.
    def log_addition(self, *args: Any) -> Any: ...

    def log_change(self, *args: Any) -> Any: ...

    def log_deletions(self, *args: Any) -> Any: ...


class Reviewed(DefaultDeny):
    """Pages that every manager may read, of their own buildings."""

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.admin_site.has_permission(request)


class ReadOnly(Reviewed):
    """Pages that nobody may write: all fields are for reading."""

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return self.fields or ()


def _is_one_of(value: str, last: int) -> bool:
    """Whether `value` is a number from 1 to `last`, written with no more digits than that has."""
    is_number = value.isascii() and value.isdigit() and len(value) <= len(str(last))
    return is_number and 1 <= int(value) <= last
