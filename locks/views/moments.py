"""When a lock moved, where that was learned of late."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from locks.models import SeamEvent, Status, UnlockRequest

# What Seam's event is called that tells of the end of a press.
TOLD_BY = {Status.UNLOCKED: "lock.unlocked", Status.LOCKED: "lock.locked"}


def moved_at(requests: Iterable[UnlockRequest]) -> dict[int, dt.datetime]:
    """By request, by the lock's own word. One query; none where no answer was late."""
    late = {
        (request.action_attempt_id, TOLD_BY[Status(request.status)]): request.pk
        for request in requests
        if request.status in TOLD_BY and request.took_ms is None and request.action_attempt_id
    }
    if not late:
        return {}
    told = SeamEvent.objects.filter(action_attempt_id__in={attempt_id for attempt_id, _ in late})
    found = told.order_by("-occurred_at").values_list(
        "action_attempt_id", "event_type", "occurred_at"
    )
    return {late[name]: at for *key, at in found if (name := (key[0], key[1])) in late}
