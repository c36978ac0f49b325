"""What is told after a press on Lock: what happened, and what to do next."""

from __future__ import annotations

from locks import words
from locks.models import Action, Status, UnlockRequest
from locks.models.unlocks import Outcome


def leaves_doubt(request: UnlockRequest) -> bool:
    """Whether an unlock of unknown outcome came before a lock: it may act after it."""
    return request.action == Action.LOCK and request.pressed_again


def told_of_locking(
    request: UnlockRequest, *, again: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Why it is so, and what to do; `again` is when Seam takes the next one, on the building's clock."""
    why, then = _told(request, again=again)
    return why, (*then, str(words.UNLOCK_IN_DOUBT)) if leaves_doubt(request) else then


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
