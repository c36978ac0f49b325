"""How long Seam waits for the answer to a webhook: Svix gives up, and comes again, after 15 s.

Real web process, SQLite with full synchronisation; each delivery is signed, new, and about a door.
"""

import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from types import ModuleType

import django
import requests

from locks.simulator import Simulator
from tools.stack import Stack

DELIVERIES = 200


def measure() -> dict[str, float]:
    """Milliseconds, by name."""
    deliveries = _as_the_tests_make_them()
    receiving = {"SEAM_WEBHOOK_SECRET": deliveries.SECRET}
    with (
        Simulator(api_key="seam_simulated_key") as seam,
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder), endpoint=seam.endpoint, parts=("web",), environment=receiving) as stack,
        requests.Session() as svix,
    ):
        address = stack.url + deliveries.PATH
        took = [_deliver(svix, address, deliveries) for _ in range(DELIVERIES)]
    return {
        "webhook, physical unlock recorded: median": statistics.median(took),
        "webhook: 95th percentile": statistics.quantiles(took, n=20)[18],
        "webhook: longest of 200": max(took),
    }


def _as_the_tests_make_them() -> ModuleType:
    """Events and signatures; their module names models, and so wants Django's settings first."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "accessdesk.test_settings")
    django.setup()
    from locks.tests import deliveries

    return deliveries


def _deliver(svix: requests.Session, address: str, deliveries: ModuleType) -> float:
    event = deliveries.event_json(
        "lock.unlocked", device_id="harbour-main-entrance", method="keycode"
    )
    body = json.dumps(event)
    began = time.perf_counter()
    answer = svix.post(address, body, headers=deliveries.signed(body), timeout=20)
    took = (time.perf_counter() - began) * 1000
    if answer.status_code != 204:
        raise RuntimeError(f"The delivery was answered with {answer.status_code}.")
    return took
