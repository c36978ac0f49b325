"""Of what times something may be missing in the record, as the organisation's chain notes it."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from locks.models import AuditDetail, AuditEvent, Kind

KINDS: Final = (Kind.EVENTS_GAP, Kind.EVENTS_CAUGHT_UP, Kind.RESTORED)
BATCH: Final = 1000


def gaps(since: dt.datetime, until: dt.datetime) -> list[dict[str, Any]]:
    """Those that overlap a time, oldest first; of one kind, those that meet are told as one.

    `at` is when it was noted (of several: last). Memory grows with what is returned alone.
    """
    # What was noted before `since` was over by then.
    noted = AuditEvent.objects.filter(kind__in=KINDS, chain__building=None, at__gte=since)
    found: list[dict[str, Any]] = []
    last: dict[str, dict[str, Any]] = {}
    place = 0
    while batch := list(noted.filter(pk__gt=place).order_by("pk")[:BATCH]):
        details = AuditDetail.objects.in_bulk([event.pk for event in batch])
        for event in batch:
            kept = details.get(event.pk)
            gap = _gap(event, kept.content if kept else {})
            if gap["since"] > until or gap["until"] < since:
                continue
            before = last.get(event.kind)
            if before and gap["since"] <= before["until"] and before["since"] <= gap["until"]:
                before.update(
                    at=gap["at"],
                    since=min(before["since"], gap["since"]),
                    until=max(before["until"], gap["until"]),
                )
            else:
                found.append(gap)
                last[event.kind] = gap
        place = batch[-1].pk
    return found


def _gap(event: AuditEvent, told: dict[str, Any]) -> dict[str, Any]:
    """From when to when; a restore's, and what tells nothing else, ends when it was noted."""
    until = moment_in(told.get("until")) or event.at
    return {
        "kind": event.kind,
        "at": event.at,
        "since": moment_in(told.get("since")) or until,
        "until": until,
    }


def moment_in(text: object) -> dt.datetime | None:
    """The moment that `text` tells with its zone; None where it tells none."""
    try:
        moment = dt.datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
