"""Where the doors are: Building and Device."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from locks.models.people import User


def validate_time_zone(name: str) -> None:
    """Accept a name of the IANA time zone database, such as Europe/Lisbon."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValidationError(_("Unknown time zone; use a name such as Europe/Lisbon.")) from None


class BuildingQuerySet(models.QuerySet["Building"]):
    def visible_to(
        self, user: User | AnonymousUser, *, at: dt.datetime | None = None
    ) -> BuildingQuerySet:
        """Where `user` holds any role now; all for a superuser; none for a stranger."""
        return self._holding(user, at=at)

    def managed_by(
        self, user: User | AnonymousUser, *, at: dt.datetime | None = None
    ) -> BuildingQuerySet:
        """Where `user` is manager now; all for a superuser."""
        return self._holding(user, at=at, role="manager")

    def _holding(
        self, user: User | AnonymousUser, *, at: dt.datetime | None, role: str | None = None
    ) -> BuildingQuerySet:
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if user.is_superuser:
            return self.all()
        held = user.assignments.in_force(at=at)
        if role:
            held = held.filter(role=role)
        return self.filter(pk__in=held.values("building_id"))


class Freezable(models.Model):
    """What can be frozen: nobody unlocks there until a manager lifts it, or `frozen_until` has come.

    The end counts by the clock: nothing has to run for it. Written by services.freezing, which records
    it, and also the end that came by itself.
    """

    frozen = models.BooleanField(_("frozen"), default=False)
    frozen_reason = models.CharField(_("reason of the freeze"), max_length=200, blank=True)
    frozen_until = models.DateTimeField(_("frozen until"), null=True, blank=True)

    class Meta:
        abstract = True

    def is_frozen(self, at: dt.datetime) -> bool:
        """Whether a freeze is in force at `at`."""
        return self.frozen and (self.frozen_until is None or at < self.frozen_until)


def frozen_with_reason(model: str) -> tuple[models.CheckConstraint, models.CheckConstraint]:
    """What holds of a Freezable: a reason with each freeze, and no end without one."""
    return (
        models.CheckConstraint(
            condition=Q(frozen=False) | ~Q(frozen_reason=""),
            name=f"locks_{model}_frozen_with_reason",
            violation_error_message=_("A freeze needs a reason that clerks can read."),
        ),
        models.CheckConstraint(
            condition=Q(frozen=True) | Q(frozen_until__isnull=True),
            name=f"locks_{model}_only_a_freeze_has_an_end",
            violation_error_message=_("Only a freeze has an end."),
        ),
    )


