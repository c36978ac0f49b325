"""The rows of an export: read in bounded batches, written as NDJSON or CSV.

The formats are described in docs/record.md.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from django.db import DatabaseError
from django.db.models import QuerySet

from locks.models import AuditChain, AuditDetail, AuditEvent
from locks.models.audit import CHAIN_STRIDE, timestamp
from locks.models.unlocks import SAID
from locks.services.checkpoints import canonical
from locks.services.errors import DATABASE_GONE

Form = Literal["ndjson", "csv"]
BATCH: Final = 1000  # events held in memory at a time
# What a spreadsheet would take for a formula (OWASP, "CSV injection"); tab and return hide one.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
COLUMNS: Final = (
    "chain", "sequence", "at", "kind", "building", "door", "person", "username", "reason",
    "identified_by", "request", "actor", "device", "detail", "hash",
    "identified_as", "note", "reference",
)  # fmt: skip
CANNOT_BE_READ: Final = "cannot be read"  # what a CSV tells of an event that is none any more


@dataclass(frozen=True)
class Row:
    """An event in its chain, and its detail, if it still has one.

    Without the event where one of its columns holds what none can hold (SQLite lets a stranger
    write anything): the export says so in its place, and goes on.
    """

    pk: int
    chain: AuditChain
    event: AuditEvent | None = None
    detail: AuditDetail | None = None

    @property
    def sequence(self) -> int:
        return self.pk - self.chain.pk * CHAIN_STRIDE


@dataclass(frozen=True)
class Writing:
    """How a form writes: what comes first, a row, and the manifest at the end."""

    head: bytes
    line: Callable[[Row], bytes]
    last: Callable[[bytes], bytes]


def batches(events: QuerySet[AuditEvent], chain: AuditChain) -> Iterator[list[Row]]:
    """All `events`, which are of `chain`, by their place, some at a time."""
    # Events and details that name each other would wait for the garbage collector.
    ordered = events.order_by("pk").select_related(None)
    last = 0
    while batch := _batch(ordered.filter(pk__gt=last), chain):
        yield batch
        last = batch[-1].pk


def _batch(later: QuerySet[AuditEvent], chain: AuditChain) -> list[Row]:
    try:
        return _read(later[:BATCH], chain)
    except DATABASE_GONE as gone:
        if not _is_about_a_value(gone):
            raise
    except (AttributeError, TypeError, ValueError, DatabaseError) as odd:
        if isinstance(odd, DatabaseError) and not _is_about_a_value(odd):
            raise
    # A column holds what its type cannot: read one by one, all others are had.
    return [_one(pk, chain) for pk in later.values_list("pk", flat=True)[:BATCH]]


def _read(chosen: QuerySet[AuditEvent], chain: AuditChain) -> list[Row]:
    events = list(chosen)
    details = AuditDetail.objects.in_bulk([event.pk for event in events])
    for event in events:
        event.chain = chain
        event.canonical()  # raises where a column cannot be what is hashed
    return [Row(event.pk, chain, event, details.get(event.pk)) for event in events]


def _one(pk: int, chain: AuditChain) -> Row:
    try:
        return _read(AuditEvent.objects.filter(pk=pk), chain)[0]
    except (AttributeError, TypeError, ValueError, DatabaseError) as odd:
        if isinstance(odd, DatabaseError) and not _is_about_a_value(odd):
            raise
        return Row(pk, chain)


def _is_about_a_value(error: Exception) -> bool:
    """Whether SQLite only says that a text is none."""
    return "decode to UTF-8" in str(error)


def _ndjson(row: Row) -> bytes:
    """One event with all that its hashes are made of."""
    if row.event is None:
        return canonical({"chain": row.chain.key, "unreadable": row.sequence}) + b"\n"
    kept = row.detail
    hashed = json.loads(row.event.canonical())
    detail = {"salt": _text(kept.salt), "body": _text(kept.body)} if kept else None
    return canonical({"event": hashed, "hash": _text(row.event.hash), "detail": detail}) + b"\n"


def _text(value: object) -> str:
    """Text, even where somebody wrote something else into a column of text (SQLite lets them)."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _csv(row: Row) -> bytes:
    event, detail = row.event, row.detail.content if row.detail else {}
    told = {"chain": row.chain.key, "sequence": row.sequence}
    if event is None:
        return _csv_row([{**told, "detail": CANNOT_BE_READ}.get(name, "") for name in COLUMNS])
    told |= {name: detail.get(name, "") for name in ("building", "door", "person", "username")}
    told |= {name: detail.get(name, "") for name in SAID}
    told |= {"at": timestamp(event.at), "kind": event.kind, "request": event.request_id}
    told |= {"actor": event.actor_id, "device": event.device_id, "hash": event.hash}
    told["detail"] = json.dumps(detail, sort_keys=True, ensure_ascii=False)
    return _csv_row([told[name] for name in COLUMNS])


def _csv_row(values: Iterable[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow([_disarmed(value) for value in values])
    return text.getvalue().encode(errors="backslashreplace")  # lone surrogates


def _disarmed(value: Any) -> Any:
    """Text that no spreadsheet takes for a formula: an apostrophe stands before it."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value


FORMS: Final[dict[Form, Writing]] = {
    "ndjson": Writing(b"", _ndjson, lambda manifest: manifest + b"\n"),
    "csv": Writing(
        _csv_row(COLUMNS), _csv, lambda manifest: _csv_row(("#manifest", manifest.decode()))
    ),
}
