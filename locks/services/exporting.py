"""Exports of the record: streamed, in constant memory, with a manifest that says what they prove.

The formats are described in docs/record.md.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import transaction
from django.db.models import Exists, Max, Min, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from locks.models import AuditChain, AuditEvent, Building, Kind, User
from locks.models.audit import CHAIN_STRIDE, timestamp
from locks.services.audit import record
from locks.services.checkpoints import canonical, make_checkpoint, public_key, sign
from locks.services.editing import plain, require_superuser
from locks.services.errors import NotAllowed, ServiceError
from locks.services.export_rows import FORMS, Form, Row, batches
from locks.services.gaps import gaps, moment_in

FORMAT: Final = 1
WINDOW: Final = 50_000  # events of a chain that one question may have to look at
RIGHT_HOLDS: Final = 2.0  # seconds until `actor` is asked for again
NEVER_COVERED: Final = (
    "Mechanical keys, locks that report to nobody, and whether a door was open: the record says "
    "what accessdesk was asked, did and was told."
)
# Filters whose values name no person, door or building.
TOLD_TO_ALL: Final = frozenset(
    ("break_glass", "kind", "out_of_hours", "outcome", "since", "slow", "until")
)


@dataclass
class Export:
    """What is to be exported, for whom; and after the last part was read, how much it was.

    `events` must be what `actor` may review. `filters` says in words or values how they were
    chosen, for the manifest. `whole_of` is the one building whose events are all in, where they are
    chosen by nothing else, or by time alone: `since` and `until` in `filters`, as `reviewable` does.
    `among` are the buildings whose events may be in it; None: any, and the organisation's.
    """

    events: QuerySet[AuditEvent]
    form: Form
    actor: User | None  # None: the operator's command
    filters: Mapping[str, Any]
    whole_of: Building | None = None
    among: Sequence[Building] | None = None
    # Asked with the right: whether whoever began it is still there to read it.
    is_wanted: Callable[[], bool] = lambda: True
    rows: int = 0
    unreadable: int = 0
    digest: str = ""
    chains: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """A file name."""
        return f"accessdesk-record-{timezone.now():%Y%m%d-%H%M%S}.{self.form}"

    def parts(self) -> Iterator[bytes]:
        """The file, piece by piece, its manifest last. Recorded when it begins and when it ends.

        It is recorded on every chain that is read, so that each building's managers know. Every
        event that was there at the beginning and fits, each once; what is appended meanwhile is left
        out. Raises NotAllowed in the middle where `actor` may no longer review what is being read,
        or `is_wanted` says no: without its manifest the file proves nothing.
        """
        begun = timezone.now()
        read = self._chains_read()
        checkpoint = json.loads(make_checkpoint(chains=read))
        lengths = {point["chain"]: point["length"] for point in checkpoint["chains"]}
        if spoilt := [chain.key for chain in read if chain.key not in lengths]:
            raise ServiceError(_("%(chain)s cannot be read.") % {"chain": spoilt[0]})
        self._record(Kind.EXPORT_BEGUN, read)
        whole = hashlib.sha256()
        for part in self._body({chain: lengths[chain.key] for chain in read}):
            whole.update(part)
            yield part
        self._require_right()  # the last part may have been long in the reading
        self.digest = whole.hexdigest()
        self._record(Kind.EXPORTED, read, sha256=self.digest)
        yield self._last(self._manifest(begun, checkpoint, read))

    def _body(self, lengths: Mapping[AuditChain, int]) -> Iterator[bytes]:
        form = FORMS[self.form]
        if form.head:
            yield form.head
        asked = -math.inf
        for chain, window in self._windows(lengths):
            for batch in batches(window, chain):
                if time.monotonic() - asked >= RIGHT_HOLDS:
                    self._require_right()
                    asked = time.monotonic()
                for row in batch:
                    self._count(row)
                yield b"".join(map(form.line, batch))

    def _windows(
        self, lengths: Mapping[AuditChain, int]
    ) -> Iterator[tuple[AuditChain, QuerySet[AuditEvent]]]:
        """The events, a stretch of a chain at a time: no question takes long, however few fit."""
        for chain, length in lengths.items():
            place = chain.pk * CHAIN_STRIDE
            of_chain = self.events.filter(chain=chain)
            for start in range(1, length + 1, WINDOW):
                end = min(start + WINDOW - 1, length)
                yield chain, of_chain.filter(pk__range=(place + start, place + end))

    def _require_right(self) -> None:
        """Asked again and again: an export may take longer than a role, or a session, lasts."""
        if not self.is_wanted():
            raise NotAllowed(_("You have signed out since the export began."))
        if self.actor is None:
            return
        managed = Building.objects.managed_by(User.objects.get(pk=self.actor.pk))
        among = [self.whole_of] if self.whole_of else self.among
        if among is None:
            require_superuser(self.actor)
        elif managed.filter(pk__in=[each.pk for each in among]).count() < len(among):
            raise NotAllowed(_("You no longer manage what was to be exported."))

    def _count(self, row: Row) -> None:
        event = row.event
        if event is None:
            self.unreadable += 1
            return
        self.rows += 1
        place = {"sequence": event.sequence, "hash": event.hash, "at": timestamp(event.at)}
        chain = self.chains.setdefault(event.chain.key, {"events": 0, "first": place})
        chain["events"] += 1
        chain["last"] = place

    def _manifest(
        self, begun: dt.datetime, checkpoint: Mapping[str, Any], read: Sequence[AuditChain]
    ) -> dict[str, Any]:
        manifest: dict[str, Any] = {
            "manifest": FORMAT,
            "form": self.form,
            "made_at": timestamp(begun),
            "made_by": self.actor.username if self.actor else None,
            "filters": dict(self.filters),
            "rows": self.rows,
            "sha256": self.digest,
            "chains": self.chains,
            "unreadable": self.unreadable,
            "proves": "complete" if self.whole_of and not self.unreadable else "unaltered",
            "gaps": self._gaps(begun, read),
            "never_covered": NEVER_COVERED,
            "checkpoint": checkpoint,
            "key": public_key() or None,
        }
        manifest["signature"] = sign(canonical(manifest)) or None
        return manifest

    def _gaps(self, begun: dt.datetime, read: Iterable[AuditChain]) -> list[dict[str, Any]]:
        """What may be missing in the time that was exported: by default all of its chains' time."""
        firsts = AuditEvent.objects.filter(pk__in=[each.pk * CHAIN_STRIDE + 1 for each in read])
        since = moment_in(self.filters.get("since")) or firsts.aggregate(at=Min("at"))["at"]
        until = moment_in(self.filters.get("until")) or begun
        # An event that a clock put outside of it is in it all the same.
        ends = [chain[end]["at"] for chain in self.chains.values() for end in ("first", "last")]
        shown = [moment for moment in map(moment_in, ends) if moment is not None]
        found = gaps(min([since or begun, *shown]), max([until, *shown]))
        return [
            {**gap, "at": timestamp(gap["at"]), **{n: plain(gap[n]) for n in ("since", "until")}}
            for gap in found
        ]

    def _last(self, manifest: Mapping[str, Any]) -> bytes:
        return FORMS[self.form].last(canonical(manifest))

    def _chains_read(self) -> list[AuditChain]:
        """The chains with events in it, in primary-key order, as they are locked."""
        among = [self.whole_of] if self.whole_of else self.among
        its = self.events.filter(chain=OuterRef("pk")).order_by()
        chosen = Exists(its) if among is None else Q(building__in=among)
        return [*AuditChain.objects.filter(chosen).select_related("building").order_by("pk")]

    def _record(self, kind: Kind, read: Sequence[AuditChain], **detail: Any) -> None:
        """On each chain, with how many of its own events were read once that is known."""
        with transaction.atomic():
            for building, key in [(chain.building, chain.key) for chain in read] or [
                (self.whole_of, "")
            ]:
                if kind == Kind.EXPORTED:
                    detail["rows"] = self.chains.get(key, {"events": 0})["events"]
                told = {"form": self.form, **self._told_of_filters(building, read), **detail}
                record(kind, building=building, actor=self.actor, **told)

    def _told_of_filters(
        self, building: Building | None, read: Sequence[AuditChain]
    ) -> dict[str, Any]:
        """The filters as a chain may know them.

        Where several chains are read, a door, a person or a word that was looked for may be another
        building's, and this building's managers read only that there was such a filter.
        """
        if building is None or len(read) == 1:
            return {"filters": dict(self.filters)}
        others = sorted(set(self.filters) - TOLD_TO_ALL)
        known = {name: value for name, value in self.filters.items() if name in TOLD_TO_ALL}
        return {"filters": known} | ({"other_filters": others} if others else {})


