"""When a lock moved, where that was learned of late, and the last press that may have moved it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

from django.db.models import Q

from locks.models import Action, SeamEvent, Status, UnlockRequest
from locks.models.unlocks import DONE_STATUSES
from locks.services.weighing import MOVED


def moved_at(requests: Iterable[UnlockRequest]) -> dict[int, dt.datetime]:
    """By request, by the lock's own word. One query; none where no answer was late."""
    late = {
        (request.action_attempt_id, MOVED[request.action], request.device_id): request.pk
        for request in requests
        if request.status in DONE_STATUSES and request.took_ms is None and request.action_attempt_id
    }
    if not late:
        return {}
    told = SeamEvent.objects.filter(
        action_attempt_id__in={attempt_id for attempt_id, _moved, _door in late}
    )
    columns = ("action_attempt_id", "event_type", "device", "occurred_at")
    found = told.order_by("-occurred_at").values_list(*columns)
    return {late[told_of]: at for *key, at in found if (told_of := tuple(key)) in late}


# A press on Lock that failed hides what was read before it, too.
_MOVED_NOTHING = Q(
    action=Action.UNLOCK, status=Status.FAILED, may_still_act=False, contradicted_at=None
)


def _moved_nothing(request: UnlockRequest) -> bool:
    """What _MOVED_NOTHING says, of a row that is at hand."""
    surely = request.status == Status.FAILED and not request.may_still_act
    return surely and request.action == Action.UNLOCK and request.contradicted_at is None


def last_moves(latest: Mapping[int, UnlockRequest]) -> dict[int, UnlockRequest]:
    """The last request of each door that may have moved its lock, by door.

    `latest` are the last requests, by door. One query, or none.
    """
    behind = [door for door, request in latest.items() if _moved_nothing(request)]
    moves = {door: request for door, request in latest.items() if door not in behind}
    if behind:
        newest = UnlockRequest.objects.exclude(_MOVED_NOTHING).newest_at(behind)
        moves |= {each.device_id: each for each in newest}
    return moves
