"""What a request came to that did not unlock, or of which nobody knows: one table each, keyed by code.

Placeholder: {when}.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from locks.words.locking import LOCK_FAILURES, LOCK_SEAMS_ERRORS
from locks.words.sentences import TREAT_AS_UNLOCKED, Sentence
from locks.words.told import Told

_TRY_OR_KEY: Sentence = _("Try again, or use a key.")
_KEY_AND_MANAGER: Sentence = _("Use a key or another door; tell a manager.")
_KEY_AND_LOOK: Sentence = _("Use a key or another door; have the lock looked at.")

# The request ended as `failed`, or nobody knows: why, in our codes (UnlockRequest.code).
FAILURES: dict[str, Told] = {
    "not_sent": Told(_("Seam could not be reached; nothing was sent."), _TRY_OR_KEY),
    "sent_too_late": Told(_("Seam could not be reached in time; nothing was sent."), _TRY_OR_KEY),
    "no_answer": Told(_("Seam gave no clear answer."), TREAT_AS_UNLOCKED),
    "no_outcome": Told(_("The lock has not answered in time."), TREAT_AS_UNLOCKED),
    "interrupted": Told(
        _("The server was interrupted while it sent the press."), TREAT_AS_UNLOCKED
    ),
    "attempt_reused": Told(_("Seam's answer belongs to another press."), TREAT_AS_UNLOCKED),
    "unauthorized": Told(
        _("Seam refused our key."),
        _("Use a key or another door. An administrator must look at it."),
    ),
    "rate_limited": Told(
        _("Seam took no more unlocks of this door for the moment."), _("Press again at {when}.")
    ),
    "refused": Told(_("Seam did not accept the request."), _KEY_AND_MANAGER),
    "lock_error": Told(_("The lock reported an error."), _TRY_OR_KEY),
}

# The same in a few words, for a manager who reads how often each occurred.
FAILURES_IN_SHORT: dict[str, Sentence] = {
    "not_sent": _("Seam not reached"),
    "sent_too_late": _("Seam not reached in time"),
    "no_answer": _("no clear answer from Seam"),
    "no_outcome": _("no answer from the lock in time"),
    "interrupted": _("server interrupted"),
    "attempt_reused": _("answer of another press"),
    "unauthorized": _("key refused by Seam"),
    "rate_limited": _("too many unlocks in a row"),
    "refused": _("refused by Seam"),
    "lock_error": _("error of the lock"),
}

# For `refused` and `lock_error`: Seam's own `error.type`, where we have a sentence for it.
SEAMS_ERRORS: dict[str, Told] = {
    "device_not_found": Told(_("Seam does not know this lock."), _KEY_AND_MANAGER),
    "device_disconnected": Told(_("The lock is offline."), _KEY_AND_LOOK),
    "device_offline": Told(_("The lock is offline."), _KEY_AND_LOOK),
    "device_removed": Told(_("The lock was removed at its maker's account."), _KEY_AND_MANAGER),
    "hub_disconnected": Told(
        _("The lock's hub is offline."), _("Use a key or another door; have the hub looked at.")
    ),
    "account_disconnected": Told(
        _("The lock's account is disconnected at Seam."), _KEY_AND_MANAGER
    ),
    "action_attempt_expired": Told(_("The lock did not answer Seam in time."), _TRY_OR_KEY),
    "lock_jammed": Told(_("The lock is jammed."), _KEY_AND_LOOK),
    "jammed": Told(_("The lock is jammed."), _KEY_AND_LOOK),
}

# Errors of an action attempt that prove that nothing moved: the command never reached the lock.
NOTHING_MOVED = frozenset(
    {
        "device_disconnected",
        "device_not_found",
        "device_offline",
        "device_removed",
        "hub_disconnected",
        "account_disconnected",
    }
)

# Of a request that failed in another way than those.
MAY_STILL_ACT: Sentence = _("Check the door.")
# The same, and of one with an unknown outcome, to who has looked already.
LOOK_AGAIN: Sentence = _("It may still unlock: look again before you leave it.")
# Of one that Seam took and no lock confirmed.
LOOK_AT_THE_DOOR: Sentence = _("Check whether the door unlocked.")
# What Seam's own records say of a request whose answer was lost.
INFERRED: Sentence = _(
    "The answer was lost; Seam's records show one unlock of this door at that moment."
)
NOTHING_LISTED: Sentence = _("Seam lists no unlock; that does not rule one out.")


def contradicted(*, unlocked: bool) -> Told:
    """What is told where Seam later said otherwise than how a request ended, here as `unlocked` or not."""
    if unlocked:
        return Told(_("Seam said later that it failed."), LOOK_AT_THE_DOOR)
    return Told(_("Seam said later that the lock did unlock."), TREAT_AS_UNLOCKED)


def failed(code: str, error_type: str = "", *, when: str = "", locking: bool = False) -> Told:
    """What is told of a request that did not unlock, or lock, or whose outcome is unknown."""
    ours = {**FAILURES, **LOCK_FAILURES} if locking else FAILURES
    seams = {**SEAMS_ERRORS, **LOCK_SEAMS_ERRORS} if locking else SEAMS_ERRORS
    told = ours.get(code, ours["lock_error"])
    if code in ("refused", "lock_error"):
        told = seams.get(error_type, told)
    return told.filled(when=when)


def failure(code: str, error_type: str = "", *, when: str = "", locking: bool = False) -> str:
    """`failed` in one line."""
    return str(failed(code, error_type, when=when, locking=locking))


def failure_in_short(code: str) -> str:
    """A failure code in a few words; an unknown one as it is."""
    return str(FAILURES_IN_SHORT.get(code, code))


def seams_error(error_type: str) -> str:
    """What Seam's `error.type` says of the lock; the type itself where we have no sentence for it."""
    told = SEAMS_ERRORS.get(error_type)
    return str(told.happened) if told else error_type


def may_still_act(code: str, error_type: str) -> bool:
    """Whether the door has to be looked at although the request failed: only a lock's error can."""
    return code == "lock_error" and error_type not in NOTHING_MOVED
