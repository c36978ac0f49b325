"""Alerts: what is open and what was, read-only; and a building's page of which it has and where they go."""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from locks.admin.base import ReadOnly
from locks.admin.filters import ByBuilding, ByChoice, OneOf
from locks.admin.scope import actor, scope
from locks.admin.shown import NONE, when, when_in_a_row
from locks.admin.site import site
from locks.models import Alarm, Alert, Building, Notice
from locks.services import alert_settings, telling_alerts
from locks.services.alert_settings import LEAST, MINUTES, USUAL, Choice, choices_of
from locks.services.errors import BadInput, ServiceError
from locks.services.telling import managers_of

# What the two numbers of a kind mean.
MEANING = {
    (Alarm.FAILURES, "least"): gettext_lazy("this many failures"),
    (Alarm.FAILURES, "minutes"): gettext_lazy("within minutes"),
    (Alarm.BURST, "least"): gettext_lazy("this many unlocks"),
    (Alarm.BURST, "minutes"): gettext_lazy("within minutes"),
    (Alarm.OFFLINE, "minutes"): gettext_lazy("offline for minutes"),
    (Alarm.SILENT, "minutes"): gettext_lazy("silent for minutes"),
}
HELP = {
    Alarm.OFF_HOURS: gettext_lazy("For buildings where nobody should be about at night."),
    Alarm.FAILURES: gettext_lazy("One door: unlocks that failed or whose outcome is unknown."),
    Alarm.BURST: gettext_lazy("One person, at five doors or more."),
    Alarm.OFFLINE: gettext_lazy("And when it is back for as long."),
    Alarm.BATTERY: gettext_lazy("By Seam's word, or below 20 %; and when it is well again."),
    Alarm.SILENT: gettext_lazy("Events had to be read afterwards; and when they arrive again."),
    Alarm.BROKEN: gettext_lazy("The nightly proof found the building's record changed or cut off."),
}


class ByAlarm(ByChoice):
    title = gettext_lazy("kind")
    parameter_name = "kind"
    choices_of = Alarm
    path = "kind"


