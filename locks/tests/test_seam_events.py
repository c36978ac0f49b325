"""What Seam tells of a door by itself: its state, its record and the desk log, in any order."""

import datetime as dt
import itertools
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from locks.models import AuditEvent, Building, Device, Kind, Noise, SeamEvent, UnlockRequest, User
from locks.seam import Lock
from locks.services import events, sweeping
from locks.services.mirroring import save_lock
from locks.tests.conftest import signed_in
from locks.tests.deliveries import tell
from locks.tests.factories import grant, make_device
from locks.tests.history import past_unlock

pytestmark = pytest.mark.django_db(transaction=True)
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def door(north: Building) -> Device:
    return make_device(north, label="Main entrance")


@pytest.fixture
def private(north: Building) -> Device:
    return make_device(north, label="Room 101", access=Device.Access.PRIVATE)


def ago(minutes: float) -> dt.datetime:
    return timezone.now() - minutes * MINUTE


def log_of(person: User) -> str:
    """What a person reads in the desk logs."""
    page = signed_in(person).get("/").content.decode()
    return "".join(part.split("</ol>")[0] for part in page.split('class="log-rows"')[1:])


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"method": "keycode"}, "Unlocked by code"),
        ({"method": "manual"}, "Unlocked by hand"),
        ({"method": "automatic"}, "Unlocked by itself"),
        ({"method": "remote"}, "Unlocked remotely, not from here"),
        ({"method": "keycode", "action_attempt_id": "x"}, "Unlocked remotely, not from here"),
        ({"method": "telepathy"}, "Unlocked at the door"),
        ({}, "Unlocked at the door"),
    ],
)
def test_who_works_the_desk_reads_how_a_door_was_unlocked(
    door: Device, clerk: User, outsider: User, told: dict[str, Any], words: str
) -> None:
    assert tell("lock.unlocked", door, **told)
    assert words in log_of(clerk)
    assert words not in log_of(outsider)
    event = AuditEvent.objects.get(kind=Kind.LOCK_UNLOCKED)
    assert (event.chain.building, event.device, event.actor) == (door.building, door, None)
    assert event.detail.content.get("foreign", False) is ("remotely" in words)


def test_private_doors_are_told_of_to_managers_only(
    private: Device, clerk: User, viewer: User, manager: User
) -> None:
    tell("lock.unlocked", private, method="keycode")
    assert "Unlocked by code" in log_of(manager)
    assert "Unlocked by code" not in log_of(clerk)
    assert "Unlocked by code" not in log_of(viewer)


def test_the_card_of_a_private_door_does_not_tell_clerks_when(private: Device, clerk: User) -> None:
    at = ago(90)
    tell("lock.unlocked", private, method="keycode", at=at)
    page = signed_in(clerk).get("/").content.decode()
    assert "Unlocked, not seen to lock" in page
    assert f"{timezone.localtime(at, private.building.zone):%H:%M}" not in page  # type: ignore[union-attr]


def test_the_card_of_a_private_door_tells_when_the_desks_own_press_unlocked_it(
    private: Device, clerk: User
) -> None:
    at = ago(90)
    past_unlock(private, clerk, action_attempt_id="attempt-1")
    tell("lock.unlocked", private, method="remote", action_attempt_id="attempt-1", at=at)
    since = f"{timezone.localtime(at, private.building.zone):%H:%M}"  # type: ignore[union-attr]
    page = re.sub(r"<[^>]+>", " ", signed_in(clerk).get("/").content.decode())
    assert re.search(rf"Unlocked since (\w+ )?{since}, not seen to lock", page)
    sheet = signed_in(clerk).get(f"/hand-over/{private.building_id}/").content.decode()
    assert re.search(rf"Unlocked since (\w+ )?{since}, not seen to lock", sheet)


