"""Presses that were refused, and doors that offer none: one table each, keyed by code.

Placeholders: {building}, {reason}, {when}.
"""

from __future__ import annotations

from dataclasses import replace

from django.utils.translation import gettext_lazy as _

from locks.words.locking import LOCK_REFUSALS
from locks.words.sentences import Sentence
from locks.words.told import NOTHING, Told

_ROLE: Sentence = _("It takes the role front desk, which a manager of {building} can give.")
_MANAGER_LIFTS: Sentence = _("A manager of {building} can lift it.")
_KEY: Sentence = _("Use a key or another door.")
_KEY_AND_MANAGER: Sentence = _("Use a key or another door; tell a manager.")
_KEY_AND_LOOK: Sentence = _("Use a key or another door; have the lock looked at.")
_KEY_AND_HUB: Sentence = _("Use a key or another door; have the hub looked at.")
_ONCE_MORE: Sentence = _("Press again.")

# Refused before anything was sent. Codes are stored on the press and in the record.
REFUSALS: dict[str, Told] = {
    "not_yours": Told(_("There is no such door."), _("Go back to the desk.")),
    "no_role": Told(_("Nothing was sent. Your role in {building} does not unlock doors."), _ROLE),
    "out_of_hours": Told(
        _("Nothing was sent. Your role in {building} does not unlock at this hour."),
        _("A manager of {building} can change the hours."),
    ),
    "frozen": Told(_("Nothing was sent. {building} is frozen: {reason}"), _MANAGER_LIFTS),
    "frozen_door": Told(_("Nothing was sent. This door is frozen: {reason}"), _MANAGER_LIFTS),
    "not_remote": Told(
        _("Nothing was sent. This lock cannot be unlocked from here at the moment."), _KEY
    ),
    "not_lockable": Told(
        _("Nothing was sent. This lock cannot be locked from here at the moment."),
        _("Lock it at the door."),
    ),
    "unlock_under_way": Told(
        _("Nothing was sent: the door was just being unlocked."),
        _("See what came of it, then press Lock."),
    ),
    "lock_under_way": Told(
        _("Nothing was sent: the door was just being locked."),
        _("See what came of it, then press Unlock."),
    ),
    "gone": Told(_("Nothing was sent. Seam no longer knows this lock."), _KEY_AND_MANAGER),
    "removed": Told(
        _("Nothing was sent. The lock was removed at its maker's account."), _KEY_AND_MANAGER
    ),
    "disconnected": Told(
        _("Nothing was sent. The lock's account is disconnected at Seam."), _KEY_AND_MANAGER
    ),
    "not_authorized": Told(_("Nothing was sent. Seam may not use this lock."), _KEY_AND_MANAGER),
    "not_subscribed": Told(
        _("Nothing was sent. The lock's maker asks for a subscription."), _KEY_AND_MANAGER
    ),
    "no_bridge": Told(
        _("Nothing was sent. The lock has no bridge or gateway to reach it through."),
        _KEY_AND_MANAGER,
    ),
    "hub_offline": Told(_("Nothing was sent. The lock's hub is offline."), _KEY_AND_HUB),
    "offline": Told(_("Nothing was sent. The lock is offline."), _KEY_AND_LOOK),
    "too_late": Told(_("Nothing was sent: the press took too long to get here."), _ONCE_MORE),
    "bad_token": Told(_("Nothing was sent: this page was out of date."), _ONCE_MORE),
    "which_door": Told(
        _("Nothing was sent. Which door you mean was not said in full."),
        _("Type what is asked for, and press again."),
    ),
    "wrong_door": Told(
        _("Nothing was sent. What you typed does not name this door."),
        _("Correct it and press again if you mean this door; else find the other one."),
    ),
    "needs_reason": Told(
        _("Nothing was sent. A private door needs a reason and how the person was identified."),
        _("Give both, and press again."),
    ),
    "needs_note": Told(
        _("Nothing was sent. This reason needs a note."),
        _("Say in a few words why, and press again."),
    ),
    "card_number": Told(
        _(
            "Nothing was sent. What looks like a card number must not be kept: it was cut to its last"
            " four digits."
        ),
        _("Press again if that will do."),
    ),
    "unfit_words": Told(
        _("Nothing was sent. Something that was typed cannot be kept as it is."),
        _("Correct what is marked, and press again."),
    ),
    "needs_proof": Told(
        _("Nothing was sent yet. This door asks for a fresh proof that it is you at the keyboard."),
        _("Prove it, and press again."),
    ),
    "break_needs_reason": Told(
        _("Nothing was sent. Breaking glass needs a reason."), _("Give one, and press again.")
    ),
    "break_needs_proof": Told(
        _(
            "Nothing was sent yet. Breaking glass needs a proof, made for it, that it is you at the"
            " keyboard."
        ),
        _("Prove it, and press again."),
    ),
    "wrong_proof": Told(
        _("Nothing was sent. The code or password was not right."), _("Type it once more.")
    ),
    "pin_unusable": Told(
        _("Nothing was sent. Your PIN was wrong too often."),
        _("It works again after you have signed in fully."),
    ),
    "proof_later": Told(
        _("Nothing was sent. Too many wrong tries."), _("The next one counts at {when}.")
    ),
    "door_limit": Told(
        _(
            "Nothing was sent: this door was unlocked 15 times within a minute, and Seam takes no"
            " more."
        ),
        _("Press again at {when}."),
    ),
    "person_limit": Told(
        _("Nothing was sent: you pressed 60 times within a minute."), _("Press again at {when}.")
    ),
    "news": Told(
        _("Nothing was sent: something has happened at this door since the question came."),
        _("Look at what it says now, and press again."),
    ),
    "ask_again": Told(
        _(
            "Nothing was sent now. The earlier press may have unlocked the door, or may still do so."
        ),
        _("Press again anyway?"),
    ),
}

