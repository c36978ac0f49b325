"""When a lock unlocked, of unlocks that were learned of late."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from locks.models import SeamEvent, Status, UnlockRequest

UNLOCKED = "lock.unlocked"


def unlocked_at(requests: Iterable[UnlockRequest]) -> dict[int, dt.datetime]:
    """By request, by the lock's own word. One query; none where no answer was late."""
    late = {
        request.action_attempt_id: request.pk
        for request in requests
        if request.status == Status.UNLOCKED
        and request.took_ms is None
        and request.action_attempt_id
    }
    if not late:
        return {}
    told = SeamEvent.objects.filter(action_attempt_id__in=late, event_type=UNLOCKED)
    found = told.order_by("-occurred_at").values_list("action_attempt_id", "occurred_at")
    return {late[attempt_id]: occurred_at for attempt_id, occurred_at in found}
