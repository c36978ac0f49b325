"""A Seam that knows what really happened: the truth that the rows are held against.

It answers over HTTP as told, one answer a press, lies where it is told to lie, and keeps for itself
what each unlock came to. At the arrival of each it calls a witness, before anything else.
"""

import datetime as dt
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import connections

from locks.tests.servers import (
    PATIENCE,
    PENDING,
    Received,
    RecordingServer,
    Reply,
    Talk,
    attempt,
    http,
    refusal,
    replies,
    sends,
)

COMMANDS = {"/locks/unlock_door": "unlock", "/locks/lock_door": "lock"}
# Errors of an attempt that prove, by Seam's own meaning of them, that no command reached a lock.
NOTHING_MOVED = (
    "device_offline",
    "device_disconnected",
    "hub_disconnected",
    "account_disconnected",
)
MAY_STILL_ACT = ("lock_jammed", "action_attempt_expired", "something_new", "not_sent", "")


@dataclass
class Attempt:
    """What an accepted unlock, or lock, came to. `has_said` are all the statuses that it ever had."""

    attempt_id: str
    device_id: str
    action: str = "unlock"
    status: str = "pending"
    confirmed: bool | None = None
    error_type: str = ""
    listed: bool = True
    request: int | None = None  # the row that asked for it; None: somebody else did
    resolved_early: bool = False  # before Seam's answer to the call itself
    has_said: set[str] = field(default_factory=set)

    def turn(self, status: str, *, confirmed: bool | None = None, error_type: str = "") -> None:
        """Come to another status, whatever it was."""
        self.status, self.confirmed, self.error_type = status, confirmed, error_type
        self.has_said.add(status)

    def json(self, **lies: Any) -> dict[str, Any]:
        """As Seam tells it."""
        succeeded, failed = self.status == "success", self.status == "error"
        told = {} if self.confirmed is None else {"was_confirmed_by_device": self.confirmed}
        values = {
            "action_attempt_id": self.attempt_id,
            "action_type": f"{self.action.upper()}_DOOR",
            "status": self.status,
            "result": told if succeeded else None,
            "error": {"type": self.error_type, "message": "The lock said no."} if failed else None,
        }
        return attempt(**(values | lies))


@dataclass(frozen=True)
class Manner:
    """How one unlock is answered, and what the row of a press that lived must say then.

    `took`: whether Seam acts on it; None where its answer leaves that open.
    """

    outcome: str
    reply: Callable[[Attempt], Reply]
    took: bool | None = None
    status: str = "pending"
    confirmed: bool | None = None
    error_type: str = ""


def _told(outcome: str, status: str, **facts: Any) -> Manner:
    return Manner(outcome, lambda made: replies(200, made.json()), True, status, **facts)


def _refused(status: int, kind: str, **headers: str) -> Manner:
    return Manner("failed", lambda _made: replies(status, refusal(kind), **headers), False)


def _open(reply: Reply) -> Manner:
    """An answer that proves nothing: it may have been taken or not."""
    return Manner("unknown", lambda _made: reply)


def _other_type(made: Attempt) -> str:
    return "UNLOCK_DOOR" if made.action == "lock" else "LOCK_DOOR"


def outcome_of(manner: Manner, action: str) -> str:
    """What the row of a press of that button must say."""
    if action == "unlock":
        return manner.outcome
    done = manner.outcome.startswith("unlocked")
    return manner.outcome.removeprefix("un") if done else f"lock_{manner.outcome}"


