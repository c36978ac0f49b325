"""What the nightly proof found, chain by chain: managers have no shell."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from locks.admin.base import ReadOnly
from locks.admin.filters import ByBuilding
from locks.admin.shown import NONE, when
from locks.admin.site import site
from locks.models import ChainProof


@admin.register(ChainProof, site=site)
class ChainProofAdmin(ReadOnly):
    fields = ("at_both", "place", "result", "events", "head", "odd_times", "sent")
    list_display = ("at_both", "place", "result", "events", "sent")
    list_filter = (ByBuilding,)
    list_select_related = ("proof", "building")
    search_fields = ("building__name", "head")
    sortable_by = ()
    date_hierarchy = "proof__at"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("proof", "building")

    def record_filter(self, obj: ChainProof) -> dict[str, Any]:
        return {"building": obj.building_id or "organisation"}

    @admin.display(description=gettext_lazy("proven"))
    def at_both(self, row: ChainProof) -> str:
        return when(row.proof.at, row.building)

    @admin.display(description=gettext_lazy("building"))
    def place(self, row: ChainProof) -> str:
        return str(row.building or row.key)

    @admin.display(description=gettext_lazy("result"))
    def result(self, row: ChainProof) -> str:
        if not row.whole:
            where = _("event %(number)d") % {"number": row.sequence} if row.sequence else row.key
            return _("BROKEN at %(where)s: %(why)s") % {"where": where, "why": row.why}
        return _("Whole") if row.sound else _("Whole; times in it are odd")

    @admin.display(description=gettext_lazy("odd times"))
    def odd_times(self, row: ChainProof) -> str:
        found = ((flag.get("sequence"), flag.get("why")) for flag in row.flags)
        return format_html_join("", "<p>{}: {}</p>", found) or NONE

    @admin.display(description=gettext_lazy("checkpoint"))
    def sent(self, row: ChainProof) -> str:
        if row.proof.problem:
            return _("could not be sent")
        return _("sent away") if row.proof.sent_to else _("kept here only")
