"""What is said otherwise of a press on Lock, by the same codes; elsewhere the words of an unlock hold."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from locks.words.sentences import TREAT_AS_UNLOCKED, Sentence
from locks.words.told import Told

_AND_MANAGER: Sentence = _("Lock it at the door; tell a manager.")
_AND_LOOK: Sentence = _("Lock it at the door; have the lock looked at.")
_AND_HUB: Sentence = _("Lock it at the door; have the hub looked at.")
_TRY_OR_DOOR: Sentence = _("Try again, or lock it at the door.")
LOOK_WHETHER_LOCKED: Sentence = _("Check whether the door is locked.")

LOCK_REFUSALS: dict[str, Told] = {
    "no_role": Told(
        _("Nothing was sent. Your role in {building} does not lock doors."),
        _("It takes the role front desk, which a manager of {building} can give."),
    ),
    "gone": Told(_("Nothing was sent. Seam no longer knows this lock."), _AND_MANAGER),
    "removed": Told(
        _("Nothing was sent. The lock was removed at its maker's account."), _AND_MANAGER
    ),
    "disconnected": Told(
        _("Nothing was sent. The lock's account is disconnected at Seam."), _AND_MANAGER
    ),
    "not_authorized": Told(_("Nothing was sent. Seam may not use this lock."), _AND_MANAGER),
    "not_subscribed": Told(
        _("Nothing was sent. The lock's maker asks for a subscription."), _AND_MANAGER
    ),
    "no_bridge": Told(
        _("Nothing was sent. The lock has no bridge or gateway to reach it through."), _AND_MANAGER
    ),
    "hub_offline": Told(_("Nothing was sent. The lock's hub is offline."), _AND_HUB),
    "offline": Told(_("Nothing was sent. The lock is offline."), _AND_LOOK),
    "door_limit": Told(
        _(
            "Nothing was sent: this door was locked 15 times within a minute, and Seam takes no more."
        ),
        _("Press again at {when}."),
    ),
}

LOCK_FAILURES: dict[str, Told] = {
    "not_sent": Told(_("Seam could not be reached; nothing was sent."), _TRY_OR_DOOR),
    "sent_too_late": Told(_("Seam could not be reached in time; nothing was sent."), _TRY_OR_DOOR),
    "unauthorized": Told(_("Seam refused our key."), _AND_MANAGER),
    "rate_limited": Told(
        _("Seam did not take another locking of this door for the moment."),
        _("Press again at {when}."),
    ),
    "refused": Told(_("Seam did not accept the request."), _AND_MANAGER),
    "lock_error": Told(_("The lock reported an error."), _TRY_OR_DOOR),
}

LOCK_SEAMS_ERRORS: dict[str, Told] = {
    "device_not_found": Told(_("Seam does not know this lock."), _AND_MANAGER),
    "device_disconnected": Told(_("The lock is offline."), _AND_LOOK),
    "device_offline": Told(_("The lock is offline."), _AND_LOOK),
    "device_removed": Told(_("The lock was removed at its maker's account."), _AND_MANAGER),
    "hub_disconnected": Told(_("The lock's hub is offline."), _AND_HUB),
    "action_attempt_expired": Told(_("The lock did not answer Seam in time."), _TRY_OR_DOOR),
    "lock_jammed": Told(_("The lock is jammed."), _AND_LOOK),
    "jammed": Told(_("The lock is jammed."), _AND_LOOK),
    "account_disconnected": Told(_("The lock's account is disconnected at Seam."), _AND_MANAGER),
}

LOCK_INFERRED: Sentence = _(
    "The answer was lost; Seam's records show one locking of this door at that moment."
)
NO_LOCKING_LISTED: Sentence = _("Seam lists no locking; that does not rule one out.")
UNLOCK_IN_DOUBT: Sentence = _(
    "The unlock before it had no known outcome then: check whether the door stays locked."
)


def lock_contradicted(*, locked: bool) -> Told:
    """What is told where Seam later said otherwise than how a press on Lock ended."""
    if locked:
        return Told(_("Seam said later that locking failed."), TREAT_AS_UNLOCKED)
    return Told(_("Seam said later that the lock did lock."), LOOK_WHETHER_LOCKED)
