"""A checker of the record by another hand: written from docs/record.md alone, knowing nothing of accessdesk.

Only the standard library, and `cryptography` for Ed25519. What it finds is a list of sentences; an
empty one means that everything fits.
"""

# ruff: noqa: S608  # the numbers put into SQL come from the database itself

import csv
import datetime as dt
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Row = dict[str, Any]
Query = Callable[[str], list[Row]]  # runs SQL and returns rows by the names of their columns
NOTHING_BEFORE = "0" * 64
STRIDE = 2**40
CSV_HEADER = [
    "chain", "sequence", "at", "kind", "building", "door", "person", "username", "reason",
    "identified_by", "request", "actor", "device", "detail", "hash",
    "identified_as", "note", "reference",
]  # fmt: skip
FORMULA = "=+-@\t\r\n＝＋－＠"
MEMBERS = {
    "actor", "at", "chain", "detail", "device", "format", "kind", "previous", "request", "sequence",
}  # fmt: skip


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def hash_of(event: Row) -> str:
    """The hash of an event that is given by the ten members of the page."""
    if set(event) != MEMBERS:
        raise ValueError(f"these are not the ten members: {sorted(event)}")
    return sha256(canonical(event))


def hash_of_detail(salt: str, body: str) -> str:
    return sha256(bytes.fromhex(salt) + body.encode())


def as_event(row: Row, key: str) -> Row:
    """The ten members, of a row of `locks_auditevent` and its chain's key."""
    at = row["at"]
    if isinstance(at, str):  # SQLite hands over text in UTC
        at = dt.datetime.fromisoformat(at).replace(tzinfo=dt.UTC)
    return {
        "actor": row["actor_id"],
        "at": at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "chain": key,
        "detail": row["detail_hash"],
        "device": row["device_id"],
        "format": row["format"],
        "kind": row["kind"],
        "previous": row["previous_hash"],
        "request": row["request_id"],
        "sequence": row["sequence"],
    }


# --- The database -----------------------------------------------------------------------------


def check_database(query: Query, checkpoint: Row | None = None) -> list[str]:
    """What does not fit in any chain; `checkpoint` is one that `read_checkpoint` returned."""
    chains = query("SELECT * FROM locks_auditchain ORDER BY id")
    found = [problem for chain in chains for problem in _check_chain(query, chain)]
    for row in query(
        "SELECT id FROM locks_auditevent WHERE chain_id NOT IN (SELECT id FROM locks_auditchain)"
    ):
        found.append(f"event {row['id']} is without its chain")
    for row in query(
        "SELECT event_id FROM locks_auditdetail"
        " WHERE event_id NOT IN (SELECT id FROM locks_auditevent)"
    ):
        found.append(f"detail {row['event_id']} is without its event")
    ids = {chain["key"]: chain["id"] for chain in chains}
    for point in checkpoint["chains"] if checkpoint else ():
        found += _check_point(query, point, ids.get(point["chain"]))
    return found


def _check_chain(query: Query, chain: Row) -> Iterator[str]:
    key, building = chain["key"], chain["building_id"]
    if key != ("organisation" if building is None else f"building-{building}"):
        yield f"{key} does not name its building"
    rows = query(f"SELECT * FROM locks_auditevent WHERE chain_id = {chain['id']} ORDER BY sequence")
    details = {
        row["event_id"]: row
        for row in query(
            "SELECT d.* FROM locks_auditdetail d JOIN locks_auditevent e ON e.id = d.event_id"
            f" WHERE e.chain_id = {chain['id']}"
        )
    }
    number, previous = 0, NOTHING_BEFORE
    for number, row in enumerate(rows, 1):
        if not _fits(row, key, chain["id"], number, previous):
            yield f"{key} event {number}"
        elif (detail := details.get(row["id"])) is None:
            yield f"{key} event {number} has no detail"
        elif not _detail_fits(detail["salt"], detail["body"], row["detail_hash"]):
            yield f"{key} detail {number}"
        previous = row["hash"]
    if (chain["length"], chain["head"]) != (number, previous):
        yield f"{key} head"


