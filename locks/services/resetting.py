"""A way to a new password, for somebody who has forgotten theirs: nobody else ever knows either.

A manager may give one where the person is theirs alone: each role, in force or ahead, lies in
buildings that they manage, and the person is no administrator. Administrators may give one to anybody but
themselves. The same is asked again when it is used.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from locks.models import Assignment, Building, Kind, PasswordReset, User
from locks.services.audit import hold_chains, in_chain_order, record
from locks.services.editing import subject_of
from locks.services.errors import NotAllowed
from locks.services.inviting import Handed
from locks.services.one_time import (
    LASTS,
    hash_of,
    make_secret,
    no_longer_backed,
    require_open,
    withdraw_resets,
)
from locks.services.second_factors import remove_factors
from locks.services.signing_in import buildings_of
from locks.services.staffing import locked_person, set_password_by_link
from locks.services.telling import tell_person


def why_no_reset(*, actor: User, person: User) -> str:
    """The sentence why `actor` may not give `person` a way to a new password; empty where they may."""
    actor, person = User.objects.get(pk=actor.pk), User.objects.get(pk=person.pk)
    if actor.pk == person.pk:
        return _("Your own password you change yourself.")
    if not person.is_active:
        return _("This account is closed.")
    if actor.is_active and actor.is_superuser:
        return ""
    managed = Building.objects.managed_by(actor)
    held = roles_of(person)
    elsewhere = held.exclude(building__in=managed)
    if person.is_superuser or not held.exists() or elsewhere.exists():
        return _(
            "Only for people who work in your buildings and nowhere else. An administrator can do it."
        )
    return ""


def roles_of(person: User) -> QuerySet[Assignment]:
    """The person's roles that are in force or ahead."""
    lasting = Q(valid_until__isnull=True) | Q(valid_until__gt=timezone.now())
    return person.assignments.filter(lasting, revoked_at=None).select_related("building")


@transaction.atomic
def give_reset(*, actor: User, person: User, drop_factors: bool) -> Handed:
    """Make a way to a new password for `person`, for 24 hours, and return what to hand over.

    With `drop_factors` their second factors go when it is used. Earlier ways end. Raises NotAllowed.
    """
    person = locked_person(person)
    if why := why_no_reset(actor=actor, person=person):
        raise NotAllowed(why)
    withdraw_resets(person)
    secret, now = make_secret(), timezone.now()
    reset = PasswordReset.objects.create(
        person=person,
        drop_factors=drop_factors,
        secret_hash=hash_of(secret),
        made_by=actor,
        made_at=now,
        expires_at=now + LASTS,
    )
    for place in places_of(person):
        record(
            Kind.RESET_GIVEN,
            building=place,
            actor=actor,
            second_factors_too=drop_factors or None,
            **subject_of(person),
        )
    return Handed(reset, secret)


@transaction.atomic
def use_reset(*, reset: PasswordReset, password: str) -> User:
    """Set the password that the person has chosen, end all their sessions, and return the account.

    Raises WayClosed, and ValidationError for a weak password.
    """
    person = locked_person(reset.person)  # first, as who gives another one does
    rows = PasswordReset.objects.select_for_update(of=("self",), no_key=True)
    held = rows.select_related("made_by").get(pk=reset.pk)
    require_open(held)
    if why_no_reset(actor=held.made_by, person=person):
        raise no_longer_backed()
    held.used_at = timezone.now()
    held.save(update_fields=["used_at"])
    hold_chains([None, *buildings_of(person)])
    if held.drop_factors:
        remove_factors(actor=held.made_by, person=person)
    _tell(person, held.made_by)
    return set_password_by_link(person=person, password=password, given_by=held.made_by)


def _tell(person: User, giver: User) -> None:
    """So that nobody takes over an account unseen: whoever made a link could use it themselves."""
    told = _("Your password was changed with a link that %(name)s had made.") % {"name": giver}
    asked = _("If that was not you, tell an administrator now.")
    tell_person(person, subject=_("Your password was changed"), lines=[told, asked])


def places_of(person: User) -> list[Building | None]:
    """Where the person works, now or from a day on; the organisation where that is nowhere."""
    own: dict[int, Building | None] = {role.building_id: role.building for role in roles_of(person)}
    return in_chain_order(own.values() or [None])
