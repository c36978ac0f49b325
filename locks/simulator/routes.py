"""Seam's routes: from a request that was read to the answer that is to be written."""

import base64
import hmac
import json
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from .doors import ActionType, DoorNotFound, Doors, RateLimited
from .params import ApiError, Params, invalid, json_type, merged_query, page
from .shapes import Json, workspace_json

JSON_TYPE: Final = "application/json; charset=utf-8"
_HTML_PAGE: Final = b"<html><head><title>502</title></head><body>Bad gateway</body></html>"


@dataclass(frozen=True)
class Request:
    """What was read from the connection. `target` is the path with its query."""

    method: str
    target: str
    authorization: str | None
    content_type: str
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]


@dataclass(frozen=True)
class Reply:
    """What to write back. With `hang_up` the connection is closed and nothing is written."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False


class Routes:
    """Answers requests from the state of `doors`. `endpoint` is used in page addresses only."""

    def __init__(self, doors: Doors, *, api_key: str, endpoint: str) -> None:
        self._doors = doors
        self._api_key = api_key.encode()
        self._endpoint = endpoint
        self._webhooks: list[Json] = []  # kept and listed; the simulator delivers nothing
        self._reads: dict[str, Callable[[Params], Json]] = {
            "/locks/list": self._list_locks,
            "/locks/get": self._get_lock,
            "/devices/list": self._list_devices,
            "/devices/get": self._get_device,
            "/action_attempts/get": self._get_attempt,
            "/action_attempts/list": self._list_attempts,
            "/events/list": self._list_events,
            "/workspaces/get": self._get_workspace,
            "/webhooks/list": self._list_webhooks,
            "/webhooks/create": self._create_webhook,
        }
        self._commands: dict[str, ActionType] = {
            "/locks/unlock_door": "UNLOCK_DOOR",
            "/locks/lock_door": "LOCK_DOOR",
        }

    def answer(self, request: Request) -> Reply:
        """Answer a request; whatever is wrong with it becomes one of Seam's JSON errors."""
        try:
            return self._answer(request)
        except ApiError as error:
            return error_reply(error)

    def _answer(self, request: Request) -> Reply:
        path = request.path
        if path == "/health":
            return _ok({"msg": "The simulator is up."})
        if path not in self._reads and path not in self._commands:
            raise ApiError(404, "not_found", "No such route")
        self._authorize(request.authorization)
        allowed = ("POST",) if path in self._commands else ("GET", "POST")
        if request.method not in allowed:
            raise ApiError(405, "method_not_allowed", f"only {', '.join(allowed)} accepted")
        params = Params(_parameters(request))
        if path in self._reads:
            return _ok(self._reads[path](params))
        return self._command(params.text("device_id"), self._commands[path])

    def _authorize(self, authorization: str | None) -> None:
        if not authorization:
            raise ApiError(401, "unauthorized", "No Authorization header")
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise ApiError(401, "unauthorized", "No token provided")
        if not hmac.compare_digest(token.strip().encode(errors="replace"), self._api_key):
            raise ApiError(401, "unauthorized", "API Key not found")

    def _command(self, device_id: str, action_type: ActionType) -> Reply:
        try:
            behaviour, attempt = self._doors.command(device_id, action_type)
        except DoorNotFound:
            raise _device_not_found() from None
        except RateLimited as limited:
            # Seam's documentation gives the limit, not the word for it.
            error = ApiError(429, "rate_limit_exceeded", "Too many commands for this device")
            error.headers["Retry-After"] = str(limited.retry_after)
            raise error from None
        if behaviour.answer == "empty_503":
            return Reply(503, b"")
        if behaviour.answer == "html_502":
            return Reply(502, _HTML_PAGE, "text/html; charset=utf-8")
        reply = _ok({"action_attempt": attempt})
        return Reply(reply.status, reply.body, hang_up=behaviour.answer == "hang_up")

    def _list_locks(self, params: Params) -> Json:
        rows, pagination = self._page(self._doors.locks(), params, path="/locks/list")
        return {"locks": rows, "devices": rows, "pagination": pagination}

    def _list_devices(self, params: Params) -> Json:
        rows, pagination = self._page(self._doors.devices(), params, path="/devices/list")
        return {"devices": rows, "pagination": pagination}

    def _get_lock(self, params: Params) -> Json:
        lock = _pick(self._doors.locks(), params)
        return {"lock": lock, "device": lock}

    def _get_device(self, params: Params) -> Json:
        return {"device": _pick(self._doors.devices(), params)}

    def _get_attempt(self, params: Params) -> Json:
        attempt_id = params.text("action_attempt_id")
        for attempt in self._doors.attempts(ids=[attempt_id], device_id=None):
            return {"action_attempt": attempt}
        data = {"data": {"action_attempt_id": attempt_id}}
        raise ApiError(404, "action_attempt_not_found", "action_attempt not found", data)

    def _list_attempts(self, params: Params) -> Json:
        device_id = params.optional_text("device_id")
        ids = params.texts("action_attempt_ids")
        if ids is None and device_id is None:
            raise invalid("Required", name="action_attempt_ids")
        try:
            found = self._doors.attempts(ids=ids, device_id=device_id)
        except DoorNotFound:
            raise _device_not_found() from None
        if ids is not None and not found:
            data = {"data": {"action_attempt_ids": ids}}
            raise ApiError(404, "action_attempts_not_found", "Action attempts not found", data)
        url = f"{self._endpoint}/action_attempts/list"
        rows, pagination = page(found, params, url=url)
        return {"action_attempts": rows, "pagination": pagination}

    def _list_events(self, params: Params) -> Json:
        after, before = _interval(params)
        wanted = {
            "device_id": params.texts("device_ids") or params.texts("device_id"),
            "event_type": params.texts("event_types") or params.texts("event_type"),
        }
        found = [
            event
            for event in self._doors.events()
            if after < datetime.fromisoformat(event["created_at"])
            and (before is None or datetime.fromisoformat(event["created_at"]) < before)
            and all(values is None or event[name] in values for name, values in wanted.items())
        ]
        return {"events": found[: params.limit()]}

    def _get_workspace(self, _params: Params) -> Json:
        return {"workspace": workspace_json(self._doors.created_at)}

    def _list_webhooks(self, _params: Params) -> Json:
        return {"webhooks": self._webhooks}

    def _create_webhook(self, params: Params) -> Json:
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
        webhook = {
            "webhook_id": str(uuid.uuid4()),
            "url": params.text("url"),
            "event_types": params.texts("event_types") or ["*"],
            "secret": secret,
        }
        self._webhooks.append(webhook)
        return {"webhook": webhook}

    def _page(self, rows: list[Json], params: Params, *, path: str) -> tuple[list[Json], Json]:
        ids = params.texts("device_ids")
        if ids is not None:
            rows = [row for row in rows if row["device_id"] in ids]
        return page(rows, params, url=f"{self._endpoint}{path}")


