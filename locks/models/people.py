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
    # Last; also of one that was opened again. Links from before count no more.
    closed_at = models.DateTimeField(_("closed at"), null=True, editable=False)

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
        return is_within(self.weekly_hours, at, self.building.zone)


def is_within(periods: list[dict[str, Any]], at: dt.datetime, zone: dt.tzinfo) -> bool:
    """Whether `at` lies in one of these weekly hours on the wall clock of `zone`; none: at any hour.

    Each period is one stretch. Where the clock is set back during it, it lasts from the first time
    that the clock shows its beginning to the last time that it shows its end, so that nobody is shut
    out and let in again. What lies in an hour that the clock leaves out does not happen.
    """
    if not periods:
        return True
    local = at.astimezone(zone)
    days = (local.date(), local.date() - dt.timedelta(days=1))  # one may have begun yesterday
    return any(
        _covers(period, day, at, local)
        for period in periods
        for day in days
        if day.isoweekday() in period["days"]
    )


def _covers(period: dict[str, Any], day: dt.date, at: dt.datetime, local: dt.datetime) -> bool:
    """Whether the period that begins on `day` has begun and is not over."""
    begins, ends = (dt.time.fromisoformat(period[end]) for end in ("from", "until"))
    over = day if begins < ends else day + dt.timedelta(days=1)
    first, last = dt.datetime.combine(day, begins), dt.datetime.combine(over, ends)
    if first <= local.replace(tzinfo=None) < last:
        return True
    # In hours that come twice the first of the one end and the last of the other count.
    begun = first.replace(tzinfo=local.tzinfo, fold=0).astimezone(dt.UTC)
    return begun <= at < last.replace(tzinfo=local.tzinfo, fold=1).astimezone(dt.UTC)
