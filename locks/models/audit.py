"""The record: one chain of events a building and one for the organisation. Append-only, hashed.

The format is final: rows that nobody may change cannot be reformatted. docs/record.md describes it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from locks.models.people import User
from locks.models.places import Building, Device
from locks.models.unlocks import Action, UnlockRequest

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

FORMAT = 1
GENESIS = "0" * 64  # what the first event of a chain names as the hash before it
ORGANISATION = "organisation"
UNREADABLE = {"cannot_be_read": True}  # what a detail tells that is no JSON object
CHANNEL = "accessdesk_changes"  # PostgreSQL's NOTIFY after each commit; wakes the live stream
CHAIN_STRIDE = (
    2**40
)  # event id = chain id * stride + sequence: unique by construction, never guessed


class Kind(models.TextChoices):
    """What happened. Values are stable words: they are hashed."""

    UNLOCK_REQUESTED = "unlock.requested", _("unlock requested")
    UNLOCK_BROKE_GLASS = "unlock.broke_glass", _("break-glass unlock requested")
    UNLOCK_JOINED = "unlock.joined", _("joined an unlock under way")
    UNLOCK_REFUSED = "unlock.refused", _("press refused")
    UNLOCK_REFUSED_REPEATEDLY = "unlock.refused_repeatedly", _("refused press repeated")
    UNLOCK_PENDING = "unlock.pending", _("taken by Seam")
    UNLOCK_UNLOCKED = "unlock.unlocked", _("unlocked")
    UNLOCK_FAILED = "unlock.failed", _("not unlocked")
    UNLOCK_UNKNOWN = "unlock.unknown", _("outcome unknown")
    UNLOCK_CONTRADICTED = "unlock.contradicted", _("outcome contradicted")
    UNLOCK_NOTHING_LISTED = "unlock.nothing_listed", _("Seam lists no unlock")
    UNLOCK_ATTESTED = "unlock.attested", _("seen at the door")
    # A press on Lock. Not "lock.…": those tell of the lock as a thing, and "lock.locked" of its bolt.
    RELOCK_REQUESTED = "relock.requested", _("locking requested")
    RELOCK_JOINED = "relock.joined", _("joined a locking under way")
    RELOCK_REFUSED = "relock.refused", _("press on Lock refused")
    RELOCK_REFUSED_REPEATEDLY = "relock.refused_repeatedly", _("refused press on Lock repeated")
    RELOCK_PENDING = "relock.pending", _("locking taken by Seam")
    RELOCK_LOCKED = "relock.locked", _("locked from the desk")
    RELOCK_FAILED = "relock.failed", _("not locked")
    RELOCK_UNKNOWN = "relock.unknown", _("outcome of locking unknown")
    RELOCK_CONTRADICTED = "relock.contradicted", _("outcome of locking contradicted")
    RELOCK_NOTHING_LISTED = "relock.nothing_listed", _("Seam lists no locking")
    LOCK_UNLOCKED = "lock.unlocked", _("unlocked at the door or by code")
    LOCK_LOCKED = "lock.locked", _("locked")
    LOCK_OFFLINE = "lock.offline", _("lock offline")
    LOCK_ONLINE = "lock.online", _("lock back online")
    LOCK_BATTERY = "lock.battery", _("battery changed")
    EVENTS_CAUGHT_UP = "events.caught_up", _("Seam's events read afterwards")
    EVENTS_GAP = "events.gap", _("gap in Seam's events")
    EXPORT_BEGUN = "export.begun", _("export of the record begun")
    EXPORTED = "export.finished", _("record exported")
    NOISE = "noise.counted", _("strangers' attempts counted")
    SIGNED_IN = "sign_in.succeeded", _("signed in")
    SIGNED_OUT = "sign_in.ended", _("signed out")
    SIGN_IN_REFUSED = "sign_in.refused", _("sign-ins refused")
    PERSON_SWITCHED = "sign_in.switched", _("switched to on a shared PC")
    SESSION_ENDED = "sign_in.session_ended", _("session ended from elsewhere")
    FACTOR_ADDED = "second_factor.added", _("second factor added")
    FACTOR_REMOVED = "second_factor.removed", _("second factor removed")
    PIN_SET = "pin.set", _("PIN set")
    PIN_REMOVED = "pin.removed", _("PIN removed")
    PIN_REFUSED = "pin.refused", _("PINs refused")
    PC_ENROLLED = "pc.enrolled", _("shared PC enrolled")
    PC_REMOVED = "pc.removed", _("shared PC removed")
    ROLE_GRANTED = "role.granted", _("role granted")
    ROLE_CHANGED = "role.changed", _("role changed")
    ROLE_REVOKED = "role.revoked", _("role revoked")
    PERSON_ADDED = "person.added", _("person added")
    PERSON_CHANGED = "person.changed", _("person changed")
    PERSON_INVITED = "person.invited", _("person invited")
    INVITATION_WITHDRAWN = "invitation.withdrawn", _("invitation withdrawn")
    INVITATION_ACCEPTED = "invitation.accepted", _("invitation accepted")
    RESET_GIVEN = "person.reset_given", _("way to a new password given")
    PERSON_LEFT = "person.left", _("roles of a leaver ended")
    BUILDING_ADDED = "building.added", _("building added")
    BUILDING_CHANGED = "building.changed", _("building changed")
    BUILDING_FROZEN = "building.frozen", _("building frozen")
    BUILDING_RELEASED = "building.released", _("freeze lifted")
    DOOR_FROZEN = "door.frozen", _("door frozen")
    DOOR_RELEASED = "door.released", _("freeze of a door lifted")
    DOOR_ADDED = "door.added", _("door found at Seam")
    DOOR_CHANGED = "door.changed", _("door changed")
    DOOR_ASSIGNED = "door.assigned", _("door assigned to the building")
    DOOR_UNASSIGNED = "door.unassigned", _("door taken out of the building")
    DOOR_RENAMED_AT_SEAM = "door.renamed_at_seam", _("renamed at Seam")
    DOOR_GONE = "door.gone", _("gone from Seam")
    DOOR_BACK = "door.back", _("back at Seam")
    PICK_LIST_CHANGED = "pick_list.changed", _("reasons or ways of identifying changed")
    ALERT_RAISED = "alert.raised", _("alert raised")
    ALERT_OVER = "alert.over", _("alert over")
    ALERTS_CHANGED = "alerts.changed", _("alert settings changed")
    TAKEN_OVER = "shift.taken_over", _("shift taken over")
    FOLLOW_UP_OPENED = "follow_up.opened", _("left to the next shift")
    FOLLOW_UP_NOTED = "follow_up.noted", _("note on a follow-up")
    FOLLOW_UP_CLOSED = "follow_up.closed", _("follow-up done")
    SYNCED = "devices.synced", _("doors read from Seam")
    RESTORED = "record.restored", _("restored from a backup")


# How the kinds of a press begin, by its action.
PREFIXES = {Action.UNLOCK: "unlock", Action.LOCK: "relock"}

# What tells of a lock's health: rare beside unlocks, and looked for door by door.
LOCK_HEALTH = (Kind.LOCK_BATTERY, Kind.LOCK_OFFLINE, Kind.LOCK_ONLINE)


def timestamp(at: dt.datetime) -> str:
    """A moment as the record writes it: UTC, to the microsecond (RFC 3339)."""
    return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class AppendOnly(TypeError):
    """Raised by whatever would change or remove a row of the record."""

    def __init__(self) -> None:
        super().__init__(
            "The record is append-only: events are written by services.audit.record()."
        )


class AppendOnlyQuerySet(models.QuerySet[Any]):
    """Refuses in Python what the triggers refuse in the database."""

    def _refuse(self, *args: object, **kwargs: object) -> NoReturn:
        raise AppendOnly

    # A guard on a manager would leak through any other manager: the QuerySet class is the guard.
    update = _update = delete = _raw_delete = _refuse
    bulk_create = bulk_update = update_or_create = get_or_create = _refuse
    aupdate = adelete = abulk_create = abulk_update = _refuse
    aupdate_or_create = aget_or_create = _refuse


class AppendOnlyModel(models.Model):
    objects: ClassVar[models.Manager[Any]] = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly
        super().save(force_insert=True, using=kwargs.get("using"))

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly


class AuditChain(models.Model):
    """The head of one chain: length, last hash, and a count of changes that the live stream compares.

    One row a building and one for the organisation (`building` null). Appending locks it, so that events
    have one order.
    """

    key = models.CharField(max_length=40, unique=True)
    building = models.OneToOneField(
        Building, on_delete=models.PROTECT, null=True, related_name="chain"
    )
    length = models.PositiveBigIntegerField(default=0)
    head = models.CharField(max_length=64, default=GENESIS)
    changes = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(building__isnull=False) | Q(key=ORGANISATION),
                name="locks_auditchain_of_a_building_or_the_organisation",
            ),
        )

    def __str__(self) -> str:
        return self.key


class AuditEventQuerySet(AppendOnlyQuerySet):
    def visible_to(self, user: User | AnonymousUser) -> AuditEventQuerySet:
        """Events that `user` may review: of buildings that they manage; all for a superuser."""
        if user.is_authenticated and user.is_active and user.is_superuser:
            return self.all()
        # As numbers: with them the database reads a chain along its index, newest first.
        chains = AuditChain.objects.filter(building__in=Building.objects.managed_by(user))
        return self.filter(chain__in=list(chains.values_list("pk", flat=True)))


class AuditEvent(AppendOnlyModel):
    """One thing that happened. Every column is hashed, and with it the hash of the event before."""

    id = models.BigIntegerField(primary_key=True)
    # Each of the three columns leads an index of several below: one of its own would be another to write.
    chain = models.ForeignKey(
        AuditChain, on_delete=models.PROTECT, related_name="events", db_index=False
    )
    sequence = models.BigIntegerField()
    format = models.PositiveSmallIntegerField(default=FORMAT)
    kind = models.CharField(_("kind"), max_length=40, choices=Kind)
    at = models.DateTimeField(_("at"), default=timezone.now)
    actor = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="events", db_index=False
    )
    device = models.ForeignKey(
        Device, on_delete=models.PROTECT, null=True, related_name="events", db_index=False
    )
    request = models.ForeignKey(
        UnlockRequest, on_delete=models.PROTECT, null=True, related_name="events"
    )
    detail_hash = models.CharField(max_length=64)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    objects: ClassVar[models.Manager[Any]] = AuditEventQuerySet.as_manager()

    class Meta:
        base_manager_name = "objects"
        ordering = ("-at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("chain", "sequence"), name="locks_auditevent_one_order_a_chain"
            ),
            models.CheckConstraint(
                condition=Q(id=F("chain_id") * CHAIN_STRIDE + F("sequence")),
                name="locks_auditevent_id_from_its_place",
            ),
        )
        indexes = (
            models.Index(fields=("-at", "-id"), name="locks_event_at"),
            models.Index(fields=("chain", "-at", "-id"), name="locks_event_of_chain"),
            models.Index(fields=("device", "-at", "-id"), name="locks_event_of_device"),
            models.Index(fields=("actor", "-at", "-id"), name="locks_event_of_actor"),
            # What a person did in one building, who does most of it in another.
            models.Index(fields=("actor", "chain", "-at", "-id"), name="locks_event_of_actor_here"),
            models.Index(fields=("kind", "-at", "-id"), name="locks_event_of_kind"),
            # The last thing told of a lock before some day, however many unlocks came after it.
            models.Index(
                fields=("device", "-at", "-id"),
                condition=Q(kind__in=LOCK_HEALTH),
                name="locks_event_of_lock_health",
            ),
        )

    def __str__(self) -> str:
        return f"{self.chain.key} {self.sequence}: {self.get_kind_display()}"

    def canonical(self) -> bytes:
        """The bytes that `hash` is the SHA-256 of: JSON, keys sorted, no spaces, ASCII (RFC 8785)."""
        fields = {
            "actor": self.actor_id,
            "at": timestamp(self.at),
            "chain": self.chain.key,
            "detail": self.detail_hash,
            "device": self.device_id,
            "format": self.format,
            "kind": self.kind,
            "previous": self.previous_hash,
            "request": self.request_id,
            "sequence": self.sequence,
        }
        return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode("ascii")

    def computed_hash(self) -> str:
        return hashlib.sha256(self.canonical()).hexdigest()

    def told(self) -> dict[str, Any]:
        """What its detail tells, as AuditDetail.content; empty where it has none any more."""
        try:
            return self.detail.content
        except AuditDetail.DoesNotExist:
            return {}


class AuditDetail(AppendOnlyModel):
    """The personal part of an event, beside the chain: names as they were, reason, Seam's words.

    The event holds SHA-256(salt ‖ body); so the detail can one day be removed without breaking the
    chain, and what remains can still be proven.
    """

    event = models.OneToOneField(
        AuditEvent, on_delete=models.PROTECT, primary_key=True, related_name="detail"
    )
    salt = models.CharField(max_length=64)  # 32 random bytes in hexadecimal
    body = models.TextField()  # a JSON object; the bytes stored are the bytes hashed

    class Meta:
        base_manager_name = "objects"

    def __str__(self) -> str:
        return self.body

    @property
    def content(self) -> dict[str, Any]:
        """The body as a mapping; UNREADABLE where somebody made it something else.

        Whoever reads the record reads the rest of it all the same; verify_audit names the event.
        """
        try:
            content = json.loads(self.body)
        except (ValueError, TypeError, RecursionError):
            return dict(UNREADABLE)
        return content if isinstance(content, dict) else dict(UNREADABLE)

    def computed_hash(self) -> str:
        return hashlib.sha256(bytes.fromhex(self.salt) + self.body.encode()).hexdigest()
