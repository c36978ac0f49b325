"""Tell managers of a building, or a person, at once, by mail. No part of the record: a mail may be lost."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.utils import timezone

from locks.models import Assignment, Building, Role, User

logger = logging.getLogger(__name__)


def tell_managers(
    building: Building,
    *,
    subject: str,
    lines: Iterable[str],
    link: str = "",
    but: User | None = None,
) -> None:
    """Mail the people who manage `building` now and have an address, once this is committed.

    `link` is a path here that the mail ends with; `but` is left out. Never raises after the commit:
    a mail server's trouble is logged, without addresses.
    """
    roles = Assignment.objects.in_force(at=timezone.now()).filter(building=building)
    people = User.objects.filter(pk__in=roles.filter(role=Role.MANAGER).values("person"))
    if but is not None:
        people = people.exclude(pk=but.pk)
    addresses = sorted(set(people.exclude(email="").values_list("email", flat=True)))
    if not addresses:
        return
    body = "\n".join([*lines, *([settings.DESK_URL + link] if link else []), ""])
    heading = " ".join(f"[accessdesk] {building}: {subject}".split())
    mails = [EmailMessage(heading, body, to=[address]) for address in addresses]
    whom = f"The managers of building {building.pk}"
    transaction.on_commit(partial(_send, mails, whom), robust=True)


def tell_person(person: User, *, subject: str, lines: Iterable[str]) -> None:
    """Mail `person`, where they have an address, once this is committed. Never raises after that."""
    if person.email:
        mail = EmailMessage(f"[accessdesk] {subject}", "\n".join([*lines, ""]), to=[person.email])
        transaction.on_commit(partial(_send, [mail], f"Account {person.pk}"), robust=True)


def _send(mails: list[EmailMessage], whom: str) -> None:
    """One connection for all, so that a mail server that stands still is waited for once."""
    try:
        get_connection().send_messages(mails)
    except Exception as error:
        logger.error("%s could not be told: %s", whom, type(error).__name__)
