"""Tries to prove anew who one is: how many were wrong, and when the next one counts."""

from __future__ import annotations

from django.db import models

from locks.models.people import User


class ProofTry(models.Model):
    """The tries of one person since their last right one. Written by services.proving_oneself alone."""

    person = models.OneToOneField(
        User, on_delete=models.PROTECT, primary_key=True, related_name="proof_tries"
    )
    wrong = models.PositiveIntegerField(default=0)
    free_at = models.DateTimeField(null=True)  # earlier tries are not looked at
    # The last code that was taken, hashed: it is good for once, whichever process it comes to.
    spent = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return f"{self.person}: {self.wrong}"
