"""Run every measurement, or those that are named, print a table, and keep it in bench/last.json.

`python -m bench [press many_doors tablet webhooks stopping starting long_export history]`
"""

import json
import platform
import sys
from pathlib import Path

from bench import (
    history,
    long_export,
    many_doors,
    press,
    starting,
    stopping,
    tablet,
    webhooks,
)

LAST = Path(__file__).parent / "last.json"
MEASUREMENTS = {
    each.__name__.partition(".")[2]: each.measure
    for each in (press, many_doors, tablet, webhooks, stopping, starting, long_export, history)
}


def main(names: list[str]) -> None:
    """Figures of measurements that are not named stay as they were."""
    figures = json.loads(LAST.read_text())["milliseconds"] if names else {}
    for name in names or MEASUREMENTS:
        found = MEASUREMENTS[name]()
        figures |= found
        for what, value in found.items():
            print(f"{what:<72} {value:>11.1f} {'' if 'kB' in what else 'ms'}", flush=True)
    machine = {"python": platform.python_version(), "system": platform.system()}
    kept = {"machine": machine, "milliseconds": {n: round(v, 1) for n, v in figures.items()}}
    LAST.write_text(json.dumps(kept, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
