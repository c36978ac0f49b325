"""Whose account a provider's subject is: linked once, by a mail address that both sides know."""

from __future__ import annotations

from collections.abc import Iterable

from allauth.socialaccount.models import SocialAccount
from django.db import IntegrityError, transaction

from locks.models import Invitation, Kind, User
from locks.services.audit import record
from locks.services.editing import subject_of
from locks.services.staffing import BY_SINGLE_SIGN_ON, end_password, locked_person


def link_by_mail(addresses: Iterable[str], *, provider: str, uid: str) -> User | None:
    """Link the subject to the one active account with one of these verified addresses; return it.

    None where there is none, where two accounts share the address, or where another subject holds
    the account already: nobody is guessed. A password, PIN and sessions that may be of whoever opened
    a manager's invitation to that address end.
    """
    people = list(
        User.objects.filter(
            pk__in=[
                pk
                for address in addresses
                for pk in User.objects.filter(email__iexact=address).values_list("pk", flat=True)
            ],
            is_active=True,
        )[:2]
    )
    if len(people) != 1:
        return None
    return _link(people[0], provider=provider, uid=uid)


def _link(person: User, *, provider: str, uid: str) -> User | None:
    """The account as it is now; None where it could not be linked."""
    try:
        with transaction.atomic():
            person = locked_person(person)
            if SocialAccount.objects.filter(user=person, provider=provider).exists():
                return None
            SocialAccount.objects.create(user=person, provider=provider, uid=uid)
            ends = _has_unproven_address(person)
            if ends:
                end_password(person)
            record(
                Kind.PERSON_CHANGED,
                building=None,
                actor=person,
                single_sign_on="linked by the verified mail address",
                password=BY_SINGLE_SIGN_ON if ends else None,
                **subject_of(person),
            )
    except IntegrityError:
        return None  # the same sign-in, twice at once
    return person


def _has_unproven_address(person: User) -> bool:
    """Whether the account was made by an invitation whose address nobody but a manager stands for."""
    invitations = Invitation.objects.filter(accepted_by=person, email__iexact=person.email)
    made_by_it = invitations.filter(made_at__lte=person.date_joined)
    return bool(made_by_it.filter(made_by__is_superuser=False).exists())
