"""System checks of the database; `manage.py check --database default` runs them."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Warning
from django.db import connections

from locks import append_only


def check_triggers(*, databases: Sequence[str] | None = None, **_kwargs: Any) -> list[CheckMessage]:
    """locks.W001 where the record is not guarded.

    A warning, silent while the tables are missing: `migrate` runs this check first, and an error would
    stop the very command that is the cure.
    """
    return [
        Warning(
            f"The record in {alias!r} is not append-only: {len(names)} triggers are missing.",
            hint="Run `manage.py migrate`: it installs them.",
            id="locks.W001",
        )
        for alias in databases or ()
        if append_only.tables_exist(connections[alias]) and (names := append_only.missing(alias))
    ]
