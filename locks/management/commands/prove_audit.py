"""`manage.py prove_audit`: what beat does every night, by hand or from cron."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from locks.services.errors import ServiceError
from locks.services.proving import prove_record


class Command(BaseCommand):
    help = (
        "Walk the whole record, keep the result for managers in the admin, and send a signed "
        "checkpoint to AUDIT_CHECKPOINT_TO. Exit codes: 0 whole, 1 not as it should be, or the "
        "checkpoint could not be sent, 2 it is being done already."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            proof = prove_record()
        except ServiceError as refusal:
            raise CommandError(str(refusal), returncode=2) from None
        self.stdout.write(proof.checkpoint)
        if not proof.sound:
            raise CommandError("The record is not as it should be: run verify_audit.", returncode=1)
        if proof.problem:
            raise CommandError(f"The checkpoint was not sent: {proof.problem}", returncode=1)
