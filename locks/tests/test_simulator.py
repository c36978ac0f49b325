"""The simulator as an HTTP server: Seam's routes, shapes and refusals, over real connections."""

import contextlib
import json
import socket
import threading

import pytest
import requests

from locks.simulator import CATALOGUE, Simulator

KEY = "seam_simulated_key"
DOOR = "harbour-main-entrance"
UNLOCK = "/locks/unlock_door"


@pytest.fixture
def seam():
    with Simulator(api_key=KEY) as simulator:
        yield simulator


@pytest.fixture
def post(seam):
    """Post JSON with the right key; keep-alive, as the desk does it."""
    with requests.Session() as session:
        session.trust_env = False

        def send(path, body, **headers):
            headers = {"Authorization": f"Bearer {KEY}", **headers}
            return session.post(seam.endpoint + path, json=body, headers=headers, timeout=5)

        yield send


def raw(seam, data: bytes) -> bytes:
    """Send bytes as they are and read until the server closes."""
    host, _, port = seam.endpoint.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def error_of(answer) -> dict:
    """The error of a refusal, having checked what all of them share."""
    body = answer.json()
    assert body["ok"] is False
    assert body["error"]["request_id"] == answer.headers["seam-request-id"]
    return body["error"]


def test_it_answers_an_unlock_with_a_pending_attempt(seam, post):
    answer = post(UNLOCK, {"device_id": DOOR})

    assert answer.status_code == 200
    assert answer.headers["seam-request-id"]
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    attempt = answer.json()["action_attempt"]
    assert attempt.pop("action_attempt_id")
    assert attempt == {
        "action_type": "UNLOCK_DOOR",
        "status": "pending",
        "result": None,
        "error": None,
    }
    assert answer.json()["ok"] is True


@pytest.mark.parametrize(
    "authorization", ["", "Basic abc", "Bearer", "Bearer wrong", "Bearer \xff"]
)
def test_it_refuses_a_wrong_key_and_moves_nothing(seam, post, authorization):
    answer = post(UNLOCK, {"device_id": DOOR}, Authorization=authorization.encode("latin-1"))

    assert answer.status_code == 401
    assert error_of(answer)["type"] == "unauthorized"
    assert post("/action_attempts/list", {"device_id": DOOR}).json()["action_attempts"] == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "Required"),
        ({"device_id": 5}, "Expected string, received number"),
        ({"device_id": None}, "Expected string, received null"),
        ({"device_id": True}, "Expected string, received boolean"),
        ({"device_id": ["a"]}, "Expected string, received array"),
    ],
)
def test_it_names_what_is_wrong_with_a_device_id(post, body, problem):
    answer = post(UNLOCK, body)

    assert answer.status_code == 400
    error = error_of(answer)
    assert error["type"] == "invalid_input"
    assert error["validation_errors"] == {"_errors": [], "device_id": {"_errors": [problem]}}


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"\xff\xfe", b"[" * 100_000])
def test_it_refuses_a_body_that_is_no_json_object(seam, body):
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    answer = requests.post(seam.endpoint + UNLOCK, data=body, headers=headers, timeout=5)

    assert answer.status_code == 400
    assert error_of(answer)["type"] == "invalid_input"
    assert seam.calls[-1].body == {}


