"""What can go wrong with a call to Seam, sorted by the one question: can the lock have moved?"""

from __future__ import annotations

from typing import Any, ClassVar


class SeamError(Exception):
    """A call to Seam that did not do what was asked.

    `message` is a sentence: Seam's own, cleaned and bounded, else ours. `code` is Seam's
    `error.type` ("" where there is none), `status` the HTTP status (None: no status line came),
    `request_id` the `seam-request-id` that Seam's support asks for ("" where unknown),
    `validation_errors` Seam's, bounded. None of them ever holds the API key.
    """

    can_have_moved: ClassVar[bool] = True

    def __init__(
        self,
        message: str = "",
        *,
        request_id: str = "",
        status: int | None = None,
        code: str = "",
        validation_errors: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.request_id = request_id
        self.status = status
        self.code = code
        self.validation_errors = validation_errors or {}

    def __str__(self) -> str:
        facts = [
            f"HTTP {self.status}" if self.status else "",
            self.code,
            f"request {self.request_id}" if self.request_id else "",
        ]
        known = ", ".join(fact for fact in facts if fact)
        return f"{self.message} ({known})" if known else self.message


class SeamNotSent(SeamError):
    """Nothing of the request was written to a connection: nothing can have happened."""

    can_have_moved = False


class SeamUnreachable(SeamNotSent):
    """No connection: refused, no such name, TLS failed, or too many earlier calls still stuck.

    `lasting`: trying again at once would not help (the certificate is not trusted, say).
    """

    def __init__(self, message: str = "", *, lasting: bool = False) -> None:
        super().__init__(message)
        self.lasting = lasting


class SeamTooLate(SeamNotSent):
    """`send_by` passed before the first byte of the request was written."""


class SeamRejected(SeamError):
    """Seam's own JSON error on 400, 401, 403, 404 or 429: it did not do it."""

    can_have_moved = False


class SeamUnauthorized(SeamRejected):
    """401 or 403: the API key is wrong or may not do this. An administrator has to act."""


class SeamRateLimited(SeamRejected):
    """429: too many calls. `retry_after` is in seconds; None if Seam named no time."""

    def __init__(
        self, message: str = "", *, retry_after: float | None = None, **facts: Any
    ) -> None:
        super().__init__(message, **facts)
        self.retry_after = retry_after


class SeamOutcomeUnknown(SeamError):
    """The unlock was, or may have been, sent, and nothing that can be relied on came back.

    `action_attempt_id` is the attempt's id where the answer gave a usable one, else "".
    """

    def __init__(self, message: str = "", *, action_attempt_id: str = "", **facts: Any) -> None:
        super().__init__(message, **facts)
        self.action_attempt_id = action_attempt_id


class SeamUnreadable(SeamError):
    """A read was sent and its answer is missing or useless. A read moves no lock."""

    can_have_moved = False
