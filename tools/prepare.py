"""Bring the database up to date in one process: migrations, checks, demo data in simulated mode.

Run by `make run`. The last line of its output is JSON for the supervisor: `simulated` (bool),
`https` (bool), `host` (a name that is allowed), `desk` (where people reach it) and `words` (what the
seeding said, for people).
"""

import io
import json
import os

import django
from django.core.management import CommandError, call_command


def main() -> None:
    """Prepare the database that the settings name; ends with one line when that cannot be done."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "accessdesk.settings")
    django.setup()
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management.base import SystemCheckError
    from django.db import DatabaseError

    said = io.StringIO()
    try:
        call_command("migrate", interactive=False, verbosity=0)
        if settings.SEAM_SIMULATED:
            call_command("seed_demo", stdout=said)
        call_command("check", databases=["default"], stdout=io.StringIO())
    except (CommandError, SystemCheckError, ImproperlyConfigured) as problem:
        raise SystemExit(f"accessdesk cannot start: {problem}") from None
    except DatabaseError as problem:
        # The database's own sentence; its address may hold a password and is not repeated.
        raise SystemExit(f"accessdesk cannot start: the database said: {problem}") from None
    answer = {
        "simulated": settings.SEAM_SIMULATED,
        "https": settings.HTTPS,
        "host": settings.ALLOWED_HOSTS[0].lstrip("."),
        "desk": settings.DESK_URL,
        "endpoint": settings.SEAM_ENDPOINT,
        "words": said.getvalue().splitlines(),
    }
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
