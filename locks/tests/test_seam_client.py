"""What Seam's answers to an unlock mean, across real HTTP."""

import json
import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest

from locks.seam import (
    ActionAttempt,
    SeamOutcomeUnknown,
    SeamRateLimited,
    SeamRejected,
    SeamUnauthorized,
    SendBy,
)
from locks.tests.servers import (
    PENDING,
    Connect,
    RecordingServer,
    Reply,
    attempt,
    clients,
    http,
    refusal,
    replies,
    sends,
    soon,
    zipped,
)

PAGE = b"<html><body>Sorry</body></html>"
DEEP = b'{"action_attempt": ' + b"[" * 200_000


@pytest.fixture
def connect() -> Iterator[Connect]:
    with clients() as connect:
        yield connect


def test_it_asks_seam_to_unlock_the_door_once_with_the_key_in_the_header(connect: Connect) -> None:
    with RecordingServer(PENDING) as server:
        found = connect(server).unlock_door("door-1", send_by=soon())
        (asked,) = server.requests
    assert found == ActionAttempt("attempt-1", "pending", "UNLOCK_DOOR", request_id="req-1")
    assert (asked.method, asked.path) == ("POST", "/locks/unlock_door")
    assert asked.json() == {"device_id": "door-1"}
    assert asked.headers["authorization"].startswith("Bearer seam_")
    assert asked.headers["user-agent"] == "accessdesk"
    assert asked.headers["accept-encoding"] == "identity"
    assert asked.headers["content-type"] == "application/json"


def test_it_asks_seam_to_lock_on_the_same_terms(connect: Connect) -> None:
    locks = attempt("success", action_type="LOCK_DOOR")
    with RecordingServer(replies(200, locks)) as server:
        found = connect(server).lock_door("door-1", send_by=soon())
        (asked,) = server.requests
    assert (found.status, found.action_type) == ("success", "LOCK_DOOR")
    assert (asked.method, asked.path) == ("POST", "/locks/lock_door")
    assert asked.json() == {"device_id": "door-1"}


def test_it_takes_an_attempt_to_unlock_for_no_answer_to_a_lock_command(connect: Connect) -> None:
    with RecordingServer(PENDING) as server, pytest.raises(SeamOutcomeUnknown):
        connect(server).lock_door("door-1", send_by=soon())


@pytest.mark.parametrize("confirmed", [True, False, None])
def test_it_tells_whether_the_lock_confirmed(connect: Connect, confirmed: bool | None) -> None:
    answer = attempt("success", result={"was_confirmed_by_device": confirmed})
    with RecordingServer(replies(200, answer)) as server:
        found = connect(server).unlock_door("door-1", send_by=soon())
    assert (found.status, found.was_confirmed_by_device) == ("success", confirmed)
    assert found.result == {"was_confirmed_by_device": confirmed}


@pytest.mark.parametrize("odd", ["true", 1, "yes", [True], {}])
def test_it_takes_only_a_json_boolean_for_a_confirmation(connect: Connect, odd: Any) -> None:
    answer = attempt("success", result={"was_confirmed_by_device": odd})
    with RecordingServer(replies(200, answer)) as server:
        found = connect(server).unlock_door("door-1", send_by=soon())
    assert found.was_confirmed_by_device is None


def test_it_tells_why_an_attempt_failed_in_clean_words(connect: Connect) -> None:
    error = {"type": "august_lock_jammed", "message": "The\x00 bolt\nis\u202e jammed\ud800."}
    with RecordingServer(replies(200, attempt("error", error=error))) as server:
        found = connect(server).unlock_door("door-1", send_by=soon())
    assert (found.status, found.error_type) == ("error", "august_lock_jammed")
    assert found.error_message == "The bolt is jammed."


@pytest.mark.parametrize("error", [None, "broken", [], {"type": None, "message": 7}])
def test_it_takes_a_failed_attempt_with_odd_reasons_for_failed(
    connect: Connect, error: Any
) -> None:
    with RecordingServer(replies(200, attempt("error", error=error))) as server:
        found = connect(server).unlock_door("door-1", send_by=soon())
    assert (found.status, found.error_type) == ("error", "")


def test_it_keeps_a_large_result_small(connect: Connect) -> None:
    result = {"was_confirmed_by_device": True, "log": ["x" * 5000] * 40, "note": "y" * 5000}
    with RecordingServer(replies(200, attempt("success", result=result))) as server:
        found = connect(server).unlock_door("door-1", send_by=soon())
    assert found.was_confirmed_by_device is True
    assert found.result
    assert len(str(found.result)) < 8000
    assert found.result["was_confirmed_by_device"] is True


