"""When a call to Seam may leave, and when it has to end."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from ssl import SSLContext
from typing import Any

import pytest

from locks.seam import (
    SeamOutcomeUnknown,
    SeamTooLate,
    SeamUnreachable,
    SeamUnreadable,
    SendBy,
    Transport,
    transport,
)
from locks.seam.gate import Call, GateClosed
from locks.tests.servers import (
    HOST,
    PENDING,
    Connect,
    RecordingServer,
    Talk,
    calls_under_way,
    clients,
    drips,
    http,
    make_certificate,
    sends,
    soon,
    until,
)

TLS = tuple[Path, SSLContext]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TLS:
    return make_certificate(tmp_path_factory.mktemp("tls"))


WHOLE = http(200, b'{"action_attempt": null}', Seam_Request_Id="req-7")

AFTER = 3.0  # seconds by which a bound may be missed on a busy machine


@pytest.fixture
def slow_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Name look-ups that end when the event is set, and not before."""
    release, look_up = threading.Event(), socket.getaddrinfo

    def look_up_slowly(*args: Any, **kwargs: Any) -> Any:
        release.wait(30)
        return look_up(*args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", look_up_slowly)
    yield release
    release.set()
    until(lambda: not calls_under_way())


@pytest.fixture
def connect() -> Iterator[Connect]:
    with clients() as connect:
        yield connect


@pytest.mark.parametrize(("wall", "monotonic"), [(-1, 60), (60, -1), (-1, -1)])
def test_it_sends_nothing_once_either_clock_is_past_send_by(
    connect: Connect, wall: float, monotonic: float
) -> None:
    send_by = SendBy(wall=time.time() + wall, monotonic=time.monotonic() + monotonic)
    with RecordingServer(PENDING) as server, pytest.raises(SeamTooLate) as caught:
        connect(server).unlock_door("door-1", send_by=send_by)
    assert not caught.value.can_have_moved
    assert not server.bytes_read


def test_it_sends_nothing_after_a_name_was_looked_up_too_slowly(
    connect: Connect, slow_names: threading.Event
) -> None:
    with RecordingServer(PENDING) as server:
        started = time.monotonic()
        with pytest.raises(SeamTooLate):
            connect(server).unlock_door("door-1", send_by=SendBy.within(0.2))
        assert 0.1 < time.monotonic() - started < 0.2 + AFTER
        slow_names.set()
        until(lambda: not calls_under_way())
        assert not server.bytes_read


@contextmanager
def dead_addresses(count: int) -> Iterator[list[tuple[str, int]]]:
    """Addresses of loopback that answer nothing, not even no: their queues are full."""
    with ExitStack() as opened:
        found = []
        for _number in range(count):
            listener = opened.enter_context(socket.socket())
            listener.bind((HOST, 0))
            listener.listen(0)
            waiting = True
            while waiting:
                caller = opened.enter_context(socket.socket())
                caller.settimeout(0.2)
                try:
                    caller.connect(listener.getsockname())
                except TimeoutError:
                    waiting = False
            found.append(listener.getsockname())
        yield found


@pytest.fixture
def resolves(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let Seam's name have these addresses, in this order."""

    def to(*addresses: tuple[str, int]) -> None:
        told = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: told)

    return to


def test_it_sends_nothing_after_addresses_that_were_dead_took_its_time(
    connect: Connect, resolves: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "_CONNECT_TIMEOUT", 0.5)
    with RecordingServer(PENDING) as server, dead_addresses(4) as dead:
        resolves(*dead, (HOST, server.port))
        started = time.monotonic()
        with pytest.raises(SeamTooLate):
            connect(server).unlock_door("door-1", send_by=SendBy.within(0.6))
        assert time.monotonic() - started < 0.6 + AFTER
        until(lambda: server.connections == 1)  # the living one came too late
        until(lambda: not calls_under_way())
        assert not server.bytes_read


def test_it_unlocks_where_a_dead_address_leaves_time_for_the_next(
    connect: Connect, resolves: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "_CONNECT_TIMEOUT", 0.5)
    with RecordingServer(PENDING) as server, dead_addresses(2) as dead:
        resolves(*dead, (HOST, server.port))
        assert connect(server).unlock_door("door-1", send_by=SendBy.within(10)).status == "pending"
        assert len(server.requests) == 1


def test_it_looks_at_the_clock_after_the_connection_was_made(
    connect: Connect, slow_names: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wall clock is set forward while a name is looked up: the wait itself does not notice."""
    with RecordingServer(PENDING) as server:
        real, offset = time.time, [0.0]
        monkeypatch.setattr(time, "time", lambda: real() + offset[0])

        def an_hour_later() -> None:
            offset[0] = 3600.0
            slow_names.set()

        threading.Timer(0.1, an_hour_later).start()
        with pytest.raises(SeamTooLate):
            connect(server).unlock_door("door-1", send_by=soon())
        until(lambda: server.hung_up == 1)
        assert not server.bytes_read


def test_it_sends_nothing_over_a_used_connection_once_it_is_too_late(connect: Connect) -> None:
    with RecordingServer(PENDING) as server:
        client = connect(server)
        client.unlock_door("door-1", send_by=soon())
        with pytest.raises(SeamTooLate):
            client.unlock_door("door-1", send_by=SendBy.within(0))
        assert len(server.requests) == 1


def test_it_sends_nothing_after_tls_came_too_slowly(connect: Connect) -> None:
    with RecordingServer(silent=True) as server:
        started = time.monotonic()
        with pytest.raises(SeamTooLate):
            connect(f"https://{HOST}:{server.port}").unlock_door(
                "door-1", send_by=SendBy.within(0.3)
            )
        assert time.monotonic() - started < 0.3 + AFTER
        until(lambda: not calls_under_way(), patience=3)  # cut, not left to its own time-outs
        assert server.bytes_read[:1] == b"\x16"  # a TLS greeting, and nothing else
        assert b"POST" not in server.bytes_read


def test_a_call_is_given_up_or_sent_and_never_both() -> None:
    one, other = socket.socketpair()
    with one, other:
        given_up, sent = Call(soon()), Call(soon())
        assert given_up.give_up_unsent()
        with pytest.raises(GateClosed):
            given_up.pass_gate(one)
        sent.pass_gate(one)
        assert not sent.give_up_unsent()
        sent.give_up()
        assert other.recv(1) == b""  # cut


def test_it_sends_nothing_when_whoever_waits_is_interrupted(
    connect: Connect, slow_names: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_call: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(transport.Call, "wait_until_sent", interrupt)
    with RecordingServer(PENDING) as server:
        with pytest.raises(KeyboardInterrupt):
            connect(server).unlock_door("door-1", send_by=soon())
        slow_names.set()
        until(lambda: not calls_under_way())
        assert not server.bytes_read


def test_it_says_that_seam_refused_the_connection(connect: Connect) -> None:
    with RecordingServer(PENDING, listening=False) as server:
        with pytest.raises(SeamUnreachable, match="refused") as caught:
            connect(server).unlock_door("door-1", send_by=SendBy.within(0.4))
        assert not caught.value.can_have_moved


def test_it_unlocks_when_seam_comes_back_before_send_by(connect: Connect) -> None:
    with RecordingServer(PENDING, listening=False) as server:
        threading.Timer(0.2, server.listen).start()
        assert connect(server).unlock_door("door-1", send_by=soon()).status == "pending"
        assert len(server.requests) == 1


def test_it_says_that_there_is_no_such_name(connect: Connect) -> None:
    with pytest.raises(SeamUnreachable, match="name"):
        connect("https://seam.invalid").unlock_door("door-1", send_by=SendBy.within(1))


def test_it_trusts_no_certificate_that_it_does_not_know_and_does_not_try_again(
    connect: Connect, tls: TLS
) -> None:
    with RecordingServer(PENDING, tls=tls[1]) as server:
        with pytest.raises(SeamUnreachable, match="not trusted"):
            connect(server).unlock_door("door-1", send_by=soon())
        until(lambda: server.hung_up == 1)
        assert server.connections == 1
        assert not server.bytes_read


def test_it_keeps_few_stuck_calls_and_refuses_more_at_once(
    connect: Connect, slow_names: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "_MAX_LEFT_BEHIND", 3)
    with RecordingServer(PENDING) as server:
        client = connect(server)
        for _press in range(3):
            with pytest.raises(SeamTooLate):
                client.unlock_door("door-1", send_by=SendBy.within(0.3))
        started = time.monotonic()
        with pytest.raises(SeamUnreachable, match="stuck"):
            client.unlock_door("door-1", send_by=soon())
        assert time.monotonic() - started < AFTER
        assert len(calls_under_way()) == 3
        slow_names.set()
        until(lambda: not calls_under_way())
        assert client.unlock_door("door-1", send_by=soon()).status == "pending"
        assert len(server.requests) == 1


def test_a_read_says_unreachable_where_no_connection_comes_in_time(
    connect: Connect, slow_names: threading.Event
) -> None:
    with RecordingServer(PENDING) as server:
        started = time.monotonic()
        with pytest.raises(SeamUnreachable):
            connect(server, read_timeout=0.2).get_action_attempt("attempt-1")
        assert time.monotonic() - started < 0.2 + AFTER
        slow_names.set()
        until(lambda: not calls_under_way())


STALLS = {
    "before the headers": sends(b"", then="hang"),
    "in the headers": sends(WHOLE[:25], then="hang"),
    "in the body": sends(WHOLE[:-5], then="hang"),
    "headers that drip": drips(WHOLE + b" " * 1000, every=0.05),
    "endless 100 Continue": drips(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, every=0.002),
    "body that drips": drips(http(200, b" " * 5000), every=0.01),
}


@pytest.mark.parametrize("reply", STALLS.values(), ids=STALLS.keys())
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_it_waits_no_longer_than_the_answer_timeout(
    connect: Connect, tls: TLS, reply: Any, secure: bool
) -> None:
    options = {"transport": Transport(ca_file=str(tls[0]))} if secure else {}
    with RecordingServer(reply, tls=tls[1] if secure else None) as server:
        started = time.monotonic()
        with pytest.raises(SeamOutcomeUnknown, match="in time"):
            connect(server, answer_timeout=0.3, **options).unlock_door("door-1", send_by=soon())
        assert 0.25 < time.monotonic() - started < 0.3 + AFTER
        assert len(server.requests) == 1
        until(lambda: not calls_under_way(), patience=3)


def test_it_keeps_what_the_head_of_a_stalled_answer_said(connect: Connect) -> None:
    reply = sends(WHOLE[:-5], then="hang")
    with RecordingServer(reply) as server, pytest.raises(SeamOutcomeUnknown) as caught:
        connect(server, answer_timeout=0.3).unlock_door("door-1", send_by=soon())
    assert (caught.value.status, caught.value.request_id) == (200, "req-7")


def test_a_read_ends_within_its_timeout_with_all_its_repetitions(connect: Connect) -> None:
    def late_503(talk: Talk) -> None:
        talk.pause(0.5)
        talk.send(http(503, b"{}"))

    with RecordingServer(late_503, sends(b"", then="hang")) as server:
        started = time.monotonic()
        with pytest.raises(SeamUnreadable):
            connect(server, read_timeout=2.0).get_action_attempt("attempt-1")
        assert time.monotonic() - started < 2.0 + AFTER
        assert len(server.requests) == 2


def test_it_waits_for_an_answer_that_is_slow_but_in_time(connect: Connect) -> None:
    whole = http(200, b'{"action_attempt": null, "locks": []}')
    with RecordingServer(drips(whole, every=0.001)) as server:
        assert list(connect(server).iter_locks()) == []
