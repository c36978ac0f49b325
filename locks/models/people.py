"""Who may do what where: User and Assignment."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from locks.models.places import Building


class User(AbstractUser):
    """A person who signs in. Never deleted, only deactivated: the record points here.

    `is_staff`, groups and permissions are inherited from Django and decide nothing: roles do.
    """

    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    name = models.CharField(_("name"), max_length=150, blank=True)
    is_demo = models.BooleanField(_("demo account"), default=False, editable=False)

    def __str__(self) -> str:
        return self.get_full_name()

    def get_full_name(self) -> str:
        return self.name or self.username

    def get_short_name(self) -> str:
        return self.get_full_name()


class Role(models.TextChoices):
    VIEWER = "viewer", _("viewer")
    FRONT_DESK = "front_desk", _("front desk")
    MANAGER = "manager", _("manager")


def validate_weekly_hours(value: Any) -> None:
    """Accept a list of `{"days": [1..7], "from": "HH:MM", "until": "HH:MM"}`, ISO days (Monday 1)."""
    if not isinstance(value, list):
        raise ValidationError(_("Weekly hours must be a list of periods."))
    for period in value:
        if not isinstance(period, dict) or set(period) != {"days", "from", "until"}:
            raise ValidationError(_("Each period of the weekly hours needs days, from and until."))
        days = period["days"]
        if not isinstance(days, list) or not days or not all(d in range(1, 8) for d in days):
            raise ValidationError(_("The days of a period are numbers from 1 (Monday) to 7."))
        for end in ("from", "until"):
            try:
                zone = dt.time.fromisoformat(period[end]).tzinfo
            except (TypeError, ValueError):
                zone = dt.UTC
            if zone is not None:  # hours are the building's
                raise ValidationError(_("Times of a period look like 08:00.")) from None


class AssignmentQuerySet(models.QuerySet["Assignment"]):
    def in_force(self, *, at: dt.datetime | None = None) -> AssignmentQuerySet:
        """Those that give a role at a moment (default now): begun, not over, not revoked, person active."""
        return self.held(at=at).filter(person__is_active=True)

    def held(self, *, at: dt.datetime | None = None) -> AssignmentQuerySet:
        """The same, of people whose account is closed, too."""
        at = at or timezone.now()
        return self.filter(
            Q(valid_from__isnull=True) | Q(valid_from__lte=at),
            Q(valid_until__isnull=True) | Q(valid_until__gt=at),
            revoked_at__isnull=True,
        )

    def visible_to(self, user: User) -> AssignmentQuerySet:
        """Those that a manager may review: of the buildings where `user` manages now."""
        return self.filter(building__in=Building.objects.managed_by(user))


class Assignment(models.Model):
    """A role of a person in a building, from when until when. Revoked, never deleted.

    Dates end the role itself (its doors become unknown); weekly hours stop only unlocking.
    Granted and revoked by services.staffing alone, which writes the record.
    """

    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="assignments")
    building = models.ForeignKey(Building, on_delete=models.PROTECT, related_name="assignments")
    role = models.CharField(_("role"), max_length=20, choices=Role)
    valid_from = models.DateTimeField(_("from"), null=True, blank=True)
    valid_until = models.DateTimeField(_("until"), null=True, blank=True)
    weekly_hours = models.JSONField(
        _("weekly hours"), default=list, blank=True, validators=[validate_weekly_hours]
    )
    granted_at = models.DateTimeField(_("granted at"), default=timezone.now, editable=False)
    granted_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, editable=False, related_name="granted"
    )
    revoked_at = models.DateTimeField(_("revoked at"), null=True, editable=False)
    revoked_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, editable=False, related_name="revoked"
    )

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        ordering = ("building", "person", "role")
        constraints = (
            models.UniqueConstraint(
                fields=("person", "building", "role"),
                condition=Q(revoked_at__isnull=True),
                name="locks_assignment_once_while_not_revoked",
                violation_error_message=_("This person already holds this role in this building."),
            ),
            models.CheckConstraint(
                condition=Q(role__in=Role.values), name="locks_assignment_known_role"
            ),
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True)
                | Q(valid_until__isnull=True)
                | Q(valid_until__gt=F("valid_from")),
                name="locks_assignment_ends_after_it_begins",
                violation_error_message=_("The end must lie after the beginning."),
            ),
        )
        indexes = (
            # Asked at every page, press and tick of the live stream.
            models.Index(
                fields=("person", "building"),
                condition=Q(revoked_at__isnull=True),
                name="locks_assignment_in_force",
            ),
        )

    def __str__(self) -> str:
        return f"{self.person} · {self.get_role_display()} · {self.building}"

    def within_hours(self, at: dt.datetime) -> bool:
        """Whether the weekly hours allow unlocking at `at`; a period may run across midnight.

        Reckoned on the wall clock of the building, so that daylight saving moves with the people.
        """
        if not self.weekly_hours:
            return True
        local = at.astimezone(self.building.zone)
        return any(_covers(period, local) for period in self.weekly_hours)


def _covers(period: dict[str, Any], local: dt.datetime) -> bool:
    begins = dt.time.fromisoformat(period["from"])
    ends = dt.time.fromisoformat(period["until"])
    now, today = local.time(), local.isoweekday()
    if begins < ends:
        return today in period["days"] and begins <= now < ends
    yesterday = (today - 2) % 7 + 1
    return (today in period["days"] and now >= begins) or (
        yesterday in period["days"] and now < ends
    )
