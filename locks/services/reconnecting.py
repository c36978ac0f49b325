"""Getting rid of connections that died together: a database that restarts ends a whole pool of them."""

from __future__ import annotations

import logging
import threading

from django.db import connection

logger = logging.getLogger("locks.database")
_testing = threading.Lock()


def drop_dead_connections() -> None:
    """Have the connections of this process's pool tested, and the dead ones replaced; does not wait.

    For whoever has just met DATABASE_GONE: the pool gives a dead connection to the next one who asks, and
    learns that it is dead from them. One test at a time; nothing where there is no pool (SQLite).
    """
    pool = getattr(connection, "pool", None)
    if pool is None or not _testing.acquire(blocking=False):
        return

    def test() -> None:
        try:
            pool.check()
        except Exception:
            logger.exception("The database's connections could not be tested.")
        finally:
            _testing.release()

    threading.Thread(target=test, name="test of connections", daemon=True).start()
