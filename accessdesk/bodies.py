"""How long a request's body may be, before anything else reads it."""

from __future__ import annotations

from typing import Any

LARGEST = 1024 * 1024  # bytes; the longest form of ours has some kilobytes, an event of Seam's less


class BoundedBodies:
    """An ASGI application that answers 413 instead of keeping a body that is too long.

    Django writes a whole body to memory or disk before any view is asked.
    """

    def __init__(self, application: Any, *, largest: int = LARGEST) -> None:
        self.application, self.largest = application, largest

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the request on, as long as its body stays within bounds."""
        if scope["type"] != "http" or not self._says_more(scope):
            await self._counted(scope, receive, send)
            return
        await _refuse(send)

    def _says_more(self, scope: Any) -> bool:
        lengths = [value for name, value in scope["headers"] if name == b"content-length"]
        return any(not value.isdigit() or int(value[:20]) > self.largest for value in lengths)

    async def _counted(self, scope: Any, receive: Any, send: Any) -> None:
        taken, refused = 0, False

        async def counted() -> Any:
            nonlocal taken, refused
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self.largest and not refused:
                refused = True
                await _refuse(send)
            return {"type": "http.disconnect"} if refused else message

        async def answer(message: Any) -> None:
            if not refused:
                await send(message)

        await self.application(scope, counted, answer)


async def _refuse(send: Any) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": b"The body is too large.\n"})
