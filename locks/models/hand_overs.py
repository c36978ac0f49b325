"""One shift to the next: HandOver, and what the next one still has to see to: FollowUp, FollowUpNote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from locks.models.people import User
from locks.models.places import Building, Device

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class HandOver(models.Model):
    """Somebody took a building's desk over: the shift before was from `since` to `until`.

    `number` counts a building's hand-overs without a gap, so that of two clerks at once one wins.
    Written by services.handing_over alone, always with its event, and never changed.
    """

    building = models.ForeignKey(Building, on_delete=models.PROTECT, related_name="hand_overs")
    number = models.PositiveIntegerField(_("number"))
    since = models.DateTimeField(_("since"))
    until = models.DateTimeField(_("until"))
    taken_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    person_name = models.CharField(_("person"), max_length=150, blank=True)  # as it was
    note = models.CharField(_("note"), max_length=300, blank=True)
    # What was known then and is overwritten later: see services.shifts.Noted.
    noted = models.JSONField(_("noted"), default=dict)

    class Meta:
        ordering = ("building", "-number")
        constraints = (
            models.UniqueConstraint(
                fields=("building", "number"), name="locks_handover_one_of_each_number"
            ),
            models.CheckConstraint(
                condition=Q(until__gte=F("since")), name="locks_handover_ends_after_it_begins"
            ),
        )

    def __str__(self) -> str:
        return f"{self.building} {self.number}: {self.person_name}"


class FollowUpQuerySet(models.QuerySet["FollowUp"]):
    def visible_to(self, user: User | AnonymousUser) -> FollowUpQuerySet:
        """Those of buildings where `user` holds any role now."""
        return self.filter(building__in=Building.objects.visible_to(user))

    def open(self) -> FollowUpQuerySet:
        return self.filter(closed_at__isnull=True)


class FollowUp(models.Model):
    """What a shift leaves to the next ones, until somebody says that it is done.

    Written by services.follow_ups alone, always with its event.
    """

    building = models.ForeignKey(Building, on_delete=models.PROTECT, related_name="follow_ups")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, null=True, related_name="+")
    door_label = models.CharField(_("door"), max_length=120, blank=True)  # as it was
    text = models.CharField(_("what is to be done"), max_length=300)
    opened_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    opener_name = models.CharField(max_length=150, blank=True)  # as it was
    opened_at = models.DateTimeField(_("opened at"), default=timezone.now)
    closed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    closer_name = models.CharField(max_length=150, blank=True)  # as it was
    closed_at = models.DateTimeField(_("done at"), null=True)
    closing_note = models.CharField(_("note"), max_length=300, blank=True)

    objects = FollowUpQuerySet.as_manager()

    class Meta:
        ordering = ("opened_at", "pk")
        constraints = (
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, closed_by__isnull=True)
                | Q(closed_at__isnull=False, closed_by__isnull=False),
                name="locks_followup_closed_by_somebody",
            ),
            models.CheckConstraint(condition=~Q(text=""), name="locks_followup_says_something"),
        )
        indexes = (
            models.Index(
                fields=("building", "opened_at"),
                condition=Q(closed_at__isnull=True),
                name="locks_followup_open",
            ),
            models.Index(fields=("building", "closed_at"), name="locks_followup_closed"),
        )

    def __str__(self) -> str:
        return self.text


class FollowUpNote(models.Model):
    """What somebody added to a follow-up while it was open: how far it has come.

    Written by services.follow_ups alone, always with its event, and never changed.
    """

    follow_up = models.ForeignKey(FollowUp, on_delete=models.PROTECT, related_name="notes")
    text = models.CharField(_("note"), max_length=300)
    written_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    writer_name = models.CharField(max_length=150, blank=True)  # as it was
    written_at = models.DateTimeField(_("written at"), default=timezone.now)

    class Meta:
        ordering = ("pk",)  # as they stand on the record
        constraints = (
            models.CheckConstraint(condition=~Q(text=""), name="locks_followupnote_says_something"),
        )

    def __str__(self) -> str:
        return self.text
