"""Presses that were refused, and doors that offer none: one table each, keyed by code.

Each sentence says what happened and what to do next. Placeholders: {building}, {reason}, {when}.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from locks.words.sentences import Sentence

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


def refusal(code: str, *, building: str = "", reason: str = "", when: str = "") -> str:
    """The sentence for a refused press; unknown codes read as an outdated page."""
    sentence = str(REFUSALS.get(code, REFUSALS["bad_token"]))
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
