"""Over which connections calls to Seam go."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from ssl import SSLContext
from typing import Any

import pytest

import locks
from locks.seam import SeamClient, SeamOutcomeUnknown, Transport, transport
from locks.tests.servers import (
    HOST,
    KEY,
    PENDING,
    Connect,
    RecordingServer,
    Talk,
    attempt,
    calls_under_way,
    clients,
    http,
    make_certificate,
    replies,
    sends,
    soon,
    until,
)

TLS = tuple[Path, SSLContext]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TLS:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def connect() -> Iterator[Connect]:
    with clients() as connect:
        yield connect


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_it_uses_one_connection_for_calls_of_many_threads(
    connect: Connect, tls: TLS, secure: bool
) -> None:
    options = {"transport": Transport(ca_file=str(tls[0]))} if secure else {}
    with RecordingServer(PENDING, tls=tls[1] if secure else None) as server:
        client = connect(server, **options)
        for _press in range(5):
            thread = threading.Thread(
                target=client.unlock_door, args=("door-1",), kwargs={"send_by": soon()}
            )
            thread.start()
            thread.join()
        assert len(server.requests) == 5
        assert server.connections == 1


def test_clients_of_a_process_share_their_connections() -> None:
    with RecordingServer(PENDING) as server:
        first, second = (SeamClient(api_key=KEY, endpoint=server.endpoint) for _ in range(2))
        first.unlock_door("door-1", send_by=soon())
        second.unlock_door("door-1", send_by=soon())
        assert server.connections == 1
        first.close()
        until(lambda: server.hung_up == 1)
        second.unlock_door("door-1", send_by=soon())
        second.close()


def test_it_makes_a_new_connection_where_seam_has_closed_the_old_one(connect: Connect) -> None:
    def answer_and_close(talk: Talk) -> None:
        PENDING(talk)
        talk.close()

    with RecordingServer(answer_and_close, PENDING) as server:
        client = connect(server)
        client.unlock_door("door-1", send_by=soon())
        until(lambda: server.hung_up == 1)
        client.unlock_door("door-1", send_by=soon())
        assert [request.connection for request in server.requests] == [1, 2]


def test_it_does_not_use_a_connection_that_was_idle_for_long(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("locks.seam.connections._MAX_IDLE", 0.0)
    with RecordingServer(PENDING) as server:
        client = connect(server)
        for _press in range(2):
            client.unlock_door("door-1", send_by=soon())
        assert [request.connection for request in server.requests] == [1, 2]


def test_it_never_repeats_an_unlock_that_died_on_a_used_connection(connect: Connect) -> None:
    with RecordingServer(PENDING, sends(b""), PENDING) as server:
        client = connect(server)
        client.unlock_door("door-1", send_by=soon())
        with pytest.raises(SeamOutcomeUnknown):
            client.unlock_door("door-1", send_by=soon())
        assert [request.connection for request in server.requests] == [1, 1]


def test_it_drops_a_connection_with_bytes_that_nobody_asked_for(connect: Connect) -> None:
    """Else the leftover of one answer would be taken for the next one."""
    twice = http(200, json.dumps(attempt()).encode()) + http(200, b'{"action_attempt": {}}')
    with RecordingServer(lambda talk: talk.send(twice), PENDING) as server:
        client = connect(server)
        client.unlock_door("door-1", send_by=soon())
        until(lambda: not calls_under_way())
        assert client.unlock_door("door-1", send_by=soon()).action_attempt_id == "attempt-1"


def test_a_call_given_up_late_leaves_the_connection_to_the_next_one(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer was read and the connection is back in the pool, but its thread is not done yet."""
    done, finish = threading.Event(), transport.Call.finish

    def finish_late(call: transport.Call, outcome: Any) -> None:
        done.wait(5)
        finish(call, outcome)

    with RecordingServer(PENDING) as server:
        client = connect(server, answer_timeout=0.3)
        with monkeypatch.context() as late:
            late.setattr(transport.Call, "finish", finish_late)
            with pytest.raises(SeamOutcomeUnknown):
                client.unlock_door("door-1", send_by=soon())
        done.set()
        until(lambda: not calls_under_way())
        client.unlock_door("door-1", send_by=soon())
        assert [request.connection for request in server.requests] == [1, 1]


def test_it_keeps_no_cookies(connect: Connect) -> None:
    reply = replies(200, attempt(), Set_Cookie="session=abc; Path=/")
    with RecordingServer(reply) as server:
        client = connect(server)
        for _press in range(2):
            client.unlock_door("door-1", send_by=soon())
        assert all("cookie" not in request.headers for request in server.requests)


def test_it_takes_nothing_from_the_environment(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine {HOST} login someone password word\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with RecordingServer(PENDING) as proxy, RecordingServer(PENDING) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.endpoint)
        connect(server).unlock_door("door-1", send_by=soon())
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
        assert proxy.connections == 0


FORKING = """
import os, sys
from locks.seam import SeamClient, SendBy
client = SeamClient(api_key="seam_key", endpoint=sys.argv[1])
client.unlock_door("door-1", send_by=SendBy.within(5))
child = os.fork()
client.unlock_door("child" if child == 0 else "parent", send_by=SendBy.within(5))
if child == 0:
    os._exit(0)
sys.exit(os.waitpid(child, 0)[1] != 0)
"""


def test_a_forked_worker_makes_connections_of_its_own() -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(locks.__file__).parent.parent)}
    with RecordingServer(PENDING) as server:
        subprocess.run(
            [sys.executable, "-c", FORKING, server.endpoint],
            check=True,
            env=environment,
            timeout=30,
        )
        used = {r.json()["device_id"]: r.connection for r in server.requests}
    assert used["parent"] == used["door-1"]
    assert used["child"] != used["parent"]
