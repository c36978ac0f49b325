"""What is still open of what a person pressed: told by the title and the icon of the page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Coalesce
from django.utils.translation import ngettext

from locks.models import Action, Building, Press, Status, UnlockRequest, User
from locks.models.unlocks import OPEN_STATUSES
from locks.services.attesting import REACHES_BACK, seen_as_it_is_now
from locks.views.states import RECENT
from locks.words.numbers import counted

# When a press on Lock became doubtful, and that the door was not seen to be locked after that: nobody is
# asked what they saw. Of a lock that is offline Seam's list repeats what it last knew.
_DOUBTED_AT = Coalesce("contradicted_at", "requested_at")
_SEEN_LOCKED = Q(device__locked=True) & (
    Q(device__lock_told_at__gt=_DOUBTED_AT)
    | Q(device__online=True, device__synced_at__gt=_DOUBTED_AT)
)
_MAY_BE_UNLOCKED = (Q(status=Status.UNKNOWN) | Q(contradicted_at__isnull=False)) & ~_SEEN_LOCKED
MOST_TOLD_APART = 99  # no language has a form of its own beyond


@dataclass(frozen=True)
class Own:
    """How many doors of a building, pressed by one person, wait for an end, and how many for a look."""

    waiting: int = 0
    doubted: int = 0


@cache
def waiting_texts(_language: str | None) -> str:
    """What the title says of how many doors that wait, for own.js."""
    return counted(
        lambda doors: ngettext("({count} waiting)", "({count} waiting)", doors), MOST_TOLD_APART
    )


def own_doors(viewer: User, buildings: Iterable[Building], *, at: dt.datetime) -> dict[int, Own]:
    """By building. One query.

    A door is waited for while its newest press is under way, and doubted while that may have
    unlocked it, or was contradicted, and nobody has said since what they saw; after a press on Lock, until
    the door is seen to be locked.
    """
    pressed = Press.objects.filter(person=viewer, pressed_at__gt=at - REACHES_BACK)
    newer = UnlockRequest.objects.filter(
        device=OuterRef("device"), requested_at__gt=OuterRef("requested_at")
    )
    # A lock settles no unlock.
    doubted = Q(action=Action.UNLOCK) & (
        (Q(status=Status.UNKNOWN) & ~Exists(newer.unlocks()))
        | (Q(contradicted_at__isnull=False) & ~Exists(newer))
    )
    not_locked = Q(action=Action.LOCK) & _MAY_BE_UNLOCKED & ~Exists(newer)
    found = UnlockRequest.objects.filter(
        (Q(status__in=OPEN_STATUSES) & ~Exists(newer))
        | (doubted & ~seen_as_it_is_now())
        | not_locked,
        pk__in=pressed.filter(request__isnull=False).values("request"),
        building__in=[each.pk for each in buildings],
    )
    counts: dict[int, list[int]] = {}
    for building, status in found.values_list("building_id", "status"):
        counts.setdefault(building, [0, 0])[status not in OPEN_STATUSES] += 1
    return {building: Own(*count) for building, count in counts.items()}


def doors_just_pressed(
    viewer: User, buildings: Iterable[Building], *, at: dt.datetime
) -> dict[int, int]:
    """The buildings of doors that `viewer` pressed and of which there is, or was just, news, by door.

    One query. Their outcomes are said also where another search leaves them out.
    """
    presses = Press.objects.filter(
        Q(pressed_at__gt=at - RECENT)
        | Q(request__status__in=OPEN_STATUSES)
        | Q(request__ended_at__gt=at - RECENT)
        | Q(request__contradicted_at__gt=at - RECENT),
        person=viewer,
        pressed_at__gt=at - REACHES_BACK,
        building__in=[each.pk for each in buildings],
        device__building=F("building"),
    )
    return dict(presses.order_by().values_list("device_id", "building_id").distinct())
