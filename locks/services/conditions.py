"""What a press has to bring along beside the right: its token in time, a reason, a fresh proof."""

from __future__ import annotations

import datetime as dt

from locks.models import Device, UnlockRequest
from locks.services.proving_oneself import NotProved, Proved

CLOCK_MAY_DIFFER = dt.timedelta(seconds=5)  # between two machines that serve the desk


def is_fresh(proved: Proved | None, *, device: Device, at: dt.datetime) -> bool:
    """Whether `device` asks for no proof at `at`, given the latest one of who presses."""
    if device.step_up_minutes is None:
        return True
    if proved is None:
        return False
    age = at - proved.at
    return -CLOCK_MAY_DIFFER <= age <= dt.timedelta(minutes=device.step_up_minutes)


def lacking(
    *,
    device: Device,
    reason: str,
    identified_by: str,
    proof: Proved | NotProved | None,
    at: dt.datetime,
) -> str:
    """The code (see locks.words.REFUSALS) of what the press does not bring; empty where it has all."""
    if isinstance(proof, NotProved):
        return proof.code
    if device.is_private and not (reason and identified_by in UnlockRequest.Identified.values):
        return "needs_reason"
    return "" if is_fresh(proof, device=device, at=at) else "needs_proof"
