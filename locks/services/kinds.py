"""Which kind of event tells of a step of a press, by its button."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from locks.models import Action, Kind

_KINDS: Final[Mapping[str, Mapping[str, Kind]]] = {
    Action.UNLOCK: {
        "requested": Kind.UNLOCK_REQUESTED,
        "joined": Kind.UNLOCK_JOINED,
        "refused": Kind.UNLOCK_REFUSED,
        "refused_repeatedly": Kind.UNLOCK_REFUSED_REPEATEDLY,
        "pending": Kind.UNLOCK_PENDING,
        "unlocked": Kind.UNLOCK_UNLOCKED,
        "failed": Kind.UNLOCK_FAILED,
        "unknown": Kind.UNLOCK_UNKNOWN,
        "contradicted": Kind.UNLOCK_CONTRADICTED,
        "nothing_listed": Kind.UNLOCK_NOTHING_LISTED,
    },
    Action.LOCK: {
        "requested": Kind.RELOCK_REQUESTED,
        "joined": Kind.RELOCK_JOINED,
        "refused": Kind.RELOCK_REFUSED,
        "refused_repeatedly": Kind.RELOCK_REFUSED_REPEATEDLY,
        "pending": Kind.RELOCK_PENDING,
        "locked": Kind.RELOCK_LOCKED,
        "failed": Kind.RELOCK_FAILED,
        "unknown": Kind.RELOCK_UNKNOWN,
        "contradicted": Kind.RELOCK_CONTRADICTED,
        "nothing_listed": Kind.RELOCK_NOTHING_LISTED,
    },
}


def kind_of(action: str, step: str) -> Kind:
    """The kind that tells of one step (of an answer: its status): `kind_of("lock", "refused")`."""
    return _KINDS[action][step]
