"""The simulator's HTTP server, on loopback only."""

import contextlib
import ipaddress
import socket
import socketserver
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self

from .calls import Call, Calls
from .catalogue import CATALOGUE, DoorSpec
from .doors import Doors
from .params import ApiError
from .routes import Reply, Request, Routes, error_reply, recorded_body

MAX_BODY: Final = 256 * 1024
_UNLOCK: Final = "/locks/unlock_door"
_LOCK: Final = "/locks/lock_door"
_COMMANDS: Final = (_UNLOCK, _LOCK)


class Simulator:
    """A running simulator, inside a `with` block or between `start()` and `close()`.

    `host` is a loopback address, else ValueError. `port` 0 takes a free one; a taken one raises
    OSError here. `clock` counts the seconds in which doors are slow; tests may pass their own.
    """

    def __init__(
        self,
        *,
        api_key: str,
        host: str = "127.0.0.1",
        port: int = 0,
        doors: Iterable[DoorSpec] = CATALOGUE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._doors = Doors(doors, clock=clock)
        self._calls = Calls()
        self._withheld: dict[str, threading.Event] = {}
        self._server = _Server(loopback(host), port=port, answer=self._answer)
        self.endpoint: str = self._server.endpoint
        self._routes = Routes(self._doors, api_key=api_key, endpoint=self.endpoint)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="simulator", daemon=True
        )

    def start(self) -> Self:
        """Serve from a thread of its own; return at once."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop, and cut every connection. No thread of the simulator is left."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        for event in list(self._withheld.values()):
            event.set()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def calls(self) -> list[Call]:
        """The last 2000 calls, oldest first: every request that could be read, refused or not."""
        return self._calls.all()

    def posts(self, device_id: str) -> int:
        """How many calls came to `/locks/unlock_door` for this door, refused ones included."""
        return self._calls.count(_UNLOCK, device_id=device_id)

    def locks_asked(self, device_id: str) -> int:
        """How many calls came to `/locks/lock_door` for this door, refused ones included."""
        return self._calls.count(_LOCK, device_id=device_id)

    def unlocks(self, device_id: str) -> int:
        """How often this door has unlocked so far. Raises LookupError for an unknown door."""
        return self._doors.unlocks(device_id)

    def wait_for_calls(self, path: str, *, count: int = 1, timeout: float = 5.0) -> bool:
        """Wait until `count` calls came to `path`. False when `timeout` seconds passed before."""
        return self._calls.wait_for(path, count=count, timeout=timeout)

    def behave(self, device_id: str, behaviour: str) -> None:
        """Let a door answer otherwise from now on; `behaviour` is a key of BEHAVIOURS.

        Raises LookupError for an unknown door or behaviour.
        """
        self._doors.behave(device_id, behaviour)

    def turn(self, device_id: str, *, method: str = "manual") -> None:
        """Somebody unlocks the door without Seam: by hand, or by `keycode`.

        Raises LookupError for an unknown door.
        """
        self._doors.turn(device_id, method=method)

    def hold(self, device_id: str) -> None:
        """Keep this door's further attempts pending until `release`.

        Raises LookupError for an unknown door.
        """
        self._doors.hold(device_id)

    def withhold(self, device_id: str) -> None:
        """Take commands for this door as usual, but keep back the HTTP answers until `release`.

        Raises LookupError for an unknown door.
        """
        self._doors.unlocks(device_id)
        self._withheld.setdefault(device_id, threading.Event())

    def release(self, device_id: str) -> None:
        """End `hold` and `withhold`. Attempts that were held resolve at once.

        Raises LookupError for an unknown door.
        """
        self._doors.release(device_id)
        event = self._withheld.pop(device_id, None)
        if event is not None:
            event.set()

    def _answer(self, request: Request) -> Reply:
        body = recorded_body(request)
        self._calls.add(Call(request.path[:200], body, time.monotonic()))
        reply = self._routes.answer(request)
        device_id = body.get("device_id")
        if request.path in _COMMANDS and isinstance(device_id, str):
            event = self._withheld.get(device_id)
            if event is not None:
                event.wait()
        return reply


def loopback(host: str) -> str:
    """The loopback address that `host` names. Raises ValueError for any other."""
    address = "127.0.0.1" if host == "localhost" else host
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(address).is_loopback:
            return address
    raise ValueError(f"The simulator listens on a loopback address only, not on {host!r}.")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, *, port: int, answer: Callable[[Request], Reply]) -> None:
        self.answer = answer
        self._open: set[socket.socket] = set()
        self._none_open = threading.Condition()
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)
        shown = f"[{host}]" if ":" in host else host
        self.endpoint = f"http://{shown}:{self.server_address[1]}"

    def server_bind(self) -> None:
        # HTTPServer would look up the host's name, which can take seconds without a resolver.
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._none_open:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._none_open:
            self._open.discard(request)
            self._none_open.notify_all()

    def server_close(self) -> None:
        super().server_close()
        with self._none_open:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            self._none_open.wait_for(lambda: not self._open, timeout=2.0)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a caller that went away is none of the simulator's troubles."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "simulated-seam"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024  # headers and body leave in one write
    timeout = 60  # seconds that a connection may be idle

    def do_POST(self) -> None:
        body = self._read_body()
        if body is None:
            return
        request = Request(
            method=self.command,
            target=self.path,
            authorization=self.headers.get("Authorization"),
            content_type=self.headers.get("Content-Type", ""),
            body=body,
        )
        self._write(self.server.answer(request))

    do_GET = do_PUT = do_PATCH = do_DELETE = do_POST

    def handle_expect_100(self) -> bool:
        """Let a caller that waits for leave send its body, at once in spite of the buffer."""
        go_on = super().handle_expect_100()
        self.wfile.flush()
        return go_on

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is no proper HTTP in Seam's shape too, and end the connection."""
        self.close_connection = True
        self.request_version = self.protocol_version  # else a request of HTTP/0.9 gets no headers
        self._write(error_reply(ApiError(code, "invalid_request", message or "Bad request")))

    def log_message(self, format: str, *args: Any) -> None:
        """Keep no access log."""

    def _read_body(self) -> bytes | None:
        """The body, or None where an error was answered instead."""
        if "Transfer-Encoding" in self.headers:
            self.send_error(411, "Send a Content-Length")
            return None
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdecimal()):
            self.send_error(400, "Content-Length is no number")
            return None
        if len(length) > 9 or int(length) > MAX_BODY:
            self.send_error(413, "The body is too large")
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return None
        return body

    def _write(self, reply: Reply) -> None:
        if reply.hang_up:
            self.close_connection = True
            return
        self.send_response(reply.status)
        headers = {"seam-request-id": str(uuid.uuid4()), **reply.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        if reply.body:
            self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)
