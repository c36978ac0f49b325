"""What a press meets at its door: another one under way, just ended, or with an outcome nobody knows."""

from __future__ import annotations

import datetime as dt
from typing import Final

from locks.models import Action, Status, UnlockRequest
from locks.models.unlocks import UnlockRequestQuerySet
from locks.services.following import GRACE
from locks.services.presses import Pressed

JOIN_AFTER_END: Final = dt.timedelta(seconds=2)


def unsettled_at(here: UnlockRequestQuerySet, latest: UnlockRequest | None) -> UnlockRequest | None:
    """The last unlock of a door where nobody knows whether it unlocked: a lock since changes nothing.

    `here` are the door's requests, `latest` the last of them. One query, or none.
    """
    if latest is not None and latest.action != Action.UNLOCK:
        latest = here.unlocks().order_by("-requested_at", "-pk").first()
    return latest if latest and latest.status == Status.UNKNOWN else None


def asks_again(pressed: Pressed, unsettled: UnlockRequest) -> bool:
    """Whether it has to be asked about the outcome that nobody knows: not to lock, which is the remedy."""
    return pressed.action == Action.UNLOCK and pressed.form.again != unsettled.pk


def seen_as(latest: UnlockRequest | None) -> str:
    """What a question shows of its door's last request, in a word to be posted with the answer."""
    if latest is None:
        return "none"
    contradicted = "-contradicted" if latest.contradicted_at else ""
    return f"{latest.pk}-{latest.status}{contradicted}"


def is_news(latest: UnlockRequest | None, pressed: Pressed) -> bool:
    """Whether the door has a past that whoever answered the question did not see.

    A colleague's unlock, or the end of one that the question called unknown, or under way. Who breaks
    glass is not held up.
    """
    shown = pressed.form.shown
    return bool(shown) and shown != seen_as(latest) and not pressed.overridden


def is_overdue(request: UnlockRequest, at: dt.datetime) -> bool:
    """Whether an open request should have ended, and nobody has ended it yet."""
    bound = request.call_deadline if request.status == Status.SENDING else request.resolve_by
    return at > bound + GRACE


def crossed_by(other: UnlockRequest | None, pressed: Pressed) -> str:
    """The code of a refusal where the finger moved while the other button's press was under way.

    Neither waits for the other: who pressed did not know how that would end, and may wish otherwise now.
    """
    if other is None or other.action == pressed.action:
        return ""
    if other.is_open or (other.ended_at is not None and pressed.moved_at <= other.ended_at):
        return f"{other.action}_under_way"
    return ""


def just_ended(latest: UnlockRequest | None, pressed: Pressed) -> UnlockRequest | None:
    """The request that this press was meant for although it has ended meanwhile.

    Anyone's, where the finger moved before its end and the press was held up; and for a moment after
    the end that of whoever requested or joined it: the same wish, not a new one.
    """
    if latest is None or latest.ended_at is None or latest.action != pressed.action:
        return None
    if pressed.moved_at <= latest.ended_at:
        return latest
    if pressed.at - latest.ended_at >= JOIN_AFTER_END:
        return None
    return latest if latest.presses.filter(person=pressed.actor).exists() else None