def _fits(row: Row, key: str, chain_id: int, number: int, previous: str) -> bool:
    try:
        return (
            row["sequence"] == number
            and row["id"] == chain_id * STRIDE + number
            and row["format"] == 1
            and row["previous_hash"] == previous
            and row["hash"] == hash_of(as_event(row, key))
        )
    except (TypeError, ValueError, AttributeError):
        return False


def _detail_fits(salt: str, body: str, claimed: str) -> bool:
    try:
        return isinstance(json.loads(body), dict) and hash_of_detail(salt, body) == claimed
    except (TypeError, ValueError):
        return False


def _check_point(query: Query, point: Row, chain_id: int | None) -> Iterator[str]:
    if point["length"] == 0:
        return
    if chain_id is None:
        yield f"{point['chain']} is no more"
        return
    place = chain_id * STRIDE + point["length"]
    heads = [row["hash"] for row in query(f"SELECT hash FROM locks_auditevent WHERE id = {place}")]
    if heads != [point["head"]]:
        yield f"{point['chain']} contradicts the checkpoint at {point['length']}"


# --- Checkpoints and other signed objects -------------------------------------------------------


def signature_problems(content: Row, public_key: str = "") -> list[str]:
    """Whether `content` is signed rightly; by `public_key`, where one is given."""
    unsigned = {name: value for name, value in content.items() if name != "signature"}
    signature, key = content["signature"], content["key"]
    if signature is None:
        return ["it is not signed"] if public_key else []
    if public_key and key != public_key:
        return ["it is signed by another key"]
    try:
        verifier = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        verifier.verify(bytes.fromhex(signature), canonical(unsigned))
    except (InvalidSignature, TypeError, ValueError):
        return ["its signature does not fit"]
    return []


def read_checkpoint(text: str, public_key: str = "") -> Row:
    """The checkpoint, once its form and signature were checked. Raises ValueError."""
    content = json.loads(text)
    members = {"chains", "checkpoint", "key", "made_at", "signature"}
    if set(content) != members or content["checkpoint"] != 1:
        raise ValueError("this is no checkpoint")
    if canonical(content).decode() != text.strip():
        raise ValueError("this is not in canonical form")
    for point in content["chains"]:
        if set(point) != {"chain", "head", "length"}:
            raise ValueError("this is no end of a chain")
    if problems := signature_problems(content, public_key):
        raise ValueError(problems[0])
    dt.datetime.strptime(content["made_at"], "%Y-%m-%dT%H:%M:%S.%f%z")
    return dict(content)


# --- Exports ----------------------------------------------------------------------------------


@dataclass
class Export:
    """What was found in a file: how many events, what it proves ("" for nothing), what does not fit."""

    rows: int = 0
    proves: str = ""
    problems: list[str] = field(default_factory=list)
    manifest: Row = field(default_factory=dict)


def check_export(path: Path, public_key: str = "") -> Export:
    """Check an NDJSON or CSV export from the file alone."""
    data = path.read_bytes()
    export = Export()
    check = _check_csv if data.startswith(b"chain,") else _check_ndjson
    try:
        check(export, data)
        export.problems += signature_problems(export.manifest, public_key)
        export.problems += signature_problems(export.manifest["checkpoint"], public_key)
    except (KeyError, IndexError, TypeError, ValueError, StopIteration) as problem:
        export.problems.append(f"this is no whole export: {problem!r}")
    if not export.problems:
        export.proves = export.manifest["proves"]
    return export


def _check_ndjson(export: Export, data: bytes) -> None:
    *lines, last = data.splitlines(keepends=True)
    export.manifest = json.loads(last)
    by_chain: dict[str, list[Row]] = {}
    entries = []
    for line in lines:
        entry = json.loads(line)
        if set(entry) == {"chain", "unreadable"}:
            export.problems.append(f"{entry['chain']} event {entry['unreadable']} was unreadable")
            continue
        entries.append(entry)
        if canonical(entry) + b"\n" != line or set(entry) != {"event", "hash", "detail"}:
            export.problems.append("a line is not in the page's form")
        by_chain.setdefault(entry["event"]["chain"], []).append(entry)
    _check_manifest(export, b"".join(lines), len(entries), "ndjson")
    for key, chain in by_chain.items():
        export.problems += _check_exported(key, chain)
        if export.manifest["proves"] == "complete":
            export.problems += _check_complete(key, chain, export.manifest)
    ends = {key: _ends(chain) for key, chain in by_chain.items()}
    if ends != export.manifest["chains"]:
        export.problems.append("the manifest tells of other ends")
    if export.manifest["proves"] == "complete":
        points = export.manifest["checkpoint"]["chains"]
        whole = {point["chain"] for point in points if point["length"]}
        of_a_time = {"since", "until"} & set(export.manifest["filters"])
        if not (of_a_time or set(by_chain) == whole):
            export.problems.append("it is called complete and lacks a chain")


