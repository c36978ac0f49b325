"""The desk: the buildings and doors of a signed-in person."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Final

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_GET

from locks.models import Building, Lease
from locks.views.boards import Desk, read_desk
from locks.views.finding import Sought
from locks.views.own import waiting_texts
from locks.views.proving import latest
from locks.views.requests import DeskRequest

# What htmx asks the page's middle for; a building's section asks for itself.
_OF_THE_PAGE: Final = ("main", "own-elsewhere")


@require_GET
def desk(request: DeskRequest) -> HttpResponse:
    """All buildings where the person holds a role, or the one that `?building=` names.

    `?q=` shows the doors that are called so.
    """
    asked = request.GET.get("building", "")
    if not asked:
        return _page(request)
    if not asked.isdecimal() or len(asked) > 18:
        raise Http404
    return _page(request, only=int(asked))


@require_GET
def building(request: DeskRequest, building_id: int) -> HttpResponse:
    """One building: its section for htmx (the live refetch), the desk with it alone otherwise.

    `?q=` shows the doors that are called so, `?area=` those of an area.
    """
    if not request.htmx or request.htmx.target in _OF_THE_PAGE:
        return _page(request, only=building_id)
    found = get_object_or_404(Building.objects.visible_to(request.user), pk=building_id)
    sought = Sought.of(request.GET, in_one_building=True)
    board = _desk(request, [found], sought).boards[0]
    return render(request, "locks/_building.html", {"board": board})


def _page(request: DeskRequest, *, only: int | None = None) -> HttpResponse:
    visible = list(Building.objects.visible_to(request.user))
    shown = [each for each in visible if only is None or each.pk == only]
    if only is not None and not shown:
        raise Http404
    sought = Sought.of(request.GET, in_one_building=only is not None)
    read = _desk(request, shown, sought, beside=visible)
    path = reverse("desk") if only is None else reverse("building", args=[only])
    context = {
        "boards": read.boards,
        "elsewhere": read.elsewhere,
        "read": read,
        "buildings": visible,
        "only": next(iter(shown), None) if only is not None else None,
        "path": path,
        "sought": sought,
        "found": sum(each.found for each in read.boards)
        + sum(each.found for each in read.elsewhere),
        "marked": request.GET.get("door", ""),
    }
    if request.htmx.target in _OF_THE_PAGE:
        return render(request, "locks/_desk_main.html", context)
    context |= {
        "degraded": (age := Lease.worker_age()) is not None and age >= Lease.WORKER_SILENT_AFTER,
        "manages": Building.objects.managed_by(request.user).exists(),
        "waiting_texts": waiting_texts(get_language()),
    }
    return render(request, "locks/desk.html", context)


def _desk(
    request: DeskRequest,
    buildings: list[Building],
    sought: Sought,
    *,
    beside: Iterable[Building] = (),
) -> Desk:
    return read_desk(
        request.user,
        buildings,
        beside=beside,
        at=timezone.now(),
        sought=sought,
        latest_proof=partial(latest, request),
        asked=request.GET,
    )
