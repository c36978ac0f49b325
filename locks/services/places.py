"""Buildings and doors as people set them up. Every change is on the record, or did not happen.

Managers set help line, quiet hours and door settings of their own buildings; names, time zones and
which door belongs where are superusers' (a unique name would tell a manager of the buildings of
others). All raise NotAllowed (who may not) or ValidationError (what cannot be), each with a
sentence, and change nothing then.
What Seam tells of a lock is services.inventory's; a freeze is services.freezing's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from locks.models import Building, Device, Kind, User
from locks.services.audit import in_chain_order, record
from locks.services.editing import apply, require_manager, require_superuser
from locks.services.errors import NotAllowed
from locks.services.freezing import locked_door
from locks.services.pick_lists import add_usual

QUIET_HOURS = frozenset({"quiet_from", "quiet_until"})
MANAGERS_BUILDING_FIELDS = frozenset({"help_line"}) | QUIET_HOURS
BUILDING_FIELDS = MANAGERS_BUILDING_FIELDS | {"name", "time_zone"}
DOOR_FIELDS = frozenset({"label", "area", "nickname", "access", "step_up_minutes", "break_glass"})


@transaction.atomic
def add_building(*, actor: User, name: str, time_zone: str, help_line: str = "") -> Building:
    """Make a building without doors; superusers only."""
    require_superuser(actor)
    building = Building(name=name, time_zone=time_zone, help_line=help_line)
    building.full_clean()
    try:
        with transaction.atomic():
            building.save()
    except IntegrityError:
        raise ValidationError(_("A building with this name exists already.")) from None
    add_usual(building)
    record(Kind.BUILDING_ADDED, building=building, actor=actor, time_zone=time_zone)
    return building


@transaction.atomic
def change_building(*, actor: User, building: Building, changes: Mapping[str, Any]) -> Building:
    """Change what BUILDING_FIELDS names; managers what MANAGERS_BUILDING_FIELDS names."""
    _require_known(changes, BUILDING_FIELDS)
    if set(changes) <= MANAGERS_BUILDING_FIELDS:
        require_manager(actor, building)
    else:
        require_superuser(actor)
    row = Building.objects.select_for_update(no_key=True).get(pk=building.pk)
    if not QUIET_HOURS.isdisjoint(changes):  # the two ends are judged together
        changes = {**{name: getattr(row, name) for name in QUIET_HOURS}, **changes}
    if changed := apply(row, changes):
        record(Kind.BUILDING_CHANGED, building=row, actor=actor, changed=changed)
    return row


@transaction.atomic
def change_door(*, actor: User, device: Device, changes: Mapping[str, Any]) -> Device:
    """Change what DOOR_FIELDS names."""
    _require_known(changes, DOOR_FIELDS)
    row = locked_door(actor, device)
    if changed := apply(row, changes):
        record(Kind.DOOR_CHANGED, building=row.building, actor=actor, device=row, changed=changed)
    return row


@transaction.atomic
def assign_door(*, actor: User, device: Device, building: Building | None) -> Device:
    """Move a door into `building`, or out of any; superusers only. It becomes private.

    It takes its label along, and leaves break-glass behind. Each building's chain tells its own half
    and does not name the other.
    """
    require_superuser(actor)
    row = locked_door(actor, device)
    before = row.building
    if before == building:
        return row
    if row.frozen:  # also one that has ended and that the sweep has still to record here
        # Its reason is for the people of this building; and no move may thaw it.
        raise NotAllowed(_("This door is frozen. Lift its freeze before you move it."))
    if row.unlock_requests.open().exists():
        raise NotAllowed(_("An unlock of this door is under way. Move the door when it has ended."))
    had_glass = row.break_glass
    private = {"access": Device.Access.PRIVATE, "break_glass": False}
    apply(row, {"building": building, **private})
    for place in in_chain_order([each for each in (before, building) if each]):
        kind = Kind.DOOR_ASSIGNED if place == building else Kind.DOOR_UNASSIGNED
        access = row.access if kind == Kind.DOOR_ASSIGNED else None
        glass = False if access and had_glass else None  # what the old building allowed ends there
        record(kind, building=place, actor=actor, device=row, access=access, break_glass=glass)
    return row


@transaction.atomic
def accept_seam_name(*, actor: User, device: Device) -> Device:
    """Call the door as Seam does now."""
    row = locked_door(actor, device)
    _require_offer(row)
    longest = Device._meta.get_field("label").max_length
    label = row.seam_name.strip()[:longest] or row.label
    changed = apply(row, {"label": label, "reviewed_seam_name": row.seam_name})
    record(Kind.DOOR_CHANGED, building=row.building, actor=actor, device=row, changed=changed)
    return row


@transaction.atomic
def dismiss_seam_name(*, actor: User, device: Device) -> Device:
    """Keep the label although Seam calls the door otherwise, until Seam changes the name again."""
    row = locked_door(actor, device)
    _require_offer(row)
    changed = apply(row, {"reviewed_seam_name": row.seam_name})
    record(Kind.DOOR_CHANGED, building=row.building, actor=actor, device=row, changed=changed)
    return row


def _require_offer(device: Device) -> None:
    if not device.offers_new_name:
        raise ValidationError(_("Seam offers no other name for this door."))


def _require_known(changes: Mapping[str, Any], known: frozenset[str]) -> None:
    if unknown := set(changes) - known:
        raise ValueError(f"Not to be changed here: {sorted(unknown)}")
