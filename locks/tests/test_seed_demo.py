"""`seed_demo`: a practice room that is complete, repeatable, and never beside real doors."""

import io
import json
import time

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from locks.models import Assignment, AuditEvent, Building, Device, Kind, User
from locks.services.inventory import sync_devices
from locks.services.places import assign_door
from locks.services.rights import why_not
from locks.services.verifying import verify_chains
from locks.simulator import CATALOGUE, Simulator
from locks.tests.factories import make_device, make_superuser, make_user

pytestmark = pytest.mark.django_db
PASSWORD = "practice-room"


def seed(*options: str) -> str:
    """What `manage.py seed_demo` prints."""
    said = io.StringIO()
    call_command("seed_demo", *options, stdout=said)
    return said.getvalue()


def test_it_makes_two_buildings_their_doors_and_people_of_each_role(client: Client) -> None:
    said = seed()
    assert {building.name for building in Building.objects.all()} == {
        "Harbour House",
        "Park Residence",
    }
    for building in Building.objects.all():
        building.full_clean()
        assert {door.access for door in building.devices.all()} == {"common", "private"}
    assert Device.objects.count() == len(CATALOGUE) >= 12
    roles = {(row.person.username, row.role) for row in Assignment.objects.all()}
    assert roles == {
        ("clerk", "front_desk"),
        ("clerk2", "front_desk"),
        ("viewer", "viewer"),
        ("manager", "manager"),
        ("park-clerk", "front_desk"),
        ("park-manager", "manager"),
    }
    assert [user.username for user in User.objects.filter(is_superuser=True)] == ["admin"]
    assert not User.objects.exclude(is_demo=True).exists()
    for user in User.objects.all():
        assert user.username in said
        assert client.login(username=user.username, password=PASSWORD)
    assert f"password: {PASSWORD}" in said


def test_its_doors_can_be_pressed_by_the_clerk_of_their_building_only() -> None:
    seed()
    entrance = Device.objects.get(label="Main entrance")
    clerk, stranger = User.objects.get(username="clerk"), User.objects.get(username="park-clerk")
    assert why_not(person=clerk, device=entrance, at=timezone.now()) == ""
    assert why_not(person=stranger, device=entrance, at=timezone.now()) == "not_yours"


def test_it_agrees_with_what_the_simulator_tells(simulator: Simulator) -> None:
    seed()
    report = sync_devices()
    assert report.unchanged == len(CATALOGUE) == report.listed


def test_it_changes_nothing_the_second_time_and_is_quick() -> None:
    first = seed()
    passwords = set(User.objects.values_list("username", "password"))
    events = AuditEvent.objects.count()
    begun = time.monotonic()
    assert seed() == first
    assert time.monotonic() - begun < 1
    assert AuditEvent.objects.count() == events
    assert set(User.objects.values_list("username", "password")) == passwords


class CountingHasher(MD5PasswordHasher):
    """Counts how often a password is hashed: the real hashers take a quarter of a second each."""

    hashed = 0

    def encode(self, password: str, salt: str) -> str:
        type(self).hashed += 1
        return super().encode(password, salt)


def test_it_hashes_one_password_a_run_for_all_accounts(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    for _run in range(2):
        CountingHasher.hashed = 0
        seed()
        assert CountingHasher.hashed == 1


def test_it_leaves_alone_what_people_have_changed() -> None:
    seed()
    admin = User.objects.get(username="admin")
    entrance = Device.objects.get(label="Main entrance")
    roof = Device.objects.get(label="Roof door")
    assign_door(actor=admin, device=roof, building=None)
    Device.objects.filter(pk=entrance.pk).update(label="Front", access="private", area="")
    Building.objects.filter(name="Park Residence").update(name="Park Lodge")
    Assignment.objects.filter(person__username="viewer").update(revoked_at=timezone.now())
    User.objects.filter(username="clerk2").update(is_active=False, name="Night clerk")
    assert "clerk2        front desk, Harbour House (not usable: deactivated)" in seed()
    entrance.refresh_from_db()
    roof.refresh_from_db()
    assert (entrance.label, entrance.access, entrance.area) == ("Front", "private", "")
    assert roof.building is None
    assert {building.name for building in Building.objects.all()} == {"Harbour House", "Park Lodge"}
    assert not Assignment.objects.filter(person__username="viewer", revoked_at=None).exists()
    assert not User.objects.get(username="clerk2").is_active


def test_it_puts_the_printed_password_back(client: Client) -> None:
    seed()
    clerk = User.objects.get(username="clerk")
    clerk.set_password("another")
    clerk.save()
    seed()
    assert client.login(username="clerk", password=PASSWORD)
    events = AuditEvent.objects.filter(kind=Kind.PERSON_CHANGED)
    assert [event.detail.content["subject_username"] for event in events] == ["clerk"]


def test_it_never_takes_over_an_account_that_is_not_its_own(client: Client) -> None:
    admin, clerk = make_superuser("admin"), make_user("clerk")
    before = (admin.password, clerk.password)
    said = seed()
    admin.refresh_from_db()
    clerk.refresh_from_db()
    assert (admin.password, clerk.password) == before
    assert not clerk.is_demo
    assert not clerk.assignments.exists()
    assert said.count("an account of your own has this name") == 2


def test_it_gives_doors_that_a_sync_found_first_their_place(simulator: Simulator) -> None:
    sync_devices()
    seed()
    assert not Device.objects.filter(building=None).exists()
    assert Device.objects.filter(access="common").exists()


def test_it_records_what_it_made_and_says_that_it_is_the_demo() -> None:
    seed()
    granted = AuditEvent.objects.filter(kind=Kind.ROLE_GRANTED)
    assert granted.count() == Assignment.objects.count()
    assert all(
        event.actor is None and event.detail.content["source"] == "demo" for event in granted
    )
    content = granted.earliest("id").detail.content
    assert (content["subject_username"], content["role"]) == ("clerk", "front_desk")
    assert content["reality"] == "simulated"
    assert all(report.is_whole for report in verify_chains())


def test_it_refuses_where_doors_are_real(settings: Settings) -> None:
    settings.SEAM_SIMULATED = False
    with pytest.raises(CommandError, match="simulated mode only"):
        seed()
    settings.SEAM_SIMULATED = True
    make_device(workspace_id="a-real-workspace")
    with pytest.raises(CommandError, match="real Seam workspace") as refusal:
        seed()
    assert refusal.value.returncode == 1
    assert not User.objects.exists()


def test_it_prints_json_for_scripts() -> None:
    found = json.loads(seed("--json"))
    assert found["password"] == PASSWORD
    assert {
        "username": "park-clerk",
        "name": "Park clerk (demo)",
        "role": "front desk",
        "building": "Park Residence",
        "note": "",
    } in found["people"]
    assert str(django_settings.SEAM_API_KEY) not in json.dumps(found)
