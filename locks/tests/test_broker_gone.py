"""With the broker stopped, refusing or frozen, presses unlock as fast, are followed, and show live."""

import json
import time
from collections.abc import Callable

import pytest

from locks.simulator import Simulator
from locks.tests.installations import MAIN, OUTCOME, House, press, shows
from locks.tests.visitors import Visitor
from tools.processes import wait_for
from tools.servers import RedisServer
from tools.stack import Stack

pytestmark = pytest.mark.sqlite_only  # the same on any database


def timed_press(house: House, clerk: Visitor) -> float:
    """Seconds that a press takes to be answered, until its outcome shows on another console."""
    colleague = house.visitor("clerk2")
    with colleague.listening() as ear:
        ear.wait_for("beat")
        began = time.monotonic()
        assert press(clerk) == 303
        took = time.monotonic() - began
        wait_for(lambda: shows(colleague, OUTCOME), seconds=20, what="a colleague sees the outcome")
        wait_for(
            lambda: any(name.startswith("building-") for name in ear.names),
            seconds=10,
            what="the stream tells of it",
        )
    house.shell(
        "import datetime as dt; from django.utils import timezone;"
        "UnlockRequest.objects.update(ended_at=timezone.now() - dt.timedelta(seconds=9))"
    )
    return took


BUSY = 1.0  # seconds that a busy machine may take for what takes none
# Three nudges: two at once, and one when the broker has been left alone for long enough.
NUDGES = """
import json, time
from celery.signals import before_task_publish
from locks.services import following
published, told = [], []
before_task_publish.connect(lambda **_message: published.append(1), weak=False)
for later in (0, 0, following.PUBLISH_AGAIN_AFTER):
    following._broker_down_until -= later
    following.wake_here.clear()
    began = time.monotonic()
    following.nudge()
    took = time.monotonic() - began
    told.append([len(published), following.wake_here.is_set(), took])
print(json.dumps(told))
"""


@pytest.mark.parametrize("fault", ["stop", "freeze"])
def test_a_broker_that_is_gone_is_asked_once_and_then_left_alone_for_a_while(
    stack: Callable[..., Stack], redis_server: RedisServer, fault: str
) -> None:
    broker = {"CELERY_BROKER_URL": redis_server.url}
    house = stack(endpoint="http://127.0.0.1:9", parts=(), environment=broker)
    shell = ("shell", "-v0", "-c", NUDGES)
    assert [told[:2] for told in json.loads(house.manage(*shell))] == [
        [1, False],
        [2, False],
        [3, False],
    ]
    getattr(redis_server, fault)()
    first, second, third = json.loads(house.manage(*shell))
    assert [first[:2], second[:2], third[:2]] == [[1, True], [1, True], [2, True]]
    # A second at most, on a machine that has nothing else to do; and nothing at all the next time.
    assert max(first[2], third[2]) < 1 + BUSY
    assert second[2] < 0.2


@pytest.mark.parametrize("fault", ["stop", "freeze"])
def test_presses_do_not_need_the_broker(
    stack: Callable[..., Stack], simulator: Simulator, redis_server: RedisServer, fault: str
) -> None:
    simulator.behave(MAIN, "instant")
    house = House(stack, simulator, environment={"CELERY_BROKER_URL": redis_server.url})
    clerk = house.visitor()
    usual = timed_press(house, clerk)
    getattr(redis_server, fault)()
    first, second = timed_press(house, clerk), timed_press(house, clerk)
    # The first pays for finding out. (What that costs by itself is held above.)
    assert first < usual + 1 + 2 * BUSY
    assert second < usual + 2 * BUSY
    assert simulator.posts(MAIN) == 3
    with clerk.listening() as ear:
        house.ready("degraded")
        ear.wait_for("degraded", seconds=40)
        {"stop": redis_server.start, "freeze": redis_server.thaw}[fault]()
        ear.wait_for("steady", seconds=100)
    house.ready("yes")
    timed_press(house, clerk)
    assert simulator.posts(MAIN) == 4
    assert house.statuses() == ["unlocked"] * 4
    assert house.shell("print(AuditEvent.objects.filter(kind='unlock.unlocked').count())") == "4"
    assert house.is_whole()
