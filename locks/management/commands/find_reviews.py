"""`manage.py find_reviews`: fill the review queue by its rules, by hand or from cron."""

import datetime as dt
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from locks.services.errors import ServiceError
from locks.services.finding_reviews import LOOKS_BACK, FindingReport, find_reviews


class Command(BaseCommand):
    help = (
        "Put what the rules find into the managers' review queue, each once, and close what has "
        "settled. Beat does it every five minutes. Exit codes: 0 done, 2 it is being done already."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--days",
            type=_days,
            default=LOOKS_BACK.days,
            help="how far to look back (default: %(default)s; at most 90)",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = find_reviews(looks_back=dt.timedelta(days=options["days"]))
        except ServiceError as refusal:
            raise CommandError(str(refusal), returncode=2) from None
        told = json.dumps(report.as_dict(), indent=2) if options["json"] else line(report)
        self.stdout.write(told)


def _days(text: str) -> int:
    days = int(text)
    if not 1 <= days <= 90:
        raise ValueError
    return days


def line(report: FindingReport) -> str:
    """The report for people."""
    new = ", ".join(f"{count} {rule}" for rule, count in report.new.items() if count)
    return f"New: {new or 'none'}. Settled by Seam: {report.settled}. Open now: {report.open}."
