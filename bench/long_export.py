"""A million events exported: how much CPU it takes, and how much memory beyond that of a thousand.

On SQLite, in a process of its own: `python -m bench.long_export` prints the figures as JSON.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tools.processes import ROOT

EVENTS = 1_000_000


def measure() -> dict[str, float]:
    """Milliseconds, and kilobytes where the name says so."""
    with tempfile.TemporaryDirectory() as folder:
        env = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        env |= {"ACCESSDESK_VAR": folder, "SEAM_SIMULATED": "1", "ACCESSDESK_ENV_FILE": os.devnull}
        env |= {"DJANGO_SETTINGS_MODULE": "accessdesk.test_settings"}
        command = [sys.executable, "-m", "bench.long_export", folder]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout)


def main(folder: Path) -> None:
    """Write a long record, export a little of it, then all, and check the file."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from locks.models import Building
    from locks.services.exporting import Export, reviewable
    from locks.services.reading_exports import check_export
    from locks.tests import long_record
    from locks.tests.factories import make_building, make_device, make_user

    def export(building: Building) -> float:
        whole = Export(reviewable(None, building=building), "ndjson", None, {}, whole_of=building)
        began = time.process_time()
        with (folder / f"{building.pk}.ndjson").open("wb") as file:
            for part in whole.parts():
                file.write(part)
        return (time.process_time() - began) * 1000

    def house(events: int) -> Building:
        building = make_building()
        long_record.write(building, make_device(building), make_user(), events=events)
        return building

    long, short = house(EVENTS), house(1_000)
    export(short)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    took = export(long)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    report = check_export(folder / f"{long.pk}.ndjson")
    if not report.holds or report.proves != "complete":
        raise RuntimeError(f"The export does not hold: {report.problems}")
    name = f"export of {EVENTS:,} events"
    print(json.dumps({f"{name}: CPU": took, f"{name}: memory beyond that of 1,000, kB": grown}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
