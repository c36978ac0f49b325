"""An open console, as the live stream in this process sees it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from locks.live import LiveStream, Watcher
from locks.models import Building
from locks.services.audit import record


class Console:
    """Collects the names of the events that one session is sent."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._news = asyncio.Event()
        self._asked = False

    async def run(self, watcher: Watcher, session_key: str) -> None:
        """The stream, from its request to its end."""
        cookie = f"{settings.SESSION_COOKIE_NAME}={session_key}"
        headers = [(b"host", b"127.0.0.1"), (b"cookie", cookie.encode())]
        scope = {"type": "http", "method": "GET", "path": "/live/", "headers": headers}
        await LiveStream(watcher)(scope, self._receive, self._send)

    async def hears(self, *names: str, times: int = 1, seconds: float = 30) -> None:
        """Wait until one of these events came so often; TimeoutError after `seconds`."""
        async with asyncio.timeout(seconds):
            while max(map(self.names.count, names)) < times:
                self._news.clear()
                await self._news.wait()

    async def _receive(self) -> dict[str, Any]:
        if self._asked:
            await asyncio.Event().wait()  # nobody hangs up
        self._asked = True
        return {"type": "http.request", "body": b""}

    async def _send(self, message: dict[str, Any]) -> None:
        self.names += re.findall(r"^event: (\S+)$", message.get("body", b"").decode(), re.MULTILINE)
        self._news.set()


@asynccontextmanager
async def open_consoles(**session_keys: str) -> AsyncIterator[dict[str, Console]]:
    """A console for each session key, all under one watcher, each told or sent away by now."""
    watcher = Watcher()
    watcher.start()
    consoles = {name: Console() for name in session_keys}
    running = [
        asyncio.create_task(consoles[name].run(watcher, key)) for name, key in session_keys.items()
    ]
    try:
        for console in consoles.values():
            await console.hears("beat", "gone")
        yield consoles
    finally:
        await watcher.stop()
        await asyncio.gather(*running)


async def change(*houses: Building) -> None:
    """An event of each building, from another thread, as another process would write it."""

    def write() -> None:
        try:
            for house in houses:
                with transaction.atomic():
                    record("building.changed", building=house)
        finally:
            connection.close()

    await asyncio.to_thread(write)
