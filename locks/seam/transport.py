"""POST over requests, with what requests cannot promise: no byte after `send_by`, no wait past a deadline.

`requests` bounds each connection attempt and each read, never the whole call, and its errors do not tell
whether the request left. So every call passes a gate right before its first byte and runs in a thread that
its caller can leave behind.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from locks.seam.errors import SeamTooLate, SeamUnreachable

CONNECT_TIMEOUT = 3.05  # seconds for each address
MOST_CALLS = 64  # threads, those left behind included


class NoAnswer(Exception):
    """The request left, wholly or in part, and no whole answer came back. Internal to this package."""


@dataclass(frozen=True)
class SendBy:
    """A moment on two clocks: the wall clock may be set, the monotonic one sleeps with the machine."""

    wall: float  # as time.time()
    monotonic: float  # as time.monotonic()

    @classmethod
    def within(cls, seconds: float) -> SendBy:
        """The moment `seconds` from now."""
        return cls(wall=time.time() + seconds, monotonic=time.monotonic() + seconds)

    @property
    def left(self) -> float:
        """Seconds until then on the clock that is further; negative when it has passed."""
        return min(self.wall - time.time(), self.monotonic - time.monotonic())

    def passed(self) -> bool:
        """Whether either clock is past it."""
        return self.left <= 0


class Secret:
    """Hands a secret to the header writer, and to nobody who prints or pickles it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "<hidden>"

    __str__ = __repr__

    def __reduce__(self) -> Any:
        raise TypeError("A secret is not pickled.")


class _Shut(Exception):
    """The gate is shut: the caller has gone, or it is too late."""


class Gate:
    """Stands before the first byte of one call: either it was sent, or it never will be."""

    def __init__(self, send_by: SendBy) -> None:
        self.sent = False
        self.late = False
        self.moved = threading.Event()  # sent, or over
        self._send_by = send_by
        self._shut = False
        self._lock = threading.Lock()
        self._socket: Any = None

    def pass_first_byte(self, connected: Any) -> None:
        """Called with the connected socket right before the request is written. Raises _Shut."""
        with self._lock:
            if self._shut or self._send_by.passed():
                self._shut, self.late = True, True
                raise _Shut
            self.sent, self._socket = True, connected
        self.moved.set()

    def shut(self) -> bool:
        """Make sure that nothing leaves any more. False where something already has."""
        with self._lock:
            self._shut = True
            return not self.sent

    def hang_up(self) -> None:
        """End the connection under the thread that still reads from it."""
        with self._lock, contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


_current = threading.local()


