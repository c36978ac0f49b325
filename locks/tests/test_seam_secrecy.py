"""Where the API key never is."""

import logging
import pickle  # noqa: S403  # of what the test itself has made
import re
import traceback
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from ssl import SSLContext

import pytest

from locks.seam import (
    SeamError,
    SeamUnauthorized,
    SendBy,
)
from locks.tests.servers import (
    KEY,
    PENDING,
    Connect,
    RecordingServer,
    attempt,
    clients,
    http,
    make_certificate,
    refusal,
    replies,
    sends,
    soon,
)

TLS = tuple[Path, SSLContext]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TLS:
    return make_certificate(tmp_path_factory.mktemp("tls"))


WHOLE = http(200, b'{"action_attempt": null}', Seam_Request_Id="req-7")


@pytest.fixture
def connect() -> Iterator[Connect]:
    with clients() as connect:
        yield connect


def every_way_to_fail(connect: Connect, tls: TLS) -> Iterator[SeamError]:
    """Errors of every kind, some from servers that send the key back."""
    echo = refusal("unauthorized", f"Bad key {KEY}.", request_id=KEY)
    answers = [
        replies(401, echo, Seam_Request_Id=f"id {KEY}"),
        replies(500, f"Authorization: Bearer {KEY}".encode()),
        replies(200, attempt("?", action_attempt_id=KEY)),
        sends(b""),
        sends(WHOLE[:-3], then="hang"),
        sends(b"HTTP/1.1 200 OK\r\nContent-Le"),
        sends(f"HTTP/1.1 200 OK\r\nno header: {KEY}\r\n{KEY}\r\n\r\n".encode()),
        sends(f"{KEY} {KEY} {KEY}\r\n\r\n".encode()),
    ]
    for answer in answers:
        with RecordingServer(answer) as server, pytest.raises(SeamError) as caught:
            connect(server, answer_timeout=0.2).unlock_door("door-1", send_by=soon())
        yield caught.value
    with RecordingServer(PENDING, tls=tls[1]) as server, pytest.raises(SeamError) as caught:
        connect(server).unlock_door("door-1", send_by=soon())
    yield caught.value
    with pytest.raises(SeamError) as caught:
        connect("https://seam.invalid").unlock_door("door-1", send_by=SendBy.within(0.2))
    yield caught.value


def frames_of(error: BaseException) -> Iterator[str]:
    """What a debug page would show: every local variable of every frame that is ours."""
    for link in (error, error.__cause__, error.__context__):
        for frame, _line in traceback.walk_tb(link.__traceback__ if link else None):
            if "/tests/" not in frame.f_code.co_filename:
                for value in frame.f_locals.values():
                    yield repr(value)
                    yield repr(getattr(value, "__dict__", ""))


def test_no_error_log_or_traceback_shows_the_key(
    connect: Connect,
    tls: TLS,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(HTTPConnection, "debuglevel", 1)  # what a library's debugging would print
    seen = []
    with caplog.at_level(logging.DEBUG):
        for error in every_way_to_fail(connect, tls):
            seen += [str(error), repr(error), repr(vars(error)), *frames_of(error)]
            seen += traceback.format_exception(error)
    seen += [record.getMessage() + str(record.args) for record in caplog.records]
    seen += [caplog.text, *capfd.readouterr()]
    assert len(seen) > 50
    assert [text for text in seen if KEY in text] == []


def test_nothing_that_holds_the_key_shows_it_or_gives_it_away(connect: Connect) -> None:
    with RecordingServer(PENDING) as server:
        client = connect(server)
        client.unlock_door("door-1", send_by=soon())
        assert server.requests[0].path == "/locks/unlock_door"
    shown = [repr(client), str(client), repr(vars(client)), repr(vars(vars(client)["_transport"]))]
    assert [text for text in shown if KEY in text] == []
    with pytest.raises(TypeError):
        pickle.dumps(client)


def test_an_error_survives_the_way_through_a_worker() -> None:
    error = SeamUnauthorized("No.", status=401, code="unauthorized", request_id="req-1")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert vars(again) == vars(error)
    assert re.search("HTTP 401.*unauthorized.*req-1", str(again))
