"""Shared PCs: enrolled by a manager who sits there, used by people who take turns with their PINs.

All raise NotAllowed (who may not) or ValidationError (what cannot be), each with a sentence, and
change nothing then.
"""

from __future__ import annotations

import datetime as dt

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from locks.models import Building, Kind, SharedPC, SharedPCVisit, User
from locks.services.audit import record
from locks.services.editing import require_manager
from locks.services.errors import NotAllowed
from locks.services.pins import prove_pin
from locks.services.sessions import end_sessions_by_pin
from locks.services.signing_in import record_switch


@transaction.atomic
def enrol_pc(*, actor: User, building: Building, name: str) -> tuple[SharedPC, str]:
    """Make the PC at which `actor` sits a shared PC of `building`; managers only.

    Returns it with the token that the browser is to keep: only its hash is kept here.
    """
    require_manager(actor, building)
    now = timezone.now()
    pc = SharedPC(building=building, name=name.strip(), enrolled_by=actor, enrolled_at=now)
    token = pc.renew_token()
    pc.full_clean()
    try:
        with transaction.atomic():
            pc.save()
    except IntegrityError:
        taken = _("A PC of this name is enrolled in this building already.")
        raise ValidationError(taken) from None
    # They have signed in here with all that they have: enrolling asks for no less.
    SharedPCVisit.objects.note_full_sign_in(pc=pc, person=actor, at=now)
    record(Kind.PC_ENROLLED, building=building, actor=actor, pc=pc.name, pc_id=pc.pk)
    return pc, token


@transaction.atomic
def remove_pc(*, actor: User, pc: SharedPC) -> SharedPC:
    """Make a shared PC an ordinary one: its token is worth nothing, and sessions by PIN there end."""
    row = (
        SharedPC.objects.select_for_update(of=("self",), no_key=True)
        .select_related("building")
        .get(pk=pc.pk)
    )
    require_manager(actor, row.building)
    if row.removed_at is None:
        row.removed_at, row.removed_by = timezone.now(), actor
        row.save(update_fields=["removed_at", "removed_by"])
        row.visits.all().delete()
        end_sessions_by_pin(pc=row)
        record(Kind.PC_REMOVED, building=row.building, actor=actor, pc=row.name, pc_id=row.pk)
    return row


def switch_to(*, pc: SharedPC, person: User, pin: str, at: dt.datetime, address: str) -> bool:
    """Whether `person` may begin a session on `pc` now, by their PIN; it is on the record then.

    Raises NotAllowed where they are not among those who may, and TooManyTries as prove_pin does.
    """
    if person not in SharedPCVisit.objects.people_at(pc, at=at):
        raise NotAllowed(_("Sign in with your password."))
    if not prove_pin(person=person, pin=pin, at=at):
        return False
    with transaction.atomic():
        if not SharedPC.objects.in_use().filter(pk=pc.pk).update(used_at=at):
            raise NotAllowed(_("This PC is no longer a shared one: sign in with your password."))
        pc.visits.filter(person=person).update(used_at=at)
        record_switch(person, pc=pc, address=address)
    return True
