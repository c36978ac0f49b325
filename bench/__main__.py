"""Run every measurement, print a table, and keep it in bench/last.json."""

import json
import platform
from pathlib import Path

from bench import press, starting, stopping, webhooks

LAST = Path(__file__).parent / "last.json"


def main() -> None:
    figures = press.measure() | webhooks.measure() | stopping.measure() | starting.measure()
    for name, value in figures.items():
        print(f"{name:<58} {value:>9.1f} ms")
    machine = {"python": platform.python_version(), "system": platform.system()}
    LAST.write_text(json.dumps({"machine": machine, "milliseconds": figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
