"""When a lock moved, where that was learned of late."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from locks.models import SeamEvent, UnlockRequest
from locks.models.unlocks import DONE_STATUSES
from locks.services.weighing import MOVED


def moved_at(requests: Iterable[UnlockRequest]) -> dict[int, dt.datetime]:
    """By request, by the lock's own word. One query; none where no answer was late."""
    late = {
        (request.action_attempt_id, MOVED[request.action]): request.pk
        for request in requests
        if request.status in DONE_STATUSES and request.took_ms is None and request.action_attempt_id
    }
    if not late:
        return {}
    told = SeamEvent.objects.filter(
        action_attempt_id__in={attempt_id for attempt_id, _moved in late}
    )
    columns = ("action_attempt_id", "event_type", "occurred_at")
    found = told.order_by("-occurred_at").values_list(*columns)
    return {
        late[attempt_id, moved]: at
        for attempt_id, moved, at in found
        if (attempt_id, moved) in late
    }
