"""What a broken or hostile Seam may answer, by name; each with what must come of an unlock.

Outcomes are `status code` of the request. `failed` needs proof: Seam's own JSON error on 400, 401,
403, 404 or 429, or an attempt that ended in an error. Everything else is `unknown`.
"""

import gzip
import json
from collections.abc import Callable
from typing import Any

from locks.tests.servers import Reply, Talk, attempt, drips, http, refusal, replies, sends

SENT = "unknown no_answer"
MARKUP = "<script>alert('x')</script>\u0000\u202e" + "\u2028"
ELSEWHERE = (
    "http://elsewhere.invalid/locks/unlock_door"  # replaced by a server that must hear nothing
)


def raw(status: int, body: bytes, *lines: str, length: int | None = None) -> bytes:
    """An answer with any length and headers."""
    said = len(body) if length is None else length
    head = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {said}", *lines, "", ""]
    return "\r\n".join(head).encode("latin-1") + body


def told(payload: Any, **headers: str) -> Reply:
    return replies(200, payload, **headers)


def body_of(payload: Any) -> bytes:
    return json.dumps(payload).encode()


def redirect(status: int) -> Callable[[str], Reply]:
    """To another host, which must not be asked."""
    return lambda elsewhere: replies(status, b"", Location=f"{elsewhere}/locks/unlock_door")


def endless_headers(talk: Talk) -> None:
    talk.send(b"HTTP/1.1 200 OK\r\n")
    for number in range(20_000):
        talk.send(f"X-{number}: {'x' * 500}\r\n".encode())
    talk.close()


def large_body(talk: Talk) -> None:
    """60 MB, of which the client should read little."""
    talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 62914560\r\n\r\n")
    chunk = b" " * 65536
    for _ in range(960):
        talk.send(chunk)
    talk.close()


def gzip_bomb(talk: Talk) -> None:
    talk.send(http(200, gzip.compress(b" " * 30_000_000), Content_Encoding="gzip"))


def continued(talk: Talk) -> None:
    talk.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 3)
    talk.send(raw(200, body_of(attempt("success"))))


HUGE = "A" * 100_000
UNLOCK: dict[str, tuple[Reply | Callable[[str], Reply], str]] = {
    # What is well said, and its neighbours.
    "continue, then an answer": (continued, "unlocked "),
    "extra fields": (told(attempt("success", surprise={"deep": [1]})), "unlocked "),
    "a result that is a list": (told(attempt("success", result=[1])), "unlocked "),
    "an error that is a string": (told(attempt("error", error="jammed")), "failed lock_error"),
    "markup in the error": (
        told(attempt("error", error={"type": MARKUP, "message": MARKUP})),
        "failed lock_error",
    ),
    "100 kB of error": (
        told(attempt("error", error={"type": HUGE, "message": HUGE})),
        "failed lock_error",
    ),
    "duplicate keys": (
        sends(raw(200, b'{"action_attempt": null, ' + body_of(attempt("success"))[1:])),
        "unlocked ",
    ),
    # Statuses that prove, with Seam's own JSON.
    "400": (replies(400, refusal("invalid_input")), "failed refused"),
    "401": (replies(401, refusal("unauthorized")), "failed unauthorized"),
    "403": (replies(403, refusal("forbidden")), "failed unauthorized"),
    "404": (replies(404, refusal("device_not_found")), "failed refused"),
    "404 with markup": (replies(404, refusal(MARKUP, MARKUP)), "failed refused"),
    "429": (replies(429, refusal("rate_limited"), Retry_After="60"), "failed rate_limited"),
    "429, a date of long ago": (
        replies(429, refusal("rate_limited"), Retry_After="Thu, 01 Jan 1970 00:00:00 GMT"),
        "failed rate_limited",
    ),
    "429, nonsense": (
        replies(429, refusal("rate_limited"), Retry_After="-1e9"),
        "failed rate_limited",
    ),
    # The same statuses from somebody else: they prove nothing.
    "400 as a page": (replies(400, b"<html>", Content_Type="text/html"), SENT),
    "403 of a firewall": (replies(403, b"<html>denied</html>", Content_Type="text/html"), SENT),
    "404 of a proxy": (replies(404, b"", Content_Type="text/html"), SENT),
    "429 of a proxy": (replies(429, b"slow down", Content_Type="text/plain"), SENT),
    # Statuses that prove nothing whatever is in them.
    **{
        str(status): (replies(status, attempt("success")), SENT)
        for status in (201, 202, 203, 206, 405, 408, 409, 410, 418, 422, 500, 502, 503, 504, 599)
    },
    "204": (sends(b"HTTP/1.1 204 No Content\r\n\r\n"), SENT),
    "999": (sends(raw(999, b"{}")), SENT),
    **{
        f"{status} to another host": (redirect(status), SENT)
        for status in (301, 302, 303, 307, 308)
    },
    # Bodies.
    "nothing": (replies(200, b""), SENT),
    "null": (told(None), SENT),
    "a list": (told([attempt("success")]), SENT),
    "a number": (told(7), SENT),
    "a page": (replies(200, b"<html>ok</html>", Content_Type="text/html"), SENT),
    "no attempt": (told({"ok": True}), SENT),
    "an attempt that is null": (told({"action_attempt": None}), SENT),
    "a number for an id": (told(attempt("success", action_attempt_id=7)), SENT),
    "an empty id": (told(attempt("success", action_attempt_id="")), SENT),
    "markup for an id": (told(attempt("success", action_attempt_id=MARKUP)), SENT),
    "100 kB of id": (told(attempt("success", action_attempt_id=HUGE)), SENT),
    "an unknown status": (told(attempt("opened")), SENT),
    "a status that is true": (told(attempt(True)), SENT),
    "the wrong action": (told(attempt("success", action_type="LOCK_DOOR")), SENT),
    "UTF-16": (replies(200, json.dumps(attempt("success")).encode("utf-16")[:-1]), SENT),
    "Latin-1": (replies(200, b'{"action_attempt": "\xff\xfe"}'), SENT),
    "deep JSON": (replies(200, b'{"action_attempt":' + b"[" * 200_000), SENT),
    "NaN": (replies(200, b'{"action_attempt": NaN}'), SENT),
    "half an answer": (sends(body_of(attempt("success"))), SENT),
    "a gzip bomb": (gzip_bomb, SENT),
    "60 MB": (large_body, SENT),
    # Lines that break.
    "hang up at once": (sends(b""), SENT),
    "reset": (sends(b"", then="reset"), SENT),
    "hang before headers": (sends(b"", then="hang"), SENT),
    "cut-off headers": (sends(b"HTTP/1.1 200 OK\r\nContent-Le"), SENT),
    "hang in the headers": (sends(b"HTTP/1.1 200 OK\r\nX: y\r\n", then="hang"), SENT),
    "cut-off body": (sends(raw(200, body_of(attempt("success"))[:30], length=200)), SENT),
    "hang in the body": (sends(raw(200, b'{"action', length=200), then="hang"), SENT),
    "a body longer than said": (sends(raw(200, body_of(attempt("success")), length=10)), SENT),
    "a byte at a time": (drips(raw(200, body_of(attempt("success"))), every=0.2), SENT),
    "broken chunks": (
        sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
        SENT,
    ),
    "another protocol": (sends(b"SSH-2.0-OpenSSH_9.9\r\n"), SENT),
    "endless headers": (endless_headers, SENT),
}
