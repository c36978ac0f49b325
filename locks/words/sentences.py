"""What a sentence is before somebody reads it; and those that several tables share."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Sentence = str | Promise

# Of a press on either button.
TREAT_AS_UNLOCKED: Sentence = _("Treat the door as unlocked until someone has looked.")
# For whoever waits at that door.
IF_STILL_LOCKED: Sentence = _("If it is locked: use a key or another door.")