class Building(Freezable):
    """A property with doors, a help line and a time zone of its own; the unit of every right."""

    name = models.CharField(_("name"), max_length=120, unique=True)
    time_zone = models.CharField(
        _("time zone"), max_length=64, default="UTC", validators=[validate_time_zone]
    )
    help_line = models.CharField(
        _("help line"),
        max_length=200,
        blank=True,
        help_text=_("Whom to call when a door does not do what it should; shown to clerks."),
    )
    quiet_from = models.TimeField(
        _("quiet hours from"),
        null=True,
        blank=True,
        default=dt.time(23),
        help_text=_("Unlocks within them are marked “out of hours”. Empty: none are."),
    )
    quiet_until = models.TimeField(
        _("quiet hours until"), null=True, blank=True, default=dt.time(6)
    )

    objects = BuildingQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (
            *frozen_with_reason("building"),
            models.CheckConstraint(
                condition=Q(quiet_from__isnull=True, quiet_until__isnull=True)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="locks_building_quiet_hours_have_two_ends",
                violation_error_message=_("Quiet hours need a beginning and an end."),
            ),
        )

    def __str__(self) -> str:
        return self.name

    def is_quiet(self, at: dt.datetime) -> bool:
        """Whether `at` lies in the quiet hours, on the building's wall clock; they may span midnight."""
        if self.quiet_from is None or self.quiet_until is None:
            return False
        now = at.astimezone(self.zone).time()
        if self.quiet_from < self.quiet_until:
            return self.quiet_from <= now < self.quiet_until
        return now >= self.quiet_from or now < self.quiet_until

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        """The building's time zone; UTC where the system no longer knows its name."""
        try:
            return zoneinfo.ZoneInfo(self.time_zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            return zoneinfo.ZoneInfo("UTC")


class DeviceQuerySet(models.QuerySet["Device"]):
    def visible_to(
        self, user: User | AnonymousUser, *, at: dt.datetime | None = None
    ) -> DeviceQuerySet:
        """Doors of the buildings where `user` holds a role now; unassigned doors for superusers only."""
        if user.is_authenticated and user.is_active and user.is_superuser:
            return self.all()
        return self.filter(building_id__in=Building.objects.visible_to(user, at=at).values("pk"))

    def on_the_desk(self) -> DeviceQuerySet:
        """Doors that a clerk should see: assigned, and still known to Seam."""
        return self.filter(building__isnull=False, gone_at__isnull=True)


LOW_BATTERY = 0.2  # of the whole charge; where Seam gives no status


class Access(models.TextChoices):
    COMMON = "common", _("common")
    PRIVATE = "private", _("private")


def problem_code(entry: Any) -> str:
    """The code of a stored error or warning, which came from elsewhere; empty where it has none."""
    code = entry.get("code") if isinstance(entry, dict) else None
    return code if isinstance(code, str) else ""


class Device(Freezable):
    """A lock known to Seam, and the door that clerks know it by.

    `label` is the clerks' word and never follows Seam; `seam_name` is Seam's. Written by
    services.mirroring (health, Seam's name, gone), services.inventory (when last told) and
    services.places (label, area, nickname, access, building; for managers and superusers) and
    services.freezing. Never deleted.
    """

    Access = Access

    building = models.ForeignKey(
        Building, on_delete=models.PROTECT, null=True, blank=True, related_name="devices"
    )
    seam_device_id = models.CharField(_("Seam's device id"), max_length=200, unique=True)
    workspace_id = models.CharField(_("Seam workspace"), max_length=200, blank=True)
    label = models.CharField(_("label"), max_length=120)
    area = models.CharField(
        _("floor or area"), max_length=120, blank=True, help_text=_("Groups the doors on the desk.")
    )
    nickname = models.CharField(
        _("also called"),
        max_length=120,
        blank=True,
        db_default="",  # a process of the version before may still add doors
        help_text=_("Other words for this door; the desk's search finds it by them, too."),
    )
    access = models.CharField(
        _("access"),
        max_length=10,
        choices=Access,
        default=Access.PRIVATE,
        help_text=_("Private doors ask for a reason and how the person was identified."),
    )
    step_up_minutes = models.PositiveSmallIntegerField(
        _("proof within, minutes"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(720)],
        help_text=_(
            "A press asks who is at the keyboard unless they proved it within so many minutes."
            " Empty: it never asks."
        ),
    )
    break_glass = models.BooleanField(
        _("break glass"),
        default=False,
        help_text=_(
            "In an emergency whoever holds any role in the building may unlock although their role,"
            " its hours or a freeze forbid it. Managers are told at once, and each is reviewed."
        ),
    )
    # As Seam told at `synced_at`.
    seam_name = models.CharField(_("name at Seam"), max_length=200, blank=True)
    reviewed_seam_name = models.CharField(max_length=200, blank=True, editable=False)
    manufacturer = models.CharField(max_length=100, blank=True)
    model = models.CharField(max_length=100, blank=True)
    online = models.BooleanField(_("online"), null=True)
    locked = models.BooleanField(_("locked"), null=True)
    can_remotely_unlock = models.BooleanField(_("can be unlocked remotely"), default=False)
    can_remotely_lock = models.BooleanField(
        _("can be locked remotely"), default=False, db_default=False
    )
    battery_level = models.FloatField(_("battery"), null=True)
    battery_status = models.CharField(max_length=20, blank=True)
    errors = models.JSONField(_("errors"), default=list)
    warnings = models.JSONField(_("warnings"), default=list)
    # As Seam's events told, in the order of `occurred_at`; a sync is newer than what came before it.
    lock_told_at = models.DateTimeField(null=True)
    health_told_at = models.DateTimeField(null=True)
    online_told_at = models.DateTimeField(null=True)
    # The latest moment at which Seam, by an event or when it was read, said that it is online.
    online_seen_at = models.DateTimeField(_("last seen online"), null=True)
    unlocked_since = models.DateTimeField(_("unlocked, not seen to lock, since"), null=True)
    synced_at = models.DateTimeField(_("last told by Seam"), null=True)
    gone_at = models.DateTimeField(_("gone from Seam since"), null=True)

    objects = DeviceQuerySet.as_manager()

    class Meta:
        ordering = ("building", "area", "label")
        constraints = (
            models.CheckConstraint(
                condition=Q(access__in=Access.values), name="locks_device_known_access"
            ),
            models.CheckConstraint(
                condition=~Q(seam_device_id=""), name="locks_device_has_a_seam_id"
            ),
            models.CheckConstraint(condition=~Q(label=""), name="locks_device_has_a_label"),
            *frozen_with_reason("device"),
        )

    def __str__(self) -> str:
        return self.label

    @property
    def is_private(self) -> bool:
        return self.access != Access.COMMON

    @property
    def battery_percent(self) -> int | None:
        """The level as people read it; None where the lock tells none."""
        return None if self.battery_level is None else round(self.battery_level * 100)

    @property
    def charge(self) -> str:
        """`critical` or `low` where the battery wants changing, else empty.

        By Seam's status; where there is none, by the level.
        """
        if self.battery_status in ("critical", "low"):
            return self.battery_status
        level = self.battery_level
        return (
            "low" if not self.battery_status and level is not None and level < LOW_BATTERY else ""
        )

    def seen_online(self, at: dt.datetime) -> dt.datetime:
        """When it was last seen online, once it is known that it was at `at`."""
        return max(filter(None, (self.online_seen_at, at)))

    @property
    def error_codes(self) -> frozenset[str]:
        """The codes of what Seam calls errors of it."""
        entries = self.errors if isinstance(self.errors, list) else ()
        return frozenset(filter(None, map(problem_code, entries)))

    @property
    def offers_new_name(self) -> bool:
        """Whether Seam calls it otherwise since a manager last looked."""
        return self.seam_name != self.reviewed_seam_name


class Workspace(models.Model):
    """The Seam workspace whose doors were read last. One row; written by services.inventory."""

    workspace_id = models.CharField(max_length=200, unique=True)
    name = models.CharField(max_length=200, blank=True)
    is_sandbox = models.BooleanField(default=False)
    read_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name or self.workspace_id


def reality() -> str:
    """`simulated`, `sandbox`, or empty where doors are real. One query at most."""
    if settings.SEAM_SIMULATED:
        return "simulated"
    latest = Workspace.objects.order_by("-read_at").first()
    return "sandbox" if latest and latest.is_sandbox else ""
