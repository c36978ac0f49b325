"""A building as one person sees it: its doors in groups, what stands in the way, and its desk log."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from locks import words
from locks.models import Assignment, Building, Device, Favourite, FollowUp, User
from locks.services.look_alikes import buildings_lately
from locks.services.rights import obstacle_in, unlocking_roles
from locks.views.cards import Card, LatestProof, read_cards
from locks.views.desk_logs import DeskLog, read_desk_log
from locks.views.finding import Door, Sought, read_doors
from locks.views.groups import (
    FEW,
    MOST_BUILDINGS,
    AreaLink,
    AtHand,
    Chosen,
    Group,
    choose,
    doors_going_on,
    most_of,
    recent_doors,
    whole_up_to,
)
from locks.views.own import Own, doors_just_pressed, own_doors
from locks.views.states import clock


@dataclass(frozen=True)
class Area:
    """A group of doors under its heading."""

    id: str
    kind: str  # `area`, or what brings doors of several areas together
    name: str
    cards: list[Card]

    @property
    def width(self) -> int:
        """How many cards wide it may be at most; small areas stand side by side."""
        return min(len(self.cards), 5)


@dataclass(frozen=True)
class Board:
    """One building on the desk."""

    building: Building
    sought: Sought
    areas: list[Area]
    links: list[AreaLink]  # to the areas of a large building
    recent: list[Door]  # pressed lately, of doors that stand further down in their areas
    total: int  # doors, shown or not
    found: int  # by the search, or in the opened area
    log: DeskLog
    follow_ups: int  # left to whoever works here now
    is_frozen: bool
    notice: str  # why nothing can be unlocked here, and who can change it
    own: Own  # what is still open of what this person pressed
    unseen: list[Card]  # what they just pressed and the search leaves out: said, not shown

    @property
    def doors(self) -> int:
        """How many are shown."""
        return sum(len(area.cards) for area in self.areas)


@dataclass(frozen=True)
class Desk:
    """The buildings that a page shows, and those where a search found doors that it does not show."""

    boards: list[Board]
    elsewhere: list[Chosen]
    # What is still open of what this person pressed in buildings that have no board here.
    own_elsewhere: dict[int, Own]

    @property
    def waiting_elsewhere(self) -> int:
        return sum(own.waiting for own in self.own_elsewhere.values())

    @property
    def is_doubted_elsewhere(self) -> bool:
        return any(own.doubted for own in self.own_elsewhere.values())


def read_desk(
    viewer: User,
    buildings: Iterable[Building],
    *,
    at: dt.datetime,
    sought: Sought | None = None,
    latest_proof: LatestProof | None = None,
    asked: Mapping[str, str] | None = None,
    beside: Iterable[Building] = (),
) -> Desk:
    """The boards of buildings that `viewer` may see, best match first where something is `sought`.

    The log costs a few queries a building (read_desk_log); all else is a constant number, however
    many doors. A search leaves out the buildings where nothing was found, but for an only one, and
    for those with a door that the viewer just pressed. `asked` is the address's query: it may filter
    the logs. `beside` are buildings of the viewer's that the page leaves out.
    """
    buildings, sought = list(buildings), sought or Sought()
    favourites = Favourite.objects.doors_of(viewer)
    doors = read_doors(Device.objects.on_the_desk().filter(building__in=buildings))
    if len(buildings) > 1 and len(doors) > FEW:
        counts = Counter(door.building_id for door in doors)
        sought = replace(sought, most=whole_up_to(counts.values()))
    at_hand = _at_hand(viewer, buildings, doors, sought, favourites, at=at)
    pressed = doors_just_pressed(viewer, buildings, at=at) if sought.is_part else {}
    familiar = buildings_lately(viewer) if sought.query and len(buildings) > 1 else ()
    chosen = choose(buildings, doors, sought, at_hand, kept=pressed.values(), familiar=familiar)
    chosen, elsewhere = _first(chosen, sought, kept=pressed.values())
    roles = unlocking_roles(viewer, at=at)
    managed = set(Building.objects.managed_by(viewer, at=at).values_list("pk", flat=True))
    cards = _cards(
        viewer,
        buildings,
        _doors_of(chosen) | pressed.keys(),
        at=at,
        roles=roles,
        latest_proof=latest_proof,
        favourites=favourites,
        managed=managed,
        found_by=sought.query,
    )
    own = own_doors(viewer, [*buildings, *beside], at=at)
    left = Counter(
        FollowUp.objects.open().filter(building__in=buildings).values_list("building_id", flat=True)
    )
    boards = [
        Board(
            building=each.building,
            sought=sought,
            areas=_areas(each.building, each.groups, cards),
            links=each.links,
            recent=each.recent,
            total=each.total,
            found=each.found,
            log=read_desk_log(each.building, at=at, managed=managed, asked=asked or {}),
            follow_ups=left[each.building.pk],
            is_frozen=each.building.is_frozen(at),
            notice=_notice(each.building, roles, managed=managed, at=at),
            own=own.get(each.building.pk, Own()),
            unseen=_unseen(each, pressed, cards),
        )
        for each in chosen
    ]
    shown = {board.building.pk for board in boards}
    return Desk(boards, elsewhere, {pk: each for pk, each in own.items() if pk not in shown})


def _first(
    chosen: list[Chosen], sought: Sought, *, kept: Collection[int]
) -> tuple[list[Chosen], list[Chosen]]:
    """What of a search is shown, and where else it found doors."""
    if not sought.query:
        return chosen, []
    shown = [
        each
        for place, each in enumerate(chosen)
        if place < MOST_BUILDINGS or each.building.pk in kept
    ]
    return shown, [each for each in chosen if each not in shown]


def _doors_of(chosen: Iterable[Chosen]) -> set[int]:
    return {door.pk for each in chosen for group in each.groups for door in group.doors}


def _unseen(chosen: Chosen, pressed: Mapping[int, int], cards: Mapping[int, Card]) -> list[Card]:
    """The cards of doors that were just pressed there and are not among those that are shown."""
    shown = _doors_of([chosen])
    here = [door for door, building in pressed.items() if building == chosen.building.pk]
    return [cards[door] for door in here if door in cards and door not in shown]


def _cards(
    viewer: User, buildings: list[Building], doors: Collection[int], **known: Any
) -> dict[int, Card]:
    """The cards of these doors, by door; `known` is what read_cards takes."""
    devices = Device.objects.on_the_desk().filter(pk__in=doors, building__in=buildings)
    cards = read_cards(viewer, list(devices.select_related("building")), **known)
    return {card.device.pk: card for card in cards}


def _at_hand(
    viewer: User,
    buildings: list[Building],
    doors: list[Door],
    sought: Sought,
    favourites: frozenset[int],
    *,
    at: dt.datetime,
) -> AtHand:
    # One building of a page of several is asked for by itself, too: that page has more doors than these.
    if sought.is_part or (sought.most is None and len(doors) <= FEW):
        return AtHand(favourites)
    recent = recent_doors(viewer, buildings, at=at)
    counts = Counter(door.building_id for door in doors)
    large = [building for building in buildings if counts[building.pk] > most_of(sought)]
    if not large:
        return AtHand(favourites, recent)
    back_at = [sought.door] if sought.door is not None else []
    return AtHand(favourites, [*recent, *back_at], doors_going_on(large, at=at))


def _areas(building: Building, groups: list[Group], cards: dict[int, Card]) -> list[Area]:
    """The groups with their cards; a search may show one area twice."""
    times: Counter[str] = Counter()
    areas = []
    for group in groups:
        times[group.key] += 1
        areas.append(
            Area(
                id=f"group-{building.pk}-{group.key}-{times[group.key]}",
                kind=group.kind,
                name=group.name,
                cards=[cards[door.pk] for door in group.doors if door.pk in cards],
            )
        )
    return areas


def _notice(
    building: Building, roles: Iterable[Assignment], *, managed: Collection[int], at: dt.datetime
) -> str:
    """What keeps this person from unlocking any door of the building; empty where nothing does."""
    code = obstacle_in(building, roles=roles, at=at)
    when = clock(building.frozen_until, zone=building.zone, at=at)
    return words.obstacle(
        code,
        building=building.name,
        reason=building.frozen_reason,
        when=when,
        managing=building.pk in managed,
    )
