"""What is to be done after a press on Lock, by what came of it."""

from __future__ import annotations

from django.utils.translation import gettext as _

from locks import locking_words as words
from locks.models import Action, UnlockRequest
from locks.models.unlocks import Outcome
from locks.words import failure


def leaves_doubt(request: UnlockRequest) -> bool:
    """Whether an unlock of unknown outcome came before a lock: it may act after it."""
    return request.action == Action.LOCK and request.pressed_again


def advice_on_locking(request: UnlockRequest, *, again: str) -> tuple[str, ...]:
    """Sentences for a clerk; `again` is when Seam takes the next one, on the building's clock."""
    told = _advice(request, again=again)
    return (*told, str(words.UNLOCK_IN_DOUBT)) if leaves_doubt(request) else told


def _advice(request: UnlockRequest, *, again: str) -> tuple[str, ...]:
    outcome = request.outcome
    why = failure(request.code, request.error_type, when=again, locking=True)
    if request.contradicted_at is not None:
        return (str(words.CONTRADICTED[request.status]),)
    if outcome == Outcome.LOCKED_INFERRED:
        return (str(words.INFERRED), str(words.LOOK))
    if outcome in (Outcome.LOCKED_UNCONFIRMED, Outcome.LOCKED_UNSAID):
        return (str(words.LOOK),)
    if outcome == Outcome.LOCK_FAILED:
        return (why,)
    if outcome == Outcome.LOCK_FAILED_MAY_ACT:
        return (why, _("It may still act: check the door."))
    if outcome == Outcome.LOCK_UNKNOWN:
        told = (_("Treat the door as unlocked until someone has looked."), why)
        return (*told, str(words.NOTHING_LISTED)) if request.nothing_listed_at else told
    return ()
