"""Make .venv, or bring it up to date: `python tools/venv.py requirements.txt`.

Standard library only: it runs before anything is installed. Ends with one sentence when it cannot.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
NO_VENV = (
    "Python's venv module is incomplete here. Install it (Debian and Ubuntu: "
    "`apt-get install python3-venv`) and run this again."
)


def main(name: str) -> None:
    """Leave .venv with the named requirements installed; does nothing when they already are."""
    requirements = ROOT / name
    stamp = VENV / f"installed-{requirements.stem}"
    wanted = fingerprint(requirements)
    if usable() and stamp.is_file() and stamp.read_text() == wanted:
        return
    if not usable():
        make()
    install(requirements)
    # The development list includes the other one, so that either command finds its own stamp.
    for included in included_files(requirements):
        (VENV / f"installed-{included.stem}").write_text(fingerprint(included))


def included_files(requirements: Path) -> list[Path]:
    """The file itself and those that it names with -r."""
    found = [requirements]
    for line in requirements.read_text().splitlines():
        if line.startswith("-r "):
            found += included_files(requirements.parent / line[3:].strip())
    return found


def fingerprint(requirements: Path) -> str:
    """A digest of the requirement files and of the Python that they were installed for."""
    digest = hashlib.sha256(repr(sys.version_info[:2]).encode())
    for file in included_files(requirements):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def usable() -> bool:
    """Whether .venv has a Python of this version that starts (a moved or upgraded one may not)."""
    probe = f"import sys, pip; sys.exit(sys.version_info[:2] != {sys.version_info[:2]!r})"
    try:
        done = subprocess.run([VENV / "bin" / "python", "-c", probe], capture_output=True)
    except OSError:
        return False
    return done.returncode == 0


def make() -> None:
    """Make .venv anew."""
    print("Making .venv ...", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    if subprocess.run([sys.executable, "-m", "venv", VENV], capture_output=True).returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        raise SystemExit(NO_VENV)


def install(requirements: Path) -> None:
    """Install with pip, quietly; pip's own words follow only when it fails."""
    print(f"Installing {requirements.name} into .venv ...", flush=True)
    command: list[str | Path] = [
        VENV / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-input",
    ]
    command += ["--disable-pip-version-check", "-r", requirements]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise SystemExit(f"{done.stdout}\n{requirements.name} could not be installed: see above.")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except KeyboardInterrupt:
        raise SystemExit("Stopped; the next start goes on from here.") from None