def test_it_refuses_a_body_that_is_not_called_json(seam):
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "text/plain"}
    body = json.dumps({"device_id": DOOR})
    answer = requests.post(seam.endpoint + UNLOCK, data=body, headers=headers, timeout=5)

    assert answer.status_code == 400
    assert error_of(answer)["type"] == "invalid_content_type"


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (UNLOCK, {"device_id": "nowhere"}, "device_not_found"),
        (UNLOCK, {"device_id": "harbour-lobby-thermostat"}, "device_not_found"),
        ("/locks/lock_door", {"device_id": "nowhere"}, "device_not_found"),
        ("/locks/get", {"device_id": "harbour-lobby-thermostat"}, "device_not_found"),
        ("/devices/get", {"name": "Nowhere"}, "device_not_found"),
        ("/action_attempts/get", {"action_attempt_id": "x"}, "action_attempt_not_found"),
        ("/action_attempts/list", {"action_attempt_ids": ["x"]}, "action_attempts_not_found"),
        ("/action_attempts/list", {"device_id": "nowhere"}, "device_not_found"),
        ("/nowhere", {}, "not_found"),
    ],
)
def test_it_says_404_for_what_it_does_not_have(post, path, body, code):
    answer = post(path, body)

    assert answer.status_code == 404
    assert error_of(answer)["type"] == code


def test_a_command_takes_post_only(seam):
    address = f"{seam.endpoint}{UNLOCK}?device_id={DOOR}"
    answer = requests.get(address, headers={"Authorization": f"Bearer {KEY}"}, timeout=5)

    assert answer.status_code == 405
    assert error_of(answer)["type"] == "method_not_allowed"
    assert seam.unlocks(DOOR) == 0


def test_reads_take_get_as_well(seam, post):
    attempt_id = post(UNLOCK, {"device_id": DOOR}).json()["action_attempt"]["action_attempt_id"]

    address = f"{seam.endpoint}/action_attempts/list?action_attempt_ids={attempt_id},other"
    answer = requests.get(address, headers={"Authorization": f"Bearer {KEY}"}, timeout=5)

    assert [each["action_attempt_id"] for each in answer.json()["action_attempts"]] == [attempt_id]


def test_health_needs_no_key(seam):
    assert requests.get(f"{seam.endpoint}/health", timeout=5).json()["ok"] is True


def test_the_workspace_is_a_sandbox(post):
    workspace = post("/workspaces/get", {}).json()["workspace"]

    assert workspace["is_sandbox"] is True
    assert workspace["name"] == "Simulated workspace"
    assert workspace["workspace_id"]


def test_the_list_of_locks_holds_every_door_and_no_thermostat(post):
    body = post("/locks/list", {}).json()

    assert [lock["device_id"] for lock in body["locks"]] == [door.device_id for door in CATALOGUE]
    assert body["devices"] == body["locks"]
    first = body["locks"][0]
    assert first["can_remotely_unlock"] is True
    assert first["properties"]["online"] is True
    assert first["properties"]["locked"] is True
    assert first["properties"]["battery"] == {"level": 0.92, "status": "full"}
    assert (first["errors"], first["warnings"]) == ([], [])
    assert first["custom_metadata"]["building"] == "Harbour House"


def test_the_list_of_devices_has_a_thermostat_too(post):
    devices = post("/devices/list", {}).json()["devices"]

    assert len(devices) == len(CATALOGUE) + 1
    others = [device for device in devices if "can_remotely_unlock" not in device]
    assert [device["device_type"] for device in others] == ["ecobee_thermostat"]


@pytest.mark.parametrize(("path", "name"), [("/locks/list", "locks"), ("/devices/list", "devices")])
def test_lists_come_in_pages(post, path, name):
    whole = post(path, {}).json()
    assert whole["pagination"] == {
        "has_next_page": False,
        "next_page_cursor": None,
        "next_page_url": None,
    }

    found, cursor = [], None
    for _ in range(len(whole[name])):
        body = post(path, {"limit": 5, "page_cursor": cursor}).json()
        assert len(body[name]) <= 5
        found += body[name]
        cursor = body["pagination"]["next_page_cursor"]
        if not body["pagination"]["has_next_page"]:
            break

    assert found == whole[name]
    assert cursor is None


def test_the_address_of_the_next_page_leads_there(post, seam):
    address = post("/locks/list", {"limit": 17}).json()["pagination"]["next_page_url"]

    answer = requests.get(address, headers={"Authorization": f"Bearer {KEY}"}, timeout=5)

    assert [lock["device_id"] for lock in answer.json()["locks"]] == [CATALOGUE[17].device_id]


