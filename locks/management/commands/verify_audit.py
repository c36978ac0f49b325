"""`manage.py verify_audit`: prove that nothing in the record was changed, removed or put in."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from locks.management.files import checkpoint_in
from locks.management.moments import moment
from locks.models import Building
from locks.services.checkpoints import Checkpoint, from_paper
from locks.services.errors import BadInput, ServiceError
from locks.services.reading_exports import ExportReport, check_export
from locks.services.verifying import ChainReport, verify_chains


class Command(BaseCommand):
    help = (
        "Walk the record's chains from their first event and compute every hash again; "
        "docs/record.md describes them. Exit codes: 0 every chain is whole and its times are in "
        "order, 1 a chain is broken (its first broken event is named), contradicts the checkpoint, "
        "or has a time that is odd, 2 a wrong option."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--building", type=int, metavar="ID", help="only the chain of this building"
        )
        parser.add_argument(
            "--since",
            type=moment,
            metavar="TIME",
            help="begin there (2026-03-01, or 2026-03-01T02:00+01:00) and trust what is before it, "
            "as far as the checkpoint does not know it",
        )
        parser.add_argument(
            "--checkpoint",
            type=Path,
            metavar="FILE",
            help="each chain must still hold what this checkpoint says of it",
        )
        parser.add_argument(
            "--paper",
            nargs="+",
            metavar=("EVENTS", "HASH"),
            help="the building's chain must still hold what the foot of a printed hand-over sheet says "
            "of it: how many events it had, and the hash of the last",
        )
        parser.add_argument(
            "--public-key",
            default="",
            metavar="HEX",
            help="the key that must have signed it (by default that of AUDIT_SIGNING_KEY)",
        )
        parser.add_argument(
            "--export",
            type=Path,
            metavar="FILE",
            help="check this export instead, offline: no database is touched",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        self._require_sense(options)
        if options["export"] is not None:
            self._check_export(options["export"], options["public_key"], as_json=options["json"])
            return
        building = None
        if options["building"] is not None:
            building = Building.objects.filter(pk=options["building"]).first()
            if building is None:
                raise CommandError(f"There is no building {options['building']}.", returncode=2)
        checkpoint = checkpoint_in(options["checkpoint"], trusted=options["public_key"])
        if building is not None and options["paper"]:
            checkpoint = _on_paper(building, *options["paper"])
        reports = list(
            verify_chains(building=building, since=options["since"], checkpoint=checkpoint)
        )
        whole = all(report.is_whole for report in reports)
        sound = all(report.is_sound for report in reports)
        if options["json"]:
            chains = [report.as_dict() for report in reports]
            self.stdout.write(
                json.dumps({"whole": whole, "sound": sound, "chains": chains}, indent=2)
            )
        else:
            for report in reports:
                for text in lines(report):
                    self.stdout.write(text)
        if not whole:
            raise CommandError("The record is broken.", returncode=1)
        if not sound:
            raise CommandError("The record is whole, and times in it are odd.", returncode=1)

    def _require_sense(self, options: dict[str, Any]) -> None:
        """Nobody is to believe that something was checked which was not looked at."""
        of_the_database = [
            name for name in ("building", "since", "checkpoint", "paper") if options[name]
        ]
        if options["export"] is not None and of_the_database:
            raise CommandError(f"--export goes without --{of_the_database[0]}.", returncode=2)
        if options["public_key"] and options["export"] is options["checkpoint"] is None:
            raise CommandError("--public-key goes with --checkpoint or --export.", returncode=2)
        if options["paper"] and (options["building"] is None or options["checkpoint"]):
            raise CommandError(
                "--paper goes with --building, and without --checkpoint.", returncode=2
            )

    def _check_export(self, path: Path, trusted: str, *, as_json: bool) -> None:
        try:
            report = check_export(path, trusted=trusted)
        except ServiceError as refusal:
            raise CommandError(f"{path}: {refusal}", returncode=2) from None
        if as_json:
            self.stdout.write(json.dumps(report.as_dict(), indent=2))
        elif report.holds:
            self.stdout.write(f"holds   {report.rows} events, {report.proves}, {_signed(report)}")
        else:
            for problem in report.problems:
                self.stdout.write(f"BROKEN  {problem}")
        if not report.holds:
            raise CommandError("The export does not hold.", returncode=1)


def _on_paper(building: Building, events: str, *head: str) -> Checkpoint:
    """The hash may come in groups, as it is printed."""
    try:
        return from_paper(building=building, events=events, head="".join(head))
    except BadInput as refusal:
        raise CommandError(str(refusal), returncode=2) from None


def _signed(report: ExportReport) -> str:
    if not report.signed:
        return "not signed"
    if report.vouched:
        return "signed"
    return f"signed by {report.signed_by}, which nobody vouched for"


def lines(report: ChainReport) -> list[str]:
    """One chain in one line, and one more for each event whose time is odd."""
    if report.broken:
        where = f"at event {report.broken.sequence}" if report.broken.sequence else "as such"
        told = [f"BROKEN  {report.key}  {where}: {report.broken.why}"]
    else:
        told = [f"whole   {report.key}  {report.events} events  head {report.head}"]
    told += [f"ODD     {report.key}  event {flag.sequence}: {flag.why}" for flag in report.flags]
    if report.flagged > len(report.flags):
        told.append(f"ODD     {report.key}  {report.flagged - len(report.flags)} more events")
    return told
