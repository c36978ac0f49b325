"""`manage.py catch_up_events`: read the events that Seam's webhooks did not bring."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from locks.management.moments import moment
from locks.services.catching_up import catch_up_events
from locks.services.errors import ServiceError


class Command(BaseCommand):
    help = (
        "Read Seam's events since they were last known whole: after an outage of the webhooks' "
        "receiver, or where there is none. Beat does it every five minutes. Exit codes: 0 read to "
        "the end, 1 Seam cannot be read, or it is being done already."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--since",
            type=moment,
            metavar="TIME",
            help="begin there at the latest, such as 2026-03-01T02:00+01:00 (30 days back at most)",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = catch_up_events(since=options["since"])
        except ServiceError as refusal:
            raise CommandError(str(refusal), returncode=1) from None
        if options["json"]:
            self.stdout.write(json.dumps(report.as_dict(), indent=2))
            return
        self.stdout.write(
            f"{report.listed} events since {report.since:%Y-%m-%d %H:%M} UTC, {report.new} of them"
            f" new, {report.missed} missed by the webhooks."
        )
        if report.gap:
            self.stdout.write("The time before that is a gap; the record notes it.")
