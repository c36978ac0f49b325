"""The search of the desk: which doors a few typed words mean, best first.

The one implementation: the page's form, and what htmx makes of it while people type, ask here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import QueryDict

from locks.models import Device
from locks.services.door_names import joined_of, names, parts_of, unsigned, words_of

LONGEST_QUERY = 100  # characters that are looked at
# How far a match is from what was typed; the fields it is found in weigh more than how it matches.
EXACT, PART, PREFIX, PREFIX_OF_PART, WITHIN = 0, 1, 2, 3, 5
IN_LABEL, IN_LABEL_JOINED, IN_AREA, IN_BUILDING = 0, 1, 10, 20


@dataclass(frozen=True)
class Sought:
    """What a page was asked for: doors that are called so, or an area of a large building."""

    query: str = ""
    area: str | None = None
    door: int | None = None  # the one to show in any case: the page was sent back to it
    # On a page of several buildings: up to how many doors one may have to show them all.
    most: int | None = None

    @classmethod
    def of(cls, asked: QueryDict, *, in_one_building: bool) -> Sought:
        """From an address; what cannot be read counts as not asked."""
        query = " ".join(asked.get("q", "")[:LONGEST_QUERY].replace("\0", " ").split())
        door, most = asked.get("door", ""), asked.get("most", "")
        return cls(
            query=query,
            area=asked.get("area") if in_one_building and not query else None,
            door=int(door) if door.isdecimal() and len(door) < 19 else None,
            most=int(most) if in_one_building and most.isdecimal() and len(most) < 3 else None,
        )

    @property
    def is_part(self) -> bool:
        """Whether only some of the doors are asked for."""
        return bool(self.query) or self.area is not None

    @property
    def address(self) -> str:
        """What keeps it in an address; empty where nothing was asked."""
        if self.query:
            return "?" + urlencode({"q": self.query})
        if self.area is not None:
            return "?" + urlencode({"area": self.area})
        kept = {"door": self.door, "most": self.most}
        asked = {name: value for name, value in kept.items() if value is not None}
        return "?" + urlencode(asked) if asked else ""


class Door(NamedTuple):
    """A door as far as finding and counting need it; thousands of them are read at once."""

    pk: int
    building_id: int
    building: str
    area: str
    label: str
    nickname: str
    access: str

    @property
    def is_private(self) -> bool:
        return self.access != Device.Access.COMMON


def read_doors(devices: QuerySet[Device]) -> list[Door]:
    """The doors of a QuerySet, lean. One query."""
    names = ("pk", "building_id", "building__name", "area", "label", "nickname", "access")
    return [Door(*row) for row in devices.order_by().values_list(*names)]


def find(doors: Iterable[Door], query: str, *, familiar: Collection[int] = ()) -> list[Door]:
    """The doors that every word of `query` fits, in any order of words; best first.

    Of those that it fits alike, the ones in `familiar` buildings (by id) come first.

    A door whose number or label it is comes before all others, so that "12" is Room 12, then what
    begins with it, then Room 112. The doors of an
    area that is called so come before those that its words fit one by one.
    """
    doors, wanted = list(doors), words_of(query)
    found = _fitting(doors, query, wanted, familiar)
    without = unsigned(wanted)  # "no 112" may mean a door that is called so, or one of North House
    return found or (_fitting(doors, query, without, familiar) if without != wanted else [])


def _fitting(
    doors: list[Door], query: str, wanted: tuple[str, ...], familiar: Collection[int]
) -> list[Door]:
    if not wanted:
        return []
    found = []
    for door in doors:
        distance = _distance(wanted, door)
        if distance is not None:
            is_named = any(names(query, name) for name in (door.label, door.nickname) if name)
            is_away = door.building_id not in familiar
            found.append((not is_named, distance, is_away, natural(door.label), door.pk, door))
    return [each[-1] for each in sorted(found, key=lambda each: each[:-1])]


def _distance(wanted: tuple[str, ...], door: Door) -> int | None:
    fields = (
        (IN_LABEL, words_of(door.label) + words_of(door.nickname)),
        (IN_LABEL_JOINED, joined_of(door.label) + joined_of(door.nickname)),
        (IN_AREA, words_of(door.area)),
        (IN_BUILDING, words_of(door.building)),
    )
    if sorted(wanted) == sorted(words_of(door.area)) and len(wanted) > 1:
        return IN_AREA - 1  # all of "Floor 14" before Room 140 of Floor 1
    total = 0
    for word in wanted:
        distance = _of_word(word, fields)
        if distance is None and (parts := parts_of(word)):  # typed without the space: room112
            found = [_of_word(part, fields) for part in parts]
            distance = None if None in found else sum(filter(None, found)) + PART
        if distance is None:
            return None
        total += distance
    return total


def _of_word(word: str, fields: Iterable[tuple[int, tuple[str, ...]]]) -> int | None:
    best = None
    for weight, held in fields:
        if best is not None and best <= weight:  # no later field weighs less
            break
        for each in held:
            match = _match(word, each)
            if match is not None and (best is None or weight + match < best):
                best = weight + match
    return best


def _match(word: str, held: str) -> int | None:
    """How `word` fits one word of a door; None where it does not."""
    if word == held:
        return EXACT
    parts = parts_of(held)
    is_number = word.isdecimal()
    if word in parts or (is_number and held.isdecimal() and int(word) == int(held)):
        return PART
    if held.startswith(word):
        return PREFIX
    if any(part.startswith(word) for part in parts):
        return PREFIX_OF_PART
    return WITHIN if is_number and word in held else None


@lru_cache(maxsize=16_384)
def natural(text: str) -> tuple[tuple[int, str], ...]:
    """A key that sorts as people count: Room 2 before Room 10."""
    parts = re.findall(r"[0-9]{1,9}|[^0-9]+", text.casefold())
    return tuple((int(part), "") if part[0] in "0123456789" else (-1, part) for part in parts)
