"""How often something was tried: Throttle, one row a key. Written by services.throttling alone."""

from __future__ import annotations

from django.db import models


class Throttle(models.Model):
    """Attempts under one key, which is a keyed hash: whose and from where stands here nowhere."""

    key = models.CharField(max_length=64, primary_key=True)
    failures = models.PositiveIntegerField(default=0)  # attempts that did not turn out right
    free_at = models.DateTimeField(null=True)  # when the next one is let through
    last_at = models.DateTimeField(db_index=True)
    known_at = models.DateTimeField(null=True)  # when it last turned out right, all the way

    def __str__(self) -> str:
        return f"{self.key[:8]}… × {self.failures}"
