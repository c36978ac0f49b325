"""Demo data of simulated mode: buildings, doors, and people who all share one printed password.

Safe to repeat: what is missing is made, what people have changed stays as they left it. Only the
password of the demo accounts is put back, so that what is printed holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.utils.translation import gettext as _

from locks.models import Assignment, AuditEvent, Building, Device, Kind, Role, User
from locks.seam import Lock
from locks.services.audit import record
from locks.services.editing import subject_of
from locks.services.errors import ServiceError
from locks.services.mirroring import save_lock
from locks.services.pick_lists import add_usual

PASSWORD: Final = "practice-room"  # noqa: S105  # printed for everybody; opens no real door
SOURCE: Final = "demo"  # stands on every event that the seeding records

HARBOUR, PARK = "Harbour House", "Park Residence"
_TIME_ZONES = {HARBOUR: "Europe/Lisbon", PARK: "Europe/Berlin"}


@dataclass(frozen=True)
class DemoDoor:
    """A simulated lock, as Seam's JSON describes it, and where it belongs."""

    lock: Mapping[str, Any]
    building: str
    area: str
    common: bool


@dataclass(frozen=True)
class _Person:
    username: str
    name: str
    building: str = ""
    role: str = ""


_PEOPLE = (
    _Person("clerk", "Demo clerk", HARBOUR, Role.FRONT_DESK),
    _Person("clerk2", "Second demo clerk", HARBOUR, Role.FRONT_DESK),
    _Person("viewer", "Demo viewer", HARBOUR, Role.VIEWER),
    _Person("manager", "Demo manager", HARBOUR, Role.MANAGER),
    _Person("park-clerk", "Park clerk (demo)", PARK, Role.FRONT_DESK),
    _Person("park-manager", "Park manager (demo)", PARK, Role.MANAGER),
    _Person("admin", "Demo administrator"),
)


@dataclass(frozen=True)
class SignIn:
    """An account that the seeding looked after.

    `note` says why its demo password does not sign in; empty where it does.
    """

    username: str
    name: str
    role: str
    building: str
    note: str

    def as_dict(self) -> dict[str, str]:
        """The account as JSON values."""
        return asdict(self)


def seed_demo(doors: Iterable[DemoDoor]) -> list[SignIn]:
    """Make what is missing of the demo and return its accounts; all sign in with PASSWORD.

    Raises ServiceError outside simulated mode, and where the database holds doors of a real
    workspace.
    """
    if not settings.SEAM_SIMULATED:
        raise ServiceError(_("Demo data is for simulated mode only: set SEAM_SIMULATED=1."))
    placed = [(door, lock) for door in doors if (lock := Lock.from_json(door.lock))]
    _require_no_real_doors({lock.workspace_id for _door, lock in placed})
    known = _known_doors(placed)
    buildings = _buildings(placed, known)
    assigned = set(
        AuditEvent.objects.filter(kind=Kind.DOOR_ASSIGNED, device__in=known.values()).values_list(
            "device_id", flat=True
        )
    )
    for door, lock in placed:
        device = known[lock.device_id]
        if device.building_id is None and device.pk not in assigned:
            _place(device, door, buildings[door.building])
    return _people(buildings)


def _require_no_real_doors(simulated: set[str]) -> None:
    if Device.objects.exclude(workspace_id__in=["", *simulated]).exists():
        raise ServiceError(
            _(
                "This database holds doors of a real Seam workspace: demo accounts do not belong"
                " beside them. Give simulated mode a database of its own."
            )
        )


def _known_doors(placed: Sequence[tuple[DemoDoor, Lock]]) -> dict[str, Device]:
    """The rows of these doors by Seam's id; those that are missing are added."""
    rows = Device.objects.filter(seam_device_id__in=[lock.device_id for _door, lock in placed])
    existing = set(rows.values_list("seam_device_id", flat=True))
    for _door, lock in placed:
        if lock.device_id not in existing:
            save_lock(lock, workspace_id=lock.workspace_id)
    return {device.seam_device_id: device for device in rows.select_related("building")}


