"""A building as one person sees it: its doors by area, what stands in the way, and its desk log."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from locks import words
from locks.models import Assignment, Building, Device, FollowUp, User
from locks.services.rights import obstacle_in, unlocking_roles
from locks.views.cards import Card, LatestProof, read_cards
from locks.views.desk_logs import DeskLog, read_desk_log
from locks.views.own import Own, own_doors
from locks.views.states import clock


@dataclass(frozen=True)
class Area:
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
    areas: list[Area]
    log: DeskLog
    follow_ups: int  # left to whoever works here now
    is_frozen: bool
    notice: str  # why nothing can be unlocked here, and who can change it
    own: Own  # what is still open of what this person pressed

    @property
    def doors(self) -> int:
        return sum(len(area.cards) for area in self.areas)


def read_boards(
    viewer: User,
    buildings: Iterable[Building],
    *,
    at: dt.datetime,
    latest_proof: LatestProof | None = None,
    asked: Mapping[str, str] | None = None,
) -> list[Board]:
    """The boards of buildings that `viewer` may see; the log costs five queries a building.

    `asked` is the address's query: it may filter the logs.
    """
    buildings = list(buildings)
    roles = unlocking_roles(viewer, at=at)
    devices = Device.objects.on_the_desk().filter(building__in=buildings).select_related("building")
    cards = read_cards(viewer, in_order(devices), at=at, roles=roles, latest_proof=latest_proof)
    by_building: dict[int, list[Card]] = {}
    for card in cards:
        by_building.setdefault(card.building.pk, []).append(card)
    managed = set(Building.objects.managed_by(viewer, at=at).values_list("pk", flat=True))
    own = own_doors(viewer, buildings, at=at)
    left = Counter(
        FollowUp.objects.open().filter(building__in=buildings).values_list("building_id", flat=True)
    )
    return [
        Board(
            building=building,
            areas=[
                Area(name, list(group))
                for name, group in groupby(
                    by_building.get(building.pk, []), key=lambda card: card.device.area
                )
            ],
            log=read_desk_log(building, at=at, managed=managed, asked=asked or {}),
            follow_ups=left[building.pk],
            is_frozen=building.is_frozen(at),
            notice=_notice(building, roles, at=at),
            own=own.get(building.pk, Own()),
        )
        for building in buildings
    ]


def in_order(devices: Iterable[Device]) -> list[Device]:
    """Doors by area, as people count (Room 2 before Room 10), so that a first look finds most.

    The more common doors an area holds, the earlier it comes, and they come first in it: most who
    ask to be let in stand at one of those.
    """
    devices = list(devices)
    common = Counter((door.building_id, door.area) for door in devices if not door.is_private)
    return sorted(
        devices,
        key=lambda door: (
            -common[door.building_id, door.area],
            _natural(door.area),
            door.area,  # areas that differ in case alone stay apart
            door.is_private,
            _natural(door.label),
            door.pk,
        ),
    )


def _natural(text: str) -> list[tuple[int, str]]:
    parts = re.findall(r"[0-9]{1,9}|[^0-9]+", text.casefold())
    return [(int(part), "") if part[0] in "0123456789" else (-1, part) for part in parts]


def _notice(building: Building, roles: Iterable[Assignment], *, at: dt.datetime) -> str:
    """What keeps this person from unlocking any door of the building; empty where nothing does."""
    code = obstacle_in(building, roles=roles, at=at)
    when = clock(building.frozen_until, zone=building.zone, at=at)
    return words.obstacle(code, building=building.name, reason=building.frozen_reason, when=when)
