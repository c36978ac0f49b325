"""The simulated doors: what each behaviour does to the attempt, the bolt and the events."""

import pytest
import requests

from locks.simulator import BEHAVIOURS, CATALOGUE, DoorSpec, Simulator

KEY = "seam_simulated_key"
LONG_AGO = "2020-01-01T00:00:00Z"


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now

    def passes(self, seconds):
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def seam(clock):
    """One door for each behaviour, called after it."""
    doors = [DoorSpec(name, name, "House", "Hall", True, name) for name in BEHAVIOURS]
    with Simulator(api_key=KEY, doors=doors, clock=clock) as simulator:
        yield simulator


@pytest.fixture
def ask(seam):
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {KEY}"

        def send(path, **body):
            return session.post(seam.endpoint + path, json=body, timeout=5)

        yield send


@pytest.fixture
def unlock(ask):
    def send(device_id):
        """Unlock; the id of the attempt, which must be pending at first."""
        attempt = ask("/locks/unlock_door", device_id=device_id).json()["action_attempt"]
        assert attempt["status"] == "pending"
        return attempt["action_attempt_id"]

    return send


@pytest.fixture
def look(ask):
    def send(attempt_id):
        body = ask("/action_attempts/get", action_attempt_id=attempt_id).json()
        return body["action_attempt"]

    return send


@pytest.fixture
def events(ask):
    def send(**wanted):
        return ask("/events/list", **{"since": LONG_AGO, **wanted}).json()["events"]

    return send


@pytest.mark.parametrize(
    ("door", "seconds", "result"),
    [
        ("instant", 0.1, {"was_confirmed_by_device": True}),
        ("prompt", 0.8, {"was_confirmed_by_device": True}),
        ("slow", 4.0, {"was_confirmed_by_device": True}),
        ("unconfirmed", 0.8, {"was_confirmed_by_device": False}),
        ("silent", 0.8, {}),
    ],
)
def test_a_door_that_works_succeeds_in_its_time(unlock, look, clock, door, seconds, result):
    attempt_id = unlock(door)
    clock.passes(seconds / 2)
    assert look(attempt_id)["status"] == "pending"

    clock.passes(seconds / 2)

    attempt = look(attempt_id)
    assert (attempt["status"], attempt["result"], attempt["error"]) == ("success", result, None)


@pytest.mark.parametrize(
    ("door", "code"),
    [
        ("offline", "device_disconnected"),
        ("fails", "uncategorized_error"),
        ("jammed", "lock_jammed"),
        ("not_remote", "uncategorized_error"),
    ],
)
def test_a_door_that_does_not_work_says_why(seam, unlock, look, clock, door, code):
    attempt_id = unlock(door)
    clock.passes(2.5)

    attempt = look(attempt_id)

    assert (attempt["status"], attempt["result"]) == ("error", None)
    assert attempt["error"]["type"] == code
    assert attempt["error"]["message"]
    assert seam.unlocks(door) == 0


def test_a_door_that_never_answers_stays_pending(seam, unlock, look, clock):
    attempt_id = unlock("never")
    clock.passes(100_000)

    assert look(attempt_id)["status"] == "pending"
    seam.hold("never")
    seam.release("never")
    assert look(attempt_id)["status"] == "pending"


def test_a_door_that_hangs_up_unlocks_all_the_same_and_its_attempt_can_be_found(seam, ask, clock):
    with pytest.raises(requests.ConnectionError):
        ask("/locks/unlock_door", device_id="hangs_up")
    assert seam.unlocks("hangs_up") == 0
    clock.passes(1)

    (attempt,) = ask("/action_attempts/list", device_id="hangs_up").json()["action_attempts"]

    assert attempt["status"] == "success"
    assert seam.unlocks("hangs_up") == 1


@pytest.mark.parametrize(
    ("door", "status", "start"), [("unavailable", 503, b""), ("html_error", 502, b"<html>")]
)
def test_an_outage_is_answered_without_json_and_reaches_no_door(
    seam, ask, clock, door, status, start
):
    answer = ask("/locks/unlock_door", device_id=door)
    clock.passes(100)

    assert answer.status_code == status
    assert answer.headers["seam-request-id"]
    assert answer.content[:6] == start
    assert ask("/action_attempts/list", device_id=door).json()["action_attempts"] == []
    assert (seam.posts(door), seam.unlocks(door)) == (1, 0)


def test_an_offline_door_is_shown_as_such(ask):
    lock = ask("/locks/get", device_id="offline").json()["lock"]

    assert lock["properties"]["online"] is False
    assert "locked" not in lock["properties"]
    assert lock["can_remotely_unlock"] is False
    assert [error["error_code"] for error in lock["errors"]] == ["device_disconnected"]


def test_a_door_that_cannot_be_unlocked_remotely_is_shown_as_such(ask):
    lock = ask("/locks/get", device_id="not_remote").json()["lock"]

    assert lock["properties"]["online"] is True
    assert lock["can_remotely_unlock"] is False
    assert lock["errors"] == []
    assert len(lock["warnings"]) == 1


def test_a_door_locks_itself_again(ask, unlock, clock, events):
    def locked():
        return ask("/locks/get", device_id="prompt").json()["lock"]["properties"]["locked"]

    attempt_id = unlock("prompt")
    assert locked() is True
    clock.passes(0.8)
    assert locked() is False
    clock.passes(10)
    assert locked() is True

    told = [(each["event_type"], each.get("method")) for each in events(device_id="prompt")]
    assert told == [
        ("lock.unlocked", "remote"),
        ("action_attempt.unlock_door.succeeded", None),
        ("lock.locked", "automatic"),
    ]
    assert [each.get("action_attempt_id") for each in events()] == [attempt_id, attempt_id, None]


