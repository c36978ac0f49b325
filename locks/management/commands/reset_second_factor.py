"""`manage.py reset_second_factor`: for who has lost phone, passkeys and recovery codes."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from locks.models import User
from locks.services.second_factors import remove_factors


class Command(BaseCommand):
    help = (
        "Take all second factors of an account away and end its sessions, on the record. Make sure first,"
        " by another way than the account itself, that it is the person who asks. Exit code 1: no such"
        " account, or it has none."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", help="the user name of the account")

    def handle(self, *args: Any, **options: Any) -> None:
        person = User.objects.filter(username=options["username"]).first()
        if person is None:
            raise CommandError("There is no account with this user name.")
        if not remove_factors(actor=None, person=person):
            raise CommandError("This account has no second factor.")
        self.stdout.write(
            f"{person.username} signs in with the password alone until they set up anew."
        )
