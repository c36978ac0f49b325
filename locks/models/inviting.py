"""One-time ways in: Invitation (to a role) and PasswordReset (to a new password of one's own)."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from locks.models.people import Assignment, Role, User, validate_weekly_hours
from locks.models.places import Building


class OneTimeQuerySet(models.QuerySet[Any]):
    def open(self, *, at: dt.datetime | None = None) -> Any:
        """Those that lead anywhere: neither used nor withdrawn nor run out."""
        unused = self.filter(used_at__isnull=True, withdrawn_at__isnull=True)
        return unused.filter(expires_at__gt=at or timezone.now())


class OneTimeWay(models.Model):
    """What somebody is let in by, once. Of its secret only a hash is kept; never deleted.

    Written by services.inviting and services.resetting alone, which write the record.
    """

    secret_hash = models.CharField(max_length=64, unique=True, editable=False)
    made_by = models.ForeignKey(
        User, on_delete=models.PROTECT, editable=False, related_name="%(class)ss_made"
    )
    made_at = models.DateTimeField(_("made at"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("valid until"), editable=False)
    used_at = models.DateTimeField(_("used at"), null=True, editable=False)
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True, editable=False)

    class Meta:
        abstract = True

    @property
    def is_open(self) -> bool:
        """Whether it leads anywhere now."""
        return self.state == "open"

    @property
    def state(self) -> str:
        """`open`, `used`, `withdrawn` or `expired`."""
        if self.used_at is not None:
            return "used"
        if self.withdrawn_at is not None:
            return "withdrawn"
        return "open" if self.expires_at > timezone.now() else "expired"


class InvitationQuerySet(OneTimeQuerySet):
    def visible_to(self, user: User) -> InvitationQuerySet:
        """Those into the buildings where `user` manages now."""
        return self.filter(building__in=Building.objects.managed_by(user))


class Invitation(OneTimeWay):
    """A role in a building, offered to somebody who may not have an account yet.

    Whoever has its secret takes the role, under the authority that its maker has at that moment.
    """

    building = models.ForeignKey(Building, on_delete=models.PROTECT, related_name="invitations")
    role = models.CharField(_("role"), max_length=20, choices=Role)
    valid_from = models.DateTimeField(_("from"), null=True, blank=True)
    valid_until = models.DateTimeField(_("until"), null=True, blank=True)
    weekly_hours = models.JSONField(
        _("weekly hours"), default=list, blank=True, validators=[validate_weekly_hours]
    )
    name = models.CharField(_("name"), max_length=150)
    username = models.CharField(
        _("username"),
        max_length=150,
        blank=True,
        validators=[User.username_validator],
        help_text=_("Empty: the person chooses it."),
    )
    email = models.EmailField(_("e-mail address"), blank=True)
    withdrawn_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, editable=False, related_name="+"
    )
    accepted_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, editable=False, related_name="invitations"
    )

    objects: ClassVar[models.Manager[Any]] = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ("-made_at", "-pk")
        constraints = (
            models.CheckConstraint(
                condition=Q(role__in=Role.values), name="locks_invitation_known_role"
            ),
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True)
                | Q(valid_until__isnull=True)
                | Q(valid_until__gt=F("valid_from")),
                name="locks_invitation_ends_after_it_begins",
                violation_error_message=_("The end must lie after the beginning."),
            ),
        )
        indexes = (
            models.Index(fields=("building", "-made_at"), name="locks_invitation_of_building"),
        )

    def __str__(self) -> str:
        return f"{self.name} · {self.get_role_display()} · {self.building}"

    def offered(self) -> Assignment:
        """The role as it would be held, not saved."""
        return Assignment(
            building=self.building,
            role=self.role,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
            weekly_hours=self.weekly_hours,
        )


class PasswordReset(OneTimeWay):
    """A way to a new password, given to a person by a manager or an administrator."""

    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="password_resets")
    drop_factors = models.BooleanField(_("remove second factors"), default=False)

    objects: ClassVar[models.Manager[Any]] = OneTimeQuerySet.as_manager()

    class Meta:
        ordering = ("-made_at", "-pk")

    def __str__(self) -> str:
        return str(self.person)
