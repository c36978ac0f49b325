"""`sync_devices`: the doors follow Seam's list, and keep what people decided."""

import datetime as dt
import io
import json
import math
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from locks import tasks
from locks.models import AuditChain, AuditEvent, Device, Kind, Lease, Role
from locks.services.errors import NotAllowed, ServiceError
from locks.services.inventory import LEASE, sync_devices
from locks.services.places import accept_seam_name, assign_door, dismiss_seam_name
from locks.simulator import CATALOGUE, Simulator
from locks.tests.factories import grant, make_building, make_device, make_superuser, make_user
from locks.views.facts import FRESH
from tools.servers import FakeSeam

pytestmark = pytest.mark.django_db
MARKUP = "<script>alert('x')</script>"
ODD = [
    {"properties": {"name": MARKUP}},
    {"properties": {"name": "Front\x00 do\u202eor\n\ud800"}},
    {"properties": {"name": "x" * 100_000}},
    {"properties": {"name": ["a", "list"]}},
    {"properties": {"name": "  \t "}},
    {"properties": {"online": "yes", "locked": 1, "battery": "full"}},
    {"properties": {"battery": {"level": math.nan, "status": None}}},
    {"properties": {"battery": {"level": 1e400, "status": "x" * 500}}},
    {"properties": {"battery": {"level": True}, "model": "none", "manufacturer": None}},
    {"properties": {"manufacturer": MARKUP, "model": {"display_name": MARKUP}}},
    {"can_remotely_unlock": "true"},
    {"can_remotely_unlock": None},
    {"errors": None, "warnings": "none"},
    {"errors": [None, 3, {"error_code": None}, {"error_code": "\x00", "message": "\ud800"}]},
    {"errors": [{"error_code": MARKUP, "message": MARKUP}], "warnings": [{"message": MARKUP}]},
    {"warnings": [{"warning_code": "w", "message": "x" * 50_000}] * 200},
    {"workspace_id": 7, "device_type": None, "space_ids": None},
]


def test_the_list_is_read_often_enough_that_no_card_has_to_date_what_it_shows(
    settings: Settings,
) -> None:
    assert 2 * settings.CELERY_BEAT_SCHEDULE["sync-devices"]["schedule"] <= FRESH


def lock(device_id: str, **fields: Any) -> dict[str, Any]:
    """A sound lock, as Seam lists it, with some fields changed."""
    properties = {"name": f"Name of {device_id}", "online": True, "locked": True}
    properties |= fields.pop("properties", {})
    return {
        "device_id": device_id,
        "device_type": "august_lock",
        "can_remotely_unlock": True,
        "properties": properties,
        "errors": [],
        "warnings": [],
        **fields,
    }


class Seam:
    """A Seam that lists what a test tells it to: `pages` of entries, or an `answer` instead."""

    def __init__(self) -> None:
        self.pages: list[Any] = [[]]
        self.workspace: Any = {"workspace_id": "ours", "name": "Our workspace"}
        self.answers: dict[str, tuple[int, bytes]] = {}  # by path, or by path and page

    def list(self, *entries: Any) -> None:
        self.pages = [list(entries)]

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, bytes]:
        number = int(body.get("page_cursor") or 0)
        for known in (path, f"{path} {number}"):
            if known in self.answers:
                return self.answers[known]
        if path == "/workspaces/get":
            return 200, json.dumps({"workspace": self.workspace, "ok": True}).encode()
        more = number + 1 < len(self.pages)
        cursor = str(number + 1) if more else None
        found = {
            "locks": self.pages[number],
            "pagination": {"has_next_page": more, "next_page_cursor": cursor},
            "ok": True,
        }
        return 200, json.dumps(found).encode()


@pytest.fixture
def seam(settings: Settings) -> Iterator[Seam]:
    told = Seam()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            status, body = told.answer(self.path, json.loads(self.rfile.read(length) or b"{}"))
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.send_header("seam-request-id", "request-1")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    settings.SEAM_ENDPOINT = f"http://127.0.0.1:{server.server_address[1]}"
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


def command(*options: str) -> str:
    """What `manage.py sync_devices` prints."""
    said = io.StringIO()
    call_command("sync_devices", *options, stdout=said)
    return said.getvalue()


