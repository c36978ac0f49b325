"""Presses of a button: each is kept, also one that was refused or joined another."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from locks.models.people import User
from locks.models.places import Building, Device
from locks.models.unlocks import Action, UnlockRequest


class Verdict(models.TextChoices):
    SENT = "sent", _("sent")
    JOINED = "joined", _("joined one under way")
    REFUSED = "refused", _("refused")


class PressQuerySet(models.QuerySet["Press"]):
    def add(self, *, person: User, device: Device, **fields: Any) -> Press:
        """A new row, with where the door was and what door and person were called."""
        return self.create(
            person=person,
            device=device,
            building=device.building,
            door_label=device.label,
            person_name=person.get_full_name(),
            freeze_reason=_freeze_reason(device, str(fields.get("code", ""))),
            **fields,
        )


def _freeze_reason(device: Device, code: str) -> str:
    if code == "frozen_door":
        return device.frozen_reason
    return device.building.frozen_reason if code == "frozen" and device.building else ""


class Press(models.Model):
    """One press of a button, Unlock or Lock, whatever came of it; its nonce makes it count once.

    A refused press that repeats within a minute only counts up `repeats`; the sweep puts the count on
    the record, so that nobody can flood a chain.
    """

    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="presses")
    building = models.ForeignKey(
        Building, on_delete=models.PROTECT, null=True, related_name="presses"
    )  # where the door was at the press; none for an unassigned one
    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="presses")
    door_label = models.CharField(_("door"), max_length=120, blank=True)  # as it was
    person_name = models.CharField(_("person"), max_length=150, blank=True)  # as it was
    action = models.CharField(
        _("action"), max_length=10, choices=Action, default=Action.UNLOCK, db_default=Action.UNLOCK
    )
    nonce = models.UUIDField(default=uuid.uuid4, unique=True)
    pressed_at = models.DateTimeField(_("pressed at"), default=timezone.now)
    verdict = models.CharField(_("verdict"), max_length=10, choices=Verdict)
    code = models.CharField(_("refused because"), max_length=40, blank=True)
    freeze_reason = models.CharField(
        max_length=200, blank=True
    )  # as it was, of a frozen building or door
    # Of one that came too soon, or in a freeze with an end: when it would not.
    retry_at = models.DateTimeField(null=True)
    request = models.ForeignKey(
        UnlockRequest, on_delete=models.PROTECT, null=True, related_name="presses"
    )
    counts_for = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, related_name="counted", editable=False
    )
    repeats = models.PositiveIntegerField(_("repeated"), default=0)
    repeats_recorded = models.PositiveIntegerField(default=0)

    objects = PressQuerySet.as_manager()

    class Meta:
        ordering = ("-pressed_at",)
        verbose_name_plural = _("presses")
        constraints = (
            models.CheckConstraint(
                condition=Q(verdict__in=Verdict.values), name="locks_press_known_verdict"
            ),
            models.CheckConstraint(
                condition=Q(action__in=Action.values), name="locks_press_known_action"
            ),
            models.CheckConstraint(
                condition=Q(verdict=Verdict.REFUSED, request__isnull=True)
                | (~Q(verdict=Verdict.REFUSED) & Q(request__isnull=False, code="")),
                name="locks_press_has_a_request_or_a_refusal",
            ),
        )
        indexes = (
            models.Index(fields=("person", "device", "-pressed_at"), name="locks_press_of_person"),
            # The history's list and its filters.
            models.Index(fields=("-pressed_at", "-id"), name="locks_press_at"),
            models.Index(fields=("building", "-pressed_at", "-id"), name="locks_press_of_building"),
            models.Index(fields=("device", "-pressed_at", "-id"), name="locks_press_of_device"),
            models.Index(fields=("person", "-pressed_at", "-id"), name="locks_press_by_person"),
            models.Index(fields=("verdict", "-pressed_at", "-id"), name="locks_press_of_verdict"),
            models.Index(
                fields=("pressed_at",),
                condition=Q(repeats__gt=0),
                name="locks_press_repeated",
            ),
        )

    def __str__(self) -> str:
        return f"{self.person} · {self.device} · {self.get_verdict_display()}"
