"""The press on Lock: no question before it."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST

from locks.forms import UnlockForm
from locks.models import Device
from locks.services.errors import DoorUnknown
from locks.services.presses import PressForm
from locks.services.unlocking import request_lock
from locks.views.answering import answer
from locks.views.requests import DeskRequest, client_address


@require_POST
def lock_door(request: DeskRequest, device_id: int) -> HttpResponse:
    """Press Lock at one door. 200 with its card also where it was not locked.

    The door is loaded unscoped only to be handed to the service, which records an outsider's press.
    """
    device = get_object_or_404(Device.objects.select_related("building"), pk=device_id)
    form = UnlockForm(request.POST)
    press = PressForm(
        token=form.text("token"), elapsed=form.elapsed, address=client_address(request)
    )
    try:
        result = request_lock(actor=request.user, device=device, form=press)
    except DoorUnknown:
        raise Http404 from None
    # What an error page says from here on must not be that nothing was sent.
    request.pressed = result.was_sent  # type: ignore[attr-defined]
    if device.building is None:
        raise Http404
    return answer(request, device, result)
