"""Shared PCs: read by managers of their building, and removed. They are enrolled at the PC itself."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from locks.admin.base import ReadOnly
from locks.admin.filters import ByBuilding
from locks.admin.scope import actor
from locks.admin.shown import NONE, when_in_a_row
from locks.admin.site import site
from locks.models import Kind, SharedPC
from locks.services import shared_pcs
from locks.services.errors import ServiceError


@admin.register(SharedPC, site=site)
class SharedPCAdmin(ReadOnly):
    actions = ("remove",)
    fields = ("name", "building", "enrolled", "enroller", "used", "removed", "remover")
    list_display = ("name", "building", "enrolled", "enroller", "used", "removed")
    list_filter = (ByBuilding,)
    list_select_related = ("building", "enrolled_by")
    search_fields = ("name",)
    sortable_by = ("name",)

    def record_filter(self, obj: SharedPC) -> dict[str, Any]:
        kind = Kind.PC_REMOVED if obj.removed_at else Kind.PC_ENROLLED
        return {"building": obj.building_id, "kind": kind.value}

    @admin.action(description=_("Remove: no PIN signs in there any more"))
    def remove(self, request: HttpRequest, pcs: QuerySet[SharedPC]) -> None:
        done = 0
        for pc in pcs.in_use():  # type: ignore[attr-defined]
            try:
                shared_pcs.remove_pc(actor=actor(request), pc=pc)
                done += 1
            except ServiceError as refusal:
                self.tell(request, refusal)
        told = ngettext("%d PC removed.", "%d PCs removed.", done) % done
        self.message_user(request, told, messages.SUCCESS if done else messages.WARNING)

    @admin.display(description=_("enrolled"), ordering="enrolled_at")
    def enrolled(self, pc: SharedPC) -> str:
        return when_in_a_row(pc.enrolled_at, pc.building)

    # As text: Django's own link may lead to somebody who is not this manager's to look at.
    @admin.display(description=_("enrolled by"))
    def enroller(self, pc: SharedPC) -> str:
        return str(pc.enrolled_by)

    @admin.display(description=_("removed by"))
    def remover(self, pc: SharedPC) -> str:
        return str(pc.removed_by or NONE)

    @admin.display(description=_("last PIN used"))
    def used(self, pc: SharedPC) -> str:
        return when_in_a_row(pc.used_at, pc.building)

    @admin.display(description=_("removed"))
    def removed(self, pc: SharedPC) -> str:
        return when_in_a_row(pc.removed_at, pc.building)
