"""Ends a real process at a named place of a press: what a power cut does, where a test wants it.

Runs inside the processes that a test starts, by way of a `sitecustomize` of the test's own; the
product knows nothing of it. Standard library only, and nothing of Django: it is imported first.

A place is a function of the product, wrapped as its module is loaded. A name that no longer exists
ends the start of the process, and fails `test_every_place_exists`.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER, NAME, HURRY = "KILLING_FOLDER", "KILLING_NAME", "KILLING_HURRY"
SWEEPS_EVERY = 0.2  # seconds, in a process that is told to hurry


@dataclass(frozen=True)
class Place:
    """Before or after a function of the product, called from any thread or from a named one."""

    module: str
    name: str  # with its class, where it is a method
    after: bool = False
    thread: str = ""
    not_thread: str = ""
    taken: bool = False  # only where it gave something

    def is_here(self, *, after: bool, result: object = None) -> bool:
        """Whether the calling thread stands at this place."""
        thread = threading.current_thread().name
        if after != self.after or (self.thread and self.thread != thread):
            return False
        return thread != (self.not_thread or None) and not (self.taken and result is None)


_PRESS = "locks.services.unlocking"
_ROWS = "locks.models.unlocks"
_LEASES = "locks.services.leases"
PLACES: dict[str, Place] = {
    # A press in the web process, from its first line to its last.
    "before transaction 1": Place(_PRESS, "_take"),
    "in transaction 1, press written": Place(
        "locks.models.presses", "PressQuerySet.add", after=True
    ),
    "in transaction 1, all written": Place(_PRESS, "_open", after=True),
    "transaction 1 committed": Place(_PRESS, "_take", after=True),
    "before connecting": Place("locks.seam.connections", "_Connection._new_conn"),
    "connected, before the gate": Place("locks.seam.gate", "Call.pass_gate"),
    "gate passed, before the first byte": Place("locks.seam.gate", "Call.pass_gate", after=True),
    "request written": Place("locks.seam.connections", "_Connection.request", after=True),
    "answer's head read": Place("locks.seam.gate", "Call.heard"),
    "before transaction 2": Place(_PRESS, "record_answer"),
    "in transaction 2, row moved": Place(
        _ROWS, "UnlockRequestQuerySet.move", after=True, not_thread="sweep"
    ),
    "event written": Place("locks.services.audit", "record", after=True, not_thread="sweep"),
    "transaction 2 committed": Place("locks.services.following", "nudge"),
    "wish counted, not published": Place(_LEASES, "wish", after=True, not_thread="sweep"),
    "before the response": Place(_PRESS, "request_unlock", after=True),
    # The sweep of a web process.
    "sweep: before an overdue row": Place(_ROWS, "UnlockRequestQuerySet.move", thread="sweep"),
    "sweep: overdue row moved": Place(
        _ROWS, "UnlockRequestQuerySet.move", after=True, thread="sweep"
    ),
    "sweep: overdue row committed": Place(
        "locks.services.following", "end_overdue", after=True, thread="sweep"
    ),
    "sweep: lease taken": Place(_LEASES, "acquire", after=True, thread="sweep", taken=True),
    # The follower, in a worker.
    "lease taken": Place(_LEASES, "acquire", after=True, taken=True),
    "attempts listed": Place("locks.services.following", "_look", after=True),
    "outcome: before its row": Place(_ROWS, "UnlockRequestQuerySet.move"),
    "outcome: row moved": Place(_ROWS, "UnlockRequestQuerySet.move", after=True),
    "before the lease is released": Place(_LEASES, "release"),
}
_SWEEP = Place("locks.services.sweeping", "sweep")  # may be held up by the test
_CLOCK = ("accessdesk.asgi", "SWEEP_EVERY")


def owner_of(module: ModuleType, name: str) -> tuple[Any, str]:
    """What holds the function `name` of `module`, and under which name; AttributeError if nothing."""
    *holders, last = name.split(".")
    owner: Any = functools.reduce(getattr, holders, module)
    if not callable(getattr(owner, last)):
        raise AttributeError(f"{module.__name__}.{name} is no function.")
    return owner, last


class Commands:
    """What the test asks of the processes, as files of a folder that both know."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def arm(self, process: str, place: str, *, stop: bool = False) -> None:
        """Have `process` end (or with `stop` freeze) itself when it next comes to `place`."""
        self._file("armed", process).unlink(missing_ok=True)
        self._file("reached", process).unlink(missing_ok=True)
        text = f"{'STOP' if stop else 'KILL'} {place}"
        draft = self._file("draft", process)
        draft.write_text(text)
        draft.rename(self._file("armed", process))  # never seen half written

    def has_reached(self, process: str) -> bool:
        """Whether `process` came to the place that was armed last."""
        return self._file("reached", process).exists()

    def hold_sweeps(self, process: str) -> None:
        """Keep `process` from starting a sweep until `let_sweep`."""
        self._file("waits", process).unlink(missing_ok=True)
        self._file("hold", process).touch()

    def let_sweep(self, process: str) -> None:
        self._file("hold", process).unlink(missing_ok=True)

    def sweep_waits(self, process: str) -> bool:
        """Whether a held sweep has come to its place: none runs, then."""
        return self._file("waits", process).exists()

    def environment(self, process: str, *, hurry: bool = False) -> Mapping[str, str]:
        """What makes a process obey; `hurry` lets a web process sweep all the time."""
        (self.folder / "sitecustomize.py").write_text(
            "from locks.tests.killing import obey\n\nobey()\n"
        )
        root = Path(__file__).resolve().parents[2]
        return {
            FOLDER: str(self.folder),
            NAME: process,
            HURRY: "1" if hurry else "",
            "PYTHONPATH": os.pathsep.join((str(self.folder), str(root))),
        }

    # -- inside the process --------------------------------------------------------------------

    def obey(self, process: str, name: str) -> None:
        """End or freeze this process if that is what is armed for `name`."""
        armed = self._file("armed", process)
        try:
            word, _, place = armed.read_text().partition(" ")
            if place != name:
                return
            armed.rename(self._file("reached", process))  # one thread only gets beyond this
        except FileNotFoundError:
            return
        # To this very thread: sent to the process, a stop may reach another one first, and this
        # one runs on for a moment.
        number = signal.SIGSTOP if word == "STOP" else signal.SIGKILL
        signal.pthread_kill(threading.get_ident(), number)

    def wait_while_held(self, process: str) -> None:
        """Come back once the test lets sweeps start."""
        pause = threading.Event()
        while self._file("hold", process).exists():
            self._file("waits", process).touch()
            pause.wait(0.02)

    def _file(self, kind: str, process: str) -> Path:
        return self.folder / f"{kind}-{process}"


