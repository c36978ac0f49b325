"""What people saw at a door after an unlock that nobody could confirm."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from locks.models.people import User
from locks.models.unlocks import UnlockRequest


class Seen(models.TextChoices):
    UNLOCKED = "unlocked", _("unlocked")
    NOT_UNLOCKED = "not_unlocked", _("did not unlock")
    NOBODY = "nobody", _("nobody there")


class Attestation(models.Model):
    """One person's word on one request. It changes no status: what Seam says stands beside it.

    The newest of a request counts. Written by services.attesting alone, always with its event.
    """

    request = models.ForeignKey(
        UnlockRequest, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    person_name = models.CharField(_("person"), max_length=150, blank=True)  # as it was
    seen = models.CharField(_("seen"), max_length=20, choices=Seen)
    at = models.DateTimeField(_("at"), default=timezone.now)

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.CheckConstraint(
                condition=Q(seen__in=Seen.values), name="locks_attestation_known_word"
            ),
        )
        indexes = (models.Index(fields=("request", "-id"), name="locks_attestation_of_request"),)

    def __str__(self) -> str:
        return f"{self.person_name}: {self.get_seen_display()}"
