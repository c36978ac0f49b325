"""What is done every few seconds by beat and by each web process, and needs the database alone."""

from __future__ import annotations

from locks.services import events, following, freezing, noise, pins, sessions, settling, signing_in
from locks.services.refusing import record_repeats


def sweep(*, for_seconds: float = 4.0) -> float:
    """End what is past its bound (freezes, too), count repeated refusals, follow and settle what nobody does.

    Returns in how many seconds to sweep again.
    """
    following.end_overdue()
    record_repeats()
    freezing.lift_ended()
    noise.record_noise()
    signing_in.record_refused()
    pins.record_refused()
    again = following.follow_if_due(for_seconds=for_seconds)
    settling.settle_lost(for_seconds=for_seconds)
    sessions.forget_expired()
    events.record_waiting()
    return again
