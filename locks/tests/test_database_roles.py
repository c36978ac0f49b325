"""The application's PostgreSQL role as docs/security.md makes it: it works, and cannot touch the record."""

import os
import re
import secrets
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psycopg
import pytest

from tools.processes import ROOT
from tools.servers import PostgresServer

pytestmark = pytest.mark.postgres_only
WORKS = """
from django.db import transaction
from locks.models import AuditEvent, Building, Kind
from locks.services.audit import record
from locks.services.sweeping import sweep
with transaction.atomic():
    record(Kind.SYNCED, building=Building.objects.first())
sweep(for_seconds=0)
print(AuditEvent.objects.filter(kind=Kind.SYNCED).count())
"""
FORBIDDEN = (
    "UPDATE locks_auditevent SET kind = 'x'",
    "DELETE FROM locks_auditevent",
    "UPDATE locks_auditdetail SET body = '{}'",
    "DELETE FROM locks_auditdetail",
    "DELETE FROM locks_auditchain",
    "TRUNCATE locks_auditevent CASCADE",
    "DROP TABLE locks_auditdetail",
    "ALTER TABLE locks_auditevent DISABLE TRIGGER ALL",
    "ALTER TABLE locks_auditevent ADD COLUMN more int",
    "SET session_replication_role = replica",
    "DROP OWNED BY accessdesk_owner",
)

# Tables of one's own, named like those that the triggers read.
DECEPTIONS = {
    "locks_auditevent": (
        "CREATE TEMPORARY TABLE locks_auditevent AS SELECT id AS chain_id, length + 1 AS sequence,"
        " repeat('ab', 32) AS hash FROM locks_auditchain",
        "UPDATE locks_auditchain SET length = length + 1, head = repeat('ab', 32)",
    ),
    "locks_auditchain": (
        "CREATE TEMPORARY TABLE locks_auditchain AS"
        " SELECT id, 98::bigint AS length, head FROM locks_auditchain",
        "INSERT INTO locks_auditevent (id, chain_id, sequence, format, kind, at, detail_hash,"
        " previous_hash, hash) SELECT id * 1099511627776 + 99, id, 99, 1, 'x', now(), 'x', head, 'x'"
        " FROM locks_auditchain LIMIT 1",
    ),
}


def blocks() -> list[str]:
    """The SQL of the page, in its order."""
    text = (ROOT / "docs" / "security.md").read_text()
    return re.findall(r"```sql\n(.*?)```", text, re.DOTALL)


def manage(environment: Mapping[str, str], *arguments: str) -> str:
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_application_appends_to_the_record_and_cannot_alter_it(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    once, after_each_migration = blocks()

    def url(role: str) -> str:
        return f"postgres://{role}@127.0.0.1:{postgres_server.port}/accessdesk"

    with psycopg.connect(postgres_server.url, autocommit=True) as superuser:
        for statement in re.sub(r"--.*", "", once).split(";"):
            if statement.strip():
                superuser.execute(statement.encode())
    shared = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    shared |= {
        "ACCESSDESK_ENV_FILE": os.devnull,
        "ACCESSDESK_VAR": str(tmp_path),
        "SECRET_KEY": secrets.token_urlsafe(64),
        "SEAM_SIMULATED": "1",
    }
    owner = {**shared, "DATABASE_URL": url("accessdesk_owner")}
    app = {**shared, "DATABASE_URL": url("accessdesk_app")}
    manage(owner, "migrate", "-v0")
    manage(owner, "seed_demo")
    with psycopg.connect(url("accessdesk_owner"), autocommit=True) as connection:
        connection.execute(after_each_migration.encode())
    assert manage(app, "shell", "-v0", "-c", WORKS).split() == ["1"]
    manage(app, "check", "--database", "default")
    for statement in FORBIDDEN:
        refused = pytest.raises(psycopg.errors.InsufficientPrivilege)
        with psycopg.connect(url("accessdesk_app"), autocommit=True) as connection, refused:
            connection.execute(statement.encode())
    for table in ("locks_auditchain", "locks_auditevent"):
        refused = pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="append-only")
        with psycopg.connect(url("accessdesk_app"), autocommit=True) as connection, refused:
            for statement in DECEPTIONS[table]:
                connection.execute(statement.encode())
    assert "BROKEN" not in manage(app, "verify_audit")
