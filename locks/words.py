"""What people read about a refusal or a failure: one table each, keyed by code.

Each sentence says what happened and what to do next. Placeholders: {building}, {reason}, {message}, {when}.
"""

from __future__ import annotations

import datetime as dt
import math

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from locks import locking_words

Sentence = str | Promise

# Refused before anything was sent. Codes are stored on the press and in the record.
REFUSALS: dict[str, Sentence] = {
    "not_yours": _("There is no such door."),
    "no_role": _(
        "Nothing was sent. Your role in {building} does not unlock doors; a manager of {building}"
        " can change that."
    ),
    "out_of_hours": _(
        "Nothing was sent. Your role in {building} does not unlock at this hour; a manager of"
        " {building} can change the hours."
    ),
    "frozen": _(
        "Nothing was sent. {building} is frozen: {reason} A manager of {building} can lift it."
    ),
    "frozen_door": _(
        "Nothing was sent. This door is frozen: {reason} A manager of {building} can lift it."
    ),
    "not_remote": _(
        "Nothing was sent. This lock cannot be unlocked from here at the moment. Use a key, or call"
        " the help line."
    ),
    "not_lockable": _(
        "Nothing was sent. This lock cannot be locked from here at the moment. Lock it at the door,"
        " or call the help line."
    ),
    "unlock_under_way": _(
        "Nothing was sent: the door was just being unlocked. Look what came of it, then press Lock."
    ),
    "lock_under_way": _(
        "Nothing was sent: the door was just being locked. Look what came of it, then press Unlock."
    ),
    "gone": _("Nothing was sent. Seam no longer knows this lock. Use a key; tell a manager."),
    "too_late": _("Nothing was sent: the press took too long to get here. Press again."),
    "bad_token": _("Nothing was sent: this page was out of date. Press again."),
    "needs_reason": _(
        "Nothing was sent. A private door needs a reason and how the person was identified."
    ),
    "needs_proof": _(
        "Nothing was sent yet. This door asks for a fresh proof that it is you at the keyboard."
    ),
    "break_needs_reason": _("Nothing was sent. Breaking glass needs a reason."),
    "break_needs_proof": _(
        "Nothing was sent yet. Breaking glass needs a proof, made for it, that it is you at the keyboard."
    ),
    "wrong_proof": _("Nothing was sent. The code or password was not right. Type it once more."),
    "pin_unusable": _(
        "Nothing was sent. Your PIN was wrong too often: it works again after you have signed in fully."
    ),
    "proof_later": _("Nothing was sent. Too many wrong tries: the next one counts at {when}."),
    "door_limit": _(
        "Nothing was sent: this door was unlocked 15 times within a minute, and Seam takes no more."
        " Press again at {when}."
    ),
    "person_limit": _(
        "Nothing was sent: you pressed 60 times within a minute. Press again at {when}."
    ),
    "ask_again": _(
        "Nothing was sent now. The press before may have unlocked the door, or may still do so."
        " Press again anyway?"
    ),
}

