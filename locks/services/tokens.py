"""The signed token of a button: whose, for which door and what, made when, good for one press."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from hashlib import sha256

from django.core import signing

from locks.models import Action, Device, User

_SALT = "locks.press"


class BadToken(Exception):
    """Missing, forged, cut, or of another person, door or button."""


@dataclass(frozen=True)
class PressToken:
    nonce: uuid.UUID
    made_at: float  # seconds since the epoch, this server's clock
    name: str = ""  # of the door as the button had it, in short; empty on pages of before

    def names(self, device: Device) -> bool:
        """Whether `device` is called now as whoever pressed read it."""
        return self.name in ("", _name(device))


def issue_token(*, person: User, device: Device, action: str = Action.UNLOCK) -> str:
    """A new token for one button, of that `action`, on one person's page."""
    content = {
        "p": person.pk,
        "d": device.pk,
        "l": _name(device),
        "n": uuid.uuid4().hex,
        "t": round(time.time(), 6),
    }
    # One of Unlock does not name it: pages from before there was another button stay good.
    if action != Action.UNLOCK:
        content["a"] = str(action)
    return signing.dumps(content, salt=_SALT)


def read_token(
    raw: str, *, person: User, device: Device, action: str = Action.UNLOCK
) -> PressToken:
    """The token's content. Raises BadToken unless it was issued to `person` for `device` and `action`."""
    try:
        content = signing.loads(raw[:500], salt=_SALT)
        nonce, made_at = uuid.UUID(content["n"]), float(content["t"])
    except (signing.BadSignature, KeyError, TypeError, ValueError) as broken:
        raise BadToken from broken
    issued = (content.get("p"), content.get("d"), content.get("a", Action.UNLOCK))
    if issued != (person.pk, device.pk, action):
        raise BadToken
    return PressToken(nonce=nonce, made_at=made_at, name=str(content.get("l", "")))


def _name(device: Device) -> str:
    return sha256(device.label.encode()).hexdigest()[:8]


def age_of_press(token: PressToken, elapsed: tuple[float, float] | None, *, now: float) -> float:
    """How many seconds ago the button was pressed; never less than 0.

    `elapsed` is what the browser measured between receiving the token and the press, on its wall clock and
    on its monotonic clock (which stands still while a laptop sleeps). The smaller one gives the larger
    age, so that neither a changed clock nor a suspended machine makes a press look younger than it is.
    Without it (no JavaScript) the age counts from the making of the page.
    """
    since_made = now - token.made_at
    return max(0.0, since_made - max(0.0, min(elapsed)) if elapsed else since_made)
