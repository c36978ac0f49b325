"""Faults at a chosen line or statement of the services: death, stall, other work, a lost database."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Self

from django.db import OperationalError, connection

from locks import services
from locks.models import Lease
from locks.services import following, leases

SERVICES = str(Path(services.__file__).parent)


class Killed(BaseException):
    """The process is dead: no `except` of the product runs on."""


class AtLine:
    """Does something once, at the n-th line of the services that this thread comes to run.

    `outside`: at the first such line that stands outside of a transaction.
    """

    def __init__(self, line: int, action: Callable[[], object], *, outside: bool = False) -> None:
        self.passed, self.done = 0, False
        self._line, self._action, self._outside = line, action, outside

    def __enter__(self) -> Self:
        self._before = sys.gettrace()
        sys.settrace(self._enter_frame)
        return self

    def __exit__(self, *_exc: object) -> None:
        sys.settrace(self._before)

    def _enter_frame(self, frame: FrameType, _event: str, _arg: object) -> Any:
        if self.done or not frame.f_code.co_filename.startswith(SERVICES):
            return None
        return self._next_line

    def _next_line(self, _frame: FrameType, event: str, _arg: object) -> Any:
        if event == "line" and not self.done:
            self.passed += 1
            if self.passed >= self._line and not (self._outside and connection.in_atomic_block):
                self.done = True
                self._action()
        return self._next_line


@contextmanager
def killed_at(line: int) -> Iterator[AtLine]:
    """The process dies at that line, if it comes so far; what follows is another process.

    Nothing that the dead one would still do reaches the database, and its transaction is rolled back.
    """
    dead = False

    def die() -> None:
        nonlocal dead
        dead = True
        raise Killed

    def refuse(execute: Callable[..., Any], *statement: Any) -> Any:
        if dead:
            raise Killed
        return execute(*statement)

    try:
        with connection.execute_wrapper(refuse), AtLine(line, die) as at:
            yield at
    except Killed:
        start_anew()


def start_anew() -> None:
    """Another process: other connections, another name on its leases, nothing remembered."""
    connection.close()
    # Killed between the last line of a block and its end, Python does not run the end: a transaction that
    # nobody is in any more would stay open. To connect forgets it.
    connection.connect()
    Lease.objects.filter(holder=leases.myself()).update(holder="killed")
    following.wake_here.clear()
    following._broker_down_until = 0.0


@contextmanager
def database_lost(statement: int, length: int) -> Iterator[None]:
    """From the n-th statement on, so many are answered by a database that has gone."""
    count = 0

    def refuse(execute: Callable[..., Any], *rest: Any) -> Any:
        nonlocal count
        count += 1
        if statement <= count < statement + length:
            raise OperationalError("server closed the connection unexpectedly")
        return execute(*rest)

    with connection.execute_wrapper(refuse):
        yield
