"""An event of Seam's, from a webhook or from `/events/list`: the same shape, the same distrust.

https://docs.seam.co/latest/api/events
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from locks.seam.resources import CODE_LENGTH, bounded, clean, identifier, mapping

METHOD_LENGTH = 40
# What lies beyond is no time of a door; a clock's difference cannot even be added to all of it.
FIRST_YEAR, LAST_YEAR = 2000, 2100


@dataclass(frozen=True)
class Event:
    """What happened, to which device, when by Seam's clock.

    `method` is how a lock moved (keycode, manual, automatic, remote, unknown, …; "" where Seam does
    not say); `action_attempt_id` is there where Seam itself started it; `status` is an attempt's.
    `words` keeps the rest, cleaned and bounded.
    """

    event_id: str
    event_type: str
    occurred_at: dt.datetime
    created_at: dt.datetime
    device_id: str = ""
    action_attempt_id: str = ""
    method: str = ""
    status: str = ""
    workspace_id: str = ""
    words: dict[str, Any] = field(default_factory=dict, hash=False)

    @classmethod
    def from_json(cls, data: object) -> Event | None:
        """The event, or None if it has no usable id, type or time."""
        entry = mapping(data)
        event_id, event_type = identifier(entry.get("event_id")), entry.get("event_type")
        created_at = moment(entry.get("created_at"))
        occurred_at = moment(entry.get("occurred_at")) or created_at
        if not event_id or occurred_at is None or not isinstance(event_type, str):
            return None
        if not event_type or clean(event_type, CODE_LENGTH) != event_type:
            return None
        return cls(
            event_id=event_id,
            event_type=event_type,
            occurred_at=occurred_at,
            created_at=created_at or occurred_at,
            device_id=identifier(entry.get("device_id")),
            action_attempt_id=identifier(entry.get("action_attempt_id")),
            method=clean(entry.get("method"), METHOD_LENGTH),
            status=clean(entry.get("status"), METHOD_LENGTH),
            workspace_id=identifier(entry.get("workspace_id")),
            words=bounded(entry) or {},
        )


def moment(value: object) -> dt.datetime | None:
    """An ISO 8601 time as Seam writes it, in UTC (read as UTC where it names no offset); else None.

    So is a time that is not of these years.
    """
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        read = dt.datetime.fromisoformat(value)
        read = (read if read.tzinfo else read.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None
    return read if FIRST_YEAR <= read.year < LAST_YEAR else None
