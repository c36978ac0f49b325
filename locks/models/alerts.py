"""What managers are told of their own accord: Alert, how a building wants it, and the outbox (Notice).

Beside the record, which tells of each alert's beginning and end. An Alert names its person by id alone.
"""

from __future__ import annotations

import datetime as dt
import secrets
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from locks.models.people import User
from locks.models.places import Building, Device

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class Alarm(models.TextChoices):
    """What an alert is about. services.finding_alerts says when; docs/alerts.md explains."""

    OFFLINE = "offline", _("lock offline")
    BATTERY = "battery", _("battery low")
    FAILURES = "failures", _("unlocks of a door fail again and again")
    BURST = "burst", _("many doors by one person within minutes")
    OFF_HOURS = "off_hours", _("private door unlocked within quiet hours")
    SILENT = "silent", _("Seam's webhooks do not arrive")
    BROKEN = "broken", _("record not whole")


class AlertSetting(models.Model):
    """How a building wants one kind of alert; where there is no row, the usual values hold.

    Written by services.alert_settings alone, which has the usual values and the record.
    """

    building = models.ForeignKey(
        Building, on_delete=models.PROTECT, related_name="alert_settings", db_index=False
    )
    kind = models.CharField(max_length=20, choices=Alarm)
    on = models.BooleanField(default=True)
    mail = models.BooleanField(default=True)
    least = models.PositiveIntegerField(null=True)  # how many, where the kind counts
    minutes = models.PositiveIntegerField(null=True)  # for how long, or within how long

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("building", "kind"), name="locks_alertsetting_one_a_kind"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=Alarm.values), name="locks_alertsetting_known_kind"
            ),
        )

    def __str__(self) -> str:
        return f"{self.building}: {self.get_kind_display()}"


class AlertRoute(models.Model):
    """How a building's alerts leave beside the mails: its webhook, and how that is doing.

    No secret is stored: what signs is derived from SECRET_KEY and `nonce`.
    """

    building = models.OneToOneField(Building, on_delete=models.PROTECT, related_name="alert_route")
    names_people = models.BooleanField(default=False)
    url = models.CharField(max_length=500, blank=True)
    nonce = models.CharField(max_length=64, blank=True)
    # While one secret replaces the other, both sign.
    former_nonce = models.CharField(max_length=64, blank=True)
    renewed_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    problem = models.CharField(max_length=200, blank=True)
    off_since = models.DateTimeField(null=True)  # switched off, after it had failed for a day

    def __str__(self) -> str:
        return f"webhook of {self.building}"

    @property
    def is_open(self) -> bool:
        """Whether alerts leave by it."""
        return bool(self.url) and self.off_since is None


class AlertMute(models.Model):
    """A person's own wish to get no mail of a building's alerts."""

    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="alert_mutes")
    building = models.ForeignKey(Building, on_delete=models.CASCADE, related_name="alert_mutes")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("person", "building"), name="locks_alertmute_once"),
        )

    def __str__(self) -> str:
        return f"{self.person} · {self.building}"


class AlertQuerySet(models.QuerySet["Alert"]):
    def visible_to(self, user: User | AnonymousUser) -> AlertQuerySet:
        """Those of the buildings that `user` manages now; all for a superuser."""
        if user.is_authenticated and user.is_active and user.is_superuser:
            return self.all()
        return self.filter(building_id__in=Building.objects.managed_by(user).values("pk"))

    def raised(self) -> AlertQuerySet:
        """Those that were told, over or not."""
        return self.filter(raised_at__isnull=False)

    def open(self) -> AlertQuerySet:
        """Those that were told and are not over."""
        return self.raised().filter(closed_at=None)