@pytest.mark.parametrize("what", ["by code", "a day ago", "in another building"])
def test_the_card_of_a_private_door_tells_no_other_time(
    private: Device, south: Building, clerk: User, what: str
) -> None:
    at = ago(25 * 60) if what == "a day ago" else ago(90)
    attempt = "" if what == "by code" else "attempt-1"
    past_unlock(private, clerk, action_attempt_id="attempt-1")
    tell("lock.unlocked", private, method="remote", action_attempt_id=attempt, at=at)
    if what == "in another building":
        grant(clerk, south)
        Device.objects.update(building=south)
    page = signed_in(clerk).get("/").content.decode()
    assert "Unlocked, not seen to lock" in page
    assert "Unlocked since" not in page


def test_the_log_reaches_back_twelve_hours(door: Device, clerk: User) -> None:
    tell("lock.unlocked", door, method="keycode", at=ago(13 * 60))
    assert "Unlocked by code" not in log_of(clerk)


def test_an_unlock_of_ours_is_told_once(door: Device, clerk: User) -> None:
    past_unlock(door, clerk, action_attempt_id="attempt-1", confirmed_by_device=True)
    tell("lock.unlocked", door, method="remote", action_attempt_id="attempt-1")
    assert "Unlocked remotely" not in log_of(clerk)
    assert not AuditEvent.objects.filter(kind=Kind.LOCK_UNLOCKED).exists()
    door.refresh_from_db()
    assert door.locked is False


def sending(door: Device, clerk: User, **fields: Any) -> UnlockRequest:
    """A press whose answer has not come."""
    request = past_unlock(door, clerk, status="sending")  # type: ignore[arg-type]
    later = timezone.now() + MINUTE
    UnlockRequest.objects.filter(pk=request.pk).update(call_deadline=later, **fields)
    return request


def ended(request: UnlockRequest, **fields: Any) -> None:
    UnlockRequest.objects.filter(pk=request.pk).update(ended_at=timezone.now(), **fields)
    events.record_waiting()


def test_an_unlock_while_a_press_is_being_sent_is_called_nobodys_until_that_has_ended(
    door: Device, clerk: User
) -> None:
    request = sending(door, clerk)
    tell("lock.unlocked", door, method="remote", action_attempt_id="attempt-1")
    assert "Unlocked remotely" not in log_of(clerk)
    sweeping.sweep(for_seconds=0.1)
    assert not AuditEvent.objects.filter(kind=Kind.LOCK_UNLOCKED).exists()
    ended(request, status="unlocked", action_attempt_id="attempt-1")
    assert "Unlocked remotely" not in log_of(clerk)
    assert not AuditEvent.objects.filter(kind=Kind.LOCK_UNLOCKED).exists()


def test_it_is_called_foreign_once_the_press_turns_out_to_be_another(
    door: Device, clerk: User
) -> None:
    request = sending(door, clerk)
    tell("lock.unlocked", door, method="remote", action_attempt_id="attempt-1")
    ended(request, status="unlocked", action_attempt_id="attempt-2")
    assert "Unlocked remotely" in log_of(clerk)
    assert AuditEvent.objects.get(kind=Kind.LOCK_UNLOCKED).detail.content["foreign"]


def test_a_code_at_the_door_is_no_press_of_ours(door: Device, clerk: User) -> None:
    sending(door, clerk)
    tell("lock.unlocked", door, method="keycode")
    assert "Unlocked by code" in log_of(clerk)


def test_any_order_ends_in_the_same_state(north: Building) -> None:
    told = [
        ("lock.unlocked", ago(5)),
        ("lock.locked", ago(4)),
        ("lock.unlocked", ago(3)),
        ("lock.unlocked", ago(2)),
    ]
    ends = set()
    for order in itertools.permutations(told):
        door = make_device(north)
        for event_type, at in order:
            tell(event_type, door, at=at)
        door.refresh_from_db()
        ends.add((door.locked, door.lock_told_at))
        assert door.unlocked_since == told[2][1], [round((at - ago(0)) / MINUTE) for _, at in order]
        assert AuditEvent.objects.filter(device=door).count() == len(told)
    assert ends == {(False, told[-1][1])}


