"""One HTTP POST that starts in time or never, and ends in time.

`requests` cannot promise either by itself: its time-outs are per address and per `recv`, name
resolution has none at all, and none of its exceptions tells whether a byte left. Here each call
runs in a daemon thread of its own and passes a gate right before the first byte of the request,
after name resolution, connecting and TLS. Whoever waits can close the gate (then nothing was sent
and nothing ever will be) or, once it was passed, cut the connection.
"""

from __future__ import annotations

import math
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from locks.seam.connections import GatedAdapter, Secret, work_for
from locks.seam.errors import SeamTooLate, SeamUnreachable
from locks.seam.gate import Answer, Call, Failure, GateClosed, SendBy
from locks.seam.resources import clean

MEBIBYTE = 1024 * 1024
REQUEST_ID_LENGTH = 100
_MAX_LEFT_BEHIND = 32
_CONNECT_TIMEOUT = 3.0  # seconds for each address, so that a dead one leaves time for the next
_OVERSLEPT = 0.5  # seconds past a bound after which this process must have been suspended
_TIME_TO_READ = 1.0
_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
    "User-Agent": "accessdesk",
}


@dataclass(frozen=True)
class Order:
    """One POST. Times in seconds; `end_by` is a `time.monotonic()` that bounds the whole call."""

    url: str
    body: bytes
    secret: Secret
    send_by: SendBy
    answer_timeout: float
    end_by: float = math.inf
    max_bytes: int = MEBIBYTE


class NoAnswer(Exception):
    """The request was or may have been sent, and no whole answer came back."""

    def __init__(self, reason: str, *, status: int | None = None, request_id: str = "") -> None:
        super().__init__(reason)
        self.reason, self.status, self.request_id = reason, status, request_id


class _Unusable(Exception):
    """The body is too large, or compressed although that was declined."""


class _Session(requests.Session):
    """A cheap wrapper for one call: no environment, no cookies kept, no redirect even looked at."""

    def __init__(self, adapter: HTTPAdapter) -> None:
        super().__init__()
        self.trust_env = False
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None. Even if told not to follow, requests would read all of a redirect's body."""
        return None


