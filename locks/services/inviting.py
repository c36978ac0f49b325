"""Invitations: a manager offers a role, the invited person takes it and chooses their own password.

A role is given under the authority that its inviter has at the moment of acceptance. What an invitation
names (a username, an e-mail address) is compared with no account before that, so that inviting
tells nothing about who has one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from locks.models import Building, Invitation, Kind, PasswordReset, User
from locks.services.audit import in_chain_order, record
from locks.services.editing import plain, require_manager, subject_of
from locks.services.errors import NotAllowed
from locks.services.one_time import (
    LASTS,
    WayClosed,
    hash_of,
    make_secret,
    no_longer_backed,
    require_open,
)
from locks.services.staffing import (
    Terms,
    grant_role,
    locked_person,
    make_account,
    require_future_end,
)

logger = logging.getLogger(__name__)


@dataclass
class Handed:
    """What its maker gets to hand over, once: the way in, and its secret in clear.

    `mailed` says whether it went by mail, too; None where no address was given, or before the commit.
    """

    way: Invitation | PasswordReset
    secret: str
    mailed: bool | None = None

    @property
    def link(self) -> str:
        """The address to open, as people outside reach this installation."""
        return settings.DESK_URL + reverse("open_invitation", args=[self.secret])

    @property
    def code_page(self) -> str:
        """Where the secret can be typed in."""
        return settings.DESK_URL + reverse("enter_code")


@transaction.atomic
def invite_person(
    *,
    actor: User,
    building: Building,
    role: str,
    name: str,
    username: str = "",
    email: str = "",
    terms: Terms | None = None,
) -> Handed:
    """Offer a role in `building` to somebody, for 24 hours, and return what to hand over.

    The secret goes by mail, too, where an address is given. Raises NotAllowed, ValidationError.
    """
    require_manager(actor, building)
    terms = terms or Terms()
    require_future_end(terms.valid_until)
    secret, now = make_secret(), timezone.now()
    invitation = Invitation(
        building=building,
        role=role,
        name=name.strip(),
        username=User.normalize_username(username.strip()),
        email=User.objects.normalize_email(email),
        valid_from=terms.valid_from,
        valid_until=terms.valid_until,
        weekly_hours=terms.weekly_hours,
        secret_hash=hash_of(secret),
        made_by=actor,
        made_at=now,
        expires_at=now + LASTS,
    )
    invitation.full_clean()
    invitation.save()
    _record(
        Kind.PERSON_INVITED,
        invitation,
        actor,
        valid_from=plain(terms.valid_from),
        valid_until=plain(terms.valid_until),
        weekly_hours=terms.weekly_hours,
    )
    handed = Handed(invitation, secret)
    if invitation.email:
        transaction.on_commit(partial(_mail, handed), robust=True)
    return handed


@transaction.atomic
def withdraw_invitation(*, actor: User, invitation: Invitation) -> Invitation:
    """Take an open invitation back. Raises WayClosed where it leads nowhere any more."""
    held = _held(invitation)
    require_manager(actor, held.building)
    require_open(held)
    withdraw_all([held], actor=actor)
    return held


def withdraw_all(invitations: Iterable[Invitation], *, actor: User) -> None:
    """Take these open invitations back and record it, within the caller's transaction."""
    for invitation in invitations:
        invitation.withdrawn_at, invitation.withdrawn_by = timezone.now(), actor
        invitation.save(update_fields=["withdrawn_at", "withdrawn_by"])
        _record(Kind.INVITATION_WITHDRAWN, invitation, actor)


def open_invitations_of(person: User) -> Q:
    """Those that `person` made, and those that plainly are for them: by username or address."""
    concerned = Q(made_by=person) | Q(username=person.username)
    return concerned | Q(email__iexact=person.email) if person.email else concerned


@transaction.atomic
def accept_with_new_account(*, invitation: Invitation, username: str, password: str) -> User:
    """Make the invited person's account, give it the role, and return it.

    Raises WayClosed, and ValidationError by field for a name or password that cannot be. A name
    that was settled by the inviter and is free is kept, whatever is passed.
    """
    held = _held(invitation)
    require_open(held)
    person = make_account(
        username=settled_username(held) or username,
        name=held.name,
        email=held.email,
        password=password,
    )
    _accept(held, person, is_new=True)
    return person


@transaction.atomic
def accept_with_account(*, invitation: Invitation, person: User) -> None:
    """Give the role to somebody who has an account and is signed in. Raises as grant_role does."""
    held = _held(invitation)
    require_open(held)
    _accept(held, locked_person(person), is_new=False)  # held before the chain, as granting does


def settled_username(invitation: Invitation) -> str:
    """The username that the inviter named; empty where they did not, or where it is taken."""
    name = invitation.username
    return "" if User.objects.filter(username=name).exists() else name


def _held(invitation: Invitation) -> Invitation:
    rows = Invitation.objects.select_for_update(of=("self",), no_key=True)
    held: Invitation = rows.select_related("building", "made_by").get(pk=invitation.pk)
    return held


def _accept(held: Invitation, person: User, *, is_new: bool) -> None:
    held.used_at, held.accepted_by = timezone.now(), person
    held.save(update_fields=["used_at", "accepted_by"])
    for place in in_chain_order([held.building, None] if is_new else [held.building]):
        if place is not None:
            _give(held, person)
            continue
        by = held.made_by.get_full_name()
        record(Kind.PERSON_ADDED, building=None, actor=person, invited_by=by, **subject_of(person))


def _give(held: Invitation, person: User) -> None:
    inviter = User.objects.get(pk=held.made_by_id)  # as they are now
    try:
        require_manager(inviter, held.building)
    except NotAllowed:
        raise no_longer_backed() from None
    if held.valid_until is not None and held.valid_until <= timezone.now():
        raise WayClosed(_("The role that was offered is over. Ask the manager for a new link."))
    _record(Kind.INVITATION_ACCEPTED, held, person)
    terms = Terms.of(held.offered())
    grant_role(actor=inviter, person=person, building=held.building, role=held.role, terms=terms)


def _record(kind: Kind, invitation: Invitation, actor: User, **detail: Any) -> None:
    record(
        kind,
        building=invitation.building,
        actor=actor,
        invited=invitation.name,
        invited_by=invitation.made_by.get_full_name(),
        role=invitation.role,
        **detail,
    )


def _mail(handed: Handed) -> None:
    """Send the link to the address that the inviter gave. Its result is told to them, not raised."""
    way = cast(Invitation, handed.way)
    until = f"{way.expires_at.astimezone(way.building.zone):%Y-%m-%d %H:%M} {way.building.zone.key}"
    told = {"building": way.building, "inviter": way.made_by.get_full_name(), "until": until}
    lines = [
        _("%(inviter)s invites you to work with the doors of %(building)s.") % told,
        _("Open this link and choose your own password. It works once, until %(until)s.") % told,
        "",
        handed.link,
        "",
        _("If you did not expect this, do nothing."),
        "",
    ]
    subject = _("Your invitation to %(building)s") % told
    heading = " ".join(f"[accessdesk] {subject}".split())
    try:
        EmailMessage(heading, "\n".join(lines), to=[way.email]).send()
        handed.mailed = True
    except Exception as error:
        handed.mailed = False
        logger.error("Invitation %s could not be mailed: %s", way.pk, type(error).__name__)