def error_reply(error: ApiError) -> Reply:
    """Write an error as Seam does, with the request id in the body and in the header."""
    request_id = str(uuid.uuid4())
    words = {"type": error.code, "message": error.message, **error.extra, "request_id": request_id}
    headers = {"seam-request-id": request_id, **error.headers}
    return Reply(error.status, _dump({"error": words, "ok": False}), headers=headers)


def recorded_body(request: Request) -> Json:
    """What a record of calls keeps of the parameters: nothing where they cannot be read."""
    if len(request.target) + len(request.body) > 16 * 1024:
        return {}
    try:
        return _parameters(request)
    except ApiError:
        return {}


def _parameters(request: Request) -> Json:
    query = merged_query(parse_qsl(request.query, keep_blank_values=True))
    if request.method != "POST" or not request.body:
        return query
    if request.content_type.partition(";")[0].strip().lower() != "application/json":
        words = 'POST requests must have Content-Type header with "application/json"'
        raise ApiError(400, "invalid_content_type", words)
    try:
        body: Any = json.loads(request.body)
    except (ValueError, RecursionError):
        raise invalid("Invalid JSON") from None
    if not isinstance(body, dict):
        raise invalid(f"Expected object, received {json_type(body)}")
    return {**query, **body}


def _pick(rows: list[Json], params: Params) -> Json:
    device_id, name = params.optional_text("device_id"), params.optional_text("name")
    if device_id is None and name is None:
        raise invalid("Either 'device_id' or 'name' is required")
    for row in rows:
        same_name = name in (None, row["properties"]["name"])
        if device_id in (None, row["device_id"]) and same_name:
            return row
    raise _device_not_found()


def _interval(params: Params) -> tuple[datetime, datetime | None]:
    since, between = params.moment("since"), params.moments("between")
    if since is not None and between is None:
        return since, None
    if since is None and between is not None:
        return between[0], between[1]
    if since is None:
        raise invalid("Must specify either since or between")
    raise invalid("Cannot specify both since and between")


def _device_not_found() -> ApiError:
    return ApiError(404, "device_not_found", "Device not found")


def _ok(body: Json) -> Reply:
    return Reply(200, _dump({**body, "ok": True}))


def _dump(body: Json) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
