"""A web process that is killed at any point of a press leaves a row that ends honestly, by itself.

Nobody but the next web process is there: no broker, no worker.
"""

import ast
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from locks.simulator import Simulator
from locks.tests.installations import MAIN, House, card, press, shows
from tools.processes import ROOT, wait_for
from tools.stack import Stack

KILLING = Path(__file__).parent / "killing"
SERVICES, SEAM = "locks/services", "locks/seam"
# Where the process dies, and what may come of the request: `-` where there is none.
POINTS = {
    "before the press is recorded": (f"{SERVICES}/unlocking.py:_take:call", {"-"}),
    "with the press written and not committed": (f"{SERVICES}/unlocking.py:_open:return", {"-"}),
    "once it is committed": (f"{SERVICES}/unlocking.py:_take:return", {"unknown"}),
    "while connecting": (f"{SEAM}/connections.py:_new_conn:call", {"unknown"}),
    "right before the first byte": (f"{SEAM}/gate.py:pass_gate:call", {"unknown"}),
    "right after the gate": (f"{SEAM}/gate.py:pass_gate:return", {"unknown", "unlocked"}),
    "as the answer begins": (f"{SEAM}/transport.py:_body:call", {"unknown", "unlocked"}),
    "with the answer in hand": (f"{SERVICES}/unlocking.py:_send:return", {"unknown", "unlocked"}),
    "with the answer written and not committed": (
        f"{SERVICES}/answers.py:_settle:return",
        {"unknown", "unlocked"},
    ),
    "before the nudge": (f"{SERVICES}/following.py:nudge:call", {"unlocked", "unknown"}),
    "before the page is answered": (
        f"{SERVICES}/unlocking.py:_reread:call",
        {"unlocked", "unknown"},
    ),
    "while holding the follower's lease": (
        f"{SERVICES}/following.py:_tick:call",
        {"unlocked", "unknown"},
    ),
    "with the attempt's end in hand": (
        f"{SERVICES}/following.py:_look:return",
        {"unlocked", "unknown"},
    ),
    "while letting go of the lease": (
        f"{SERVICES}/leases.py:release:call",
        {"unlocked", "unknown"},
    ),
}
BOUNDS = {
    "UNLOCK_SEND_TIMEOUT": "1.5",
    "UNLOCK_ANSWER_TIMEOUT": "1.5",
    "UNLOCK_RESOLVE_TIMEOUT": "4",
    "CELERY_BROKER_URL": "redis://127.0.0.1:9/0",
}


@pytest.mark.parametrize("place", POINTS)
def test_every_place_is_a_function_that_exists(place: str) -> None:
    file, function, _event = POINTS[place][0].split(":")
    tree = ast.parse((ROOT / file).read_text())
    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert function in names


@pytest.mark.parametrize("place", POINTS)
def test_a_kill_leaves_nothing_open_and_nothing_sent_twice(
    stack: Callable[..., Stack], simulator: Simulator, tmp_path: Path, place: str
) -> None:
    kill_at, ends = POINTS[place]
    flag = tmp_path / "now"
    simulator.behave(MAIN, "instant")
    killing = {"KILL_AT": kill_at, "KILL_WHEN": str(flag), "PYTHONPATH": str(KILLING)}
    house = House(stack, simulator, parts=("web",), environment={**BOUNDS, **killing})
    clerk, colleague = house.visitor(), house.visitor("clerk2")
    door, _text = card(clerk, "Main entrance")
    token = clerk.token(door)
    flag.touch()
    with suppress(requests.ConnectionError):  # where it dies before it has answered
        clerk.press(door, token=token)
    web = house.stack.processes["web"]
    wait_for(lambda: web.exit_code is not None, seconds=20, what="the process is killed")
    flag.unlink()
    house.stack.kill("web")
    house.stack.start("web")
    house.stack.wait_until_up()
    still_open = "print(UnlockRequest.objects.filter(status__in=('sending','pending')).count())"
    wait_for(lambda: house.shell(still_open) == "0", seconds=30, what="nothing is left open")
    if simulator.posts(MAIN):  # what was sent is found in Seam's records, if not in its answer
        wait_for(lambda: house.statuses() == ["unlocked"], seconds=30, what="it is settled")
    statuses = house.statuses() or ["-"]
    assert len(statuses) == 1
    assert statuses[0] in ends
    assert simulator.posts(MAIN) <= 1
    if statuses[0] == "unlocked":
        assert simulator.unlocks(MAIN) == 1
    assert house.is_whole()
    told = "print(*AuditEvent.objects.order_by('id').filter(request__isnull=False)"
    kinds = house.shell(f"{told}.values_list('kind', flat=True))").split()
    if statuses != ["-"]:
        assert kinds[0] == "unlock.requested"
        assert kinds[-1] in (f"unlock.{statuses[0]}", "unlock.nothing_listed")
    # The door is usable: for the next press, after a question where nobody knows.
    if statuses[0] == "unknown":
        assert shows(colleague, "Press again…")
    else:
        house.shell(
            "import datetime as dt; from django.utils import timezone;"
            "UnlockRequest.objects.filter(ended_at__isnull=False)"
            ".update(ended_at=timezone.now() - dt.timedelta(seconds=9))"
        )
        before = simulator.posts(MAIN)
        assert press(colleague) == 303
        assert simulator.posts(MAIN) == before + 1
