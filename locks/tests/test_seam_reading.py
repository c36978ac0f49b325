"""What the client reads of attempts and of the workspace, and where it may be pointed."""

from collections.abc import Iterator
from typing import Any

import pytest

from locks.seam import SeamClient, SeamRejected, SeamUnreadable
from locks.tests.servers import (
    PENDING,
    Connect,
    RecordingServer,
    Reply,
    attempt,
    clients,
    refusal,
    replies,
    sends,
)

PAGE = b"<html><body>Sorry</body></html>"


@pytest.fixture
def connect() -> Iterator[Connect]:
    with clients() as connect:
        yield connect


def test_it_reads_an_attempt(connect: Connect) -> None:
    with RecordingServer(replies(200, attempt("success", result={}))) as server:
        found = connect(server).get_action_attempt("attempt-1")
        (asked,) = server.requests
    assert (asked.path, asked.json()) == (
        "/action_attempts/get",
        {"action_attempt_id": "attempt-1"},
    )
    assert (found.status, found.was_confirmed_by_device) == ("success", None)


@pytest.mark.parametrize(
    "first",
    [replies(503, b""), replies(200, PAGE), sends(b""), replies(429, refusal("rate_limit"))],
    ids=["503", "page", "hang-up", "429"],
)
def test_it_repeats_a_read_that_failed(connect: Connect, first: Reply) -> None:
    with RecordingServer(first, first, PENDING) as server:
        assert connect(server).get_action_attempt("attempt-1").status == "pending"
        assert len(server.requests) == 3


def test_it_gives_up_on_a_read_after_three_tries_and_says_what_came(connect: Connect) -> None:
    with RecordingServer(replies(503, PAGE)) as server:
        with pytest.raises(SeamUnreadable) as caught:
            connect(server).get_action_attempt("attempt-1")
        assert len(server.requests) == 3
    assert (caught.value.status, caught.value.request_id) == (503, "req-1")
    assert not caught.value.can_have_moved


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_it_repeats_no_read_that_seam_refused(connect: Connect, status: int) -> None:
    with RecordingServer(replies(status, refusal("no"))) as server:
        with pytest.raises(SeamRejected):
            connect(server).get_action_attempt("attempt-1")
        assert len(server.requests) == 1


def test_it_refuses_the_answer_about_another_attempt(connect: Connect) -> None:
    with RecordingServer(PENDING) as server, pytest.raises(SeamUnreadable):
        connect(server).get_action_attempt("attempt-2")


def test_it_reads_many_attempts_and_one_bad_entry_spoils_none(connect: Connect) -> None:
    good = attempt()["action_attempt"]
    listed = [
        None,
        good | {"action_attempt_id": "a", "status": "success"},
        good | {"action_attempt_id": "b", "status": "?"},
        good | {"action_attempt_id": "stranger"},
        good | {"action_attempt_id": "c"},
    ]
    with RecordingServer(replies(200, {"action_attempts": listed})) as server:
        found = connect(server).list_action_attempts(["a", "b", "c"])
        assert server.requests[0].json() == {"action_attempt_ids": ["a", "b", "c"]}
    assert [(f.action_attempt_id, f.status) for f in found] == [("a", "success"), ("c", "pending")]
    assert {f.request_id for f in found} == {"req-1"}


def test_it_reads_no_attempts_where_seam_knows_none(connect: Connect) -> None:
    with RecordingServer(replies(404, refusal("action_attempts_not_found"))) as server:
        assert connect(server).list_action_attempts(["a"]) == []


def test_it_asks_nothing_about_no_attempts(connect: Connect) -> None:
    with RecordingServer(PENDING) as server:
        assert connect(server).list_action_attempts([]) == []
        assert server.connections == 0


def test_it_asks_about_many_attempts_in_portions(connect: Connect) -> None:
    with RecordingServer(replies(200, {"action_attempts": []})) as server:
        connect(server).list_action_attempts([f"id-{n}" for n in range(250)])
        sizes = [len(asked.json()["action_attempt_ids"]) for asked in server.requests]
    assert sizes == [100, 100, 50]


@pytest.mark.parametrize("listed", [None, {}, "x"])
def test_it_does_not_take_a_broken_list_for_an_empty_one(connect: Connect, listed: Any) -> None:
    with (
        RecordingServer(replies(200, {"action_attempts": listed})) as server,
        pytest.raises(SeamUnreadable),
    ):
        connect(server).list_action_attempts(["a"])


@pytest.mark.parametrize(("told", "sandbox"), [(True, True), (False, False), ("true", False)])
def test_it_reads_the_workspace(connect: Connect, told: Any, sandbox: bool) -> None:
    answer = {"workspace": {"workspace_id": "w-1", "name": "Hotel\x00 Sun", "is_sandbox": told}}
    with RecordingServer(replies(200, answer)) as server:
        found = connect(server).get_workspace()
    assert (found.workspace_id, found.name, found.is_sandbox) == ("w-1", "Hotel Sun", sandbox)


@pytest.mark.parametrize("answer", [{}, {"workspace": None}, {"workspace": {"name": "x"}}])
def test_it_does_not_take_a_workspace_without_id(connect: Connect, answer: Any) -> None:
    with RecordingServer(replies(200, answer)) as server, pytest.raises(SeamUnreadable):
        connect(server).get_workspace()


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "connect.getseam.com",
        "ftp://connect.getseam.com",
        "http://connect.getseam.com",
        "https://user:word@connect.getseam.com",
        "https://connect.getseam.com?a=b",
        "https://connect.getseam.com:port",
    ],
)
def test_it_takes_no_endpoint_that_could_leak_the_key(connect: Connect, endpoint: str) -> None:
    with pytest.raises(ValueError, match="https://"):
        connect(endpoint)


@pytest.mark.parametrize("key", ["", "with space", "line\nbreak", "umläut"])
def test_it_takes_no_key_that_a_header_cannot_carry(key: str) -> None:
    with pytest.raises(ValueError, match="API key") as caught:
        SeamClient(api_key=key, endpoint="https://connect.getseam.com")
    assert not key or key not in str(caught.value)
