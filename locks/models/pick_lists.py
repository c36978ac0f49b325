"""What a building offers to choose from at a press: reasons, and ways of identifying a person."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from locks.models.places import Building
from locks.models.unlocks import Identified

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from locks.models.people import User


# Controls, signs that turn text around, lone surrogates, private use, and ends of lines.
_UNPRINTABLE = frozenset(("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))
_HARMLESS = frozenset("\u00ad\u200c\u200d")  # hyphens to be, and what joins letters or parts them


def validate_printable(text: str) -> None:
    """Accept one line that can be read."""
    odd = (each for each in text if unicodedata.category(each) in _UNPRINTABLE)
    if any(each not in _HARMLESS for each in odd):
        raise ValidationError(_("Only what can be printed on one line, please."))


class PickList(models.TextChoices):
    REASON = "reason", _("reason")
    IDENTIFIED = "identified", _("way of identifying")


class PickListQuerySet(models.QuerySet["PickListEntry"]):
    def visible_to(self, user: User | AnonymousUser) -> PickListQuerySet:
        """Entries of the buildings that `user` manages now; all for a superuser."""
        return self.filter(building__in=Building.objects.managed_by(user).values("pk"))

    def offered_in(self, building: Building | None) -> PickListQuerySet:
        """What the desk of `building` offers now, in its order; nothing without one."""
        return self.filter(building=building, retired=False).order_by("place", "pk")


class PickListEntry(models.Model):
    """One thing to choose. Written by services.pick_lists; never deleted, retired instead.

    A press keeps the text as it was chosen, so that no change here rewrites what happened. `meaning` is
    what a way of identifying counts as wherever ways are counted; a reason has none.
    """

    building = models.ForeignKey(Building, on_delete=models.PROTECT, related_name="pick_lists")
    kind = models.CharField(_("list"), max_length=12, choices=PickList)
    text = models.CharField(_("text"), max_length=80, validators=[validate_printable])
    meaning = models.CharField(
        _("counts as"),
        max_length=20,
        choices=Identified,
        blank=True,
        help_text=_("For a way of identifying: the one of the four that it is a case of."),
    )
    needs_note = models.BooleanField(
        _("needs a note"),
        default=False,
        help_text=_("For a reason that says nothing by itself, such as “Other”."),
    )
    place = models.PositiveSmallIntegerField(
        _("place in the list"), default=0, help_text=_("The lowest number comes first.")
    )
    retired = models.BooleanField(
        _("retired"), default=False, help_text=_("No longer offered; the history keeps it.")
    )

    objects = PickListQuerySet.as_manager()

    class Meta:
        verbose_name = _("reason or way of identifying")
        verbose_name_plural = _("reasons and ways of identifying")
        ordering = ("building", "kind", "place", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=("building", "kind", "text"),
                name="locks_picklistentry_once_a_list",
                violation_error_message=_(
                    "This list has this text already; perhaps it is retired."
                ),
            ),
            models.CheckConstraint(
                condition=Q(kind=PickList.REASON, meaning="")
                | Q(kind=PickList.IDENTIFIED, meaning__in=Identified.values, needs_note=False),
                name="locks_picklistentry_means_something",
                violation_error_message=_(
                    "A way of identifying counts as one of the four, and needs no note; a reason"
                    " counts as none of them."
                ),
            ),
            models.CheckConstraint(condition=~Q(text=""), name="locks_picklistentry_has_a_text"),
        )

    def __str__(self) -> str:
        return self.text
