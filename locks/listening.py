"""Who may hear what on the live stream: the watcher's questions to the database, for all streams at once."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.models import Session
from django.db import connection
from django.http import HttpRequest
from django.utils import timezone

from locks.http import is_over, vouched_for
from locks.models import Assignment, AuditChain, Building, Lease, User, lacking_second_factor
from locks.models.audit import CHANNEL

__all__ = ["CHANNEL", "Admitted", "Listener", "Rights", "admit", "changes", "rights_of", "works"]


@dataclass(frozen=True)
class Listener:
    """A signed-in session as it was when its stream began."""

    session_key: str
    user_id: int
    password: str  # the stored hash: another one means that the password was changed since


@dataclass(frozen=True)
class Rights:
    """What a listener may hear, and the roles behind it (a change of either is told)."""

    buildings: frozenset[int]
    roles: frozenset[tuple[int, str, bool]]  # building, role, within its weekly hours


@dataclass(frozen=True)
class Admitted:
    listener: Listener
    rights: Rights
    changes: dict[int, int]


def admit(session_key: str) -> Admitted | None:
    """Who a session cookie belongs to and what they may hear; None for nobody."""
    if not session_key:
        return None
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(request)
    if not isinstance(user, User) or not user.is_active:
        return None
    listener = Listener(session_key=session_key, user_id=user.pk, password=user.password)
    before = changes()  # read first: what happens meanwhile is told, not missed
    rights = rights_of([listener]).get(listener)
    return Admitted(listener, rights, before) if rights else None


def changes() -> dict[int, int]:
    """The change count of each building. One query."""
    rows = AuditChain.objects.filter(building__isnull=False).values_list("building_id", "changes")
    return dict(rows)


def works() -> bool:
    """Whether broker and worker do their part. One query."""
    return Lease.works()


def rights_of(listeners: Iterable[Listener]) -> dict[Listener, Rights]:
    """What each listener may hear now; who has lost the right to listen is left out.

    Four queries, and one more where second factors are asked for.
    """
    listeners = list(listeners)
    now = timezone.now()
    sessions = Session.objects.filter(
        session_key__in={item.session_key for item in listeners}, expire_date__gt=now
    )
    decoded = {session.session_key: session.get_decoded() for session in sessions}
    living = {key for key, session in decoded.items() if not is_over(session, time.time())}
    lacking = lacking_second_factor({item.user_id for item in listeners})
    people = User.objects.filter(pk__in={item.user_id for item in listeners}, is_active=True)
    users = {user.pk: user for user in people}
    roles: dict[int, set[tuple[int, str, bool]]] = {}
    held = Assignment.objects.in_force(at=now).filter(person_id__in=users)
    for role in held.select_related("building"):
        entry = (role.building_id, str(role.role), role.within_hours(now))
        roles.setdefault(role.person_id, set()).add(entry)
    everywhere = frozenset(Building.objects.values_list("pk", flat=True))
    found = {}
    for item in listeners:
        user = users.get(item.user_id)
        if user is None or item.session_key not in living or user.password != item.password:
            continue
        if user.pk in lacking and not vouched_for(decoded[item.session_key]):
            continue  # they reach nothing before they have set one up
        mine = frozenset(roles.get(user.pk, ()))
        seen = everywhere if user.is_superuser else frozenset(entry[0] for entry in mine)
        found[item] = Rights(buildings=seen, roles=mine)
    return found


def notify_parameters() -> dict[str, Any]:
    """How to reach PostgreSQL for LISTEN, beside Django's pool."""
    parameters = connection.get_connection_params()
    wanted = ("dbname", "user", "password", "host", "port", "sslmode", "options", "connect_timeout")
    return {key: value for key, value in parameters.items() if key in wanted and value}
