"""Unlock requests and presses, for reading. Doors and people are named as they were then."""

import datetime as dt
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from locks import words
from locks.admin.filters import (
    BrokeGlass,
    ByAction,
    ByBuilding,
    ByChoice,
    ByDoor,
    ByFailure,
    ByOutcome,
    ByPerson,
    Contradicted,
    Days,
    OutOfHours,
    Slow,
)
from locks.admin.history import History
from locks.admin.searching import among, in_details, named_by_seam
from locks.admin.shown import NONE, in_seams_words, when, when_in_a_row
from locks.admin.site import site
from locks.admin.timeline import timeline
from locks.models import Action, AuditDetail, AuditEvent, Press, UnlockRequest, Verdict
from locks.models.unlocks import SLOW_MS


class RequestPerson(ByPerson):
    path = "requested_by"


class RequestDays(Days):
    column = "requested_at"


class AsItWas(History):
    """Rows that keep what door and person were called then: no page names them otherwise."""

    person_column = "person"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return (
            super()
            .get_queryset(request)
            .select_related(*cast(tuple[str, ...], self.list_select_related))
        )

    def get_object(self, *args: Any, **kwargs: Any) -> Any:
        found = super().get_object(*args, **kwargs)
        if found is not None:
            # Titles name the row by these; it is only shown, and never saved.
            found.device.label = found.door_label
            getattr(found, self.person_column).name = found.person_name
        return found

    @admin.display(description=_("door"))
    def door(self, obj: Any) -> str:
        return obj.door_label or NONE

    @admin.display(description=_("person"))
    def who(self, obj: Any) -> str:
        return obj.person_name or NONE


