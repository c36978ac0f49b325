"""Migrations of large tables: nothing cuts them off, and presses have their limits again afterwards."""

import pytest
from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal
from django.db import connection


def limits() -> list[str]:
    with connection.cursor() as cursor:
        found = []
        for name in ("statement_timeout", "idle_in_transaction_session_timeout", "lock_timeout"):
            cursor.execute(f"SHOW {name}")
            found.append(cursor.fetchone()[0])
        return found


@pytest.mark.postgres_only
def test_a_migration_has_no_time_limit_and_a_press_has_it_again(transactional_db: None) -> None:
    before = limits()
    assert before[0] == "20s"
    emit_pre_migrate_signal(0, False, "default", plan=[])
    assert limits() == ["0", "0", "10s"]  # other processes' locks are not waited for, as ever
    emit_post_migrate_signal(0, False, "default", plan=[])
    assert limits() == before