def kinds(*, of: Device | None = None) -> list[str]:
    """Kinds of the events so far, oldest first, without the summaries."""
    events = AuditEvent.objects.exclude(kind=Kind.SYNCED).order_by("at", "id")
    return [event.kind for event in (events.filter(device=of) if of else events)]


def test_it_adds_new_doors_private_and_in_no_building(simulator: Simulator) -> None:
    report = sync_devices()
    assert report.added == report.listed == len(CATALOGUE)
    assert Device.objects.count() == len(CATALOGUE)
    assert not Device.objects.exclude(building=None, access=Device.Access.PRIVATE).exists()
    door = Device.objects.get(seam_device_id="harbour-main-entrance")
    assert (door.label, door.seam_name, door.offers_new_name) == (
        "Main entrance",
        "Main entrance",
        False,
    )
    assert door.can_remotely_unlock
    assert door.online
    assert door.synced_at is not None
    offline = Device.objects.get(seam_device_id="harbour-luggage-room")
    assert (offline.online, offline.can_remotely_unlock, offline.locked) == (False, False, None)
    assert offline.errors == [
        {"code": "device_disconnected", "message": "The device is disconnected."}
    ]
    assert set(kinds()) == {Kind.DOOR_ADDED}
    assert len(kinds()) == len(CATALOGUE)


def test_it_reads_every_page_and_leaves_out_what_is_no_lock(seam: Seam) -> None:
    thermostat = {"device_id": "warm", "device_type": "ecobee_thermostat", "properties": {}}
    seam.pages = [[lock("a"), thermostat], [lock("b")], [lock("c"), lock("a")]]
    assert sync_devices().added == 3
    assert set(Device.objects.values_list("seam_device_id", flat=True)) == {"a", "b", "c"}


def test_it_changes_nothing_the_second_time_but_when_seam_was_asked(seam: Seam) -> None:
    seam.list(lock("a", properties={"battery": {"level": 0.3, "status": "good"}}), lock("b"))
    sync_devices()
    Device.objects.update(synced_at=None)
    before = list(Device.objects.order_by("pk").values())
    report = sync_devices()
    assert (report.unchanged, report.added + report.updated + report.gone) == (2, 0)
    after = list(Device.objects.order_by("pk").values())
    assert all(row.pop("synced_at") is not None for row in after)
    assert all(row.pop("online_seen_at") is not None for row in after)
    times = {"synced_at", "online_seen_at"}
    assert after == [{k: v for k, v in row.items() if k not in times} for row in before]


def test_it_notes_each_time_that_a_lock_was_seen_online(seam: Seam) -> None:
    for _reading in range(2):
        seam.list(lock("a"), lock("b", properties={"online": False}))
        command()
    door, other = Device.objects.order_by("seam_device_id")
    assert door.online_seen_at == door.synced_at  # of the reading that changed nothing, too
    assert other.online_seen_at is None
    seam.list(lock("a", properties={"online": False}), lock("b", properties={"online": False}))
    command()
    seen = door.online_seen_at
    door.refresh_from_db()
    assert seen is not None
    assert (door.online, door.online_seen_at) == (False, seen)
    assert door.synced_at is not None
    assert door.synced_at > seen


def test_it_keeps_the_label_and_brings_health_up_to_date(seam: Seam) -> None:
    building = make_building()
    seam.list(lock("a"))
    sync_devices()
    door = Device.objects.get()
    assign_door(actor=make_superuser(), device=door, building=building)
    Device.objects.update(label="Guests' entrance", access=Device.Access.COMMON)
    changes, events = AuditChain.objects.get(building=building).changes, kinds()
    problem = {"error_code": "hub_disconnected", "message": "The hub is offline."}
    seam.list(
        lock(
            "a",
            can_remotely_unlock=False,
            errors=[problem],
            properties={
                "online": False,
                "locked": None,
                "battery": {"level": 0.04, "status": "critical"},
            },
        )
    )
    assert sync_devices().updated == 1
    door.refresh_from_db()
    assert (door.label, door.access, door.building) == ("Guests' entrance", "common", building)
    assert (door.online, door.locked, door.can_remotely_unlock) == (False, None, False)
    assert (door.battery_level, door.battery_status) == (0.04, "critical")
    assert door.errors == [{"code": "hub_disconnected", "message": "The hub is offline."}]
    # Open consoles hear of it, although it is no event.
    assert AuditChain.objects.get(building=building).changes == changes + 1
    assert kinds() == events


