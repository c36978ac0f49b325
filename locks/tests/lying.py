"""A server that is Seam but for what it is told to lie about, and attempts that it tells of wrongly."""

from __future__ import annotations

import itertools
import json
import threading
from dataclasses import dataclass, field
from typing import Any, Self

from locks.models.unlocks import Outcome
from locks.tests.lies import NASTY, Answer, Scene, sends, whole
from locks.tests.servers import Received, RecordingServer, Talk, attempt

UNLOCK, ATTEMPTS, ATTEMPT = "/locks/unlock_door", "/action_attempts/list", "/action_attempts/get"
LOCKS, WORKSPACE = "/locks/list", "/workspaces/get"
EVENTS, WEBHOOKS = "/events/list", "/webhooks/list"


@dataclass(frozen=True)
class Claim:
    """What an attempt is said to be, other than a sound success; `followed` if a list says so."""

    values: dict[str, Any]
    press: Outcome = Outcome.UNKNOWN
    followed: Outcome = Outcome.PENDING


def _claims(outcome: Outcome, **values: Any) -> Claim:
    """A claim that means the same wherever it is made."""
    return Claim(values, press=outcome, followed=outcome)


LOUD_ERROR = {"type": NASTY * 20, "message": NASTY * 2000, "more": [NASTY] * 50}
CLAIMS: dict[str, Claim] = {
    "id is a number": Claim({"action_attempt_id": 7}),
    "id is null": Claim({"action_attempt_id": None}),
    "id is empty": Claim({"action_attempt_id": ""}),
    "id is a list": Claim({"action_attempt_id": ["attempt-1"]}),
    "id is too long": Claim({"action_attempt_id": "x" * 201}),
    "id has a NUL": Claim({"action_attempt_id": "attempt\x00-1"}),
    "id has markup and NUL": Claim({"action_attempt_id": NASTY}),
    "unknown status": Claim({"status": "opened"}),
    "status in capitals": Claim({"status": "SUCCESS"}),
    "status is null": Claim({"status": None}),
    "status is true": Claim({"status": True}),
    "status is a list": Claim({"status": ["success"]}),
    "status is markup": Claim({"status": NASTY}),
    "wrong action": Claim({"action_type": "LOCK_DOOR"}),
    "action is null": Claim({"action_type": None}),
    "action is a number": Claim({"action_type": 1}),
    "result is null": _claims(Outcome.UNSAID, result=None),
    "result is text": _claims(Outcome.UNSAID, result="was_confirmed_by_device"),
    "result is a list": _claims(Outcome.UNSAID, result=[True]),
    "confirmed is text": _claims(Outcome.UNSAID, result={"was_confirmed_by_device": "true"}),
    "confirmed is 1": _claims(Outcome.UNSAID, result={"was_confirmed_by_device": 1}),
    "not confirmed": _claims(Outcome.UNCONFIRMED, result={"was_confirmed_by_device": False}),
    "result of 200 kB": _claims(
        Outcome.CONFIRMED, result={"was_confirmed_by_device": True, "log": [NASTY * 40] * 50}
    ),
    "result of markup and NUL": _claims(
        Outcome.UNSAID, result={NASTY: NASTY, "huge": 10**30, "deep": [[[[[[NASTY]]]]]]}
    ),
    "error without a reason": _claims(Outcome.FAILED_MAY_ACT, status="error", result=None),
    "error is text": _claims(Outcome.FAILED_MAY_ACT, status="error", error=NASTY),
    "error is a list": _claims(Outcome.FAILED_MAY_ACT, status="error", error=[NASTY]),
    "error type is a number": _claims(Outcome.FAILED_MAY_ACT, status="error", error={"type": 404}),
    "error of 100 kB": _claims(Outcome.FAILED_MAY_ACT, status="error", error=LOUD_ERROR),
}


WAITING: dict[str, Any] = {"status": "pending", "result": None}


def honest(attempt_id: str, **values: Any) -> dict[str, Any]:
    """A confirmed success, as Seam tells it, with `values` said otherwise."""
    told = {"action_attempt_id": attempt_id, "result": {"was_confirmed_by_device": True}, **values}
    found: dict[str, Any] = attempt(told.pop("status", "success"), **told)["action_attempt"]
    return found


@dataclass
class LyingSeam:
    """A server that answers each route honestly, or by the lie that `lies` holds for its path.

    `attempts` are those that it knows, by id, as its list tells of them: each press makes one. The
    answer to the press itself tells of it with `press` said otherwise. Nothing may ever come to
    `elsewhere`.
    """

    press: dict[str, Any] = field(default_factory=dict)
    attempts: dict[str, dict[str, Any]] = field(default_factory=dict)
    lies: dict[str, Answer] = field(default_factory=dict)
    server: RecordingServer = field(init=False)
    elsewhere: RecordingServer = field(init=False)

    def __post_init__(self) -> None:
        self._lock, self._numbers = threading.Lock(), itertools.count(1)
        self.server = RecordingServer(self._answer)
        self.elsewhere = RecordingServer(lambda talk: talk.send(whole(b"{}")))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.server.__exit__(*exc)
        self.elsewhere.__exit__(*exc)

    def calls(self, path: str) -> list[Received]:
        """The requests of one route so far."""
        return [each for each in self.server.requests if each.path == path]

    def _answer(self, talk: Talk) -> None:
        truth = json.dumps({**self._truth(talk.asked), "ok": True}).encode()
        lie = self.lies.get(talk.asked.path, sends(200))
        lie(talk, Scene(truth, self.elsewhere.endpoint))

    def _truth(self, asked: Received) -> dict[str, Any]:
        about = asked.json()
        if asked.path == UNLOCK:
            return {"action_attempt": self._new_attempt()}
        if asked.path == ATTEMPTS:
            ids = about.get("action_attempt_ids", list(self.attempts))
            return {"action_attempts": [self.attempts[i] for i in ids if i in self.attempts]}
        if asked.path == ATTEMPT:
            return {"action_attempt": self.attempts[about["action_attempt_id"]]}
        return TRUTHS[asked.path]

    def _new_attempt(self) -> dict[str, Any]:
        with self._lock:
            attempt_id = f"attempt-{next(self._numbers)}"
            self.attempts[attempt_id] = honest(attempt_id)
        return honest(attempt_id, **self.press)


TRUTHS: dict[str, dict[str, Any]] = {
    LOCKS: {
        "locks": [{"device_id": "device-1", "properties": {"name": "Lock"}}],
        "pagination": {"has_next_page": False},
    },
    WORKSPACE: {"workspace": {"workspace_id": "ours", "name": "Ours", "is_sandbox": False}},
    EVENTS: {
        "events": [
            {
                "event_id": "event-1",
                "event_type": "lock.unlocked",
                "occurred_at": "2026-01-01T00:00:00Z",
                "created_at": "2026-01-01T00:00:00Z",
            }
        ]
    },
    WEBHOOKS: {"webhooks": [{"webhook_id": "webhook-1", "url": "https://example.org/"}]},
}
