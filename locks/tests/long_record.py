"""A long record with whole chains, written in bulk: as services.audit would, without a look at each row."""

import datetime as dt
import hashlib
import json
from collections.abc import Iterator

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from locks import append_only
from locks.models import AuditChain, AuditDetail, AuditEvent, Building, Device, User
from locks.models.audit import CHAIN_STRIDE
from locks.services.audit import touch

AT_ONCE = 5_000


def write(building: Building, device: Device, person: User, *, events: int) -> AuditChain:
    """Continue the chain of `building` by so many refused presses, a second apart, up to now."""
    connection.check_constraints()  # what is still to be checked would keep the guards from going
    append_only.uninstall()
    touch(building)
    chain = AuditChain.objects.get(building=building)
    waiting: list[tuple[AuditEvent, AuditDetail]] = []
    for pair in _continued(chain, device, person, events):
        waiting.append(pair)
        if len(waiting) == AT_ONCE:
            _keep(waiting)
            waiting = []
    _keep(waiting)
    chain.save()
    connection.check_constraints()
    append_only.install()
    return chain


def _continued(
    chain: AuditChain, device: Device, person: User, events: int
) -> Iterator[tuple[AuditEvent, AuditDetail]]:
    begins = timezone.now() - dt.timedelta(seconds=events)
    for number in range(events):
        said = {"code": "frozen", "person": person.name, "door": device.label, "number": number}
        salt = hashlib.sha256(str(number).encode()).hexdigest()
        body = json.dumps(said, sort_keys=True, separators=(",", ":"))
        event = AuditEvent(
            id=chain.pk * CHAIN_STRIDE + chain.length + 1,
            chain=chain,
            sequence=chain.length + 1,
            kind="unlock.refused",
            at=begins + dt.timedelta(seconds=number),
            actor=person,
            device=device,
            previous_hash=chain.head,
        )
        detail = AuditDetail(event_id=event.pk, salt=salt, body=body)
        event.detail_hash = detail.computed_hash()
        event.hash = chain.head = event.computed_hash()
        chain.length += 1
        yield event, detail


def _keep(pairs: list[tuple[AuditEvent, AuditDetail]]) -> None:
    QuerySet(AuditEvent).bulk_create([event for event, _detail in pairs])
    QuerySet(AuditDetail).bulk_create([detail for _event, detail in pairs])