def test_it_offers_a_new_name_until_a_manager_decides(seam: Seam) -> None:
    admin, building = make_superuser(), make_building()
    seam.list(lock("a", properties={"name": "Front"}))
    sync_devices()
    door = assign_door(actor=admin, device=Device.objects.get(), building=building)

    seam.list(lock("a", properties={"name": "Front door"}))
    assert sync_devices().renamed == 1
    door.refresh_from_db()
    assert (door.label, door.seam_name, door.offers_new_name) == ("Front", "Front door", True)
    event = AuditEvent.objects.get(kind=Kind.DOOR_RENAMED_AT_SEAM)
    assert event.chain.building == building
    assert event.detail.content["old_name"] == "Front"
    assert event.detail.content["new_name"] == "Front door"
    assert sync_devices().renamed == 0

    dismiss_seam_name(actor=admin, device=door)
    sync_devices()
    door.refresh_from_db()
    assert not door.offers_new_name

    seam.list(lock("a", properties={"name": "Entrance"}))
    sync_devices()
    accept_seam_name(actor=admin, device=door)
    door.refresh_from_db()
    assert (door.label, door.offers_new_name) == ("Entrance", False)


def test_it_keeps_the_name_when_seam_gives_none(seam: Seam) -> None:
    seam.list(lock("a"))
    sync_devices()
    seam.list(lock("a", properties={"name": None}))
    assert sync_devices().renamed == 0
    assert Device.objects.get().seam_name == "Name of a"


def test_it_marks_doors_gone_and_back_and_deletes_none(seam: Seam) -> None:
    building = make_building()
    seam.list(lock("a"), lock("b"))
    sync_devices()
    door = assign_door(
        actor=make_superuser(),
        device=Device.objects.get(seam_device_id="a"),
        building=building,
    )
    assert door in Device.objects.on_the_desk()

    seam.list(lock("b"))
    assert sync_devices().gone == 1
    assert sync_devices().gone == 0
    assert Device.objects.count() == 2
    assert door not in Device.objects.on_the_desk()

    seam.list(lock("a"), lock("b"))
    assert sync_devices().back == 1
    assert door in Device.objects.on_the_desk()
    assert kinds(of=door)[-2:] == [Kind.DOOR_GONE, Kind.DOOR_BACK]
    assert building.chain.events.filter(kind__in=[Kind.DOOR_GONE, Kind.DOOR_BACK]).count() == 2


@pytest.mark.parametrize(
    "page",
    [
        (500, b""),
        (502, b"<html>Bad gateway</html>"),
        (200, b"{}"),
        (200, b'{"locks": null}'),
        (200, b'{"locks": [{"device_id": "a"'),
    ],
    ids=["empty 500", "HTML 502", "no list", "null for a list", "cut off"],
)
def test_it_changes_nothing_when_a_page_of_the_list_fails(
    seam: Seam, page: tuple[int, bytes]
) -> None:
    seam.list(lock("a"), lock("b"))
    sync_devices()
    before = list(Device.objects.order_by("pk").values())
    seam.pages = [[lock("c")], [lock("a")]]
    seam.answers["/locks/list 1"] = page
    with pytest.raises(ServiceError, match="Nothing was changed"):
        sync_devices()
    assert list(Device.objects.order_by("pk").values()) == before


def test_it_takes_no_door_for_gone_while_an_entry_cannot_be_read(seam: Seam) -> None:
    seam.list(lock("a"), lock("b"))
    sync_devices()
    for odd in (lock(""), {**lock("b"), "device_id": None}, "b", None, 7):
        seam.list(lock("c"), odd)
        report = sync_devices()
        assert (report.unreadable, report.gone) == (1, 0)
    seam.list(None)
    assert sync_devices(allow_empty=True).gone == 0
    assert Device.objects.filter(gone_at=None).count() == 3
    assert "could not be read" in command()


