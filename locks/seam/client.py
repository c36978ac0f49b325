"""Seam's API, as far as accessdesk uses it: typed calls, one tree of errors, nothing done twice."""

from __future__ import annotations

import ipaddress
import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from locks.seam.answers import facts_of, refusal_of
from locks.seam.connections import Secret
from locks.seam.errors import (
    SeamError,
    SeamNotSent,
    SeamOutcomeUnknown,
    SeamRateLimited,
    SeamRejected,
    SeamTooLate,
    SeamUnreachable,
    SeamUnreadable,
)
from locks.seam.gate import SendBy
from locks.seam.resources import ActionAttempt, Lock, LockPage, Workspace, identifier, mapping
from locks.seam.transport import MEBIBYTE, NoAnswer, Order, Transport, shared_transport

logger = logging.getLogger(__name__)

READ_TRIES = 3
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0  # seconds before trying again; doubled each time
MOST_PAGES = 1000
MOST_IDS = 100  # attempts asked for in one call
LONGEST_CURSOR = 8192
LIST_BYTES = 16 * MEBIBYTE


class SeamClient:
    """Seam at `endpoint` (https, or http on loopback) for the workspace of `api_key`.

    `answer_timeout` bounds the wait for an unlock's answer once it was sent, `read_timeout` a
    reading call with its repetitions; both in seconds. Safe to share between threads; clients of a
    process share their connections unless given a `transport`. Raises ValueError for an endpoint
    or a key that cannot be used. Reads raise SeamRejected (and its kinds), SeamUnreachable or
    SeamUnreadable.
    """

    def __init__(
        self,
        *,
        api_key: str,
        endpoint: str,
        transport: Transport | None = None,
        answer_timeout: float = 8.0,
        read_timeout: float = 8.0,
    ) -> None:
        self._secret = Secret(api_key)
        self._endpoint = _checked(endpoint)
        self._transport = transport or shared_transport()
        self._answer_timeout = answer_timeout
        self._read_timeout = read_timeout

    def __repr__(self) -> str:
        return f"SeamClient({self._endpoint!r})"

    def close(self) -> None:
        """Close the idle connections. The client stays usable: a next call opens a new one."""
        self._transport.close()

    def unlock_door(self, device_id: str, *, send_by: SendBy) -> ActionAttempt:
        """Ask Seam to unlock (POST /locks/unlock_door): the attempt, pending or ended.

        No byte leaves after `send_by`. Repeated before `send_by` where nothing of the call before
        can have taken effect: no connection was made, or Seam answered 429. Raises SeamNotSent,
        SeamRejected, or SeamOutcomeUnknown (then the lock may have moved, or may yet).
        """
        pause = FIRST_PAUSE
        while True:
            refused: SeamUnreachable | SeamRateLimited
            try:
                return self._unlock_once(device_id, send_by)
            except SeamUnreachable as error:
                refused, wait, again = error, pause, not error.lasting
            except SeamRateLimited as error:
                refused, wait, again = error, max(pause, error.retry_after or 0.0), True
            if not again or wait >= send_by.remaining():
                raise refused
            time.sleep(wait)
            if (
                send_by.passed()
            ):  # the machine slept for longer: what happened says more than "late"
                raise refused
            pause = min(pause * 2, LONGEST_PAUSE)

    def get_action_attempt(self, action_attempt_id: str) -> ActionAttempt:
        """The attempt as it stands (POST /action_attempts/get)."""
        data, request_id = self._read(
            "/action_attempts/get", {"action_attempt_id": action_attempt_id}, end_by=self._end()
        )
        found = ActionAttempt.from_json(data.get("action_attempt"), request_id=request_id)
        if found is None or found.action_attempt_id != action_attempt_id:
            raise _unreadable(request_id)
        return found

    def list_action_attempts(self, action_attempt_ids: Sequence[str]) -> list[ActionAttempt]:
        """Those of the attempts that Seam knows and that can be read (POST /action_attempts/list).

        An entry that cannot be read, or that was not asked for, is left out; it spoils no other.
        """
        end_by, found = self._end(), []
        for start in range(0, len(action_attempt_ids), MOST_IDS):
            found += self._list_attempts(action_attempt_ids[start : start + MOST_IDS], end_by)
        return found

    def iter_locks(self) -> Iterator[Lock]:
        """Every lock of the workspace, as iter_lock_pages() reads them.

        Entries without a usable id are left out, and their number is logged; whoever has to know
        it (before taking a door for gone, say) reads the pages.
        """
        for page in self.iter_lock_pages():
            if page.unreadable:
                logger.warning("Seam listed %s locks without a usable id.", page.unreadable)
            yield from page.locks

    def iter_lock_pages(self) -> Iterator[LockPage]:
        """The locks of the workspace, page by page (POST /locks/list). Other devices are left out.

        Each page has a `read_timeout` of its own. An error in the midst means that the list is not
        whole, so do the pages that turn in a circle: SeamUnreadable.
        """
        body: dict[str, str] = {}
        seen: set[str] = set()
        for _page in range(MOST_PAGES):
            data, request_id = self._read(
                "/locks/list", body, end_by=self._end(), max_bytes=LIST_BYTES
            )
            # Today's name, else that of older answers.
            entries = next(
                (data[name] for name in ("locks", "devices") if isinstance(data.get(name), list)),
                None,
            )
            if entries is None:
                raise _unreadable(request_id)
            yield LockPage.from_json(entries)
            pagination = mapping(data.get("pagination"))
            if not pagination.get("has_next_page"):
                return
            cursor = pagination.get("next_page_cursor")
            if not isinstance(cursor, str) or not 0 < len(cursor) <= LONGEST_CURSOR:
                raise _unreadable(request_id)
            if cursor in seen:
                break
            seen.add(cursor)
            body = {"page_cursor": cursor}
        raise SeamUnreadable("Seam's pages of locks do not come to an end.")

    def get_workspace(self) -> Workspace:
        """The workspace that the key belongs to (POST /workspaces/get)."""
        data, request_id = self._read("/workspaces/get", {}, end_by=self._end())
        workspace = Workspace.from_json(data.get("workspace"))
        if workspace is None:
            raise _unreadable(request_id)
        return workspace

    def _unlock_once(self, device_id: str, send_by: SendBy) -> ActionAttempt:
        order = Order(
            url=f"{self._endpoint}/locks/unlock_door",
            body=_encode({"device_id": device_id}),
            secret=self._secret,
            send_by=send_by,
            answer_timeout=self._answer_timeout,
        )
        try:
            answer = self._transport.post(order)
        except NoAnswer as silence:
            raise SeamOutcomeUnknown(
                f"It was sent, but {silence.reason}.",
                status=silence.status,
                request_id=silence.request_id,
            ) from None
        facts = facts_of(answer)
        if refusal := refusal_of(answer, facts):
            raise refusal
        found = mapping(facts.data).get("action_attempt")
        attempt = ActionAttempt.from_json(found, request_id=facts.request_id)
        if answer.status == 200 and attempt and attempt.action_type == "UNLOCK_DOOR":
            return attempt
        raise SeamOutcomeUnknown(
            facts.message or "It was sent, but Seam's answer cannot be relied on.",
            action_attempt_id=identifier(mapping(found).get("action_attempt_id")),
            **facts.for_error(),
        )

    def _list_attempts(self, ids: Sequence[str], end_by: float) -> list[ActionAttempt]:
        body = {"action_attempt_ids": list(ids)}
        try:
            data, request_id = self._read("/action_attempts/list", body, end_by=end_by)
        except SeamRejected as error:
            if error.status == 404 and error.code == "action_attempts_not_found":
                return []  # so Seam's published fake answers when it knows none of them
            raise
        entries = data.get("action_attempts")
        if not isinstance(entries, list):
            raise _unreadable(request_id)
        read = (ActionAttempt.from_json(entry, request_id=request_id) for entry in entries)
        return [attempt for attempt in read if attempt and attempt.action_attempt_id in set(ids)]

    def _end(self) -> float:
        return time.monotonic() + self._read_timeout

    def _read(
        self, path: str, body: Mapping[str, Any], *, end_by: float, max_bytes: int = MEBIBYTE
    ) -> tuple[dict[str, Any], str]:
        """The JSON object of a 200 and its request id; tried up to three times before `end_by`."""
        error: SeamError = SeamUnreachable("Seam could not be reached in time.")
        pause = FIRST_PAUSE
        for _try in range(READ_TRIES):
            left = end_by - time.monotonic()
            if left <= 0:
                break
            order = Order(
                url=f"{self._endpoint}{path}",
                body=_encode(body),
                secret=self._secret,
                send_by=SendBy.within(left),
                answer_timeout=self._read_timeout,
                end_by=end_by,
                max_bytes=max_bytes,
            )
            wait = pause
            try:
                return self._read_once(order)
            except SeamTooLate:
                break
            except (SeamNotSent, SeamUnreadable) as failed:
                error = failed
            except SeamRateLimited as failed:
                error, wait = failed, max(pause, failed.retry_after or 0.0)
            if time.monotonic() + wait >= end_by:
                break
            time.sleep(wait)
            pause = min(pause * 2, LONGEST_PAUSE)
        raise error

    def _read_once(self, order: Order) -> tuple[dict[str, Any], str]:
        try:
            answer = self._transport.post(order)
        except NoAnswer as silence:
            raise SeamUnreadable(
                f"Seam was asked, but {silence.reason}.",
                status=silence.status,
                request_id=silence.request_id,
            ) from None
        facts = facts_of(answer)
        if refusal := refusal_of(answer, facts):
            raise refusal
        if answer.status != 200 or facts.data is None:
            raise SeamUnreadable(
                facts.message or "Seam's answer cannot be read.", **facts.for_error()
            )
        return facts.data, facts.request_id


def _encode(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body).encode()


def _unreadable(request_id: str) -> SeamUnreadable:
    return SeamUnreadable("Seam's answer cannot be read.", status=200, request_id=request_id)


def _checked(endpoint: str) -> str:
    """The endpoint without a trailing slash. The key goes there: in the clear on loopback only."""
    wrong = ValueError("The endpoint must be a plain https:// address, or http:// on loopback.")
    try:
        parts = urlsplit(endpoint)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise wrong from None
    if not host or parts.username is not None or parts.query or parts.fragment:
        raise wrong
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise wrong
    return endpoint.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
