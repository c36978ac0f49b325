"""What the history of before is filtered and searched by: how long requests took, and an index of words."""

import datetime as dt

from django.db import migrations

MILLISECOND = dt.timedelta(milliseconds=1)
BATCH = 5000
# Serves `UPPER(body) LIKE UPPER('%word%')`, which is what Django makes of `icontains`, within a chain
# (an event's id says which). The extensions come with PostgreSQL; the database's owner may create them.
SEARCH_INDEX = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    "CREATE EXTENSION IF NOT EXISTS btree_gin",
    "CREATE INDEX IF NOT EXISTS locks_detail_words ON locks_auditdetail"
    " USING gin ((event_id >> 40), UPPER(body) gin_trgm_ops)",
)


def keep_durations(apps, schema_editor):
    UnlockRequest = apps.get_model("locks", "UnlockRequest")
    ended = UnlockRequest.objects.filter(ended_at__isnull=False, took_ms=None).order_by("pk")
    while batch := list(ended.only("pk", "requested_at", "ended_at")[:BATCH]):
        for request in batch:
            request.took_ms = max(0, (request.ended_at - request.requested_at) // MILLISECOND)
        UnlockRequest.objects.bulk_update(batch, ["took_ms"])


def index_words(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for statement in SEARCH_INDEX:
            schema_editor.execute(statement)


def drop_words(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX IF EXISTS locks_detail_words")


class Migration(migrations.Migration):

    dependencies = [
        ('locks', '0005_history'),
    ]

    operations = [
        migrations.RunPython(keep_durations, migrations.RunPython.noop),
        migrations.RunPython(index_words, drop_words),
    ]
