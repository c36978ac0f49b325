"""How long open consoles hold on to a web process that is asked to end (SIGTERM)."""

import signal
import tempfile
import time
from pathlib import Path

from locks.simulator import Simulator
from locks.tests.visitors import DEMO_PASSWORD, Visitor
from tools.processes import wait_for
from tools.stack import Stack


def measure() -> dict[str, float]:
    """Milliseconds, by name."""
    with (
        Simulator(api_key="seam_simulated_key") as seam,
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder), endpoint=seam.endpoint, parts=("web",)) as stack,
    ):
        clerk = Visitor(stack.url, "clerk", DEMO_PASSWORD)
        with clerk.listening() as ear:
            ear.wait_for("beat")
            began = time.perf_counter()
            stack.processes["web"].send(signal.SIGTERM)
            wait_for(ear.ended.is_set, seconds=30, what="the stream ends")
            took = (time.perf_counter() - began) * 1000
    return {"end of a stream when the server is asked to end": took}