def _buildings(
    placed: Sequence[tuple[DemoDoor, Lock]], known: Mapping[str, Device]
) -> dict[str, Building]:
    """The demo's buildings by their name in the demo; a renamed one is known by its doors."""
    found: dict[str, Building] = {}
    for door, lock in placed:
        building = known[lock.device_id].building
        if building is not None:
            found.setdefault(door.building, building)
    for name in [*_TIME_ZONES, *(door.building for door, _lock in placed)]:
        if name not in found:
            found[name] = Building.objects.filter(name=name).first() or _add_building(name)
    return found


def _add_building(name: str) -> Building:
    time_zone = _TIME_ZONES.get(name, "UTC")
    with transaction.atomic():
        building = Building.objects.create(
            name=name, time_zone=time_zone, help_line=_("extension 100 (demo)")
        )
        add_usual(building)
        record(Kind.BUILDING_ADDED, building=building, time_zone=time_zone, source=SOURCE)
    return building


def _place(device: Device, door: DemoDoor, building: Building) -> None:
    device.building, device.area = building, door.area
    device.access = Device.Access.COMMON if door.common else Device.Access.PRIVATE
    with transaction.atomic():
        device.save(update_fields=["building", "area", "access"])
        record(
            Kind.DOOR_ASSIGNED,
            building=building,
            device=device,
            area=device.area,
            access=device.access,
            source=SOURCE,
        )


def _people(buildings: Mapping[str, Building]) -> list[SignIn]:
    rows = User.objects.filter(username__in=[person.username for person in _PEOPLE])
    existing = {row.username: row for row in rows}
    # One hash for all demo accounts: hashing is slow by design, and here it protects nothing.
    hashes = {row.password for row in rows if row.is_demo}
    good = {each for each in hashes if check_password(PASSWORD, each)}
    password = next(iter(good), None) or make_password(PASSWORD)
    held = Assignment.objects.filter(person__in=rows)
    granted = set(held.values_list("person_id", "building_id", "role"))
    sign_ins = []
    for person in _PEOPLE:
        row = existing.get(person.username) or _add_person(person, password)
        if row.is_demo and row.password not in good | {password}:
            _put_password_back(row, password)
        building = buildings.get(person.building)
        if row.is_demo and building and (row.pk, building.pk, person.role) not in granted:
            _grant(row, building, person.role)
        sign_ins.append(_sign_in(person, row, building))
    return sign_ins


def _sign_in(person: _Person, row: User, building: Building | None) -> SignIn:
    note = ""
    if not row.is_demo:
        note = _("an account of your own has this name")
    elif not row.is_active:
        note = _("deactivated")
    return SignIn(
        username=row.username,
        name=row.get_full_name(),
        role=str(Role(person.role).label) if person.role else _("administrator"),
        building=building.name if building else "",
        note=note,
    )


def _add_person(person: _Person, password: str) -> User:
    is_administrator = not person.role
    with transaction.atomic():
        row = User.objects.create(
            username=person.username,
            name=person.name,
            password=password,
            is_demo=True,
            is_staff=is_administrator,
            is_superuser=is_administrator,
        )
        record(
            Kind.PERSON_ADDED,
            building=None,
            source=SOURCE,
            superuser=is_administrator or None,
            **subject_of(row),
        )
    return row


def _put_password_back(row: User, password: str) -> None:
    with transaction.atomic():
        User.objects.filter(pk=row.pk).update(password=password)
        record(
            Kind.PERSON_CHANGED, building=None, password_set=True, source=SOURCE, **subject_of(row)
        )


def _grant(row: User, building: Building, role: str) -> None:
    with transaction.atomic():
        Assignment.objects.create(person=row, building=building, role=role)
        record(Kind.ROLE_GRANTED, building=building, role=role, source=SOURCE, **subject_of(row))