class _Gated:
    """Holds back what http.client writes until the request is whole, then passes the gate once."""

    sock: Any
    _held: list[bytes] | None = None

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Write head and body at once: no byte of a request leaves after the gate was asked."""
        self._held = []
        try:
            super().request(*args, **kwargs)  # type: ignore[misc]
            whole = b"".join(self._held)
        finally:
            self._held = None
        if self.sock is None:
            self.connect()  # type: ignore[attr-defined]
        _current.gate.pass_first_byte(self.sock)
        super().send(whole)  # type: ignore[misc]

    def send(self, data: Any) -> None:
        if self._held is None:
            raise _Shut  # nothing is written but through request()
        self._held.append(bytes(data))


class _Connection(_Gated, HTTPConnection):
    pass


class _SecureConnection(_Gated, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    """The process-wide pool: sessions come and go with each call, connections stay."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        connections, maxsize = args[:2]
        self.poolmanager = PoolManager(
            num_pools=connections,
            maxsize=maxsize,
            socket_options=[
                (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
                (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
            ],
        )
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


@dataclass(frozen=True)
class Reply:
    """A whole answer: status, headers by lower-case name, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Call:
    """One POST: where to, what, and until when. Times in seconds, sizes in bytes."""

    url: str
    body: bytes
    send_by: SendBy
    answer_timeout: float = 8.0  # from the first byte sent to the last one read
    most_bytes: int = 1_048_576


class Transport:
    """Makes calls; safe to share between threads."""

    def __init__(self, *, secret: Secret, verify: bool | str = True) -> None:
        self._secret = secret
        self._verify = verify
        self._adapter = _Adapter(max_retries=0, pool_connections=4, pool_maxsize=MOST_CALLS)
        self._slots = threading.BoundedSemaphore(MOST_CALLS)

    def __repr__(self) -> str:
        return "Transport()"

    def close(self) -> None:
        """Close the idle connections."""
        self._adapter.close()

    def post(self, call: Call) -> Reply:
        """The whole answer.

        Raises SeamTooLate or SeamUnreachable where nothing was written, NoAnswer where something was.
        Returns or raises at the latest at `send_by` (nothing sent) or `answer_timeout` after sending.
        """
        if not self._slots.acquire(blocking=False):
            raise SeamUnreachable("Too many calls to Seam are under way.")
        running = _Running(call, self)
        threading.Thread(target=running.run, name="seam-call", daemon=True).start()
        running.gate.moved.wait(max(0.0, call.send_by.left))
        if not running.over.is_set() and running.gate.shut():
            raise SeamTooLate("Seam could not be reached in time.")
        if not running.over.wait(call.answer_timeout):
            running.gate.hang_up()
            raise NoAnswer("Seam did not answer in time.")
        return running.outcome()

    def exchange(self, call: Call) -> Reply:
        """The call itself, on the running thread; its gate is the thread's."""
        with requests.Session() as session:
            session.trust_env = False  # a netrc entry would replace the bearer header
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            session.adapters.clear()
            session.mount("https://", self._adapter)
            session.mount("http://", self._adapter)
            session.close = lambda: None  # type: ignore[method-assign]  # the pool outlives it
            response = session.post(
                call.url,
                data=call.body,
                headers={
                    "Content-Type": "application/json",
                    "Accept": "application/json",
                    "Accept-Encoding": "identity",
                    "User-Agent": "accessdesk",
                },
                auth=self._authorize,
                timeout=(CONNECT_TIMEOUT, call.answer_timeout),
                allow_redirects=False,
                stream=True,
                verify=self._verify,
            )
            with contextlib.closing(response):
                body = _read(response, call.most_bytes)
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Reply(status=response.status_code, headers=headers, body=body)

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._secret.reveal()}"
        return request

    def give_back(self) -> None:
        """A running call is over."""
        self._slots.release()


class _Running:
    """One call on a thread of its own, which may outlive its caller but not its gate."""

    def __init__(self, call: Call, transport: Transport) -> None:
        self.gate = Gate(call.send_by)
        self.over = threading.Event()
        self._call, self._transport = call, transport
        self._reply: Reply | None = None

    def run(self) -> None:
        _current.gate = self.gate
        try:
            self._reply = self._transport.exchange(self._call)
        except Exception:
            # Which one says nothing certain: the gate knows whether anything left. Its traceback
            # would hold the headers, and the key with them, so it ends here.
            self._reply = None
        finally:
            self._transport.give_back()
            self.over.set()
            self.gate.moved.set()

    def outcome(self) -> Reply:
        """What the call came to, once it is over."""
        if self._reply is not None:
            return self._reply
        if self.gate.sent:
            raise NoAnswer("The connection to Seam broke before its answer was whole.")
        if self.gate.late:
            raise SeamTooLate("Seam could not be reached in time.")
        raise SeamUnreachable("No connection to Seam could be made.")


def _read(response: requests.Response, most_bytes: int) -> bytes:
    """The body as it came. A compressed one is refused: a small bomb makes a large body."""
    if response.headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}:
        raise NoAnswer("Seam's answer is compressed, which was not asked for.")
    chunks, size = [], 0
    while chunk := response.raw.read(65_536, decode_content=False):
        chunks.append(chunk)
        size += len(chunk)
        if size > most_bytes:
            raise NoAnswer("Seam's answer is too large.")
    return b"".join(chunks)
