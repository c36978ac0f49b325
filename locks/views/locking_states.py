"""What is told after a press on Lock: what happened, and what to do next."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from locks import words
from locks.models import Action, Status, UnlockRequest
from locks.models.unlocks import ENDED_STATUSES, Outcome
from locks.services.weighing import CLOCKS_DIFFER


@dataclass(frozen=True)
class UnlockBefore:
    """The last unlock before a press on Lock, and when it moved the lock, where that was learned late."""

    request: UnlockRequest
    moved_at: dt.datetime | None

    @property
    def is_known(self) -> bool:
        """Whether its outcome is."""
        return self.request.status in ENDED_STATUSES

    def may_act_after(self, moment: dt.datetime) -> bool:
        """Whether it may have moved the lock after that, or may still."""
        request = self.request
        if not self.is_known or request.contradicted_at is not None or request.may_still_act:
            return True
        if request.status == Status.FAILED:
            return False
        return self.moved_at is None or self.moved_at + CLOCKS_DIFFER > moment


def leaves_doubt(request: UnlockRequest, before: UnlockBefore | None) -> bool:
    """Whether an unlock whose outcome was unknown then came before a lock, and may act after it."""
    if request.action != Action.LOCK or not request.pressed_again:
        return False
    return before is None or before.may_act_after(request.requested_at)


def told_of_locking(
    request: UnlockRequest, *, again: str, in_doubt: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Why it is so, and what to do; `again` is when Seam takes the next one, on the building's clock."""
    why, then = _told(request, again=again)
    return why, (*then, str(words.UNLOCK_IN_DOUBT)) if in_doubt else then


def _told(request: UnlockRequest, *, again: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    outcome, look = request.outcome, str(words.LOOK_WHETHER_LOCKED)
    if request.contradicted_at is not None:
        told = words.lock_contradicted(locked=request.status == Status.LOCKED)
        return (str(told.happened),), (str(told.next),)
    if outcome == Outcome.LOCKED_INFERRED:
        return (str(words.LOCK_INFERRED),), (look,)
    if outcome in (Outcome.LOCKED_UNCONFIRMED, Outcome.LOCKED_UNSAID):
        return (), (look,)
    if outcome not in (Outcome.LOCK_FAILED, Outcome.LOCK_FAILED_MAY_ACT, Outcome.LOCK_UNKNOWN):
        return (), ()
    told = words.failed(request.code, request.error_type, when=again, locking=True)
    if outcome == Outcome.LOCK_UNKNOWN:
        listed = (str(words.NO_LOCKING_LISTED),) if request.nothing_listed_at else ()
        return (str(told.happened), *listed), (str(words.TREAT_AS_UNLOCKED),)
    acts = (str(words.MAY_STILL_ACT),) if outcome == Outcome.LOCK_FAILED_MAY_ACT else ()
    return (str(told.happened),), (*acts, str(told.next))
