"""One tree of errors that answers one question: can the lock have moved?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class SeamError(Exception):
    """A call to Seam did not bring what it should.

    `status` is the HTTP status or None, `code` Seam's `error.type`, `message` its words (cleaned),
    `request_id` the `seam-request-id` that Seam's support asks for. None of them holds the key.
    """

    can_have_moved = False

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        code: str = "",
        request_id: str = "",
        validation_errors: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.request_id = request_id
        self.validation_errors = dict(validation_errors or {})

    def __str__(self) -> str:
        parts = [type(self).__name__, self.message, self.code]
        parts += [f"HTTP {self.status}" if self.status else "", self.request_id]
        return " · ".join(part for part in parts if part)


class SeamNotSent(SeamError):
    """Nothing was written to the connection: nothing happened."""


class SeamUnreachable(SeamNotSent):
    """Refused, no such name, no route, or TLS failed, before a byte of the request left."""


class SeamTooLate(SeamNotSent):
    """`send_by` passed before the first byte could leave; it never will now."""


class SeamRejected(SeamError):
    """Seam's own JSON error on 400, 401, 403, 404 or 429: it passed nothing on to the lock."""


class SeamUnauthorized(SeamRejected):
    """401 or 403: the key is wrong or may not do this; an administrator must act."""


class SeamRateLimited(SeamRejected):
    """429. `retry_after` in seconds, None where Seam did not say."""

    def __init__(self, message: str = "", *, retry_after: float | None = None, **known: Any) -> None:
        super().__init__(message, **known)
        self.retry_after = retry_after


class SeamOutcomeUnknown(SeamError):
    """The unlock left, and no clear answer came: it may have been done.

    `action_attempt_id` is kept where one was readable, else empty.
    """

    can_have_moved = True

    def __init__(self, message: str = "", *, action_attempt_id: str = "", **known: Any) -> None:
        super().__init__(message, **known)
        self.action_attempt_id = action_attempt_id


class SeamUnreadable(SeamError):
    """A reading call brought nothing that can be read. Reading moves no lock."""
