"""What locks.words says otherwise of a press on Lock; keyed by the same codes, read through it alone."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Sentence = str | Promise

REFUSALS: dict[str, Sentence] = {
    "no_role": _(
        "Nothing was sent. Your role in {building} does not lock doors; a manager of {building} can"
        " change that."
    ),
    "gone": _(
        "Nothing was sent. Seam no longer knows this lock. Lock it at the door; tell a manager."
    ),
    "door_limit": _(
        "Nothing was sent: this door was locked 15 times within a minute, and Seam takes no more."
        " Press again at {when}."
    ),
}

FAILURES: dict[str, Sentence] = {
    "not_sent": _(
        "Seam could not be reached; nothing was sent. Try again, or lock it at the door."
    ),
    "unauthorized": _(
        "Seam refused our key. An administrator must look at it; lock it at the door."
    ),
    "rate_limited": _(
        "Seam did not take another locking of this door for the moment. Press again at {when}."
    ),
    "refused": _("Seam did not accept the request. Tell a manager; lock it at the door."),
    "lock_error": _("The lock reported an error. Try again, or lock it at the door."),
}

SEAMS_ERRORS: dict[str, Sentence] = {
    "device_not_found": _("Seam does not know this lock. Tell a manager; lock it at the door."),
    "device_disconnected": _("The lock is offline. Lock it at the door, and have it looked at."),
    "device_offline": _("The lock is offline. Lock it at the door, and have it looked at."),
    "device_removed": _(
        "The lock was removed at its maker's account. Tell a manager; lock it at the door."
    ),
    "hub_disconnected": _(
        "The lock's hub is offline. Lock it at the door, and have the hub looked at."
    ),
}

INFERRED: Sentence = _(
    "The answer was lost; Seam's records show one locking of this door at that moment."
)
NOTHING_LISTED: Sentence = _("Seam lists no locking, which proves nothing.")
LOOK: Sentence = _("Look whether the door is locked.")
UNLOCK_IN_DOUBT: Sentence = _(
    "The unlock before has no known outcome and may still act: look whether the door stays locked."
)
CONTRADICTED: dict[str, Sentence] = {  # by how the request had ended
    "locked": _(
        "Seam said later that locking failed. Treat the door as unlocked until someone has looked."
    ),
    "failed": _("Seam said later that the lock did lock. Look whether the door is locked."),
}
