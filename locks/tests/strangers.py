"""Hands that write to the database past accessdesk: another program, with the guards switched off."""

# ruff: noqa: S608  # tampering is done in SQL

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection, connections
from psycopg.rows import dict_row

from locks.tests import outsider

STRIDE = 2**40
TABLES = ("locks_auditchain", "locks_auditevent", "locks_auditdetail")


@contextmanager
def in_a_file(path: Path) -> Iterator[None]:
    """On SQLite, all that Django does is done in a file at `path`; PostgreSQL has its files anyway."""
    if connection.vendor == "postgresql":
        yield
        return
    usual = connections["default"]
    usual.ensure_connection()
    with closing(sqlite3.connect(path)) as copy:
        usual.connection.backup(copy)
    there = usual.copy()
    there.settings_dict["NAME"] = str(path)
    connections["default"] = there
    try:
        yield
    finally:
        there.close()
        connections["default"] = usual


class Stranger:
    """Another program at the database, which knows the page of the record and no more.

    Its events are those of the one chain named `key`, five at first.
    """

    def __init__(self, other: Any, key: str) -> None:
        self._other = other
        self.key = key
        (self.chain,) = self.query(f"SELECT * FROM locks_auditchain WHERE key = '{key}'")

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Run SQL; its rows by the names of their columns."""
        cursor = self._other.execute(sql)
        return [dict(row) for row in cursor.fetchall()] if cursor.description else []

    def place(self, sequence: int) -> int:
        """The id of the event with this number."""
        return int(self.chain["id"]) * STRIDE + sequence

    def change(self, sequence: int, assignment: str) -> None:
        """Set columns of an event."""
        self.query(f"UPDATE locks_auditevent SET {assignment} WHERE id = {self.place(sequence)}")

    def remove(self, sequence: int) -> None:
        """Take out an event and its detail."""
        place = self.place(sequence)
        self.query(f"DELETE FROM locks_auditdetail WHERE event_id = {place}")
        self.query(f"DELETE FROM locks_auditevent WHERE id = {place}")

    def move(self, sequence: int, to: int) -> None:
        """Give an event, and its detail, another number in its chain."""
        self.change(sequence, f"id = {self.place(to)}, sequence = {to}")
        self.query(
            f"UPDATE locks_auditdetail SET event_id = {self.place(to)}"
            f" WHERE event_id = {self.place(sequence)}"
        )

    def copy(self, sequence: int, to: int, *, verb: str = "INSERT", **other: str) -> None:
        """Write an event once more at another place, with other values in some columns (SQL)."""
        (row,) = self.query(f"SELECT * FROM locks_auditevent WHERE id = {self.place(sequence)}")
        values = {name: name for name in row} | {"id": str(self.place(to)), "sequence": str(to)}
        values |= other
        self.query(
            f"{verb} INTO locks_auditevent ({', '.join(values)}) SELECT"
            f" {', '.join(values.values())} FROM locks_auditevent WHERE id = {row['id']}"
        )

    def copy_detail(self, sequence: int, to: int) -> None:
        """Put the detail of an event beside another one, too."""
        self.query(
            f"INSERT INTO locks_auditdetail (event_id, salt, body) SELECT {self.place(to)}, salt,"
            f" body FROM locks_auditdetail WHERE event_id = {self.place(sequence)}"
        )

    def hash_anew(self, sequence: int, *, until: int | None = None, previous: str = "") -> str:
        """Compute the hashes anew from an event to its chain's end (or `until`); the last one."""
        rows = self.query(
            f"SELECT * FROM locks_auditevent WHERE chain_id = {self.chain['id']}"
            f" AND sequence >= {sequence} ORDER BY sequence"
        )
        head = previous or rows[0]["previous_hash"]
        for row in rows:
            if until is not None and row["sequence"] > until:
                break
            row["previous_hash"], before = head, head
            head = outsider.hash_of(outsider.as_event(row, self.key))
            self.change(row["sequence"], f"previous_hash = '{before}', hash = '{head}'")
        return head

    def set_end(self, length: int, head: str = "") -> None:
        """Have the chain's row tell another end: by default the hash of the event `length`."""
        event = f"SELECT hash FROM locks_auditevent WHERE id = {self.place(length)}"
        head = head or self.query(event)[0]["hash"]
        self.query(
            f"UPDATE locks_auditchain SET length = {length}, head = '{head}'"
            f" WHERE id = {self.chain['id']}"
        )


@contextmanager
def stranger_at(path: Path, key: str) -> Iterator[Stranger]:
    """Open the database as another program would, drop every trigger, and commit at the end."""
    if connection.vendor == "postgresql":
        with _on_postgres() as other:
            yield Stranger(other, key)
        return
    with closing(sqlite3.connect(path)) as other, other:
        other.row_factory = sqlite3.Row
        names = other.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in names:
            other.execute(f"DROP TRIGGER {name}")
        yield Stranger(other, key)


@contextmanager
def _on_postgres() -> Iterator[Any]:
    where = connection.settings_dict
    with psycopg.connect(
        host=where["HOST"],
        port=where["PORT"],
        user=where["USER"],
        password=where["PASSWORD"],
        dbname=where["NAME"],
        row_factory=dict_row,
    ) as other:
        # Foreign keys are triggers, too.
        other.execute("SET session_replication_role = replica")
        for table in TABLES:
            for row in other.execute(
                "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
                f" AND tgrelid = '{table}'::regclass"
            ).fetchall():
                other.execute(f"DROP TRIGGER {row['tgname']} ON {table}")
        yield other