class ByState(OneOf):
    """Open alerts unless another state is asked for."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("over", _("over")), ("all", _("all"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset.filter(closed_at=None)
        return super().queryset(request, queryset)

    def narrow(self, value: str) -> Q:
        return Q() if value == "all" else Q(closed_at__isnull=False)

    def choices(self, changelist: Any) -> Iterator[Any]:
        for number, choice in enumerate(super().choices(changelist)):
            yield choice if number else {**choice, "display": _("open")}


class AlertsForm(forms.Form):
    """Which alerts a building has: for each kind whether, whether by mail, and its numbers."""

    names_people = forms.BooleanField(required=False, label=gettext_lazy("Name people"))

    def __init__(self, building: Building, names_people: bool, data: Any = None) -> None:
        super().__init__(data, initial={"names_people": names_people})
        for kind, choice in choices_of(building).items():
            label = Alarm(kind).label
            self._tick(f"{kind}-on", choice.on, label)
            self._tick(f"{kind}-mail", choice.mail, _("Mail: %(kind)s") % {"kind": label})
            for name, bounds in (("least", LEAST), ("minutes", MINUTES)):
                if (value := getattr(choice, name)) is not None:
                    self.fields[f"{kind}-{name}"] = forms.IntegerField(
                        label=MEANING[Alarm(kind), name],
                        initial=value,
                        min_value=bounds[0],
                        max_value=bounds[-1],
                    )

    def _tick(self, name: str, initial: bool, label: Any) -> None:
        self.fields[name] = forms.BooleanField(required=False, initial=initial, label=label)

    def rows(self) -> Iterator[dict[str, Any]]:
        """The kinds in order, with their fields."""
        for kind in USUAL:
            names = [name for name in ("least", "minutes") if f"{kind}-{name}" in self.fields]
            yield {
                "label": capfirst(str(Alarm(kind).label)),
                "help": HELP[Alarm(kind)],
                "on": self[f"{kind}-on"],
                "mail": self[f"{kind}-mail"],
                "numbers": [self[f"{kind}-{name}"] for name in names],
            }

    def choices(self) -> dict[str, Choice]:
        """What was sent, once it is valid."""
        sent = self.cleaned_data
        return {
            kind: Choice(
                on=sent[f"{kind}-on"],
                mail=sent[f"{kind}-mail"],
                least=sent.get(f"{kind}-least"),
                minutes=sent.get(f"{kind}-minutes"),
            )
            for kind in USUAL
        }


class AlertSettingsPage(ReadOnly):
    """Adds the page of a building's settings."""

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.settings_view)
        page = path("settings/<int:building_id>/", view, name="locks_alert_settings")
        return [page, *super().get_urls()]

    def settings_view(self, request: HttpRequest, building_id: int) -> HttpResponse:
        """Which alerts the building has, who gets them, its webhook; and what people do about it."""
        building = scope(Building, request.user).filter(pk=building_id).first()
        if building is None:
            raise Http404
        if request.method in ("GET", "HEAD"):
            return self._page(request, building)
        if request.method != "POST":
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        known: dict[str, Callable[[HttpRequest, Building], HttpResponse | None]] = {
            "alerts": self._change_alerts,
            "mute": self._mute,
            "webhook": self._set_webhook,
            "secret": self._renew_secret,
            "remove": self._remove_webhook,
            "test": self._send_test,
        }
        do = known.get(request.POST.get("do", ""))
        if do is None:
            raise BadInput(_("The form does not say what to do."))
        try:
            answer = do(request, building)
        except (ServiceError, ValidationError) as refusal:
            self.tell(request, refusal)
            answer = None
        return answer or HttpResponseRedirect(request.path)

    def _change_alerts(self, request: HttpRequest, building: Building) -> HttpResponse | None:
        """Save which alerts there are; shown anew where something in it cannot be."""
        route = alert_settings.route_of(building)
        form = AlertsForm(building, route.names_people, request.POST)
        if not form.is_valid():
            return self._page(request, building, form=form)
        alert_settings.change_alerts(
            actor=actor(request),
            building=building,
            choices=form.choices(),
            names_people=form.cleaned_data["names_people"],
        )
        self.message_user(request, _("Saved."), messages.SUCCESS)
        return None

    def _mute(self, request: HttpRequest, building: Building) -> None:
        muted = request.POST.get("wanted") != "on"
        alert_settings.mute(person=actor(request), building=building, muted=muted)
        said = (
            _("You get no mail of these alerts.") if muted else _("You get these alerts by mail.")
        )
        self.message_user(request, said, messages.SUCCESS)

    def _set_webhook(self, request: HttpRequest, building: Building) -> HttpResponse | None:
        url = request.POST.get("url", "")
        secret = alert_settings.set_webhook(actor=actor(request), building=building, url=url)
        if secret:
            return self._page(request, building, secret=secret)
        self.message_user(request, _("Saved."), messages.SUCCESS)
        return None

    def _renew_secret(self, request: HttpRequest, building: Building) -> HttpResponse:
        secret = alert_settings.renew_secret(actor=actor(request), building=building)
        return self._page(request, building, secret=secret)

    def _remove_webhook(self, request: HttpRequest, building: Building) -> None:
        alert_settings.remove_webhook(actor=actor(request), building=building)
        self.message_user(request, _("Alerts are posted nowhere any more."), messages.SUCCESS)

    def _send_test(self, request: HttpRequest, building: Building) -> None:
        channels = telling_alerts.send_test(actor=actor(request), building=building)
        if not channels:
            told = _("There is nowhere to send it: no webhook, and your account has no e-mail.")
            self.message_user(request, told, messages.WARNING)
            return
        told = _("A test alert leaves within a quarter of a minute: %(how)s.")
        how = ", ".join(str(Notice.Channel(channel).label) for channel in channels)
        self.message_user(request, told % {"how": how}, messages.SUCCESS)

    def _page(
        self,
        request: HttpRequest,
        building: Building,
        *,
        form: AlertsForm | None = None,
        secret: str = "",
    ) -> HttpResponse:
        route = alert_settings.route_of(building)
        mails = building.notices.filter(channel=Notice.Channel.MAIL)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Alerts"),
            "subtitle": str(building),
            "opts": self.opts,
            "building": building,
            "form": form or AlertsForm(building, route.names_people),
            "route": route,
            "hook_times": {
                "delivered": when_in_a_row(route.delivered_at, building),
                "failing": when_in_a_row(route.failing_since, building),
                "off": when_in_a_row(route.off_since, building),
            },
            "waiting": building.notices.filter(channel="webhook").waiting().count(),
            "mails_waiting": mails.waiting().exclude(problem="").count(),
            "secret": secret,
            "managers": managers_of(building),
            "muted": alert_settings.is_muted(actor(request), building),
        }
        return TemplateResponse(request, "admin/locks/alert/settings.html", context)


