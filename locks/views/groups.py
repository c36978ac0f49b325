"""Which doors of a building a page shows, in which groups: what was searched, or what is at hand.

Where a page would hold many doors, a building shows those that its clerk is likely to want, and its
areas as links: two thousand cards would be slow to make, slow to load and slow to read.
"""

from __future__ import annotations

import datetime as dt
import re
import zlib
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import groupby
from statistics import median_low
from typing import Any
from urllib.parse import urlencode

from django.db.models import Exists, F, OuterRef, Q

from locks.models import Action, Building, Press, Status, UnlockRequest, User
from locks.models.unlocks import OPEN_STATUSES
from locks.services.door_names import number_of
from locks.views.finding import Door, Sought, find, natural
from locks.views.log import LOG_REACHES_BACK
from locks.views.states import RECENT

FEW = 12  # doors of a page, which are all in sight at once
MANY = 60  # doors of a page; where there are more, the largest buildings do not show all of theirs
MOST_FOUND = 24  # doors of a building that a search shows
MOST_BUILDINGS = 5  # with their doors, of a search that found some in more
MOST_IN_AREA = 120
MOST_RECENT = 8  # doors of a building
MOST_GOING_ON = 24
WATCHED = dt.timedelta(hours=25)  # requests that may still change; an outcome is looked for 24 h

AREA, FAVOURITES, RECENTS, GOING_ON = "area", "favourites", "recent", "going-on"


@dataclass(frozen=True)
class Group:
    """Doors that stand together under one heading."""

    kind: str
    name: str  # of an area
    doors: list[Door]

    @property
    def key(self) -> str:
        """The same for the same group in each rendering."""
        return self.kind if self.kind != AREA else f"{zlib.crc32(self.name.encode()):08x}"


@dataclass(frozen=True)
class AreaLink:
    """An area that is not shown: how many doors it has, and the address that opens it."""

    name: str
    count: int
    address: str


@dataclass(frozen=True)
class Chosen:
    """What a page shows of one building."""

    building: Building
    groups: list[Group]
    total: int  # doors that the building has
    found: int = 0  # doors that a search found here, or that the opened area has
    links: list[AreaLink] = field(default_factory=list)
    recent: list[Door] = field(default_factory=list)  # beside the groups that they stand in

    @property
    def shown(self) -> int:
        return sum(len(group.doors) for group in self.groups)

    @property
    def best(self) -> Door | None:
        """What was found first."""
        return next((door for group in self.groups for door in group.doors), None)


@dataclass(frozen=True)
class AtHand:
    """The doors that a person is likely to want in the large buildings of a page, by id."""

    favourites: Collection[int]
    recent: Collection[int] = ()
    going_on: Collection[int] = ()


def choose(
    buildings: Iterable[Building],
    doors: Iterable[Door],
    sought: Sought,
    at_hand: AtHand,
    *,
    kept: Collection[int] = (),
    familiar: Collection[int] = (),
) -> list[Chosen]:
    """What to show of each building; of a search, where anything was found, best match first.

    Of matches that are alike, the one in a `familiar` building (by id) counts as the better one.
    The buildings that are `kept` (by id) come first of those where nothing was found, and stay.
    """
    by_building: dict[int, list[Door]] = {}
    for door in doors:
        by_building.setdefault(door.building_id, []).append(door)
    chosen = [
        _of_building(building, by_building.get(building.pk, []), sought, at_hand)
        for building in buildings
    ]
    if not sought.query:
        return chosen
    if len(chosen) == 1:
        return chosen  # also where it is empty: its section stays on the page, and says so
    best = [each.best for each in chosen if each.best]
    order = [door.building_id for door in find(best, sought.query, familiar=familiar)]
    found = [each for each in chosen if each.found]
    found.sort(key=lambda each: order.index(each.building.pk))
    return found + [each for each in chosen if not each.found and each.building.pk in kept]


def whole_up_to(counts: Iterable[int]) -> int:
    """How many doors a building may have to show them all: so many that the page shows MANY at most.

    `counts` are of the buildings of the page.
    """
    shown = 0
    for size, times in sorted(Counter(counts).items()):
        shown += size * times
        if shown > MANY:
            return size - 1  # one that gets another door meanwhile shows it, too
    return MANY


def most_of(sought: Sought) -> int:
    """Up to how many doors a building shows them all on the page that `sought` is of."""
    return MANY if sought.most is None else min(sought.most, MANY)


