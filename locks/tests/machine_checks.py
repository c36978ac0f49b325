"""G1 to G7, held against the rows, the record and what Seam knows to be true; after every step."""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from django.db import connection
from django.utils import timezone

from locks.models import AuditEvent, Building, Kind, Press, UnlockRequest, Verdict
from locks.services.kinds import kind_of
from locks.services.verifying import verify_chains
from locks.tests.machine_seam import NOTHING_MOVED, KnowingSeam

OPEN, ENDED = {"sending", "pending"}, {"unlocked", "locked", "failed"}
STATUS_OF = {
    Kind.UNLOCK_REQUESTED: "sending",
    Kind.UNLOCK_PENDING: "pending",
    Kind.UNLOCK_UNLOCKED: "unlocked",
    Kind.UNLOCK_FAILED: "failed",
    Kind.UNLOCK_UNKNOWN: "unknown",
    Kind.RELOCK_REQUESTED: "sending",
    Kind.RELOCK_PENDING: "pending",
    Kind.RELOCK_LOCKED: "locked",
    Kind.RELOCK_FAILED: "failed",
    Kind.RELOCK_UNKNOWN: "unknown",
}
REFUSED = (Kind.UNLOCK_REFUSED, Kind.RELOCK_REFUSED)
# Statuses that one event may move a request to. A late answer to one that is unknown tells that it is
# pending at Seam, and leaves it unknown.
NEXT = {
    "": {"sending"},
    "sending": {"pending", "unlocked", "locked", "failed", "unknown"},
    "pending": {"unlocked", "locked", "failed", "unknown"},
    "unknown": {"unknown", "pending", "unlocked", "locked", "failed"},
    "unlocked": set(),
    "locked": set(),
    "failed": set(),
}
NEVER_SENT = {"not_sent", "sent_too_late"}  # codes that say so
LATEST_ARRIVAL = dt.timedelta(seconds=2)  # a byte that left in time, on a machine that stalls
FINAL = (
    "status",
    "ended_at",
    "code",
    "error_type",
    "confirmed_by_device",
    "inferred",
    "may_still_act",
    "action_attempt_id",
)


def witness(device_id: str, action: str) -> int | None:
    """The row for which an unlock (or a lock) of this door comes in: G1, G3 and G4 at that very moment.

    Runs on the server's own connection, which sees what is committed and nothing else. Raises
    AssertionError where anything is missing.
    """
    rows = list(UnlockRequest.objects.filter(device__seam_device_id=device_id, status="sending"))
    assert len(rows) == 1, f"G1: {len(rows)} committed requests for an unlock of {device_id}"
    row = rows[0]
    assert row.action == action, f"G1: asked to {action}; {row.pk} is to {row.action}"
    assert row.presses.filter(verdict=Verdict.SENT).count() == 1, f"G1: no press of {row.pk}"
    kinds = AuditEvent.objects.filter(request=row.pk).values_list("kind", flat=True)
    assert kind_of(action, "requested") in kinds, f"G1: no event of {row.pk}"
    assert timezone.now() <= row.send_by + LATEST_ARRIVAL, f"G3: {row.pk} was sent too late"
    return row.pk


def path(kinds: Iterable[str]) -> str:
    """The status that these events of one request tell, in their order; each must be a step."""
    status = ""
    for kind in kinds:
        if kind not in STATUS_OF:
            assert status, f"G7: {kind} before the request"
            continue
        told = STATUS_OF[Kind(kind)]
        assert told in NEXT[status], f"G7: the record leads from {status!r} to {told!r}"
        status = status if (status, told) == ("unknown", "pending") else told
    return status


