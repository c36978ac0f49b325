"""A database that was restored from a backup: what is gone with it is said on the record itself.

A restore cuts off the end of every chain, as somebody would who wants events to be forgotten. So it is
put on every chain, with what a checkpoint from before tells of the events that are lost.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from locks.models import AuditChain, AuditEvent, Building, Kind
from locks.models.audit import CHAIN_STRIDE, ORGANISATION
from locks.services.audit import record
from locks.services.checkpoints import Checkpoint, Point
from locks.services.errors import ServiceError


@dataclass(frozen=True)
class RestoredChain:
    """What a restore left of a chain: it `has` events, and `had` them when the checkpoint was made.

    Without a checkpoint `had` and `lost` are None. `differs`: it is long enough, and the event that
    the checkpoint names is another; how many are lost, nobody can count then.
    """

    key: str
    has: int
    had: int | None = None
    lost: int | None = None
    differs: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return asdict(self)


@transaction.atomic
def record_restore(*, reason: str, checkpoint: Checkpoint | None = None) -> list[RestoredChain]:
    """Put on every chain that the database was restored, and why; what became of each chain.

    Events may be missing since the newest one of the whole record: run it before accessdesk starts
    again, and appends. The last checkpoint that left before the restore says how many are lost. Its
    chains that are no more are told on the organisation's. Raises ServiceError without a reason.
    """
    reason = reason.strip()
    if not reason:
        raise ServiceError(_("Say why the database was restored: it stays on the record."))
    since = _newest()
    points = dict(checkpoint.points) if checkpoint else {}
    # Locked in primary-key order before any is appended to, so that what is counted stays true.
    chains = list(AuditChain.objects.select_for_update().order_by("pk"))
    restored = [_compared(chain, points.get(chain.key)) for chain in chains]
    known = {chain.key for chain in chains}
    gone = {key: point.length for key, point in points.items() if point.length and key not in known}
    if ORGANISATION not in known:
        had = gone.pop(ORGANISATION, None)
        restored.append(RestoredChain(ORGANISATION, 0, had, had))
    for each, building in zip(restored, _buildings(chains), strict=True):
        _append(
            each,
            building,
            reason=reason,
            since=since.isoformat() if since else None,
            checkpoint_made_at=checkpoint.made_at.isoformat() if checkpoint else None,
            lost_chains=gone if building is None else None,
        )
    return restored + [RestoredChain(key, 0, had, had) for key, had in gone.items()]


def _newest() -> dt.datetime | None:
    newest: dt.datetime | None = AuditEvent.objects.values_list("at", flat=True).first()
    return newest


def _buildings(chains: Iterable[AuditChain]) -> list[Building | None]:
    """The building of each chain; the organisation's is made where there is none."""
    named = Building.objects.in_bulk([each.building_id for each in chains if each.building_id])
    found = [named[each.building_id] if each.building_id else None for each in chains]
    return found if None in found else [*found, None]


def _compared(chain: AuditChain, point: Point | None) -> RestoredChain:
    if point is None:
        return RestoredChain(chain.key, chain.length)
    pk = chain.pk * CHAIN_STRIDE + point.length
    stored = AuditEvent.objects.filter(pk=pk).values_list("hash", flat=True).first()
    differs = 0 < point.length <= chain.length and stored != point.head
    lost = None if differs else max(0, point.length - chain.length)
    return RestoredChain(chain.key, chain.length, point.length, lost, differs)


def _append(chain: RestoredChain, building: Building | None, **told: Any) -> None:
    record(
        Kind.RESTORED,
        building=building,
        has=chain.has,
        had=chain.had,
        lost=chain.lost,
        differs=chain.differs or None,
        **told,
    )
