"""Buildings and doors in the admin."""

from typing import Any

import pytest
from django.test import Client

from locks.models import AuditEvent, Building, Device, Kind, User
from locks.simulator import Simulator
from locks.tests.admin_forms import filled, messages_of, save
from locks.tests.factories import make_building, make_device


def kinds() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("kind", flat=True))


def at(row: Any) -> str:
    return f"/admin/locks/{row._meta.model_name}/{row.pk}/change/"


def test_the_records_call_a_door_a_door(north: Building, manager_client: Client) -> None:
    page = manager_client.get("/admin/").content.decode()
    assert ">Doors<" in page
    assert ">Devices<" not in page


def test_a_manager_freezes_releases_and_sets_the_help_line(
    north: Building, manager_client: Client
) -> None:
    save(manager_client, at(north), frozen="on", frozen_reason="Fire drill", help_line="112")
    north.refresh_from_db()
    assert (north.frozen, north.frozen_reason, north.help_line) == (True, "Fire drill", "112")
    save(manager_client, at(north), frozen=None)
    north.refresh_from_db()
    assert (north.frozen, north.frozen_reason) == (False, "")
    assert kinds() == [Kind.BUILDING_CHANGED, Kind.BUILDING_FROZEN, Kind.BUILDING_RELEASED]


def test_a_freeze_without_reason_is_refused_in_the_form(
    north: Building, manager_client: Client
) -> None:
    page = save(manager_client, at(north), frozen="on")
    assert "needs a reason" in page.content.decode()
    assert kinds() == []


def test_a_page_open_for_long_lifts_no_freeze(north: Building, manager_client: Client) -> None:
    old = manager_client.get(at(north))
    save(manager_client, at(north), frozen="on", frozen_reason="Fire drill")
    manager_client.post(at(north), filled(old, help_line="113"))
    north.refresh_from_db()
    assert (north.frozen, north.help_line) == (True, "113")


def test_a_manager_cannot_rename_a_building_nor_learn_which_names_are_taken(
    north: Building, south: Building, manager_client: Client
) -> None:
    for name in ("South Tower", "Free name"):
        page = save(manager_client, at(north), name=name, time_zone="UTC")
        assert "already exists" not in page.content.decode()
    north.refresh_from_db()
    assert (north.name, north.time_zone) == ("North House", "Europe/Lisbon")
    assert manager_client.post("/admin/locks/building/add/", {"name": "X"}).status_code == 403


def test_a_superuser_adds_and_renames_buildings(superuser_client: Client) -> None:
    values = {"name": "Third House", "time_zone": "Europe/Lisbon", "help_line": "3"}
    save(superuser_client, "/admin/locks/building/add/", **values)
    third = Building.objects.get()
    save(superuser_client, at(third), name="Fourth House")
    page = save(superuser_client, at(third), time_zone="Mars/Olympus")
    assert "Unknown time zone" in page.content.decode()
    third.refresh_from_db()
    assert (third.name, third.time_zone) == ("Fourth House", "Europe/Lisbon")
    assert kinds() == [Kind.BUILDING_ADDED, Kind.BUILDING_CHANGED]


def test_a_manager_sets_up_a_door_but_not_what_seam_tells(
    north: Building, manager_client: Client
) -> None:
    door = make_device(north, label="Gate", seam_name="GATE", can_remotely_unlock=False)
    save(
        manager_client,
        at(door),
        label="Main gate",
        area="Ground floor",
        access="private",
        seam_name="forged",
        seam_device_id="forged",
        can_remotely_unlock="on",
        workspace_id="forged",
    )
    door.refresh_from_db()
    assert (door.label, door.area, door.access) == ("Main gate", "Ground floor", "private")
    assert (door.seam_name, door.can_remotely_unlock) == ("GATE", False)
    assert door.seam_device_id != "forged"
    assert kinds() == [Kind.DOOR_CHANGED]


def test_a_manager_cannot_move_a_door_by_a_posted_building(
    north: Building, south: Building, manager: User, manager_client: Client
) -> None:
    door = make_device(north)
    page = manager_client.get(at(door))
    assert "South Tower" not in page.content.decode()
    for target in (south.pk, "", 987_654):
        manager_client.post(at(door), filled(page, building=target))
    door.refresh_from_db()
    assert door.building == north
    assert manager_client.get("/admin/locks/device/add/").status_code == 403


def test_a_superuser_moves_a_door_which_becomes_private(
    north: Building, south: Building, superuser_client: Client
) -> None:
    door = make_device(south, access="common")
    save(superuser_client, at(door), building=north.pk)
    door.refresh_from_db()
    assert (door.building, door.access) == (north, "private")
    new = make_device(access="private")
    save(superuser_client, at(new), building=north.pk, access="common")
    new.refresh_from_db()
    assert (new.building, new.access) == (north, "common")
    assert kinds().count(Kind.DOOR_ASSIGNED) == 2


def test_a_manager_decides_on_new_names_at_seam(
    north: Building, south: Building, manager_client: Client
) -> None:
    same = make_device(north, label="Same", seam_name="S", reviewed_seam_name="S")
    own = make_device(north, label="Old", seam_name="New", reviewed_seam_name="Old")
    kept = make_device(north, label="Kept", seam_name="Other", reviewed_seam_name="Kept")
    foreign = make_device(south, label="Old", seam_name="New", reviewed_seam_name="Old")
    chosen = [same.pk, own.pk, foreign.pk]
    act = {"action": "take_over_name", "_selected_action": chosen, "index": "0"}
    manager_client.post("/admin/locks/device/", act)
    act = {"action": "keep_label", "_selected_action": [kept.pk], "index": "0"}
    manager_client.post("/admin/locks/device/", act)
    labels = Device.objects.order_by("pk").values_list("label", flat=True)
    assert list(labels) == ["Same", "New", "Kept", "Old"]
    assert not Device.objects.get(pk=kept.pk).offers_new_name
    assert Device.objects.get(pk=foreign.pk).offers_new_name


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_manager_cannot_have_the_doors_read(
    method: str, manager_client: Client, simulator: Simulator
) -> None:
    assert getattr(manager_client, method)("/admin/locks/device/sync/").status_code == 403
    assert "Read doors" not in manager_client.get("/admin/locks/device/").content.decode()
    assert not Device.objects.exists()


def test_a_superuser_has_the_doors_read_into_an_empty_list(
    superuser_client: Client, simulator: Simulator
) -> None:
    assert "Read doors" in superuser_client.get("/admin/locks/device/").content.decode()
    assert superuser_client.get("/admin/locks/device/sync/").status_code == 405
    answer = superuser_client.post("/admin/locks/device/sync/", follow=True)
    assert f"{Device.objects.count()} new" in messages_of(answer)
    assert Device.objects.filter(building=None, access="private").count() > 5


def test_it_says_why_the_doors_could_not_be_read(superuser_client: Client, settings: Any) -> None:
    settings.SEAM_ENDPOINT = "http://127.0.0.1:9"
    answer = superuser_client.post("/admin/locks/device/sync/", follow=True)
    assert answer.status_code == 200
    assert messages_of(answer)


def test_doors_are_filtered_by_state(north: Building, manager_client: Client) -> None:
    make_device(north)
    offline = make_device(north, online=False)
    make_device(make_building(), online=False)
    page = manager_client.get("/admin/locks/device/", {"state": "offline"})
    assert list(page.context["cl"].result_list) == [offline]
