"""Reasons and ways of identifying, as a building offers them. Writes go through services.pick_lists."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model, Q
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from locks.admin.base import Reviewed
from locks.admin.filters import ByBuilding, ByChoice, OneOf
from locks.admin.places import changed
from locks.admin.scope import actor
from locks.admin.site import site
from locks.models import Kind, PickList, PickListEntry
from locks.services import pick_lists


class ByList(ByChoice):
    title = _("list")
    parameter_name = "list"
    choices_of = PickList
    path = "kind"


class Offered(OneOf):
    title = _("offered")
    parameter_name = "offered"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("yes", _("offered")), ("no", _("retired"))]

    def narrow(self, value: str) -> Q:
        return Q(retired=value == "no")


@admin.register(PickListEntry, site=site)
class PickListAdmin(Reviewed):
    fields = ("building", "kind", "text", "meaning", "needs_note", "place", "retired")
    list_display = ("text", "kind", "counts_as", "remarks", "place", "building")
    ordering = ("building__name", "-kind", "place", "pk")  # reasons first, as they are asked
    list_filter = (ByBuilding, ByList, Offered)
    list_select_related = ("building",)
    search_fields = ("text",)
    sortable_by = ("text",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.admin_site.has_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_view_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return ("building", "kind") if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        by = actor(request)
        if change:
            changes = changed(form, pick_lists.FIELDS)
            pick_lists.change_entry(actor=by, entry=obj, changes=changes)
            return
        given = {name: form.cleaned_data[name] for name in self.fields}
        obj.pk = pick_lists.add_entry(actor=by, **given).pk

    @admin.display(description=_("counts as"))
    def counts_as(self, obj: PickListEntry) -> str:
        return str(obj.get_meaning_display())

    @admin.display(description=_("remarks"))
    def remarks(self, obj: PickListEntry) -> str:
        marks = {_("needs a note"): obj.needs_note, _("retired"): obj.retired}
        return ", ".join(str(mark) for mark, is_so in marks.items() if is_so)

    def record_filter(self, obj: PickListEntry) -> dict[str, Any]:
        return {"building": obj.building_id, "kind": Kind.PICK_LIST_CHANGED.value}
