"""Who has a second factor, and who needs one. The factors themselves are allauth.mfa's rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.conf import settings
from django.db.models import Q

from locks.models.people import Assignment, Role, User

SECOND_FACTORS: Final = ("totp", "webauthn")  # recovery codes are a spare key, not a factor


def lacking_second_factor(people: Iterable[int]) -> set[int]:
    """Those of these people who manage a building now, or are superusers, and have no second factor.

    Nobody where MFA_REQUIRED is off. One query.
    """
    if not settings.MFA_REQUIRED:
        return set()
    managers = Assignment.objects.in_force().filter(role=Role.MANAGER).values("person")
    found = User.objects.filter(Q(is_superuser=True) | Q(pk__in=managers), pk__in=list(people))
    found = found.exclude(authenticator__type__in=SECOND_FACTORS)
    return set(found.values_list("pk", flat=True))
