"""With the broker stopped, refusing or frozen, presses unlock as fast, are followed, and show live."""

import time
from collections.abc import Callable

import pytest

from locks.simulator import Simulator
from locks.tests.installations import MAIN, OUTCOME, House, press, shows
from locks.tests.visitors import Visitor
from tools.processes import wait_for
from tools.servers import RedisServer
from tools.stack import Stack


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
    # The first pays for finding out; the bound is the promise (a second), and a busy machine's grace.
    assert first < usual + 1 + 2
    assert second < usual + 2
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
