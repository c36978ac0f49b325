"""Whose account a provider's subject is: linked once, by a mail address that both sides know."""

from __future__ import annotations

from collections.abc import Iterable

from allauth.socialaccount.models import SocialAccount
from django.db import IntegrityError, transaction

from locks.models import Kind, User
from locks.services.audit import record
from locks.services.editing import subject_of


def link_by_mail(addresses: Iterable[str], *, provider: str, uid: str) -> User | None:
    """Link the subject to the one active account with one of these verified addresses; return it.

    None where there is none, where two accounts share the address, or where another subject holds
    the account already: nobody is guessed.
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
    return people[0] if _link(people[0], provider=provider, uid=uid) else None


def _link(person: User, *, provider: str, uid: str) -> bool:
    try:
        with transaction.atomic():
            User.objects.select_for_update(no_key=True).get(pk=person.pk)
            if SocialAccount.objects.filter(user=person, provider=provider).exists():
                return False
            SocialAccount.objects.create(user=person, provider=provider, uid=uid)
            record(
                Kind.PERSON_CHANGED,
                building=None,
                actor=person,
                single_sign_on="linked by the verified mail address",
                **subject_of(person),
            )
    except IntegrityError:
        return False  # the same sign-in, twice at once
    return True
