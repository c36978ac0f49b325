"""Who can unlock what, now or at a moment that has passed. By rights: not whether a lock would answer.

What is read from where, for a past moment:

- **Roles** that unlock: the assignments that had been granted and not been revoked. Their dates and hours
  as they were: today's, with every later `role.changed` of the record taken back.
- **Accounts**: closed or not as they were, today's with every later `person.changed` taken back.
- **Doors** of a building: today's, with every later `door.assigned` and `door.unassigned` of the building
  taken back. A door that has left since bears the name that it left under.
- **Freezes** of building and door: the last that the record told before that moment.
- **Hours** are read on the building's clock, in the time zone that it had then.

Names of people are today's. What a recorded retention run has removed from the details cannot be taken
back any more. All is scoped to the buildings that the actor manages now, in a constant number of queries.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from locks.models import Assignment, AuditEvent, Building, Device, Kind, Role, User
from locks.models.people import is_within

MOVES: Final = (Kind.DOOR_ASSIGNED, Kind.DOOR_UNASSIGNED)
BUILDING_FREEZES: Final = (Kind.BUILDING_FROZEN, Kind.BUILDING_RELEASED)
DOOR_FREEZES: Final = (Kind.DOOR_FROZEN, Kind.DOOR_RELEASED)


@dataclass(frozen=True)
class Right:
    """A role of a person that unlocks, with its terms at that moment; `in_hours` at that moment."""

    person: User
    valid_from: dt.datetime | None
    valid_until: dt.datetime | None
    weekly_hours: list[dict[str, Any]]
    in_hours: bool


@dataclass(frozen=True)
class Door:
    """A door of the building at that moment; `frozen` is the reason where it was frozen by itself."""

    pk: int
    label: str
    area: str = ""
    frozen: str = ""


@dataclass
class Place:
    """A building at that moment: every right counts for every door. `frozen` is the reason of a freeze."""

    building: Building
    zone: dt.tzinfo
    frozen: str
    rights: list[Right] = field(default_factory=list)
    doors: list[Door] = field(default_factory=list)


def what_a_person_can(*, actor: User, person: User, at: dt.datetime | None = None) -> list[Place]:
    """The buildings of `actor` where `person` could unlock at `at` (None: now), with all their doors."""
    managed = Building.objects.managed_by(actor)
    held = Assignment.objects.filter(person=person, building__in=managed, role=Role.FRONT_DESK)
    buildings = managed.filter(pk__in=held.values("building"))
    places = _places(buildings, at, people=[person.pk])
    return [place for place in places if place.rights]


def who_can_at_a_door(*, actor: User, door: Device, at: dt.datetime | None = None) -> Place | None:
    """The building of `actor` that the door belonged to at `at`, with the door alone; None if none."""
    managed = Building.objects.managed_by(actor)
    found = list(_doors(managed, at, only=door.pk))
    if not found:
        return None
    building, _door = found[0]
    return _places(managed.filter(pk=building), at, only=door.pk)[0]


def doors_ever_of(actor: User) -> QuerySet[Device]:
    """Doors that belong, or that the record knows to have belonged, to a building `actor` manages now."""
    managed = Building.objects.managed_by(actor)
    if actor.is_active and actor.is_superuser:
        return Device.objects.all()
    left = AuditEvent.objects.filter(kind=Kind.DOOR_UNASSIGNED, chain__building__in=managed)
    return Device.objects.filter(Q(building__in=managed) | Q(pk__in=left.values("device")))


def _places(
    buildings: QuerySet[Building],
    at: dt.datetime | None,
    *,
    people: Collection[int] | None = None,
    only: int | None = None,
) -> list[Place]:
    moment = at or timezone.now()
    places: dict[int, Place] = {}
    frozen = _frozen_buildings(buildings, at)
    zones = _zones(buildings, moment)
    for building in buildings.order_by("name"):
        zone = zones.get(building.pk, building.zone)
        reason = frozen.get(building.pk, "")
        places[building.pk] = Place(building, zone, reason)
    for role in _roles(places, moment, people):
        place = places[role.building_id]
        in_hours = is_within(role.weekly_hours, moment, place.zone)
        terms = (role.valid_from, role.valid_until, role.weekly_hours)
        place.rights.append(Right(role.person, *terms, in_hours))
    frozen_doors = _frozen_doors(places, moment, only)
    for pk, door in _doors(buildings, at, only=only):
        reason = frozen_doors.get((pk, door.pk), "")
        places[pk].doors.append(Door(door.pk, door.label, door.area, reason))
    for place in places.values():
        place.rights.sort(
            key=lambda right: (right.person.get_full_name().casefold(), right.person.pk)
        )
        place.doors.sort(key=lambda door: (door.area, door.label, door.pk))
    return list(places.values())


# --- Roles --------------------------------------------------------------------------------------


def _roles(
    places: Collection[int], at: dt.datetime, people: Collection[int] | None
) -> Iterator[Assignment]:
    """Roles that let unlock at `at`, hours aside, with the terms that they had. Three queries."""
    granted = Assignment.objects.filter(
        Q(revoked_at__isnull=True) | Q(revoked_at__gt=at),
        building__in=places,
        role=Role.FRONT_DESK,
        granted_at__lte=at,
    ).select_related("person")
    if people is not None:
        granted = granted.filter(person__in=people)
    before = _terms_before(places, at)
    active = _active_before(at)
    for role in granted.order_by("pk"):
        changed = before.get((role.building_id, role.person_id), {})
        for name, value in changed.items():
            is_date = name in ("valid_from", "valid_until") and isinstance(value, str)
            setattr(role, name, parse_datetime(value) if is_date else value)
        begun = role.valid_from is None or role.valid_from <= at
        over = role.valid_until is not None and role.valid_until <= at
        if begun and not over and active.get(role.person_id, role.person.is_active):
            yield role


def _terms_before(
    places: Collection[int], at: dt.datetime
) -> dict[tuple[int, int], dict[str, Any]]:
    """What the terms of roles were at `at` where they were changed later, by building and person.

    Of one person only one role of a kind is not revoked in a building: so the first change after `at`
    is one of the role that was held then, as long as it was not revoked in between; then no
    change follows that could be taken for its own before it is granted anew.
    """
    events = _after(at, Kind.ROLE_CHANGED, Kind.ROLE_GRANTED).filter(chain__building__in=places)
    found: dict[tuple[int, int], dict[str, Any]] = {}
    anew: set[tuple[int, int]] = set()
    for event in events:
        told = event.told()
        key = (event.chain.building_id, told.get("subject_id"))
        if told.get("role") != Role.FRONT_DESK or key in anew:
            continue
        if event.kind == Kind.ROLE_GRANTED:
            anew.add(key)  # what follows is about another role than the one held at that moment
            continue
        for name, change in _changes(told):
            if name in ("valid_from", "valid_until", "weekly_hours"):
                found.setdefault(key, {}).setdefault(name, change[0])
    return found


def _active_before(at: dt.datetime) -> dict[int, bool]:
    """Whether accounts were active at `at`, of those where that was changed later."""
    events = _after(at, Kind.PERSON_CHANGED).filter(detail__body__contains='"is_active"')
    found: dict[int, bool] = {}
    for event in events:
        told = event.told()
        for name, change in _changes(told):
            if name == "is_active":
                found.setdefault(told.get("subject_id", 0), bool(change[0]))
    return found


# --- Buildings ----------------------------------------------------------------------------------


def _zones(buildings: QuerySet[Building], at: dt.datetime) -> dict[int, dt.tzinfo]:
    """The time zones of buildings at `at` where they were changed later."""
    events = _after(at, Kind.BUILDING_CHANGED).filter(
        chain__building__in=buildings.order_by().values("pk"),
        detail__body__contains='"time_zone"',
    )
    found: dict[int, dt.tzinfo] = {}
    for event in events:
        for name, change in _changes(event.told()):
            if name == "time_zone":
                zone = Building(time_zone=str(change[0])).zone
                found.setdefault(event.chain.building_id, zone)
    return found


def _frozen_buildings(buildings: QuerySet[Building], at: dt.datetime | None) -> dict[int, str]:
    """The reasons of freezes in force at `at`, by building."""
    if at is None:
        now = timezone.now()
        frozen = buildings.filter(frozen=True).order_by()
        return {each.pk: each.frozen_reason for each in frozen if each.is_frozen(now)}
    last = AuditEvent.objects.filter(
        chain__building=OuterRef("pk"), kind__in=BUILDING_FREEZES, at__lte=at
    ).order_by("-at", "-id")
    events = buildings.order_by().annotate(last=Subquery(last.values("pk")[:1])).values("last")
    told = AuditEvent.objects.filter(pk__in=events).select_related("chain", "detail")
    return {
        event.chain.building_id: _reason(event)
        for event in told
        if event.kind == Kind.BUILDING_FROZEN and _lasts(event, at)
    }


def _frozen_doors(
    places: Collection[int], at: dt.datetime, only: int | None
) -> dict[tuple[int, int], str]:
    """The reasons of freezes of single doors in force at `at`, by building and door."""
    events = AuditEvent.objects.filter(
        chain__building__in=places, kind__in=DOOR_FREEZES, at__lte=at, device__isnull=False
    )
    if only is not None:
        events = events.filter(device=only)
    found: dict[tuple[int, int], str] = {}
    for event in events.select_related("chain", "detail").order_by("at", "id"):
        frozen = event.kind == Kind.DOOR_FROZEN and _lasts(event, at)
        found[event.chain.building_id, event.device_id] = _reason(event) if frozen else ""
    return found


def _reason(event: AuditEvent) -> str:
    return str(event.told().get("reason") or "…")


def _lasts(event: AuditEvent, at: dt.datetime) -> bool:
    """Whether a freeze that has an end has not come to it."""
    until = event.told().get("until")
    end = parse_datetime(until) if isinstance(until, str) else None
    return end is None or end > at


# --- Doors --------------------------------------------------------------------------------------


def _doors(
    buildings: QuerySet[Building], at: dt.datetime | None, *, only: int | None = None
) -> Iterator[tuple[int, Door]]:
    """The doors of these buildings at `at`, each with the building. Two queries."""
    places = buildings.order_by().values("pk")
    today = Device.objects.filter(building__in=places)
    moves: Iterable[AuditEvent] = ()
    if only is not None:
        today = today.filter(pk=only)
    if at is not None:
        moves = _after(at, *MOVES).filter(chain__building__in=places)
        moves = moves.filter(device=only) if only is not None else moves
    first: dict[tuple[Any, Any], AuditEvent] = {}
    for event in moves:
        first.setdefault((event.chain.building_id, event.device_id), event)
    for pk, label, area, place in today.values_list("pk", "label", "area", "building"):
        if place is not None and (place, pk) not in first:
            yield place, Door(pk, label, area)
    for (place, pk), event in first.items():
        if event.kind == Kind.DOOR_UNASSIGNED:
            yield place, Door(pk, str(event.told().get("door") or f"#{pk}"))


# --- The record ---------------------------------------------------------------------------------


def _after(at: dt.datetime, *kinds: Kind) -> QuerySet[Any]:
    """Events of these kinds later than `at`, the earliest first."""
    events = AuditEvent.objects.filter(kind__in=kinds, at__gt=at)
    return events.select_related("chain", "detail").order_by("at", "id")


def _changes(told: dict[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    changed = told.get("changed")
    for name, change in changed.items() if isinstance(changed, dict) else ():
        if isinstance(change, list) and len(change) == 2:
            yield name, change