def test_a_sync_that_found_it_locked_is_not_forgotten_by_an_unlock_that_comes_late(
    door: Device,
) -> None:
    tell("lock.unlocked", door, method="keycode", at=ago(9))
    lock = Lock(device_id=door.seam_device_id, name="", locked=True, can_remotely_unlock=True)
    save_lock(lock, workspace_id="", read_at=ago(5))
    latest = ago(2)
    tell("lock.unlocked", door, method="keycode", at=latest)
    tell("lock.unlocked", door, method="keycode", at=ago(8))  # late
    door.refresh_from_db()
    assert door.unlocked_since == latest


@pytest.mark.parametrize("read_first", [True, False])
def test_what_seams_list_said_since_outlives_an_event_that_comes_late(
    door: Device, clerk: User, read_first: bool
) -> None:
    """In either order, all that happened is on the record, and the list's word on the screen."""
    told = [
        ("device.disconnected", ago(9), {}),
        ("device.connected", ago(8), {}),
        ("device.low_battery", ago(7), {"battery_level": 0.1, "battery_status": "low"}),
        ("lock.locked", ago(6), {}),
        ("lock.unlocked", ago(5), {"method": "keycode"}),
        ("device.removed", ago(4), {}),
    ]
    lock = Lock(
        device_id=door.seam_device_id,
        name="",
        online=True,
        locked=True,
        can_remotely_unlock=True,
        battery_level=0.9,
        battery_status="full",
    )
    if read_first:
        save_lock(lock, workspace_id="", read_at=ago(2))
    for event_type, at, words in told:
        tell(event_type, door, at=at, **words)
    if not read_first:
        save_lock(lock, workspace_id="", read_at=ago(2))
    door.refresh_from_db()
    assert (door.locked, door.unlocked_since, door.gone_at) == (True, None, None)
    assert (door.online, door.battery_status, door.battery_level) == (True, "full", 0.9)
    kinds = set(AuditEvent.objects.filter(device=door).values_list("kind", flat=True))
    moves = {Kind.LOCK_OFFLINE, Kind.LOCK_ONLINE, Kind.LOCK_BATTERY}
    assert moves | {Kind.LOCK_UNLOCKED, Kind.LOCK_LOCKED} <= kinds
    page = signed_in(clerk).get("/").content.decode()
    assert "not seen to lock" not in page
    assert "data-press" in page


def test_an_unlock_that_the_list_could_not_know_yet_counts(door: Device) -> None:
    """A lock that tells its own log late: Seam made the event after the list was read."""
    lock = Lock(device_id=door.seam_device_id, name="", locked=True, can_remotely_unlock=True)
    save_lock(lock, workspace_id="", read_at=ago(5))
    at = ago(7)
    tell("lock.unlocked", door, method="keycode", at=at, created_at=ago(3).isoformat())
    door.refresh_from_db()
    assert (door.locked, door.unlocked_since) == (False, at)


def test_a_lock_that_the_list_found_open_after_it_locked_is_open_since_then_at_the_latest(
    door: Device,
) -> None:
    """It was opened once more, of which nothing told; once something does, that is since when."""
    tell("lock.unlocked", door, method="manual", at=ago(9))
    lock = Lock(device_id=door.seam_device_id, name="", locked=False, can_remotely_unlock=True)
    read, again = ago(2), ago(6)
    save_lock(lock, workspace_id="", read_at=read)
    tell("lock.locked", door, at=ago(8))
    door.refresh_from_db()
    assert (door.locked, door.unlocked_since) == (False, read)
    tell("lock.unlocked", door, method="manual", at=again)
    door.refresh_from_db()
    assert (door.locked, door.unlocked_since) == (False, again)


def test_unlocked_since_lasts_until_the_lock_is_seen_to_lock(door: Device, clerk: User) -> None:
    tell("lock.unlocked", door, method="keycode", at=ago(9))
    tell("lock.unlocked", door, method="keycode", at=ago(7))
    page = signed_in(clerk).get("/").content.decode()
    since = timezone.localtime(ago(9), door.building.zone)  # type: ignore[union-attr]
    assert "not seen to lock" in page
    assert re.search(f"Unlocked since (?:[A-Z][a-z]{{2}} )?{since:%H:}", page)
    tell("lock.locked", door, at=ago(1))
    door.refresh_from_db()
    assert (door.locked, door.unlocked_since) == (True, None)
    assert "not seen to lock" not in signed_in(clerk).get("/").content.decode()