# Why a door offers no button, before anyone presses. Keyed like REFUSALS, and `offline`.
OBSTACLES: dict[str, Sentence] = {
    "no_role": _(
        "Your role in {building} sees doors and does not unlock them. A manager of {building} can"
        " change that."
    ),
    "out_of_hours": _(
        "Your role in {building} does not unlock at this hour. A manager of {building} can change"
        " the hours."
    ),
    "frozen": _("{building} is frozen: {reason} A manager of {building} can lift it."),
    "frozen_door": _("This door is frozen: {reason} A manager of {building} can lift it."),
    "not_remote": _("This lock cannot be unlocked from here at the moment. Use a key."),
    "gone": _("Seam no longer knows this lock. Use a key; tell a manager."),
    "door_limit": _(
        "Unlocked too often within a minute: Seam takes the next press at {when}. The button comes"
        " back by itself."
    ),
    "offline": _("The lock is offline. Use a key, and have the lock looked at."),
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

# What Seam reports of a lock itself, by error or warning code; others show Seam's own message.
PROBLEMS: dict[str, Sentence] = {
    "account_disconnected": _("The lock's account is disconnected at Seam. Tell a manager."),
    "device_disconnected": _("The lock is offline. Have it looked at."),
    "device_offline": _("The lock is offline. Have it looked at."),
    "device_removed": _("The lock was removed at its maker's account. Tell a manager."),
    "hub_disconnected": _("The lock's hub is offline. Have the hub looked at."),
    "empty_backup_access_code_pool": _("The lock has no spare codes left. Tell a manager."),
    "missing_device_credentials": _("Seam lacks this lock's credentials. Tell a manager."),
    "subscription_required": _("The lock's maker asks for a subscription. Tell a manager."),
    "device_has_flaky_connection": _("The lock's connection comes and goes; it may be slow."),
    "device_communication_degraded": _("The lock's connection is weak; it may be slow."),
    "unreliable_online_status": _("Whether this lock is online is not certain."),
    "privacy_mode": _("Privacy mode is on: somebody inside wants to be left alone."),
    "salto_privacy_mode": _("Privacy mode is on: somebody inside wants to be left alone."),
    "salto_ks_privacy_mode": _("Privacy mode is on: somebody inside wants to be left alone."),
    "salto_office_mode": _("Office mode is on: the lock may stay unlocked."),
    "salto_ks_office_mode": _("Office mode is on: the lock may stay unlocked."),
    "ttlock_lock_gateway_unlocking_not_enabled": _(
        "Remote unlocking is not enabled at the lock's gateway. Tell a manager."
    ),
    "ttlock_weak_gateway_signal": _("The lock's gateway hears it badly; it may be slow."),
    "wyze_device_missing_gateway": _("The lock has no gateway. Tell a manager."),
    "scheduled_maintenance_window": _("The lock's maker is at maintenance work; it may fail."),
}

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


# How a lock was unlocked by others than accessdesk: Seam's `method`.
MOVES: dict[str, Sentence] = {
    "keycode": _("Unlocked by code"),
    "manual": _("Unlocked by hand"),
    "automatic": _("Unlocked by itself"),
    "remote": _("Unlocked remotely, not from here"),
    "mobile_key": _("Unlocked by mobile key"),
    "card": _("Unlocked by card"),
    "bluetooth": _("Unlocked by phone"),
}


def move(method: str, *, remote: bool = False) -> str:
    """How the desk log names an unlock that nobody here asked for."""
    return str(MOVES.get("remote" if remote else method, _("Unlocked at the door")))


def refusal(
    code: str, *, building: str = "", reason: str = "", when: str = "", locking: bool = False
) -> str:
    """The sentence for a refused press; unknown codes read as an outdated page."""
    table = {**REFUSALS, **locking_words.REFUSALS} if locking else REFUSALS
    sentence = str(table.get(code, REFUSALS["bad_token"]))
    return _said(code, sentence, building=building, reason=reason, when=when)


def _said(code: str, sentence: str, *, building: str, reason: str, when: str) -> str:
    """A sentence with its placeholders filled; what people typed ends like a sentence, too."""
    if reason and not reason.endswith((".", "!", "?", "…")):
        reason += "."
    said = sentence.format(building=building, reason=reason, when=when)
    return f"{said} {str(THAWS).format(when=when)}" if code in FROZEN and when else said


def obstacle(code: str, *, building: str = "", reason: str = "", when: str = "") -> str:
    """The sentence for a door that cannot be pressed now; empty for an unknown code."""
    sentence = str(OBSTACLES.get(code, ""))
    return _said(code, sentence, building=building, reason=reason, when=when) if sentence else ""


def overridden(code: str) -> str:
    """What a break-glass unlock went over, in a few words; an unknown code as it is."""
    return str(OVERRIDDEN.get(code, code))


def problem(code: str, message: str) -> str:
    """The sentence for an error or warning that Seam reports of a lock; else Seam's own message."""
    return str(PROBLEMS.get(code, "")) or message or code


def failure(code: str, error_type: str = "", *, when: str = "", locking: bool = False) -> str:
    """The sentence for a request that did not unlock, or lock, or whose outcome is unknown."""
    ours_of, seams_of = FAILURES, SEAMS_ERRORS
    if locking:
        ours_of = {**FAILURES, **locking_words.FAILURES}
        seams_of = {**SEAMS_ERRORS, **locking_words.SEAMS_ERRORS}
    ours = ours_of.get(code, ours_of["lock_error"])
    if code in ("refused", "lock_error"):
        return str(seams_of.get(error_type, ours))
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


def try_again(at: dt.datetime, *, now: dt.datetime) -> str:
    """What who guessed too often is told: when the next attempt is let through."""
    seconds = max(1, math.ceil((at - now).total_seconds()))
    if seconds <= 90:
        return ngettext(
            "Too many attempts. Try again in %(wait)d second.",
            "Too many attempts. Try again in %(wait)d seconds.",
            seconds,
        ) % {"wait": seconds}
    minutes = math.ceil(seconds / 60)
    return ngettext(
        "Too many attempts. Try again in %(wait)d minute.",
        "Too many attempts. Try again in %(wait)d minutes.",
        minutes,
    ) % {"wait": minutes}
