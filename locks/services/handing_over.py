"""Taking a building's desk over from the shift before: one row, one event, and of two at once one wins."""

from __future__ import annotations

import datetime as dt
from typing import Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from locks.models import Assignment, Building, HandOver, Kind, Role, User
from locks.services.audit import record
from locks.services.editing import plain
from locks.services.errors import NotAllowed, ServiceError
from locks.services.shifts import noted_now

FIRST_REACHES_BACK: Final = dt.timedelta(hours=12)  # of a building that was never handed over
LONGEST: Final = 300  # characters of a note, and of a follow-up
_ROLES: Final = (Role.FRONT_DESK, Role.MANAGER)


class TakenAlready(ServiceError):
    """Somebody was first; `hand_over` tells who and when."""

    def __init__(self, hand_over: HandOver) -> None:
        super().__init__(_("Somebody has taken over already."))
        self.hand_over = hand_over


def works_at(person: User, building: Building, *, at: dt.datetime) -> bool:
    """Whether `person` may take over there and write follow-ups: front desk or manager now. One query.

    Weekly hours do not matter: they stop only unlocking.
    """
    held = Assignment.objects.in_force(at=at).filter(person=person, building=building)
    return held.filter(role__in=_ROLES).exists()


def require_work_at(actor: User, building: Building) -> None:
    """Raise NotAllowed unless `actor` works at the desk of `building` now, or manages it.

    Now, and not when they asked: they may have waited for another's transaction meanwhile.
    """
    if not works_at(actor, building, at=timezone.now()):
        told = _(
            "Your role in %(building)s does not take a shift. A manager of %(building)s can"
            " change that."
        )
        raise NotAllowed(told % {"building": building.name})


def latest_of(building: Building) -> HandOver | None:
    """The building's last hand-over. One query."""
    return building.hand_overs.order_by("-number").first()


def begins_at(latest: HandOver | None, *, at: dt.datetime) -> dt.datetime:
    """When the shift that is under way `at` that moment began."""
    return latest.until if latest else at - FIRST_REACHES_BACK


@transaction.atomic
def take_over(
    *, actor: User, building: Building, after: int, note: str = "", at: dt.datetime
) -> HandOver:
    """Begin the shift of `actor`; `after` is the number of the last hand-over that they were shown.

    Raises NotAllowed, TakenAlready where another came between, ServiceError for a note too long.
    """
    note = tidy(note)
    # Held, so that of two clerks the second sees the first's.
    place = Building.objects.select_for_update(no_key=True).get(pk=building.pk)
    require_work_at(actor, place)
    latest = latest_of(place)
    if latest is not None and latest.number != after:
        raise TakenAlready(latest)
    since = begins_at(latest, at=at)
    noted = noted_now(place, at=at)
    taken = HandOver.objects.create(
        building=place,
        number=latest.number + 1 if latest else 1,
        since=since,
        until=max(at, since),  # clocks of two machines may differ
        taken_by=actor,
        person_name=actor.get_full_name(),
        note=note,
        noted=noted.as_json(),
    )
    record(
        Kind.TAKEN_OVER,
        building=place,
        actor=actor,
        number=taken.number,
        since=plain(taken.since),
        until=plain(taken.until),
        note=note,
        open_follow_ups=len(noted.open),
    )
    return taken


def tidy(text: str) -> str:
    """What somebody typed, on one line and without what cannot be read. Raises ServiceError if too long."""
    told = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    if len(told) > LONGEST:
        raise ServiceError(_("At most %(longest)d characters, please.") % {"longest": LONGEST})
    return told
