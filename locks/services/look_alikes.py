"""The guard against the wrong door: who picks one that another looks like says which one is meant.

A door is looked at twice where its label differs from another's of the building by one character, by
the order of its digits or by what stands between them, where the same label stands in another building,
and where the person has lately worked in other buildings. Whoever typed its number to find it has said
which one it is, but for the last: it was perhaps the other building's that they looked for.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from locks.models import Assignment, Device, Role, UnlockRequest, User
from locks.services.door_names import bare, fold, number_of, unsigned, words_of
from locks.services.presses import Pressed

LATELY = 10  # unlocks of a person, that tell where they work
A_MOMENT = dt.timedelta(minutes=10)
SHORTEST = 3  # letters of a building's name that tell it from another


@dataclass(frozen=True)
class Doubt:
    """Why a door may be mistaken for another, and so what has to be typed to mean it."""

    label: str
    building: str
    alike: str = ""  # the label of a door of the building that looks like it
    twins: tuple[str, ...] = ()  # other buildings with a door of that label
    is_elsewhere: bool = False  # in another building than one's last unlocks
    familiar: tuple[str, ...] = ()  # where those were, of such a door
    shares_number: bool = False  # with the door that looks like it

    @property
    def asks_label(self) -> bool:
        return bool(self.alike) or self.is_elsewhere

    @property
    def asks_building(self) -> bool:
        return bool(self.twins)

    @property
    def number(self) -> str:
        """By which the door can be named; empty where it has none."""
        return "" if self.shares_number else number_of(self.label)

    def is_dispelled(self, named: str, *, found_by: str = "") -> bool:
        """Whether it was said which door is meant: its number or label, and the building where it must.

        `named` in the question, which tells the building; or by the search that found it, `found_by`. Of a
        door in a building where the person does not work, the search has to say the building, too.
        """
        in_search = self.asks_building or self.is_elsewhere
        return self._is_meant(named, building=self.asks_building) or self._is_meant(
            found_by, building=in_search
        )

    def is_contradicted(self, named: str) -> bool:
        """Whether something was typed that is in the name neither of the door nor of its building."""
        typed = unsigned(words_of(named))
        label, here = words_of(self.label), words_of(self.building)
        if not typed or bare(fold(named)) == number_of(self.label):
            return False
        return not all(word in label or _begins_one(word, here) for word in typed)

    def _is_meant(self, typed: str, *, building: bool) -> bool:
        words = words_of(typed)
        if not words:
            return False
        named, rest = _without_name(typed, words, self.label, self.number)
        here = words_of(self.building)
        if not all(_begins_one(word, here) for word in rest):
            return False  # it says something else, too
        # The whole name tells it, also where another building's name goes on from there.
        if building and not (set(here) <= set(words) or self._tells_building(rest)):
            return False
        # A door without a number is as well meant by the whole name of its building.
        return not self.asks_label or named or (not self.number and set(rest) == set(here))

    def _tells_building(self, words: Sequence[str]) -> bool:
        telling = [
            word for word in words if len(word) >= SHORTEST or word in words_of(self.building)
        ]
        others = (*self.twins, *self.familiar)
        return bool(telling) and not any(
            all(_begins_one(word, words_of(other)) for word in telling) for other in others
        )


def _without_name(
    typed: str, words: tuple[str, ...], label: str, number: str
) -> tuple[bool, tuple[str, ...]]:
    """Whether the door is named among the words, by label or `number`, and the words beside its name."""
    if sorted(words) == sorted(words_of(label)) or (number and bare(fold(typed)) == number):
        return True, ()
    whole = words_of(label)
    if set(whole) <= set(words):
        return True, tuple(word for word in words if word not in whole)
    return number in words, tuple(word for word in words if word != number)


def _begins_one(word: str, held: Iterable[str]) -> bool:
    return any(each.startswith(word) for each in held)


class _Door(NamedTuple):
    pk: int
    building_id: int
    building: str
    label: str


def doubts_of(person: User, devices: Collection[Device], *, at: dt.datetime) -> dict[int, Doubt]:
    """The doubts about doors that `person` may unlock, by the doors' ids; most have none.

    Two queries, however many doors; they read the labels of all that the person may unlock.
    """
    held = Assignment.objects.in_force(at=at).filter(person=person, role=Role.FRONT_DESK)
    unlocked = Device.objects.on_the_desk().filter(building__in=held.values("building_id"))
    rows = unlocked.order_by().values_list("pk", "building_id", "building__name", "label")
    doors = [_Door(*row) for row in rows]
    asked = {device.pk for device in devices}
    shown = [door for door in doors if door.pk in asked]
    familiar = buildings_lately(person)
    names = tuple(sorted({door.building for door in doors if door.building_id in familiar}))
    alike, twins = _alike(shown, doors), _twins(shown, doors)
    found = {
        door.pk: Doubt(
            label=door.label,
            building=door.building,
            alike=alike.get(door.pk, ""),
            twins=tuple(sorted(twins.get(door.pk, ()))),
            is_elsewhere=bool(familiar) and door.building_id not in familiar,
            familiar=() if door.building_id in familiar else names,
            shares_number=_same_number(door.label, alike.get(door.pk, "")),
        )
        for door in shown
    }
    return {pk: doubt for pk, doubt in found.items() if doubt.asks_label or doubt.asks_building}


def means_it(person: User, unsettled: UnlockRequest | None, *, at: dt.datetime) -> bool:
    """Whether a press follows one of the person's own, a moment ago, of which nobody knows the outcome."""
    if unsettled is None or unsettled.requested_by_id != person.pk:
        return False
    return at - unsettled.requested_at < A_MOMENT


