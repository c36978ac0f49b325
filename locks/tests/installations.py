"""All of accessdesk as processes, and the people who use it, for tests across processes."""

import re
from collections.abc import Callable
from typing import Any

from locks.simulator import Simulator
from locks.tests.visitors import DEMO_PASSWORD, Visitor
from tools.processes import wait_for
from tools.stack import Stack

MAIN, OUTCOME = "harbour-main-entrance", "Unlocked, confirmed"


class House:
    """A running installation in simulated mode, and what tests ask of it."""

    def __init__(self, stack: Callable[..., Stack], simulator: Simulator, **options: Any) -> None:
        self.simulator = simulator
        self.stack = stack(endpoint=simulator.endpoint, **options)

    def visitor(self, username: str = "clerk") -> Visitor:
        """A browser of its own, signed in."""
        return Visitor(self.stack.url, username, DEMO_PASSWORD)

    def shell(self, code: str) -> str:
        """What Python code prints in this installation."""
        return self.stack.manage("shell", "-v0", "-c", code).strip()

    def statuses(self) -> list[str]:
        """The status of every request, oldest first."""
        rows = "UnlockRequest.objects.order_by('pk').values_list('status', flat=True)"
        return self.shell(f"print(*{rows})").split()

    def is_whole(self) -> bool:
        """Whether the record proves itself."""
        return "BROKEN" not in self.stack.manage("verify_audit")

    def ready(self, word: str, *, seconds: float = 60) -> None:
        """Wait until /readyz says it."""
        visitor = self.visitor()
        wait_for(
            lambda: visitor.get("/readyz").text == f"{word}\n",
            seconds=seconds,
            what=f"/readyz says {word}",
        )


def card(visitor: Visitor, label: str) -> tuple[int, str]:
    """The id of a door and the text of its card on the desk."""
    page = visitor.get("/").text
    for article in re.findall(r"<article.*?</article>", page, re.DOTALL):
        if f'data-label="{label}"' in article:
            found = re.search(r'id="door-(\d+)"', article)
            assert found is not None
            return int(found[1]), article
    raise AssertionError(f"no card of {label}")


def shows(visitor: Visitor, text: str, *, label: str = "Main entrance") -> bool:
    """Whether the door's card holds the text."""
    return text in card(visitor, label)[1]


def press(visitor: Visitor, label: str = "Main entrance") -> int:
    """Press a common door's button; the status of the answer."""
    door, _text = card(visitor, label)
    return visitor.press(door, token=visitor.token(door)).status_code