def test_a_sync_that_finds_it_locked_ends_it_and_an_older_one_does_not(door: Device) -> None:
    tell("lock.unlocked", door, method="keycode", at=ago(3))
    lock = Lock(device_id=door.seam_device_id, name="", locked=True, can_remotely_unlock=True)
    save_lock(lock, workspace_id="", read_at=ago(4))
    door.refresh_from_db()
    assert (door.locked, door.unlocked_since is None) == (False, False)
    save_lock(lock, workspace_id="", read_at=ago(2))
    door.refresh_from_db()
    assert (door.locked, door.unlocked_since) == (True, None)


def test_health_follows_events_in_their_order_and_is_recorded_where_it_changes(
    door: Device,
) -> None:
    tell("device.disconnected", door, at=ago(5))
    tell("device.disconnected", door, at=ago(4))
    tell("device.connected", door, at=ago(1))
    tell("device.disconnected", door, at=ago(3))  # late
    door.refresh_from_db()
    assert door.online is True
    kinds = AuditEvent.objects.filter(device=door).order_by("id").values_list("kind", flat=True)
    assert list(kinds) == [Kind.LOCK_OFFLINE, Kind.LOCK_ONLINE]


@pytest.mark.parametrize(
    ("event_type", "told", "level", "status"),
    [
        ("device.low_battery", {"battery_level": 0.1}, 0.1, "low"),
        ("device.low_battery", {}, None, "low"),
        (
            "device.battery_status_changed",
            {"battery_level": 0.04, "battery_status": "critical"},
            0.04,
            "critical",
        ),
        ("device.battery_status_changed", {"battery_level": 7, "battery_status": []}, None, ""),
        ("device.battery_status_changed", {"battery_level": True}, None, ""),
    ],
)
def test_the_battery_is_believed_as_far_as_it_can_be(
    door: Device, event_type: str, told: dict[str, Any], level: float | None, status: str
) -> None:
    tell(event_type, door, **told)
    door.refresh_from_db()
    assert (door.battery_level, door.battery_status) == (level, status)
    recorded = AuditEvent.objects.filter(device=door, kind=Kind.LOCK_BATTERY)
    assert recorded.count() == (1 if status else 0)


def test_a_removed_lock_offers_no_button(door: Device, clerk: User) -> None:
    tell("device.removed", door)
    tell("device.removed", door)
    door.refresh_from_db()
    assert door.gone_at is not None
    assert AuditEvent.objects.filter(kind=Kind.DOOR_GONE).count() == 1


@pytest.mark.parametrize(("first", "then"), [("unlocked", "locked"), ("locked", "unlocked")])
def test_a_lock_whose_clock_is_fast_hides_nothing_that_comes_after_it(
    door: Device, first: str, then: str
) -> None:
    tell(f"lock.{first}", door, at=ago(-4))
    door.refresh_from_db()
    assert (door.locked, door.lock_told_at <= timezone.now()) == (first == "locked", True)
    assert door.unlocked_since is None or door.unlocked_since <= timezone.now()
    tell(f"lock.{then}", door)
    door.refresh_from_db()
    assert door.locked is (then == "locked")


def test_an_attempt_of_another_door_makes_no_move_of_this_one_ours(
    door: Device, clerk: User, south: Building, outsider: User
) -> None:
    made = past_unlock(make_device(south), outsider, action_attempt_id="theirs")
    tell("lock.unlocked", door, action_attempt_id="theirs")
    tell("action_attempt.unlock_door.failed", door, action_attempt_id="theirs")
    made.refresh_from_db()
    assert made.contradicted_at is None
    assert "Unlocked remotely, not from here" in log_of(clerk)
    assert AuditEvent.objects.get(kind=Kind.LOCK_UNLOCKED).device == door


def test_an_event_of_the_future_moves_no_state(door: Device) -> None:
    tell("lock.unlocked", door, method="keycode", at=ago(-60))
    door.refresh_from_db()
    assert (door.locked, door.unlocked_since) == (True, None)


