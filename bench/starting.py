"""How long `make run` takes until a clerk can sign in, the second time: nothing is left to be made."""

import os
import re
import tempfile
import time

from tools.processes import Process, free_port, wait_for


def measure() -> dict[str, float]:
    """Milliseconds, by name."""
    with tempfile.TemporaryDirectory() as folder:
        _start(folder)
        return {"make run until it is up, the second time": _start(folder)}


def _start(folder: str) -> float:
    env = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    env |= {"ACCESSDESK_ENV_FILE": os.devnull, "ACCESSDESK_VAR": f"{folder}/var"}
    env |= {"PORT": str(free_port()), "SEAM_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    began = time.perf_counter()
    process = Process("make run", ["make", "run"], env=env)
    try:
        wait_for(
            lambda: bool(re.search(r"accessdesk is up", process.output())),
            seconds=120,
            what="make run is up",
        )
        return (time.perf_counter() - began) * 1000
    finally:
        process.stop()
