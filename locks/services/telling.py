"""The one way to tell a building's managers something by mail: into the outbox of services.delivering.

Written in the transaction of what it tells of: what is rolled back is not told, what is committed is not
lost, and neither a mail server nor a receiver holds anybody up.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Collection, Iterable
from functools import partial

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from locks.models import Building, Notice, Role, User, reality

logger = logging.getLogger(__name__)

LONGEST_SUBJECT = 180  # characters


def tell_managers(
    building: Building, subject: str, lines: Iterable[str], *, but: User | None = None
) -> int:
    """Mail every manager of `building` whose role is in force and who has an address.

    Where there is none, the superusers who have one.

    Returns how many will get it. It leaves within a quarter of a minute of the commit, and is tried
    again for a day. `but` is left out. What they are told so they cannot turn off; alerts they can.
    """
    left_out = [but.pk] if but is not None else []
    administrators = User.objects.filter(is_superuser=True, is_active=True).exclude(email="")
    others = administrators.exclude(pk__in=left_out).order_by("pk")
    people = managers_of(building, but=left_out) or list(others)
    return mail_to(people, building, subject, lines)


def managers_of(building: Building, *, but: Collection[int] = ()) -> list[User]:
    """Those with a manager's role in force there, and an address; without those whose ids are in `but`."""
    held = building.assignments.in_force().filter(role=Role.MANAGER)
    people = User.objects.filter(pk__in=held.values("person")).exclude(email="")
    return list(people.exclude(pk__in=list(but)).order_by("pk"))


def mail_to(
    people: Iterable[User],
    building: Building,
    subject: str,
    lines: Iterable[str],
    *,
    what: str = Notice.What.TOLD,
    now: dt.datetime | None = None,
) -> int:
    """Put one mail for each of `people` into the outbox. Returns how many."""
    now = now or timezone.now()
    title = f"[accessdesk] {one_line(str(building))}: {one_line(subject)}"[:LONGEST_SUBJECT]
    at = local_time(now, building)
    text = [f"{one_line(str(building))}, {at}", "", *(_indented(line) for line in lines), ""]
    if told := _not_real():
        text.insert(0, told)
    body = "\n".join(text)
    letters = [
        Notice(
            building=building,
            channel=Notice.Channel.MAIL,
            what=what,
            person=person,
            title=title,
            body=body,
            made_at=now,
            next_try_at=now,
        )
        for person in people
    ]
    Notice.objects.bulk_create(letters)
    return len(letters)


def one_line(text: str) -> str:
    """Names come from people and from Seam: no line may begin, and no header end, within one."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def local_time(at: dt.datetime, building: Building) -> str:
    """A moment on the building's wall clock, with its zone."""
    local, zone = at.astimezone(building.zone), building.zone.key
    shown = f"{local:%Y-%m-%d %H:%M %Z}"
    return shown if zone == f"{local:%Z}" else f"{shown} ({zone})"


def desk_link(path: str) -> str:
    """An address that opens from anywhere: DESK_URL is where people reach the desk."""
    return f"{settings.DESK_URL}{path}"


def _indented(line: str) -> str:
    return " " * (len(line) - len(line.lstrip(" "))) + one_line(line)


def _not_real() -> str:
    """What stands above everything where no real door moves."""
    real = reality()
    if real == "simulated":
        return _("SIMULATED: no real door moves.")
    return _("SANDBOX: no real door moves.") if real else ""


def tell_person(person: User, *, subject: str, lines: Iterable[str]) -> None:
    """Mail `person` about their own account, where they have an address, once this is committed.

    Not by the outbox: it is a building's, and people work in several. Never raises after the commit.
    """
    if person.email:
        mail = EmailMessage(f"[accessdesk] {subject}", "\n".join([*lines, ""]), to=[person.email])
        transaction.on_commit(partial(_send, mail, person.pk), robust=True)


def _send(mail: EmailMessage, account: int) -> None:
    try:
        mail.send()
    except Exception as error:
        logger.error("Account %d could not be told: %s", account, type(error).__name__)
