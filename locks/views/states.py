"""An unlock request, or a press, in the words that clerks read."""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from locks import words
from locks.models import Action, Attestation, Press, Status, UnlockRequest, User, Verdict
from locks.models.unlocks import ENDED_STATUSES, Outcome
from locks.views.locking_states import advice_on_locking, leaves_doubt

RECENT = dt.timedelta(minutes=2)
FEWEST_FOR_USUAL = 3

# How each outcome looks: tone (a colour) and icon. Never one without the other, nor without words.
LOOKS: dict[Outcome, tuple[str, str]] = {
    Outcome.SENDING: ("busy", "sending"),
    Outcome.PENDING: ("busy", "waiting"),
    Outcome.CONFIRMED: ("good", "check"),
    Outcome.INFERRED: ("half", "half-check"),
    Outcome.UNCONFIRMED: ("half", "half-check"),
    Outcome.UNSAID: ("half", "half-check"),
    Outcome.FAILED: ("bad", "cross"),
    Outcome.FAILED_MAY_ACT: ("warn", "warning"),
    Outcome.UNKNOWN: ("warn", "question"),
    Outcome.LOCK_SENDING: ("busy", "sending"),
    Outcome.LOCK_PENDING: ("busy", "waiting"),
    Outcome.LOCKED_CONFIRMED: ("good", "lock"),
    Outcome.LOCKED_INFERRED: ("half", "lock"),
    Outcome.LOCKED_UNCONFIRMED: ("half", "lock"),
    Outcome.LOCKED_UNSAID: ("half", "lock"),
    Outcome.LOCK_FAILED: ("bad", "cross"),
    Outcome.LOCK_FAILED_MAY_ACT: ("warn", "warning"),
    Outcome.LOCK_UNKNOWN: ("warn", "question"),
}


@dataclass(frozen=True)
class State:
    """What came of a press so far: one headline, what to do next, who and when."""

    outcome: str
    tone: str
    icon: str
    headline: str
    brief: str  # the one value, where there is no room for advice
    advice: tuple[str, ...]
    who: str
    broke_glass: bool
    when: str
    seam_says: str
    is_recent: bool
    needs_help: bool  # the help line belongs beside it

    @property
    def spoken(self) -> str:
        """One sentence for a screen reader."""
        return " ".join((f"{self.headline.rstrip('…')}.", *self.advice))


def state_of(request: UnlockRequest, *, at: dt.datetime, usual: float | None = None) -> State:
    """The state of a request at `at`; `usual` is the door's usual time to an answer, in seconds."""
    outcome = request.outcome
    contradicted = request.contradicted_at is not None
    tone, icon = ("warn", "warning") if contradicted else LOOKS[outcome]
    if tone in ("good", "half") and leaves_doubt(request):
        tone = "warn"
    since = request.contradicted_at or request.ended_at or request.requested_at
    return State(
        outcome=outcome.value,
        tone=tone,
        icon=icon,
        headline=request.outcome_label if contradicted else _headline(outcome, usual),
        brief=request.outcome_label,
        advice=_advice(request, at=at),
        who=request.person_name,
        broke_glass=bool(request.overridden),
        when=clock(request.requested_at, zone=request.building.zone, at=at),
        seam_says=_seam_says(request),
        is_recent=request.status not in ENDED_STATUSES or at - since < RECENT,
        needs_help=contradicted or tone not in ("busy", "good"),
    )


def _headline(outcome: Outcome, usual: float | None) -> str:
    if outcome == Outcome.FAILED_MAY_ACT:
        return _("Not unlocked")
    if outcome == Outcome.LOCK_FAILED_MAY_ACT:
        return _("Not locked")
    if outcome == Outcome.PENDING and usual is not None:
        return _("Waiting for the lock… (usually %(seconds)s s)") % {"seconds": _seconds(usual)}
    return str(outcome.label)


def _advice(request: UnlockRequest, *, at: dt.datetime) -> tuple[str, ...]:
    if request.action == Action.LOCK:
        again = clock(request.retry_at, zone=request.building.zone, at=at)
        return advice_on_locking(request, again=again)
    outcome = request.outcome
    if request.contradicted_at is not None:
        return (words.contradiction(unlocked=request.status == Status.UNLOCKED),)
    if outcome == Outcome.INFERRED:
        return (str(words.INFERRED), _("Look whether the door unlocked."))
    if outcome in (Outcome.UNCONFIRMED, Outcome.UNSAID):
        return (_("Look whether the door unlocked."),)
    if outcome == Outcome.FAILED:
        again = clock(request.retry_at, zone=request.building.zone, at=at)
        return (words.failure(request.code, request.error_type, when=again),)
    if outcome == Outcome.FAILED_MAY_ACT:
        return (
            words.failure(request.code, request.error_type),
            _("It may still act: check the door."),
        )
    if outcome == Outcome.UNKNOWN:
        told = (
            _("Treat the door as unlocked until someone has looked."),
            words.failure(request.code, request.error_type),
        )
        return (*told, str(words.NOTHING_LISTED)) if request.nothing_listed_at else told
    return ()


def _seam_says(request: UnlockRequest) -> str:
    """The lock's own error, where no sentence of ours stands for it."""
    known = request.error_type in words.SEAMS_ERRORS
    return "" if known or request.status != Status.FAILED else request.error_message


def verdict_of(press: Press, *, viewer: User) -> str:
    """What a person's own press came to, where the door's state does not say it; else empty."""
    if press.verdict == Verdict.REFUSED:
        building = press.building
        return words.refusal(
            press.code,
            building=building.name if building else "",
            reason=press.freeze_reason,
            when=clock(press.retry_at, zone=building.zone, at=press.pressed_at) if building else "",
            locking=press.action == Action.LOCK,
        )
    if press.verdict == Verdict.JOINED and press.request:
        if press.request.requested_by_id == viewer.pk:
            return _("Your press before is still the one that counts; nothing was sent twice.")
        name = press.request.person_name
        return _("Already under way by %(name)s; you joined.") % {"name": name}
    return ""


def said(word: Attestation | None, *, zone: dt.tzinfo, at: dt.datetime) -> str:
    """What somebody saw at the door, as people read it; empty for no word."""
    if word is None:
        return ""
    return _("Seen at the door: %(seen)s · %(name)s, %(time)s") % {
        "seen": word.get_seen_display(),
        "name": word.person_name,
        "time": clock(word.at, zone=zone, at=at),
    }


def usual_seconds(times: Sequence[dt.timedelta]) -> float | None:
    """The median of what a door took lately; None where it is too little to tell."""
    if len(times) < FEWEST_FOR_USUAL:
        return None
    return statistics.median(took.total_seconds() for took in times)


def _seconds(value: float) -> str:
    return f"{value:.0f}" if value >= 1.5 else f"{max(value, 0.1):.1f}"


def clock(moment: dt.datetime | None, *, zone: dt.tzinfo, at: dt.datetime) -> str:
    """A time as people of that building read it: to the second, with the day if it is another."""
    if moment is None:
        return ""
    local, today = timezone.localtime(moment, zone), timezone.localdate(at, zone)
    days = (today - local.date()).days
    if days == 0:
        return date_format(local, "H:i:s")
    return date_format(local, "D H:i:s" if 0 < days < 7 else "j M Y, H:i")