# The same in a few words, for whoever reads afterwards what somebody else was refused.
REFUSALS_IN_SHORT: dict[str, Sentence] = {
    "not_yours": _("no role in this building"),
    "no_role": _("role does not unlock"),
    "out_of_hours": _("role does not unlock at this hour"),
    "frozen": _("building frozen"),
    "frozen_door": _("door frozen"),
    "not_remote": _("lock not to be unlocked from here"),
    "not_lockable": _("lock not to be locked from here"),
    "unlock_under_way": _("unlock under way"),
    "lock_under_way": _("locking under way"),
    "gone": _("lock unknown to Seam"),
    "removed": _("lock removed at its maker's account"),
    "disconnected": _("lock's account disconnected at Seam"),
    "not_authorized": _("Seam may not use the lock"),
    "not_subscribed": _("lock's maker asks for a subscription"),
    "no_bridge": _("lock without a bridge or gateway"),
    "hub_offline": _("lock's hub offline"),
    "offline": _("lock offline"),
    "too_late": _("press came too late"),
    "bad_token": _("page out of date"),
    "which_door": _("which door was not said"),
    "wrong_door": _("something other than this door was named"),
    "needs_reason": _("reason missing"),
    "needs_note": _("note missing"),
    "card_number": _("what looked like a card number was typed"),
    "unfit_words": _("what was typed could not be kept"),
    "needs_proof": _("proof missing"),
    "break_needs_reason": _("break-glass without a reason"),
    "break_needs_proof": _("break-glass without a proof"),
    "wrong_proof": _("wrong code or password"),
    "pin_unusable": _("PIN wrong too often"),
    "proof_later": _("too many wrong tries"),
    "door_limit": _("door pressed too often"),
    "person_limit": _("too many presses"),
    "news": _("door used since the question came"),
    "ask_again": _("asked first, after an unknown outcome"),
}

