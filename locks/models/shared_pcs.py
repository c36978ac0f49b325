"""PCs that several people use, who signed in there, and the PINs by which they take turns."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from typing import Final

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from locks.models.people import Assignment, User
from locks.models.places import Building

# So long after a full sign-in on a PC may a person be known there by name, and switch by PIN.
KNOWN_FOR: Final = dt.timedelta(days=14)
LONGEST_TOKEN: Final = 100
BY_PIN: Final = "by_pin"  # session key: the shared PC on which the session was begun by a PIN


def _hash_of(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


class SharedPCQuerySet(models.QuerySet["SharedPC"]):
    def in_use(self) -> SharedPCQuerySet:
        """Those that were not removed."""
        return self.filter(removed_at__isnull=True)

    def visible_to(self, user: User) -> SharedPCQuerySet:
        """Those that a manager may review: of the buildings where `user` manages now."""
        return self.filter(building__in=Building.objects.managed_by(user))

    def of(self, token: str) -> SharedPC | None:
        """The PC in use that holds this token; None for none. No query without one."""
        if not token or len(token) > LONGEST_TOKEN:
            return None
        found = self.in_use().filter(token_hash=_hash_of(token))
        return found.select_related("building").first()


class SharedPC(models.Model):
    """A PC of a building that a manager enrolled. It holds a random token, we its hash alone.

    Written by services.shared_pcs, which writes the record. Removed, never deleted.
    """

    building = models.ForeignKey(
        Building, on_delete=models.PROTECT, related_name="shared_pcs", verbose_name=_("building")
    )
    name = models.CharField(_("name"), max_length=80)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    enrolled_at = models.DateTimeField(_("enrolled at"), default=timezone.now)
    enrolled_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", verbose_name=_("enrolled by")
    )
    removed_at = models.DateTimeField(_("removed at"), null=True, blank=True)
    removed_by = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("removed by"),
    )
    used_at = models.DateTimeField(_("last PIN used"), null=True, blank=True)

    objects = SharedPCQuerySet.as_manager()

    class Meta:
        verbose_name = _("shared PC")
        verbose_name_plural = _("shared PCs")
        ordering = ("building", "name", "pk")
        constraints = (
            models.CheckConstraint(condition=~Q(name=""), name="locks_sharedpc_has_a_name"),
            models.UniqueConstraint(
                fields=("building", "name"),
                condition=Q(removed_at__isnull=True),
                name="locks_sharedpc_name_once_while_in_use",
                violation_error_message=_(
                    "A PC of this name is enrolled in this building already."
                ),
            ),
        )

    def __str__(self) -> str:
        return self.name

    def renew_token(self) -> str:
        """Give it a new token, which is returned and kept nowhere else; not saved."""
        token = secrets.token_urlsafe(32)
        self.token_hash = _hash_of(token)
        return token


class SharedPCVisitQuerySet(models.QuerySet["SharedPCVisit"]):
    def note_full_sign_in(self, *, pc: SharedPC, person: User, at: dt.datetime) -> None:
        """Remember that `person` has just signed in fully on `pc`; forget who has not for long."""
        self.filter(pc=pc, signed_in_at__lte=at - KNOWN_FOR).delete()
        self.update_or_create(
            pc=pc,
            person=person,
            defaults={
                "signed_in_at": at,
                "used_at": at,
                "password_mark": person.get_session_auth_hash(),
            },
        )

    def people_at(self, pc: SharedPC, *, at: dt.datetime) -> list[User]:
        """Who may switch to themselves by PIN on `pc`, who was there last first.

        They hold a role in force in its building, have a PIN, and signed in fully there lately,
        with the password that they still have.
        """
        held = Assignment.objects.in_force(at=at).filter(building=pc.building_id)
        lately = self.filter(
            pc=pc,
            signed_in_at__gt=at - KNOWN_FOR,
            person__in=held.values("person"),
            person__pin__isnull=False,
        )
        visits = lately.select_related("person").order_by("-used_at", "-pk")
        return [
            visit.person
            for visit in visits
            if visit.password_mark == visit.person.get_session_auth_hash()
        ]


class SharedPCVisit(models.Model):
    """That a person signed in fully on a shared PC: when last, and when they last used it."""

    KNOWN_FOR = KNOWN_FOR

    pc = models.ForeignKey(SharedPC, on_delete=models.CASCADE, related_name="visits")
    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    signed_in_at = models.DateTimeField()
    used_at = models.DateTimeField()
    password_mark = models.CharField(max_length=128)  # another one: the password was changed since

    objects = SharedPCVisitQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("pc", "person"), name="locks_sharedpcvisit_once"),
        )

    def __str__(self) -> str:
        return f"{self.person} · {self.pc}"


class Pin(models.Model):
    """A person's PIN, hashed, and how its last tries went. Written by services.pins.

    `wrong_in_a_row` counts a try before it is judged, so that tries at the same time count, too.
    """

    person = models.OneToOneField(User, on_delete=models.CASCADE, related_name="pin")
    pin_hash = models.CharField(max_length=128, editable=False)
    set_at = models.DateTimeField(_("set at"), default=timezone.now)
    wrong_in_a_row = models.PositiveSmallIntegerField(default=0)
    free_at = models.DateTimeField(null=True)  # no try counts before

    def __str__(self) -> str:
        return "PIN"  # never more: a PIN is shown nowhere
