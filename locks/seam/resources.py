"""What Seam tells, as small frozen types. All text in them is cleaned and bounded.

Shapes: https://docs.seam.co/latest/api (action attempts, locks, workspaces). Odd values degrade (a
number where text belongs becomes text, a missing value None or ""); only what a thing cannot be
without, its id above all, makes it unreadable.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["pending", "success", "error"]
ActionType = Literal["UNLOCK_DOOR", "LOCK_DOOR"]
ID_LENGTH, NAME_LENGTH, CODE_LENGTH, MESSAGE_LENGTH = 200, 200, 100, 2000
_MOST_PROBLEMS, _PROBLEM_LENGTH = 20, 500
_MOST_ENTRIES = 50
_DEEPEST = 5
_LONGEST_RESULT = 8000  # characters of JSON
_LARGEST_INTEGER = 2**63 - 1
# Marks that turn the reading direction: with them a name could pose as another.
_TURNS_TEXT = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_BATTERY_STATUSES = frozenset({"critical", "low", "good", "full"})
_LOCK_SIGNS = ("can_remotely_unlock", "can_remotely_lock", "can_unlock_with_code")
_NOT_A_LOCK = re.compile("thermostat|sensor|noise|activity_zone|phone|camera|_key$")


def clean(value: object, length: int) -> str:
    """`value` as one line of at most `length` characters that any database and page can take.

    Control characters (NUL), lone surrogates and direction marks go; line breaks become spaces.
    Numbers become text; anything else that is not text becomes "".
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    if isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
        return ""  # Python refuses to print integers of thousands of digits
    text = " ".join(_TURNS_TEXT.sub("", str(value)[: length * 4]).split())
    return "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cs"))[:length].strip()


def identifier(value: object) -> str:
    """`value` if it can be an id, 1 to 200 clean characters; else "". Need not be a UUID."""
    return value if isinstance(value, str) and clean(value, ID_LENGTH) == value else ""


