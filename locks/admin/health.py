"""The page of a building's lock health: how long, in which order, and for whom."""

from collections.abc import Callable
from typing import Any

from django.contrib.admin import display
from django.contrib.admin.utils import unquote
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from locks.admin.base import Reviewed
from locks.admin.figures import Figure, Writer, outcome_figures, press_figure
from locks.admin.links import doors_url
from locks.models import Building
from locks.models.unlocks import Outcome
from locks.services.health import CONCERNS, BuildingHealth, LockHealth, Period, read_health
from locks.words import dates

DAYS, DEFAULT_DAYS = (7, 30, 90), 30


def _rank(lock: LockHealth) -> tuple[Any, ...]:
    """Worst first: by the worst concern, then by how many there are, then by how often it failed."""
    worst = CONCERNS.index(lock.concerns[0]) if lock.concerns else len(CONCERNS)
    return worst, -len(lock.concerns), -lock.tally.troubled


# Each way to sort, with its name and its key; locks that are alike keep the order of their labels.
SORTS: dict[str, tuple[str | Promise, Callable[[LockHealth], Any]]] = {
    "attention": (gettext_lazy("attention"), _rank),
    "door": (gettext_lazy("door"), lambda lock: 0),
    "answer": (gettext_lazy("answer time"), lambda lock: -(lock.times.p95 or 0)),
    "confirmed": (
        gettext_lazy("confirmation"),
        lambda lock: 2 if lock.tally.confirmed is None else lock.tally.confirmed,
    ),
    "failed": (gettext_lazy("failures"), lambda lock: -lock.tally.failed - lock.tally.unknown),
    "offline": (
        gettext_lazy("offline"),
        lambda lock: (-lock.downtime.known, -lock.downtime.possible),
    ),
    "battery": (
        gettext_lazy("battery"),
        lambda lock: 2 if lock.device.battery_level is None else lock.device.battery_level,
    ),
}


class HealthPage(Reviewed):
    """Adds the page to the admin of buildings, for those who may review the building."""

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.health_view)
        page = path("<path:object_id>/health/", view, name="locks_building_health")
        return [page, *super().get_urls()]

    def health_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        building = self.get_object(request, unquote(object_id))
        if building is None or not self.has_view_permission(request, building):
            raise Http404
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        days, sort = _chosen(request)
        period = Period.of(building, days=days, now=timezone.now())
        health = read_health(building, period)
        locks = sorted(health.locks, key=SORTS[sort][1])
        context = {
            **self.admin_site.each_context(request),
            "title": _("Lock health"),
            "subtitle": str(building),
            "opts": self.opts,
            "building": building,
            "period": period,
            "since": dates.written(period.since, dates.DATE),
            "zone": building.zone.key,
            "summary": _summary(building, health),
            "attention": sum(bool(lock.concerns) for lock in locks),
            "rows": [Writer(building, period, lock).row() for lock in locks],
            "periods": _choices("days", [(each, _days(each)) for each in DAYS], days, sort=sort),
            "sorts": _choices("sort", [(k, v[0]) for k, v in SORTS.items()], sort, days=days),
        }
        return TemplateResponse(request, "admin/locks/building/health.html", context)

    @display(description=gettext_lazy("lock health"))
    def lock_health(self, building: Building) -> str:
        url = reverse("admin:locks_building_health", args=(building.pk,))
        label = _("Lock health of %(building)s") % {"building": building}
        return format_html('<a href="{}" aria-label="{}">{}</a>', url, label, _("Lock health"))


def _chosen(request: HttpRequest) -> tuple[int, str]:
    """Days and order of the address; the usual ones for what is offered by no link."""
    days, sort = request.GET.get("days", ""), request.GET.get("sort", "")
    known = {str(each): each for each in DAYS}
    return known.get(days, DEFAULT_DAYS), sort if sort in SORTS else "attention"


def _days(days: int) -> str:
    return ngettext("%(days)d day", "%(days)d days", days) % {"days": days}


def _choices(name: str, offered: list[tuple[Any, Any]], chosen: Any, **kept: Any) -> list[Any]:
    return [
        {
            "label": label,
            "url": f"?{urlencode({name: value, **kept})}",
            "chosen": value == chosen,
        }
        for value, label in offered
    ]


def _summary(building: Building, health: BuildingHealth) -> list[list[Figure]]:
    """The building as a whole: its locks, and every press of the period by outcome."""
    locks, period = health.locks, health.period
    offline = sum(lock.device.online is False for lock in locks)
    where = {"building": building.pk, "since": period.since, "until": period.until}
    figures = [
        Figure(
            str(len(locks)),
            doors_url(building=building.pk),
            ngettext("lock", "locks", len(locks)),
        )
    ]
    if offline:
        url = doors_url(building=building.pk, state="offline")
        figures.append(Figure(str(offline), url, _("offline now")))
    figures.append(press_figure(health.tally, **where))
    return [figures, outcome_figures(health.tally, Outcome, **where)]
