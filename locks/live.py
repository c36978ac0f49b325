"""The live stream: says which building changed; an ordinary view says what.

`/live/` is raw ASGI (no thread and no database connection a stream). One watcher per process compares the
change counts of the chains, and re-evaluates who may still listen, in a constant number of queries for all
streams together. Nothing is replayed: whoever (re)connects fetches what is there.

Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection
from django.http.cookie import parse_cookie
from django.http.request import split_domain_port, validate_host

from locks import listening
from locks.listening import Listener, Rights

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Result = TypeVar("Result")

POLL = 0.25  # seconds between looks where the database cannot wake us (SQLite)
POLL_BEHIND_NOTIFY = 1.0  # the same where it can
RIGHTS_EVERY = 1.5  # seconds; a role that ends has to be gone from pages within 5
BEAT = 2.0  # seconds between signs of life
# A process that has just begun gives the worker, which began with it, time to show itself.
WORKER_GRACE = 30.0
MOST_STREAMS = 5_000
MOST_STREAMS_A_SESSION = 6


@dataclass(eq=False)
class Stream:
    """One open console: who listens, what it may hear, what it has heard."""

    listener: Listener
    rights: Rights
    told: dict[int, int]
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    roles_changed: bool = False
    told_degraded: bool = False
    gone: bool = False

    def frames(self, changes: dict[int, int], *, degraded: bool = False) -> list[str]:
        """Events that this console has not had yet, by name."""
        if self.gone:
            return ["gone"]
        names = ["roles"] if self.roles_changed else []
        if degraded != self.told_degraded:
            names.append("degraded" if degraded else "steady")
            self.told_degraded = degraded
        self.roles_changed = False
        for building in self.rights.buildings:
            count = changes.get(building, 0)
            if self.told.get(building, count) != count:
                names.append(f"building-{building}")
            self.told[building] = count
        return names


class Watcher:
    """Compares the database with what the streams were told, and wakes those that are behind."""

    def __init__(self) -> None:
        self.streams: set[Stream] = set()
        self.changes: dict[int, int] = {}
        self.stopping = False
        self.degraded = False
        self.began_at = time.monotonic()
        self.looked_at = 0.0
        # One thread, one database connection, for all streams of the process.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="live")
        self._nudged = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._rights_at = 0.0

    def start(self) -> None:
        """Begin to watch, in the running event loop."""
        self._tasks = [asyncio.create_task(self._watch())]
        if connection.vendor == "postgresql":
            self._tasks.append(asyncio.create_task(self._listen()))

    def end_streams(self) -> None:
        """Let every stream end now (SIGTERM); consoles reconnect to whoever comes next."""
        self.stopping = True
        for stream in self.streams:
            stream.wake.set()

    async def stop(self) -> None:
        """End the streams and the watch, and wait for both."""
        self.end_streams()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.query(lambda: connection.close())  # this thread's connection, not ours
        self._thread.shutdown()

    @property
    def is_fresh(self) -> bool:
        """Whether the database was compared lately; while it was not, consoles get no sign of life."""
        return time.monotonic() - self.looked_at < 2 * BEAT

    async def query(self, function: Callable[..., Result], *args: Any) -> Result:
        """Run a database function in the watcher's thread."""

        def run() -> Result:
            try:
                return function(*args)
            except Exception:
                connection.close()  # whatever broke, the next look begins afresh
                raise

        return await asyncio.get_running_loop().run_in_executor(self._thread, run)

    async def _watch(self) -> None:
        poll = POLL_BEHIND_NOTIFY if connection.vendor == "postgresql" else POLL
        while True:
            try:
                if self.streams:
                    await self._look()
                self.looked_at = time.monotonic()
            except Exception as error:
                logger.warning("The live stream cannot read the database: %s", type(error).__name__)
                await asyncio.sleep(poll)
            try:
                await asyncio.wait_for(self._nudged.wait(), poll)
                await asyncio.sleep(0.02)  # what comes together is told together
            except TimeoutError:
                pass
            self._nudged.clear()

    async def _look(self) -> None:
        self.changes = await self.query(listening.changes)
        if time.monotonic() - self._rights_at >= RIGHTS_EVERY:
            await self._look_at_rights()
        for stream in self.streams:
            behind = any(self.changes.get(b) != stream.told.get(b) for b in stream.rights.buildings)
            if behind or stream.told_degraded != self.degraded:
                stream.wake.set()

    async def _look_at_rights(self) -> None:
        streams = list(self.streams)
        rights = await self.query(listening.rights_of, [s.listener for s in streams])
        self._rights_at = time.monotonic()
        is_new = self._rights_at - self.began_at < WORKER_GRACE
        self.degraded = not is_new and not await self.query(listening.works)
        for stream in streams:
            now = rights.get(stream.listener)
            if now is None:
                stream.gone = True
            elif now != stream.rights:
                stream.rights, stream.roles_changed = now, True
            if stream.gone or stream.roles_changed:
                stream.wake.set()

    async def _listen(self) -> None:
        """PostgreSQL wakes the watcher after each commit that wrote the record; reconnects for ever."""
        import psycopg

        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    **listening.notify_parameters(), autocommit=True
                ) as link:
                    await link.execute(f"LISTEN {listening.CHANNEL}")
                    async for _notice in link.notifies():
                        self._nudged.set()
            except psycopg.Error as error:
                logger.warning("LISTEN broke, polling meanwhile: %s", type(error).__name__)
            await asyncio.sleep(1)