def _of_building(building: Building, doors: list[Door], sought: Sought, at_hand: AtHand) -> Chosen:
    if sought.query:
        found = find(doors, sought.query)
        # Not by area: the best match first. Neighbours in the same area share a heading.
        return Chosen(building, _by_area(found[:MOST_FOUND]), len(doors), len(found))
    if sought.area is not None:
        here = [door for door in in_order(doors) if door.area == sought.area]
        return Chosen(building, _by_area(here[:MOST_IN_AREA]), len(doors), len(here))
    kept, rest = _split(in_order(doors), at_hand.favourites)
    groups = [Group(FAVOURITES, "", kept)]
    if len(doors) <= most_of(sought):
        # A press moves no card: the doors stay where they are, and links lead to them.
        recent = _named(rest, at_hand.recent)
        return Chosen(building, _filled([*groups, *_by_area(rest)]), len(doors), recent=recent)
    # In the order of the house, not of time: a press must not move the doors of this group.
    recent, rest = _split(rest, at_hand.recent)
    going_on, rest = _split(rest, at_hand.going_on)
    groups += [Group(RECENTS, "", recent), Group(GOING_ON, "", going_on[:MOST_GOING_ON])]
    return Chosen(building, _filled(groups), len(doors), links=_links(doors))


def _split(doors: Iterable[Door], wanted: Collection[int]) -> tuple[list[Door], list[Door]]:
    doors = list(doors)
    return (
        [door for door in doors if door.pk in wanted],
        [door for door in doors if door.pk not in wanted],
    )


def _named(doors: Iterable[Door], wanted: Iterable[int]) -> list[Door]:
    """Those of `wanted` that are here, in its order."""
    here = {door.pk: door for door in doors}
    return [here[pk] for pk in dict.fromkeys(wanted) if pk in here]


def _by_area(doors: Iterable[Door]) -> list[Group]:
    return [
        Group(AREA, name, list(group)) for name, group in groupby(doors, key=lambda door: door.area)
    ]


def _filled(groups: Iterable[Group]) -> list[Group]:
    return [group for group in groups if group.doors]


def _links(doors: list[Door]) -> list[AreaLink]:
    counts, place = Counter(door.area for door in doors), _places(doors)
    return [
        AreaLink(name, counts[name], "?" + urlencode({"area": name}))
        for name in sorted(counts, key=place.__getitem__)
    ]


def _places(doors: Iterable[Door]) -> dict[str, tuple[int, Any, str]]:
    """Where each area of a building comes among its areas, as a key to sort by.

    By the numbers in their names; where one has none, by its doors' (Room 101 is on the First floor,
    before the Fifth): by letters no storey would stand beside its next.
    """
    numbers: dict[str, list[int]] = {}
    for door in doors:
        digits = re.search(r"[0-9]{1,9}", number_of(door.label))
        numbers.setdefault(door.area, []).extend([int(digits[0])] if digits else [])
    if all(re.search(r"[0-9]", name) for name in numbers if name):
        return {name: (0, natural(name), name) for name in numbers}
    return {
        name: (median_low(held) if name and held else -1, natural(name), name)
        for name, held in numbers.items()
    }


def in_order(doors: Iterable[Door]) -> list[Door]:
    """A building's doors by area, as people count (Room 2 before Room 10), so that a first look finds most.

    The more common doors an area holds, the earlier it comes, and they come first in it: most who
    ask to be let in stand at one of those.
    """
    doors = list(doors)
    common = Counter(door.area for door in doors if not door.is_private)
    place = _places(doors)
    return sorted(
        doors,
        key=lambda door: (
            -common[door.area],
            place[door.area],  # with its name: areas that differ in case alone stay apart
            door.is_private,
            natural(door.label),
            door.pk,
        ),
    )


def recent_doors(viewer: User, buildings: Iterable[Building], *, at: dt.datetime) -> list[int]:
    """The doors that `viewer` pressed last within the reach of the log, newest first. One query.

    Of each building as many, whether it is asked for alone or with others.
    """
    presses = Press.objects.filter(
        person=viewer,
        building__in=[building.pk for building in buildings],
        device__building=F("building"),
        pressed_at__gt=at - LOG_REACHES_BACK,
    )
    newest = presses.order_by("-pressed_at", "-pk").values_list("device_id", "building_id")[:200]
    times: Counter[int] = Counter()
    recent = []
    for door, building in dict(newest).items():
        times[building] += 1
        if times[building] <= MOST_RECENT:
            recent.append(door)
    return recent


def doors_going_on(buildings: Iterable[Building], *, at: dt.datetime) -> set[int]:
    """The doors with an unlock under way, of unknown outcome, or just ended. One query.

    An unknown outcome counts as long as the log shows it, and while nobody has pressed since.
    """
    later = UnlockRequest.objects.filter(
        device=OuterRef("device"),
        building=OuterRef("building"),
        requested_at__gt=OuterRef("requested_at"),
    )
    unknown = Q(status=Status.UNKNOWN, requested_at__gt=at - LOG_REACHES_BACK)
    news = Q(ended_at__gt=at - RECENT) | Q(contradicted_at__gt=at - RECENT)
    going_on = UnlockRequest.objects.filter(
        ((Q(status__in=OPEN_STATUSES) | unknown | news) & ~Exists(later))
        | (unknown & Q(action=Action.UNLOCK) & ~Exists(later.unlocks())),  # no lock settles it
        building__in=[building.pk for building in buildings],
        device__building=F("building"),
        requested_at__gt=at - WATCHED,
    )
    return set(going_on.values_list("device_id", flat=True))
