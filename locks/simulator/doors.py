"""The simulated doors, their action attempts and their events.

Nothing here needs a thread or a timer: what is due happens, in order and with the time at which it
was due, when somebody looks.
"""

import heapq
import itertools
import math
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal

from .catalogue import BEHAVIOURS, NEVER, Behaviour, DoorSpec
from .shapes import ACCOUNT_ID, WORKSPACE_ID, Json, lock_json, thermostat_json, timestamp

ActionType = Literal["UNLOCK_DOOR", "LOCK_DOOR"]

RELOCKS_AFTER: Final = 10.0
RATE_LIMIT: Final = 15
RATE_WINDOW: Final = 60.0
ATTEMPTS_KEPT: Final = 2000
EVENTS_KEPT: Final = 2000
NOT_LOCKABLE: Final = ("uncategorized_error", "This lock cannot be locked remotely.")


class DoorNotFound(LookupError):
    """No door has this id."""


class RateLimited(Exception):
    """Too many commands for one door; `retry_after` is in whole seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Wait {retry_after} s.")
        self.retry_after = retry_after


@dataclass
class _Attempt:
    device_id: str
    action_type: ActionType
    behaviour: Behaviour
    attempt_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: Literal["pending", "success", "error"] = "pending"
    result: Json | None = None
    error: Json | None = None

    def as_json(self) -> Json:
        return {
            "action_attempt_id": self.attempt_id,
            "action_type": self.action_type,
            "status": self.status,
            "result": self.result,
            "error": self.error,
        }


@dataclass
class _Door:
    spec: DoorSpec
    behaviour: Behaviour
    locked: bool = True
    unlocks: int = 0
    relocks_at: float = NEVER
    holding: bool = False
    held: deque[_Attempt] = field(default_factory=lambda: deque(maxlen=ATTEMPTS_KEPT))
    recent: dict[ActionType, deque[float]] = field(default_factory=dict)


class Doors:
    """All state of a simulator, safe to use from any thread. `clock` counts seconds."""

    def __init__(self, specs: Iterable[DoorSpec], *, clock: Callable[[], float]) -> None:
        self.created_at = timestamp(time.time())
        self._clock = clock
        self._lock = threading.RLock()
        self._doors = {spec.device_id: _Door(spec, BEHAVIOURS[spec.behaviour]) for spec in specs}
        self._attempts: dict[str, _Attempt] = {}
        self._events: deque[Json] = deque(maxlen=EVENTS_KEPT)
        self._agenda: list[tuple[float, int, Callable[[float], None]]] = []
        self._numbers = itertools.count()

    def command(self, device_id: str, action_type: ActionType) -> tuple[Behaviour, Json]:
        """Take a command: the door's behaviour, and the attempt (empty if the door got nothing).

        Raises DoorNotFound and RateLimited.
        """
        with self._lock:
            now = self._advance()
            door = self._door(device_id)
            self._limit(door, action_type, now=now)
            if door.behaviour.answer in ("empty_503", "html_502"):
                return door.behaviour, {}
            attempt = self._remember(_Attempt(device_id, action_type, door.behaviour))
            if door.holding:
                door.held.append(attempt)
            else:
                self._schedule(attempt, at=now + attempt.behaviour.delay)
            return door.behaviour, attempt.as_json()

    def attempts(self, *, ids: list[str] | None, device_id: str | None) -> list[Json]:
        """Attempts by id, of one door, or both, oldest first; unknown ids are left out."""
        with self._lock:
            self._advance()
            if device_id is not None:
                self._door(device_id)
            if ids is None:
                found = list(self._attempts.values())
            else:
                wanted = set(ids)
                found = [each for key, each in self._attempts.items() if key in wanted]
            return [each.as_json() for each in found if device_id in (None, each.device_id)]

    def locks(self) -> list[Json]:
        """Every lock as it is now, in the order of the catalogue."""
        with self._lock:
            self._advance()
            return [
                lock_json(door.spec, door.behaviour, locked=door.locked, created_at=self.created_at)
                for door in self._doors.values()
            ]

    def devices(self) -> list[Json]:
        """Every device, the one that is no lock included."""
        return [*self.locks(), thermostat_json(self.created_at)]

    def events(self) -> list[Json]:
        """The last events, oldest first."""
        with self._lock:
            self._advance()
            return list(self._events)

    def unlocks(self, device_id: str) -> int:
        """How often this door has unlocked so far. Raises DoorNotFound."""
        with self._lock:
            self._advance()
            return self._door(device_id).unlocks

    def turn(self, device_id: str, *, method: str) -> None:
        """Unlock by hand, by code or as `method` says: no command, no attempt. Raises DoorNotFound."""
        with self._lock:
            now = self._advance()
            door = self._door(device_id)
            door.locked, door.relocks_at = False, now + RELOCKS_AFTER
            self._plan(door.relocks_at, partial(self._relock, door))
            self._tell("lock.unlocked", device_id, due=now, words={"method": method})

    def behave(self, device_id: str, behaviour: str) -> None:
        """Change how a door answers from now on. Raises DoorNotFound, or KeyError."""
        with self._lock:
            self._advance()
            self._door(device_id).behaviour = BEHAVIOURS[behaviour]

    def hold(self, device_id: str) -> None:
        """Leave this door's further attempts pending until `release`. Raises DoorNotFound."""
        with self._lock:
            self._door(device_id).holding = True

    def release(self, device_id: str) -> None:
        """Resolve at once what `hold` kept back. Raises DoorNotFound."""
        with self._lock:
            now = self._advance()
            door = self._door(device_id)
            door.holding = False
            while door.held:
                attempt = door.held.popleft()
                self._schedule(attempt, at=now if attempt.behaviour.delay < NEVER else NEVER)

    def _door(self, device_id: str) -> _Door:
        try:
            return self._doors[device_id]
        except KeyError:
            raise DoorNotFound(device_id) from None

    def _limit(self, door: _Door, action_type: ActionType, *, now: float) -> None:
        recent = door.recent.setdefault(action_type, deque())
        while recent and recent[0] <= now - RATE_WINDOW:
            recent.popleft()
        if len(recent) >= RATE_LIMIT:
            raise RateLimited(max(1, math.ceil(recent[0] + RATE_WINDOW - now)))
        recent.append(now)

    def _remember(self, attempt: _Attempt) -> _Attempt:
        while len(self._attempts) >= ATTEMPTS_KEPT:
            del self._attempts[next(iter(self._attempts))]
        self._attempts[attempt.attempt_id] = attempt
        return attempt

    def _schedule(self, attempt: _Attempt, *, at: float) -> None:
        if at < NEVER:
            self._plan(at, partial(self._resolve, attempt))

    def _plan(self, at: float, action: Callable[[float], None]) -> None:
        heapq.heappush(self._agenda, (at, next(self._numbers), action))

    def _advance(self) -> float:
        """Let everything happen that is due, and return the time on the simulator's clock."""
        now = self._clock()
        while self._agenda and self._agenda[0][0] <= now:
            due, _, action = heapq.heappop(self._agenda)
            action(due)
        return now

    def _resolve(self, attempt: _Attempt, due: float) -> None:
        behaviour = attempt.behaviour
        spec, error = self._doors[attempt.device_id].spec, behaviour.error
        if attempt.action_type == "LOCK_DOOR" and not spec.lockable:
            error = NOT_LOCKABLE
        if error is not None:
            attempt.status = "error"
            attempt.error = {"type": error[0], "message": error[1]}
        else:
            attempt.status = "success"
            confirmed = behaviour.confirms
            attempt.result = {} if confirmed is None else {"was_confirmed_by_device": confirmed}
            self._move(attempt, due)
        self._tell_end(attempt, due)

    def _move(self, attempt: _Attempt, due: float) -> None:
        door = self._doors[attempt.device_id]
        door.locked = attempt.action_type == "LOCK_DOOR"
        door.relocks_at = NEVER if door.locked else due + RELOCKS_AFTER
        if not door.locked:
            door.unlocks += 1
            self._plan(door.relocks_at, partial(self._relock, door))
        event_type = "lock.locked" if door.locked else "lock.unlocked"
        words = {"method": "remote", "action_attempt_id": attempt.attempt_id}
        self._tell(event_type, door.spec.device_id, due=due, words=words)

    def _relock(self, door: _Door, due: float) -> None:
        if door.relocks_at == due:  # a later unlock has not put it off, nor a lock command done it
            door.locked, door.relocks_at = True, NEVER
            words = {"method": "automatic"}
            self._tell("lock.locked", door.spec.device_id, due=due, words=words)

    def _tell_end(self, attempt: _Attempt, due: float) -> None:
        ending = "succeeded" if attempt.status == "success" else "failed"
        event_type = f"action_attempt.{attempt.action_type.lower()}.{ending}"
        words = {
            "action_attempt_id": attempt.attempt_id,
            "action_type": attempt.action_type,
            "status": attempt.status,
        }
        self._tell(event_type, attempt.device_id, due=due, words=words)

    def _tell(self, event_type: str, device_id: str, *, due: float, words: dict[str, str]) -> None:
        moment = timestamp(time.time() - (self._clock() - due))
        event = {
            "event_id": str(uuid.uuid4()),
            "event_type": event_type,
            "workspace_id": WORKSPACE_ID,
            "connected_account_id": ACCOUNT_ID,
            "device_id": device_id,
            "created_at": moment,
            "occurred_at": moment,
            **words,
        }
        self._events.append(event)
