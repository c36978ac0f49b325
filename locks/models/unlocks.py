"""What was asked of a door, and what came of it: UnlockRequest, and the follower's Lease."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Case, F, OuterRef, Q, Subquery, Value, When
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from locks.models.people import User
from locks.models.places import Building, Device

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class Action(models.TextChoices):
    """What is asked of a lock: one road for both (docs/decisions: one road for lock and unlock)."""

    UNLOCK = "unlock", _("unlock")
    LOCK = "lock", _("lock")


class Status(models.TextChoices):
    SENDING = "sending", _("sending")
    PENDING = "pending", _("waiting for the lock")
    UNLOCKED = "unlocked", _("unlocked")
    LOCKED = "locked", _("locked")
    FAILED = "failed", _("failed")
    UNKNOWN = "unknown", _("unknown")


# What a person says of a press; on the record under the same names.
SAID = ("reason", "identified_by", "identified_as", "note", "reference")
# Of columns that came later: a process of the version before may still write rows without them.
_LATE: dict[str, Any] = {"blank": True, "default": "", "db_default": ""}
SLOW_MS = 10_000  # from the press to its end; a request that took longer is called slow
OPEN_STATUSES = (Status.SENDING, Status.PENDING)
DONE_STATUSES = (Status.UNLOCKED, Status.LOCKED)  # as asked for, each by its own action alone
ENDED_STATUSES = (*DONE_STATUSES, Status.FAILED)


class Outcome(models.TextChoices):
    """Status and confirmation as one value, wherever they are shown, counted or exported."""

    # Translators: of an outcome, what stands before the first comma is shown large. It must be true alone.
    SENDING = "sending", _("Sending…")
    PENDING = "pending", _("Waiting for the lock…")
    CONFIRMED = "unlocked_confirmed", _("Unlocked, confirmed")
    INFERRED = "unlocked_inferred", _("Unlocked, inferred")
    UNCONFIRMED = "unlocked_unconfirmed", _("Accepted, this lock does not confirm")
    UNSAID = "unlocked_unsaid", _("Accepted, the lock has not said")
    FAILED = "failed", _("Not unlocked")
    FAILED_MAY_ACT = "failed_may_act", _("Not unlocked, it may still act")
    UNKNOWN = "unknown", _("May have unlocked, or may still unlock")
    # The same of a press on Lock: no list, count or export mistakes one for an unlock.
    LOCK_SENDING = "lock_sending", _("Sending “lock”…")
    LOCK_PENDING = "lock_pending", _("Waiting for the lock to lock…")
    LOCKED_CONFIRMED = "locked_confirmed", _("Locked, confirmed")
    LOCKED_INFERRED = "locked_inferred", _("Locked, inferred")
    LOCKED_UNCONFIRMED = "locked_unconfirmed", _("“Lock” accepted, this lock does not confirm")
    LOCKED_UNSAID = "locked_unsaid", _("“Lock” accepted, the lock has not said")
    LOCK_FAILED = "lock_failed", _("Not locked")
    LOCK_FAILED_MAY_ACT = "lock_failed_may_act", _("Not locked, it may still act")
    LOCK_UNKNOWN = "lock_unknown", _("May have locked, or may still lock")


# Where a press on Lock stands otherwise than done: what is said of an unlock, and of it.
_OF_LOCKING = {
    Outcome.SENDING: Outcome.LOCK_SENDING,
    Outcome.PENDING: Outcome.LOCK_PENDING,
    Outcome.FAILED: Outcome.LOCK_FAILED,
    Outcome.FAILED_MAY_ACT: Outcome.LOCK_FAILED_MAY_ACT,
    Outcome.UNKNOWN: Outcome.LOCK_UNKNOWN,
}
_DONE = {
    Status.UNLOCKED: {
        True: Outcome.CONFIRMED,
        False: Outcome.UNCONFIRMED,
        None: Outcome.UNSAID,
    },
    Status.LOCKED: {
        True: Outcome.LOCKED_CONFIRMED,
        False: Outcome.LOCKED_UNCONFIRMED,
        None: Outcome.LOCKED_UNSAID,
    },
}


def _outcome_in_the_database() -> Case:
    """The value of `UnlockRequest.outcome`, for a column: the two must say the same."""
    unlocked, failed = Q(status=Status.UNLOCKED), Q(status=Status.FAILED)
    locked, locking = Q(status=Status.LOCKED), Q(action=Action.LOCK)
    return Case(
        When(locked & Q(inferred=True), then=Value(Outcome.LOCKED_INFERRED.value)),
        When(locked & Q(confirmed_by_device=True), then=Value(Outcome.LOCKED_CONFIRMED.value)),
        When(locked & Q(confirmed_by_device=False), then=Value(Outcome.LOCKED_UNCONFIRMED.value)),
        When(locked, then=Value(Outcome.LOCKED_UNSAID.value)),
        When(
            locking & failed & Q(may_still_act=True), then=Value(Outcome.LOCK_FAILED_MAY_ACT.value)
        ),
        When(locking & failed, then=Value(Outcome.LOCK_FAILED.value)),
        When(locking & Q(status=Status.SENDING), then=Value(Outcome.LOCK_SENDING.value)),
        When(locking & Q(status=Status.PENDING), then=Value(Outcome.LOCK_PENDING.value)),
        When(locking & Q(status=Status.UNKNOWN), then=Value(Outcome.LOCK_UNKNOWN.value)),
        When(unlocked & Q(inferred=True), then=Value(Outcome.INFERRED.value)),
        When(unlocked & Q(confirmed_by_device=True), then=Value(Outcome.CONFIRMED.value)),
        When(unlocked & Q(confirmed_by_device=False), then=Value(Outcome.UNCONFIRMED.value)),
        When(unlocked, then=Value(Outcome.UNSAID.value)),
        When(failed & Q(may_still_act=True), then=Value(Outcome.FAILED_MAY_ACT.value)),
        default=F("status"),
    )


class Identified(models.TextChoices):
    ID_SEEN = "id_seen", _("ID seen")
    BOOKING = "booking_matched", _("Booking matched")
    KNOWN = "known", _("Known to me")
    ESCORTED = "escorted", _("Escorted")


class UnlockRequestQuerySet(models.QuerySet["UnlockRequest"]):
    def open(self) -> UnlockRequestQuerySet:
        """Unfinished ones: at most one a door."""
        return self.filter(status__in=OPEN_STATUSES)

    def unlocks(self) -> UnlockRequestQuerySet:
        """Those to unlock: whoever counts unlocks counts these, and no press on Lock among them."""
        return self.filter(action=Action.UNLOCK)

    def newest_at(self, doors: Collection[int]) -> UnlockRequestQuerySet:
        """The newest of these at each of the doors (by id), with its building.

        What happened before a door came to its building is not for the people of this one.
        """
        here = self.filter(device=OuterRef("pk"), building=OuterRef("building"))
        newest = here.order_by("-requested_at", "-pk").values("pk")[:1]
        ids = Device.objects.filter(pk__in=doors).values_list(Subquery(newest))
        return UnlockRequest.objects.filter(pk__in=ids).select_related("building")

    def visible_to(self, user: User | AnonymousUser) -> UnlockRequestQuerySet:
        """Those that `user` may review: of the buildings that they manage now."""
        if user.is_authenticated and user.is_active and user.is_superuser:
            return self.all()
        return self.filter(building_id__in=Building.objects.managed_by(user).values("pk"))

    def move(self, pk: int, *, frm: tuple[str, ...], **values: object) -> bool:
        """Compare-and-set of the status: True for the one caller who moved it, and who then records it."""
        return self.filter(pk=pk, status__in=frm).update(**values) == 1


class UnlockRequest(models.Model):
    """One request to unlock (or, by its `action`, to lock) one door, sent at most once.

    SENDING -> PENDING | UNLOCKED | FAILED | UNKNOWN; PENDING -> UNLOCKED | FAILED | UNKNOWN;
    UNKNOWN -> UNLOCKED | FAILED, once, when Seam's own records or a late answer settle it. It never
    goes back to PENDING: its door may have been pressed since. UNLOCKED and FAILED are final: what
    speaks against them later sets `contradicted_at` and nothing else. A lock ends as LOCKED where
    an unlock ends as UNLOCKED.
    Written by services.unlocking and services.following alone, always with its event.
    """

    Identified = Identified

    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="unlock_requests")
    building = models.ForeignKey(Building, on_delete=models.PROTECT, related_name="unlock_requests")
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="unlock_requests")
    # As they were at the press: a door may be renamed or moved to people who name it otherwise.
    door_label = models.CharField(_("door"), max_length=120, blank=True)
    person_name = models.CharField(_("person"), max_length=150, blank=True)
    action = models.CharField(
        _("action"), max_length=10, choices=Action, default=Action.UNLOCK, db_default=Action.UNLOCK
    )
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.SENDING)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    identified_by = models.CharField(
        _("identified by"), max_length=20, choices=Identified, blank=True
    )
    # As they were chosen or typed; `identified_by` says which of the four ways it was a case of.
    identified_as = models.CharField(_("in the words of the building"), max_length=80, **_LATE)
    # Nobody chose it for this press: that of the person's press before was chosen already, and stayed.
    way_carried_over = models.BooleanField(
        _("way of identifying carried over"), default=False, db_default=False
    )
    note = models.CharField(_("note"), max_length=200, **_LATE)
    reference = models.CharField(_("reference number"), max_length=40, **_LATE)
    pressed_again = models.BooleanField(_("pressed again after an unknown outcome"), default=False)
    # Of a break-glass press: the codes (locks.words.OBSTACLES) of what forbade it; empty for all others.
    overridden = models.CharField(_("break-glass over"), max_length=80, blank=True)

    requested_at = models.DateTimeField(_("requested at"), default=timezone.now)
    send_by = models.DateTimeField(help_text=_("No byte leaves for Seam after this."))
    call_deadline = models.DateTimeField(help_text=_("The call to Seam is over by then."))
    call_ended_at = models.DateTimeField(
        null=True, help_text=_("The call to Seam ended then, by the sender's clock.")
    )
    resolve_by = models.DateTimeField(help_text=_("A pending one becomes unknown then."))
    answered_at = models.DateTimeField(_("Seam answered at"), null=True)
    ended_at = models.DateTimeField(_("ended at"), null=True)
    next_look_at = models.DateTimeField(null=True)

    code = models.CharField(
        _("because"), max_length=40, blank=True, help_text=_("Ours; see locks.words.FAILURES.")
    )
    # Seam's words, as they came (cleaned of what a database refuses).
    action_attempt_id = models.CharField(_("action attempt"), max_length=200, blank=True)
    confirmed_by_device = models.BooleanField(_("confirmed by the lock"), null=True)
    inferred = models.BooleanField(
        _("inferred"),
        default=False,
        help_text=_("Its attempt was found among Seam's; Seam did not name it in its answer."),
    )
    contradicted_at = models.DateTimeField(_("contradicted at"), null=True)
    nothing_listed_at = models.DateTimeField(_("Seam listed no unlock at"), null=True)
    result = models.JSONField(_("result"), null=True)
    error_type = models.CharField(_("error type"), max_length=100, blank=True)
    error_message = models.CharField(_("error message"), max_length=2000, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True)
    seam_request_id = models.CharField(_("Seam request id"), max_length=100, blank=True)
    retry_at = models.DateTimeField(
        null=True, help_text=_("Seam takes the next unlock of this door then, not before.")
    )
    may_still_act = models.BooleanField(_("may still act"), default=False)
    # What a history is filtered by, as it was: kept, so that an index can serve it.
    outcome_value = models.GeneratedField(
        expression=_outcome_in_the_database(),
        output_field=models.CharField(max_length=20),
        db_persist=True,
    )
    out_of_hours = models.BooleanField(_("out of hours"), default=False)
    took_ms = models.PositiveBigIntegerField(_("took, ms"), null=True)

    objects = UnlockRequestQuerySet.as_manager()

    class Meta:
        ordering = ("-requested_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("device",),
                condition=Q(status__in=OPEN_STATUSES),
                name="locks_unlockrequest_one_open_per_device",
            ),
            models.UniqueConstraint(
                fields=("action_attempt_id",),
                condition=~Q(action_attempt_id=""),
                name="locks_unlockrequest_owns_its_attempt",
            ),
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="locks_unlockrequest_known_status"
            ),
            models.CheckConstraint(
                condition=Q(status__in=ENDED_STATUSES, ended_at__isnull=False)
                | (~Q(status__in=ENDED_STATUSES) & Q(ended_at__isnull=True)),
                name="locks_unlockrequest_ended_when_it_says_so",
            ),
            models.CheckConstraint(
                condition=~Q(status=Status.PENDING) | ~Q(action_attempt_id=""),
                name="locks_unlockrequest_pending_has_an_attempt",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_by_device__isnull=True) | Q(status__in=DONE_STATUSES),
                name="locks_unlockrequest_confirmed_when_done",
            ),
            models.CheckConstraint(
                condition=(Q(action=Action.UNLOCK) & ~Q(status=Status.LOCKED))
                | (Q(action=Action.LOCK) & ~Q(status=Status.UNLOCKED)),
                name="locks_unlockrequest_ends_as_its_action_says",
            ),
        )
        indexes = (
            models.Index(fields=("-requested_at", "-id"), name="locks_unlock_at"),
            models.Index(fields=("device", "-requested_at", "-id"), name="locks_unlock_of_device"),
            models.Index(
                fields=("building", "-requested_at", "-id"), name="locks_unlock_of_building"
            ),
            models.Index(
                fields=("requested_by", "-requested_at", "-id"), name="locks_unlock_of_person"
            ),
            models.Index(
                fields=("outcome_value", "-requested_at", "-id"), name="locks_unlock_of_outcome"
            ),
            # The history's filters for what is rare.
            models.Index(
                fields=("-requested_at", "-id"),
                condition=Q(action=Action.LOCK),
                name="locks_unlock_locks",
            ),
            models.Index(
                fields=("-requested_at", "-id"),
                condition=Q(out_of_hours=True),
                name="locks_unlock_out_of_hours",
            ),
            models.Index(
                fields=("-requested_at", "-id"),
                condition=~Q(overridden=""),
                name="locks_unlock_broke_glass",
            ),
            models.Index(
                fields=("-requested_at", "-id"),
                condition=Q(took_ms__gte=SLOW_MS),
                name="locks_unlock_slow",
            ),
            models.Index(
                fields=("-requested_at", "-id"),
                condition=Q(contradicted_at__isnull=False),
                name="locks_unlock_contradicted",
            ),
            models.Index(
                fields=("code", "-requested_at", "-id"),
                condition=~Q(code=""),
                name="locks_unlock_of_code",
            ),
            models.Index(
                fields=("seam_request_id",),
                condition=~Q(seam_request_id=""),
                name="locks_unlock_of_seam_request",
            ),
            # The follower's question, at every tick.
            models.Index(
                fields=("next_look_at",),
                condition=Q(next_look_at__isnull=False),
                name="locks_unlock_to_look_at",
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.device}: {self.outcome.label}"

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUSES

    @property
    def said(self) -> dict[str, str]:
        """What the person said of the press, by the names of the columns."""
        return {name: getattr(self, name) for name in SAID}

    @property
    def outcome(self) -> Outcome:
        """The one value that people, counts and exports read."""
        status, locking = Status(self.status), self.action == Action.LOCK
        if status in DONE_STATUSES and self.inferred:
            return Outcome.LOCKED_INFERRED if locking else Outcome.INFERRED
        if status in DONE_STATUSES:
            return _DONE[status][self.confirmed_by_device]
        may_act = status == Status.FAILED and self.may_still_act
        outcome = Outcome.FAILED_MAY_ACT if may_act else Outcome(status)
        return _OF_LOCKING[outcome] if locking else outcome

    @property
    def outcome_label(self) -> str:
        """The outcome in words, with the note that Seam later said otherwise."""
        label = str(self.outcome.label)
        return (
            gettext("%(outcome)s · contradicted") % {"outcome": label}
            if self.contradicted_at
            else label
        )

    @property
    def took(self) -> dt.timedelta | None:
        """From the press to its end; None while it has not ended."""
        return self.ended_at - self.requested_at if self.ended_at else None


class Lease(models.Model):
    """Who does a job that one process should do at a time, until when (database clock).

    It only saves calls: correctness rests on compare-and-set. `wanted` counts the wishes to have the job
    done; the holder lets go only when it has `seen` them all, so that no wish is lost.
    """

    # A worker that has not run the sweep for so long is taken for gone.
    WORKER_SILENT_AFTER = dt.timedelta(seconds=30)

    name = models.CharField(max_length=40, primary_key=True)
    holder = models.CharField(max_length=64, blank=True)
    until = models.DateTimeField()
    wanted = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return self.name

    @classmethod
    def worker_age(cls) -> dt.timedelta | None:
        """How long ago a worker last ran the sweep that beat sends by the broker; None for never."""
        seen = cls.objects.filter(name="worker").values_list("until", flat=True).first()
        return timezone.now() - seen if seen else None

    @classmethod
    def works(cls) -> bool:
        """Whether broker and worker do their part: presses need neither, news is slower without."""
        age = cls.worker_age()
        return age is not None and age < cls.WORKER_SILENT_AFTER