def reviewable(
    actor: User | None,
    *,
    building: Building | None = None,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> QuerySet[AuditEvent]:
    """The events of a building, or of all, within a time, that `actor` may review (all for None).

    Of one building: all from the first event of that time (without `since`: its first) to the last
    (without `until`: its last), even where a clock that was set right put one of them outside.
    Raises ServiceError for a building without a chain: nothing of it was ever recorded.
    """
    events: QuerySet[AuditEvent] = AuditEvent.objects.all()
    if actor is not None:
        events = AuditEvent.objects.visible_to(actor)
    if building is None:
        return _within(events, since, until)
    chain = AuditChain.objects.filter(building=building).first()
    if chain is None:
        raise ServiceError(_("Nothing was ever recorded of this building: it has no chain."))
    place = chain.pk * CHAIN_STRIDE
    events = events.filter(pk__gt=place, pk__lt=place + CHAIN_STRIDE)
    if since is None and until is None:
        return events
    ends = _within(events, since, until).aggregate(first=Min("pk"), last=Max("pk"))
    if since is not None:
        events = events.filter(pk__gte=ends["first"] or place + CHAIN_STRIDE)
    # Without `until` the end stays open: what is appended until the checkpoint is made belongs to it.
    return events if until is None else events.filter(pk__lte=ends["last"] or place)


def _within(
    events: QuerySet[AuditEvent], since: dt.datetime | None, until: dt.datetime | None
) -> QuerySet[AuditEvent]:
    if since is not None:
        events = events.filter(at__gte=since)
    if until is not None:
        events = events.filter(at__lt=until)
    return events
