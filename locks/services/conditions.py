"""What a press has to bring along beside the right: its token in time, a reason, a fresh proof."""

from __future__ import annotations

import datetime as dt
from typing import Final

from locks.models import Action, Device, Press, UnlockRequest, User, Verdict
from locks.services.card_numbers import holds_card_number
from locks.services.presses import Pressed
from locks.services.proving_oneself import NotProved, Proved

CLOCK_MAY_DIFFER: Final = dt.timedelta(seconds=5)  # between two machines that serve the desk
# A proof that was made for one break-glass press: long enough to be asked once more what was missing.
MADE_FOR_ONE: Final = dt.timedelta(seconds=60)


def lacking(pressed: Pressed) -> str:
    """The code (see locks.words.REFUSALS) of what the press does not bring; empty where it has all."""
    if pressed.token is None or not pressed.token.names(pressed.device):
        return "bad_token"
    if pressed.left <= 0:
        return "too_late"
    if pressed.action == Action.LOCK:
        return ""  # a door that is locked lets nobody in who should stay out
    if isinstance(pressed.proof, NotProved):
        return pressed.proof.code
    form, device = pressed.form, pressed.device
    if any(map(holds_card_number, (form.reason, form.note, form.reference))):
        return "card_number"
    if form.is_unfit:
        return "unfit_words"
    identified = form.identified_by in UnlockRequest.Identified.values
    if device.is_private and not (form.reason and identified):
        return "needs_reason"
    if form.needs_note and not form.note:
        return "needs_note"
    if pressed.overridden:
        if not form.reason:
            return "break_needs_reason"
        made = is_made_for(pressed.proof, device=device, person=pressed.actor, at=pressed.at)
        return "" if made else "break_needs_proof"
    if is_fresh(pressed.proof, device=device, at=pressed.at):
        return ""
    # What stood in the way may be gone since the proof was made for this one press.
    made = is_made_for(pressed.proof, device=device, person=pressed.actor, at=pressed.at)
    return "" if made else "needs_proof"


def is_fresh(proved: Proved | None, *, device: Device, at: dt.datetime) -> bool:
    """Whether `device` asks for no proof at `at`, given the latest one of who presses.

    One that was made for breaking glass is good for that alone.
    """
    if device.step_up_minutes is None:
        return True
    if proved is None or proved.door_id is not None:
        return False
    return _is_within(proved, dt.timedelta(minutes=device.step_up_minutes), at)


def is_made_for(proved: Proved | None, *, device: Device, person: User, at: dt.datetime) -> bool:
    """Whether a proof was made for breaking glass at this door now, and no press has used it up.

    One query at most.
    """
    if proved is None or proved.door_id != device.pk or not _is_within(proved, MADE_FOR_ONE, at):
        return False
    since = Press.objects.filter(person=person, device=device, pressed_at__gte=proved.at)
    return not since.exclude(action=Action.LOCK).exclude(verdict=Verdict.REFUSED).exists()


def _is_within(proved: Proved, length: dt.timedelta, at: dt.datetime) -> bool:
    return -CLOCK_MAY_DIFFER <= at - proved.at <= length
