"""`manage.py make_signing_key`: a new key for signed checkpoints of the record."""

import secrets
from typing import Any

from django.core.management.base import BaseCommand

from locks.services.checkpoints import public_key


class Command(BaseCommand):
    help = (
        "Print a new AUDIT_SIGNING_KEY and its public half. Nothing is stored: put the first where "
        "only accessdesk reads it, and the second where whoever checks checkpoints finds it."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        private = secrets.token_hex(32)
        self.stdout.write(f"AUDIT_SIGNING_KEY={private}")
        self.stdout.write(f"Public key, for verify_audit --public-key: {public_key(private)}")
