"""All of accessdesk as real processes, for tests and measurements: web, worker, beat."""

import os
import secrets
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tools import prepared
from tools.processes import ROOT, Process, beat, free_port, wait_for, web, worker

# What may be handed down; everything that the settings read is named by the stack itself.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "VIRTUAL_ENV", "PYENV_ROOT")


class Stack:
    """Web, worker and beat under the real settings, with their own database and folder.

    A context manager: entering migrates (and seeds in simulated mode), starts every part that
    `parts` names and waits until the web processes answer; leaving ends them all. `environment`
    holds further settings; `SEAM_SIMULATED=1` comes with an endpoint without a key.

    Parts are called "web", "worker" and "beat"; further ones of a kind "web-2", "worker-2" and so
    on. Each web process has a port of its own, which it keeps when it is started again.
    """

    def __init__(
        self,
        folder: Path,
        *,
        endpoint: str,
        api_key: str = "",
        environment: Mapping[str, str] | None = None,
        parts: tuple[str, ...] = ("web", "worker", "beat"),
    ) -> None:
        self.var = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._ports = {"web": self.port}
        self.processes: dict[str, Process] = {}
        self._parts = parts
        self._output: list[str] = []
        self.environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        self.environment |= {
            "ACCESSDESK_ENV_FILE": os.devnull,
            "ACCESSDESK_VAR": str(folder),
            "SECRET_KEY": secrets.token_urlsafe(64),
            "SEAM_ENDPOINT": endpoint,
            "PYTHONWARNINGS": "default",
        }
        self.environment |= {"SEAM_API_KEY": api_key} if api_key else {"SEAM_SIMULATED": "1"}
        self.environment |= environment or {}

    def __enter__(self) -> Self:
        try:
            self._prepare()
            for name in self._parts:
                self.start(name)
            for name in self._parts:
                if name.startswith("web"):
                    self.wait_until_up(name)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        # Nobody needs it any more; how each part ends when it is asked to has tests of its own.
        for name in list(self.processes):
            self.kill(name)

    def start(self, name: str, *, environment: Mapping[str, str] | None = None) -> None:
        """Start a part (again); `environment` holds what this process alone is given."""
        commands = {
            "web": lambda: web(self.port_of(name)),
            "worker": worker,
            "beat": lambda: beat(self.var / f"{name}-schedule"),
        }
        command = commands[name.partition("-")[0]]()
        self.processes[name] = Process(
            name, command, env={**self.environment, **(environment or {})}
        )

    def port_of(self, name: str) -> int:
        """The port of a web process."""
        return self._ports.setdefault(name, free_port())

    def url_of(self, name: str) -> str:
        """The address of a web process."""
        return f"http://127.0.0.1:{self.port_of(name)}"

    def stop(self, name: str) -> None:
        """Ask a part to end, as a deployment does; what it said stays in output()."""
        process = self.processes.pop(name)
        process.stop(40)
        self._output += process.lines

    def kill(self, name: str) -> None:
        """End a part as a power cut does."""
        process = self.processes.pop(name)
        process.kill()
        self._output += process.lines

    def wait_until_up(self, name: str = "web") -> None:
        """Until /healthz answers; RuntimeError with the web process's words when it ended."""
        wait_for(lambda: self._is_up(name), seconds=60, what=f"/healthz of {name} answers")

    def manage(self, *arguments: str) -> str:
        """Run a manage.py command in this installation; what it printed."""
        return self.run("manage.py", *arguments)

    def run(self, *arguments: str) -> str:
        """Run Python in this installation; what it printed. RuntimeError when it fails."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def output(self) -> str:
        """Everything that the parts have printed so far, ended ones included."""
        lines = [*self._output]
        for process in self.processes.values():
            lines += process.lines
        return "\n".join(lines)

    def _prepare(self) -> None:
        prepared.prepare(
            self.environment.get("DATABASE_URL", ""),
            self.var,
            kind="simulated" if "SEAM_SIMULATED" in self.environment else "real",
            make=lambda: self.run("-m", "tools.prepare"),
        )

    def _is_up(self, name: str) -> bool:
        process = self.processes[name]
        if process.exit_code is not None:
            raise RuntimeError(f"The web process ended:\n{process.output()}")
        try:
            with urllib.request.urlopen(f"{self.url_of(name)}/healthz", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False
