"""The first words of a request's state, and how far it is while it is under way."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from django.utils.translation import gettext as _

from locks.models import UnlockRequest
from locks.models.unlocks import Outcome
from locks.views.past import Past, in_seconds

_COMMA = re.compile(r"[،、，]\s*|,\s+")  # of any script; none within a number


@dataclass(frozen=True)
class Headline:
    """What came of a press: a few words that are read across a room, and the rest of them."""

    big: str
    rest: str = ""
    stop: str = ""  # the comma between the two, which is not read across a room

    def __str__(self) -> str:
        return " ".join(filter(None, (self.big + self.stop, self.rest)))


@dataclass(frozen=True)
class Pace:
    """How far a press under way is, in milliseconds by the server's clock: for the ring."""

    request: int
    age: int
    usual: int | None
    slow_after: int
    slow: Headline  # what it says from then on

    @property
    def is_slow(self) -> bool:
        return self.age >= self.slow_after


def headline_of(request: UnlockRequest, past: Past) -> Headline:
    """What a request says first, as long as it is not slow."""
    outcome = request.outcome
    if (
        request.contradicted_at is not None
    ):  # what is refuted must not be what is read across the room
        rest = _("contradicted: “%(outcome)s”") % {"outcome": outcome.label}
        return Headline(_("May be unlocked"), rest)
    if outcome in (Outcome.PENDING, Outcome.LOCK_PENDING):
        return Headline(str(outcome.label), _usually(past))
    return _cut(str(outcome.label))


def _cut(label: str) -> Headline:
    """Cut at the first comma, as far as there is one."""
    found = _COMMA.search(label)
    if found is None:
        return Headline(label)
    return Headline(label[: found.start()], label[found.end() :], stop=found[0].strip())


def _usually(past: Past) -> str:
    if past.usual_ms is None:
        return ""
    return _("(usually %(seconds)s\N{NO-BREAK SPACE}s)") % {"seconds": in_seconds(past.usual_ms)}


def pace_of(request: UnlockRequest, past: Past, *, at: dt.datetime) -> Pace:
    """How far a request is that has not ended."""
    doing = request.outcome.label, _usually(past)
    return Pace(
        request=request.pk,
        age=max(0, (at - request.requested_at) // dt.timedelta(milliseconds=1)),
        usual=past.usual_ms,
        slow_after=past.slow_after_ms,
        slow=Headline(
            _("Slower than usual:") if past.usual_ms is not None else _("Slow:"),
            " ".join(filter(None, map(str, doing))),
        ),
    )
