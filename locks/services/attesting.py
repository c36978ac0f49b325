"""Attestations: what somebody saw at the door, on the record beside what Seam said.

It is a person's word and no outcome: status and confirmation stay as they are.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from locks.models import Action, Attestation, Building, Kind, Seen, UnlockRequest, User
from locks.models.unlocks import Outcome
from locks.services.audit import record
from locks.services.errors import BadInput, DoorUnknown, NotAllowed, ServiceError
from locks.services.rights import unlocking_roles

# Whoever looks at a door later saw something else than this unlock; the desk log reaches as far back.
REACHES_BACK: Final = dt.timedelta(hours=12)
_SURE: Final = frozenset({Outcome.CONFIRMED, Outcome.FAILED, Outcome.SENDING, Outcome.PENDING})


def is_in_doubt(request: UnlockRequest, *, at: dt.datetime) -> bool:
    """Whether a look at the door would tell what nobody else does; asked of unlocks alone."""
    if request.action != Action.UNLOCK:
        return False
    doubted = request.outcome not in _SURE or request.contradicted_at is not None
    return doubted and at - request.requested_at < REACHES_BACK


def attest(
    *, actor: User, request: UnlockRequest, seen: str, address: str = "", at: dt.datetime
) -> Attestation:
    """Put down what `actor` saw at the door of `request`; one of `Seen`. Returns the newest word on it.

    The same person's same word again is one. Raises DoorUnknown where they hold no role in the
    building, NotAllowed where theirs does not unlock (weekly hours do not matter), ServiceError where
    there is nothing to be in doubt of, BadInput for a word that is none.
    """
    building = request.building
    if not Building.objects.visible_to(actor, at=at).filter(pk=building.pk).exists():
        raise DoorUnknown
    if seen not in Seen.values:
        raise BadInput(_("Say what was seen: unlocked, did not unlock, or nobody there."))
    if all(role.building_id != building.pk for role in unlocking_roles(actor, at=at)):
        told = _("Your role in %(building)s does not say what was seen at its doors.")
        raise NotAllowed(told % {"building": building.name})
    with transaction.atomic():
        row = UnlockRequest.objects.select_for_update(of=("self",), no_key=True)
        held = row.select_related("building", "device").get(pk=request.pk)
        if not is_in_doubt(held, at=at):
            raise ServiceError(_("There is nothing in doubt about this unlock any more."))
        return _put_down(actor, held, seen, address)


def _put_down(actor: User, request: UnlockRequest, seen: str, address: str) -> Attestation:
    newest = Attestation.objects.filter(request=request).first()
    if newest is not None and (newest.person_id, newest.seen) == (actor.pk, seen):
        return newest
    word = Attestation.objects.create(
        request=request, person=actor, person_name=actor.get_full_name(), seen=seen
    )
    record(
        Kind.UNLOCK_ATTESTED,
        building=request.building,
        actor=actor,
        device=request.device,
        request=request,
        seen=seen,
        address=address,
        seconds_after=int((timezone.now() - request.requested_at).total_seconds()),
    )
    return word


def newest_of(requests: Iterable[UnlockRequest]) -> dict[int, Attestation]:
    """The newest word on each request, by request. One query, or none."""
    ids = [request.pk for request in requests]
    if not ids:
        return {}
    words = Attestation.objects.filter(request__in=ids).order_by("pk")
    return {word.request_id: word for word in words}


def is_of_now(word: Attestation, request: UnlockRequest) -> bool:
    """Whether it was said after the last that was learned of the request."""
    return word.at > (request.contradicted_at or request.ended_at or request.requested_at)


def seen_as_it_is_now() -> Exists:
    """The same of any word on a request, as a filter of requests."""
    learned = Coalesce(OuterRef("contradicted_at"), OuterRef("ended_at"), OuterRef("requested_at"))
    return Exists(Attestation.objects.filter(request=OuterRef("pk"), at__gt=learned))
