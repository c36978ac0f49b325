"""Run all tests: `python -m tools.test [pytest's arguments]`.

Twice: everything on SQLite, then all that touches the database on a real PostgreSQL. The exit code
is that of the first run that failed.

Many tests start a dozen processes each, and several run side by side. Where a few fail, they are run
once more, alone: one that then passes is named as UNSTEADY, for somebody to mend, and one that fails
again fails the run. (CPython's own test runner has the same rule.)
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools import prepared
from tools.processes import ROOT
from tools.servers import PostgresServer

TESTS_FAILED, NOTHING_CHOSEN = 1, 5  # pytest's exit codes; -k may leave a run without tests
MOST_UNSTEADY = 4  # more than that is no matter of a busy machine


def main(arguments: list[str]) -> int:
    """Run both, whatever the first one says; 0 when nothing failed."""
    with tempfile.TemporaryDirectory(prefix="accessdesk-prepared-") as folder:
        ours = {prepared.FOLDER: folder}
        codes = [run("SQLite", arguments, ours)]
        with PostgresServer() as server:
            ours |= {"DATABASE_URL": server.new_database()}
            codes.append(run("PostgreSQL", arguments, ours))
    if arguments and NOTHING_CHOSEN in codes and 0 in codes:
        codes.remove(NOTHING_CHOSEN)
    return next((code for code in codes if code), 0)


def run(database: str, arguments: list[str], extra: dict[str, str]) -> int:
    """One run of pytest, without what this shell has set for an installation of its own."""
    print(f"\n== Tests on {database}", flush=True)
    ours = (
        "ACCESSDESK_",
        "SEAM_",
        "DATABASE_",
        "CELERY_",
        "SECRET_KEY",
        "DJANGO_",
        "MAKE",
        "MFLAGS",
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    cache = ROOT / ".pytest_cache" / database.lower()
    shutil.rmtree(cache, ignore_errors=True)  # what failed in another run is no matter of this one
    pytest = [sys.executable, "-m", "pytest", "-q", "-o", f"cache_dir={cache}"]
    beside = ["-n", workers(arguments), "--dist", "worksteal", *arguments]
    code = subprocess.run([*pytest, *beside], cwd=ROOT, env=env | extra).returncode
    failed = failures(cache)
    if code != TESTS_FAILED or not 0 < len(failed) <= MOST_UNSTEADY:
        return code
    print(f"\n== Once more, alone, on {database}: {', '.join(failed)}", flush=True)
    code = subprocess.run([*pytest, "-n", "0", *failed], cwd=ROOT, env=env | extra).returncode
    if code == 0:
        print(f"\nUNSTEADY on {database}: {', '.join(failed)}", flush=True)
    return code


def failures(cache: Path) -> list[str]:
    """The tests that failed last, as pytest keeps them in its cache."""
    kept = cache / "v" / "cache" / "lastfailed"
    return sorted(json.loads(kept.read_text())) if kept.is_file() else []


def workers(arguments: list[str]) -> str:
    """How many tests run side by side; none for the debugger, which needs the terminal.

    One more than there are cores: many tests wait for processes that they have started.
    """
    return "0" if "--pdb" in arguments else str(1 + max(2, os.cpu_count() or 2))


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
