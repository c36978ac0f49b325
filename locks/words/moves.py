"""How a lock was unlocked by others than accessdesk."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from locks.words.sentences import Sentence

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
