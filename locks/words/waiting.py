"""Who tried too often is told for how long to wait."""

from __future__ import annotations

import datetime as dt
import math

from django.utils.translation import ngettext


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
