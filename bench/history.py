"""How long a manager waits for the history: at ten thousand events, and at ten million.

On PostgreSQL, each size in a database of its own, filled by bench.many_events. The long one takes half an
hour and some 12 GB to fill. BENCH_EVENTS chooses another size; BENCH_DATABASE names a database that is
filled already.
"""

import json
import os
import subprocess
import sys
import tempfile

from bench.many_events import fill
from tools.processes import ROOT
from tools.servers import PostgresServer

FEW, MANY = 10_000, 10_000_000


def measure() -> dict[str, float]:
    """Milliseconds, by name."""
    many = int(os.environ.get("BENCH_EVENTS", MANY))
    with PostgresServer() as server, tempfile.TemporaryDirectory() as folder:
        found = {}
        for events in (FEW, many):
            filled = os.environ.get("BENCH_DATABASE") if events == many else None
            url = filled or server.new_database()
            if not filled:
                _run(folder, url, "manage.py", "migrate", "--verbosity", "0")
                fill(url, events=events)
            figures = json.loads(_run(folder, url, "-m", "bench.turning"))
            found |= {f"history of {events:,}: {name}": value for name, value in figures.items()}
    return found


def _run(folder: str, url: str, *arguments: str) -> str:
    env = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    env |= {"DATABASE_URL": url, "SEAM_SIMULATED": "1", "ACCESSDESK_VAR": folder}
    env |= {"ACCESSDESK_ENV_FILE": os.devnull, "DJANGO_SETTINGS_MODULE": "accessdesk.test_settings"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=env, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(arguments)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    return done.stdout
