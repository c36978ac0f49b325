"""Install what the tests need and is missing; standard library only, before anything else is there.

On Debian and its kin through apt-get, as root or with sudo; elsewhere one sentence says what is
missing.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FAKE_SEAM = ROOT / "tools" / "fake-seam"
OIDC_PROVIDER = ROOT / "tools" / "oidc-provider"
AXE = ROOT / "tools" / "axe"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
REDIS = ("redis-server", "valkey-server")
HOW_TO_GET = "run `make test` once: it installs what is missing"


@dataclass(frozen=True)
class Part:
    """Something that tests start: its name for people, the Debian packages, the look for it."""

    name: str
    packages: tuple[str, ...]
    is_there: Callable[[], bool]


def find(names: tuple[str, ...]) -> str | None:
    """The path of the first program of these names."""
    return next((path for path in map(shutil.which, names) if path), None)


def postgres_folder() -> Path | None:
    """The folder with PostgreSQL's own programs (newest version; Debian keeps it off the PATH)."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version_of_folder)
    if not found:
        path = shutil.which("initdb")
        found = [Path(path).resolve()] if path else []
    return found[-1].parent if found and _major([found[-1], "--version"]) >= 15 else None


def main() -> None:
    """Leave this machine with every part of the tests; SystemExit with one sentence otherwise."""
    missing = [part for part in PARTS if not part.is_there()]
    if missing:
        install(missing)
        still = [part.name for part in missing if not part.is_there()]
        if still:
            raise SystemExit(f"The tests need {', '.join(still)}; what was installed is too old.")
    install_from_npm(FAKE_SEAM, "@seamapi/fake-seam-connect")
    install_from_npm(OIDC_PROVIDER, "oidc-provider")
    install_from_npm(AXE, "axe-core")


def install(missing: list[Part]) -> None:
    """Install Debian packages, saying which."""
    names = ", ".join(part.name for part in missing)
    packages = [package for part in missing for package in part.packages]
    prefix = apt_prefix()
    if prefix is None:
        raise SystemExit(
            f"The tests need {names}. Install them (Debian 12 or newer: `apt-get install "
            f"{' '.join(packages)}` as root) and run this again."
        )
    print(f"Installing for the tests: {' '.join(packages)} ...", flush=True)
    _quietly([*prefix, "update"], f"apt-get update failed; the tests need {names}.")
    _quietly(
        [*prefix, "install", "--yes", "--no-install-recommends", *packages],
        f"apt-get could not install {' '.join(packages)}.",
    )


def apt_prefix() -> list[str] | None:
    """How to call apt-get here: as root, with a sudo that asks no password, or not at all."""
    if not shutil.which("apt-get"):
        return None
    command = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
    if os.geteuid() == 0:
        return command
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True).returncode == 0:
        return [sudo, "-n", *command]
    return None


def install_from_npm(folder: Path, name: str) -> None:
    """A program from the npm registry, at the version that its package.json names."""
    wanted = json.loads((folder / "package.json").read_text())["devDependencies"][name]
    installed = folder / "node_modules" / name / "package.json"
    if installed.is_file() and json.loads(installed.read_text()).get("version") == wanted:
        return
    print(f"Installing for the tests: {name} {wanted} (npm) ...", flush=True)
    locked = (folder / "package-lock.json").is_file()
    options = "--no-audit --no-fund --ignore-scripts --loglevel error"
    how = ["ci"] if locked else ["install", "--no-package-lock"]
    _quietly(
        ["npm", *how, "--prefix", str(folder), *options.split()],
        f"npm could not install {name} {wanted}.",
    )


def _quietly(command: list[str], failure: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise SystemExit(f"{done.stdout}\n{failure} See above.")


def _major(command: list[str | Path]) -> int:
    """The first number that a program's --version says; 0 where it does not start."""
    try:
        said = subprocess.run(command, capture_output=True, text=True).stdout
    except OSError:
        return 0
    number = re.search(r"\d+", said)
    return int(number.group()) if number else 0


def _version_of_folder(initdb: Path) -> int:
    name = initdb.parent.parent.name
    return int(name) if name.isdecimal() else 0


def _has_venv() -> bool:
    return (ROOT / ".venv" / "bin" / "python").exists() or bool(
        importlib.util.find_spec("ensurepip") and importlib.util.find_spec("venv")
    )


def _has_node() -> bool:
    return _major(["node", "--version"]) >= 18 and shutil.which("npm") is not None


PARTS = (
    Part("Python's venv module", ("python3-venv",), _has_venv),
    Part("PostgreSQL 15 or newer", ("postgresql",), lambda: postgres_folder() is not None),
    Part("Redis or Valkey", ("redis-server",), lambda: find(REDIS) is not None),
    Part("Chromium", ("chromium",), lambda: find(CHROMIUM) is not None),
    Part("OpenSSL", ("openssl",), lambda: shutil.which("openssl") is not None),
    Part("Node 18 or newer with npm", ("nodejs", "npm"), _has_node),
)

if __name__ == "__main__":
    main()