def doubt_left(pressed: Pressed) -> Doubt | None:
    """The doubt about a press that does not say which of several doors it means; else None. Two queries."""
    doubt = doubts_of(pressed.actor, [pressed.device], at=pressed.at).get(pressed.device.pk)
    form = pressed.form
    if doubt is None or doubt.is_dispelled(form.named, found_by=form.found_by):
        return None
    return doubt


def buildings_lately(person: User) -> set[int]:
    """The buildings, by id, of the last ten unlocks of a person. One query."""
    mine = UnlockRequest.objects.unlocks().filter(requested_by=person)
    mine = mine.order_by("-requested_at", "-pk")
    return set(mine.values_list("building_id", flat=True)[:LATELY])


def _twins(shown: Iterable[_Door], doors: Iterable[_Door]) -> dict[int, set[str]]:
    """The other buildings that have a door of the same label."""
    by_label: dict[str, list[_Door]] = {}
    for door in doors:
        by_label.setdefault(fold(door.label), []).append(door)
    return {
        door.pk: {
            other.building
            for other in by_label[fold(door.label)]
            if other.building_id != door.building_id
        }
        for door in shown
    }


def _alike(shown: Iterable[_Door], doors: Iterable[_Door]) -> dict[int, str]:
    """The label of one door of the same building that looks like it, by door."""
    index: dict[tuple[int, str], list[_Door]] = {}
    for door in shown:
        for shape in _shapes(fold(door.label)):
            index.setdefault((door.building_id, shape), []).append(door)
    found: dict[int, str] = {}
    for other in doors:
        for shape in _matching(fold(other.label)):
            for door in index.get((other.building_id, shape), ()):
                if door.pk == other.pk:
                    continue
                if _same_number(door.label, other.label):  # the number alone tells them not apart
                    found[door.pk] = other.label
                found.setdefault(door.pk, other.label)
    return found


def _same_number(label: str, other: str) -> bool:
    number = number_of(label)
    return bool(number) and number_of(other) == number


@lru_cache(maxsize=16_384)
def _shapes(label: str) -> tuple[str, ...]:
    """What labels that look like this one are found by: see _matching()."""
    return ("=" + label, *(f"-{each}" for each in _shortened(label)), *_rewritten(label))


@lru_cache(maxsize=16_384)
def _matching(label: str) -> tuple[str, ...]:
    """The shapes of labels that are the same, a character longer or shorter, or written over in one."""
    longer = (f"={each}" for each in _shortened(label))
    return ("=" + label, "-" + label, *longer, *_rewritten(label))


def _shortened(label: str) -> Iterator[str]:
    return (label[:at] + label[at + 1 :] for at in range(len(label)))


def _rewritten(label: str) -> Iterator[str]:
    """With any one character open; with the digits in no order, so that 112 meets 211 and 121; and as the
    search finds them without what stands within, so that 1.12 meets 11.2."""
    yield from (f"*{label[:at]}\0{label[at + 1 :]}" for at in range(len(label)))
    yield f"~{bare(label)}"
    digits = sorted(re.findall(r"\d", label))
    if len(digits) > 1:
        yield f"#{re.sub(r'[0-9]', '#', label)}{''.join(digits)}"
