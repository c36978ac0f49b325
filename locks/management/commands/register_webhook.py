"""`manage.py register_webhook`: have Seam tell this desk what happens at its doors."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from locks.services.errors import ServiceError
from locks.services.registering import register_webhook


class Command(BaseCommand):
    help = (
        "Register this desk's webhook with Seam and print what to put where. The secret is printed "
        "here and stored nowhere. Exit codes: 0 registered, or it was already, 1 refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("address", help="the desk's own, such as https://desk.example.com")
        parser.add_argument(
            "--again", action="store_true", help="one more, to replace the secret of the first"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            webhook, is_new = register_webhook(options["address"], again=options["again"])
        except ServiceError as refusal:
            raise CommandError(str(refusal), returncode=1) from None
        if options["json"]:
            told = {"webhook_id": webhook.webhook_id, "url": webhook.url, "new": is_new}
            self.stdout.write(json.dumps({**told, "secret": webhook.secret or None}, indent=2))
            return
        word = "Registered" if is_new else "Registered already"
        self.stdout.write(f"{word}: Seam delivers to {webhook.url}")
        if webhook.secret:
            self.stdout.write(
                "Put this into the environment of the web processes, and restart them:"
            )
            self.stdout.write(f"SEAM_WEBHOOK_SECRET={webhook.secret}")
            self.stdout.write("(While one secret replaces another, both, separated by a comma.)")
        else:
            self.stdout.write("Seam did not tell its secret: see Seam's console, or use --again.")
