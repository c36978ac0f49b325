"""Somebody leaves: one action ends what they may in the actor's buildings, and their sessions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from locks.models import Assignment, Building, Invitation, Kind, User
from locks.services.audit import hold_chains, in_chain_order, record
from locks.services.editing import subject_of
from locks.services.errors import NotAllowed
from locks.services.inviting import open_invitations_of, withdraw_all
from locks.services.resetting import roles_of
from locks.services.sessions import end_sessions
from locks.services.staffing import close_account, end_ways_in, locked_person, revoke_role


@dataclass(frozen=True)
class Left:
    """What ended."""

    roles: list[Assignment]
    invitations: list[Invitation]
    closed: bool  # the account, too: nothing elsewhere was left


def what_would_end(*, actor: User, person: User) -> Left:
    """The same, before it is done. Raises NotAllowed where `actor` may not."""
    actor = User.objects.get(pk=actor.pk)
    if actor.pk == person.pk:
        raise NotAllowed(
            _("Nobody decides on their own roles: ask another manager or an administrator.")
        )
    managed = Building.objects.managed_by(actor)
    held = roles_of(person)
    own = list(held.filter(building__in=managed).order_by("building__name", "role"))
    if not own:
        raise NotAllowed(_("This person holds no role in a building of yours."))
    invitations = Invitation.objects.filter(
        open_invitations_of(person), building__in=managed
    ).select_related("building", "made_by")
    closed = (
        person.is_active
        and not person.is_superuser
        and not held.exclude(building__in=managed).exists()
    )
    return Left(own, list(invitations.open().order_by("pk")), closed)


@transaction.atomic
def end_work(*, actor: User, person: User) -> Left:
    """End all roles of `person`, in force or ahead, in the buildings that `actor` manages.

    Their sessions end in any case. Open invitations by them or plainly for them are withdrawn there. The
    account is closed where they hold no role elsewhere and are no superuser. Returns what ended.
    Raises NotAllowed.
    """
    open_ones = Invitation.objects.filter(open_invitations_of(person)).open().order_by("pk")
    held = list(open_ones.select_for_update(no_key=True))  # before the person, as who accepts does
    person = locked_person(person)
    left = what_would_end(actor=actor, person=person)
    roles, invitations = defaultdict(list), defaultdict(list)
    for role in left.roles:
        roles[role.building].append(role)
    for invitation in left.invitations:
        if invitation in held:
            invitations[invitation.building].append(invitation)
    rows = Assignment.objects.filter(pk__in=[role.pk for role in left.roles])
    list(rows.select_for_update(no_key=True).order_by("pk"))  # all, before any chain
    own = {*roles, *invitations}
    end_sessions(person)
    if left.closed:
        hold_chains([None, *own])
        end_ways_in(actor=actor, person=person)
    for place in in_chain_order([*own, *([None] if left.closed else [])]):
        if place is None:
            close_account(actor=actor, person=person)
            continue
        for role in roles[place]:
            revoke_role(actor=actor, assignment=role)
        withdraw_all(invitations[place], actor=actor)
        if place in roles:
            ended = [role.role for role in roles[place]]
            told = subject_of(person)
            record(Kind.PERSON_LEFT, building=place, actor=actor, ended=ended, **told)
    return left
