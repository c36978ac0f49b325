"""The web process: `uvicorn accessdesk.asgi:application`. Django, the live stream, the sweep and alerts.

Start uvicorn with `--no-proxy-headers`: TRUSTED_PROXIES decides here who may name the client's address,
and with a graceful time above the longest press (30 s by default), so that presses are recorded.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "accessdesk.settings")
django_application = get_asgi_application()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware  # noqa: E402

from accessdesk.bodies import BoundedBodies  # noqa: E402
from locks.live import LiveStream, Watcher  # noqa: E402
from locks.services import alerting, following  # noqa: E402
from locks.services.reconnecting import drop_dead_connections  # noqa: E402
from locks.services.sweeping import sweep  # noqa: E402
from locks.startup import problem  # noqa: E402

logger = logging.getLogger("locks.web")

SWEEP_EVERY = following.SWEEP_EVERY
ALERT_EVERY = 15.0
ENDS_WITHIN = 5.0  # seconds for a sweep to let go at a shutdown; who does not is taken over from


class SweepThread(threading.Thread):
    """Follows and ends requests from within the web process: neither broker nor worker is needed."""

    def __init__(self) -> None:
        super().__init__(name="sweep", daemon=True)

    def run(self) -> None:
        pause = 0.0  # what was left behind by a process before this one is ended at once
        while True:
            following.wake_here.wait(pause)
            following.wake_here.clear()
            if following.ending.is_set():
                return
            pause = SWEEP_EVERY
            try:
                pause = min(pause, sweep())
            except Exception as error:
                logger.warning("The sweep could not run: %s", type(error).__name__)
                drop_dead_connections()
            finally:
                connection.close()

    def stop(self) -> None:
        """Let go of what is being followed, and end; waits for it."""
        following.ending.set()
        following.wake_here.set()
        self.join(ENDS_WITHIN)


class AlertThread(threading.Thread):
    """Finds and delivers alerts while no worker does. A mail server may keep it: so not the sweep."""

    def __init__(self) -> None:
        super().__init__(name="alerts", daemon=True)

    def run(self) -> None:
        while not following.ending.wait(ALERT_EVERY):
            try:
                alerting.run_where_no_worker_lives()
            except Exception as error:
                logger.warning("Alerts could not be looked for: %s", type(error).__name__)
                drop_dead_connections()
            finally:
                connection.close()


class Web:
    """The ASGI application: routes `/live/` past Django, and starts and stops what runs beside it."""

    def __init__(self) -> None:
        self.watcher: Watcher | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http" and scope["path"] == "/live/" and self.watcher:
            await LiveStream(self.watcher)(scope, receive, send)
        else:
            await django_application(scope, receive, send)

    async def _lifespan(self, receive: Any, send: Any) -> None:
        await receive()  # lifespan.startup
        if sentence := await asyncio.to_thread(_problem):
            message = f"accessdesk cannot start: {sentence}"
            await send({"type": "lifespan.startup.failed", "message": message})
            return
        self.watcher, sweeping = Watcher(), SweepThread()
        self.watcher.start()
        sweeping.start()
        AlertThread().start()
        _end_streams_on_sigterm(self.watcher)
        await send({"type": "lifespan.startup.complete"})
        await receive()  # lifespan.shutdown
        await asyncio.to_thread(sweeping.stop)
        await self.watcher.stop()
        await send({"type": "lifespan.shutdown.complete"})


def _problem() -> str:
    try:
        return problem()
    finally:
        connection.close()


def _end_streams_on_sigterm(watcher: Watcher) -> None:
    """The server waits for open requests before it tells us to stop; streams would keep it waiting."""
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)

        def ending(signum: int, frame: Any, before: Any = before) -> None:
            loop.call_soon_threadsafe(watcher.end_streams)
            if callable(before):
                before(signum, frame)

        signal.signal(number, ending)


application = ProxyHeadersMiddleware(BoundedBodies(Web()), trusted_hosts=settings.TRUSTED_PROXIES)