def mapping(value: object) -> dict[str, Any]:
    """`value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def bounded(value: object) -> dict[str, Any] | None:
    """A JSON object of Seam's, cleaned and at most 8,000 characters long; None if it is none.

    One that is larger keeps only its plain values, shortened.
    """
    if not isinstance(value, dict):
        return None
    tidy = mapping(_tidy(value, _DEEPEST))
    if len(json.dumps(tidy)) <= _LONGEST_RESULT:
        return tidy
    plain = [(k, v) for k, v in tidy.items() if not isinstance(v, dict | list)]
    return {k[:50]: v[:10] if isinstance(v, str) else v for k, v in plain[:20]}


def _tidy(value: object, depth: int) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return clean(value, MESSAGE_LENGTH)
    if isinstance(value, int):
        return value if abs(value) <= _LARGEST_INTEGER else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth == 0:
        return None
    if isinstance(value, list):
        return [_tidy(entry, depth - 1) for entry in value[:_MOST_ENTRIES]]
    entries = list(mapping(value).items())[:_MOST_ENTRIES]
    return {clean(key, CODE_LENGTH): _tidy(entry, depth - 1) for key, entry in entries}


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _first(length: int, *values: object) -> str:
    """The first of `values` that leaves any text."""
    return next((text for text in (clean(value, length) for value in values) if text), "")


@dataclass(frozen=True)
class ActionAttempt:
    """How far Seam is with something it was asked to do.

    `was_confirmed_by_device` is the lock's own word on a success: None where it gave none.
    `error_type` and `error_message` are Seam's, "" unless `status` is "error"; `result` is there
    only with "success". `request_id` is the `seam-request-id` of the answer this was read from.
    """

    action_attempt_id: str
    status: Status
    action_type: str
    was_confirmed_by_device: bool | None = None
    error_type: str = ""
    error_message: str = ""
    result: dict[str, Any] | None = field(default=None, hash=False)
    request_id: str = ""

    @classmethod
    def from_json(cls, data: object, *, request_id: str = "") -> ActionAttempt | None:
        """The attempt, or None if it has no usable id, type or known status."""
        entry = mapping(data)
        attempt_id = identifier(entry.get("action_attempt_id"))
        status, action_type = entry.get("status"), identifier(entry.get("action_type"))
        if not attempt_id or not action_type or status not in ("pending", "success", "error"):
            return None
        result = entry.get("result") if status == "success" else None
        error = mapping(entry.get("error")) if status == "error" else {}
        return cls(
            action_attempt_id=attempt_id,
            status=status,
            action_type=action_type,
            was_confirmed_by_device=_flag(mapping(result).get("was_confirmed_by_device")),
            error_type=clean(error.get("type"), CODE_LENGTH),
            error_message=clean(error.get("message"), MESSAGE_LENGTH),
            result=bounded(result),
            request_id=request_id,
        )


@dataclass(frozen=True)
class Problem:
    """An error or a warning that Seam has about a lock: a code ("" if unreadable) and its words."""

    code: str
    message: str


@dataclass(frozen=True)
class Lock:
    """A lock as Seam describes it.

    None means that Seam does not say. `battery_level` runs from 0 to 1; `battery_status` is
    critical, low, good, full or "". `can_remotely_unlock` and `can_remotely_lock` are true only
    where Seam says the JSON true. `errors` stand in the way of unlocking, `warnings` do not.
    """

    device_id: str
    name: str = ""
    online: bool | None = None
    locked: bool | None = None
    can_remotely_unlock: bool = False
    can_remotely_lock: bool = False
    battery_level: float | None = None
    battery_status: str = ""
    manufacturer: str = ""
    model: str = ""
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    workspace_id: str = ""
    is_removed: bool = False

    @classmethod
    def from_json(cls, data: object) -> Lock | None:
        """The lock, or None if it has no usable device id."""
        entry = mapping(data)
        device_id = identifier(entry.get("device_id"))
        if not device_id:
            return None
        about = mapping(entry.get("properties"))
        maker, model = mapping(entry.get("device_manufacturer")), about.get("model")
        level, charge = _battery(about)
        errors = _problems(entry.get("errors"), "error_code")
        return cls(
            device_id=device_id,
            name=_first(
                NAME_LENGTH, entry.get("display_name"), entry.get("nickname"), about.get("name")
            ),
            online=_flag(about.get("online")),
            locked=_flag(about.get("locked")),
            can_remotely_unlock=entry.get("can_remotely_unlock") is True,
            can_remotely_lock=entry.get("can_remotely_lock") is True,
            battery_level=level,
            battery_status=charge,
            manufacturer=_first(CODE_LENGTH, maker.get("display_name"), about.get("manufacturer")),
            model=_first(CODE_LENGTH, mapping(model).get("display_name"), model),
            errors=errors,
            warnings=_problems(entry.get("warnings"), "warning_code"),
            workspace_id=identifier(entry.get("workspace_id")),
            is_removed=any(problem.code == "device_removed" for problem in errors),
        )


def is_lock(data: dict[str, Any]) -> bool:
    """Whether a device of a list is a lock: believed, unless the entry itself says otherwise."""
    if any(sign in data for sign in _LOCK_SIGNS):
        return True
    capabilities = data.get("capabilities_supported")
    if isinstance(capabilities, list) and capabilities:
        return "lock" in capabilities
    return not _NOT_A_LOCK.search(clean(data.get("device_type"), CODE_LENGTH))


def _battery(about: dict[str, Any]) -> tuple[float | None, str]:
    battery = mapping(about.get("battery"))
    level = battery.get("level", about.get("battery_level"))
    charge = clean(battery.get("status"), 20)
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0 <= level <= 1:
        level = None
    return (
        None if level is None else float(level),
        charge if charge in _BATTERY_STATUSES else "",
    )


def _problems(value: object, code_name: str) -> tuple[Problem, ...]:
    """An unreadable entry stays a problem: dropping an error would make a lock look sound.

    Seam's published schema names `error_code` in warnings, too.
    """
    entries = value[:_MOST_PROBLEMS] if isinstance(value, list) else []
    return tuple(
        Problem(
            code=_first(CODE_LENGTH, entry.get(code_name), entry.get("error_code")),
            message=clean(entry.get("message"), _PROBLEM_LENGTH),
        )
        for entry in map(mapping, entries)
    )


@dataclass(frozen=True)
class LockPage:
    """One page of the list of locks; devices that are no locks are left out.

    `unreadable` counts entries without a usable device id. While there are any, nothing may be
    concluded about a door that the list does not seem to hold.
    """

    locks: tuple[Lock, ...]
    unreadable: int = 0

    @classmethod
    def from_json(cls, entries: list[Any]) -> LockPage:
        """The page of these entries."""
        asked = [entry for entry in entries if not isinstance(entry, dict) or is_lock(entry)]
        locks = tuple(lock for lock in map(Lock.from_json, asked) if lock is not None)
        return cls(locks=locks, unreadable=len(asked) - len(locks))


@dataclass(frozen=True)
class Workspace:
    """The workspace that the API key belongs to. In a sandbox no real door moves."""

    workspace_id: str
    name: str
    is_sandbox: bool

    @classmethod
    def from_json(cls, data: object) -> Workspace | None:
        """The workspace, or None if it has no usable id."""
        entry = mapping(data)
        workspace_id = identifier(entry.get("workspace_id"))
        if not workspace_id:
            return None
        return cls(
            workspace_id=workspace_id,
            name=clean(entry.get("name"), NAME_LENGTH),
            is_sandbox=entry.get("is_sandbox") is True,
        )


@dataclass(frozen=True)
class Webhook:
    """Where Seam sends its events. `secret` signs them: never to be logged."""

    webhook_id: str
    url: str
    secret: str = field(default="", repr=False)
    event_types: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: object) -> Webhook | None:
        """The webhook, or None if it has no usable id or address."""
        entry = mapping(data)
        webhook_id, url = identifier(entry.get("webhook_id")), clean(entry.get("url"), 2000)
        if not webhook_id or not url:
            return None
        kinds = entry.get("event_types")
        return cls(
            webhook_id=webhook_id,
            url=url,
            secret=clean(entry.get("secret"), ID_LENGTH),
            event_types=tuple(
                clean(kind, CODE_LENGTH)
                for kind in (kinds if isinstance(kinds, list) else [])[:200]
            ),
        )
