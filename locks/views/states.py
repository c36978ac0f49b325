"""An unlock request, or a press, in the words that clerks read."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _

from locks import words
from locks.models import Action, Attestation, Press, Seen, Status, UnlockRequest, User, Verdict
from locks.models.unlocks import ENDED_STATUSES, Outcome
from locks.services.following import WATCH_UNKNOWN_FOR
from locks.services.rights import PASSING
from locks.views.headlines import Headline, Pace, headline_of, pace_of
from locks.views.locking_states import UnlockBefore, leaves_doubt, told_of_locking
from locks.views.past import NO_PAST, Past
from locks.words import dates

RECENT = dt.timedelta(minutes=2)

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
    Outcome.LOCKED_INFERRED: ("half", "half-check"),
    Outcome.LOCKED_UNCONFIRMED: ("half", "half-check"),
    Outcome.LOCKED_UNSAID: ("half", "half-check"),
    Outcome.LOCK_FAILED: ("bad", "cross"),
    Outcome.LOCK_FAILED_MAY_ACT: ("warn", "warning"),
    Outcome.LOCK_UNKNOWN: ("warn", "question"),
}


@dataclass(frozen=True)
class State:
    """What came of a press so far: headline, why, what to do next, who and when."""

    outcome: str
    tone: str
    icon: str
    headline: Headline
    brief: str  # the one value, where there is no room for advice
    why: tuple[str, ...]
    next: tuple[str, ...]
    watching: str  # for how long the truth is waited for
    learned: str  # of one that was unknown: when the lock moved, and when that was learned
    before: str  # of a lock: what came of the unlock whose outcome was unknown when it was pressed
    who: str
    broke_glass: bool
    when: str
    seam_says: str
    is_recent: bool
    needs_help: bool  # the help line belongs beside it
    pace: Pace | None  # of one under way

    @property
    def advice(self) -> tuple[str, ...]:
        """Why, and what to do next, where they are not shown apart."""
        return (*self.why, *self.next)

    @property
    def outcome_spoken(self) -> str:
        """What came of it, for a screen reader, without advice."""
        said = f"{str(self.headline).rstrip('…')}."
        return " ".join(filter(None, (said, self.learned, self.before)))

    @property
    def spoken(self) -> str:
        """One sentence for a screen reader."""
        return " ".join((self.outcome_spoken, *self.advice))


def state_of(
    request: UnlockRequest,
    *,
    at: dt.datetime,
    past: Past = NO_PAST,
    moved_at: dt.datetime | None = None,
    before: UnlockBefore | None = None,
) -> State:
    """The state of a request at `at`; `past` is its door's.

    `moved_at` is when the lock moved by its own word, where the answer came late; `before`, of a
    lock, the unlock before it.
    """
    outcome = request.outcome
    contradicted = request.contradicted_at is not None
    tone, icon = ("warn", "warning") if contradicted else LOOKS[outcome]
    in_doubt = leaves_doubt(request, before)
    if tone in ("good", "half") and in_doubt:
        tone = "warn"
    since = request.contradicted_at or request.ended_at or request.requested_at
    settled = before.request if before and request.pressed_again and before.is_known else None
    if settled is not None and settled.ended_at is not None:
        since = max(since, settled.ended_at)  # that is news of this door, too
    past = past if request.action == Action.UNLOCK else past.of_locking
    pace = pace_of(request, past, at=at) if request.is_open else None
    told = _told(request, at=at, in_doubt=in_doubt)
    return State(
        outcome=outcome.value,
        tone=tone,
        icon=icon,
        headline=pace.slow if pace and pace.is_slow else headline_of(request, past),
        brief=request.outcome_label,
        why=told[0],
        next=told[1],
        watching=_watching(request, at=at),
        learned=_learned(request, moved_at, at=at),
        before=_came_of(settled, before.moved_at, at=at) if before and settled else "",
        who=request.person_name,
        broke_glass=bool(request.overridden),
        when=clock(request.requested_at, zone=request.building.zone, at=at),
        seam_says=_seam_says(request),
        is_recent=request.status not in ENDED_STATUSES or at - since < RECENT,
        needs_help=contradicted or tone not in ("busy", "good"),
        pace=pace,
    )


def _told(
    request: UnlockRequest, *, at: dt.datetime, in_doubt: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Why it is so, and what to do next."""
    if request.action == Action.LOCK:
        again = clock(request.retry_at, zone=request.building.zone, at=at)
        return told_of_locking(request, again=again, in_doubt=in_doubt)
    outcome, unlocked = request.outcome, request.status == Status.UNLOCKED
    look = str(words.LOOK_AT_THE_DOOR)
    if request.contradicted_at is not None:
        told = words.contradicted(unlocked=unlocked)
        return (str(told.happened),), (str(told.next),)
    if outcome == Outcome.INFERRED:
        return (str(words.INFERRED),), (look,)
    if outcome in (Outcome.UNCONFIRMED, Outcome.UNSAID):
        return (), (look,)
    if outcome not in (Outcome.FAILED, Outcome.FAILED_MAY_ACT, Outcome.UNKNOWN):
        return (), ()
    again = clock(request.retry_at, zone=request.building.zone, at=at)
    told = words.failed(request.code, request.error_type, when=again)
    if outcome == Outcome.UNKNOWN:
        listed = (str(words.NOTHING_LISTED),) if request.nothing_listed_at else ()
        next_ = (words.TREAT_AS_UNLOCKED, words.IF_STILL_LOCKED)
        return (str(told.happened), *listed), tuple(str(each) for each in next_)
    acts = (str(words.MAY_STILL_ACT),) if outcome == Outcome.FAILED_MAY_ACT else ()
    return (str(told.happened),), (*acts, str(told.next))


