"""A record to tamper with, and the hands that do it: SQL with the guards switched off."""

import io
import json
from typing import Any

from django.core.management import CommandError, call_command
from django.db import connection, transaction

from locks import append_only
from locks.models import AuditEvent, Building, Kind
from locks.models.audit import CHAIN_STRIDE
from locks.services.audit import record
from locks.tests.factories import make_building, make_device, make_user


def harbour_house() -> Building:
    """Harbour House, with five events on its chain; the organisation has one."""
    building = make_building("Harbour House")
    device = make_device(building, label="Main entrance")
    clerk = make_user("clerk", name="Clerk of the night")
    with transaction.atomic():
        record(Kind.SYNCED, building=None, added=1)
        record(Kind.BUILDING_ADDED, building=building)
        record(Kind.DOOR_ASSIGNED, building=building, device=device)
        for code in ("frozen", "gone", "so-called “ünïcode” \u0000 \ud800 🔑"):
            record(Kind.UNLOCK_REFUSED, building=building, actor=clerk, device=device, code=code)
    return building


def raw(sql: str, *values: Any) -> list[dict[str, Any]]:
    """Rows of a query as a stranger to the project would read them."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        if cursor.description is None:
            return []
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def tamper(sql: str, *values: Any) -> None:
    """Change the database with its guards switched off."""
    append_only.uninstall()
    with connection.constraint_checks_disabled():
        raw(sql, *values)


def verify(*options: str) -> tuple[int, str]:
    """Exit code and output of `manage.py verify_audit`."""
    said = io.StringIO()
    try:
        call_command("verify_audit", *options, stdout=said)
    except CommandError as error:
        return error.returncode, said.getvalue()
    return 0, said.getvalue()


def rewrite(building: Building, *, sequence: int, kind: str) -> None:
    """Give an event another kind, and compute the chain anew from there to its end and head."""
    append_only.uninstall()
    events = AuditEvent.objects.filter(chain__building=building).select_related("chain")
    chain = building.chain
    head = ""
    for event in events.order_by("sequence"):
        if event.sequence < sequence:
            continue
        event.kind = kind if event.sequence == sequence else event.kind
        event.previous_hash = head or event.previous_hash
        event.hash = head = event.computed_hash()
        raw(
            "UPDATE locks_auditevent SET kind = %s, previous_hash = %s, hash = %s WHERE id = %s",
            event.kind,
            event.previous_hash,
            event.hash,
            event.pk,
        )
    raw("UPDATE locks_auditchain SET head = %s WHERE id = %s", head, chain.pk)


def cut_off(building: Building, *, after: int) -> None:
    """Remove the last events with their details, and set length and head back."""
    append_only.uninstall()
    first_gone = building.chain.pk * CHAIN_STRIDE + after + 1
    last_gone = (building.chain.pk + 1) * CHAIN_STRIDE - 1
    raw("DELETE FROM locks_auditdetail WHERE event_id BETWEEN %s AND %s", first_gone, last_gone)
    raw("DELETE FROM locks_auditevent WHERE id BETWEEN %s AND %s", first_gone, last_gone)
    head = AuditEvent.objects.get(pk=first_gone - 1).hash
    raw(
        "UPDATE locks_auditchain SET length = %s, head = %s WHERE id = %s",
        after,
        head,
        building.chain.pk,
    )


def found(*options: str) -> dict[str, Any]:
    """What `verify_audit --json` prints."""
    result: dict[str, Any] = json.loads(verify("--json", *options)[1])
    return result
