"""What a clerk waits for: from the press to the card, and to the outcome on another console.

Real processes (web, worker, beat), SQLite with full synchronisation, the simulator as Seam. The lock is
released by hand, so that its own time is not in the figures.
"""

import re
import statistics
import tempfile
import time
from pathlib import Path

from locks.simulator import Simulator
from locks.tests.visitors import DEMO_PASSWORD, Ear, Visitor
from tools.processes import wait_for
from tools.stack import Stack

PRESSES = 30
# In turn: Seam allows 15 unlocks a minute a door, and a press within 2 s of the end would join it.
DOORS = {
    "Main entrance": "harbour-main-entrance",
    "Staff entrance": "harbour-staff-entrance",
    "Parking gate": "harbour-parking-gate",
}


def measure() -> dict[str, float]:
    """Milliseconds, by name."""
    with (
        Simulator(api_key="seam_simulated_key") as seam,
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder), endpoint=seam.endpoint) as stack,
    ):
        clerk = Visitor(stack.url, "clerk", DEMO_PASSWORD)
        colleague = Visitor(stack.url, "clerk2", DEMO_PASSWORD)
        with colleague.listening() as ear:
            ear.wait_for("beat")
            labels = [list(DOORS)[number % len(DOORS)] for number in range(PRESSES)]
            rounds = [_round(seam, clerk, colleague, ear, label) for label in labels]
        desk = [_timed(lambda: clerk.get("/")) for _ in range(PRESSES)]
    sent, seen = zip(*rounds, strict=True)
    return {
        "desk page, 10 doors: median": statistics.median(desk),
        "press to answer (recorded, sent, recorded): median": statistics.median(sent),
        "press to answer: 95th percentile": statistics.quantiles(sent, n=20)[18],
        "lock's answer to the event on another console: median": statistics.median(seen),
        "lock's answer to the event: 95th percentile": statistics.quantiles(seen, n=20)[18],
    }


def _round(
    seam: Simulator, clerk: Visitor, colleague: Visitor, ear: Ear, label: str
) -> tuple[float, float]:
    seam.behave(DOORS[label], "instant")
    seam.hold(DOORS[label])
    page = clerk.get("/").text
    door = int(re.search(rf'id="door-(\d+)"[^>]*data-label="{label}"', page)[1])
    token = clerk.token(door)
    csrf = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
    data = {"token": token}
    sent = _timed(lambda: clerk.post(f"/doors/{door}/unlock/", data, csrf=csrf))
    wait_for(lambda: "Waiting for the lock" in colleague.get("/").text, seconds=5, what="pending")
    time.sleep(0.6)  # the event of this step has come, too
    heard = len(ear.heard)
    released = time.monotonic()
    seam.release(DOORS[label])

    def told() -> bool:
        return any(name.startswith("building-") for _at, name in ear.heard[heard:])

    wait_for(told, seconds=10, what="the outcome is told")
    at = next(at for at, name in ear.heard[heard:] if name.startswith("building-"))
    time.sleep(0.5)
    return sent, (at - released) * 1000


def _timed(action: object) -> float:
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000