def test_it_refuses_an_empty_list_unless_told(seam: Seam) -> None:
    assert sync_devices().listed == 0  # nothing is known yet: nothing to lose
    seam.list(lock("a"), lock("b"))
    sync_devices()
    seam.list()
    with pytest.raises(CommandError, match="2 doors are known") as refusal:
        command()
    assert refusal.value.returncode == 1
    assert not Device.objects.exclude(gone_at=None).exists()
    command("--allow-empty")
    assert not Device.objects.filter(gone_at=None).exists()


def test_it_refuses_the_key_of_another_workspace_unless_told(seam: Seam) -> None:
    seam.list(lock("a"))
    sync_devices()
    seam.workspace = {"workspace_id": "theirs", "name": "Their workspace", "is_sandbox": True}
    seam.list(lock("b"))
    with pytest.raises(CommandError, match="Their workspace") as refusal:
        command()
    assert refusal.value.returncode == 1
    assert list(Device.objects.values_list("seam_device_id", flat=True)) == ["a"]

    assert "a sandbox: no real door moves" in command("--allow-other-workspace")
    assert Device.objects.get(seam_device_id="a").gone_at is not None
    assert Device.objects.get(seam_device_id="b").workspace_id == "theirs"
    command()  # theirs is ours now
    seam.workspace = {"workspace_id": "ours", "name": "Our workspace"}
    with pytest.raises(CommandError, match="Our workspace"):
        command()


def test_it_survives_odd_values_and_escapes_them_on_every_page(seam: Seam, client: Client) -> None:
    building, admin, clerk = make_building(), make_superuser(), make_user()
    grant(clerk, building, Role.FRONT_DESK)
    seam.list(*(lock(f"odd-{number}", **odd) for number, odd in enumerate(ODD)))
    assert sync_devices().added == len(ODD)
    assert sync_devices().unchanged == len(ODD)  # what is stored is what was told
    for number, odd in enumerate(ODD):
        door = Device.objects.get(seam_device_id=f"odd-{number}")
        assert 0 < len(door.label) <= 120, odd
        assert not {"\x00", "\n", "\u202e", "\ud800"} & set(door.label), odd
        assert door.battery_level is None or 0 <= door.battery_level <= 1, odd
        assert door.can_remotely_unlock is (odd.get("can_remotely_unlock", True) is True), odd
        assign_door(actor=admin, device=door, building=building)
    for person, path in (
        (clerk, "/"),
        (admin, "/admin/locks/device/"),
        (admin, f"/admin/locks/device/{Device.objects.earliest('pk').pk}/change/"),
        (admin, "/admin/locks/auditevent/"),
    ):
        client.force_login(person)
        answer = client.get(path)
        assert answer.status_code == 200
        assert MARKUP not in answer.content.decode(), path


def test_it_runs_once_at_a_time(seam: Seam) -> None:
    seam.list(lock("a"))
    lease = Lease.objects.create(
        name=LEASE, holder="another", until=timezone.now() + dt.timedelta(minutes=1)
    )
    with pytest.raises(ServiceError, match="already"):
        sync_devices()
    assert not Device.objects.exists()
    Lease.objects.update(until=timezone.now() - dt.timedelta(seconds=1))  # it died
    assert sync_devices().added == 1
    lease.refresh_from_db()
    assert lease.holder == ""


def test_it_lets_go_when_seam_fails(seam: Seam) -> None:
    seam.answers["/workspaces/get"] = (200, b"null")
    with pytest.raises(ServiceError):
        sync_devices()
    seam.answers.clear()
    sync_devices()


def test_it_says_in_one_sentence_why_seam_could_not_be_read(seam: Seam, settings: Settings) -> None:
    refused = {"error": {"type": "unauthorized", "message": MARKUP, "request_id": "r"}, "ok": False}
    seam.answers["/workspaces/get"] = (401, json.dumps(refused).encode())
    with pytest.raises(CommandError, match="Seam refused our API key") as refusal:
        command()
    assert refusal.value.returncode == 1
    assert "\n" not in str(refusal.value)
    assert "request-1" in str(refusal.value)
    assert settings.SEAM_API_KEY not in str(refusal.value)
    settings.SEAM_ENDPOINT = "http://127.0.0.1:9"  # nobody listens
    with pytest.raises(CommandError, match="could not be reached"):
        command()


