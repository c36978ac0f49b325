"""Seam's API, as far as accessdesk uses it: typed calls, one tree of errors, nothing sent twice."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from locks.seam.errors import (
    SeamError,
    SeamNotSent,
    SeamOutcomeUnknown,
    SeamRateLimited,
    SeamRejected,
    SeamTooLate,
    SeamUnauthorized,
    SeamUnreachable,
    SeamUnreadable,
)
from locks.seam.resources import (
    CODE_LENGTH,
    MESSAGE_LENGTH,
    ActionAttempt,
    Lock,
    LockPage,
    Workspace,
    clean,
    identifier,
    is_lock,
    mapping,
)
from locks.seam.transport import Call, NoAnswer, Reply, Secret, SendBy, Transport

UNLOCK_TRIES, READ_TRIES = 3, 3
FIRST_PAUSE = 0.1  # seconds before a second try; doubled each time
MOST_PAGES = 1000
LIST_BYTES = 16 * 1_048_576
UNLOCK_DOOR = "UNLOCK_DOOR"


class SeamClient:
    """Calls Seam at `endpoint` with `api_key`. Safe to share between threads.

    `answer_timeout` and `read_timeout` are seconds: for the answer to an unlock once it has left, and
    for a reading call with its repetitions. `verify` is requests' own: a CA bundle, or True.
    """

    def __init__(
        self,
        *,
        api_key: str,
        endpoint: str,
        answer_timeout: float = 8.0,
        read_timeout: float = 8.0,
        verify: bool | str = True,
    ) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._answer_timeout, self._read_timeout = answer_timeout, read_timeout
        self._transport = Transport(secret=Secret(api_key), verify=verify)

    def __repr__(self) -> str:
        return f"SeamClient(endpoint={self._endpoint!r})"

    def close(self) -> None:
        """Close the idle connections."""
        self._transport.close()

    def unlock_door(self, device_id: str, *, send_by: SendBy) -> ActionAttempt:
        """POST /locks/unlock_door: the action attempt, pending or already ended.

        No byte leaves after `send_by`. Repeated only where nothing of the call before can have taken
        effect: no connection was made, or Seam answered 429 and says when to come back. Raises
        SeamNotSent, SeamRejected, or SeamOutcomeUnknown (then the lock may have moved).
        """
        pause = FIRST_PAUSE
        for left in reversed(range(UNLOCK_TRIES)):
            try:
                return self._unlock_once(device_id, send_by)
            except (SeamUnreachable, SeamRateLimited) as error:
                wait = pause if isinstance(error, SeamUnreachable) else error.retry_after
                if not left or wait is None or wait >= send_by.left:
                    raise
            time.sleep(wait)
            pause *= 2
        raise AssertionError("unreachable")

    def _unlock_once(self, device_id: str, send_by: SendBy) -> ActionAttempt:
        call = Call(
            url=f"{self._endpoint}/locks/unlock_door",
            body=_encode({"device_id": device_id}),
            send_by=send_by,
            answer_timeout=self._answer_timeout,
        )
        try:
            reply = self._transport.post(call)
        except NoAnswer as silence:
            raise SeamOutcomeUnknown(str(silence)) from None
        if rejection := _rejection(reply):
            raise rejection
        data = mapping(mapping(_decode(reply)).get("action_attempt"))
        request_id = _request_id(reply)
        attempt = ActionAttempt.from_json(data, request_id=request_id)
        if 200 <= reply.status < 300 and attempt and attempt.action_type == UNLOCK_DOOR:
            return attempt
        raise SeamOutcomeUnknown(
            "Seam's answer to an unlock could not be read.",
            status=reply.status,
            request_id=request_id,
            action_attempt_id=identifier(data.get("action_attempt_id")),
        )

    def get_action_attempt(self, action_attempt_id: str) -> ActionAttempt:
        """POST /action_attempts/get. Raises SeamRejected (404: not found), SeamNotSent, SeamUnreadable."""
        reply = self._read("/action_attempts/get", {"action_attempt_id": action_attempt_id})
        found = ActionAttempt.from_json(
            mapping(_decode(reply)).get("action_attempt"), request_id=_request_id(reply)
        )
        if found is None or found.action_attempt_id != action_attempt_id:
            raise _unreadable(reply)
        return found

    def list_action_attempts(self, action_attempt_ids: Sequence[str]) -> list[ActionAttempt]:
        """POST /action_attempts/list: those of the asked that Seam tells of and that can be read.

        One entry that cannot be read does not spoil the others. Raises as get_action_attempt().
        """
        body = {"action_attempt_ids": list(action_attempt_ids)}
        try:
            reply = self._read("/action_attempts/list", body)
        except SeamRejected as error:
            if error.code == "action_attempts_not_found":
                return []  # Seam's published fake answers so where it knows none of them
            raise
        listed = mapping(_decode(reply)).get("action_attempts")
        if not isinstance(listed, list):
            raise _unreadable(reply)
        request_id, asked = _request_id(reply), set(action_attempt_ids)
        read = (ActionAttempt.from_json(entry, request_id=request_id) for entry in listed)
        return [attempt for attempt in read if attempt and attempt.action_attempt_id in asked]

    def iter_lock_pages(self) -> Iterator[LockPage]:
        """POST /locks/list, page by page: the locks of the workspace; other devices are left out.

        Raises as get_action_attempt(), in the midst of the pages, too: then the listing is not whole.
        """
        cursor, seen = "", set()
        for _page in range(MOST_PAGES):
            reply = self._read(
                "/locks/list", {"page_cursor": cursor} if cursor else {}, most_bytes=LIST_BYTES
            )
            data = mapping(_decode(reply))
            listed = data.get("locks", data.get("devices"))
            if not isinstance(listed, list):
                raise _unreadable(reply)
            yield _page_of(listed)
            pagination = mapping(data.get("pagination"))
            if pagination.get("has_next_page") is not True:
                return
            cursor = clean(pagination.get("next_page_cursor"), 4000)
            if not cursor or cursor in seen:
                break
            seen.add(cursor)
        raise SeamUnreadable("Seam's pages of locks do not come to an end.")

    def get_workspace(self) -> Workspace:
        """POST /workspaces/get: the workspace of the key. Raises as get_action_attempt()."""
        reply = self._read("/workspaces/get", {})
        data = mapping(mapping(_decode(reply)).get("workspace"))
        workspace_id = identifier(data.get("workspace_id"))
        if not workspace_id:
            raise _unreadable(reply)
        return Workspace(
            workspace_id=workspace_id,
            name=clean(data.get("name"), 200),
            is_sandbox=data.get("is_sandbox") is True,
        )

    def _read(self, path: str, body: Mapping[str, Any], *, most_bytes: int = 1_048_576) -> Reply:
        """A 2xx answer with a JSON object; repeated at most twice, within `read_timeout` in all."""
        until, pause = SendBy.within(self._read_timeout), FIRST_PAUSE
        error: SeamError = SeamUnreachable("Seam was not asked.")
        for _try in range(READ_TRIES):
            call = Call(
                url=f"{self._endpoint}{path}",
                body=_encode(body),
                send_by=until,
                answer_timeout=max(0.1, until.left),
                most_bytes=most_bytes,
            )
            try:
                return self._read_once(call)
            except (SeamNotSent, SeamUnreadable, SeamRateLimited) as failed:
                error = failed
            wait = error.retry_after if isinstance(error, SeamRateLimited) else None
            wait = pause if wait is None else wait
            if isinstance(error, SeamTooLate) or wait >= until.left:
                break
            time.sleep(wait)
            pause *= 2
        raise error

    def _read_once(self, call: Call) -> Reply:
        try:
            reply = self._transport.post(call)
        except NoAnswer as silence:
            raise SeamUnreadable(str(silence)) from None
        if rejection := _rejection(reply):
            raise rejection
        if not 200 <= reply.status < 300 or not isinstance(_decode(reply), dict):
            raise _unreadable(reply)
        return reply


def _encode(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body).encode()


def _decode(reply: Reply) -> Any:
    """The JSON of the body, None where it is none (or so deep that it cannot be meant)."""
    try:
        return json.loads(reply.body)
    except (ValueError, RecursionError):
        return None


def _page_of(listed: list[Any]) -> LockPage:
    candidates = [entry for entry in listed if not isinstance(entry, dict) or is_lock(entry)]
    read = [Lock.from_json(entry) for entry in candidates]
    locks = tuple(lock for lock in read if lock is not None)
    return LockPage(locks=locks, unreadable=len(read) - len(locks))


def _request_id(reply: Reply) -> str:
    data = mapping(_decode(reply))
    inside = mapping(data.get("error")).get("request_id") or data.get("request_id")
    return clean(reply.headers.get("seam-request-id") or inside, 100)


def _rejection(reply: Reply) -> SeamRejected | None:
    """Seam's own refusal; None for anything that does not prove that nothing was passed on."""
    if reply.status not in {400, 401, 403, 404, 429}:
        return None
    error = mapping(mapping(_decode(reply)).get("error"))
    code = error.get("type")
    if not isinstance(code, str) or not clean(code, CODE_LENGTH):
        return None
    known: dict[str, Any] = {
        "status": reply.status,
        "code": clean(code, CODE_LENGTH),
        "request_id": _request_id(reply),
        "validation_errors": mapping(error.get("validation_errors")),
    }
    message = clean(error.get("message"), MESSAGE_LENGTH)
    if reply.status == 429:
        return SeamRateLimited(message, retry_after=_retry_after(reply), **known)
    kind = SeamUnauthorized if reply.status in {401, 403} else SeamRejected
    return kind(message, **known)


def _retry_after(reply: Reply) -> float | None:
    """Seconds of a Retry-After header (RFC 9110, 10.2.3: seconds, or a date)."""
    raw = reply.headers.get("retry-after", "").strip()
    if raw.isascii() and raw.isdigit():
        return float(raw[:9])
    try:
        moment = parsedate_to_datetime(raw)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def _unreadable(reply: Reply) -> SeamUnreadable:
    return SeamUnreadable(
        "Seam's answer could not be read.", status=reply.status, request_id=_request_id(reply)
    )