def next_of(state: State | None, word: Attestation | None) -> tuple[str, ...]:
    """What to do after an outcome; nobody is sent to look where somebody has looked since (`word`)."""
    if state is None or word is None:
        return state.next if state else ()
    may_act = state.outcome in (Outcome.UNKNOWN, Outcome.FAILED_MAY_ACT)
    if word.seen == Seen.UNLOCKED or not may_act:
        return ()
    return (str(words.LOOK_AGAIN), str(words.IF_STILL_LOCKED))


def _watching(request: UnlockRequest, *, at: dt.datetime) -> str:
    """Of an unknown outcome: that the truth is still waited for, and until when."""
    if request.status != Status.UNKNOWN:
        return ""
    until = request.requested_at + WATCH_UNKNOWN_FOR
    if request.next_look_at is None or until <= at:
        return _("Seam is no longer asked; news would still show here.")
    local = timezone.localtime(until, request.building.zone)
    return _("Still asking Seam until %(time)s.") % {
        "time": dates.written(local, dates.WEEKDAY_TO_THE_MINUTE)
    }


def _learned(request: UnlockRequest, moved_at: dt.datetime | None, *, at: dt.datetime) -> str:
    """When a lock moved of which nobody knew for a while; `took_ms` tells that nobody did."""
    if request.status not in ENDED_STATUSES or request.took_ms is not None:
        return ""
    zone = request.building.zone
    learned = {"learned": clock(request.ended_at, zone=zone, at=at)}
    if moved_at is None:
        return _("Learned at %(learned)s.") % learned
    told = {**learned, "time": clock(moved_at, zone=zone, at=at)}
    if request.action == Action.LOCK:
        return _("Locked at %(time)s; learned at %(learned)s.") % told
    return _("Unlocked at %(time)s; learned at %(learned)s.") % told


def _came_of(unlock: UnlockRequest, moved_at: dt.datetime | None, *, at: dt.datetime) -> str:
    """What is known by now of the unlock before a lock."""
    told = _("The unlock before it: %(outcome)s.") % {"outcome": unlock.outcome_label}
    return " ".join(filter(None, (told, _learned(unlock, moved_at, at=at))))


def _seam_says(request: UnlockRequest) -> str:
    """The lock's own error, where no sentence of ours stands for it."""
    known = request.error_type in words.SEAMS_ERRORS
    return "" if known or request.status != Status.FAILED else request.error_message


def refusal_of(press: Press) -> words.Told:
    """What a person's own press is told that was refused."""
    building = press.building
    return words.refused(
        press.code,
        building=building.name if building else "",
        reason=press.freeze_reason,
        when=clock(press.retry_at, zone=building.zone, at=press.pressed_at) if building else "",
        locking=press.action == Action.LOCK,
    )


def verdict_of(press: Press, *, viewer: User) -> str:
    """What a person's own press came to, where the door's state does not say it; else empty."""
    if press.verdict == Verdict.REFUSED:
        return str(refusal_of(press))
    if press.verdict == Verdict.JOINED and press.request:
        if press.request.requested_by_id == viewer.pk:
            return _("Your earlier press is still the one that counts; nothing was sent twice.")
        name = press.request.person_name
        return _("Already under way by %(name)s; you joined.") % {"name": name}
    return ""


def still_tells(press: Press, latest: UnlockRequest | None, *, code: str) -> bool:
    """Whether nothing has happened at the door since that makes the press's verdict old news.

    `code` is what forbids a press now: a freeze that was lifted, a lock that is back, tell nothing any more.
    """
    for passing in (words.FROZEN, PASSING):
        if press.code in passing and code not in passing:
            return False
    if latest is None:
        return True
    if press.request_id is not None:
        return press.request_id == latest.pk
    return press.pressed_at >= latest.requested_at


def said(word: Attestation | None, *, zone: dt.tzinfo, at: dt.datetime) -> str:
    """What somebody saw at the door, as people read it; empty for no word."""
    if word is None:
        return ""
    return _("Seen at the door: %(seen)s · %(name)s, %(time)s") % {
        "seen": word.get_seen_display(),
        "name": word.person_name,
        "time": clock(word.at, zone=zone, at=at),
    }


def clock(
    moment: dt.datetime | None, *, zone: dt.tzinfo, at: dt.datetime, seconds: bool = True
) -> str:
    """A time as people of that building read it, with the day if it is another.

    To the second where it is not a week old, unless they are not asked for.
    """
    if moment is None:
        return ""
    local, today = timezone.localtime(moment, zone), timezone.localdate(at, zone)
    days = (today - local.date()).days
    if days == 0:
        return dates.written(local, dates.TIME if seconds else dates.TIME_TO_THE_MINUTE)
    if 0 < days < 7:
        weekday = dates.WEEKDAY_AND_TIME if seconds else dates.WEEKDAY_TO_THE_MINUTE
        return dates.written(local, weekday)
    return dates.written(local, dates.DATE_AND_TIME)
