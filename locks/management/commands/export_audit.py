"""`manage.py export_audit`: the record as a file, with a manifest that says what it proves."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from locks.management.moments import moment
from locks.models import Building
from locks.services.errors import ServiceError
from locks.services.exporting import Export, reviewable


class Command(BaseCommand):
    help = (
        "Write the record's events, oldest first in each chain, and a manifest as the last line; "
        "docs/record.md describes both. The export itself is recorded. A whole building, or a time "
        "of it, proves that nothing was left out. Exit codes: 0 written, 2 a wrong option."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--building", type=int, metavar="ID", help="only this building")
        parser.add_argument("--since", type=moment, metavar="TIME", help="from this time on")
        parser.add_argument("--until", type=moment, metavar="TIME", help="before this time")
        parser.add_argument(
            "--format", choices=("ndjson", "csv"), default="ndjson", help="ndjson proves; csv reads"
        )
        parser.add_argument(
            "--output", type=Path, metavar="FILE", help="a new file (by default standard output)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        building, since, until = options["building"], options["since"], options["until"]
        if building is not None:
            building = Building.objects.filter(pk=building).first()
            if building is None:
                raise CommandError(f"There is no building {options['building']}.", returncode=2)
        chosen = {
            "building": building.pk if building else None,
            "since": since.isoformat() if since else None,
            "until": until.isoformat() if until else None,
        }
        try:
            events = reviewable(None, building=building, since=since, until=until)
        except ServiceError as refusal:
            raise CommandError(str(refusal), returncode=2) from None
        export = Export(
            events=events,
            form=options["format"],
            actor=None,
            filters={name: value for name, value in chosen.items() if value is not None},
            whole_of=building,
        )
        self._write(export, options["output"])

    def _write(self, export: Export, path: Path | None) -> None:
        try:
            if path is None:
                for part in export.parts():
                    self.stdout.write(part.decode(), ending="")
                return
            with path.open("xb") as file:
                for part in export.parts():
                    file.write(part)
        except OSError as error:
            where = path or "standard output"
            raise CommandError(f"{where}: {error.strerror}.", returncode=2) from None
        except ServiceError as refusal:
            raise CommandError(str(refusal), returncode=2) from None
        self.stderr.write(f"{export.rows} events written to {path}.")