HTML = b"<html><body>Bad gateway</body></html>"
MANNERS: dict[str, Manner] = {
    "pending": _told("pending", "pending"),
    "confirmed": _told("unlocked_confirmed", "success", confirmed=True),
    "unconfirmed": _told("unlocked_unconfirmed", "success", confirmed=False),
    "unsaid": _told("unlocked_unsaid", "success"),
    **{name: _told("failed", "error", error_type=name) for name in NOTHING_MOVED[:2]},
    **{
        name or "nameless": _told("failed_may_act", "error", error_type=name)
        for name in MAY_STILL_ACT
    },
    "400": _refused(400, "invalid_input"),
    "401": _refused(401, "unauthorized"),
    "404": _refused(404, "device_not_found"),
    "429": _refused(429, "rate_limit_exceeded", Retry_After="60"),
    "409": _open(replies(409, refusal("conflict"))),
    "500": _open(replies(500, refusal("internal_error"))),
    "503 page": _open(replies(503, HTML, Content_Type="text/html")),
    "403 page": _open(replies(403, HTML, Content_Type="text/html")),
    "garbage": _open(replies(200, b"{")),
    "null": _open(replies(200, None)),
    "redirect": _open(replies(307, b"", Location="/elsewhere")),
    "hangs up": _open(sends(b"")),
    "resets": _open(sends(b"", then="reset")),
    "cut off": _open(sends(http(200, b'{"action_attempt": {}}')[:-9])),
    "odd status": Manner("unknown", lambda made: replies(200, made.json(status="done")), True),
    "wrong type": Manner(
        "unknown", lambda made: replies(200, made.json(action_type=_other_type(made))), None
    ),
    "used id": Manner("unknown", lambda made: replies(200, made.json()), None),
}


@dataclass
class Plan:
    """What is to happen to the next unlock of a door."""

    manner: str = "pending"
    took: bool = True  # where the manner leaves it open
    stolen_id: str = ""  # for "used id"
    meanwhile: Callable[[], object] | None = None  # while the caller waits for its answer


@dataclass
class Posted:
    """One POST that asked for an unlock, as it came in."""

    device_id: str
    request: int | None  # the row that the witness found
    at: float
    manner: str
    took: bool
    attempt: Attempt


