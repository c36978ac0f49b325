"""What a request came to that did not unlock, or of which nobody knows: one table each, keyed by code.

Placeholder: {when}.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from locks.words.sentences import Sentence

# The request ended as `failed`, or nobody knows: why, in our codes (UnlockRequest.code).
FAILURES: dict[str, Sentence] = {
    "not_sent": _("Seam could not be reached; nothing was sent. Try again, or use a key."),
    "sent_too_late": _("Seam could not be reached in time; nothing was sent. Try again."),
    "no_answer": _("Seam gave no clear answer."),
    "no_outcome": _("The lock has not answered in time."),
    "interrupted": _("The server was interrupted while it sent the press."),
    "attempt_reused": _("Seam's answer belongs to another press."),
    "unauthorized": _("Seam refused our key. An administrator must look at it; use a key."),
    "rate_limited": _(
        "Seam took no more unlocks of this door for the moment. Press again at {when}."
    ),
    "refused": _("Seam did not accept the request. Tell a manager; use a key."),
    "lock_error": _("The lock reported an error. Try again, or use a key."),
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
SEAMS_ERRORS: dict[str, Sentence] = {
    "device_not_found": _("Seam does not know this lock. Tell a manager; use a key."),
    "device_disconnected": _("The lock is offline. Use a key, and have the lock looked at."),
    "device_offline": _("The lock is offline. Use a key, and have the lock looked at."),
    "device_removed": _("The lock was removed at its maker's account. Tell a manager; use a key."),
    "hub_disconnected": _("The lock's hub is offline. Use a key, and have the hub looked at."),
    "account_disconnected": _("The lock's account is disconnected at Seam. Tell a manager."),
    "action_attempt_expired": _("The lock did not answer Seam in time."),
    "lock_jammed": _("The lock is jammed."),
    "jammed": _("The lock is jammed."),
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


# What Seam's own records say of a request whose answer was lost.
INFERRED: Sentence = _(
    "The answer was lost; Seam's records show one unlock of this door at that moment."
)
NOTHING_LISTED: Sentence = _("Seam lists no unlock, which proves nothing.")


def contradiction(*, unlocked: bool) -> str:
    """What to do where Seam later said otherwise than how a request ended, here as `unlocked` or not."""
    if unlocked:
        return str(_("Seam said later that it failed. Look whether the door unlocked."))
    return str(
        _(
            "Seam said later that the lock did unlock. Treat the door as unlocked until someone has"
            " looked."
        )
    )


def failure(code: str, error_type: str = "", *, when: str = "") -> str:
    """The sentence for a request that did not unlock or whose outcome is unknown."""
    ours = FAILURES.get(code, FAILURES["lock_error"])
    if code in ("refused", "lock_error"):
        return str(SEAMS_ERRORS.get(error_type, ours))
    return str(ours).format(when=when)


def failure_in_short(code: str) -> str:
    """A failure code in a few words; an unknown one as it is."""
    return str(FAILURES_IN_SHORT.get(code, code))


def seams_error(error_type: str) -> str:
    """What Seam's `error.type` says of the lock; the type itself where we have no sentence for it."""
    return str(SEAMS_ERRORS.get(error_type, error_type))


def may_still_act(code: str, error_type: str) -> bool:
    """Whether the door has to be looked at although the request failed: only a lock's error can."""
    return code == "lock_error" and error_type not in NOTHING_MOVED
