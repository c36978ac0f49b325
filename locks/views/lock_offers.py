"""The Lock button: where a card has one, and what of the door a lock does not settle."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from django.db.models import OuterRef, Subquery

from locks.models import Action, Assignment, Device, UnlockRequest, User
from locks.services.rights import obstacle_to_locking
from locks.services.tokens import issue_token
from locks.views.locking_states import UnlockBefore
from locks.views.moments import moved_at


@dataclass(frozen=True)
class LockOffer:
    """A Lock button: its token, and whether the door is not seen to lock, so that it stands out."""

    token: str
    is_wanted: bool


def offer_lock(
    viewer: User,
    device: Device,
    *,
    roles: Collection[Assignment],
    latest: UnlockRequest | None,
    at: dt.datetime,
) -> LockOffer | None:
    """The button, for who may lock the door, while nothing is under way there; else None. No query."""
    if obstacle_to_locking(device, roles=roles, at=at) or (latest is not None and latest.is_open):
        return None
    token = issue_token(person=viewer, device=device, action=Action.LOCK)
    return LockOffer(token=token, is_wanted=device.unlocked_since is not None)


def last_unlocks(latest: Mapping[int, UnlockRequest]) -> dict[int, UnlockRequest]:
    """The last unlock of each door, by door: a lock that came since settles nothing.

    `latest` are the last requests, by door. One query, or none.
    """
    behind = [door for door, request in latest.items() if request.action != Action.UNLOCK]
    unlocks = [request for request in latest.values() if request.action == Action.UNLOCK]
    if behind:
        unlocks += UnlockRequest.objects.unlocks().newest_at(behind)
    return {each.device_id: each for each in unlocks}


def unlocks_before(requests: Iterable[UnlockRequest]) -> dict[int, UnlockBefore]:
    """By lock, of those that came after an unlock of unknown outcome: that unlock.

    One query where there is any, and one more where its outcome was learned late.
    """
    locks = [each for each in requests if each.action == Action.LOCK and each.pressed_again]
    if not locks:
        return {}
    newest = UnlockRequest.objects.unlocks().filter(
        device=OuterRef("device"),
        building=OuterRef("building"),
        requested_at__lt=OuterRef("requested_at"),
    )
    newest = newest.order_by("-requested_at", "-pk")
    asked = UnlockRequest.objects.filter(pk__in=[each.pk for each in locks])
    ids = asked.values_list(Subquery(newest.values("pk")[:1]))
    found = UnlockRequest.objects.filter(pk__in=ids).select_related("building")
    unlocks = sorted(found, key=lambda each: (each.requested_at, each.pk))
    moments = moved_at(unlocks)
    return {
        lock.pk: UnlockBefore(unlock, moments.get(unlock.pk))
        for lock in locks
        for unlock in unlocks
        if (unlock.device_id, unlock.building_id) == (lock.device_id, lock.building_id)
        and unlock.requested_at < lock.requested_at
    }
