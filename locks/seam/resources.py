"""Seam's resources as frozen records, read from untrusted JSON: odd values degrade, none of them breaks.

Shapes: https://docs.seam.co/latest/api (action attempts, locks, workspaces).
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
ID_LENGTH, NAME_LENGTH, CODE_LENGTH, MESSAGE_LENGTH = 200, 200, 100, 2000
MOST_PROBLEMS = 20
RESULT_BYTES = 4000


def clean(value: object, length: int) -> str:
    """A string without NUL, control and text-direction characters, cut to `length`; else empty."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return _CONTROL.sub("", str(value)[: 4 * length]).strip()[:length]


def identifier(value: object) -> str:
    """An id as Seam sent it, or empty where it is no string, empty, too long or needs cleaning."""
    if not isinstance(value, str) or not 0 < len(value) <= ID_LENGTH:
        return ""
    return value if clean(value, ID_LENGTH) == value else ""


def mapping(value: object) -> dict[str, Any]:
    """The JSON object, or an empty one."""
    return value if isinstance(value, dict) else {}


def flag(value: object) -> bool | None:
    """True or False where the JSON says so, else None."""
    return value if isinstance(value, bool) else None


@dataclass(frozen=True)
class ActionAttempt:
    """What became of a command: `status` is pending, success or error."""

    action_attempt_id: str
    status: str
    action_type: str
    was_confirmed_by_device: bool | None = None
    error_type: str = ""
    error_message: str = ""
    result: dict[str, Any] | None = None
    request_id: str = ""

    @classmethod
    def from_json(cls, value: object, *, request_id: str = "") -> ActionAttempt | None:
        """The attempt, or None where the JSON is not one (no id, unknown status)."""
        data = mapping(value)
        attempt_id, status = identifier(data.get("action_attempt_id")), data.get("status")
        if not attempt_id or status not in ("pending", "success", "error"):
            return None
        result, error = mapping(data.get("result")), mapping(data.get("error"))
        return cls(
            action_attempt_id=attempt_id,
            status=str(status),
            action_type=clean(data.get("action_type"), CODE_LENGTH),
            was_confirmed_by_device=flag(result.get("was_confirmed_by_device")),
            error_type=clean(error.get("type"), CODE_LENGTH) if status == "error" else "",
            error_message=clean(error.get("message"), MESSAGE_LENGTH) if status == "error" else "",
            result=_bounded(result) if status == "success" else None,
            request_id=request_id,
        )


def _bounded(result: dict[str, Any]) -> dict[str, Any] | None:
    """What Seam said of a success, flat and small enough to keep."""
    kept = {
        clean(key, CODE_LENGTH): value if isinstance(value, bool) else clean(value, NAME_LENGTH)
        for key, value in list(result.items())[:20]
        if isinstance(value, bool | str | int | float)
    }
    return kept if kept and len(json.dumps(kept)) <= RESULT_BYTES else None


@dataclass(frozen=True)
class Problem:
    """An error or a warning of a device, in Seam's words."""

    code: str
    message: str


@dataclass(frozen=True)
class Lock:
    """A lock as Seam lists it. What is missing or odd reads None or empty."""

    device_id: str
    name: str
    workspace_id: str = ""
    online: bool | None = None
    locked: bool | None = None
    can_remotely_unlock: bool = False
    battery_level: float | None = None  # 0 to 1
    battery_status: str = ""
    manufacturer: str = ""
    model: str = ""
    errors: tuple[Problem, ...] = field(default=())
    warnings: tuple[Problem, ...] = field(default=())

    @classmethod
    def from_json(cls, value: object) -> Lock | None:
        """The lock, or None where the JSON has no usable id."""
        data = mapping(value)
        device_id = identifier(data.get("device_id"))
        if not device_id:
            return None
        properties = mapping(data.get("properties"))
        battery = mapping(properties.get("battery"))
        level = battery.get("level", properties.get("battery_level"))
        model = mapping(properties.get("model"))
        return cls(
            device_id=device_id,
            name=clean(properties.get("name") or data.get("display_name"), NAME_LENGTH),
            workspace_id=identifier(data.get("workspace_id")),
            online=flag(properties.get("online")),
            locked=flag(properties.get("locked")),
            can_remotely_unlock=data.get("can_remotely_unlock") is True,
            battery_level=_share(level),
            battery_status=clean(battery.get("status"), 20),
            manufacturer=clean(properties.get("manufacturer"), CODE_LENGTH),
            model=clean(model.get("display_name"), CODE_LENGTH),
            errors=_problems(data.get("errors"), "error_code"),
            warnings=_problems(data.get("warnings"), "warning_code"),
        )


def is_lock(value: object) -> bool:
    """Whether a listed device is a lock: thermostats and sensors come along in device lists."""
    data = mapping(value)
    return "can_remotely_unlock" in data or "lock" in clean(data.get("device_type"), CODE_LENGTH)


def _share(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and 0 <= value <= 1 else None


def _problems(value: object, code: str) -> tuple[Problem, ...]:
    listed = value if isinstance(value, list) else []
    found = []
    for entry in listed[:MOST_PROBLEMS]:
        data = mapping(entry)
        # The published schema names both `error_code` and `warning_code` in warnings.
        word = clean(data.get(code) or data.get("error_code"), CODE_LENGTH)
        message = clean(data.get("message"), MESSAGE_LENGTH)
        if word or message:
            found.append(Problem(code=word, message=message))
    return tuple(found)


@dataclass(frozen=True)
class LockPage:
    """One page of locks, and how many of its entries could not be read."""

    locks: tuple[Lock, ...]
    unreadable: int = 0


@dataclass(frozen=True)
class Workspace:
    """The workspace that the key belongs to."""

    workspace_id: str
    name: str
    is_sandbox: bool
