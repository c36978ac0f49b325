"""Real servers on loopback that record what arrives and misbehave as told, and clients for them."""

import gzip
import json
import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from locks.seam import SeamClient, SendBy, Transport

KEY = "seam_testkey_9f8e7d6c5b4a"
# An address of this process alone: other programs that look for their own servers cannot come by.
HOST = f"127.{os.getpid() >> 16 & 255}.{os.getpid() >> 8 & 255}.{os.getpid() & 254 | 1}"
PATIENCE = 30.0  # seconds after which a test gives up on something that should happen at once


def until(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Return once `condition` holds; fail if it does not come to hold."""
    pause, give_up = threading.Event(), time.monotonic() + patience
    while not condition():
        assert time.monotonic() < give_up, "This should have happened by now."
        pause.wait(0.005)


@dataclass(frozen=True)
class Received:
    """A request as the server read it; `connection` counts from 1."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


class Talk:
    """One connection, as an answer sees it; `asked` is the request that it answers."""

    asked: Received

    def __init__(self, sock: socket.socket, stopping: threading.Event) -> None:
        self.sock, self._stopping = sock, stopping
        self.open = True

    def send(self, data: bytes) -> None:
        """Write; a client that has gone is no error."""
        with suppress(OSError):
            self.sock.sendall(data)

    def pause(self, seconds: float | None) -> bool:
        """Wait, or until the server stops. False if it stops."""
        return not self._stopping.wait(seconds)

    def close(self) -> None:
        """Hang up in order."""
        self.open = False

    def reset(self) -> None:
        """Hang up with a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.open = False


class Reply(Protocol):
    """Answers one request on its connection."""

    def __call__(self, talk: Talk) -> None:
        """Write what is to be written."""


def http(status: int, body: bytes, **headers: str) -> bytes:
    """A whole HTTP answer; `Content_Type="x"` becomes a header."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def replies(status: int, payload: Any = None, **headers: str) -> Reply:
    """JSON, or a body as it stands if `payload` is bytes."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    headers = {"Content_Type": "application/json", "Seam_Request_Id": "req-1"} | headers
    return lambda talk: talk.send(http(status, body, **headers))


def sends(data: bytes, *, then: str = "close") -> Reply:
    """Bytes as they stand, and then `close`, `reset`, or `hang` (no byte, no end)."""

    def reply(talk: Talk) -> None:
        talk.send(data)
        if then == "hang":
            talk.pause(None)
        elif then == "reset":
            talk.reset()
        talk.close()

    return reply


def drips(data: bytes, *, every: float = 0.02) -> Reply:
    """The bytes one at a time."""

    def reply(talk: Talk) -> None:
        for position in range(len(data)):
            talk.send(data[position : position + 1])
            if not talk.pause(every):
                return

    return reply


def zipped(payload: Any, size: int) -> Reply:
    """JSON and blanks, `size` bytes in all, as a gzip body that is far smaller."""
    body = gzip.compress(json.dumps(payload).encode().ljust(size))
    return lambda talk: talk.send(http(200, body, Content_Encoding="gzip"))


class RecordingServer:
    """Answers the n-th request with the n-th reply; the last one again and again.

    `tls` makes it speak TLS; `silent` makes it read and never answer; `greeting` is said before
    anything is asked, and then it hangs up; `listening=False` refuses connections until listen().
    """

    def __init__(
        self,
        *answers: Reply,
        tls: ssl.SSLContext | None = None,
        silent: bool = False,
        greeting: bytes = b"",
        listening: bool = True,
    ) -> None:
        self.requests: list[Received] = []
        self.connections = 0
        self.bytes_read = bytearray()
        self.hung_up = 0
        self._answers, self._tls, self._silent = answers, tls, silent
        self._greeting = greeting
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((HOST, 0))
        self.port = self._listener.getsockname()[1]
        if listening:
            self.listen()

    @property
    def endpoint(self) -> str:
        """The base address."""
        return f"http{'s' if self._tls else ''}://{HOST}:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for sock in self._sockets:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def listen(self) -> None:
        """Take connections from now on."""
        self._listener.listen(64)
        self._start(self._accept)

    def _start(self, work: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=work, args=args, name="test-server", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _address = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                handle = socket.socket(fileno=sock.dup().detach())
                self._sockets.append(handle)
            self._start(self._serve, sock, handle, self.connections)

    def _serve(self, sock: socket.socket, handle: socket.socket, number: int) -> None:
        try:
            with self._wrapped(sock) as stream, suppress(OSError):
                self._talk(stream, number)
        except OSError:
            sock.close()  # the TLS handshake failed
        with self._lock:
            self._sockets.remove(handle)
        handle.close()
        self.hung_up += 1

    def _wrapped(self, sock: socket.socket) -> socket.socket:
        return self._tls.wrap_socket(sock, server_side=True) if self._tls else sock

    def _talk(self, sock: socket.socket, number: int) -> None:
        talk = Talk(sock, self._stopping)
        if self._greeting:
            talk.send(self._greeting)
            return
        while talk.open and (received := self._read(sock, number)):
            with self._lock:
                self.requests.append(received)
                place = min(len(self.requests), len(self._answers)) - 1
            talk.asked = received
            self._answers[place](talk)

    def _read(self, sock: socket.socket, number: int) -> Received | None:
        data = bytearray()
        while self._silent or b"\r\n\r\n" not in data:
            if not self._more(sock, data):
                return None
        head, _, body = bytes(data).partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(": ") for line in lines)
        headers = {name.lower(): value for name, _, value in pairs}
        rest = bytearray(body)
        while len(rest) < int(headers.get("content-length", "0")):
            if not self._more(sock, rest):
                return None
        method, path, _version = first.split(" ")
        return Received(method, path, headers, bytes(rest), number)

    def _more(self, sock: socket.socket, data: bytearray) -> bool:
        chunk = sock.recv(65536)
        data += chunk
        self.bytes_read += chunk
        return bool(chunk)


def make_certificate(directory: Path, *, host: str = HOST) -> tuple[Path, ssl.SSLContext]:
    """A certificate for `host` that nobody trusts yet, and a server's context that uses it."""
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", f"/CN={host}"]
    command += [
        "-addext",
        f"subjectAltName=IP:{host}",
        "-addext",
        "keyUsage=critical,digitalSignature,keyCertSign",
    ]
    command += ["-out", str(certificate), "-keyout", str(key)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return certificate, context


Connect = Callable[..., SeamClient]


@contextmanager
def clients() -> Iterator[Connect]:
    """A maker of clients, each with connections of its own unless told; no thread outlives it."""
    made: list[SeamClient] = []

    def connect(server: RecordingServer | str, **options: Any) -> SeamClient:
        endpoint = server if isinstance(server, str) else server.endpoint
        for name, usual in (("answer_timeout", 2.0), ("read_timeout", 2.0)):
            options.setdefault(name, usual)
        options.setdefault("transport", Transport())
        made.append(SeamClient(api_key=KEY, endpoint=endpoint, **options))
        return made[-1]

    yield connect
    for client in made:
        client.close()
    until(lambda: not calls_under_way())


def calls_under_way() -> list[threading.Thread]:
    """The threads of calls that have not ended."""
    return [thread for thread in threading.enumerate() if thread.name == "seam-call"]


def soon() -> SendBy:
    """A `send_by` that no test reaches."""
    return SendBy.within(5)


def attempt(status: Any = "pending", **values: Any) -> dict[str, Any]:
    """The answer that holds an action attempt."""
    known = {
        "action_attempt_id": "attempt-1",
        "action_type": "UNLOCK_DOOR",
        "status": status,
        "result": None,
        "error": None,
    }
    return {"action_attempt": known | values, "ok": True}


PENDING = replies(200, attempt())


def refusal(kind: str, message: str = "No.", **values: Any) -> dict[str, Any]:
    """Seam's JSON error."""
    return {
        "error": {"type": kind, "message": message, "request_id": "req-9", **values},
        "ok": False,
    }
