"""Unlock requests and presses, for reading. Doors and people are named as they were then."""

from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from locks import words
from locks.admin.base import ReadOnly
from locks.admin.filters import ByBuilding, ByChoice, ByDoor, ByPerson
from locks.admin.record import in_details
from locks.admin.shown import NONE, detail_of, name_of, outcome_of, table, when
from locks.admin.site import site
from locks.models import AuditEvent, Kind, Press, Status, UnlockRequest, Verdict
from locks.models.unlocks import Outcome

_UNLOCKED = Q(status=Status.UNLOCKED)
_FAILED = Q(status=Status.FAILED)
_OUTCOMES = {
    Outcome.SENDING: Q(status=Status.SENDING),
    Outcome.PENDING: Q(status=Status.PENDING),
    Outcome.CONFIRMED: _UNLOCKED & Q(confirmed_by_device=True),
    Outcome.UNCONFIRMED: _UNLOCKED & Q(confirmed_by_device=False),
    Outcome.UNSAID: _UNLOCKED & Q(confirmed_by_device=None),
    Outcome.FAILED: _FAILED & Q(may_still_act=False),
    Outcome.FAILED_MAY_ACT: _FAILED & Q(may_still_act=True),
    Outcome.UNKNOWN: Q(status=Status.UNKNOWN),
}


def first_events(path: str) -> Prefetch:
    """The event of the press that opened a request: it holds the names as they were."""
    events = AuditEvent.objects.filter(kind=Kind.UNLOCK_REQUESTED).select_related("detail")
    return Prefetch(path, queryset=events, to_attr="first_events")


def as_it_was(request: UnlockRequest | None) -> dict[str, Any]:
    """The detail of a request's first event; the request must come with first_events()."""
    events = getattr(request, "first_events", ())
    return detail_of(events[0]) if events else {}


def people_and_doors(term: str) -> Q:
    """Requests whose first event names `term`, or that bear it as an id."""
    named = AuditEvent.objects.filter(in_details(term), kind=Kind.UNLOCK_REQUESTED)
    return (
        Q(pk__in=named.values("request"))
        | Q(action_attempt_id=term)
        | Q(seam_request_id=term)
        | Q(error_type__icontains=term)
        | Q(error_message__icontains=term)
    )


class RequestPerson(ByPerson):
    path = "requested_by"


class RequestOutcome(ByChoice):
    title = _("outcome")
    parameter_name = "outcome"
    choices_of = Outcome

    def narrow(self, value: str) -> Q:
        return _OUTCOMES[Outcome(value)]


@admin.register(UnlockRequest, site=site)
class UnlockRequestAdmin(ReadOnly):
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
        "error_type",
        "error_message",
        "seam_request_id",
        "events_shown",
    )
    list_display = ("pressed", "door", "who", "outcome", "reason", "building")
    list_filter = (ByBuilding, ByDoor, RequestPerson, RequestOutcome)
    list_select_related = ("building", "device")
    ordering = ("-requested_at", "-pk")
    sortable_by = ("pressed",)
    search_fields = ("action_attempt_id",)
    search_help_text = _("A name as it was, a door, a reason, or an id of Seam's.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        requests = super().get_queryset(request).select_related(*self.list_select_related)
        return requests.prefetch_related(first_events("events"))

    def get_object(self, *args: Any, **kwargs: Any) -> UnlockRequest | None:
        found = super().get_object(*args, **kwargs)
        if found is not None:
            # Titles name the door, which may bear a name of another building by now.
            found.device.label = self.door(found)
        return found

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        for term in search_term.split():
            queryset = queryset.filter(people_and_doors(term))
        return queryset, False

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

    @admin.display(description=_("door"))
    def door(self, obj: UnlockRequest) -> str:
        return str(as_it_was(obj).get("door") or NONE)

    @admin.display(description=_("person"))
    def who(self, obj: UnlockRequest) -> str:
        return name_of(as_it_was(obj))

    @admin.display(description=_("outcome"))
    def outcome(self, obj: UnlockRequest) -> str:
        return str(obj.outcome.label)

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


@admin.register(Press, site=site)
class PressAdmin(ReadOnly):
    date_hierarchy = "pressed_at"
    fields = ("pressed", "who", "door", "place", "verdict", "why", "repeats", "of_request")
    list_display = ("pressed", "who", "door", "verdict", "why", "repeats", "of_request", "place")
    list_filter = (ByBuilding, ByDoor, PressPerson, PressVerdict)
    list_select_related = ("person", "device", "building", "request")
    ordering = ("-pressed_at", "-pk")
    sortable_by = ("pressed",)
    search_fields = ("person__name", "person__username", "request__action_attempt_id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        presses = super().get_queryset(request).select_related(*self.list_select_related)
        return presses.prefetch_related(first_events("request__events"))

    def get_object(self, *args: Any, **kwargs: Any) -> Press | None:
        found = super().get_object(*args, **kwargs)
        if found is not None:
            # Titles name the door, which may bear a name of another building by now.
            found.device.label = self.door(found)
        return found

    def record_filter(self, obj: Press) -> dict[str, Any]:
        return {"request": obj.request_id} if obj.request_id else {"door": obj.device_id}

    @admin.display(description=_("pressed"), ordering="pressed_at")
    def pressed(self, press: Press) -> str:
        return when(press.pressed_at, press.building)

    @admin.display(description=_("person"))
    def who(self, press: Press) -> str:
        return name_of({"person": press.person.name, "username": press.person.username})

    @admin.display(description=_("door"))
    def door(self, press: Press) -> str:
        if press.request is None:
            return press.device.label
        return str(as_it_was(press.request).get("door") or NONE)

    @admin.display(description=_("building"))
    def place(self, press: Press) -> str:
        return str(press.building or NONE)

    @admin.display(description=_("refused because"))
    def why(self, press: Press) -> str:
        if not press.code:
            return ""
        building = press.building
        reason = building.frozen_reason if building and press.code == "frozen" else ""
        return words.refusal(press.code, building=str(building or ""), reason=reason)

    @admin.display(description=_("unlock request"))
    def of_request(self, press: Press) -> str:
        if press.request_id is None:
            return NONE
        url = reverse("admin:locks_unlockrequest_change", args=(press.request_id,))
        return format_html('<a href="{}">#{}</a>', url, press.request_id)