@pytest.mark.parametrize("event_type", ["lock.unlocked", "device.removed", "access_code.set"])
def test_what_is_not_known_is_kept_and_moves_nothing(event_type: str, north: Building) -> None:
    before = AuditEvent.objects.count()
    assert tell(event_type, None, device_id="nobody-knows")
    assert SeamEvent.objects.get().device is None
    assert AuditEvent.objects.count() == before


def test_an_event_of_another_workspace_is_only_counted(door: Device) -> None:
    Device.objects.update(workspace_id="ours")
    tell("lock.unlocked", door, workspace_id="theirs", method="keycode")
    door.refresh_from_db()
    assert door.locked is True
    assert Noise.objects.get().what == "event.of_another_workspace"
    assert not AuditEvent.objects.filter(kind=Kind.LOCK_UNLOCKED).exists()


def test_what_happened_before_a_door_came_here_is_not_for_the_people_here(
    door: Device, south: Building, outsider: User, superuser: User
) -> None:
    from locks.services import places

    tell("lock.unlocked", door, method="keycode")
    places.assign_door(actor=superuser, device=door, building=south)
    Device.objects.update(access=Device.Access.COMMON)
    assert "Unlocked by code" not in log_of(outsider)


@pytest.mark.parametrize("back", [False, True])
def test_what_becomes_known_after_a_move_is_told_where_the_door_was_when_it_happened(
    door: Device, north: Building, south: Building, outsider: User, superuser: User, back: bool
) -> None:
    from locks.services import places

    before = timezone.now()
    places.assign_door(actor=superuser, device=door, building=south)
    between = timezone.now()
    places.assign_door(actor=superuser, device=door, building=north if back else None)
    assert tell("lock.unlocked", door, method="keycode", at=before)
    assert tell("lock.unlocked", door, method="keycode", at=between)
    assert tell("lock.unlocked", door, method="keycode", at=timezone.now())
    told = AuditEvent.objects.filter(kind=Kind.LOCK_UNLOCKED).order_by("at")
    assert [event.chain.building for event in told] == [north, south, north if back else None]
    assert log_of(outsider).count("Unlocked by code") == 0  # theirs, while it was private


def test_what_happened_before_a_door_was_anybodys_is_nobodys(
    north: Building, superuser: User, clerk: User
) -> None:
    from locks.services import places

    door = make_device(None)
    before = timezone.now()
    places.assign_door(actor=superuser, device=door, building=north)
    Device.objects.update(access=Device.Access.COMMON)
    tell("lock.unlocked", door, method="keycode", at=before)
    assert AuditEvent.objects.get(kind=Kind.LOCK_UNLOCKED).chain.building is None
    assert "Unlocked by code" not in log_of(clerk)


def test_an_unlock_that_waited_for_a_press_is_told_where_the_door_was(
    door: Device, north: Building, south: Building, clerk: User, superuser: User
) -> None:
    from locks.services import places

    request = sending(door, clerk)
    tell("lock.unlocked", door, method="remote", action_attempt_id="attempt-1")
    UnlockRequest.objects.update(
        status="unlocked", action_attempt_id="attempt-2", ended_at=timezone.now()
    )
    places.assign_door(actor=superuser, device=door, building=south)
    ended(request)
    assert AuditEvent.objects.get(kind=Kind.LOCK_UNLOCKED).chain.building == north


def test_old_events_are_forgotten_and_the_record_keeps_them(door: Device) -> None:
    tell("lock.unlocked", door, method="keycode")
    SeamEvent.objects.update(received_at=timezone.now() - dt.timedelta(days=32))
    events.prune()
    assert not SeamEvent.objects.exists()
    assert AuditEvent.objects.filter(kind=Kind.LOCK_UNLOCKED).exists()


def test_managers_find_it_in_the_record(door: Device, manager_client: Client) -> None:
    tell("lock.unlocked", door, method="keycode")
    page = manager_client.get(f"/admin/locks/auditevent/?kind={Kind.LOCK_UNLOCKED.value}")
    assert "unlocked at the door or by code" in page.content.decode()
