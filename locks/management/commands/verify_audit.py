"""`manage.py verify_audit`: prove that nothing in the record was changed, removed or put in."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from locks.models import Building
from locks.services.verifying import ChainReport, verify_chains


class Command(BaseCommand):
    help = (
        "Walk the record's chains from their first event and compute every hash again; "
        "docs/record.md describes them. Exit codes: 0 every chain is whole, 1 a chain is broken "
        "(its first broken event is named), 2 a wrong option. Removed details are counted; they "
        "break no chain."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--building", type=int, metavar="ID", help="only the chain of this building"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        building = None
        if options["building"] is not None:
            building = Building.objects.filter(pk=options["building"]).first()
            if building is None:
                raise CommandError(f"There is no building {options['building']}.", returncode=2)
        reports = list(verify_chains(building=building))
        whole = all(report.is_whole for report in reports)
        if options["json"]:
            found = {"whole": whole, "chains": [report.as_dict() for report in reports]}
            self.stdout.write(json.dumps(found, indent=2))
        else:
            for report in reports:
                self.stdout.write(line(report))
        if not whole:
            raise CommandError("The record is broken.", returncode=1)


def line(report: ChainReport) -> str:
    """One chain in one line."""
    if report.broken:
        where = f"at event {report.broken.sequence}" if report.broken.sequence else "as such"
        return f"BROKEN  {report.key}  {where}: {report.broken.why}"
    return f"whole   {report.key}  {report.events} events  head {report.head}"
