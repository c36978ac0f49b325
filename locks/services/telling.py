"""Tell the managers of a building at once, by mail. No part of the record: a mail may be lost."""

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
    transaction.on_commit(partial(_send, mails, building.pk), robust=True)


def _send(mails: list[EmailMessage], building_id: int) -> None:
    """One connection for all, so that a mail server that stands still is waited for once."""
    try:
        get_connection().send_messages(mails)
    except Exception as error:
        name = type(error).__name__
        logger.error("The managers of building %s could not be told: %s", building_id, name)
