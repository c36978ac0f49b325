"""Run the fast tests on every newer Python that is found: `python tools/test_pythons.py`.

Fast: no browser, no processes of our own. Each Python gets a virtual environment under .venv.
"""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSIONS = ("3.12", "3.13", "3.14")


def main() -> None:
    """Try each version; SystemExit names those that failed, or that none was found."""
    found = {version: python for version in VERSIONS if (python := find(version))}
    if not found:
        raise SystemExit(f"None of Python {', '.join(VERSIONS)} is installed here.")
    failed = [version for version, python in found.items() if not test(version, python)]
    if failed:
        raise SystemExit(f"The fast tests failed on Python {', '.join(failed)}.")


def find(version: str) -> Path | None:
    """A Python of this version: on the PATH, or one that pyenv keeps."""
    kept = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    path = shutil.which(f"python{version}")
    candidates = [*kept, *([Path(path)] if path else [])]
    return next((python for python in candidates if answers(python)), None)


def answers(python: Path) -> bool:
    """Whether it starts (pyenv leaves place-holders on the PATH that do not)."""
    return subprocess.run([python, "-c", ""], capture_output=True).returncode == 0


def test(version: str, python: Path) -> bool:
    """Whether the fast tests pass there."""
    folder = ROOT / ".venv" / f"python{version}"
    print(f"== Python {version}", flush=True)
    inside = folder / "bin" / "python"
    commands: list[list[str | Path]] = [
        [python, "-m", "venv", folder],
        [inside, "-m", "pip", "install", "-q", "--no-input", "-r", "requirements-dev.txt"],
        [inside, "-m", "pytest", "-q", "-n", "2", "-m", "not browser and not processes"],
    ]
    return all(subprocess.run(command, cwd=ROOT).returncode == 0 for command in commands)


if __name__ == "__main__":
    main()
