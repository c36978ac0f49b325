"""What arrived at the simulator, for tests that count."""

import threading
from collections import deque
from typing import Any, Final, NamedTuple

KEPT: Final = 2000


class Call(NamedTuple):
    """One request as it arrived. `body` holds the JSON object, or the query of a GET, and is empty
    where neither could be read or the text was longer than 16 KiB; `time` is `time.monotonic()`."""

    path: str
    body: dict[str, Any]
    time: float


class Calls:
    """The last `KEPT` calls, safe to use from any thread."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=KEPT)
        self._changed = threading.Condition()

    def add(self, call: Call) -> None:
        with self._changed:
            self._calls.append(call)
            self._changed.notify_all()

    def all(self) -> list[Call]:
        """A copy, oldest first."""
        with self._changed:
            return list(self._calls)

    def count(self, path: str, *, device_id: str | None = None) -> int:
        """How many calls came to `path`, for any device or for one."""
        return sum(
            call.path == path and device_id in (None, call.body.get("device_id"))
            for call in self.all()
        )

    def wait_for(self, path: str, *, count: int, timeout: float) -> bool:
        """Wait until `count` calls came to `path`. False when `timeout` seconds passed before."""
        with self._changed:
            return self._changed.wait_for(lambda: self.count(path) >= count, timeout)