def _check_exported(key: str, chain: list[Row]) -> Iterator[str]:
    before: Row | None = None
    for entry in chain:
        event, detail = entry["event"], entry["detail"]
        where = f"{key} event {event['sequence']}"
        if event["format"] != 1 or hash_of(event) != entry["hash"]:
            yield where
        if detail and not _detail_fits(detail["salt"], detail["body"], event["detail"]):
            yield f"{key} detail {event['sequence']}"
        if event["sequence"] == 1 and event["previous"] != NOTHING_BEFORE:
            yield f"{where} is not the first"
        if before is not None:
            step = event["sequence"] - before["event"]["sequence"]
            if step < 1 or (step == 1 and event["previous"] != before["hash"]):
                yield f"{where} does not follow"
        before = entry


def _check_complete(key: str, chain: list[Row], manifest: Row) -> Iterator[str]:
    sequences = [entry["event"]["sequence"] for entry in chain]
    if sequences != list(range(sequences[0], sequences[0] + len(sequences))):
        yield f"{key} has a gap"
    if "since" not in manifest["filters"] and sequences[0] != 1:
        yield f"{key} does not begin at its beginning"
    (point,) = [each for each in manifest["checkpoint"]["chains"] if each["chain"] == key]
    if "until" not in manifest["filters"]:
        if (point["length"], point["head"]) != (sequences[-1], chain[-1]["hash"]):
            yield f"{key} does not end at its checkpoint"
    elif sequences[-1] > point["length"]:
        yield f"{key} ends beyond its checkpoint"


def _ends(chain: list[Row]) -> Row:
    first, last = (
        {"sequence": each["event"]["sequence"], "hash": each["hash"], "at": each["event"]["at"]}
        for each in (chain[0], chain[-1])
    )
    return {"events": len(chain), "first": first, "last": last}


def _check_manifest(export: Export, data: bytes, rows: int, form: str) -> None:
    export.rows = rows
    if export.manifest["sha256"] != sha256(data):
        export.problems.append("the bytes are others than the manifest's")
    if (export.manifest["rows"], export.manifest["form"]) != (rows, form):
        export.problems.append("the manifest counts others")
    if export.manifest["manifest"] != 1 or export.manifest["proves"] not in _PROVES:
        export.problems.append("the manifest's form is not known")
    known = [point["chain"] for point in export.manifest["checkpoint"]["chains"]]
    of_one = len(known) == 1 and set(export.manifest["chains"]) <= set(known)
    if export.manifest["proves"] == "complete" and not of_one:
        export.problems.append("it is called complete and is not of one chain")


_PROVES = ("complete", "unaltered")


def _check_csv(export: Export, data: bytes) -> None:
    """CSV is for reading: its bytes and manifest are checked, and that no cell is a formula."""
    start = data.rindex(b"\r\n", 0, -2) + 2  # where the last row begins
    header, *rows, (mark, manifest) = csv.reader(io.StringIO(data.decode(), newline=""))
    if mark != "#manifest":
        raise ValueError("there is no manifest")
    export.manifest = json.loads(manifest)
    if header != CSV_HEADER or any(len(row) != len(header) for row in rows):
        export.problems.append("the columns are others")
    if any(cell and cell[0] in FORMULA for row in rows for cell in row):
        export.problems.append("a spreadsheet would run a cell")
    _check_manifest(export, data[:start], len(rows), "csv")
    counted = dict.fromkeys(export.manifest["chains"], 0)
    for row in rows:
        counted[row[0]] += 1
    if counted != {key: told["events"] for key, told in export.manifest["chains"].items()}:
        export.problems.append("the manifest counts others in a chain")
