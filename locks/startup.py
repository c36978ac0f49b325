"""What must hold before a process serves presses or follows them; asked by web, worker and `/readyz`."""

from __future__ import annotations

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from locks import append_only
from locks.models import User


def problem() -> str:
    """Why this process must not run, as one line; empty where nothing stands in the way."""
    try:
        if not append_only.tables_exist(connection):
            return "the database has no tables yet: run `manage.py migrate`."
        if names := append_only.missing():
            return f"the record is not append-only ({len(names)} triggers missing): run `manage.py migrate`."
        if not settings.SEAM_SIMULATED and demo_accounts_active():
            return "demo accounts are active in this database, and the doors are real: deactivate them."
    except (DatabaseError, InterfaceError):
        return "the database cannot be reached."
    return ""


def demo_accounts_active() -> bool:
    """Whether anyone could sign in with the password that is printed for everybody."""
    return User.objects.filter(is_demo=True, is_active=True).exists()
