"""Reading from Seam: tried a few times within its time, told to nobody who may not know."""

from __future__ import annotations

import datetime as dt
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
    SeamRateLimited,
    SeamRejected,
    SeamTooLate,
    SeamUnreachable,
    SeamUnreadable,
)
from locks.seam.events import Event
from locks.seam.gate import SendBy
from locks.seam.resources import ActionAttempt, Lock, LockPage, Webhook, Workspace, mapping
from locks.seam.transport import MEBIBYTE, NoAnswer, Order, Transport, shared_transport

logger = logging.getLogger(__name__)

READ_TRIES = 3
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0  # seconds before trying again; doubled each time
MOST_PAGES = 1000
MOST_IDS = 100  # attempts asked for in one call
MOST_EVENTS = 500  # events asked for in one call
LONGEST_CURSOR = 8192
LIST_BYTES, ATTEMPTS_BYTES = 16 * MEBIBYTE, 4 * MEBIBYTE
MOST_LOCKS = 20_000
MOST_EVENT_PAGES = 200
# Answers to a list of attempts that one of them can be the cause of, and how many parts of the list
# may fail while the others are looked for.
SPOILED, MOST_FAILURES = frozenset({200, 400, 404, 500}), 12


class SeamReader:
    """The calls that move nothing; see SeamClient for the arguments and the errors."""

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
        return f"{type(self).__name__}({self._endpoint!r})"

    def close(self) -> None:
        """Close the idle connections. The client stays usable: a next call opens a new one."""
        self._transport.close()

    def get_action_attempt(self, action_attempt_id: str) -> ActionAttempt:
        """The attempt as it stands (POST /action_attempts/get)."""
        data, request_id = self._read(
            "/action_attempts/get", {"action_attempt_id": action_attempt_id}, end_by=self._end()
        )
        found = ActionAttempt.from_json(data.get("action_attempt"), request_id=request_id)
        if found is None or found.action_attempt_id != action_attempt_id:
            raise unreadable(request_id)
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
        listed = 0
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
                raise unreadable(request_id)
            listed += len(entries)
            if listed > MOST_LOCKS:
                break
            yield LockPage.from_json(entries)
            pagination = mapping(data.get("pagination"))
            if not pagination.get("has_next_page"):
                return
            cursor = pagination.get("next_page_cursor")
            if not isinstance(cursor, str) or not 0 < len(cursor) <= LONGEST_CURSOR:
                raise unreadable(request_id)
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
            raise unreadable(request_id)
        return workspace

    def list_attempts_of(self, device_id: str) -> list[ActionAttempt] | None:
        """All attempts that Seam lists for one device; None where this Seam does not offer that.

        None, too, where there are more than one page of them: a part says nothing of what is missing.
        (POST /action_attempts/list with `device_id`; newer than many servers.)
        """
        try:
            data, request_id = self._read(
                "/action_attempts/list",
                {"device_id": device_id},
                end_by=self._end(),
                max_bytes=ATTEMPTS_BYTES,
            )
        except SeamRejected as error:
            if error.status == 400:
                return None
            if error.status == 404:
                return []
            raise
        entries = data.get("action_attempts")
        if not isinstance(entries, list):
            raise unreadable(request_id)
        if mapping(data.get("pagination")).get("has_next_page"):
            return None
        return _attempts(entries, request_id)

    def list_events(
        self, *, since: dt.datetime, until: dt.datetime | None = None, device_id: str = ""
    ) -> Iterator[Event]:
        """What happened after `since` (and before `until`), oldest first (POST /events/list).

        Each event once. Entries that cannot be read are left out. Each page has a `read_timeout`
        of its own; an error in the midst means that the list is not whole.
        """
        seen: set[str] = set()
        for _page in range(MOST_EVENT_PAGES):
            body: dict[str, Any] = {"limit": MOST_EVENTS}
            if until is None:
                body["since"] = _moment(since)
            else:
                body["between"] = [_moment(since), _moment(until)]
            if device_id:
                body["device_id"] = device_id
            data, request_id = self._read(
                "/events/list", body, end_by=self._end(), max_bytes=LIST_BYTES
            )
            entries = data.get("events")
            if not isinstance(entries, list):
                raise unreadable(request_id)
            page = [event for event in map(Event.from_json, entries) if event is not None]
            new = sorted(
                (event for event in page if event.event_id not in seen),
                key=lambda event: (event.created_at, event.occurred_at),
            )
            seen |= {event.event_id for event in new}
            yield from new
            if len(entries) < MOST_EVENTS:
                return
            if not new:
                break  # a full page again, of nothing new: what comes after it is out of reach
            if new[-1].created_at > since:
                since = max(since, new[-1].created_at - dt.timedelta(milliseconds=1))
        raise SeamUnreadable("Seam's pages of events do not come to an end.")

    def list_webhooks(self) -> list[Webhook]:
        """The webhooks of the workspace (POST /webhooks/list)."""
        data, request_id = self._read("/webhooks/list", {}, end_by=self._end())
        entries = data.get("webhooks")
        if not isinstance(entries, list):
            raise unreadable(request_id)
        return [webhook for webhook in map(Webhook.from_json, entries) if webhook]

    def _list_attempts(self, ids: Sequence[str], end_by: float) -> list[ActionAttempt]:
        """Where one of them spoils the answer for all (an id that Seam does not take, a text without
        end), the others are asked about in parts.
        """
        try:
            return self._told_of(ids, end_by)
        except (SeamRejected, SeamUnreadable) as error:
            if error.status not in SPOILED or len(ids) == 1:
                return _nothing_known(error)
            spoiled = error
        found: list[ActionAttempt] = []
        parts, failures, answers = _halves(ids), 0, 0
        while parts and failures < MOST_FAILURES and time.monotonic() < end_by:
            part = parts.pop()
            try:
                found += self._told_of(part, end_by, tries=1)
                answers += 1
            except (SeamRejected, SeamUnreadable) as error:
                if error.status not in SPOILED:
                    break
                failures += 1
                parts += _halves(part) if len(part) > 1 else []
        return found if answers else _nothing_known(spoiled)

    def _told_of(
        self, ids: Sequence[str], end_by: float, *, tries: int = READ_TRIES
    ) -> list[ActionAttempt]:
        data, request_id = self._read(
            "/action_attempts/list",
            {"action_attempt_ids": list(ids)},
            end_by=end_by,
            max_bytes=ATTEMPTS_BYTES,
            tries=tries,
        )
        entries = data.get("action_attempts")
        if not isinstance(entries, list):
            raise unreadable(request_id)
        asked = set(ids)
        return [each for each in _attempts(entries, request_id) if each.action_attempt_id in asked]

    def _end(self) -> float:
        return time.monotonic() + self._read_timeout

    def _read(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        end_by: float,
        max_bytes: int = MEBIBYTE,
        tries: int = READ_TRIES,
    ) -> tuple[dict[str, Any], str]:
        """The JSON object of a 200 and its request id; tried up to three times before `end_by`."""
        error: SeamError = SeamUnreachable("Seam could not be reached in time.")
        pause = FIRST_PAUSE
        for tried in range(1, tries + 1):
            left = end_by - time.monotonic()
            if left <= 0:
                break
            order = Order(
                url=f"{self._endpoint}{path}",
                body=encode(body),
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
            if tried == tries or time.monotonic() + wait >= end_by:
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


def encode(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body).encode()


def unreadable(request_id: str) -> SeamUnreadable:
    return SeamUnreadable("Seam's answer cannot be read.", status=200, request_id=request_id)


def _attempts(entries: list[Any], request_id: str) -> list[ActionAttempt]:
    """The entries that can be read, each attempt once; one told of in two ways is left out."""
    told: dict[str, ActionAttempt | None] = {}
    for attempt in (ActionAttempt.from_json(entry, request_id=request_id) for entry in entries):
        if attempt is not None:
            known = told.setdefault(attempt.action_attempt_id, attempt)
            if known != attempt:
                told[attempt.action_attempt_id] = None
    return [attempt for attempt in told.values() if attempt is not None]


def _halves(ids: Sequence[str]) -> list[Sequence[str]]:
    middle = len(ids) // 2
    return [ids[:middle], ids[middle:]]


def _nothing_known(error: SeamError) -> list[ActionAttempt]:
    """No attempts, if that is what the error says: so Seam's published fake answers when it knows
    none of them.
    """
    if error.status == 404 and error.code == "action_attempts_not_found":
        return []
    raise error


def _moment(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


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