class LiveStream:
    """The ASGI application behind `/live/`."""

    def __init__(self, watcher: Watcher) -> None:
        self.watcher = watcher

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """One stream, from its request to its end."""
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if scope["method"] != "GET":
            return await _answer(send, 405, "Only GET.")
        if not _same_site(headers, scope.get("scheme", "http")):
            return await _answer(send, 400, "This stream is for the desk's own pages.")
        cookies = parse_cookie(headers.get(b"cookie", ""))
        session_key = cookies.get(settings.SESSION_COOKIE_NAME, "")
        if not self._has_room(session_key):
            return await _answer(send, 503, "Too many open pages.")
        try:
            found = await self.watcher.query(listening.admit, session_key)
        except Exception:
            return await _answer(send, 503, "The database cannot be reached.")
        if not self._has_room(session_key):  # others came while we asked
            return await _answer(send, 503, "Too many open pages.")
        if found is None:
            await _start(send)
            return await _end(send, "gone")
        stream = Stream(listener=found.listener, rights=found.rights, told=dict(found.changes))
        return await self._run(stream, receive, send)

    def _has_room(self, session_key: str) -> bool:
        mine = sum(s.listener.session_key == session_key for s in self.watcher.streams)
        return mine < MOST_STREAMS_A_SESSION and len(self.watcher.streams) < MOST_STREAMS

    async def _run(self, stream: Stream, receive: Any, send: Any) -> None:
        self.watcher.streams.add(stream)
        hung_up = asyncio.create_task(_hung_up(receive, stream))
        try:
            await _start(send)
            await _send(send, ["beat"])
            while not hung_up.done() and not self.watcher.stopping:
                names = stream.frames(
                    self.watcher.changes or stream.told, degraded=self.watcher.degraded
                )
                await _send(send, names)
                if stream.gone:
                    break
                await self._wait(stream, send)
            if not hung_up.done():
                await _end(send)
        except OSError:
            pass  # the browser went away while we wrote
        finally:
            hung_up.cancel()
            self.watcher.streams.discard(stream)

    async def _wait(self, stream: Stream, send: Any) -> None:
        try:
            await asyncio.wait_for(stream.wake.wait(), BEAT)
        except TimeoutError:
            if self.watcher.is_fresh:
                await _send(send, ["beat"])
        stream.wake.clear()


def _same_site(headers: dict[bytes, str], scheme: str) -> bool:
    """Whether host and origin are ours: another site's page must not hold streams in a clerk's name."""
    host = headers.get(b"host", "")
    if not validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS):
        return False
    if headers.get(b"sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = headers.get(b"origin")
    if origin is None or origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    try:
        return urlsplit(origin)[:2] == (scheme, host)
    except ValueError:
        return False


async def _hung_up(receive: Any, stream: Stream) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.wake.set()


async def _start(send: Any) -> None:
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await _write(send, "retry: 1000\n\n")


async def _send(send: Any, names: Iterable[str]) -> None:
    text = "".join(f"event: {name}\ndata: {name}\n\n" for name in names)
    if text:
        await _write(send, text)


async def _write(send: Any, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _end(send: Any, *names: str) -> None:
    await _send(send, names)
    await send({"type": "http.response.body", "body": b""})


async def _answer(send: Any, status: int, sentence: str) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": sentence.encode()})