@pytest.mark.parametrize(
    "page", [{"limit": 0}, {"limit": 1.5}, {"limit": []}, {"page_cursor": "x"}]
)
def test_it_refuses_a_page_that_cannot_be(post, page):
    answer = post("/devices/list", page)

    assert answer.status_code == 400
    assert error_of(answer)["type"] == "invalid_input"


def test_it_names_the_place_of_a_wrong_id_in_a_list(post):
    error = error_of(post("/action_attempts/list", {"action_attempt_ids": ["a", 1]}))

    ids = error["validation_errors"]["action_attempt_ids"]
    assert ids == {"_errors": [], "1": {"_errors": ["Expected string, received number"]}}


def test_it_records_every_call_for_whoever_counts(seam, post):
    post(UNLOCK, {"device_id": DOOR})
    post(UNLOCK, {"device_id": DOOR}, Authorization="Bearer wrong")
    post("/locks/get", {"device_id": DOOR})

    assert [(call.path, call.body) for call in seam.calls] == [
        (UNLOCK, {"device_id": DOOR}),
        (UNLOCK, {"device_id": DOOR}),
        ("/locks/get", {"device_id": DOOR}),
    ]
    assert seam.calls[0].time <= seam.calls[1].time
    assert seam.posts(DOOR) == 2


def test_an_answer_that_is_withheld_comes_when_it_is_released(seam, post):
    seam.withhold(DOOR)
    answers = []
    clerk = threading.Thread(target=lambda: answers.append(post(UNLOCK, {"device_id": DOOR})))
    clerk.start()

    assert seam.wait_for_calls(UNLOCK)
    assert answers == []
    seam.release(DOOR)
    clerk.join(timeout=5)

    assert answers[0].status_code == 200


def test_it_keeps_a_connection_open_between_calls(seam):
    get = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    assert raw(seam, get * 3).count(b"HTTP/1.1 200 OK") == 3


def test_a_caller_that_waits_for_leave_to_send_its_body_gets_it(seam):
    body = json.dumps({"device_id": DOOR}).encode()
    head = (
        f"POST {UNLOCK} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        "Expect: 100-continue\r\n\r\n"
    )
    host, _, port = seam.endpoint.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(head.encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 100")
        connection.sendall(body)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x00\xa5garbage\r\n\r\n", b"400"),
        (b"GET\r\n\r\n", b"400"),
        (b"GET //[::1 HTTP/1.1\r\n\r\n", b"404"),
        (b"GET /health HTTP/9.9\r\n\r\n", b"505"),
        (b"BREW /health HTTP/1.1\r\n\r\n", b"501"),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET /health HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", b"431"),
        (b"POST /health HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST /health HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n", b"413"),
        (b"POST /health HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"411"),
        (b"POST /locks/unlock_door HTTP/1.1\r\nContent-Length: 50\r\n\r\n{", b""),
    ],
)
def test_it_survives_what_is_no_proper_request(seam, data, status):
    answer = raw(seam, data)

    if status:
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert b"\r\nseam-request-id: " in answer
    assert requests.get(f"{seam.endpoint}/health", timeout=5).status_code == 200


def test_it_ends_at_once_with_connections_open_and_answers_withheld(post, seam):
    seam.withhold(DOOR)

    def press():
        with contextlib.suppress(requests.ConnectionError):
            post(UNLOCK, {"device_id": DOOR})

    clerk = threading.Thread(target=press)
    clerk.start()
    assert seam.wait_for_calls(UNLOCK)

    seam.close()
    clerk.join(timeout=2)

    assert not clerk.is_alive()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{seam.endpoint}/health", timeout=5)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.com", ""])  # noqa: S104
def test_it_listens_on_loopback_only(host):
    with pytest.raises(ValueError, match="loopback address only"):
        Simulator(api_key=KEY, host=host)