def fetch(query: tuple[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of a compiled query."""
    with connection.cursor() as cursor:
        cursor.execute(*query)
        return cursor.fetchall()


class Book:
    """What was seen of the rows of some buildings so far."""

    def __init__(self, seam: KnowingSeam, buildings: Collection[Building]) -> None:
        self.seam, self.buildings = seam, list(buildings)
        self._seen: dict[int, UnlockRequest] = {}
        # Asked after every step, so compiled once.
        ours = {"building__in": [building.pk for building in self.buildings]}
        events = AuditEvent.objects.filter(chain__building__in=ours["building__in"]).order_by("id")
        presses = Press.objects.filter(**ours).order_by()
        rows = UnlockRequest.objects.filter(**ours).order_by("pk")
        self._rows_sql = rows.query.sql_with_params()
        self._events_sql = events.values_list("request", "kind").query.sql_with_params()
        self._presses_sql = presses.values_list(
            "verdict", "request", "counts_for"
        ).query.sql_with_params()

    @property
    def rows(self) -> list[UnlockRequest]:
        """As last seen."""
        return list(self._seen.values())

    def look(self) -> list[UnlockRequest]:
        """Hold everything against everything; the rows, oldest first."""
        assert not self.seam.wrong, self.seam.wrong
        rows = list(UnlockRequest.objects.raw(*self._rows_sql))
        self._one_at_a_time(rows)
        self._final(rows)
        self._on_record(rows)
        for row in rows:
            self._sent_once(row)
            self._honest(row)
        strays = [posted for posted in self.seam.posted if posted.request is None]
        assert strays == [], "G1: sent without a request"
        return rows

    def nothing_is_open(self) -> None:
        """G5, after a sweep past the bounds."""
        still = UnlockRequest.objects.filter(building__in=self.buildings).open()
        assert not still.exists(), f"G5: {list(still)}"

    def chains_are_whole(self) -> None:
        """G7, by the command's own means."""
        for building in self.buildings:
            broken = [report for report in verify_chains(building=building) if not report.is_whole]
            assert broken == []

    def _one_at_a_time(self, rows: list[UnlockRequest]) -> None:
        doors = [row.device_id for row in rows if row.status in OPEN]
        assert len(doors) == len(set(doors)), "G4: two unfinished requests of one door"
        owned = [row.action_attempt_id for row in rows if row.action_attempt_id]
        assert len(owned) == len(set(owned)), "G6: two requests with one attempt"

    def _final(self, rows: list[UnlockRequest]) -> None:
        assert set(self._seen) <= {row.pk for row in rows}, "G7: a request is gone"
        for row in rows:
            before = self._seen.get(row.pk)
            if before and before.status in ENDED:
                changed = [
                    name
                    for name in FINAL
                    # Another machine's clock moves all times alike.
                    if name != "ended_at" and getattr(row, name) != getattr(before, name)
                ]
                assert changed == [], f"G6: {row.pk} had ended, and then changed its {changed}"
            elif before:
                back = before.status != "sending" and row.status == "sending"
                back = back or (before.status, row.status) == ("unknown", "pending")
                assert not back, f"G6: {row.pk} went from {before.status} to {row.status}"
            self._seen[row.pk] = row

    def _on_record(self, rows: list[UnlockRequest]) -> None:
        kinds = defaultdict(list)
        refusals = 0
        for request, kind in fetch(self._events_sql):
            refusals += kind in REFUSED
            if request is not None:
                kinds[request].append(kind)
        assert set(kinds) == {row.pk for row in rows}, "G7: requests and events differ"
        for row in rows:
            told = path(kinds[row.pk])
            assert told == row.status, f"G7: {row.pk} is {row.status}; the record says {told}"
        verdicts = fetch(self._presses_sql)
        sent = sorted(request for verdict, request, _ in verdicts if verdict == Verdict.SENT)
        assert sent == [row.pk for row in rows], "G2: each request has one press that was sent"
        first = sum(
            verdict == Verdict.REFUSED and counts_for is None for verdict, _, counts_for in verdicts
        )
        assert first == refusals, "G1: a refused press without an event, or the reverse"

    def _sent_once(self, row: UnlockRequest) -> None:
        posted = self.seam.asked_for(row.pk)
        assert sum(one.took for one in posted) <= 1, f"G2: {row.pk} took effect twice"
        if posted:
            assert row.code not in NEVER_SENT, f"G6: {row.pk} was sent, and says it was not"
        elif row.status != "sending":
            never = row.code in NEVER_SENT or row.status == "unknown"
            assert never, f"G6: {row.pk} was never sent, and is {row.status}"

    def _honest(self, row: UnlockRequest) -> None:
        """G6: never more than Seam itself has said, and nothing else than what is true."""
        made = self.seam.attempts.get(row.action_attempt_id)
        has_said = made.has_said if made else set()
        if made and not row.inferred:
            assert made.request == row.pk, f"G6: {row.pk} has the attempt of another"
        if made:
            assert made.action == row.action, f"G6: {row.pk} has an attempt to {made.action}"
        if row.status in ("unlocked", "locked"):
            assert row.status == f"{row.action}ed", f"G6: {row.pk} was to {row.action}"
            assert "success" in has_said, f"G6: {row.pk} says {row.status}"
        if row.status == "failed" and row.may_still_act:
            assert "error" in has_said, f"G6: {row.pk} says that the lock reported an error"
        if row.status == "failed" and not row.may_still_act:
            for posted in self.seam.asked_for(row.pk):
                proven = posted.attempt.status == "error" or "error" in posted.attempt.has_said
                proven = proven and row.error_type in NOTHING_MOVED
                assert proven or not posted.took, f"G6: {row.pk} says failed, it may have moved"
        if row.status == "pending":
            assert made, f"G6: {row.pk} says pending; Seam never said so"
        ended = row.status in ENDED
        assert (row.ended_at is not None) == ended, f"G6: {row.pk} and its end"
        assert (row.confirmed_by_device is None) or row.status in ("unlocked", "locked")