def test_unlocking_again_puts_the_locking_off(seam, unlock, clock, events):
    unlock("prompt")
    clock.passes(8)
    unlock("prompt")
    clock.passes(10)
    assert events(event_type="lock.locked") == []

    clock.passes(1)

    assert len(events(event_type="lock.locked")) == 1
    assert seam.unlocks("prompt") == 2


def test_a_lock_command_locks(ask, unlock, look, clock, events):
    unlock("prompt")
    clock.passes(1)
    answer = ask("/locks/lock_door", device_id="prompt").json()["action_attempt"]
    clock.passes(60)

    assert answer["action_type"] == "LOCK_DOOR"
    assert look(answer["action_attempt_id"])["status"] == "success"
    assert [each["method"] for each in events(event_type="lock.locked")] == ["remote"]


def test_a_failure_is_told_as_an_event(unlock, clock, events):
    attempt_id = unlock("fails")
    clock.passes(5)

    (event,) = events()

    assert event["event_type"] == "action_attempt.unlock_door.failed"
    assert (event["action_attempt_id"], event["status"]) == (attempt_id, "error")


def test_events_come_since_a_moment_and_in_order(unlock, clock, events):
    unlock("slow")
    unlock("prompt")
    clock.passes(5)

    told = events()
    assert [each["device_id"] for each in told] == ["prompt", "prompt", "slow", "slow"]
    assert told == sorted(told, key=lambda each: each["occurred_at"])
    assert events(since=told[1]["created_at"]) == told[2:]
    assert events(limit=1) == told[:1]
    assert events(device_ids=["slow"], event_types=["lock.unlocked"]) == [told[2]]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"since": "soon"},
        {"since": 5},
        {"since": LONG_AGO, "between": [LONG_AGO, LONG_AGO]},
        {"between": [LONG_AGO]},
    ],
)
def test_events_need_an_interval(ask, body):
    answer = ask("/events/list", **body)

    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_input"


def test_a_gate_that_only_unlocks_says_so_and_refuses_to_lock(clock):
    with Simulator(api_key=KEY, clock=clock) as seam, requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {KEY}"

        def send(path, **body):
            return session.post(seam.endpoint + path, json=body, timeout=5).json()

        gate = send("/locks/get", device_id="harbour-parking-gate")["lock"]
        assert (gate["can_remotely_unlock"], gate["can_remotely_lock"]) == (True, False)
        attempt = send("/locks/lock_door", device_id="harbour-parking-gate")["action_attempt"]
        clock.passes(5)
        told = send("/action_attempts/get", action_attempt_id=attempt["action_attempt_id"])
        assert told["action_attempt"]["status"] == "error"
        assert seam.locks_asked("harbour-parking-gate") == 1


def test_the_sixteenth_unlock_in_a_minute_is_refused_for_that_door_alone(seam, ask, clock):
    for _ in range(15):
        assert ask("/locks/unlock_door", device_id="instant").status_code == 200
    clock.passes(20.5)

    refused = ask("/locks/unlock_door", device_id="instant")

    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "40"
    assert refused.json()["error"]["request_id"] == refused.headers["seam-request-id"]
    assert seam.unlocks("instant") == 15
    assert ask("/locks/unlock_door", device_id="prompt").status_code == 200
    clock.passes(40)
    assert ask("/locks/unlock_door", device_id="instant").status_code == 200


def test_a_door_that_is_held_answers_when_it_is_released(seam, unlock, look, clock):
    seam.hold("prompt")
    attempt_id = unlock("prompt")
    clock.passes(1000)
    assert look(attempt_id)["status"] == "pending"

    seam.release("prompt")

    assert look(attempt_id)["status"] == "success"
    assert seam.unlocks("prompt") == 1


def test_a_door_can_be_told_to_behave_otherwise(seam, unlock, look, clock):
    before = unlock("prompt")
    seam.behave("prompt", "fails")
    after = unlock("prompt")
    clock.passes(1)

    assert look(before)["status"] == "success"
    assert look(after)["status"] == "error"


def test_many_attempts_are_looked_up_at_once(unlock, ask, clock):
    attempt_ids = [unlock("prompt"), unlock("slow"), unlock("fails")]
    clock.passes(1)

    body = ask("/action_attempts/list", action_attempt_ids=[*attempt_ids, "unknown"]).json()

    assert [each["status"] for each in body["action_attempts"]] == ["success", "pending", "error"]
    assert body["pagination"]["has_next_page"] is False


def test_it_forgets_the_oldest_attempts_and_events(unlock, ask, look, clock, events):
    first = unlock("instant")
    for _ in range(135):
        clock.passes(61)
        for _ in range(15):
            ask("/locks/unlock_door", device_id="instant")
    clock.passes(61)

    assert ask("/action_attempts/get", action_attempt_id=first).status_code == 404
    assert len(events(limit=100_000)) == 2000


def test_the_catalogue_has_two_buildings_with_doors_of_both_kinds():
    assert len({door.device_id for door in CATALOGUE}) == len(CATALOGUE) >= 12
    assert {door.behaviour for door in CATALOGUE} == set(BEHAVIOURS)
    kinds = {(door.building, door.common) for door in CATALOGUE}
    assert len(kinds) == 4
    assert len({building for building, _ in kinds}) == 2
