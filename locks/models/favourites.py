"""The doors that a person wants at hand."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from locks.models.people import User
from locks.models.places import Device

MOST_FAVOURITES = 30  # of one person; the desk shows them all, so they stay few


class FavouriteQuerySet(models.QuerySet["Favourite"]):
    def doors_of(self, person: User) -> frozenset[int]:
        """The ids of the doors that `person` keeps at hand. One query."""
        return frozenset(self.filter(person=person).values_list("device_id", flat=True))

    def keep(self, person: User, device: Device) -> bool:
        """Keep the door at hand; False where there is no room for one more. Safe to repeat."""
        mine = self.filter(person=person)
        if mine.filter(device=device).exists():
            return True
        if mine.count() >= MOST_FAVOURITES:
            return False
        self.get_or_create(person=person, device=device)
        return True

    def drop(self, person: User, device: Device) -> None:
        """Keep it no more. Safe to repeat."""
        self.filter(person=person, device=device).delete()


class Favourite(models.Model):
    """A door that one person keeps at the top of their desk. Their own affair: no event tells of it.

    It gives no right: the desk shows it only while the door is theirs to see.
    """

    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="favourites")
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="+")
    kept_at = models.DateTimeField(_("kept at"), default=timezone.now)

    objects = FavouriteQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("person", "device"), name="locks_favourite_once"),
        )

    def __str__(self) -> str:
        return f"{self.person}: {self.device}"
