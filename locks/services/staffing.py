"""Accounts and roles. Every change is on the record, or did not happen.

A manager staffs their own buildings, never themselves; accounts belong to superusers. All raise
NotAllowed (who may not) or ValidationError (what cannot be), each with a sentence, and change
nothing then.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from locks.models import Assignment, Building, Kind, User
from locks.services.audit import hold_chains, record
from locks.services.editing import (
    apply,
    plain,
    require_manager,
    require_superuser,
    subject_of,
)
from locks.services.errors import NotAllowed
from locks.services.one_time import withdraw_resets
from locks.services.pins import forget_pin
from locks.services.sessions import end_sessions
from locks.services.signing_in import buildings_of
from locks.services.telling import desk_link, tell_managers

PERSON_FIELDS = frozenset({"username", "name", "email", "is_active"})
_GIVING = (Kind.ROLE_GRANTED, Kind.ROLE_CHANGED)
# How the record tells of a person's own new password.
BY_ONESELF = "changed by oneself"
BY_MAIL = "set anew by a link in a mail"
BY_LINK = "chosen anew, by a one-time link"
BY_SINGLE_SIGN_ON = (
    "ended with the first single sign-on, for whoever opened the invitation may know it"
)


@dataclass(frozen=True)
class Terms:
    """When a role counts. Without dates: from now on, for good; without hours: at any hour.

    `weekly_hours` as in models.people.validate_weekly_hours, on the building's wall clock.
    """

    valid_from: dt.datetime | None = None
    valid_until: dt.datetime | None = None
    weekly_hours: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, assignment: Assignment) -> Terms:
        return cls(assignment.valid_from, assignment.valid_until, assignment.weekly_hours)


@transaction.atomic
def grant_role(
    *, actor: User, person: User, building: Building, role: str, terms: Terms | None = None
) -> Assignment:
    """Give `person` a role in `building` and return it.

    A superuser may give one to themselves; the event then says `self_grant`.
    """
    _require_right_to_staff(actor, person, building)
    person = locked_person(person)
    if not person.is_active:
        raise ValidationError(_("This account is not active."))
    terms = terms or Terms()
    require_future_end(terms.valid_until)
    assignment = Assignment(
        person=person, building=building, role=role, granted_by=actor, **asdict(terms)
    )
    taken = ValidationError(
        _("This person already holds this role in this building: change its dates instead.")
    )
    if Assignment.objects.filter(
        person=person, building=building, role=role, revoked_at=None
    ).exists():
        raise taken
    assignment.full_clean()
    try:
        with transaction.atomic():
            assignment.save()
    except IntegrityError:
        raise taken from None  # another manager was first
    _record_role(
        Kind.ROLE_GRANTED,
        actor=actor,
        assignment=assignment,
        **{name: plain(value) for name, value in asdict(terms).items()},
    )
    return assignment


@transaction.atomic
def change_role(*, actor: User, assignment: Assignment, terms: Terms) -> Assignment:
    """Give a role other dates or hours and return it; no event where nothing differs.

    A superuser may do so with their own; the event then says `self_grant`, as a grant does.
    """
    held = _locked(actor, assignment)
    if terms.valid_until != held.valid_until:
        require_future_end(terms.valid_until)
    if changed := apply(held, asdict(terms)):
        _record_role(Kind.ROLE_CHANGED, actor=actor, assignment=held, changed=changed)
    return held


@transaction.atomic
def revoke_role(*, actor: User, assignment: Assignment) -> Assignment:
    """Take a role away from now on and return it; it can be granted anew."""
    held = _locked(actor, assignment)
    held.revoked_at, held.revoked_by = timezone.now(), actor
    held.save(update_fields=["revoked_at", "revoked_by"])
    _record_role(Kind.ROLE_REVOKED, actor=actor, assignment=held)
    return held


@transaction.atomic
def add_person(*, actor: User, username: str, name: str, email: str, password: str) -> User:
    """Make an account without any role; superusers only."""
    require_superuser(actor)
    person = make_account(username=username, name=name, email=email, password=password)
    _record_person(Kind.PERSON_ADDED, actor=actor, person=person)
    return person


def make_account(*, username: str, name: str, email: str, password: str) -> User:
    """Save a new account, for services that have checked the right to, and that record it.

    Raises ValidationError for a taken or odd name, or a weak password.
    """
    person = User(
        username=User.normalize_username(username),
        name=name,
        email=User.objects.normalize_email(email),
    )
    validate_password(password, person)
    person.set_password(password)
    person.full_clean()
    try:
        with transaction.atomic():
            person.save()
    except IntegrityError:
        raise ValidationError(_("A person with this username exists already.")) from None
    return person


@transaction.atomic
def add_superuser(*, username: str, email: str, password: str | None, **fields: Any) -> User:
    """Make an administrator's account; for the command line, whose user nobody here can name.

    Without a password nobody can sign in until one is set. Raises ValidationError for a taken name.
    """
    try:
        with transaction.atomic():
            person = User.objects.create_superuser(username, email, password, **fields)
    except IntegrityError:
        raise ValidationError(_("A person with this username exists already.")) from None
    _record_person(Kind.PERSON_ADDED, actor=None, person=person, superuser=True)
    return person


@transaction.atomic
def change_person(*, actor: User, person: User, changes: Mapping[str, Any]) -> User:
    """Change what PERSON_FIELDS names; superusers only. Deactivating ends the person's sessions.

    The last active superuser is not deactivated, not even by two who do it to each other at once.
    """
    require_superuser(actor)
    if unknown := set(changes) - PERSON_FIELDS:
        raise ValueError(f"Not a person's to change: {sorted(unknown)}")
    if changes.get("is_active") is False:
        _require_another_superuser(actor, person)
    row = locked_person(person)
    if changes.get("is_active") is False and row.is_active:
        end_ways_in(actor=actor, person=row)  # first: a closed account works nowhere
    if changed := apply(row, changes):
        _record_person(Kind.PERSON_CHANGED, actor=actor, person=row, changed=changed)
    return row


def deactivate_person(*, actor: User, person: User) -> User:
    """Close an account at once: its sessions end, its roles count no more. Nothing is deleted."""
    return change_person(actor=actor, person=person, changes={"is_active": False})


def end_ways_in(*, actor: User, person: User) -> None:
    """With the end of an account: sessions, PIN, ways to a new password. None counts again if it is reopened.

    `person` should be locked by the caller; the chains are from here on.
    """
    person.closed_at = timezone.now()
    person.save(update_fields=["closed_at"])
    end_sessions(person)
    withdraw_resets(person)
    hold_chains([None, *buildings_of(person)])
    forget_pin(actor=actor, person=person)


def close_account(*, actor: User, person: User) -> None:
    """Deactivate the account of somebody who has no role left, for services.leaving, which checked it.

    `person` should be locked by the caller.
    """
    changed = apply(person, {"is_active": False})
    _record_person(Kind.PERSON_CHANGED, actor=actor, person=person, changed=changed)


@transaction.atomic
def set_password(*, actor: User, person: User, password: str) -> User:
    """Give an account another password; superusers only. Sessions under the old one, and its PIN, end."""
    require_superuser(actor)
    row = _with_password(person, password)
    if actor.pk != row.pk:
        end_sessions(row)
    hold_chains([None, *buildings_of(row)])
    forget_pin(actor=actor, person=row)
    _record_person(Kind.PERSON_CHANGED, actor=actor, person=row, password_set=True)
    return row


@transaction.atomic
def change_own_password(*, person: User, password: str, keep: str = "") -> User:
    """Give `person` another password, who has just proved that they know the old one.

    Returns the account as it is kept. Every session but the one under the key `keep` ends, and the PIN.
    """
    row = _with_password(person, password)
    end_sessions(row, keep=keep)
    hold_chains([None, *buildings_of(row)])
    forget_pin(actor=row, person=row)
    _record_person(Kind.PERSON_CHANGED, actor=row, person=row, password=BY_ONESELF)
    return row


@transaction.atomic
def set_password_by_link(*, person: User, password: str, given_by: User) -> User:
    """Give `person` the password that they chose by a one-time link of `given_by`.

    Returns the account as it is kept. All its sessions end.
    """
    row = _with_password(person, password)
    end_sessions(row)
    hold_chains([None, *buildings_of(row)])
    forget_pin(actor=row, person=row)
    told = {"password": BY_LINK, "given_by": given_by.get_full_name()}
    _record_person(Kind.PERSON_CHANGED, actor=row, person=row, **told)
    return row


@transaction.atomic
def reset_own_password(*, person: User, password: str) -> User:
    """Give `person` another password, who has proved by a link that they read the account's mail.

    All sessions end. It signs nobody in, and second factors stay. Raises NotAllowed for a closed account.
    """
    if not locked_person(person).is_active:
        raise NotAllowed(_("This account is closed."))
    row = _with_password(person, password)
    end_sessions(row)
    hold_chains([None, *buildings_of(row)])
    forget_pin(actor=row, person=row)
    _record_person(Kind.PERSON_CHANGED, actor=row, person=row, password=BY_MAIL)
    return row


def end_password(person: User) -> None:
    """Leave `person` without a password, and without what was begun or set by it: sessions and PIN.

    Within the caller's transaction, who has locked `person` and records it; the chains are from here on.
    """
    person.set_unusable_password()
    person.save(update_fields=["password"])
    withdraw_resets(person)
    end_sessions(person)
    hold_chains([None, *buildings_of(person)])
    forget_pin(actor=person, person=person)


def _with_password(person: User, password: str) -> User:
    row = locked_person(person)
    validate_password(password, row)
    row.set_password(password)
    row.save(update_fields=["password"])
    withdraw_resets(row)  # whoever has one still knows a way in that nobody needs any more
    return row


def locked_person(person: User) -> User:
    """The account as it is now, held until commit."""
    return User.objects.select_for_update(no_key=True).get(pk=person.pk)


def _require_another_superuser(actor: User, person: User) -> None:
    """Hold all superusers until commit; raise NotAllowed unless one is left without `person`."""
    held = User.objects.select_for_update(no_key=True).filter(is_superuser=True, is_active=True)
    left = {each.pk for each in held.order_by("pk")}
    if actor.pk == person.pk:
        raise NotAllowed(_("Nobody deactivates their own account: ask another administrator."))
    if actor.pk not in left:  # deactivated while this waited
        raise NotAllowed(_("Only an administrator may do that."))
    if not left - {person.pk}:
        raise NotAllowed(_("This is the last administrator: make another one first."))


def _require_right_to_staff(actor: User, person: User, building: Building) -> None:
    require_manager(actor, building)
    if actor.pk == person.pk and not actor.is_superuser:
        raise NotAllowed(
            _("Nobody decides on their own roles: ask another manager or an administrator.")
        )


def require_future_end(end: dt.datetime | None) -> None:
    if end is not None and end <= timezone.now():
        raise ValidationError(_("The end lies in the past. To end a role now, revoke it."))


def _locked(actor: User, assignment: Assignment) -> Assignment:
    """The role as it is now, held until commit; only where `actor` may decide on it."""
    held = (
        Assignment.objects.select_for_update(of=("self",), no_key=True)
        .select_related("person", "building")
        .get(pk=assignment.pk)
    )
    _require_right_to_staff(actor, held.person, held.building)
    if held.revoked_at is not None:
        raise ValidationError(_("This role has been revoked: grant it anew."))
    return held


def _record_role(kind: Kind, *, actor: User, assignment: Assignment, **detail: Any) -> None:
    own = kind in _GIVING and actor.pk == assignment.person_id
    record(
        kind,
        building=assignment.building,
        actor=actor,
        role=assignment.role,
        self_grant=own or None,
        **subject_of(assignment.person),
        **detail,
    )
    if own:
        _tell_of_own_role(kind, assignment)


def _tell_of_own_role(kind: Kind, assignment: Assignment) -> None:
    """Let the building's managers know at once that an administrator took a role there."""
    told = {
        "person": assignment.person,
        "role": assignment.get_role_display(),
        "building": assignment.building,
    }
    if kind == Kind.ROLE_GRANTED:
        sentence = _("%(person)s has granted themselves the role “%(role)s” in %(building)s.")
    else:
        sentence = _("%(person)s has changed their own role “%(role)s” in %(building)s.")
    tell_managers(
        assignment.building,
        _("An administrator decided on their own role"),
        [
            sentence % told,
            _("It waits in the review queue."),
            desk_link(reverse("admin:locks_review_changelist")),
        ],
        but=assignment.person,
    )


def _record_person(kind: Kind, *, actor: User | None, person: User, **detail: Any) -> None:
    record(kind, building=None, actor=actor, **subject_of(person), **detail)
