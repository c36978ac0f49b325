"""G1: what is committed survives a power cut, whatever the database's own default is."""

import psycopg
import pytest

from locks.tests.starting import run_with_settings
from tools.servers import PostgresServer

ASK = """
import django
django.setup()
from django.db import connection
with connection.cursor() as cursor:
    for question in {questions}:
        cursor.execute(question)
        print(cursor.fetchone()[0])
connection.close()
"""


def answers(tmp_path, *questions: str, **environment: str) -> list[str]:
    """What the database says to these on a connection of a fresh process."""
    ended = run_with_settings(tmp_path, ASK.format(questions=questions), **environment)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.split()


@pytest.mark.parametrize("named", [False, True])
def test_sqlite_syncs_every_commit_and_keeps_a_write_ahead_log(tmp_path, named: bool) -> None:
    environment = {"DATABASE_URL": f"sqlite:///{tmp_path / 'other.sqlite3'}"} if named else {}
    full = "2"  # https://sqlite.org/pragma.html#pragma_synchronous
    questions = ("PRAGMA synchronous", "PRAGMA journal_mode")
    assert answers(tmp_path, *questions, **environment) == [full, "wal"]
    assert (tmp_path / ("other.sqlite3" if named else "accessdesk.sqlite3")).is_file()


def test_postgresql_waits_for_the_disk_even_where_the_database_would_not(
    tmp_path, postgres_server: PostgresServer
) -> None:
    url = postgres_server.new_database()
    with psycopg.connect(url, autocommit=True) as link:
        name = link.info.dbname
        link.execute(f'ALTER DATABASE "{name}" SET synchronous_commit TO off')
    assert answers(tmp_path, "SHOW synchronous_commit", DATABASE_URL=url) == ["on"]
