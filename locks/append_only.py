"""The triggers that make the record append-only in the database itself, on SQLite and PostgreSQL.

They refuse UPDATE, DELETE and TRUNCATE of events and details, an INSERT of a place that is taken
(on SQLite `INSERT OR REPLACE` would otherwise rewrite a row past the UPDATE and DELETE triggers) or
that does not continue the chain, and any change of a chain's head but to the event that was
appended to it.

Installed after every `migrate` (on SQLite removed before one that changes tables); whoever serves
or follows unlocks refuses to run without them.
"""

# ruff: noqa: S608  # the SQL is made of the names of our own tables alone

from __future__ import annotations

from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

EVENTS, DETAILS, CHAINS = "locks_auditevent", "locks_auditdetail", "locks_auditchain"

# The event must be the next of its chain. PostgreSQL's row lock on the chain and SQLite's one
# writer make the comparison exact.
_CONTINUES = f"""EXISTS (SELECT 1 FROM {CHAINS} c WHERE c.id = NEW.chain_id
    AND c.length + 1 = NEW.sequence AND c.head = NEW.previous_hash)"""
_FORWARD = f"""NEW.id = OLD.id AND NEW.key = OLD.key
    AND NEW.building_id IS NOT DISTINCT FROM OLD.building_id AND NEW.changes >= OLD.changes
    AND ((NEW.length = OLD.length AND NEW.head = OLD.head)
        OR (NEW.length = OLD.length + 1 AND EXISTS (SELECT 1 FROM {EVENTS} e
            WHERE e.chain_id = NEW.id AND e.sequence = NEW.length AND e.hash = NEW.head)))"""

# Name: (when, condition that refuses). The keys of events and details are no alias of SQLite's
# hidden rowid, and `INSERT OR REPLACE` with the rowid of another row would replace that row. Before
# an insert NEW.rowid is -1 where none was given, hence no row may ever have it.
# https://www.sqlite.org/lang_createtrigger.html
_SQLITE_RULES = {
    **{
        f"{table}_{suffix}": (f"{when} ON {table}", condition)
        for table in (EVENTS, DETAILS)
        for suffix, when, condition in (
            ("no_update", "BEFORE UPDATE", "1"),
            ("no_delete", "BEFORE DELETE", "1"),
            (
                "own_rowid",
                "BEFORE INSERT",
                f"EXISTS (SELECT 1 FROM {table} t WHERE t.rowid = NEW.rowid)",
            ),
            ("usual_rowid", "AFTER INSERT", "NEW.rowid < 1"),
        )
    },
    f"{EVENTS}_continues": (f"BEFORE INSERT ON {EVENTS}", f"NOT {_CONTINUES}"),
    f"{DETAILS}_once": (
        f"BEFORE INSERT ON {DETAILS}",
        f"EXISTS (SELECT 1 FROM {DETAILS} d WHERE d.event_id = NEW.event_id)",
    ),
    f"{CHAINS}_forward": (
        f"BEFORE UPDATE ON {CHAINS}",
        f"NOT ({_FORWARD.replace('IS NOT DISTINCT FROM', 'IS')})",
    ),
    f"{CHAINS}_no_delete": (f"BEFORE DELETE ON {CHAINS}", "1"),
    f"{CHAINS}_once": (
        f"BEFORE INSERT ON {CHAINS}",
        f"EXISTS (SELECT 1 FROM {CHAINS} c WHERE c.id = NEW.id OR c.key = NEW.key"
        " OR c.building_id = NEW.building_id)",
    ),
}

