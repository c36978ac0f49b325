"""Web, worker and beat as the processes that a server runs."""

import json
import re
import signal
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest

from locks.simulator import Simulator
from locks.tests.visitors import DEMO_PASSWORD, Visitor
from tools.processes import wait_for
from tools.servers import FakeSeam, RedisServer
from tools.stack import Stack

StartStack = Callable[..., Stack]


def is_ready(stack: Stack) -> bool:
    """Whether /readyz says yes: database, triggers, and a worker that beat reached by the broker."""
    try:
        with urllib.request.urlopen(f"{stack.url}/readyz", timeout=5) as answer:
            return bool(answer.read() == b"yes\n")
    except urllib.error.HTTPError:
        return False


def test_all_parts_get_ready_without_any_server_beside_them(
    stack: StartStack, simulator: Simulator
) -> None:
    running = stack(endpoint=simulator.endpoint)
    wait_for(lambda: is_ready(running), seconds=30, what="/readyz says yes")
    assert "Traceback" not in running.output()


def test_all_parts_get_ready_with_redis_and_seams_own_fake(
    stack: StartStack, redis_server: RedisServer, fake_seam: FakeSeam
) -> None:
    running = stack(
        endpoint=fake_seam.endpoint,
        api_key=fake_seam.api_key,
        environment={"CELERY_BROKER_URL": redis_server.url},
    )
    wait_for(lambda: is_ready(running), seconds=30, what="/readyz says yes")
    assert json.loads(running.manage("sync_devices", "--json"))
    for name in ("beat", "worker", "web"):
        running.stop(name)
    said = running.output()
    assert "Traceback" not in said
    assert fake_seam.api_key not in said


@pytest.mark.sqlite_only
@pytest.mark.parametrize("broker", ["files", "redis"])
def test_the_worker_alone_follows_what_it_was_told(
    stack: StartStack, simulator: Simulator, request: pytest.FixtureRequest, broker: str
) -> None:
    """The web process dies right after the press: only the nudge by the broker is left."""
    url = request.getfixturevalue("redis_server").url if broker == "redis" else "filesystem://"
    running = stack(
        endpoint=simulator.endpoint,
        parts=("web", "worker"),
        environment={"CELERY_BROKER_URL": url},
    )
    simulator.hold("harbour-main-entrance")
    clerk = Visitor(running.url, "clerk", DEMO_PASSWORD)
    page = clerk.get("/").text
    door = int(re.search(r'id="door-(\d+)"[^>]*data-label="Main entrance"', page)[1])
    assert clerk.press(door, token=clerk.token(door)).status_code == 303
    running.kill("web")
    simulator.release("harbour-main-entrance")
    status = "print(UnlockRequest.objects.get().status)"
    wait_for(
        lambda: running.manage("shell", "-v0", "-c", status).strip() == "unlocked",
        seconds=30,
        what="the worker follows",
    )


@pytest.mark.sqlite_only
@pytest.mark.parametrize("name", ["web", "worker", "beat"])
def test_a_part_that_is_asked_to_end_does_so_by_itself(
    stack: StartStack, simulator: Simulator, name: str
) -> None:
    running = stack(endpoint=simulator.endpoint)
    wait_for(lambda: is_ready(running), seconds=30, what="/readyz says yes")
    part = running.processes[name]
    part.send(signal.SIGTERM)
    assert part.wait(15), part.output()
    part.kill()
    assert part.exit_code in {0, -signal.SIGTERM}
    assert "Traceback" not in part.output()
