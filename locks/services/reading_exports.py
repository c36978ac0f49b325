"""Checking an export offline: its bytes, hashes, order and manifest, without the database."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from locks.models.audit import GENESIS
from locks.services.checkpoints import canonical, public_key, require_signature
from locks.services.errors import ServiceError

LONGEST_EVENT = 1024 * 1024  # bytes of a line; an event's detail is far shorter
LONGEST_LINE = 64 * LONGEST_EVENT  # the manifest tells of every chain, and of every gap


@dataclass
class ExportReport:
    """What was found in an export: `problems` name each event or line that does not fit.

    `proves` is the manifest's own word, "complete" or "unaltered"; "" where it cannot be believed.
    `signed_by` is the public key whose signature holds, or "". Anybody can sign: only where it is
    `vouched` for, it is the key that was to have signed.
    """

    rows: int = 0
    proves: str = ""
    signed: bool = False
    signed_by: str = ""
    vouched: bool = False
    problems: list[str] = field(default_factory=list)
    manifest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {**asdict(self), "holds": self.holds}


def check_export(path: Path, *, trusted: str = "") -> ExportReport:
    """Check an NDJSON or CSV export in constant memory.

    `trusted` is the public key that must have signed the manifest; by default that of
    AUDIT_SIGNING_KEY, where it is set. Raises ServiceError where the
    file cannot be read or is no export; OSError is turned into it.
    """
    try:
        with path.open("rb") as file:
            return _Check((trusted or public_key()).lower()).run(_lines(file))
    except OSError as error:
        raise ServiceError(_("The file cannot be read.")) from error


def _lines(file: Any) -> Iterator[bytes]:
    while line := file.readline(LONGEST_LINE):
        yield line


class _Check:
    def __init__(self, trusted: str) -> None:
        self.trusted = trusted
        self.report = ExportReport()
        self.digest = hashlib.sha256()
        self.ends: dict[str, tuple[int, str]] = {}  # of each chain: last sequence and hash
        self.firsts: dict[str, int] = {}
        self.counts: dict[str, int] = {}

    def run(self, lines: Iterator[bytes]) -> ExportReport:
        held = next(lines, b"")
        ndjson = held.startswith(b"{")
        if not ndjson and not held.startswith(b"chain,"):
            raise ServiceError(_("This is not an export of the record."))
        number = 1
        for line in lines:
            self._take(held, number, ndjson)
            held, number = line, number + 1
        self._finish(held, ndjson)
        return self.report

    def _problem(self, text: str) -> None:
        if len(self.report.problems) < 50:
            self.report.problems.append(text)

    def _take(self, line: bytes, number: int, ndjson: bool) -> None:
        self.digest.update(line)
        if not ndjson:
            return
        self.report.rows += 1
        try:
            if len(line) > LONGEST_EVENT:
                raise ValueError
            entry = json.loads(line)
            if "unreadable" in entry:
                self._note_unreadable(entry)
            else:
                self._check(entry["event"], entry["hash"], entry["detail"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self._problem(_("line %(number)d is no event") % {"number": number})

    def _note_unreadable(self, entry: dict[str, Any]) -> None:
        self.report.rows -= 1  # no event: the manifest counts it apart
        where = f"{entry['chain']} {entry['unreadable']}"
        self._problem(_("%(where)s could not be read when the export was made") % {"where": where})

    def _check(self, event: dict[str, Any], claimed: str, detail: dict[str, Any] | None) -> None:
        chain, sequence = str(event["chain"]), int(event["sequence"])
        where = f"{chain} {sequence}"
        if hashlib.sha256(canonical(event)).hexdigest() != claimed:
            self._problem(_("%(where)s was changed: its hash differs") % {"where": where})
        if detail is not None:
            data = bytes.fromhex(detail["salt"]) + detail["body"].encode()
            if hashlib.sha256(data).hexdigest() != event["detail"]:
                self._problem(_("%(where)s: its detail was changed") % {"where": where})
        before, last_hash = self.ends.get(chain, (0, GENESIS if sequence == 1 else ""))
        if sequence <= before:
            self._problem(_("%(where)s stands out of order") % {"where": where})
        if sequence == before + 1 and last_hash and event["previous"] != last_hash:
            self._problem(_("%(where)s does not continue the one before") % {"where": where})
        self.ends[chain] = (sequence, claimed)
        self.firsts.setdefault(chain, sequence)
        self.counts[chain] = self.counts.get(chain, 0) + 1

    def _finish(self, line: bytes, ndjson: bool) -> None:
        try:
            text = line.decode()
            if not ndjson:
                mark, text = next(csv.reader(io.StringIO(text)))
                if mark != "#manifest":
                    raise ValueError
            manifest = json.loads(text)
            self._check_manifest(manifest, ndjson)
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError):
            self._problem(_("the manifest at its end is missing or cut off"))

    def _check_manifest(self, manifest: dict[str, Any], ndjson: bool) -> None:
        self.report.manifest = {n: value for n, value in manifest.items() if n != "signature"}
        self.report.signed = self._is_signed(
            manifest, _("the manifest was not signed by this key, or changed since")
        )
        self.report.signed_by = manifest["key"] if self.report.signed else ""
        self.report.vouched = self.report.signed and bool(self.trusted)
        self._is_signed(
            manifest["checkpoint"],
            _("the checkpoint was not signed by this key, or changed since"),
        )
        if manifest["sha256"] != self.digest.hexdigest():
            self._problem(_("the lines do not match the manifest's SHA-256"))
        if not ndjson:
            self.report.rows = manifest["rows"]
        elif manifest["rows"] != self.report.rows:
            self._problem(_("the manifest counts other rows"))
        if manifest["proves"] == "complete":
            self._check_one_chain(manifest)
        if ndjson:
            self._check_ends(manifest)
        if self.report.holds:
            self.report.proves = manifest["proves"]

    def _check_one_chain(self, manifest: dict[str, Any]) -> None:
        known = [point["chain"] for point in manifest["checkpoint"]["chains"]]
        if len(known) != 1 or not set(manifest["chains"]) <= set(known):
            self._problem(_("it is called complete and is not of one chain"))

    def _is_signed(self, signed: dict[str, Any], otherwise: str) -> bool:
        """Whether its signature holds; `otherwise` is the problem where it does not, or has to be."""
        message = {name: value for name, value in signed.items() if name != "signature"}
        if signed["signature"] is None and not self.trusted:
            return False
        try:
            require_signature(
                canonical(message), signed["signature"], signed["key"] or "", self.trusted
            )
        except ServiceError:
            self._problem(otherwise)
            return False
        return True

    def _check_ends(self, manifest: dict[str, Any]) -> None:
        for chain, told in manifest["chains"].items():
            last = (told["last"]["sequence"], told["last"]["hash"])
            if self.ends.get(chain) != last or self.counts.get(chain) != told["events"]:
                self._problem(_("%(chain)s does not end as the manifest says") % {"chain": chain})
        if set(manifest["chains"]) != set(self.ends):
            self._problem(_("the manifest names other chains"))
        if manifest["proves"] == "complete":
            self._check_complete(manifest)

    def _check_complete(self, manifest: dict[str, Any]) -> None:
        for chain, (last, _hash) in self.ends.items():
            if last - self.firsts[chain] + 1 != self.counts[chain]:
                self._problem(_("%(chain)s has events left out") % {"chain": chain})
        points = {p["chain"]: (p["length"], p["head"]) for p in manifest["checkpoint"]["chains"]}
        whole = {chain for chain, (length, _head) in points.items() if length}
        if "since" not in manifest["filters"] and "until" not in manifest["filters"]:
            for chain in whole - set(self.ends):
                self._problem(_("%(chain)s is left out") % {"chain": chain})
        for chain, end in self.ends.items():
            if "since" not in manifest["filters"] and self.firsts[chain] != 1:
                self._problem(_("%(chain)s does not begin at its beginning") % {"chain": chain})
            if "until" not in manifest["filters"] and points.get(chain) != end:
                self._problem(_("%(chain)s does not end at its checkpoint") % {"chain": chain})
            elif end[0] > points.get(chain, end)[0]:
                self._problem(_("%(chain)s ends beyond its checkpoint") % {"chain": chain})
