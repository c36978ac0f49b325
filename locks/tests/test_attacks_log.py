"""Nobody writes a log line of their own: not by a name, a path, a header, nor by Seam's words."""

import io
import logging
import logging.config
import re
import socket
from urllib.parse import quote

import pytest
import requests
from django.conf import settings

from locks.simulator import Simulator
from locks.tests.visitors import field
from tools.processes import wait_for
from tools.stack import Stack

pytestmark = pytest.mark.sqlite_only  # the same on any database
FORGED = "2026-01-01 00:00:00,000 CRITICAL locks.forged: all doors are open"
BREAKS = (
    "\n",
    "\r",
    "\r\n",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x85",
    "\u2028",
    "\u2029",
    "\x1b[2K\x1b[1G",
    "\u202e",
    "\x00",
)
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ [\w.]+: |    \| ")


@pytest.fixture
def log() -> io.StringIO:
    """What a logger writes through the formatter that the settings name."""
    named = settings.LOGGING["formatters"]["line"]
    formatter = logging.config.DictConfigurator(
        {"version": 1, "formatters": {"line": named}}
    ).configure_formatter(dict(named))
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.Logger("locks.here")
    logger.addHandler(handler)
    stream.logger = logger  # type: ignore[attr-defined]
    return stream


def odd_lines(text: str) -> list[str]:
    return [
        line
        for line in re.split(r"[\n\r\x0b\x0c\x1c\x85\u2028\u2029]", text)
        if line and not LINE.match(line)
    ]


@pytest.mark.parametrize("end", BREAKS, ids=ascii)
def test_a_message_is_one_line_whatever_is_in_it(log, end: str) -> None:
    log.logger.warning("Seam said: %s", f"no{end}{FORGED}")
    assert log.getvalue().count("\n") == 1
    assert end not in log.getvalue().removesuffix("\n")
    assert odd_lines(log.getvalue()) == []


@pytest.mark.parametrize("end", BREAKS, ids=ascii)
def test_a_traceback_holds_no_line_that_looks_like_a_log_line(log, end: str) -> None:
    try:
        raise ValueError(f"no{end}{FORGED}")
    except ValueError:
        log.logger.exception("It broke: %s", end, stack_info=True)
    assert "ValueError" in log.getvalue()
    assert odd_lines(log.getvalue()) == []
    assert not re.search(r"^2026-01-01", log.getvalue(), re.MULTILINE)


def test_ordinary_words_stay_as_they_are(log) -> None:
    log.logger.warning("Door %s: “não” · 鍵 · ключ", "Room 101")
    assert log.getvalue().endswith("Door Room 101: “não” · 鍵 · ключ\n")


# --- A real process ---------------------------------------------------------------------------


def raw(running: Stack, request: bytes) -> bytes:
    """Send bytes as they are; the first of the answer, empty where the server waits for more."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=2) as link:
        try:
            link.sendall(request)
            return link.recv(65536)
        except (TimeoutError, ConnectionError):
            return b""


MALFORMED = (
    b"GET /%zz%00%0a%0d HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET /\xff\xfe\xed\xa0\x80 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET // HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET //evil.example/%2e%2e HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: accessdesk_session=\xff\x00; a=b;;=\r\n\r\n",
    b"GET /live/ HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: accessdesk_session=\xe9'%00\r\n\r\n",
    b"TRACE / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"POST /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
    b"POST /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nabc",
    b"POST /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /webhooks/seam/ HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
    b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01",
    b"nonsense\r\n\r\n",
)  # fmt: skip


def test_a_running_server_neither_breaks_nor_writes_anothers_line(
    stack, simulator: Simulator
) -> None:
    running: Stack = stack(endpoint=simulator.endpoint, parts=("web",))
    answered = 0
    for request in MALFORMED:
        answer = raw(running, request)
        answered += bool(answer)
        assert not answer.split(b" ")[1:2] or not answer.split(b" ")[1].startswith(b"5"), request
        assert b"evil.example" not in answer, request
    assert answered >= len(MALFORMED) - 3  # those that announce more than they send
    session = requests.Session()
    session.trust_env = False
    page = session.get(f"{running.url}/accounts/login/", timeout=30)
    token = field(page.text, "csrfmiddlewaretoken")
    for end in BREAKS[::2]:
        text = f"a{end}{FORGED}"
        for path in (quote(text), f"admin/{quote(text)}/", f"?building={quote(text)}"):
            session.get(f"{running.url}/{path}", timeout=30)
        plain = re.sub(r"[\r\n\x00]", "", text).encode()
        for name in (b"Origin", b"Referer", b"User-Agent", b"Cookie", b"X-Forwarded-For", b"Host"):
            host = b"" if name == b"Host" else b"Host: 127.0.0.1\r\n"
            raw(running, b"GET /no/such/ HTTP/1.1\r\n" + host + name + b": " + plain + b"\r\n\r\n")
        sent = {"username": text, "password": text}
        for fields in ({**sent, "csrfmiddlewaretoken": token}, sent):  # the second is logged
            session.post(f"{running.url}/accounts/login/", fields, timeout=30)
    wait_for(lambda: "Forbidden" in running.output(), seconds=20, what="the refusals are logged")
    told = running.output()
    assert "Traceback" not in told
    lines = [line for line in odd_lines(told) if not line.startswith("WARNING:  Invalid HTTP")]
    assert lines == []
    assert not re.search(r"^(2026-01-01|.*\x1b)", told, re.MULTILINE)
