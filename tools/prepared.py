"""Databases that are ready to use, copied: to migrate and to seed one takes many times as long.

The first that needs a kind makes it, and all processes of a run of tests copy it: tools.test names their
folder (ACCESSDESK_PREPARED). A process that runs alone keeps its own.
"""

import atexit
import datetime as dt
import fcntl
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

FOLDER = "ACCESSDESK_PREPARED"
# A copy is as fresh as what it was copied from was once: a desk dates what is older.
TOLD_NOW = "UPDATE locks_device SET synced_at ="


def prepare(url: str, folder: Path, *, kind: str, make: Callable[[], object]) -> None:
    """Let an empty database be as `make` leaves one of this `kind`; `make` itself where none is kept.

    `url` names the database; empty: an SQLite file in `folder`, whatever its name. One that is not
    empty is left to `make`.
    """
    if url:
        _prepare_postgres(url, kind=kind, make=make)
    else:
        _prepare_sqlite(folder, kind=kind, make=make)


def is_shared() -> bool:
    """Whether this process is one of a run of tests."""
    return bool(os.environ.get(FOLDER))


@contextmanager
def kept_file(kind: str) -> Iterator[tuple[Path, Path | None]]:
    """The folder of the SQLite database of this kind, and its file, where it is made already.

    One process at a time: who finds none leaves one in the folder.
    """
    folder = _folder() / kind
    with _alone(kind):
        folder.mkdir(exist_ok=True)
        yield folder, next(folder.glob("*.sqlite3"), None)


@contextmanager
def kept_database(url: str, kind: str) -> Iterator[tuple[str, bool]]:
    """The same on the PostgreSQL server of `url`: the database's name, and whether it is there."""
    name = f"prepared_{kind}"
    with _alone(kind):
        with psycopg.connect(url) as connection:
            asked = "SELECT 1 FROM pg_database WHERE datname = %s"
            is_there = connection.execute(asked, [name]).fetchone() is not None
        yield name, is_there


def copy_database(url: str, source: str, target: str) -> None:
    """Make `target` a copy of `source`, to which nobody may be connected, on the server of `url`."""
    old, new = sql.Identifier(source), sql.Identifier(target)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(new))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(new, old))


def _prepare_sqlite(folder: Path, *, kind: str, make: Callable[[], object]) -> None:
    if any(folder.glob("*.sqlite3")):
        make()
        return
    with kept_file(kind) as (place, kept):
        if kept:
            shutil.copy(kept, folder)
            with closing(sqlite3.connect(folder / kept.name)) as copy, copy:
                now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
                copy.execute(f"{TOLD_NOW} ?", [now.isoformat(" ")])
            return
        make()
        (file,) = folder.glob("*.sqlite3")
        with closing(sqlite3.connect(file)) as made:
            keep(made, place / file.name)


def keep(made: sqlite3.Connection, file: Path) -> None:
    """Copy a database to where it is kept: whole, or not at all."""
    part = file.with_suffix(".part")
    part.unlink(missing_ok=True)
    with closing(sqlite3.connect(part)) as to:
        made.backup(to)
    part.rename(file)


def _prepare_postgres(url: str, *, kind: str, make: Callable[[], object]) -> None:
    where = urlsplit(url)
    name, server = where.path.removeprefix("/"), where._replace(path="/postgres").geturl()
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT to_regclass('django_migrations')").fetchone()
    if found != (None,):
        make()
        return
    with kept_database(server, kind) as (kept, is_there):
        if is_there:
            copy_database(server, kept, name)
            with psycopg.connect(url) as copy:
                copy.execute(f"{TOLD_NOW} now()")
        else:
            make()
            copy_database(server, name, kept)


@contextmanager
def _alone(kind: str) -> Iterator[None]:
    with (_folder() / f"{kind}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@cache
def _folder() -> Path:
    if shared := os.environ.get(FOLDER):
        return Path(shared)
    folder = tempfile.mkdtemp(prefix="accessdesk-prepared-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
