"""The one way to write the record."""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q

from locks.models import (
    AuditChain,
    AuditDetail,
    AuditEvent,
    Building,
    Device,
    UnlockRequest,
    User,
    reality,
)
from locks.models.audit import CHAIN_STRIDE, CHANNEL, ORGANISATION


def record(
    kind: str,
    *,
    building: Building | None,
    actor: User | None = None,
    device: Device | None = None,
    request: UnlockRequest | None = None,
    **detail: Any,
) -> AuditEvent:
    """Append one event to the chain of `building` (the organisation's where it is None).

    Must run in the transaction of the change that it tells of, as its last lock: the chain's row is held
    until commit. `detail` are JSON values; names of person, door and building are kept as they are now.
    Raises TransactionManagementError outside a transaction.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("record() belongs into a transaction.")
    chain = _locked_chain(building)
    salt, body = secrets.token_hex(32), _body(detail, building, actor, device)
    event = AuditEvent(
        id=chain.pk * CHAIN_STRIDE + chain.length + 1,
        chain=chain,
        sequence=chain.length + 1,
        kind=kind,
        actor=actor,
        device=device,
        request=request,
        previous_hash=chain.head,
    )
    kept = AuditDetail(event=event, salt=salt, body=body)
    event.detail_hash = kept.computed_hash()
    event.hash = event.computed_hash()
    event.save()
    kept.save()
    AuditChain.objects.filter(pk=chain.pk).update(
        length=event.sequence, head=event.hash, changes=F("changes") + 1
    )
    transaction.on_commit(_notify, robust=True)
    return event


def in_chain_order(places: Iterable[Building | None]) -> list[Building | None]:
    """Buildings (None: the organisation) in the order in which their chains are to be locked. One query.

    By primary key of the chain, so that nobody waits in a ring; a chain not made yet gets the highest.
    """
    places = list(places)
    own = Q(building__in=[place for place in places if place]) | Q(building=None)
    rows = AuditChain.objects.filter(own).values_list("building_id", "pk")
    chains: dict[int | None, int] = dict(rows)
    return sorted(places, key=lambda place: chains.get(place.pk if place else None, math.inf))


def hold_chains(places: Iterable[Building | None]) -> None:
    """Lock the chains of these in their order, before a service that tells several of them things.

    For changes whose events do not come in that order by themselves.
    """
    for place in in_chain_order(set(places)):
        _locked_chain(place)


def touch(building: Building | None) -> None:
    """Tell open consoles that something of `building` changed which is no event (a lock's health)."""
    if building is not None:
        AuditChain.objects.filter(pk=_locked_chain(building).pk).update(changes=F("changes") + 1)
        transaction.on_commit(_notify, robust=True)


def _locked_chain(building: Building | None) -> AuditChain:
    key = ORGANISATION if building is None else f"building-{building.pk}"
    chains = AuditChain.objects.select_for_update()
    try:
        return chains.get(key=key)
    except AuditChain.DoesNotExist:
        pass
    try:
        with transaction.atomic():
            AuditChain.objects.create(key=key, building=building)
    except IntegrityError:
        pass  # another process was first
    return chains.get(key=key)


def _body(
    detail: dict[str, Any], building: Building | None, actor: User | None, device: Device | None
) -> str:
    """The detail as JSON text, with the names as they were; empty values are left out."""
    named: dict[str, Any] = {
        "person": actor.get_full_name() if actor else None,
        "username": actor.username if actor else None,
        "door": device.label if device else None,
        "building": building.name if building else None,
        "reality": reality(),
    }
    body = {k: v for k, v in {**named, **detail}.items() if v not in (None, "", [], {})}
    return json.dumps(body, sort_keys=True, separators=(",", ":"), default=str)


def _notify() -> None:
    """Wake the watchers, after commit: inside the transaction NOTIFY would serialise all commits."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}")
