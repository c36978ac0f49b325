"""The supervisor behind `make run`: starts everything, watches it, stops everything.

Exit code 0 after Ctrl-C or SIGTERM; 1 with one sentence when a part cannot start or ends by itself.
"""

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from tools.environment import Plan
from tools.processes import (
    GRACE,
    ROOT,
    Process,
    beat,
    simulator,
    stop_with_parent,
    web,
    worker,
)

START_SECONDS = 60.0


class Stopped(Exception):
    """Someone asked for the end while things were starting."""


class Signals:
    """SIGINT, SIGTERM and SIGHUP as facts; any of them, and a child's end, ends a wait."""

    def __init__(self) -> None:
        self.stop = False
        self.insist = False  # Ctrl-C once more
        self._first = 0.0
        self._reader, self._writer = socket.socketpair()
        for end in (self._reader, self._writer):
            end.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
            signal.signal(signal.SIGHUP, self._note)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def wait(self, seconds: float) -> None:
        """Until a signal comes, `seconds` at most."""
        if select.select([self._reader], [], [], seconds)[0]:
            with contextlib.suppress(BlockingIOError):
                self._reader.recv(4096)

    def _note(self, number: int, _frame: object) -> None:
        # One Ctrl-C may arrive twice: from the terminal and from make.
        if self.stop and number == signal.SIGINT and time.monotonic() - self._first > 0.5:
            self.insist = True
        if not self.stop:
            self.stop, self._first = True, time.monotonic()


class Supervisor:
    """The running parts of accessdesk, by name."""

    def __init__(self, plan: Plan, signals: Signals) -> None:
        self._plan = plan
        self._signals = signals
        self._running: dict[str, Process] = {}
        self._stopping = False

    def prepare(self) -> dict[str, object]:
        """Migrate and seed; what tools.prepare answers."""
        command = [sys.executable, "-m", "tools.prepare"]
        part = Process("prepare", command, env=self._plan.environment)
        self._running["prepare"] = part
        while part.exit_code is None:
            self._pause(1)
        del self._running["prepare"]
        part.kill()
        if part.exit_code != 0:
            raise SystemExit(part.output() or "accessdesk cannot start: preparing it failed.")
        for line in list(part.lines)[:-1]:
            say(line)
        answer: dict[str, object] = json.loads(part.lines[-1])
        return answer

    def start(self) -> None:
        """Start every part; they come up side by side."""
        commands = {"web": web(self._plan.port), "worker": worker()}
        commands["beat"] = beat(self._plan.var / "beat-schedule")
        if self._plan.simulator_port:
            commands = {"simulator": simulator(self._plan.simulator_port), **commands}
        for name, command in commands.items():
            self._running[name] = Process(
                name, command, env=self._plan.environment, on_line=self._printer(name)
            )

    def wait_until_up(self, host: str) -> None:
        """Until the web process answers; SystemExit when a part ends or it takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while not answers(self._plan.port, host):
            self._check()
            if time.monotonic() > deadline:
                raise SystemExit(f"accessdesk did not answer within {START_SECONDS:g} s.")
            self._pause(0.05)

    def watch(self) -> None:
        """Until someone asks for the end (Stopped) or a part ends by itself (SystemExit)."""
        while True:
            self._check()
            self._pause(1)

    def stop(self) -> None:
        """End every part: the simulator last, for the presses that still wait for it."""
        self._stopping = True
        first = [part for name, part in self._running.items() if name != "simulator"]
        self._end(first)
        self._end([part for part in self._running.values() if part not in first])

    def _end(self, parts: list[Process]) -> None:
        for part in parts:
            part.send(signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        while any(part.exit_code is None for part in parts) and time.monotonic() < deadline:
            if self._signals.insist:
                break
            self._signals.wait(0.5)
        for part in parts:
            part.kill()

    def _check(self) -> None:
        for name, part in self._running.items():
            if part.exit_code is not None:
                raise SystemExit(f"{name} ended by itself ({reason(part.exit_code)}).")

    def _pause(self, seconds: float) -> None:
        if not self._signals.stop:
            self._signals.wait(seconds)
        if self._signals.stop:
            raise Stopped

    def _printer(self, name: str) -> Callable[[str], None]:
        def show(line: str) -> None:
            if line and not self._stopping:
                say(f"{name:<9} | {line}")

        return show


def reason(exit_code: int) -> str:
    """An exit code in words."""
    return f"exit code {exit_code}" if exit_code >= 0 else signal.Signals(-exit_code).name


def answers(port: int, host: str) -> bool:
    """Whether the web process answers, asked by a name that it allows."""
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/healthz", headers={"Host": host})
    try:
        with urllib.request.urlopen(asked, timeout=5):
            return True
    except urllib.error.HTTPError as answer:
        return answer.code < 500
    except OSError:
        return False


def hold(var: Path) -> TextIO:
    """The lock that keeps two supervisors from sharing one var folder."""
    lock = (var / "run.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise SystemExit(f"accessdesk already runs from {var}; stop that one first.") from None
    return lock


def say(line: str, *, to: TextIO = sys.stdout) -> None:
    """Print a line; a reader that has gone away is no reason to stop."""
    with contextlib.suppress(OSError):
        print(line, file=to, flush=True)


def serve(plan: Plan, signals: Signals) -> None:
    """Run until asked to stop; leaves no process behind."""
    supervisor = Supervisor(plan, signals)
    begun = time.monotonic()
    try:
        prepared = supervisor.prepare()
        supervisor.start()
        supervisor.wait_until_up(str(prepared["host"]))
        say(plan.table(prepared, seconds=time.monotonic() - begun))
        supervisor.watch()
    except Stopped:
        say("\nStopping; presses under way are finished first (Ctrl-C again: at once).")
    finally:
        supervisor.stop()
    say("Stopped.")


def main() -> None:
    """`python -m tools.run [--stop-with-parent]`, with the environment of the settings and PORT."""
    os.chdir(ROOT)
    if "--stop-with-parent" in sys.argv[1:]:
        stop_with_parent()
    signals = Signals()
    plan = Plan.make(os.environ)
    with hold(plan.var):
        serve(plan, signals)


if __name__ == "__main__":
    main()
