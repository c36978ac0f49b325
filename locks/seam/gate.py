"""The gate of a call: it starts in time or never, and whoever waits for it can end it.

Shared by two threads: the one that makes the call and the one that waits for it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class SendBy:
    """The moment after which nothing may leave, on both clocks: either may be wrong.

    `wall` is a `time.time()`, `monotonic` a `time.monotonic()`, both in seconds.
    """

    wall: float
    monotonic: float

    @classmethod
    def within(cls, seconds: float) -> SendBy:
        """The moment `seconds` from now."""
        return cls(wall=time.time() + seconds, monotonic=time.monotonic() + seconds)

    def remaining(self) -> float:
        """Seconds left on the clock that is further on; never below 0."""
        return max(0.0, min(self.wall - time.time(), self.monotonic - time.monotonic()))

    def passed(self) -> bool:
        """Whether either clock is past it."""
        return self.remaining() == 0.0


@dataclass(frozen=True)
class Answer:
    """What came back: the whole body, not yet understood, and the two headers that matter."""

    status: int
    body: bytes
    request_id: str = ""
    retry_after: str = ""


@dataclass(frozen=True)
class Failure:
    """Why there is no answer, in words that fit behind "Seam could not be reached:"."""

    reason: str
    lasting: bool = False
    gate_closed: bool = False


class GateClosed(Exception):
    """Not to be sent any more. No OSError and no HTTPException: urllib3 lets it through."""


class Call:
    """What the thread that makes a call and the thread that waits for it share."""

    def __init__(self, send_by: SendBy) -> None:
        self._changed = threading.Condition()
        self._send_by = send_by
        self._handle: socket.socket | None = None
        self._given_up = False
        self.sent_at: float | None = None
        self.status: int | None = None
        self.request_id = ""
        self.outcome: Answer | Failure | None = None

    # -- by the thread that makes the call -----------------------------------------------------

    def hold(self, sock: socket.socket) -> None:
        """Take a handle on a connection, so that the other thread can cut it in any state.

        A second descriptor, because TLS detaches the first, and because closing a descriptor that
        another thread is using could hit whatever gets its number next.
        """
        with self._changed:
            self._drop_handle()
            if self._given_up:
                raise GateClosed
            self._handle = socket.socket(fileno=os.dup(sock.fileno()))

    def pass_gate(self, sock: socket.socket) -> None:
        """The last step before the first byte: from here on it counts as sent. Else it never is."""
        with self._changed:
            if self._given_up or self._send_by.passed():
                self._given_up = True
                raise GateClosed
            if self._handle is None:
                self._handle = socket.socket(fileno=os.dup(sock.fileno()))
            self.sent_at = time.monotonic()
            self._changed.notify_all()

    def heard(self, status: int, request_id: str) -> None:
        """Keep what the head of the answer says, should the body never come."""
        with self._changed:
            self.status, self.request_id = status, request_id

    def let_go(self) -> bool:
        """Before the connection is pooled for others: it can no longer be cut. False if it was."""
        with self._changed:
            self._drop_handle()
            return not self._given_up

    def finish(self, outcome: Answer | Failure) -> None:
        """The call is over."""
        with self._changed:
            self._drop_handle()
            self.outcome = outcome
            self._changed.notify_all()

    # -- by the thread that waits --------------------------------------------------------------

    def wait_until_sent(self) -> None:
        """Until the gate is passed, the call is over, or `send_by`."""
        with self._changed:
            self._changed.wait_for(
                lambda: self.sent_at is not None or self.outcome is not None,
                timeout=self._send_by.remaining(),
            )

    def wait_until_over(self, moment: float) -> None:
        """Until the call is over, or `moment` on the monotonic clock."""
        with self._changed:
            self._changed.wait_for(
                lambda: self.outcome is not None, timeout=max(0.0, moment - time.monotonic())
            )

    def give_up_unsent(self) -> bool:
        """Close the gate. True: nothing was sent, and nothing will be."""
        with self._changed:
            if self.sent_at is None:
                self._give_up()
            return self.sent_at is None

    def give_up(self) -> None:
        """Close the gate; if it was passed, cut the connection."""
        with self._changed:
            if self.outcome is None:
                self._give_up()

    def _give_up(self) -> None:
        self._given_up = True
        if self._handle is not None:
            with contextlib.suppress(OSError):  # already gone
                self._handle.shutdown(socket.SHUT_RDWR)
            self._drop_handle()

    def _drop_handle(self) -> None:
        if self._handle is not None:
            self._handle.close()
            self._handle = None
