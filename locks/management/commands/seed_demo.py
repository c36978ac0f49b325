"""`manage.py seed_demo`: buildings, doors and people to practise with, in simulated mode."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from locks.services.demo import PASSWORD, DemoDoor, SignIn, seed_demo
from locks.services.errors import ServiceError
from locks.simulator import BEHAVIOURS, CATALOGUE
from locks.simulator.shapes import lock_json


class Command(BaseCommand):
    help = (
        "Make the demo's buildings, doors and accounts where they are missing, and print how to "
        "sign in. Simulated mode only; safe to repeat. The simulator need not run. Exit codes: "
        "0 done, 1 refused."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            sign_ins = seed_demo(
                DemoDoor(
                    # What the simulator will tell of the door when it is asked for the first time.
                    lock=lock_json(spec, BEHAVIOURS[spec.behaviour], locked=True, created_at=""),
                    building=spec.building,
                    area=spec.area,
                    common=spec.common,
                )
                for spec in CATALOGUE
            )
        except ServiceError as error:
            raise CommandError(str(error), returncode=1) from None
        if options["json"]:
            people = [sign_in.as_dict() for sign_in in sign_ins]
            self.stdout.write(json.dumps({"password": PASSWORD, "people": people}, indent=2))
        else:
            self.stdout.write("\n".join([*map(line, sign_ins), f"password: {PASSWORD}"]))


def line(sign_in: SignIn) -> str:
    """One account in one line."""
    where = f", {sign_in.building}" if sign_in.building else ""
    note = f" (not usable: {sign_in.note})" if sign_in.note else ""
    return f"{sign_in.username:<13} {sign_in.role}{where}{note}"
