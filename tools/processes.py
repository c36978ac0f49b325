"""Processes that end with whoever started them, and the commands of accessdesk's own."""

import collections
import contextlib
import ctypes
import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Longer than the longest press and its recording, so that a stop never cuts one off.
GRACE = 35.0
_CELERY = ("-m", "celery", "--quiet", "--app", "accessdesk")
_PR_SET_PDEATHSIG = 1  # prctl(2)
# Runs in front of a program. (Not as preexec_fn, which Python deprecates where threads run; and
# after a change of account, which would cut the tie.) A parent that died meanwhile sends nothing
# any more, hence the second look.
_TIE = f"""
import ctypes, os, signal, sys
parent, account, *command = sys.argv[1:]
if account:
    import pwd
    entry = pwd.getpwnam(account)
    os.initgroups(account, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
ctypes.CDLL(None).prctl({_PR_SET_PDEATHSIG}, int(signal.SIGTERM))
if os.getppid() != int(parent):
    os._exit(1)
os.execvp(command[0], command)
"""


def tied(command: Sequence[str | Path], *, account: str = "") -> list[str]:
    """`command`, made to end (SIGTERM) when the thread that starts it does (Linux; else unchanged).

    `account`: whom to run it as, where root must not (Linux).
    """
    words = [str(word) for word in command]
    if sys.platform != "linux":
        return words
    return [sys.executable, "-I", "-S", "-c", _TIE, str(os.getpid()), account, *words]


def stop_with_parent() -> None:
    """End this process (SIGTERM) when its parent dies (Linux; else nothing)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))


class Process:
    """A running program in a process group of its own, its output read line by line.

    `lines` keeps the last 2,000 lines (standard output and error together); `on_line` sees each
    as it comes. Start it from the main thread: its life is tied to the thread that starts it.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path = ROOT,
        account: str = "",
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        self.name = name
        self.lines: collections.deque[str] = collections.deque(maxlen=2000)
        self._on_line = on_line
        self._popen = subprocess.Popen(
            tied(command, account=account),
            env=None if env is None else dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C in the terminal must not reach it directly
        )
        self._reader = threading.Thread(target=self._read, name=f"output of {name}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self._popen.poll()

    def send(self, number: int) -> None:
        """Send a signal to the whole group; nothing happens when it is gone."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def wait(self, seconds: float | None = None) -> bool:
        """Whether it ended in time."""
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self, grace: float = GRACE, *, ask: int = signal.SIGTERM) -> None:
        """End it: ask first, insist after `grace` seconds; what it left in its group goes too."""
        self.send(ask)
        self.send(signal.SIGCONT)
        self.wait(grace)
        self.kill()

    def kill(self) -> None:
        """End it and its group at once, and read the rest of its output."""
        self.send(signal.SIGKILL)
        self._popen.wait()
        self._reader.join(1)

    def output(self) -> str:
        """The last lines, as one text."""
        return "\n".join(self.lines)

    def _read(self) -> None:
        with self._popen.stdout or io.StringIO() as stream:
            for line in stream:
                self.lines.append(line.rstrip())
                if self._on_line is not None:
                    self._on_line(line.rstrip())


def wait_for(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Look until `condition` holds; TimeoutError, naming `what` was waited for, after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} within {seconds:g} s: it did not happen.")
        time.sleep(0.02)


def free_port() -> int:
    """A TCP port on loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_is_free(port: int) -> bool:
    """Whether `port` on loopback can be listened on (a port in TIME_WAIT can)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def web(port: int) -> list[str]:
    """The web process: believes no forwarding header by itself, lets presses finish at a stop."""
    options = f"--host 127.0.0.1 --port {port} --lifespan on --timeout-graceful-shutdown 30"
    options += " --no-proxy-headers --no-server-header --no-access-log --log-level warning"
    return [sys.executable, "-m", "uvicorn", "accessdesk.asgi:application", *options.split()]


def worker() -> list[str]:
    """The Celery worker: threads, because its work is waiting for Seam."""
    options = "-P threads -c 4 --without-gossip --without-mingle --without-heartbeat"
    # It warns root at length of pickled messages; ours are JSON and nothing else is accepted.
    python = [sys.executable, "-W", "ignore::UserWarning:celery.platforms"]
    return [*python, *_CELERY, "worker", *options.split(), "--loglevel", "WARNING"]


def beat(schedule: Path) -> list[str]:
    """Celery's clock; `schedule` is the file in which it keeps what it last sent."""
    return [
        sys.executable,
        *_CELERY,
        "beat",
        "-s",
        str(schedule),
        "--pidfile",
        "",
        "--loglevel",
        "WARNING",
    ]


def simulator(port: int) -> list[str]:
    """The simulated Seam."""
    return [sys.executable, "manage.py", "simulate_seam", "--port", str(port)]
