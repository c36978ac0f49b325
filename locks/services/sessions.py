"""A person's sessions: ended one by one, or all. Streams and pages follow within seconds."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from allauth.usersessions.models import UserSession
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from locks.models import Kind, SharedPC, User
from locks.models.shared_pcs import BY_PIN
from locks.services import leases
from locks.services.audit import record
from locks.services.editing import subject_of
from locks.services.signing_in import buildings_of

DAY: Final = dt.timedelta(days=1)


def end_sessions(person: User, *, keep: str = "") -> int:
    """Remove the person's sessions, but the one under the key `keep`. Returns how many went.

    All are looked through: allauth's rows know only those that came through its sign-in.
    """
    keys = [
        session.pk
        for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator()
        if session.pk != keep and session.get_decoded().get(SESSION_KEY) == str(person.pk)
    ]
    UserSession.objects.filter(session_key__in=keys).delete()
    return Session.objects.filter(pk__in=keys).delete()[0]


def end_sessions_by_pin(*, person: User | None = None, pc: SharedPC | None = None) -> None:
    """Remove sessions begun by a PIN: of `person`, or on `pc`."""
    keys = []
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        kept = session.get_decoded()
        begun_on = kept.get(BY_PIN)
        its = person is not None and kept.get(SESSION_KEY) == str(person.pk)
        if begun_on is not None and (its or (pc is not None and begun_on == pc.pk)):
            keys.append(session.pk)
    UserSession.objects.filter(session_key__in=keys).delete()
    Session.objects.filter(pk__in=keys).delete()


def forget_expired() -> None:
    """Remove the rows of sessions that are over, once a day; each request knows that they are without it."""
    if not leases.take_turn("expired_sessions", every=DAY):
        return
    SessionStore.clear_expired()
    gone = ~Exists(Session.objects.filter(pk=OuterRef("session_key")))
    # A young one may be of a session that is being made.
    UserSession.objects.filter(gone, created_at__lt=timezone.now() - DAY).delete()


@transaction.atomic
def end_session(*, actor: User, session: int) -> bool:
    """End one of `actor`'s own sessions, by the id of allauth's row; False where they have none such."""
    row = UserSession.objects.select_for_update().filter(pk=session, user=actor).first()
    if row is None:
        return False
    Session.objects.filter(pk=row.session_key).delete()
    row.delete()
    _record_end(actor, sessions=1, address=row.ip, browser=row.user_agent)
    return True


@transaction.atomic
def end_other_sessions(*, actor: User, keep: str) -> int:
    """End all of `actor`'s sessions but the one under the key `keep`. Returns how many there were."""
    ended = end_sessions(actor, keep=keep)
    if ended:
        _record_end(actor, sessions=ended)
    return ended


def _record_end(actor: User, **detail: Any) -> None:
    for building in buildings_of(actor):
        record(Kind.SESSION_ENDED, building=building, actor=actor, **subject_of(actor), **detail)
