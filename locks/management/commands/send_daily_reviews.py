"""`manage.py send_daily_reviews`: the daily mails that are due, by hand or from cron."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from locks.services.daily_reviews import send_daily_reviews


class Command(BaseCommand):
    help = (
        "Mail each manager who wants it what is open in the review queue of their buildings, once a "
        "day from 07:00 on; nobody gets an empty mail. Beat does it. Exit codes: 0 done, 1 a mail "
        "could not be sent (the next run tries again)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--early", action="store_true", help="do not wait for 07:00")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        report = send_daily_reviews(early=options["early"])
        if options["json"]:
            self.stdout.write(json.dumps(report.as_dict(), indent=2))
        else:
            self.stdout.write(
                f"{report.sent} sent, {report.failed} failed, {report.empty} had nothing open,"
                f" {report.without_address} have no address."
            )
        if report.failed:
            raise CommandError("Not every mail could be sent.", returncode=1)
