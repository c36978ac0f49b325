"""Run all tests: `python -m tools.test [pytest's arguments]`.

Twice: everything on SQLite, then all that touches the database on a real PostgreSQL. The exit code
is that of the first run that failed.
"""

import os
import subprocess
import sys

from tools.processes import ROOT
from tools.servers import PostgresServer

NOTHING_CHOSEN = 5  # pytest's exit code: arguments such as -k may leave a run without tests


def main(arguments: list[str]) -> int:
    """Run both, whatever the first one says; 0 when nothing failed."""
    codes = [run("SQLite", arguments, {})]
    with PostgresServer() as server:
        codes.append(run("PostgreSQL", arguments, {"DATABASE_URL": server.new_database()}))
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
    command = [sys.executable, "-m", "pytest", "-q", "-n", workers(arguments)]
    command += ["--dist", "worksteal", *arguments]
    return subprocess.run(command, cwd=ROOT, env=env | extra).returncode


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
