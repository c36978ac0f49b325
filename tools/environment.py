"""What `make run` decides before it starts anything: ports, folders, simulated or real."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import environ

from tools.processes import ROOT, free_port, port_is_free

WEB_PORT = 8000
SIMULATOR_PORT = 8001  # what the settings assume, too


class _EnvFile(environ.Env):
    """Reads .env as the settings do, into a mapping of its own: the key is not passed around."""

    ENVIRON: dict[str, str] = {}


@dataclass(frozen=True)
class Plan:
    """Ports, folders and environment of one start.

    `simulator_port` is None where doors are real; `environment` is for the processes.
    """

    port: int
    simulator_port: int | None
    var: Path
    environment: dict[str, str]

    @classmethod
    def make(cls, given: Mapping[str, str]) -> "Plan":
        """Decide from the environment and .env; SystemExit with one sentence where that fails."""
        known = {**_env_file(given), **given}
        environment = dict(given)
        port = _port(known.get("PORT", "").strip() or str(WEB_PORT))
        _refuse_taken(port, "choose another: make run PORT=8080")
        simulated = _is_on(known.get("SEAM_SIMULATED", ""))
        if not _has(known, "SEAM_SIMULATED") and not _has(known, "SEAM_API_KEY"):
            _refuse_a_database_of_real_doors(known)
            simulated = True
            environment["SEAM_SIMULATED"] = "1"
            print("SEAM_API_KEY is not set: simulated mode, no real door moves.", flush=True)
        simulator_port = None
        if simulated:
            endpoint = known.get("SEAM_ENDPOINT", "").strip()
            simulator_port = _simulator_port(endpoint, beside=port)
            environment["SEAM_ENDPOINT"] = endpoint or f"http://127.0.0.1:{simulator_port}"
        var = _private_folder(Path(given.get("ACCESSDESK_VAR") or ROOT / "var"))
        environment["ACCESSDESK_VAR"] = str(var)
        if not _has(known, "SECRET_KEY"):
            environment["SECRET_KEY_FILE"] = str(_secret_key(var))
        return cls(port, simulator_port, var, environment)

    def table(self, prepared: Mapping[str, object], *, seconds: float) -> str:
        """What a person reads when all is up; `prepared` is the answer of tools.prepare."""
        words = prepared["words"]
        rows = [("Address", f"http://{prepared['host']}:{self.port}")]
        if prepared["https"]:
            # By that address alone it answers nobody else: the proxy has to hand the name on.
            proxy = f"your HTTPS proxy hands requests, with their Host, to 127.0.0.1:{self.port}"
            rows = [("Address", str(prepared["desk"])), ("", proxy)]
        if prepared["simulated"]:
            rows.append(("Doors", "SIMULATED: no real door moves"))
        else:
            rows.append(("Doors", f"REAL DOORS, through {prepared['endpoint']}"))
        signs = words if isinstance(words, list) and words else [self._account_hint()]
        rows += [("Sign in" if number == 0 else "", str(line)) for number, line in enumerate(signs)]
        body = "\n".join(f"  {name:<9} {text}" for name, text in rows)
        return f"\naccessdesk is up ({seconds:.1f} s). Ctrl-C stops it.\n\n{body}\n"

    def _account_hint(self) -> str:
        return "make an account with: .venv/bin/python manage.py createsuperuser"


def _env_file(given: Mapping[str, str]) -> dict[str, str]:
    path = Path(given.get("ACCESSDESK_ENV_FILE") or ROOT / ".env")
    if path.is_file():
        _EnvFile.read_env(str(path))
    return {name: str(value) for name, value in _EnvFile.ENVIRON.items()}


def _has(known: Mapping[str, str], name: str) -> bool:
    return any(known.get(key, "").strip() for key in (name, f"{name}_FILE"))


def _refuse_a_database_of_real_doors(known: Mapping[str, str]) -> None:
    """Whoever names a database has an installation: demo people must not get into it by a slip."""
    if _has(known, "DATABASE_URL"):
        raise SystemExit(
            "DATABASE_URL is set but SEAM_API_KEY is not: set the key, or SEAM_SIMULATED=1 to fill "
            "that database with simulated doors and demo accounts."
        )


def _is_on(word: str) -> bool:
    return word.strip().lower() in {"1", "true", "yes", "on"}


def _port(word: str) -> int:
    if not word.isdecimal() or not 1 <= int(word) <= 65535:
        raise SystemExit(f"PORT must be a number from 1 to 65535, not {word!r}.")
    return int(word)


def _refuse_taken(port: int, advice: str) -> None:
    if port < 1024 and os.geteuid() != 0:
        raise SystemExit(f"Port {port} is for the administrator only; {advice}")
    if not port_is_free(port):
        raise SystemExit(f"Port {port} is taken by another program; {advice}")


def _simulator_port(endpoint: str, *, beside: int) -> int:
    """The port that SEAM_ENDPOINT names; without one the usual port, or a free one in its stead."""
    if endpoint:
        try:
            port = urlsplit(endpoint).port
        except ValueError:
            port = None
        if port is None:
            raise SystemExit(
                "SEAM_ENDPOINT must name the simulator's port, such as http://127.0.0.1:8001."
            )
        _refuse_taken(port, "name another for the simulator in SEAM_ENDPOINT, or unset it.")
        return port
    if beside != SIMULATOR_PORT and port_is_free(SIMULATOR_PORT):
        return SIMULATOR_PORT
    return free_port()


def _private_folder(var: Path) -> Path:
    var = var.resolve()
    try:
        var.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as problem:
        raise SystemExit(f"The folder {var} cannot be made: {problem.strerror}.") from None
    return var


def _secret_key(var: Path) -> Path:
    """The file with this installation's SECRET_KEY, made once, readable by this account only."""
    path = var / "secret_key"
    if not path.is_file() or not path.read_text().strip():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(64) + "\n")
    return path
