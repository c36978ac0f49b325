"""`manage.py sync_devices`: bring the doors in line with what Seam lists."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from locks.services.errors import ServiceError
from locks.services.inventory import SyncReport, sync_devices


class Command(BaseCommand):
    help = (
        "Read the locks from Seam: add new doors (in no building, private), bring health and names "
        "at Seam up to date, mark those gone that Seam no longer lists. Labels stay; nothing is "
        "deleted. Exit codes: 0 done, 1 Seam could not be read, or its list is refused; nothing "
        "was changed then."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--allow-other-workspace",
            action="store_true",
            help="accept a key of another workspace; the doors of the old one are marked gone",
        )
        parser.add_argument(
            "--allow-empty",
            action="store_true",
            help="accept an empty list; every known door is marked gone",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = sync_devices(
                allow_other_workspace=options["allow_other_workspace"],
                allow_empty=options["allow_empty"],
            )
        except ServiceError as error:
            raise CommandError(str(error), returncode=1) from None
        if options["json"]:
            self.stdout.write(json.dumps(report.as_dict(), indent=2))
        else:
            self.stdout.write("\n".join(lines(report)))


def lines(report: SyncReport) -> list[str]:
    """The report for people."""
    sandbox = ", a sandbox: no real door moves" if report.is_sandbox else ""
    counts = ("added", "renamed", "back", "updated", "unchanged", "gone")
    said = ", ".join(f"{getattr(report, word)} {word}" for word in counts)
    found = [
        f"Workspace “{report.workspace}” ({report.workspace_id}{sandbox})",
        f"{report.listed} locks listed: {said}.",
    ]
    if report.unreadable:
        found.append(
            f"{report.unreadable} entries could not be read; so no door was taken for gone."
        )
    return found
