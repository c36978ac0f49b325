"""A Seam that lies: every way to answer wrongly that we know, and what has to come of it.

A Lie answers any kind of call; it is given the body that an honest Seam would send (a success, where
a door was pressed), so that whoever believes too much is found out.
"""

import gzip
import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

from locks.models.unlocks import Outcome
from locks.tests.servers import KEY, Talk, http, refusal

MARKUP = "<script>alert(1)</script>"
NASTY = (
    f"{MARKUP}\x00\u202e\u2066\ud800\x1b[2J\r\nSet-Cookie: a=b\u2028{{{{ 7 }}}}{{% now %}}'\"&amp;"
)
PAGE = f"<html><body>Sorry {MARKUP}</body></html>".encode()
FLOOD = 60_000_000  # bytes


@dataclass(frozen=True)
class Scene:
    """What a liar has at hand: an honest answer's body, and another server to point to."""

    truth: bytes
    elsewhere: str


Answer = Callable[[Talk, Scene], None]


@dataclass(frozen=True)
class Lie:
    """`press`, `code`: what comes of a press that is so answered; `read`: what comes of a read.

    A read is "told" (the answer can be used), "unreadable", "refused" or "limited". `slow`: it takes
    all the time that there is.
    """

    answer: Answer
    press: Outcome = Outcome.UNKNOWN
    code: str = "no_answer"
    read: str = "unreadable"
    slow: bool = False


def sends(status: int, body: bytes | None = None, **headers: str) -> Answer:
    """A whole answer; the honest body unless told otherwise. `{elsewhere}` is the other server."""
    known = {"Content_Type": "application/json", "Seam_Request_Id": "req-1"} | headers

    def answer(talk: Talk, scene: Scene) -> None:
        told = {
            name: value.replace("{elsewhere}", scene.elsewhere) for name, value in known.items()
        }
        talk.send(http(status, scene.truth if body is None else body, **told))

    return answer


def _raw(wire: Callable[[Scene], bytes], *, then: str = "close") -> Answer:
    """Bytes as they stand, and then `close`, `reset`, or `hang`."""

    def answer(talk: Talk, scene: Scene) -> None:
        talk.send(wire(scene))
        if then == "hang":
            talk.pause(None)
        elif then == "reset":
            talk.reset()
        talk.close()

    return answer


