"""Who can unlock what: by person and by door, now and at a moment that has passed."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from typing import Any

from django.contrib.admin.utils import unquote
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from locks.admin.base import Reviewed
from locks.admin.hours import written
from locks.admin.scope import actor, scope
from locks.models import Building, Device, User
from locks.services import who_can
from locks.services.errors import BadInput


class WhoCanPage(Reviewed):
    """Adds `<id>/unlocks/` to the admin of people, or of doors."""

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.unlocks_view)
        name = f"locks_{self.opts.model_name}_unlocks"
        return [path("<path:object_id>/unlocks/", view, name=name), *super().get_urls()]

    def unlocks_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        obj = self._subject(request, unquote(object_id))
        if obj is None or not self.has_view_permission(request):
            raise Http404
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        zone = _zone(self._buildings(request, obj))
        at = _moment(request.GET.get("at", ""), zone)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "zone": zone.key,
            "asked": f"{at.astimezone(zone):%Y-%m-%dT%H:%M:%S}" if at else "",
            "at": f"{(at or timezone.now()).astimezone(zone):%Y-%m-%d %H:%M:%S}",
            "is_past": at is not None,
            **self._answer(request, obj, at),
        }
        return TemplateResponse(request, f"admin/locks/{self._template}", context)

    _template = ""

    def _subject(self, request: HttpRequest, object_id: str) -> Any:
        return self.get_object(request, object_id)

    def _buildings(self, request: HttpRequest, obj: Any) -> QuerySet[Building]:
        """Those whose clock the moment is read on."""
        raise NotImplementedError

    def _answer(self, request: HttpRequest, obj: Any, at: dt.datetime | None) -> dict[str, Any]:
        raise NotImplementedError


class WhatAPersonCan(WhoCanPage):
    _template = "user/unlocks.html"

    def _buildings(self, request: HttpRequest, obj: User) -> QuerySet[Building]:
        return scope(Building, request.user).filter(assignments__person=obj)

    def _answer(self, request: HttpRequest, obj: User, at: dt.datetime | None) -> dict[str, Any]:
        places = who_can.what_a_person_can(actor=actor(request), person=obj, at=at)
        return {
            "title": _("What a person can unlock"),
            "subtitle": str(obj),
            "original": obj,
            "places": [
                {
                    "place": place,
                    "rights": [_row(place, right) for right in place.rights],
                    "areas": _by_area(place.doors),
                }
                for place in places
            ],
        }


class WhoCanUnlockADoor(WhoCanPage):
    _template = "device/unlocks.html"

    def _subject(self, request: HttpRequest, object_id: str) -> Model | None:
        """A door that has left a building of theirs, too: who could unlock it then is theirs to know."""
        if not (object_id.isascii() and object_id.isdigit() and len(object_id) < 19):
            return None
        return who_can.doors_ever_of(actor(request)).filter(pk=int(object_id)).first()

    def _buildings(self, request: HttpRequest, obj: Device) -> QuerySet[Building]:
        managed = scope(Building, request.user)
        own = managed.filter(pk=obj.building_id)
        return own if own.exists() else managed

    def _answer(self, request: HttpRequest, obj: Device, at: dt.datetime | None) -> dict[str, Any]:
        place = who_can.who_can_at_a_door(actor=actor(request), door=obj, at=at)
        is_own = scope(Device, request.user).filter(pk=obj.pk).exists()
        # What a door is called since it left is not theirs to know.
        then = place.doors[0].label if place else f"#{obj.pk}"
        back = reverse("admin:locks_device_change", args=(obj.pk,)) if is_own else ""
        return {
            "title": _("Who can unlock a door"),
            "subtitle": obj.label if is_own else then,
            "back": back,
            "place": place,
            "frozen": (place.frozen or place.doors[0].frozen) if place else "",
            "rights": [_row(place, right) for right in place.rights] if place else [],
        }


def _row(place: who_can.Place, right: who_can.Right) -> dict[str, Any]:
    """A right as people read it, on the clock that the building had."""
    until, begun = right.valid_until, right.valid_from
    return {
        "person": right.person,
        "hours": written(right.weekly_hours),
        "until": f"{until.astimezone(place.zone):%Y-%m-%d %H:%M}" if until else "",
        "since": f"{begun.astimezone(place.zone):%Y-%m-%d %H:%M}" if begun else "",
        "in_hours": right.in_hours,
    }


def _by_area(doors: list[who_can.Door]) -> list[tuple[str, list[who_can.Door]]]:
    areas: dict[str, list[who_can.Door]] = {}
    for door in doors:
        areas.setdefault(door.area, []).append(door)
    return list(areas.items())


def _zone(buildings: QuerySet[Building]) -> zoneinfo.ZoneInfo:
    """The one clock of these buildings; UTC where they have several."""
    names = list(buildings.order_by().values_list("time_zone", flat=True).distinct()[:2])
    return Building(time_zone=names[0] if len(names) == 1 else "UTC").zone


def _moment(text: str, zone: dt.tzinfo) -> dt.datetime | None:
    """The moment that was asked for; None for now. Raises BadInput with a sentence."""
    if not text.strip():
        return None
    try:
        wall = dt.datetime.fromisoformat(text.strip())
        if wall.tzinfo is not None or not 1970 <= wall.year <= 9998:
            raise ValueError
    except ValueError:
        raise BadInput(_("A moment is written like 2026-03-01T02:14.")) from None
    moment = wall.replace(tzinfo=zone).astimezone(dt.UTC)
    if moment > timezone.now():
        raise BadInput(_("This moment lies ahead: choose one that has passed."))
    return moment