def test_it_tells_what_was_wrong_with_the_request(connect: Connect) -> None:
    wrong = {"_errors": [], "device_id": {"_errors": ["Required"]}}
    answer = refusal("invalid_input", "Bad device_id.", validation_errors=wrong)
    with RecordingServer(replies(400, answer)) as server, pytest.raises(SeamRejected) as caught:
        connect(server).unlock_door("", send_by=soon())
    assert not caught.value.can_have_moved
    assert caught.value.validation_errors == wrong
    assert (caught.value.status, caught.value.code) == (400, "invalid_input")
    assert caught.value.message == "Bad device_id."
    assert caught.value.request_id == "req-1"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "invalid_input", SeamRejected),
        (401, "unauthorized", SeamUnauthorized),
        (403, "forbidden", SeamUnauthorized),
        (404, "device_not_found", SeamRejected),
    ],
)
def test_it_believes_seams_own_refusal_and_never_asks_again(
    connect: Connect, status: int, code: str, kind: type[SeamRejected]
) -> None:
    with RecordingServer(replies(status, refusal(code))) as server:
        with pytest.raises(SeamRejected) as caught:
            connect(server).unlock_door("door-1", send_by=soon())
        assert len(server.requests) == 1
    assert type(caught.value) is kind
    assert (caught.value.can_have_moved, caught.value.code) == (False, code)


def test_it_finds_the_request_id_in_the_body_where_no_header_has_it(connect: Connect) -> None:
    answer = http(404, b'{"error": {"type": "device_not_found", "request_id": "req-body"}}')
    with RecordingServer(sends(answer)) as server, pytest.raises(SeamRejected) as caught:
        connect(server).unlock_door("door-1", send_by=soon())
    assert caught.value.request_id == "req-body"


