"""The record: every event, for reading. Names are shown as they were; nothing is written here."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from locks.admin.exports import export_of, streamed
from locks.admin.filters import (
    ByBuilding,
    ByChoice,
    ByDoor,
    ByOutcome,
    ByPerson,
    Days,
    OneOf,
    OutOfHours,
    Slow,
)
from locks.admin.history import History
from locks.admin.searching import among, chain_of, in_details, named_by_seam
from locks.admin.shown import (
    NONE,
    detail_of,
    detail_table,
    name_of,
    outcome_of,
    when,
    when_in_a_row,
)
from locks.admin.site import site
from locks.models import AuditDetail, AuditEvent, Building, Kind
from locks.models.audit import ORGANISATION
from locks.services.editing import told_about

# Events whose person is whom they are about, beside who did it.
_STAFFING = [kind for kind in Kind.values if kind.startswith(("role.", "person."))]


MOST_ABOUT = 1000  # role and account events that tell of one person


class EventBuilding(ByBuilding):
    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        rows = [*super().lookups(request, model_admin)]
        return [*rows, (ORGANISATION, _("no building"))] if request.user.is_superuser else rows

    def narrow(self, value: str) -> Q:
        return Q(chain=chain_of(None if value == ORGANISATION else int(value)))


class EventPerson(ByPerson):
    """Who did it, or who got, kept or lost a role or an account by it."""

    def narrow(self, value: str) -> Q:
        # Few, and looked up first: as one condition no index would serve the two.
        told = AuditEvent.objects.visible_to(self.user).filter(
            told_about(int(value)), kind__in=_STAFFING
        )
        return Q(actor=int(value)) | Q(pk__in=list(told.values_list("pk", flat=True)[:MOST_ABOUT]))


class EventKind(ByChoice):
    title = _("what happened")
    parameter_name = "kind"
    choices_of = Kind
    path = "kind"


class EventRequest(OneOf):
    """Shown only where it is set: the page of an unlock request leads here."""

    title = _("unlock request")
    parameter_name = "request"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        value = self.value() or ""
        usable = value.isascii() and value.isdigit() and len(value) < 19
        return [(value, f"#{value}")] if usable else []

    def narrow(self, value: str) -> Q:
        return Q(request=int(value))


class EventOutcome(ByOutcome):
    """Events of requests that ended so."""

    path = "request__outcome_value"


class EventSlow(Slow):
    prefix = "request__"


class EventOutOfHours(OutOfHours):
    prefix = "request__"


class EventDays(Days):
    column = "at"


@admin.register(AuditEvent, site=site)
class AuditEventAdmin(History):
    change_form_template = "admin/locks/auditevent/change_form.html"
    time_column = "at"
    one_detail_each = True
    fields = (
        "what",
        "at_both",
        "place",
        "who",
        "door",
        "about_request",
        "detail_shown",
        "sequence",
        "kind",
        "format",
        "id",
        "actor_number",
        "device_number",
        "detail_hash",
        "previous_hash",
        "hash",
    )
    list_display = ("at_local", "what", "door", "who", "why", "place", "sequence")
    list_filter = (
        EventBuilding,
        ByDoor,
        EventPerson,
        EventKind,
        EventOutcome,
        EventDays,
        EventSlow,
        EventOutOfHours,
        EventRequest,
    )
    list_select_related = ("chain__building", "detail")
    search_fields = ("detail__body",)
    search_help_text = _("A name as it was, a door, a reason, or an id of Seam's.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related(*self.list_select_related)

    def found_by(self, term: str, user: Any) -> Q:
        # The first event of a request has no ids of Seam's yet: they stand on its row.
        ids = named_by_seam(term, user)
        return Q(request__in=ids) if ids else in_details(term, "detail__")

    def told_in(self, details: QuerySet[AuditDetail]) -> Any:
        return among("pk", details.values("event"))

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.export_view)
        return [path("export/", view, name="locks_auditevent_export"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {"export_to": reverse("admin:locks_auditevent_export"), **(extra_context or {})}
        return super().changelist_view(request, context)

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """What the list shows, as a file. By POST: it is put on the record."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        return streamed(request, export_of(request, self))

    def part_of(self, queryset: QuerySet[Any], building: Building) -> QuerySet[Any]:
        return queryset.filter(chain=chain_of(building.pk))

    def record_filter(self, obj: AuditEvent) -> dict[str, Any]:
        if obj.request_id:
            return {"request": obj.request_id}
        return {"building": obj.chain.building_id or ORGANISATION}

    @admin.display(description=_("when"))
    def at_local(self, event: AuditEvent) -> str:
        return when_in_a_row(event.at, event.chain.building)

    @admin.display(description=_("when"))
    def at_both(self, event: AuditEvent) -> str:
        return when(event.at, event.chain.building)

    @admin.display(description=_("what happened"))
    def what(self, event: AuditEvent) -> str:
        return outcome_of(event)

    @admin.display(description=_("building"))
    def place(self, event: AuditEvent) -> str:
        return str(detail_of(event).get("building") or event.chain.building or NONE)

    @admin.display(description=_("person"))
    def who(self, event: AuditEvent) -> str:
        return name_of(detail_of(event))

    @admin.display(description=_("door"))
    def door(self, event: AuditEvent) -> str:
        return str(detail_of(event).get("door") or NONE)

    @admin.display(description=_("reason"))
    def why(self, event: AuditEvent) -> str:
        detail = detail_of(event)
        words = [detail.get(key) for key in ("reason", "subject", "role", "code")]
        return " · ".join(str(word) for word in words if word)

    @admin.display(description=_("unlock request"))
    def about_request(self, event: AuditEvent) -> str:
        if event.request_id is None:
            return NONE
        url = reverse("admin:locks_unlockrequest_change", args=(event.request_id,))
        return format_html('<a href="{}">#{}</a>', url, event.request_id)

    @admin.display(description=_("detail"))
    def detail_shown(self, event: AuditEvent) -> str:
        return detail_table(detail_of(event))

    @admin.display(description=_("person, id"))
    def actor_number(self, event: AuditEvent) -> str:
        return str(event.actor_id or NONE)

    @admin.display(description=_("door, id"))
    def device_number(self, event: AuditEvent) -> str:
        return str(event.device_id or NONE)