def _floods(head: bytes, block: bytes, size: int = FLOOD) -> Answer:
    """`block` again and again, until whoever listens hangs up."""

    def answer(talk: Talk, scene: Scene) -> None:
        with suppress(OSError):
            talk.sock.sendall(head)
            for _time in range(size // len(block)):
                talk.sock.sendall(block)
        talk.close()

    return answer


def _drips(every: float) -> Answer:
    def answer(talk: Talk, scene: Scene) -> None:
        for byte in whole(scene.truth):
            talk.send(bytes([byte]))
            if not talk.pause(every):
                return

    return answer


def _rewritten(change: Callable[[dict[str, Any]], bytes]) -> Answer:
    """A 200 whose body is made from the honest one."""

    def answer(talk: Talk, scene: Scene) -> None:
        sends(200, change(json.loads(scene.truth)))(talk, scene)

    return answer


def whole(body: bytes) -> bytes:
    return http(200, body, Content_Type="application/json", Seam_Request_Id="req-1")


def _head(*lines: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode()


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _twice(data: dict[str, Any]) -> bytes:
    """Each name twice, the second time with another value."""
    pairs = [f"{_json(name).decode()}: {_json(value).decode()}" for name, value in data.items()]
    pairs += [f"{_json(name).decode()}: []" for name in data]
    return "{{{}}}".format(", ".join(pairs)).encode()


def _chunked(body: bytes) -> bytes:
    return _head("Transfer-Encoding: chunked") + body


ESCAPED_KEY = "".join(f"\\u{ord(character):04X}" for character in KEY)
ECHO = _json(refusal("unauthorized", f"Bad key {KEY}, {KEY}.", request_id=KEY))
ESCAPED_ECHO = _json(refusal("unauthorized", "Bad key ___.")).replace(b"___", ESCAPED_KEY.encode())
LOUD = _json(refusal("x" * 500 + NASTY, NASTY * 1000, request_id=NASTY))  # 100 kB and more
TRUTH_STATUSES = (
    *(201, 202, 203, 206, 226, 300, 304, 400, 401, 402, 403, 404, 405, 408, 409, 410, 418, 422),
    *(425, 429, 451, 500, 501, 502, 503, 504, 511, 520, 599, 999),
)
PAGE_STATUSES = (200, 400, 401, 403, 404, 429, 500, 502, 503, 504)
SEAMS_UNPROVEN = (402, 405, 408, 409, 410, 418, 422, 500, 503)
BYTES_OF_NO_ANSWER = {
    "empty": b"",
    "blanks": b" \r\n ",
    "null": b"null",
    "true": b"true",
    "number": b"7",
    "text": b'"ok"',
    "empty array": b"[]",
    "empty object": b"{}",
    "no JSON": b"{'action_attempt': None}",
    "not UTF-8": b'{"action_attempt": "\xff\xfe"}',
    "NUL bytes": b"\0" * 1000,
    "NaN": b'{"action_attempt": NaN, "action_attempts": NaN, "locks": NaN, "events": -Infinity}',
    "number without end": b'{"locks": ' + b"9" * 100_000 + b"}",
    "nested without end": b'{"locks": ' + b"[" * 200_000,
    "nested objects": b'{"locks":' * 100_000,
    "error of Seam": _json(refusal("device_not_found")),
    "answer of another route": _json({"things": [], "ok": True}),
    "null for everything": _json(
        dict.fromkeys(
            ("action_attempt", "action_attempts", "locks", "events", "webhooks", "workspace")
        )
    ),
}
RETRY_AFTER = {
    "": {},
    "zero": {"Retry_After": "0"},
    "a minute": {"Retry_After": "60"},
    "absurd": {"Retry_After": "9" * 60},
    "negative": {"Retry_After": "-5"},
    "no number": {"Retry_After": "soon"},
    "not a number": {"Retry_After": "nan"},
    "infinite": {"Retry_After": "inf"},
    "a date to come": {"Retry_After": formatdate(time.time() + 3600, usegmt=True)},
    "a date long past": {"Retry_After": "Thu, 01 Jan 1970 00:00:00 GMT"},
    "an impossible date": {"Retry_After": "Mon, 99 Zzz 99999999 99:99:99 GMT"},
}
CONFIRMED = {"press": Outcome.CONFIRMED, "code": "", "read": "told"}
REFUSED = {"press": Outcome.FAILED, "code": "refused", "read": "refused"}
FORBIDDEN = REFUSED | {"code": "unauthorized"}
LIMITED = {"press": Outcome.FAILED, "code": "rate_limited", "read": "limited"}


def _statuses() -> Iterator[tuple[str, Lie]]:
    for status in TRUTH_STATUSES:
        yield f"{status} with the truth", Lie(sends(status))
    for status in PAGE_STATUSES:
        yield f"{status} page", Lie(sends(status, PAGE, Content_Type="text/html"))
    for status in SEAMS_UNPROVEN:
        yield f"{status} of Seam", Lie(sends(status, _json(refusal("some_error"))))
    for status in (301, 302, 303, 307, 308):
        there = "{elsewhere}/locks/unlock_door"
        yield f"{status} to another host", Lie(sends(status, PAGE, Location=there))
    yield "200 with a place to go", Lie(sends(200, Location="{elsewhere}/x"), **CONFIRMED)
    for status in (400, 404):
        yield f"{status} of Seam", Lie(sends(status, _json(refusal("some_error"))), **REFUSED)
    for status in (401, 403):
        yield f"{status} of Seam", Lie(sends(status, _json(refusal("some_error"))), **FORBIDDEN)
    for name, headers in RETRY_AFTER.items():
        limit = sends(429, _json(refusal("rate_limit_exceeded")), **headers)
        yield f"429 of Seam {name}".strip(), Lie(limit, **LIMITED)
    proceed = b"HTTP/1.1 100 Continue\r\n\r\n"
    yield "100 first", Lie(_raw(lambda scene: proceed * 3 + whole(scene.truth)), **CONFIRMED)
    yield "101", Lie(_raw(lambda _scene: b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"))
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    yield "103 first", Lie(_raw(lambda scene: hints + whole(scene.truth)))
    yield "204", Lie(_raw(lambda scene: b"HTTP/1.1 204 No Content\r\n\r\n" + scene.truth))


def _silences() -> Iterator[tuple[str, Lie]]:
    wires: dict[str, Callable[[Scene], bytes]] = {
        "before the headers": lambda _scene: b"",
        "in the status line": lambda _scene: b"HTTP/1.1 2",
        "in the headers": lambda scene: whole(scene.truth)[:40],
        "in the body": lambda scene: whole(scene.truth)[:-5],
        "before the last chunk": lambda scene: _chunked(b"%x\r\n%s\r\n" % (9, scene.truth[:9])),
        "after the truth without a length": lambda scene: _head("X: y") + scene.truth,
    }
    for name, wire in wires.items():
        yield f"hangs {name}", Lie(_raw(wire, then="hang"), slow=True)
    yield "one byte a second", Lie(_drips(1.0), slow=True)
    yield "ten bytes a second", Lie(_drips(0.1), slow=True)


def _breaks() -> Iterator[tuple[str, Lie]]:
    wires: dict[str, Callable[[Scene], bytes]] = {
        "hangs up": lambda _scene: b"",
        "cut-off status line": lambda _scene: b"HTTP/1.1 20",
        "cut-off headers": lambda _scene: b"HTTP/1.1 200 OK\r\nContent-Type: appli",
        "headers without their end": lambda _scene: _head("Content-Length: 90")[:-2],
        "cut-off body": lambda scene: whole(scene.truth)[:-5],
        "length too large": lambda scene: whole(scene.truth + b" " * 50)[:-50],
        "length too small": lambda scene: _head("Content-Length: 9") + scene.truth,
        "length zero": lambda scene: _head("Content-Length: 0") + scene.truth,
        "two lengths": lambda s: _head("Content-Length: 3", "Content-Length: 400") + s.truth,
        "broken chunk": lambda _scene: _chunked(b"zz\r\n{}\r\n"),
        "negative chunk": lambda _scene: _chunked(b"-5\r\n{}\r\n"),
        "cut-off chunk": lambda scene: _chunked(b"fff\r\n" + scene.truth),
        "no last chunk": lambda s: _chunked(b"%x\r\n%s\r\n" % (len(s.truth), s.truth)),
        "no headers at all": lambda scene: scene.truth,
        "another protocol": lambda _scene: b"\x16\x03\x01 SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP of the future": lambda s: b"HTTP/9.9 200 OK\r\n\r\n" + s.truth,
        "status 000": lambda scene: b"HTTP/1.1 000 OK\r\n\r\n" + scene.truth,
        "status of letters": lambda scene: b"HTTP/1.1 OK OK\r\n\r\n" + scene.truth,
    }
    for name, wire in wires.items():
        yield name, Lie(_raw(wire))
    yield "reset", Lie(_raw(lambda _scene: b"", then="reset"))
    yield "reset in the body", Lie(_raw(lambda s: whole(s.truth)[:-5], then="reset"))
    sound: dict[str, Callable[[Scene], bytes]] = {
        "no length": lambda scene: _head("X: y") + scene.truth,
        "length of letters": lambda scene: _head("Content-Length: all") + scene.truth,
        "said twice": lambda scene: whole(scene.truth) * 2,
        "HTTP/1.0": lambda scene: b"HTTP/1.0 200 OK\r\n\r\n" + scene.truth,
        "cookies of nonsense": lambda scene: (
            _head(
                "Set-Cookie: \x01=;;; expires=99; Domain=.", f"Content-Length: {len(scene.truth)}"
            )
            + scene.truth
        ),
        "request id of 50 kB": lambda scene: (
            _head(f"Seam-Request-Id: {'r' * 50_000}", f"Content-Length: {len(scene.truth)}")
            + scene.truth
        ),
    }
    for name, wire in sound.items():
        yield name, Lie(_raw(wire), **CONFIRMED)


FLOODS: dict[str, Answer] = {
    "60 MB body": _floods(_head(f"Content-Length: {FLOOD}"), b"[" * 60_000),
    "60 MB of blanks": _floods(_head(f"Content-Length: {FLOOD}"), b" " * 60_000),
    "body without end": _floods(_head("X: y"), b"x" * 60_000),
    "one chunk of 60 MB": _floods(_chunked(b"%x\r\n" % FLOOD), b"x" * 60_000),
    "60 MB of tiny chunks": _floods(_chunked(b""), b"1\r\nx\r\n" * 10_000),
    "chunk size without end": _floods(_chunked(b""), b"1" * 60_000),
    "chunk extension without end": _floods(_chunked(b"1;"), b"x" * 60_000),
    "trailers without end": _floods(_chunked(b"0\r\n"), b"X: y\r\n" * 10_000),
    "trailer of 60 MB": _floods(_chunked(b"0\r\nX: "), b"y" * 60_000),
    "headers without end": _floods(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 10_000),
    "header of 60 MB": _floods(b"HTTP/1.1 200 OK\r\nX: ", b"y" * 60_000),
    "status line of 60 MB": _floods(b"HTTP/1.1 200 ", b"y" * 60_000),
    "100 Continue without end": _floods(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "gzip bomb": sends(200, gzip.compress(b" " * FLOOD), Content_Encoding="gzip"),
}


def _contents() -> Iterator[tuple[str, Lie]]:
    for name, answer in FLOODS.items():
        yield name, Lie(answer)
    for name, body in BYTES_OF_NO_ANSWER.items():
        yield f"200 {name}", Lie(sends(200, body))
    yield "called gzip", Lie(sends(200, Content_Encoding="gzip"))
    yield "called brotli and more", Lie(sends(200, Content_Encoding="br, gzip"))
    yield "200 array of the truth", Lie(_rewritten(lambda data: _json([data])))
    yield "200 truth and garbage", Lie(_rewritten(lambda data: _json(data) + b"}"))
    yield "200 two objects", Lie(_rewritten(lambda data: _json(data) * 2))
    yield "200 cut-off JSON", Lie(_rewritten(lambda data: _json(data)[:-2]))
    yield "200 every name twice", Lie(_rewritten(_twice))
    yield "200 UTF-16", Lie(_rewritten(lambda data: json.dumps(data).encode("utf-16")))
    yield "200 UTF-32", Lie(_rewritten(lambda data: json.dumps(data).encode("utf-32")))
    yield "200 BOM", Lie(_rewritten(lambda data: b"\xef\xbb\xbf" + _json(data)), **CONFIRMED)
    yield "200 named text", Lie(sends(200, Content_Type="text/html"), **CONFIRMED)
    yield "the key sent back", Lie(sends(401, ECHO, Seam_Request_Id=f"id {KEY}"), **FORBIDDEN)
    yield "the key sent back in escapes", Lie(sends(401, ESCAPED_ECHO), **FORBIDDEN)
    yield "the key sent back in a page", Lie(sends(500, f"Bearer {KEY}".encode()))
    yield "markup and NUL in a refusal", Lie(sends(400, LOUD), **REFUSED)
    yield "markup and NUL in a failure", Lie(sends(500, LOUD))


LIES = dict(itertools.chain(_statuses(), _silences(), _breaks(), _contents()))