class KnowingSeam(RecordingServer):
    """Answers by the plans; `posted` and `attempts` are the truth, `wrong` what nobody may see."""

    def __init__(self, witness: Callable[[str, str], int | None]) -> None:
        self.witness = witness
        self.plan: Callable[[str], Plan] = lambda _device_id: Plan()
        self.posted: list[Posted] = []
        self.attempts: dict[str, Attempt] = {}
        self.wrong: list[str] = []
        self.reads_fail = False
        self.filters_by_device = True
        self.events: list[dict[str, Any]] = []
        self._made = 0
        super().__init__(PENDING)

    def forget(self) -> None:
        """Begin anew: the next example has nothing to do with the one before."""
        self.plan = lambda _device_id: Plan()
        self.posted.clear()
        self.attempts.clear()
        self.wrong.clear()
        self.events.clear()
        self.requests.clear()
        self.reads_fail, self.filters_by_device = False, True

    def asked_for(self, request: int) -> list[Posted]:
        """The POSTs of one row."""
        return [posted for posted in self.posted if posted.request == request]

    def unlock_elsewhere(self, device_id: str) -> Attempt:
        """Somebody else's program unlocks the door through Seam."""
        made = self._make(device_id, None, kept=True)
        made.turn("success", confirmed=True)
        self._tell(made)
        return made

    def turn_by_hand(self, device_id: str, kind: str, **facts: str) -> None:
        """Somebody at the door turns the key, or types a code."""
        self._add_event(kind, device_id, **facts)

    def shift(self, step: dt.timedelta) -> None:
        """Set the times of all events back by `step`, as the rows' are."""
        for event in self.events:
            for name in ("occurred_at", "created_at"):
                event[name] = (dt.datetime.fromisoformat(event[name]) - step).isoformat()

    def resolve(self, made: Attempt, status: str, **facts: Any) -> None:
        """An attempt comes to its end, and Seam has an event of it to tell."""
        made.turn(status, **facts)
        self._tell(made)

    def _serve(self, sock: socket.socket, handle: socket.socket, number: int) -> None:
        try:
            super()._serve(sock, handle, number)
        finally:
            connections.close_all()

    def _talk(self, sock: socket.socket, number: int) -> None:
        talk = Talk(sock, self._stopping)
        while talk.open and (received := self._read(sock, number)):
            try:
                reply = self._answer(received)
            except Exception as problem:
                self.wrong.append(f"The witness failed: {problem!r}")
                raise
            reply(talk)

    def _answer(self, received: Received) -> Reply:
        body = received.json()
        if action := COMMANDS.get(received.path):
            return self._command(str(body["device_id"]), action)
        if self.reads_fail:
            return replies(401, refusal("unauthorized"))
        if received.path == "/action_attempts/list":
            return self._list(body)
        if received.path == "/action_attempts/get":
            return self._get(str(body["action_attempt_id"]))
        if received.path == "/events/list":
            return replies(200, {"events": list(self.events), "ok": True})
        return replies(404, refusal("not_found"))

    def _command(self, device_id: str, action: str) -> Reply:
        request, at = self.witness(device_id, action), time.time()
        plan = self.plan(device_id)
        manner = MANNERS[plan.manner]
        took = plan.took if manner.took is None else manner.took
        made = self._make(device_id, request, kept=took, action=action)
        self.posted.append(Posted(device_id, request, at, plan.manner, took, made))
        if plan.meanwhile:
            plan.meanwhile()
        made.resolved_early = made.status != "pending"
        if not made.resolved_early and manner.status == "pending":
            made.turn("pending")
        elif not made.resolved_early:
            facts = {"confirmed": manner.confirmed, "error_type": manner.error_type}
            self.resolve(made, manner.status, **facts)
        if plan.manner == "used id" and plan.stolen_id:
            return replies(200, self.attempts[plan.stolen_id].json())
        return manner.reply(made)

    def _make(
        self, device_id: str, request: int | None, *, kept: bool, action: str = "unlock"
    ) -> Attempt:
        made = Attempt(f"attempt-{self.port}-{self._number()}", device_id, action, request=request)
        made.has_said.add("pending")
        if kept:
            self.attempts[made.attempt_id] = made
        return made

    def _number(self) -> int:
        with self._lock:
            self._made += 1
            return self._made

    def _get(self, attempt_id: str) -> Reply:
        made = self.attempts.get(attempt_id)
        if made is None or not made.listed:
            return replies(404, refusal("action_attempt_not_found"))
        return replies(200, made.json())

    def _list(self, body: dict[str, Any]) -> Reply:
        known = [made for made in list(self.attempts.values()) if made.listed]
        if "device_id" in body:
            if not self.filters_by_device:
                return replies(400, refusal("invalid_input"))
            found = [made for made in known if made.device_id == body["device_id"]]
        else:
            wanted = set(body["action_attempt_ids"])
            found = [made for made in known if made.attempt_id in wanted]
            if not found:
                return replies(404, refusal("action_attempts_not_found"))
        told = [made.json()["action_attempt"] for made in found]
        return replies(200, {"action_attempts": told, "ok": True})

    def _tell(self, made: Attempt) -> None:
        """The events of an attempt that came to its end."""
        ended = {"success": "succeeded", "error": "failed"}[made.status]
        about = {"action_attempt_id": made.attempt_id, "status": made.status}
        self._add_event(f"action_attempt.{made.action}_door.{ended}", made.device_id, **about)
        if made.status == "success":
            self._add_event(f"lock.{made.action}ed", made.device_id, method="remote", **about)

    def _add_event(self, kind: str, device_id: str, **facts: str) -> None:
        now = dt.datetime.now(dt.UTC).isoformat()
        told = {"event_type": kind, "device_id": device_id, "occurred_at": now, "created_at": now}
        self.events.append({"event_id": f"event-{self.port}-{self._number()}", **told, **facts})


def wait_past(moment: float) -> None:
    """Until the wall clock is past `moment`."""
    stopped, give_up = threading.Event(), time.monotonic() + PATIENCE
    while time.time() <= moment and time.monotonic() < give_up:
        stopped.wait(max(0.001, moment - time.time()))
