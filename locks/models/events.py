"""What Seam told of its own accord: SeamEvent, how far it was read (EventsRead), and Noise."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from locks.models.places import Building, Device


class Source(models.TextChoices):
    WEBHOOK = "webhook", _("webhook")
    LIST = "list", _("read afterwards")


class SeamEvent(models.Model):
    """One event of Seam's, kept so that it counts once however often it comes.

    No part of the record: what matters of it is written there. Written by services.events alone and
    removed by it after a month, when Seam neither delivers nor lists it any more.
    """

    event_id = models.CharField(max_length=200, unique=True)
    event_type = models.CharField(max_length=100)
    device = models.ForeignKey(
        Device, on_delete=models.PROTECT, null=True, related_name="seam_events"
    )
    # Where the door was when it happened, and what it was called when this came.
    building = models.ForeignKey(
        Building, on_delete=models.PROTECT, null=True, related_name="seam_events"
    )
    door_label = models.CharField(max_length=120, blank=True)
    action_attempt_id = models.CharField(max_length=200, blank=True)
    method = models.CharField(max_length=40, blank=True)
    status = models.CharField(max_length=40, blank=True)
    source = models.CharField(max_length=10, choices=Source)
    # An unlock that may be the answer to a press under way: whose it is shows when that has ended.
    waiting = models.BooleanField(default=False)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(source__in=Source.values), name="locks_seamevent_known_source"
            ),
        )
        indexes = (
            models.Index(fields=("device", "occurred_at"), name="locks_seamevent_of_device"),
            models.Index(fields=("building", "occurred_at"), name="locks_seamevent_of_building"),
            models.Index(
                fields=("waiting",), condition=Q(waiting=True), name="locks_seamevent_waiting"
            ),
            models.Index(fields=("received_at",), name="locks_seamevent_received"),
            models.Index(
                fields=("action_attempt_id",),
                condition=~Q(action_attempt_id=""),
                name="locks_seamevent_of_attempt",
            ),
        )

    def __str__(self) -> str:
        return f"{self.event_type} {self.event_id}"


class EventsRead(models.Model):
    """How far Seam's events are known: one row. Written by services.catching_up and services.events."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    through = models.DateTimeField(null=True)  # everything until then was received or read
    webhook_at = models.DateTimeField(null=True)  # the last one that was signed as it should be

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(id=1), name="locks_eventsread_one_row"),)

    def __str__(self) -> str:
        return f"through {self.through}"


class Noise(models.Model):
    """Strangers' attempts, counted an hour at a time and then summarised in one event each."""

    what = models.CharField(max_length=40)
    hour = models.DateTimeField()  # its beginning
    times = models.PositiveIntegerField(default=0)
    recorded = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("what", "hour"), name="locks_noise_one_row_an_hour"),
        )

    def __str__(self) -> str:
        return f"{self.what} × {self.times}"
