"""The desk of one building with 2,000 doors: the page, a live refetch, and a search.

Real web process, SQLite; half of the doors have been unlocked lately. How many queries each takes is
held by locks/tests/test_finding.py: the same for two doors and for two thousand.
"""

import re
import statistics
import tempfile
import time
from pathlib import Path

import requests

from locks.simulator import Simulator
from locks.tests.visitors import DEMO_PASSWORD, Visitor
from tools.stack import Stack

ROUNDS = 30
HTMX = {"HX-Request": "true"}
FILL = """
import datetime as dt
from django.utils import timezone
home, clerk = Building.objects.get(name='Harbour House'), User.objects.get(username='clerk2')
made = Device.objects.bulk_create(Device(building=home, seam_device_id=f'made-up-{number}',
    label=f'Room {number}', area=f'Floor {number // 100}', online=True, can_remotely_unlock=True)
    for number in range(1000, 3000 - Device.objects.filter(building=home).count()))
at = timezone.now()
UnlockRequest.objects.bulk_create(UnlockRequest(device=door, building=home, requested_by=clerk,
    door_label=door.label, person_name='Second demo clerk', status='unlocked',
    requested_at=at - dt.timedelta(minutes=each), ended_at=at - dt.timedelta(minutes=each),
    send_by=at, call_deadline=at, resolve_by=at) for each, door in enumerate(made[::2], 5))
"""


def measure() -> dict[str, float]:
    """Milliseconds and kilobytes, by name."""
    with (
        Simulator(api_key="seam_simulated_key") as seam,
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder), endpoint=seam.endpoint, parts=("web",)) as stack,
    ):
        stack.manage("shell", "-v0", "-c", FILL)
        clerk = Visitor(stack.url, "clerk", DEMO_PASSWORD)
        section = re.search(r'<section[^>]*hx-get="([^"?]*)', clerk.get("/").text)[1]
        asked = {
            "page": ("/", {}),
            "live refetch": (section, HTMX),
            "search by number": ("/?q=1407", {**HTMX, "HX-Target": "main"}),
            "search of a word that all have": ("/?q=room", {**HTMX, "HX-Target": "main"}),
            "one floor, 100 doors": (f"{section}?area=Floor+14", {}),
        }
        figures = {}
        for name, (path, headers) in asked.items():
            took, size = _asked(clerk, path, headers)
            figures[f"desk of 2,000 doors, {name}: median"] = took
            figures[f"desk of 2,000 doors, {name}, kB"] = size
    return figures


def _asked(clerk: Visitor, path: str, headers: dict[str, str]) -> tuple[float, float]:
    answers: list[requests.Response] = []
    took = []
    for _round in range(ROUNDS):
        began = time.perf_counter()
        answers.append(clerk.get(path, headers=headers))
        took.append((time.perf_counter() - began) * 1000)
    if any(answer.status_code != 200 for answer in answers):
        raise RuntimeError(f"{path}: {answers[-1].status_code}")
    return statistics.median(took), len(answers[-1].content) / 1000