class Transport:
    """The connections of this process to Seam. Safe to share between threads and across a fork.

    `ca_file`: certificates to trust in place of the usual ones, as PEM.
    """

    def __init__(self, *, ca_file: str | None = None) -> None:
        self._ca_file = ca_file or DEFAULT_CA_BUNDLE_PATH
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._lock = threading.Lock()
        self._left_behind: list[threading.Thread] = []
        self._adapter = GatedAdapter(self._ca_file)
        self._pid = os.getpid()

    def post(self, order: Order) -> Answer:
        """Seam's answer, whatever its status.

        Raises SeamTooLate (`send_by` passed first) or SeamUnreachable where nothing was sent, and
        NoAnswer where something was or may have been. Ends by `send_by` if nothing was sent, else
        within `answer_timeout` of the first byte, and by `end_by` if that is earlier.
        """
        if self._pid != os.getpid():  # sockets shared with a parent would mix up their answers
            self._start_afresh()
        if order.send_by.passed():
            raise SeamTooLate("It was too late to send it.")
        call = Call(order.send_by)
        thread = self._start(call, order)
        try:
            return self._wait(call, order)
        finally:
            # Also where the wait itself is interrupted: what was not sent shall not leave later.
            call.give_up()
            if call.outcome is None:
                with self._lock:
                    self._left_behind.append(thread)

    def close(self) -> None:
        """Close the idle connections. The next call opens a new one."""
        self._adapter.close()

    def _start(self, call: Call, order: Order) -> threading.Thread:
        with self._lock:
            self._left_behind = [thread for thread in self._left_behind if thread.is_alive()]
            if len(self._left_behind) >= _MAX_LEFT_BEHIND:
                raise SeamUnreachable("Too many calls to Seam are still stuck.", lasting=True)
        thread = threading.Thread(
            target=_make_call, args=(self._adapter, call, order), name="seam-call", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:
            raise SeamUnreachable("No thread could be started for the call.") from None
        return thread

    def _wait(self, call: Call, order: Order) -> Answer:
        call.wait_until_sent()
        failure = call.outcome
        if call.give_up_unsent():
            if isinstance(failure, Failure) and not failure.gate_closed:
                reason = f"Seam could not be reached: {failure.reason}."
                raise SeamUnreachable(reason, lasting=failure.lasting)
            raise SeamTooLate("It was too late to send it once a connection was there.")
        sent_at = call.sent_at or 0.0
        moment = min(sent_at + order.answer_timeout, order.end_by)
        call.wait_until_over(moment)
        if time.monotonic() - moment > _OVERSLEPT:
            # The process stood still meanwhile: the answer may be here, and only needs to be read.
            call.wait_until_over(time.monotonic() + _TIME_TO_READ)
        call.give_up()
        outcome = call.outcome
        if isinstance(outcome, Answer):
            return outcome
        reason = outcome.reason if outcome else "no whole answer came in time"
        raise NoAnswer(reason, status=call.status, request_id=call.request_id)


def _make_call(adapter: HTTPAdapter, call: Call, order: Order) -> None:
    """The thread of one call. No exception leaves it: their frames hold the key."""
    work_for(call, order.secret)
    try:
        outcome: Answer | Failure = _exchange(adapter, call, order)
    except Exception as problem:
        outcome = _failure(problem, sent=call.sent_at is not None)
    call.finish(outcome)


def _exchange(adapter: HTTPAdapter, call: Call, order: Order) -> Answer:
    session = _Session(adapter)  # never closed: that would close the adapter, which all share
    request = requests.Request("POST", order.url, data=order.body, headers=_HEADERS)
    response = session.send(
        session.prepare_request(request),
        stream=True,
        allow_redirects=False,
        # The second is a belt only: whoever waits holds the deadlines.
        timeout=(_CONNECT_TIMEOUT, order.answer_timeout + 1),
    )
    try:
        request_id = _header(response.headers, "seam-request-id", order.secret)
        call.heard(response.status_code, request_id)
        return Answer(
            status=response.status_code,
            body=order.secret.hide_in(_body(response, order.max_bytes)),
            request_id=request_id,
            retry_after=_header(response.headers, "retry-after", order.secret),
        )
    finally:
        response.close()


def _header(headers: Mapping[str, str], name: str, secret: Secret) -> str:
    value = headers.get(name, "").encode("latin-1", "replace")
    return clean(secret.hide_in(value).decode("latin-1"), REQUEST_ID_LENGTH)


def _body(response: requests.Response, max_bytes: int) -> bytes:
    """The whole body as it came; nothing is ever decompressed."""
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise _Unusable("the answer was compressed")
    body = bytearray()
    for chunk in response.raw.stream(65536, decode_content=False):
        body += chunk
        if len(body) > max_bytes:
            raise _Unusable("the answer was too large")
    return bytes(body)


# In fixed words: what the libraries say is long, and partly the server's.
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (ssl.SSLCertVerificationError, "its certificate is not trusted"),
    (socket.gaierror, "its name was not found"),
    (ConnectionRefusedError, "it refused the connection"),
    (ssl.SSLError, "no secure connection could be made"),
    (TimeoutError, "connecting took too long"),
)


def _failure(problem: Exception, *, sent: bool) -> Failure:
    if isinstance(problem, _Unusable):
        return Failure(str(problem))
    if sent:
        return Failure("the connection broke before a whole answer came")
    causes = list(_causes(problem))
    if any(isinstance(cause, GateClosed) for cause in causes):
        return Failure("it was too late", gate_closed=True)
    for kind, reason in _REASONS:
        if any(isinstance(cause, kind) for cause in causes):
            return Failure(reason, lasting=kind is ssl.SSLCertVerificationError)
    return Failure("no connection could be made")


def _causes(problem: BaseException) -> Iterator[BaseException]:
    """The problem and all that requests and urllib3 wrapped in it."""
    waiting, seen = [problem], set()
    while waiting:
        cause = waiting.pop()
        seen.add(id(cause))
        yield cause
        inner = (cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args)
        waiting += [c for c in inner if isinstance(c, BaseException) and id(c) not in seen]


@lru_cache(maxsize=1)
def shared_transport() -> Transport:
    """The transport that every client of this process shares unless it is given one."""
    return Transport()
