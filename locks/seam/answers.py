"""What an answer of Seam's means: its JSON, its refusals, and whose word it is."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz
from typing import Any

from locks.seam.errors import SeamRateLimited, SeamRejected, SeamUnauthorized
from locks.seam.gate import Answer
from locks.seam.resources import CODE_LENGTH, MESSAGE_LENGTH, bounded, clean, mapping
from locks.seam.transport import REQUEST_ID_LENGTH

_REFUSALS = frozenset({400, 401, 403, 404, 429})
_MOST_DIGITS = 20
_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")
_LONGEST_WAIT = 86400.0  # seconds; more is no answer that anyone could wait for


@dataclass(frozen=True)
class Facts:
    """An answer as read: its JSON object, if it is one, and what every error about it keeps."""

    data: dict[str, Any] | None
    status: int
    request_id: str
    code: str
    message: str
    validation_errors: dict[str, Any] | None

    def for_error(self) -> dict[str, Any]:
        """The keyword arguments of a SeamError; the message goes in front of them."""
        return {
            "status": self.status,
            "request_id": self.request_id,
            "code": self.code,
            "validation_errors": self.validation_errors,
        }


def json_object(answer: Answer) -> dict[str, Any] | None:
    """The body if it is a JSON object in UTF-8 (RFC 8259), else None.

    What is no value there reads null, so that it spoils nothing beside it: NaN, a number of more
    digits than Python would take, and a name that is there twice with different values.
    """
    try:
        data = json.loads(
            answer.body.decode("utf-8-sig"),
            parse_constant=lambda _constant: None,
            parse_int=lambda digits: int(digits) if len(digits) <= _MOST_DIGITS else None,
            object_pairs_hook=_object,
        )
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        for name, value in pairs:
            if found[name] != value:
                found[name] = None
    return found


def facts_of(answer: Answer) -> Facts:
    """An answer, read once; the request id from the header, else from the body."""
    data = json_object(answer)
    error = mapping(mapping(data).get("error"))
    said = error.get("request_id") or mapping(data).get("request_id")
    code = error.get("type")
    return Facts(
        data=data,
        status=answer.status,
        request_id=answer.request_id or clean(said, REQUEST_ID_LENGTH),
        code=clean(code, CODE_LENGTH) if isinstance(code, str) else "",
        message=clean(error.get("message"), MESSAGE_LENGTH),
        validation_errors=bounded(error.get("validation_errors")),
    )


def refusal_of(answer: Answer, facts: Facts) -> SeamRejected | None:
    """Seam's own refusal, or None where the answer does not prove that Seam did nothing.

    A proxy's or a firewall's 403 and 429 pages are no proof: only Seam's JSON error is.
    """
    if answer.status not in _REFUSALS or not facts.code:
        return None
    message = facts.message or "Seam refused it."
    if answer.status == 429:
        wait = retry_after(answer.retry_after)
        return SeamRateLimited(message, retry_after=wait, **facts.for_error())
    kind = SeamUnauthorized if answer.status in (401, 403) else SeamRejected
    return kind(message, **facts.for_error())


def retry_after(header: str) -> float | None:
    """Seconds to wait by a Retry-After header (RFC 9110, 10.2.3: seconds or a date); None: none.

    Never more than a day.
    """
    if _SECONDS.fullmatch(header):
        return min(float(header), _LONGEST_WAIT)
    try:
        moment = parsedate_tz(header)
        if moment is None:
            return None
        return min(max(0.0, mktime_tz(moment) - time.time()), _LONGEST_WAIT)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
