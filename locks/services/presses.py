"""What a press is while it is decided on: the form, the press on its way, and what came of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

from django.conf import settings

from locks.models import Action, Device, Press, User, Verdict
from locks.models.unlocks import SAID
from locks.services.proving_oneself import NotProved, Proved
from locks.services.tokens import PressToken

NEVER_LEFT: Final = frozenset(
    {"not_sent", "sent_too_late"}
)  # codes of requests; see words.FAILURES


@dataclass(frozen=True)
class PressForm:
    """What came with a press; untrusted."""

    token: str
    elapsed: tuple[float, float] | None = None  # seconds from page to press: wall, monotonic
    reason: str = ""
    identified_by: str = ""
    identified_as: str = ""  # in the building's own words
    way_carried_over: bool = False  # from their press before: nobody chose it for this one
    note: str = ""
    reference: str = ""
    needs_note: bool = False  # the reason says nothing by itself
    is_unfit: bool = False  # something was typed that cannot be kept as it is
    break_glass: bool = False  # the wish to unlock although something forbids it
    found_by: str = ""  # what the person typed to find the door
    named: str = ""  # and to say which one it is, where the question asks
    again: int | None = None  # the request with an unknown outcome that the person was asked about
    shown: str = ""  # what the question showed of the door's past: see meeting.seen_as(); none: ""
    address: str = ""  # the client's, for the record

    @property
    def said(self) -> dict[str, str]:
        """What the person said of the press, as the request's columns and the record name it."""
        return {name: getattr(self, name) for name in SAID}


@dataclass(frozen=True)
class PressResult:
    """The row that says what came of a press; `repeated` where it is an earlier press's verdict."""

    press: Press
    repeated: bool = False

    @property
    def was_sent(self) -> bool:
        """Whether this press was sent, or may have been: not a repeated one, nor one that never left."""
        request = self.press.request
        is_its_own = self.press.verdict == Verdict.SENT and not self.repeated
        return is_its_own and request is not None and request.code not in NEVER_LEFT


@dataclass(frozen=True)
class Pressed:
    """A press on its way through transaction 1."""

    actor: User
    device: Device
    form: PressForm
    token: PressToken | None
    at: dt.datetime
    age: float  # seconds since the finger moved
    action: Action
    proof: Proved | NotProved | None = None
    overridden: tuple[str, ...] = ()  # by break-glass: the codes of what forbade it

    @property
    def moved_at(self) -> dt.datetime:
        """When the finger moved."""
        return self.at - dt.timedelta(seconds=self.age)

    @property
    def left(self) -> float:
        """Seconds in which it may still be sent."""
        return settings.UNLOCK_SEND_TIMEOUT - self.age

    @property
    def proof_told(self) -> dict[str, object]:
        """How the person proved who they are, where the press had to, for the record."""
        asked = self.device.step_up_minutes is not None or self.overridden
        if not asked or not isinstance(self.proof, Proved):
            return {}
        age = (self.at - self.proof.at).total_seconds()
        return {"proved": self.proof.method, "proved_seconds_before": max(0, round(age))}
