"""The record as a file, from the admin: exactly what a list shows, streamed as it is read."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any, Literal, cast

from asgiref.sync import sync_to_async
from django.contrib.sessions.models import Session
from django.core.handlers.asgi import ASGIRequest
from django.db import connection
from django.db.models import Q
from django.http import HttpRequest, QueryDict, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from locks.admin.filters import Days, number_in
from locks.admin.scope import actor, scope
from locks.models import AuditEvent, Building, Device
from locks.services.errors import BadInput, ServiceError
from locks.services.exporting import Export, reviewable

TYPES = {"ndjson": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}
OF_A_TIME = {"building", "since", "until"}  # filters that leave no gap in a building's chain


def export_of(request: HttpRequest, admin: Any) -> Export:
    """The export of what was chosen: the posted fields are those of the list's address.

    A whole building, or a time of it, is complete; every other choice only proves that what is in
    it is unaltered. Raises BadInput.
    """
    form = request.POST.get("form", "")
    if form not in TYPES:
        raise BadInput(_("An export is NDJSON or CSV."))
    listed = copy.copy(request)
    listed.method, listed.GET = "GET", QueryDict(_chosen(request))
    changes = admin.get_changelist_instance(listed)
    chosen = {name: str(value) for name, value in listed.GET.items() if value}
    building = _building(listed)
    export = Export(
        events=changes.queryset.order_by(),
        form=cast(Literal["ndjson", "csv"], form),
        actor=actor(request),
        filters=chosen,
        among=_among(listed, building),
        is_wanted=partial(_is_signed_in, request.session.session_key or ""),
    )
    if building is not None and set(chosen) <= OF_A_TIME:
        days = next(each for each in changes.filter_specs if isinstance(each, Days))
        _make_complete(export, building, days)
    return export


def _is_signed_in(session_key: str) -> bool:
    """Whether the session is still there: signing out, and what ends a person's sessions, removes it."""
    kept = Session.objects.filter(session_key=session_key, expire_date__gt=timezone.now())
    return kept.exists()


def _make_complete(export: Export, building: Building, days: Days) -> None:
    """All of a building within a time: nothing is left out, and the export says so."""
    try:
        export.events = reviewable(
            export.actor, building=building, since=days.begins, until=days.ends
        )
    except ServiceError as refusal:
        raise BadInput(str(refusal)) from None
    export.whole_of = building
    moments = {"since": days.begins, "until": days.ends}
    export.filters = {**export.filters, **{n: at.isoformat() for n, at in moments.items() if at}}


def _chosen(request: HttpRequest) -> str:
    fields = request.POST.copy()
    for name in ("csrfmiddlewaretoken", "form"):
        fields.pop(name, None)
    return fields.urlencode()


def _building(listed: HttpRequest) -> Building | None:
    """The one building that the list is about: the chosen one, or the only one of its person."""
    buildings = scope(Building, listed.user)
    if listed.GET.get("building") or actor(listed).is_superuser:
        found: Building | None = buildings.filter(pk=number_in(listed, "building")).first()
        return found
    few = list(buildings[:2])
    return few[0] if len(few) == 1 else None


def _among(listed: HttpRequest, building: Building | None) -> list[Building] | None:
    """The buildings that are read, and so told of it: none that what was chosen leaves out."""
    if building is not None:
        return [building]
    managed = Building.objects.managed_by(actor(listed))
    door = scope(Device, listed.user).filter(pk=number_in(listed, "door")).first()
    if door is not None and not actor(listed).is_superuser:
        # A door that was moved has events in the building where it was, too.
        of_door = AuditEvent.objects.filter(device=door).order_by()
        told = Q(pk=door.building_id) | Q(chain__in=of_door.values("chain").distinct())
        return list(managed.filter(told))
    return None if actor(listed).is_superuser else list(managed)


def streamed(request: HttpRequest, export: Export) -> StreamingHttpResponse:
    """The file, as it is made: neither this process nor the browser holds it whole."""
    parts = export.parts()
    content: Any = _one_by_one(parts) if isinstance(request, ASGIRequest) else parts
    answer = StreamingHttpResponse(content, content_type=TYPES[export.form])
    answer["Content-Disposition"] = f'attachment; filename="{export.name}"'
    return answer


async def _one_by_one(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Part by part, where the server would otherwise read a whole iterator before it sends it."""
    take = sync_to_async(_next, thread_sensitive=True)
    while (part := await take(parts)) is not None:
        yield part


def _next(parts: Iterator[bytes]) -> bytes | None:
    part = next(parts, None)
    if connection.vendor == "postgresql" and not connection.in_atomic_block:
        connection.close()  # back to the pool while a slow reader takes its time
    return part
