"""Web and worker refuse to start where a press would not be safe: one line, and an exit code."""

from collections.abc import Callable

import pytest

from tools.processes import free_port
from tools.stack import Stack

StartStack = Callable[..., Stack]
UNGUARD = "from locks import append_only; append_only.uninstall()"
ADD_DEMO = "from locks.tests.factories import make_user; make_user('demo', is_demo=True)"
DEACTIVATE = "User.objects.update(is_active=False)"
UVICORNS_OWN = "Application startup failed. Exiting."


@pytest.fixture
def real(stack: StartStack) -> Stack:
    """An installation with a key and real doors, prepared and not started."""
    endpoint = f"http://127.0.0.1:{free_port()}"
    return stack(endpoint=endpoint, api_key="seam_0123456789", parts=())


def refusal(installation: Stack, name: str) -> str:
    """What a part says that does not start."""
    installation.start(name)
    part = installation.processes[name]
    assert part.wait(40), f"it runs: {part.output()}"
    part.kill()
    assert part.exit_code not in (0, None)
    return part.output()


@pytest.mark.parametrize("name", ["web", "worker"])
@pytest.mark.parametrize(
    ("harm", "why"),
    [(UNGUARD, "the record is not append-only"), (ADD_DEMO, "demo accounts are active")],
    ids=["trigger missing", "demo account"],
)
def test_it_does_not_start_where_the_doors_are_real_and_the_house_is_not_in_order(
    real: Stack, name: str, harm: str, why: str
) -> None:
    real.manage("shell", "-v0", "-c", harm)
    [line] = [line for line in refusal(real, name).splitlines() if UVICORNS_OWN not in line]
    assert line.removeprefix("ERROR:    ").startswith("accessdesk cannot start: ")
    assert why in line


def test_demo_accounts_that_nobody_can_use_do_not_keep_it_from_starting(real: Stack) -> None:
    real.manage("shell", "-v0", "-c", f"{ADD_DEMO}; {DEACTIVATE}")
    real.start("web")
    real.wait_until_up()
    assert real.output() == ""