@admin.register(Alert, site=site)
class AlertAdmin(AlertSettingsPage):
    fields = ("what", "place", "door", "who", "began", "last", "count", "raised", "ended", "leads")
    list_filter = (ByState, ByBuilding, ByAlarm)
    list_select_related = ("building", "device", "person")
    search_fields = ("door_label",)
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request).filter(raised_at__isnull=False)
        return rows.select_related(*self.list_select_related)

    def get_list_display(self, request: HttpRequest) -> Any:
        """Without a column that would say the same in every row."""
        several = scope(Building, request.user)[:2].count() > 1
        columns = ("what", "subject_shown", "since_in_a_row", "count", "state")
        return (*columns, *(("place",) if several else ()))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        few = list(scope(Building, request.user)[:2])
        one = few[0] if len(few) == 1 else None
        return super().changelist_view(request, {"title": _("Alerts"), "settings_of": one})

    def record_filter(self, obj: Alert) -> dict[str, Any]:
        door = {"door": obj.device_id} if obj.device_id else {}
        return {"building": obj.building_id, **door}

    @admin.display(description=gettext_lazy("alert"))
    def what(self, alert: Alert) -> str:
        return capfirst(alert.get_kind_display())

    @admin.display(description=gettext_lazy("building"))
    def place(self, alert: Alert) -> str:
        return str(alert.building)

    @admin.display(description=gettext_lazy("door"))
    def door(self, alert: Alert) -> str:
        return alert.door_label or NONE

    @admin.display(description=gettext_lazy("person"))
    def who(self, alert: Alert) -> str:
        return str(alert.person or NONE)

    @admin.display(description=gettext_lazy("door or person"))
    def subject_shown(self, alert: Alert) -> str:
        """With the way to its page, or to the history."""
        about = alert.door_label or str(alert.person or _("the building"))
        return format_html('<a href="{}">{}</a>', telling_alerts.path_of(alert), about)

    @admin.display(description=gettext_lazy("since"))
    def since_in_a_row(self, alert: Alert) -> str:
        return when_in_a_row(alert.since, alert.building)

    @admin.display(description=gettext_lazy("since"))
    def began(self, alert: Alert) -> str:
        return when(alert.since, alert.building)

    @admin.display(description=gettext_lazy("last seen"))
    def last(self, alert: Alert) -> str:
        return when(alert.last_at, alert.building)

    @admin.display(description=gettext_lazy("raised"))
    def raised(self, alert: Alert) -> str:
        return when(alert.raised_at, alert.building)

    @admin.display(description=gettext_lazy("ended"))
    def ended(self, alert: Alert) -> str:
        if alert.is_open:
            return _("open")
        return format_html(
            "{} · {}", when(alert.closed_at, alert.building), alert.get_ending_display()
        )

    @admin.display(description=gettext_lazy("state"))
    def state(self, alert: Alert) -> str:
        if not alert.is_open:
            return _("over, lasted %(time)s") % {"time": _length(alert)}
        if alert.calm_since:
            return _("open; seems to be over")
        if timezone.now() - alert.since < dt.timedelta(minutes=1):
            return _("open")
        return _("open for %(time)s") % {"time": timesince(alert.since, depth=1)}

    @admin.display(description=gettext_lazy("shows"))
    def leads(self, alert: Alert) -> str:
        label = _("Door") if alert.kind in (Alarm.OFFLINE, Alarm.BATTERY) else _("History")
        label = _("Proofs") if alert.kind == Alarm.BROKEN else label
        return format_html('<a href="{}">{}</a>', telling_alerts.path_of(alert), label)


def _length(alert: Alert) -> str:
    return timesince(alert.since, alert.calm_since or alert.closed_at, depth=1)