def obey() -> None:
    """Wrap the places in this process, each as its module is loaded."""
    folder, process = os.environ.get(FOLDER), os.environ.get(NAME)
    if folder and process:
        sys.meta_path.insert(0, _Loading(Commands(Path(folder)), process))


class _Loading(importlib.abc.MetaPathFinder):
    """Finds modules as usual, and wraps what is asked for once they are loaded."""

    def __init__(self, commands: Commands, process: str) -> None:
        self.commands, self.process = commands, process
        self.modules = {place.module for place in (*PLACES.values(), _SWEEP)} | {_CLOCK[0]}

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:
        if fullname not in self.modules:
            return None
        spec: Any = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        load = spec.loader.exec_module

        def load_and_wrap(module: ModuleType) -> None:
            load(module)
            self._wrap(module)

        spec.loader.exec_module = load_and_wrap
        return spec

    def _wrap(self, module: ModuleType) -> None:
        here = {key: place for key, place in PLACES.items() if place.module == module.__name__}
        for name in {place.name for place in here.values()}:
            owner, last = owner_of(module, name)
            mine = {key: place for key, place in here.items() if place.name == name}
            setattr(owner, last, self._wrapped(getattr(owner, last), mine))
        if module.__name__ == _SWEEP.module:
            owner, last = owner_of(module, _SWEEP.name)
            setattr(owner, last, self._held(getattr(owner, last)))
        if module.__name__ == _CLOCK[0] and os.environ.get(HURRY):
            getattr(module, _CLOCK[1])
            setattr(module, _CLOCK[1], SWEEPS_EVERY)

    def _wrapped(self, function: Callable[..., Any], places: dict[str, Place]) -> Any:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            for key, place in places.items():
                if place.is_here(after=False):
                    self.commands.obey(self.process, key)
            result = function(*args, **kwargs)
            for key, place in places.items():
                if place.is_here(after=True, result=result):
                    self.commands.obey(self.process, key)
            return result

        return wrapped

    def _held(self, function: Callable[..., Any]) -> Any:
        @functools.wraps(function)
        def held(*args: Any, **kwargs: Any) -> Any:
            self.commands.wait_while_held(self.process)
            return function(*args, **kwargs)

        return held
