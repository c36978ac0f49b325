"""The doors as Seam lists them: new ones added, health and names kept up, nothing deleted.

The list is read first, with no transaction open; then each door that differs gets a small
transaction of its own, so that presses never wait for a sync.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from locks.clients import seam_client
from locks.models import Device, Kind, User
from locks.models import Workspace as KnownWorkspace
from locks.seam import (
    Lock,
    SeamError,
    SeamNotSent,
    SeamRateLimited,
    SeamUnauthorized,
    Workspace,
)
from locks.services import leases
from locks.services.audit import record
from locks.services.editing import require_superuser
from locks.services.errors import ServiceError
from locks.services.mirroring import differences, mark_gone, save_lock

LEASE: Final = "sync_devices"
LEASE_LENGTH: Final = dt.timedelta(seconds=60)  # renewed with every page of the list
CHUNK: Final = 500  # rows a statement


@dataclass(frozen=True)
class SyncReport:
    """What a sync found and did, in doors.

    `listed` at Seam, of these `added`, `renamed`, `back`, `updated` (health), `unchanged`; a door
    may count as several of renamed, back and updated. `gone` were known and are listed no more.
    `unreadable` entries of the list had no usable id: while there are any, no door is taken for
    gone.
    """

    workspace_id: str
    workspace: str
    is_sandbox: bool
    listed: int
    added: int
    renamed: int
    back: int
    updated: int
    unchanged: int
    gone: int
    unreadable: int

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return asdict(self)

    @property
    def has_news(self) -> bool:
        """Whether doors came, went, or were named otherwise: what health does is on the record by itself."""
        return any((self.added, self.renamed, self.back, self.gone))


@dataclass(frozen=True)
class _Listing:
    """Everything that Seam lists, complete."""

    workspace: Workspace
    read_at: dt.datetime
    locks: Mapping[str, Lock]  # by device id
    unreadable: int


def sync_devices(
    *,
    actor: User | None = None,
    allow_other_workspace: bool = False,
    allow_empty: bool = False,
    by_schedule: bool = False,
) -> SyncReport:
    """Bring the doors in line with what Seam lists, and say what changed.

    New doors belong to no building and are private; a new name at Seam is noted and offered, the
    clerks' label stays. Doors that Seam no longer lists are marked gone. `actor` is the superuser
    who asked; None for the operator's command. One `by_schedule` is on the record only where it has news:
    there are three hundred a day.

    Raises ServiceError, with nothing changed: Seam cannot be read to the end; another sync is under
    way; the key belongs to another workspace than the known doors, unless `allow_other_workspace`;
    the list is empty although doors are known, unless `allow_empty`. NotAllowed for anyone but a
    superuser.
    """
    if actor is not None:
        require_superuser(actor)
    if leases.acquire(LEASE, length=LEASE_LENGTH) is None:
        raise ServiceError(_("The doors are being read from Seam already. Try again in a minute."))
    try:
        listing = _read()
        if not allow_other_workspace:
            _require_same_workspace(listing.workspace)
        if not allow_empty:
            _require_some(listing)
        return _store(listing, actor, by_schedule=by_schedule)
    finally:
        leases.drop(LEASE)


def _read() -> _Listing:
    """Seam's whole list, or ServiceError."""
    client, read_at = seam_client(), timezone.now()
    locks: dict[str, Lock] = {}
    unreadable = 0
    try:
        workspace = client.get_workspace()
        for page in client.iter_lock_pages():
            locks |= {lock.device_id: lock for lock in page.locks}
            unreadable += page.unreadable
            leases.acquire(LEASE, length=LEASE_LENGTH)
    except SeamError as error:
        raise ServiceError(_sentence(error)) from error
    return _Listing(workspace, read_at, locks, unreadable)


def _sentence(error: SeamError) -> str:
    if isinstance(error, SeamUnauthorized):
        why = _("Seam refused our API key")
    elif isinstance(error, SeamNotSent):
        why = _("Seam could not be reached")
    elif isinstance(error, SeamRateLimited):
        why = _("Seam has had too many calls for the moment")
    else:
        why = _("Seam gave no usable answer")
    facts = (f"HTTP {error.status}" if error.status else "", error.request_id)
    known = ", ".join(fact for fact in facts if fact)
    return " ".join((f"{why} ({known})." if known else f"{why}.", _("Nothing was changed.")))


def _require_same_workspace(workspace: Workspace) -> None:
    """The key must be of the workspace of our doors: those in use, or where none is, those gone."""
    known = Device.objects.exclude(workspace_id="")
    in_use = known.filter(gone_at=None)
    ids = set((in_use if in_use.exists() else known).values_list("workspace_id", flat=True))
    if ids and workspace.workspace_id not in ids:
        raise ServiceError(
            _(
                "The API key belongs to the Seam workspace “%(name)s” (%(id)s), the known doors to"
                " another. Nothing was changed. If the doors have moved: manage.py sync_devices"
                " --allow-other-workspace"
            )
            % {"name": workspace.name, "id": workspace.workspace_id}
        )


def _require_some(listing: _Listing) -> None:
    known = Device.objects.filter(gone_at=None).count()
    if known and not listing.locks and not listing.unreadable:
        raise ServiceError(
            ngettext(
                "Seam lists no lock at all, and %(count)d door is known. Nothing was changed.",
                "Seam lists no lock at all, and %(count)d doors are known. Nothing was changed.",
                known,
            )
            % {"count": known}
            + _(" If all are gone: manage.py sync_devices --allow-empty")
        )


def _store(listing: _Listing, actor: User | None, *, by_schedule: bool) -> SyncReport:
    workspace, done = listing.workspace, Counter[str]()
    known = {device.seam_device_id: device for device in Device.objects.all()}
    unchanged = []
    for device_id, lock in listing.locks.items():
        device = known.get(device_id)
        if device and not differences(device, lock, workspace.workspace_id):
            unchanged.append(device.pk)
        else:
            done.update(
                save_lock(
                    lock,
                    workspace_id=workspace.workspace_id,
                    actor=actor,
                    read_at=listing.read_at,
                )
            )
    _note_seen(unchanged, listing.read_at)
    if not listing.unreadable:
        done["gone"] = sum(
            mark_gone(device, actor=actor)
            for device_id, device in known.items()
            if device.gone_at is None and device_id not in listing.locks
        )
    report = SyncReport(
        workspace_id=workspace.workspace_id,
        workspace=workspace.name,
        is_sandbox=workspace.is_sandbox,
        listed=len(listing.locks),
        unchanged=len(unchanged),
        unreadable=listing.unreadable,
        **{word: done[word] for word in ("added", "renamed", "back", "updated", "gone")},
    )
    with transaction.atomic(durable=True):
        KnownWorkspace.objects.update_or_create(
            workspace_id=workspace.workspace_id,
            defaults={
                "name": workspace.name,
                "is_sandbox": workspace.is_sandbox,
                "read_at": timezone.now(),
            },
        )
        if report.has_news or not by_schedule:
            record(Kind.SYNCED, building=None, actor=actor, **report.as_dict())
    return report


def _note_seen(pks: Collection[int], read_at: dt.datetime) -> None:
    """Doors that are as they were: only the times at which Seam said so move."""
    ordered = sorted(pks)
    for start in range(0, len(ordered), CHUNK):
        doors = Device.objects.filter(pk__in=ordered[start : start + CHUNK])
        doors.update(synced_at=read_at)
        before = Q(online_seen_at=None) | Q(online_seen_at__lt=read_at)
        doors.filter(before, online=True).update(online_seen_at=read_at)
