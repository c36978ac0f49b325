"""What one shift leaves to the next, as it is known now: the state of the doors, and what is open.

It is overwritten by what comes later, so a take-over keeps it (HandOver.noted): what is read from there
may be anything that a column of JSON can hold.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from locks.models import AuditChain, Building, Device, FollowUp
from locks.services.checkpoints import make_checkpoint, read_checkpoint
from locks.services.health import offline_since
from locks.services.weighing import unlocked_from_here

NOT_LOCKED, UNLOCKED, OFFLINE = "not_locked", "unlocked", "offline"
BATTERY: Final = {"critical": "battery_critical", "low": "battery_low"}
DOOR_CODES: Final = (NOT_LOCKED, UNLOCKED, OFFLINE, *BATTERY.values())


@dataclass(frozen=True)
class DoorNote:
    """One thing that the next shift should know of a door."""

    door: int
    label: str
    private: bool  # since when it is unlocked is for managers
    code: str  # one of DOOR_CODES
    since: str = ""  # ISO 8601; empty where nobody knows
    percent: int | None = None  # of the battery


@dataclass(frozen=True)
class NoteOnIt:
    """How far a follow-up had come, by somebody's word."""

    text: str
    by: str
    at: str  # ISO 8601


@dataclass(frozen=True)
class OpenNote:
    """A follow-up that is open."""

    follow_up: int
    text: str
    door: str
    by: str
    at: str  # ISO 8601
    notes: tuple[NoteOnIt, ...] = ()


@dataclass(frozen=True)
class Noted:
    """What was known at a moment: of the doors, what was open, and where the record ended."""

    at: str
    doors: tuple[DoorNote, ...] = ()
    silent: int = 0  # doors of which nobody knows whether they are online
    open: tuple[OpenNote, ...] = ()
    events: int | None = None  # in the building's record; None where its row tells no end
    head: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any) -> Noted:
        """What as_json() wrote; what does not look like it is left out."""
        told: Mapping[str, Any] = value if isinstance(value, dict) else {}
        events = told.get("events")
        return cls(
            at=_text(told, "at"),
            doors=tuple(_door_notes(told.get("doors"))),
            silent=_number(told, "silent") or 0,
            open=tuple(_open_notes(told.get("open"))),
            events=events if type(events) is int else None,
            head=_text(told, "head"),
        )


def noted_now(building: Building, *, at: dt.datetime) -> Noted:
    """Seven queries at most, however many doors."""
    doors = list(building.devices.on_the_desk().order_by("label", "pk"))
    from_here = unlocked_from_here(doors)
    outages = offline_since(doors)
    open_ones = FollowUp.objects.open().filter(building=building)
    chain = AuditChain.objects.filter(building=building).first()
    # The end as a checkpoint tells it: the printed sheet is one more place away from this machine.
    points = read_checkpoint(make_checkpoint(chains=[chain])).points if chain else {}
    point = points.get(chain.key) if chain else None
    return Noted(
        at=at.isoformat(),
        doors=tuple(note for door in doors for note in _notes_of(door, from_here, outages)),
        silent=sum(door.online is None for door in doors),
        open=tuple(_note_of(each) for each in open_ones.prefetch_related("notes")),
        events=point.length if point else None,
        head=point.head if point else "",
    )


def _notes_of(
    door: Device, from_here: Collection[int], outages: Mapping[int, dt.datetime]
) -> Iterator[DoorNote]:
    is_private = door.is_private and door.pk not in from_here

    def note(code: str, since: dt.datetime | None = None, percent: int | None = None) -> DoorNote:
        told = since.isoformat() if since else ""
        return DoorNote(door.pk, door.label, is_private, code, told, percent)

    if door.unlocked_since is not None:
        yield note(NOT_LOCKED, door.unlocked_since)
    elif door.locked is False and door.online:
        told = max(filter(None, (door.synced_at, door.lock_told_at)), default=None)
        yield note(UNLOCKED, told)
    if door.online is False:
        yield note(OFFLINE, outages.get(door.pk))
    if door.charge:
        yield note(BATTERY[door.charge], percent=door.battery_percent)


def _note_of(follow_up: FollowUp) -> OpenNote:
    return OpenNote(
        follow_up=follow_up.pk,
        text=follow_up.text,
        door=follow_up.door_label,
        by=follow_up.opener_name,
        at=follow_up.opened_at.isoformat(),
        notes=tuple(
            NoteOnIt(each.text, each.writer_name, each.written_at.isoformat())
            for each in follow_up.notes.all()
        ),
    )


def _door_notes(entries: Any) -> Iterator[DoorNote]:
    for entry in _mappings(entries):
        code, door = _text(entry, "code"), _number(entry, "door")
        if code in DOOR_CODES and door is not None:
            since, percent = _text(entry, "since"), _number(entry, "percent")
            is_private = entry.get("private") is not False
            yield DoorNote(door, _text(entry, "label"), is_private, code, since, percent)


def _open_notes(entries: Any) -> Iterator[OpenNote]:
    for entry in _mappings(entries):
        number = _number(entry, "follow_up")
        if number is not None:
            text, door, by, at = (_text(entry, name) for name in ("text", "door", "by", "at"))
            yield OpenNote(number, text, door, by, at, tuple(_notes_on(entry.get("notes"))))


def _notes_on(entries: Any) -> Iterator[NoteOnIt]:
    for entry in _mappings(entries):
        yield NoteOnIt(*(_text(entry, name) for name in ("text", "by", "at")))


def _mappings(entries: Any) -> Iterable[Mapping[str, Any]]:
    return [each for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""


def _number(entry: Mapping[str, Any], name: str) -> int | None:
    value = entry.get(name)
    return value if type(value) is int else None