# Their own schema first: else a temporary table, which any role may make, would be taken for ours.
_POSTGRES_FUNCTIONS = f"""
CREATE OR REPLACE FUNCTION locks_refuse() RETURNS trigger LANGUAGE plpgsql
SET search_path = OUR_SCHEMA, pg_temp AS $$
BEGIN RAISE EXCEPTION 'append-only: the record is never changed'
  USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE OR REPLACE FUNCTION locks_event_continues() RETURNS trigger LANGUAGE plpgsql
SET search_path = OUR_SCHEMA, pg_temp AS $$
BEGIN IF NOT {_CONTINUES} THEN
  RAISE EXCEPTION 'append-only: an event must continue its chain'
    USING ERRCODE = 'integrity_constraint_violation';
END IF; RETURN NEW; END $$;
CREATE OR REPLACE FUNCTION locks_chain_forward() RETURNS trigger LANGUAGE plpgsql
SET search_path = OUR_SCHEMA, pg_temp AS $$
BEGIN IF NOT ({_FORWARD}) THEN
  RAISE EXCEPTION 'append-only: a chain only moves forward'
    USING ERRCODE = 'integrity_constraint_violation';
END IF; RETURN NEW; END $$;
"""
_POSTGRES_RULES = {
    **{
        f"{table}_{suffix}": (table, f"BEFORE {what} ON {table} FOR EACH {unit}", "locks_refuse")
        for table in (EVENTS, DETAILS, CHAINS)
        for suffix, what, unit in (
            ("no_update", "UPDATE", "ROW"),
            ("no_delete", "DELETE", "ROW"),
            ("no_truncate", "TRUNCATE", "STATEMENT"),
        )
        if (table, suffix) != (CHAINS, "no_update")
    },
    f"{EVENTS}_continues": (
        EVENTS,
        f"BEFORE INSERT ON {EVENTS} FOR EACH ROW",
        "locks_event_continues",
    ),
    f"{CHAINS}_forward": (
        CHAINS,
        f"BEFORE UPDATE ON {CHAINS} FOR EACH ROW",
        "locks_chain_forward",
    ),
}


def install(using: str = DEFAULT_DB_ALIAS) -> None:
    """Make the triggers, replacing what stands under their names. Safe to repeat."""
    connection = connections[using]
    uninstall(using)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT quote_ident(current_schema())")
            cursor.execute(_POSTGRES_FUNCTIONS.replace("OUR_SCHEMA", cursor.fetchone()[0]))
            for name, (_table, clause, function) in _POSTGRES_RULES.items():
                cursor.execute(f"CREATE TRIGGER {name} {clause} EXECUTE FUNCTION {function}()")
                # ALWAYS: `session_replication_role = replica` does not switch it off.
                cursor.execute(f"ALTER TABLE {_table} ENABLE ALWAYS TRIGGER {name}")
            return
        for name, (clause, condition) in _SQLITE_RULES.items():
            cursor.execute(
                f"CREATE TRIGGER {name} {clause} WHEN {condition}"
                " BEGIN SELECT RAISE(ABORT, 'append-only: the record is never changed'); END"
            )


def uninstall(using: str = DEFAULT_DB_ALIAS) -> None:
    """Remove the triggers: for a migration, and for tests that must empty the tables."""
    connection = connections[using]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            for name, (table, _clause, _function) in _POSTGRES_RULES.items():
                cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
            return
        for name in _SQLITE_RULES:
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}")


def missing(using: str = DEFAULT_DB_ALIAS) -> list[str]:
    """Names of the triggers that should stand and do not (on PostgreSQL: or are switched off)."""
    connection = connections[using]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT t.tgname FROM pg_trigger t JOIN pg_class r ON r.oid = t.tgrelid"
                " WHERE NOT t.tgisinternal AND t.tgenabled = 'A'"
                " AND r.relnamespace = current_schema()::regnamespace"
            )
            wanted = list(_POSTGRES_RULES)
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            wanted = list(_SQLITE_RULES)
        standing = {row[0] for row in cursor.fetchall()}
    return [name for name in wanted if name not in standing]


def tables_exist(connection: BaseDatabaseWrapper) -> bool:
    """Whether the record's tables have been made yet (before the first migrate they are not)."""
    with connection.cursor() as cursor:
        return {EVENTS, DETAILS, CHAINS} <= set(connection.introspection.table_names(cursor))


def uninstall_before_migrate(*, using: str, plan: list[tuple[Any, bool]], **_kwargs: Any) -> None:
    """Receiver of pre_migrate: SQLite remakes an altered table, but not while a trigger names it.

    A migration that fails leaves the triggers off, and nobody serves until one succeeds.
    """
    connection = connections[using]
    ours = any(migration.app_label == "locks" for migration, _backwards in plan)
    if ours and connection.vendor == "sqlite" and tables_exist(connection):
        uninstall(using)


def install_after_migrate(*, using: str, **_kwargs: Any) -> None:
    """Receiver of post_migrate."""
    if tables_exist(connections[using]):
        install(using)