# Why a door offers no button, before anyone presses. Keyed like REFUSALS, and by what makes a lock
# `not_remote` where Seam says it.
OBSTACLES: dict[str, Told] = {
    "no_role": Told(_("Your role in {building} sees doors and does not unlock them."), _ROLE),
    "out_of_hours": Told(
        _("Your role in {building} does not unlock at this hour."),
        _("A manager of {building} can change the hours."),
    ),
    "frozen": Told(_("{building} is frozen: {reason}"), _MANAGER_LIFTS),
    "frozen_door": Told(_("This door is frozen: {reason}"), _MANAGER_LIFTS),
    "not_remote": Told(_("This lock cannot be unlocked from here at the moment."), _KEY),
    "gone": Told(_("Seam no longer knows this lock."), _KEY_AND_MANAGER),
    "removed": Told(_("The lock was removed at its maker's account."), _KEY_AND_MANAGER),
    "disconnected": Told(_("The lock's account is disconnected at Seam."), _KEY_AND_MANAGER),
    "door_limit": Told(
        _("Unlocked too often within a minute: Seam takes the next press at {when}."),
        _("Wait: the button comes back by itself."),
    ),
    "not_authorized": Told(_("Seam may not use this lock."), _KEY_AND_MANAGER),
    "not_subscribed": Told(_("The lock's maker asks for a subscription."), _KEY_AND_MANAGER),
    "no_bridge": Told(
        _("The lock has no bridge or gateway to reach it through."), _KEY_AND_MANAGER
    ),
    "hub_offline": Told(_("The lock's hub is offline."), _KEY_AND_HUB),
    "offline": Told(_("The lock is offline."), _KEY_AND_LOOK),
    "gateway_off": Told(
        _("Remote unlocking is not enabled at the lock's gateway."), _KEY_AND_MANAGER
    ),
}

# The same to who manages the building: nobody decides on their own roles there but an administrator.
_ANOTHER_MANAGER: Sentence = _("Another manager or an administrator can change that.")
MANAGERS_OBSTACLES: dict[str, Told] = {
    "no_role": Told(
        _("Managing {building} does not unlock its doors: the role “Front desk” does."),
        _("Another manager or an administrator can give it to you."),
    ),
    "out_of_hours": replace(OBSTACLES["out_of_hours"], next=_ANOTHER_MANAGER),
}

# What a break-glass unlock went over, in a few words.
OVERRIDDEN: dict[str, Sentence] = {
    "no_role": _("their role does not unlock"),
    "out_of_hours": _("their role does not unlock at that hour"),
    "frozen": _("the building was frozen"),
    "frozen_door": _("the door was frozen"),
}

# Added where a freeze has an end.
THAWS: Sentence = _("It ends by itself at {when}.")
FROZEN = frozenset({"frozen", "frozen_door"})


def refused(
    code: str, *, building: str = "", reason: str = "", when: str = "", locking: bool = False
) -> Told:
    """What a refused press is told; unknown codes read as an outdated page."""
    table = {**REFUSALS, **LOCK_REFUSALS} if locking else REFUSALS
    return _told(code, table.get(code, REFUSALS["bad_token"]), building, reason, when)


def obstructed(
    code: str, *, building: str = "", reason: str = "", when: str = "", managing: bool = False
) -> Told:
    """What a door says that cannot be pressed now; nothing for an unknown code.

    `managing`: whoever reads it manages the building, and is not sent to themselves.
    """
    table = {**OBSTACLES, **MANAGERS_OBSTACLES} if managing else OBSTACLES
    return _told(code, table.get(code, NOTHING), building, reason, when)


def _told(code: str, told: Told, building: str, reason: str, when: str) -> Told:
    said = told.filled(building=building, reason=reason, when=when)
    if code in FROZEN and when:
        return replace(said, next=f"{said.next} {str(THAWS).format(when=when)}")
    return said


def refusal(
    code: str, *, building: str = "", reason: str = "", when: str = "", locking: bool = False
) -> str:
    """`refused` in one line."""
    told = refused(code, building=building, reason=reason, when=when, locking=locking)
    return str(told)


def refusal_in_short(code: str, *, locking: bool = False) -> str:
    """Why a press was refused, in a few words; an unknown code as it is."""
    if locking and code == "no_role":
        return str(_("role does not lock"))
    return str(REFUSALS_IN_SHORT.get(code, code))


def obstacle(
    code: str, *, building: str = "", reason: str = "", when: str = "", managing: bool = False
) -> str:
    """`obstructed` in one line; empty for an unknown code."""
    told = obstructed(code, building=building, reason=reason, when=when, managing=managing)
    return str(told)


def overridden(code: str) -> str:
    """What a break-glass unlock went over, in a few words; an unknown code as it is."""
    return str(OVERRIDDEN.get(code, code))