@admin.register(UnlockRequest, site=site)
class UnlockRequestAdmin(AsItWas):
    person_column = "requested_by"
    time_column = "requested_at"
    # What is empty is left out.
    facts = (
        "outcome",
        "because",
        "door",
        "building",
        "who",
        "reason",
        "note",
        "reference",
        "identified",
        "remarks",
        "went_over",
        "pressed",
        "answered",
        "ended",
        "took",
        "action_attempt_id",
        "seam_request_id",
        "error_type",
        "seams_words",
        "http_status",
        "result",
    )
    readonly_fields = facts
    list_display = ("pressed_local", "door", "who", "outcome", "took", "why", "building")
    list_filter = (
        ByBuilding,
        ByDoor,
        RequestPerson,
        ByAction,
        ByOutcome,
        RequestDays,
        ByFailure,
        Slow,
        OutOfHours,
        BrokeGlass,
        Contradicted,
    )
    list_select_related = ("building",)
    search_fields = ("door_label",)
    search_help_text = _(
        "A name as it was, a door, a reason, a note, a reference, or an id of Seam's."
    )

    def found_by(self, term: str, user: Any) -> Q:
        if ids := named_by_seam(term, user):
            return Q(pk__in=ids)
        # What its row says stands in its events, too, and those have an index of words.
        told = AuditEvent.objects.filter(in_details(term, "detail__"), request__isnull=False)
        return Q(pk__in=told.values("request"))

    def told_in(self, details: QuerySet[AuditDetail]) -> Any:
        told = AuditEvent.objects.filter(
            among("pk", details.values("event")), request__isnull=False
        )
        return among("pk", told.values("request"))

    def tells(self, term: str) -> Any:
        told = AuditEvent.objects.filter(in_details(term, "detail__"), request=OuterRef("pk"))
        return Exists(told)

    def record_filter(self, obj: UnlockRequest) -> dict[str, Any]:
        return {"request": obj.pk}

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [name for name in self.facts if obj is None or self._has(obj, name)]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.facts

    def _has(self, obj: UnlockRequest, name: str) -> bool:
        value = getattr(self, name)(obj) if hasattr(self, name) else getattr(obj, name)
        return value not in (None, "", NONE)

    @admin.display(description=_("because"))
    def because(self, obj: UnlockRequest) -> str:
        locking = obj.action == Action.LOCK
        told = words.failure(obj.code, obj.error_type, when=NONE, locking=locking)
        return told if obj.code else ""

    @admin.display(description=_("error message"))
    def seams_words(self, obj: UnlockRequest) -> str:
        return in_seams_words(obj.error_message)

    @admin.display(description=_("identified by"))
    def identified(self, obj: UnlockRequest) -> str:
        way = str(obj.get_identified_by_display())
        told = f"{obj.identified_as} ({way})" if obj.identified_as else way
        return _("%(way)s, carried over") % {"way": told} if obj.way_carried_over else told

    @admin.display(description=_("reason"))
    def why(self, obj: UnlockRequest) -> str:
        return " · ".join(filter(None, (obj.reason, obj.reference)))

    @admin.display(description=_("remarks"))
    def remarks(self, obj: UnlockRequest) -> str:
        after = {
            Action.UNLOCK: _("pressed again after an unknown outcome"),
            Action.LOCK: _("after an unlock of unknown outcome"),
        }
        marks = {
            after[Action(obj.action)]: obj.pressed_again,
            _("out of hours"): obj.out_of_hours,
            _("slow"): (obj.took_ms or 0) >= SLOW_MS,
        }
        return ", ".join(str(mark) for mark, is_so in marks.items() if is_so)

    @admin.display(description=_("break-glass over"))
    def went_over(self, obj: UnlockRequest) -> str:
        return "; ".join(words.overridden(each) for each in obj.overridden.split(",") if each)

    @admin.display(description=_("pressed"))
    def pressed_local(self, obj: UnlockRequest) -> str:
        return when_in_a_row(obj.requested_at, obj.building)

    @admin.display(description=_("pressed"))
    def pressed(self, obj: UnlockRequest) -> str:
        return when(obj.requested_at, obj.building)

    @admin.display(description=_("Seam answered"))
    def answered(self, obj: UnlockRequest) -> str:
        return when(obj.answered_at, obj.building)

    @admin.display(description=_("ended"))
    def ended(self, obj: UnlockRequest) -> str:
        return when(obj.ended_at, obj.building)

    @admin.display(description=_("outcome"))
    def outcome(self, obj: UnlockRequest) -> str:
        return obj.outcome_label

    @admin.display(description=_("took"))
    def took(self, obj: UnlockRequest) -> str:
        return (
            NONE if obj.took_ms is None else _("%(seconds).1f s") % {"seconds": obj.took_ms / 1000}
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        shown = self.get_object(request, unquote(object_id))
        story = {"story": timeline(shown)} if shown is not None else {}
        return super().change_view(request, object_id, form_url, {**story, **(extra_context or {})})


class PressPerson(ByPerson):
    """Who pressed."""


class PressVerdict(ByChoice):
    title = _("verdict")
    parameter_name = "verdict"
    choices_of = Verdict
    path = "verdict"


class PressOutcome(ByOutcome):
    """What came of its request; a refused press has none."""

    path = "request__outcome_value"


class PressDays(Days):
    column = "pressed_at"


@admin.register(Press, site=site)
class PressAdmin(AsItWas):
    time_column = "pressed_at"
    fields = (
        "pressed",
        "who",
        "door",
        "place",
        "action",
        "verdict",
        "why",
        "repeats",
        "of_request",
        "outcome",
    )
    list_display = (
        "pressed_local",
        "door",
        "who",
        "action",
        "verdict",
        "outcome",
        "why",
        "repeats",
        "of_request",
        "place",
    )
    list_filter = (
        ByBuilding,
        ByDoor,
        PressPerson,
        ByAction,
        PressVerdict,
        PressOutcome,
        PressDays,
    )
    list_select_related = ("building", "request")
    # No search: no index would serve it, and what a press says stands in the record's events.

    def record_filter(self, obj: Press) -> dict[str, Any]:
        return {"request": obj.request_id} if obj.request_id else {"door": obj.device_id}

    @admin.display(description=_("pressed"))
    def pressed_local(self, press: Press) -> str:
        return when_in_a_row(press.pressed_at, press.building)

    @admin.display(description=_("pressed"))
    def pressed(self, press: Press) -> str:
        return when(press.pressed_at, press.building)

    @admin.display(description=_("building"))
    def place(self, press: Press) -> str:
        return str(press.building or NONE)

    @admin.display(description=_("refused because"))
    def why(self, press: Press) -> str:
        if not press.code:
            return ""
        zone = press.building.zone if press.building else dt.UTC
        clock = "%Y-%m-%d %H:%M" if press.code in words.FROZEN else "%H:%M:%S"
        return words.refusal(
            press.code,
            building=str(press.building or ""),
            reason=press.freeze_reason,
            when=f"{press.retry_at.astimezone(zone):{clock}}" if press.retry_at else "",
            locking=press.action == Action.LOCK,
        )

    @admin.display(description=_("unlock request"))
    def of_request(self, press: Press) -> str:
        if press.request_id is None:
            return NONE
        url = reverse("admin:locks_unlockrequest_change", args=(press.request_id,))
        return format_html('<a href="{}">#{}</a>', url, press.request_id)

    @admin.display(description=_("outcome"))
    def outcome(self, press: Press) -> str:
        return str(press.request.outcome.label) if press.request else NONE