def test_a_manager_cannot_start_it_and_a_superuser_is_named_in_the_record(seam: Seam) -> None:
    manager, building = make_user(), make_building()
    grant(manager, building, Role.MANAGER)
    seam.list(lock("a"))
    with pytest.raises(NotAllowed):
        sync_devices(actor=manager)
    assert not Device.objects.exists()
    admin = make_superuser()
    sync_devices(actor=admin)
    assert {event.actor for event in AuditEvent.objects.all()} == {admin}


def test_it_puts_one_summary_on_the_record_of_the_organisation(seam: Seam) -> None:
    seam.list(lock("a"), lock("b"))
    sync_devices()
    event = AuditEvent.objects.get(kind=Kind.SYNCED)
    assert event.chain.building is None
    assert event.detail.content["added"] == 2
    assert event.detail.content["workspace_id"] == "ours"


def test_by_schedule_only_what_is_new_is_put_on_the_record(seam: Seam) -> None:
    seam.list(lock("a"))
    for found in (1, 1):
        sync_devices(by_schedule=True)
        assert AuditEvent.objects.filter(kind=Kind.SYNCED).count() == found
    seam.list(lock("a"), lock("b"))
    sync_devices(by_schedule=True)
    assert AuditEvent.objects.filter(kind=Kind.SYNCED).count() == 2


def test_it_prints_counts_for_people_and_json_for_scripts(seam: Seam) -> None:
    seam.list(lock("a"), lock("b"))
    assert "2 locks listed: 2 added" in command()
    found = json.loads(command("--json"))
    assert (found["listed"], found["unchanged"], found["gone"]) == (2, 2, 0)


def test_it_does_not_touch_doors_that_the_list_does_not_change(simulator: Simulator) -> None:
    building = make_building()
    door = make_device(building, seam_device_id="harbour-main-entrance", label="Ours")
    sync_devices()
    door.refresh_from_db()
    assert (door.building, door.label, door.access) == (building, "Ours", "common")
    assert door.seam_name == "Main entrance"


def test_it_sees_a_simulated_door_renamed_and_another_removed(settings: Settings) -> None:
    front, back = CATALOGUE[0], CATALOGUE[1]
    with Simulator(api_key=settings.SIMULATED_KEY, doors=[front, back]) as simulator:
        settings.SEAM_ENDPOINT = simulator.endpoint
        sync_devices()
    renamed = replace(front, name="Another")
    with Simulator(api_key=settings.SIMULATED_KEY, doors=[renamed]) as simulator:
        settings.SEAM_ENDPOINT = simulator.endpoint
        report = sync_devices()
    assert (report.renamed, report.gone) == (1, 1)


def test_it_reads_the_locks_of_seams_own_fake(fake_seam: FakeSeam, settings: Settings) -> None:
    settings.SEAM_ENDPOINT, settings.SEAM_API_KEY = fake_seam.endpoint, fake_seam.api_key
    report = sync_devices()
    assert (report.added, report.unreadable) == (3, 0)
    ids = set(Device.objects.values_list("seam_device_id", flat=True))
    assert ids == {"august_device_1", "august_device_2", "schlage_device_id"}
    assert sync_devices().unchanged == 3


def test_a_sandbox_workspace_is_marked_on_every_page(db, settings) -> None:
    from django.test import Client

    from locks.models import Workspace

    settings.SEAM_SIMULATED = False
    assert "SANDBOX" not in Client().get("/accounts/login/").content.decode()
    Workspace.objects.create(workspace_id="w1", name="Trial", is_sandbox=True)
    assert "SANDBOX" in Client().get("/accounts/login/").content.decode()


def test_the_hourly_task_reads_the_doors_and_logs_why_it_could_not(
    seam: Seam, caplog: pytest.LogCaptureFixture
) -> None:
    seam.list(lock("a", properties={"online": False}))
    tasks.sync_devices()
    assert Device.objects.get().online is False
    seam.answers["/workspaces/get"] = (503, b"")
    tasks.sync_devices()
    assert "The doors were not read from Seam: Seam gave no usable answer" in caplog.text
