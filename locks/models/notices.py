"""Notices that are on their way to people: written with what they tell of, sent afterwards."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from locks.models.people import User


class Notice(models.Model):
    """One mail to one person. Kept until it is sent, so that no crash and no mail server loses it.

    Written by services.telling alone. Who sets `claimed_until` sends it.
    """

    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="notices")
    subject = models.CharField(max_length=200)
    body = models.TextField()
    made_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)
    claimed_until = models.DateTimeField(null=True)
    tries = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = (
            models.Index(
                fields=("made_at",), condition=Q(sent_at__isnull=True), name="locks_notice_to_send"
            ),
        )

    def __str__(self) -> str:
        return f"{self.person}: {self.subject}"
