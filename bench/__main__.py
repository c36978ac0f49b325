"""Run every measurement, or those that are named, print a table, and keep it in bench/last.json.

`python -m bench [press many_doors tablet webhooks stopping starting long_export history]`
Ends with an error that names what is slower than its goal.
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
# Milliseconds: a slow tablet, and what feels instant.
GOALS = {
    "slow tablet, desk of 40 doors, first visit: usable": 1000,
    "slow tablet, desk of 40 doors, with its files kept: usable": 1000,
    "desk of 2,000 doors, search by number: median": 200,
    "desk of 2,000 doors, search of a word that all have: median": 200,
    "desk of 2,000 doors, live refetch: median": 200,
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
    slow = [f"{name}: goal {goal} ms" for name, goal in GOALS.items() if figures[name] > goal]
    if slow:
        sys.exit("Slower than its goal:\n" + "\n".join(slow))


if __name__ == "__main__":
    main(sys.argv[1:])
