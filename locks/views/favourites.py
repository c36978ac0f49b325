"""Keep a door at the top of one's own desk, or no more: one tap on its star."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST
from django_htmx.http import reswap, retarget

from locks.http import at_door
from locks.models import MOST_FAVOURITES, Device, Favourite
from locks.views.cards import read_cards
from locks.views.requests import DeskRequest, SeeOther


@require_POST
def favourites(request: DeskRequest) -> HttpResponse:
    """`keep` or `drop` names a door that the person may see. Its card comes back."""
    asked = request.POST.get("keep") or request.POST.get("drop") or ""
    if not asked.isdecimal() or len(asked) > 18:
        raise Http404
    visible = Device.objects.on_the_desk().visible_to(request.user).select_related("building")
    door = get_object_or_404(visible, pk=int(asked))
    if not request.POST.get("keep"):
        Favourite.objects.drop(request.user, door)
    elif not Favourite.objects.keep(request.user, door):
        full = ngettext(
            "You have %(most)d favourite, and there is no room for more. Take a star away first.",
            "You have %(most)d favourites, and there is no room for more. Take a star away first.",
            MOST_FAVOURITES,
        )
        messages.error(request, full % {"most": MOST_FAVOURITES})
    if not request.htmx:
        return SeeOther(at_door(door.pk))
    card = read_cards(request.user, [door], at=timezone.now())[0]
    response = render(request, "locks/_press_answer.html", {"card": card})
    return reswap(retarget(response, f"#door-{door.pk}"), "outerHTML")
