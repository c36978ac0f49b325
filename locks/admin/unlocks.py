"""Unlock requests and presses, for reading. Doors and people are named as they were then."""

import datetime as dt
from typing import Any, cast

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from locks import words
from locks.admin.base import ReadOnly
from locks.admin.filters import ByBuilding, ByChoice, ByDoor, ByPerson, OneOf
from locks.admin.record import spellings
from locks.admin.shown import NONE, detail_of, name_of, outcome_of, table, when
from locks.admin.site import site
from locks.models import AuditEvent, Press, Status, UnlockRequest, Verdict
from locks.models.unlocks import Outcome

_OUTCOMES: dict[Outcome, dict[str, Any]] = {
    Outcome.SENDING: {"status": Status.SENDING},
    Outcome.PENDING: {"status": Status.PENDING},
    Outcome.CONFIRMED: {"status": Status.UNLOCKED, "inferred": False, "confirmed_by_device": True},
    Outcome.INFERRED: {"status": Status.UNLOCKED, "inferred": True},
    Outcome.UNCONFIRMED: {
        "status": Status.UNLOCKED,
        "inferred": False,
        "confirmed_by_device": False,
    },
    Outcome.UNSAID: {"status": Status.UNLOCKED, "inferred": False, "confirmed_by_device": None},
    Outcome.FAILED: {"status": Status.FAILED, "may_still_act": False},
    Outcome.FAILED_MAY_ACT: {"status": Status.FAILED, "may_still_act": True},
    Outcome.UNKNOWN: {"status": Status.UNKNOWN},
}


def holding(term: str, *columns: str) -> Q:
    """Rows that hold `term` in one of the columns, in the usual spellings of case."""
    found = Q()
    for column in columns:
        for spelling in spellings(term):
            found |= Q(**{f"{column}__icontains": spelling})
    return found


class RequestPerson(ByPerson):
    path = "requested_by"


class RequestOutcome(ByChoice):
    title = _("outcome")
    parameter_name = "outcome"
    choices_of = Outcome

    def narrow(self, value: str) -> Q:
        columns = _OUTCOMES[Outcome(value)]
        return Q(**{f"{self.path}{name}": wanted for name, wanted in columns.items()})


class Contradicted(OneOf):
    """Requests that ended one way and of which Seam said otherwise later."""

    title = _("contradicted")
    parameter_name = "contradicted"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("yes")), ("no", _("no"))]

    def narrow(self, value: str) -> Q:
        return Q(contradicted_at__isnull=value == "no")


class AsItWas(ReadOnly):
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

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        for term in search_term.split():
            queryset = queryset.filter(self.found_by(term))
        return queryset, False

    def found_by(self, term: str) -> Q:
        """The rows that one word of a search finds."""
        raise NotImplementedError

    @admin.display(description=_("door"))
    def door(self, obj: Any) -> str:
        return obj.door_label or NONE

    @admin.display(description=_("person"))
    def who(self, obj: Any) -> str:
        return obj.person_name or NONE


@admin.register(UnlockRequest, site=site)
class UnlockRequestAdmin(AsItWas):
    person_column = "requested_by"
    date_hierarchy = "requested_at"
    fields = (
        "outcome",
        "door",
        "building",
        "who",
        "reason",
        "identified_by",
        "pressed_again",
        "pressed",
        "answered",
        "ended",
        "action_attempt_id",
        "result",
        "code",
        "error_type",
        "error_message",
        "http_status",
        "seam_request_id",
        "events_shown",
    )
    list_display = ("pressed", "door", "who", "outcome", "reason", "building")
    list_filter = (ByBuilding, ByDoor, RequestPerson, RequestOutcome, Contradicted)
    list_select_related = ("building",)
    ordering = ("-requested_at", "-pk")
    sortable_by = ("pressed",)
    search_fields = ("door_label",)
    search_help_text = _("A name as it was, a door, a reason, or an id of Seam's.")

    def found_by(self, term: str) -> Q:
        named = holding(term, "door_label", "person_name", "reason", "error_type", "error_message")
        return named | Q(action_attempt_id=term) | Q(seam_request_id=term)

    def record_filter(self, obj: UnlockRequest) -> dict[str, Any]:
        return {"request": obj.pk}

    @admin.display(description=_("pressed"), ordering="requested_at")
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

    @admin.display(description=_("events"))
    def events_shown(self, obj: UnlockRequest) -> str:
        events = obj.events.select_related("detail").order_by("sequence")
        return table((when(event.at, obj.building), _told(event)) for event in events)


def _told(event: AuditEvent) -> str:
    detail = detail_of(event)
    url = reverse("admin:locks_auditevent_change", args=(event.pk,))
    why = detail.get("code") or detail.get("reason") or ""
    return format_html('<a href="{}">{}</a> · {} {}', url, outcome_of(event), name_of(detail), why)


class PressPerson(ByPerson):
    """Who pressed."""


class PressVerdict(ByChoice):
    title = _("verdict")
    parameter_name = "verdict"
    choices_of = Verdict
    path = "verdict"


class PressOutcome(RequestOutcome):
    """What came of its request; a refused press has none."""

    path = "request__"


@admin.register(Press, site=site)
class PressAdmin(AsItWas):
    date_hierarchy = "pressed_at"
    fields = (
        "pressed",
        "who",
        "door",
        "place",
        "verdict",
        "why",
        "repeats",
        "of_request",
        "outcome",
    )
    list_display = (
        "pressed",
        "door",
        "who",
        "verdict",
        "outcome",
        "why",
        "repeats",
        "of_request",
        "place",
    )
    list_filter = (ByBuilding, ByDoor, PressPerson, PressVerdict, PressOutcome)
    list_select_related = ("building", "request")
    ordering = ("-pressed_at", "-pk")
    sortable_by = ("pressed",)
    search_fields = ("door_label",)
    search_help_text = _("A name as it was, a door, a reason, or an id of Seam's.")

    def found_by(self, term: str) -> Q:
        of_request = Q(request__action_attempt_id=term) | Q(request__seam_request_id=term)
        return holding(term, "door_label", "person_name", "request__reason") | of_request

    def record_filter(self, obj: Press) -> dict[str, Any]:
        return {"request": obj.request_id} if obj.request_id else {"door": obj.device_id}

    @admin.display(description=_("pressed"), ordering="pressed_at")
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
        return words.refusal(
            press.code,
            building=str(press.building or ""),
            reason=press.freeze_reason,
            when=f"{press.retry_at.astimezone(zone):%H:%M:%S}" if press.retry_at else "",
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