class Alert(models.Model):
    """Something that is wrong, from `since` on: told once when it is raised, and once when it is over.

    While `raised_at` is null it is only being watched: a lock that has been offline for a minute. While
    `calm_since` is set it seems to be over, and is so when that has lasted. Written by
    services.alerting alone.
    """

    class Ending(models.TextChoices):
        OVER = "over", _("over")
        LEFT = "left", _("the door has left the building, or Seam")
        OFF = "off", _("this kind of alert was switched off")

    building = models.ForeignKey(
        Building, on_delete=models.PROTECT, related_name="alerts", db_index=False
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Alarm)
    subject = models.CharField(max_length=40, blank=True)  # whose, in ids
    device = models.ForeignKey(Device, on_delete=models.PROTECT, null=True, related_name="alerts")
    door_label = models.CharField(_("door"), max_length=120, blank=True)  # as it was
    person = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="alerts")
    since = models.DateTimeField(_("since"))
    last_at = models.DateTimeField(_("last seen"))
    count = models.PositiveIntegerField(_("how often"), default=1)
    raised_at = models.DateTimeField(_("raised at"), null=True)
    told_at = models.DateTimeField(null=True)  # last, reminders included
    calm_since = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(_("over at"), null=True)
    ending = models.CharField(max_length=10, choices=Ending, blank=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        ordering = ("-raised_at", "-pk")
        verbose_name = _("alert")
        constraints = (
            models.UniqueConstraint(
                fields=("building", "kind", "subject"),
                condition=Q(closed_at=None),
                name="locks_alert_one_open_a_subject",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=Alarm.values), name="locks_alert_known_kind"
            ),
        )
        indexes = (
            models.Index(fields=("building", "-raised_at", "-id"), name="locks_alert_of_building"),
            models.Index(fields=("-raised_at", "-id"), name="locks_alert_raised"),
            # What happened to this subject before.
            models.Index(fields=("kind", "last_at"), name="locks_alert_of_kind"),
        )

    def __str__(self) -> str:
        return f"#{self.pk}: {self.get_kind_display()}"

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    @property
    def lasted(self) -> dt.timedelta | None:
        """From when it began until it was over; None while it is not."""
        end = self.calm_since or self.closed_at
        return max(end - self.since, dt.timedelta()) if self.closed_at and end else None


def new_message_id() -> str:
    """What a receiver tells repeated deliveries by."""
    return f"msg_{secrets.token_hex(16)}"


class NoticeQuerySet(models.QuerySet["Notice"]):
    def waiting(self) -> NoticeQuerySet:
        """Those that are still to leave."""
        return self.filter(sent_at=None, failed_at=None)


class Notice(models.Model):
    """The outbox: one mail to one person, or one call of a webhook, from its making until it has left.

    Made by services.telling in the transaction of what it tells of, delivered by services.delivering.
    """

    class Channel(models.TextChoices):
        MAIL = "mail", _("mail")
        WEBHOOK = "webhook", _("webhook")

    class What(models.TextChoices):
        RAISED = "raised", _("raised")
        OVER = "over", _("over")
        REMINDER = "reminder", _("reminder")
        TEST = "test", _("test")
        TOLD = "told", _("told")  # something else that managers must know at once

    building = models.ForeignKey(Building, on_delete=models.PROTECT, related_name="notices")
    channel = models.CharField(max_length=10, choices=Channel)
    what = models.CharField(max_length=10, choices=What)
    # Of a webhook: the one alert; a mail may tell of many.
    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, null=True, related_name="notices")
    person = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="notices")
    message_id = models.CharField(max_length=40, unique=True, default=new_message_id)
    title = models.CharField(max_length=200, blank=True)
    body = models.TextField()
    made_at = models.DateTimeField(default=timezone.now)
    tries = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=200, blank=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(channel="mail", person__isnull=False)
                | Q(channel="webhook", person__isnull=True),
                name="locks_notice_mail_goes_to_somebody",
            ),
            models.CheckConstraint(
                condition=Q(sent_at=None) | Q(failed_at=None), name="locks_notice_one_end"
            ),
        )
        indexes = (
            models.Index(
                fields=("next_try_at", "id"),
                condition=Q(sent_at=None, failed_at=None),
                name="locks_notice_waiting",
            ),
            models.Index(fields=("made_at",), name="locks_notice_made"),
        )

    def __str__(self) -> str:
        return f"{self.message_id} ({self.channel})"
