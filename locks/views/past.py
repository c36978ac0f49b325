"""What the last presses of a door tell of the next: how soon it answers, and whether it confirms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import CharField, OuterRef, Subquery, Value
from django.db.models.functions import Cast, Coalesce, Concat
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from locks.models import Device, UnlockRequest
from locks.models.unlocks import SLOW_MS, Outcome
from locks.services.health import UNLOCKS, UNLOCKS_AT_LEAST, AnswerTimes
from locks.words.numbers import tenths

# Presses of a door, the newest: as many that one locked after every unlock has unlocks enough among them.
SAMPLE = 40
FEWEST_FOR_USUAL = 3
NOTABLY, NOTABLY_MS = 1.5, 2_000  # the worst is told where it is this much longer than usual
CONFIRMS_RARELY = 0.5
LOCKED = frozenset({Outcome.LOCKED_CONFIRMED, Outcome.LOCKED_UNCONFIRMED, Outcome.LOCKED_UNSAID})


@dataclass(frozen=True)
class Past:
    """Of the last presses: how long the answers took, and how many unlocks the lock confirmed."""

    times: AnswerTimes = AnswerTimes()  # of presses on Unlock
    unlocks: int = 0
    confirmed: int = 0
    lock_times: AnswerTimes = AnswerTimes()

    @property
    def of_locking(self) -> Past:
        """How long the answers to Lock took; a bolt may need another time for each way."""
        return Past(times=self.lock_times)

    @property
    def usual_ms(self) -> int | None:
        """The median of what the lock took; None where it is too little to tell."""
        return self.times.median if self.times.count >= FEWEST_FOR_USUAL else None

    @property
    def worst_ms(self) -> int | None:
        """The 95th percentile, where it is notably longer than the usual time."""
        usual, worst = self.usual_ms, self.times.p95
        if usual is None or worst is None:
            return None
        return worst if worst >= max(usual * NOTABLY, usual + NOTABLY_MS) else None

    @property
    def slow_after_ms(self) -> int:
        """From then on a press is slower than usual; of a door that is not known, than most."""
        if self.usual_ms is None:
            return SLOW_MS
        return max(NOTABLY_MS, round(self.usual_ms * NOTABLY), self.worst_ms or 0)

    @property
    def answers(self) -> str:
        """How soon it answers, for people; empty where it is too little to tell."""
        if self.usual_ms is None:
            return ""
        if self.worst_ms is None:
            return _("Usually answers in %(usual)s\N{NO-BREAK SPACE}s") % {
                "usual": in_seconds(self.usual_ms)
            }
        return _(
            "Usually answers in %(usual)s\N{NO-BREAK SPACE}s, rarely longer than %(worst)s\N{NO-BREAK SPACE}s"
        ) % {
            "usual": in_seconds(self.usual_ms),
            "worst": in_seconds(self.worst_ms),
        }

    @property
    def confirms(self) -> str:
        """That a press will most likely not be confirmed; empty where it will, or nobody knows."""
        if self.unlocks < UNLOCKS_AT_LEAST or self.confirmed >= self.unlocks * CONFIRMS_RARELY:
            return ""
        if self.confirmed:
            return _("This lock rarely confirms")
        return ngettext(
            "This lock has not confirmed its last unlock",
            "This lock has not confirmed any of its last %(count)d unlocks",
            self.unlocks,
        ) % {"count": self.unlocks}


NO_PAST = Past()


class _Gathered(Subquery):
    """The rows of a correlated subquery as one text: asked once a door, and never beyond its limit."""

    template = "(SELECT %(gather)s(told, ',') FROM (%(subquery)s) newest)"

    def as_sqlite(self, compiler: Any, connection: Any) -> Any:
        return self.as_sql(compiler, connection, gather="GROUP_CONCAT")

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        return self.as_sql(compiler, connection, gather="STRING_AGG")


def pasts_of(devices: Iterable[Device]) -> dict[int, Past]:
    """The past of each door, by door. One query, of at most SAMPLE rows of an index a door."""
    # No filter beside the door: a busy one would be read to its beginning for what is rare.
    newest = (
        UnlockRequest.objects.filter(device=OuterRef("pk"))
        .order_by("-requested_at", "-pk")
        .annotate(
            told=Concat(
                Cast("building_id", CharField()),
                Value(" "),
                "outcome_value",
                Value(" "),
                Coalesce(Cast("took_ms", CharField()), Value("-")),
                output_field=CharField(),
            )
        )
        .values("told")[:SAMPLE]
    )
    doors = Device.objects.filter(pk__in=[device.pk for device in devices]).order_by()
    told = doors.values_list("pk", "building_id", _Gathered(newest, output_field=CharField()))
    return {pk: _past(building, text) for pk, building, text in told if text}


def _past(building_id: int, told: str) -> Past:
    """What was before a door came to its building is not for the people of this one."""
    lengths: Counter[int] = Counter()
    of_locking: Counter[int] = Counter()
    outcomes: Counter[str] = Counter()
    for row in told.split(","):
        building, outcome, took = row.split(" ")
        if building != str(building_id):
            continue
        if outcome in LOCKED and took != "-":
            of_locking[int(took)] += 1
        if outcome not in UNLOCKS:
            continue
        outcomes[outcome] += 1
        if took != "-" and outcome != Outcome.INFERRED:
            lengths[int(took)] += 1
    return Past(
        times=AnswerTimes(tuple(sorted(lengths.items()))),
        unlocks=outcomes.total(),
        confirmed=outcomes[Outcome.CONFIRMED],
        lock_times=AnswerTimes(tuple(sorted(of_locking.items()))),
    )


def in_seconds(milliseconds: int) -> str:
    """A length for people: whole seconds, and tenths where it is short."""
    seconds = milliseconds / 1000
    return str(number_format(round(seconds))) if seconds >= 1.5 else tenths(max(seconds, 0.1))
