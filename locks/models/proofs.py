"""What the nightly proof of the record found: Proof, and a ChainProof for each chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from locks.models.places import Building

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from locks.models.people import User


class Proof(models.Model):
    """One run over the whole record, and the checkpoint that left this machine after it.

    No part of the record: whoever can rewrite that can rewrite this. What was sent away proves.
    Written by services.proving alone.
    """

    at = models.DateTimeField(_("at"), default=timezone.now, db_index=True)
    took = models.DurationField(_("took"), null=True)
    whole = models.BooleanField(_("whole"), default=False)
    sound = models.BooleanField(_("times in order"), default=False)
    checkpoint = models.TextField(_("checkpoint"), blank=True)
    sent_to = models.CharField(_("sent to"), max_length=500, blank=True)
    problem = models.CharField(_("not sent because"), max_length=200, blank=True)

    class Meta:
        ordering = ("-at",)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} UTC"


class ChainProofQuerySet(models.QuerySet["ChainProof"]):
    def visible_to(self, user: User | AnonymousUser) -> ChainProofQuerySet:
        """Those of the buildings that `user` manages now; all for a superuser."""
        if user.is_authenticated and user.is_active and user.is_superuser:
            return self.all()
        return self.filter(building_id__in=Building.objects.managed_by(user).values("pk"))


class ChainProof(models.Model):
    """What one run found in one chain; `building` is null for the organisation's, or one that is lost."""

    proof = models.ForeignKey(Proof, on_delete=models.CASCADE, related_name="chains")
    key = models.CharField(_("chain"), max_length=40)
    building = models.ForeignKey(
        Building, on_delete=models.PROTECT, null=True, related_name="proofs"
    )
    whole = models.BooleanField(_("whole"))
    sound = models.BooleanField(_("times in order"))
    events = models.PositiveBigIntegerField(_("events"))
    length = models.PositiveBigIntegerField()
    head = models.CharField(_("head"), max_length=64)
    sequence = models.BigIntegerField(_("first broken event"), null=True)
    why = models.CharField(_("what was found"), max_length=200, blank=True)
    flags = models.JSONField(_("odd times"), default=list)

    objects = ChainProofQuerySet.as_manager()

    class Meta:
        ordering = ("-proof__at", "key")
        verbose_name = _("nightly proof")

    def __str__(self) -> str:
        return f"{self.key}, {self.proof}"
