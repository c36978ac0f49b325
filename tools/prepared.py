"""Databases that are ready to use, copied: to migrate and to seed one takes many times as long.

Made once a process and kind; the first installation of a kind pays for it.
"""

import atexit
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

_made: dict[str, str] = {}  # kind -> a file, or the name of a database of the same server


def prepare(url: str, folder: Path, *, kind: str, make: Callable[[], object]) -> None:
    """Let an empty database be as `make` leaves one of this `kind`; `make` itself where none is kept.

    `url` names the database; empty: an SQLite file in `folder`, whatever its name. One that is not
    empty is left to `make`.
    """
    if url:
        _prepare_postgres(url, kind=kind, make=make)
    else:
        _prepare_sqlite(folder, kind=kind, make=make)


def _prepare_sqlite(folder: Path, *, kind: str, make: Callable[[], object]) -> None:
    if any(folder.glob("*.sqlite3")):
        make()
    elif kept := _made.get(kind):
        shutil.copy(kept, folder)
    else:
        make()
        (file,) = folder.glob("*.sqlite3")
        place = _folder() / kind
        place.mkdir()
        with (
            closing(sqlite3.connect(file)) as source,
            closing(sqlite3.connect(place / file.name)) as to,
        ):
            source.backup(to)
        _made[kind] = str(place / file.name)


def _prepare_postgres(url: str, *, kind: str, make: Callable[[], object]) -> None:
    where = urlsplit(url)
    name, kind = where.path.removeprefix("/"), f"{where.netloc} {kind}"
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT to_regclass('django_migrations')").fetchone()
    is_empty = found == (None,)
    kept = _made.get(kind)
    if not is_empty or not kept:
        make()
    if is_empty:
        source, target = (kept, name) if kept else (name, f"{name}_prepared")
        _copy(where._replace(path="/postgres").geturl(), source, target)
        _made.setdefault(kind, target)


def _copy(url: str, source: str, target: str) -> None:
    old, new = sql.Identifier(source), sql.Identifier(target)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(new))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(new, old))


@cache
def _folder() -> Path:
    folder = tempfile.mkdtemp(prefix="accessdesk-prepared-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
