"""How the client reads the list of locks, whatever is in it."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locks.seam import Lock, SeamUnreadable
from locks.tests.servers import Connect, RecordingServer, Reply, clients, replies


@pytest.fixture
def connect() -> Iterator[Connect]:
    with clients() as connect:
        yield connect


def device(device_id: str = "door-1", **values: Any) -> dict[str, Any]:
    known = {"device_id": device_id, "device_type": "august_lock", "can_remotely_unlock": True}
    return known | values


def page(*devices: Any, cursor: str | None = None, key: str = "locks") -> Reply:
    pagination = {"has_next_page": cursor is not None, "next_page_cursor": cursor}
    return replies(200, {key: list(devices), "pagination": pagination})


def only_lock(connect: Connect, entry: Any) -> Lock:
    with RecordingServer(page(entry)) as server:
        (lock,) = connect(server).iter_locks()
    return lock


def test_it_reads_the_locks_page_by_page(connect: Connect) -> None:
    answers = (page(device("a"), cursor="next 1"), page(device("b"), cursor="next 2"), page())
    with RecordingServer(*answers) as server:
        found = [lock.device_id for lock in connect(server).iter_locks()]
        asked = [request.json() for request in server.requests]
    assert found == ["a", "b"]
    assert asked == [{}, {"page_cursor": "next 1"}, {"page_cursor": "next 2"}]


def test_it_reads_older_lists_without_pages(connect: Connect) -> None:
    with RecordingServer(replies(200, {"devices": [device("a")]})) as server:
        assert [lock.device_id for lock in connect(server).iter_locks()] == ["a"]


def test_it_refuses_pages_that_turn_in_a_circle(connect: Connect) -> None:
    with RecordingServer(page(device(), cursor="same")) as server:
        with pytest.raises(SeamUnreadable):
            list(connect(server).iter_locks())
        assert len(server.requests) == 2


@pytest.mark.parametrize("cursor", [None, "", 7, "x" * 10_000])
def test_it_does_not_take_a_cut_off_list_for_a_whole_one(connect: Connect, cursor: Any) -> None:
    answer = {
        "locks": [device()],
        "pagination": {"has_next_page": True, "next_page_cursor": cursor},
    }
    with RecordingServer(replies(200, answer)) as server, pytest.raises(SeamUnreadable):
        list(connect(server).iter_locks())


@pytest.mark.parametrize("answer", [{}, {"locks": None}, {"locks": {}, "devices": "x"}])
def test_it_does_not_take_a_missing_list_for_no_locks(connect: Connect, answer: Any) -> None:
    with RecordingServer(replies(200, answer)) as server, pytest.raises(SeamUnreadable):
        list(connect(server).iter_locks())


def test_it_leaves_out_what_is_no_lock_and_counts_what_it_cannot_read(connect: Connect) -> None:
    entries = [
        device("a"),
        {"device_id": "t", "device_type": "ecobee_thermostat"},
        {"device_id": "n", "capabilities_supported": ["noise_detection"]},
        {"device_id": "new", "device_type": "four_suites_door"},
        {"device_id": "old", "capabilities_supported": ["lock", "access_code"]},
        None,
        "door",
        device(7),  # type: ignore[arg-type]
        device("x" * 201),
    ]
    with RecordingServer(page(*entries)) as server:
        (found,) = connect(server).iter_lock_pages()
    assert [lock.device_id for lock in found.locks] == ["a", "new", "old"]
    assert found.unreadable == 4


def test_it_reads_all_that_a_clerk_sees_of_a_lock(connect: Connect) -> None:
    entry = device(
        workspace_id="w-1",
        display_name="Main entrance",
        device_manufacturer={"display_name": "August"},
        errors=[{"error_code": "device_removed", "message": "Gone."}],
        warnings=[{"warning_code": "privacy_mode", "message": "Do not disturb."}],
        properties={
            "name": "FRONT DOOR",
            "online": True,
            "locked": False,
            "battery": {"level": 0.25, "status": "low"},
            "model": {"display_name": "Smart Lock Pro"},
        },
    )
    lock = only_lock(connect, entry)
    assert (lock.name, lock.workspace_id) == ("Main entrance", "w-1")
    assert (lock.online, lock.locked, lock.can_remotely_unlock) == (True, False, True)
    assert (lock.battery_level, lock.battery_status) == (0.25, "low")
    assert (lock.manufacturer, lock.model) == ("August", "Smart Lock Pro")
    assert [(p.code, p.message) for p in lock.errors] == [("device_removed", "Gone.")]
    assert [(p.code, p.message) for p in lock.warnings] == [("privacy_mode", "Do not disturb.")]
    assert lock.is_removed


@pytest.mark.parametrize("told", [False, None, "true", 1, [], {}])
def test_it_offers_remote_unlock_for_the_json_true_only(connect: Connect, told: Any) -> None:
    assert only_lock(connect, device(can_remotely_unlock=told)).can_remotely_unlock is False
    assert only_lock(connect, device(can_remotely_lock=told)).can_remotely_lock is False


@pytest.mark.parametrize("level", [-0.1, 1.1, "0.5", True, None, [], 10**400, math.nan, math.inf])
def test_it_shows_no_battery_level_that_makes_no_sense(connect: Connect, level: Any) -> None:
    lock = only_lock(connect, device(properties={"battery": {"level": level, "status": "odd"}}))
    assert (lock.battery_level, lock.battery_status) == (None, "")


def test_it_takes_odd_values_without_breaking(connect: Connect) -> None:
    lock = only_lock(connect, device(display_name=17, properties=[], errors=[None], warnings="x"))
    assert (lock.name, lock.online, lock.model) == ("17", None, "")
    assert len(lock.errors) == 1
    assert lock.warnings == ()


def test_it_cleans_and_bounds_names(connect: Connect) -> None:
    lock = only_lock(connect, device(display_name="A\x00\u202eB\r\nC\ud83d" + "x" * 5000))
    assert lock.name.startswith("AB Cxxx")
    assert len(lock.name) == 200
    lock.name.encode()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4)
    ),
    max_leaves=8,
)
FIELDS = ["display_name", "properties", "errors", "warnings", "can_remotely_unlock", "device_type"]


@settings(max_examples=100, deadline=None)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, JSON)))
def test_it_reads_whatever_a_lock_says_of_itself(values: dict[str, Any]) -> None:
    lock = Lock.from_json(device() | values)
    assert lock is not None
    problems = (*lock.errors, *lock.warnings)
    texts = [lock.name, lock.model, *(p.code + p.message for p in problems)]
    assert all("\0" not in text and text.encode() is not None for text in texts)
    assert len(lock.name) <= 200
