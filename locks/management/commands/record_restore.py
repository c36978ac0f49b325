"""`manage.py record_restore`: put on the record that the database was restored from a backup."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from locks.management.files import checkpoint_in
from locks.services.errors import ServiceError
from locks.services.restoring import RestoredChain, record_restore


class Command(BaseCommand):
    help = (
        "Say on every chain of the record that the database was restored from a backup, since when "
        "events may be missing and, with the last checkpoint from before, how many are. Run it "
        "right after the restore, before accessdesk starts. Exit codes: 0 recorded, 1 the checkpoint "
        "is not believed, 2 a wrong option."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--reason", required=True, metavar="TEXT", help="why; it stays on the record"
        )
        parser.add_argument(
            "--checkpoint",
            type=Path,
            metavar="FILE",
            help="the last checkpoint that was made before the restore",
        )
        parser.add_argument(
            "--public-key", default="", metavar="HEX", help="the key that must have signed it"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        checkpoint = checkpoint_in(options["checkpoint"], trusted=options["public_key"])
        try:
            chains = record_restore(reason=options["reason"], checkpoint=checkpoint)
        except ServiceError as refusal:
            raise CommandError(str(refusal), returncode=2) from None
        if options["json"]:
            self.stdout.write(json.dumps({"chains": [c.as_dict() for c in chains]}, indent=2))
            return
        for chain in chains:
            self.stdout.write(line(chain))


def line(chain: RestoredChain) -> str:
    """What became of one chain."""
    has = f"{chain.key}  has {chain.has} events"
    if chain.differs:
        return f"{has}, and is not the one that the checkpoint knows"
    if chain.had is None:
        return has
    return f"{has}, had {chain.had}: {chain.lost} lost"
