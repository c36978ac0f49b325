"""How long a statement may take while the database is migrated: as long as it takes.

The limits of `settings.DATABASES` keep one press from waiting for another. A migration may rewrite a
table of millions of rows, or write an index on it, and would be cut off by them for ever.
"""

from typing import Any

from django.db import connections

LIMITS = ("statement_timeout", "idle_in_transaction_session_timeout")


def lift_limits(*, using: str, **_kwargs: Any) -> None:
    """Receiver of pre_migrate. To wait for a lock that others hold stays limited."""
    _execute(using, [f"SET {limit} = 0" for limit in LIMITS])


def set_limits_again(*, using: str, **_kwargs: Any) -> None:
    """Receiver of post_migrate."""
    _execute(using, [f"RESET {limit}" for limit in LIMITS])


def _execute(using: str, statements: list[str]) -> None:
    if connections[using].vendor != "postgresql":
        return
    with connections[using].cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
