"""urllib3 connections that pass a call's gate right before the first byte of its request.

The gate stands after name resolution, connecting and TLS, and before each further request of a
connection.
"""

from __future__ import annotations

import io
import logging
import math
import re
import socket
import ssl
import threading
import time
from functools import lru_cache
from http.client import HTTPException, HTTPResponse
from typing import Any, NoReturn

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from locks.seam.gate import Call

_POOL_SIZE = 32
# A connection that was idle for longer may be dead without either end knowing (a NAT forgot it).
_MAX_IDLE = 30.0
_MOST_IN_LINES = 256 * 1024  # bytes of status lines, headers, chunk sizes and trailers of an answer
_ESCAPES = re.compile(rb"\\(?:u00([2-7][0-9a-fA-F])|.)", re.DOTALL)
_SOCKET_OPTIONS = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
]


class Secret:
    """An API key that no repr, log line, debug page or pickle shows."""

    __slots__ = ("_hidden",)

    def __init__(self, value: str) -> None:
        if not value or not all("!" <= character <= "~" for character in value):
            raise ValueError("The API key is empty or has characters that a header cannot carry.")
        self._hidden = value

    def __repr__(self) -> str:
        return "<hidden>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A Secret is neither copied nor pickled.")

    def authorization(self) -> str:
        """The value of the Authorization header (RFC 6750)."""
        return f"Bearer {self._hidden}"

    def hide_in(self, data: bytes) -> bytes:
        """`data` without the key, should a server send it back, as it is or in JSON's escapes."""
        key = self._hidden.encode()
        if b"\\u00" in data and key in (plain := _ESCAPES.sub(_unescaped, data)):
            data = plain
        return data.replace(key, b"<hidden>")


def _unescaped(escape: re.Match[bytes]) -> bytes:
    """The character of a JSON escape; those that a string needs stay escaped."""
    character = bytes.fromhex(escape[1].decode()) if escape[1] else b""
    return escape[0] if character in (b"", b'"', b"\\", b"\x7f") else character


_this_thread = threading.local()


def work_for(call: Call, secret: Secret) -> None:
    """From here on this thread's connections obey `call` and carry `secret`."""
    _this_thread.call, _this_thread.secret = call, secret


def _call() -> Call:
    call: Call = _this_thread.call
    return call


def _is_not_ours(_record: logging.LogRecord) -> bool:
    return getattr(_this_thread, "call", None) is None


# urllib3 logs headers that it cannot parse as they came: the server's text, perhaps with the key.
logging.getLogger("urllib3.connection").addFilter(_is_not_ours)


class _Lines(io.BufferedReader):
    """What a server sends, with an end to its lines.

    Each is bounded by http.client or urllib3, but not how many trailers, one-byte chunks or
    100 Continue there are: they would keep a processor busy for all of the answer's time.
    """

    _read_in_lines = 0

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        self._read_in_lines += len(line)
        if self._read_in_lines > _MOST_IN_LINES:
            raise HTTPException("Headers without end.")
        return line


class _Response(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = _Lines(self.fp.detach())


class _Connection(HTTPConnection):
    """Holds a request back until it is whole, then lets it through the gate in one write."""

    response_class = _Response

    debuglevel = 0  # else http.client can be told to print what is sent and answered
    idle_since = math.inf

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        try:
            _call().hold(sock)
        except BaseException:
            sock.close()
            raise
        return sock

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        self._held = bytearray()
        super().request(method, url, *args, **kwargs)
        _call().pass_gate(self.sock)
        self.sock.sendall(self._held)

    def endheaders(self, *args: Any, **kwargs: Any) -> None:
        # Only here, so that no request object, log record or frame above ever holds the key.
        self.putheader("Authorization", _this_thread.secret.authorization())
        super().endheaders(*args, **kwargs)

    def send(self, data: Any) -> None:
        self._held += data


class _TLSConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection: Any = super()._get_conn(timeout)
        if time.monotonic() - connection.idle_since > _MAX_IDLE:
            connection.close()
        return connection

    def _validate_conn(self, conn: Any) -> None:
        super()._validate_conn(conn)
        if conn.is_closed:
            conn.connect()

    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            conn.idle_since = time.monotonic()
            # After anything but a plain answer (103 Early Hints, say) another one may still come,
            # and would be taken for the answer to the next request.
            if not _call().let_go() or _call().status != 200:
                conn.close()
        super()._put_conn(conn)


class _TLSPool(_Pool, HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class GatedAdapter(HTTPAdapter):
    """Pools of gated connections with one TLS context: loading it takes longer than a call."""

    def __init__(self, ca_file: str) -> None:
        self._ca_file = ca_file
        super().__init__(pool_maxsize=_POOL_SIZE, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """requests' own, with our pools and context."""
        kwargs |= {"ssl_context": _tls_context(self._ca_file), "socket_options": _SOCKET_OPTIONS}
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Nothing to add: the context verifies, always."""


@lru_cache(maxsize=8)
def _tls_context(ca_file: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file)
