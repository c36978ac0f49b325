"""What was seen at the door: one tap beside an outcome that nobody could confirm."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRefresh, reswap, retarget

from locks.http import at_door
from locks.models import UnlockRequest
from locks.services.attesting import attest
from locks.services.errors import DoorUnknown, ServiceError
from locks.views.cards import read_cards
from locks.views.requests import DeskRequest, SeeOther, client_address


@require_POST
def attest_unlock(request: DeskRequest, request_id: int) -> HttpResponse:
    """Say what was seen. The door's card comes back, also where there was nothing to say any more."""
    requests = UnlockRequest.objects.select_related("building", "device__building")
    asked = get_object_or_404(requests, pk=request_id)
    try:
        attest(
            actor=request.user,
            request=asked,
            seen=request.POST.get("seen", ""),
            address=client_address(request),
            at=timezone.now(),
        )
    except DoorUnknown:
        raise Http404 from None
    except ServiceError as refusal:
        messages.error(request, str(refusal))
    door = asked.device
    if not request.htmx:
        return SeeOther(at_door(door.pk))
    if door.building_id != asked.building_id:
        return HttpResponseClientRefresh()  # its page has no such card any more
    card = read_cards(request.user, [door], at=timezone.now())[0]
    response = render(request, "locks/_press_answer.html", {"card": card})
    return reswap(retarget(response, f"#door-{door.pk}"), "outerHTML")