UNCLEAR: dict[str, Reply] = {
    "500 page": replies(500, PAGE),
    "500 of Seam": replies(500, refusal("internal_error")),
    "502 page": replies(502, PAGE),
    "503 empty": replies(503, b""),
    "504 page": replies(504, PAGE),
    "402 of Seam": replies(402, refusal("payment")),
    "408 of Seam": replies(408, refusal("timeout")),
    "409 of Seam": replies(409, refusal("conflict")),
    "418 page": replies(418, PAGE),
    "422 of Seam": replies(422, refusal("invalid_input")),
    "401 page": replies(401, PAGE),
    "403 of a firewall": replies(403, PAGE),
    "404 of a proxy": replies(404, PAGE),
    "429 of a proxy": replies(429, PAGE, Retry_After="0"),
    "400 array": replies(400, []),
    "400 no error": replies(400, {"ok": False}),
    "400 error is text": replies(400, {"error": "invalid_input"}),
    "404 type is a number": replies(404, {"error": {"type": 404}}),
    "404 type is empty": replies(404, {"error": {"type": ""}}),
    "200 page": replies(200, PAGE),
    "200 broken JSON": replies(200, b'{"action_attempt": {'),
    "200 empty": replies(200, b""),
    "200 null": replies(200, None),
    "200 array": replies(200, [attempt()]),
    "200 text": replies(200, "ok"),
    "200 not UTF-8": replies(200, b'{"action_attempt": "\xff\xfe"}'),
    "200 NaN": replies(200, b'{"action_attempt": NaN}'),
    "200 nested without end": replies(200, DEEP),
    "200 endless number": replies(200, b'{"action_attempt": ' + b"9" * 10_000 + b"}"),
    "200 no attempt": replies(200, {"ok": True}),
    "200 attempt null": replies(200, {"action_attempt": None}),
    "200 attempt array": replies(200, {"action_attempt": [1]}),
    "200 error of Seam": replies(200, refusal("device_not_found")),
    "200 no status": replies(200, attempt(status=None)),  # type: ignore[arg-type]
    "200 unknown status": replies(200, attempt("opened")),
    "200 status is a list": replies(200, attempt(status=["success"])),  # type: ignore[arg-type]
    "200 another action": replies(200, attempt("success", action_type="LOCK_DOOR")),
    "200 no action": replies(200, attempt("success", action_type=None)),
    "201 attempt": replies(201, attempt("success")),
    "202 attempt": replies(202, attempt()),
    "204": sends(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "101": sends(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
    "gzip": zipped(attempt("success"), 50_000_000),
    "called gzip": replies(200, attempt("success"), Content_Encoding="gzip"),
    "20 MB": replies(200, json.dumps(attempt("success")).encode().ljust(20_000_000)),
    "cut-off body": sends(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"action_attempt": {'),
    "cut-off refusal": sends(http(404, b'{"error": {"type": "device_not_found"}}')[:-5]),
    "cut-off headers": sends(b"HTTP/1.1 200 OK\r\nContent-Type: appli"),
    "cut-off status line": sends(b"HTTP/1.1 20"),
    "length too short": sends(
        b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"action_attempt": {}}'
    ),
    "broken chunk": sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"),
    "cut-off chunk": sends(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{"a'),
    "no last chunk": sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"),
    "garbage": sends(b"\x16\x03\x01 SSH-2.0-OpenSSH\r\n\r\n"),
    "hang-up": sends(b""),
    "reset": sends(b"", then="reset"),
}


@pytest.mark.parametrize("reply", UNCLEAR.values(), ids=UNCLEAR.keys())
def test_it_calls_the_outcome_unknown_and_never_asks_again(connect: Connect, reply: Reply) -> None:
    with RecordingServer(reply) as server:
        with pytest.raises(SeamOutcomeUnknown) as caught:
            connect(server).unlock_door("door-1", send_by=soon())
        assert len(server.requests) == 1
    assert caught.value.can_have_moved


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_it_follows_no_redirect(connect: Connect, status: int) -> None:
    with RecordingServer(PENDING) as other:
        reply = replies(status, PAGE, Location=f"{other.endpoint}/locks/unlock_door")
        with RecordingServer(reply) as server:
            with pytest.raises(SeamOutcomeUnknown):
                connect(server).unlock_door("door-1", send_by=soon())
            assert len(server.requests) == 1
        assert other.connections == 0


@pytest.mark.parametrize("odd", [None, 7, "", "x" * 201, "a\x00b", " a", [], {}])
def test_it_takes_an_attempt_without_a_usable_id_for_no_attempt(connect: Connect, odd: Any) -> None:
    with (
        RecordingServer(replies(200, attempt("success", action_attempt_id=odd))) as server,
        pytest.raises(SeamOutcomeUnknown) as caught,
    ):
        connect(server).unlock_door("door-1", send_by=soon())
    assert caught.value.action_attempt_id == ""


def test_it_keeps_the_attempts_id_where_the_rest_is_unreadable(connect: Connect) -> None:
    with (
        RecordingServer(replies(200, attempt("opened"))) as server,
        pytest.raises(SeamOutcomeUnknown) as caught,
    ):
        connect(server).unlock_door("door-1", send_by=soon())
    assert caught.value.action_attempt_id == "attempt-1"
    assert (caught.value.status, caught.value.request_id) == (200, "req-1")


@pytest.mark.parametrize("headers", [{}, {"Retry_After": "0"}, {"Retry_After": "soon"}])
def test_it_asks_again_after_a_rate_limit(connect: Connect, headers: dict[str, str]) -> None:
    limit = replies(429, refusal("rate_limit_exceeded"), **headers)
    with RecordingServer(limit, limit, PENDING) as server:
        found = connect(server).unlock_door("door-1", send_by=soon())
        assert len(server.requests) == 3
    assert found.status == "pending"


@pytest.mark.parametrize("dated", [False, True], ids=["seconds", "date"])
def test_it_does_not_wait_beyond_send_by_for_a_rate_limit(connect: Connect, dated: bool) -> None:
    wait = formatdate(time.time() + 60, usegmt=True) if dated else "60"
    limit = replies(429, refusal("rate_limit_exceeded"), Retry_After=wait)
    started = time.monotonic()
    with RecordingServer(limit) as server:
        with pytest.raises(SeamRateLimited) as caught:
            connect(server).unlock_door("door-1", send_by=soon())
        assert len(server.requests) == 1
    assert time.monotonic() - started < 3
    assert caught.value.retry_after == pytest.approx(60, abs=15)
    assert not caught.value.can_have_moved


@pytest.mark.parametrize("wait", ["9" * 60, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_it_takes_an_absurd_wait_for_a_day(connect: Connect, wait: str) -> None:
    limit = replies(429, refusal("rate_limit_exceeded"), Retry_After=wait)
    with RecordingServer(limit) as server:
        with pytest.raises(SeamRateLimited) as caught:
            connect(server).unlock_door("door-1", send_by=soon())
        assert len(server.requests) == 1
    assert caught.value.retry_after == 86400


def test_it_gives_up_on_a_rate_limit_before_send_by(connect: Connect) -> None:
    send_by = SendBy.within(1.9)
    with RecordingServer(replies(429, refusal("rate_limit_exceeded"))) as server:
        with pytest.raises(SeamRateLimited):
            connect(server).unlock_door("door-1", send_by=send_by)
        assert len(server.requests) == 2
    assert not send_by.passed()
