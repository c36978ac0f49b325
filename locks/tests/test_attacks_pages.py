"""Every page and every error page: strict headers, nothing inline, nothing from elsewhere, in no frame."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import OperationalError
from django.test import Client

from accessdesk.bodies import BoundedBodies
from locks.tests import test_access_matrix as matrix
from locks.tests.attacks import Page, addresses, pages_of

cast, ids = matrix.cast, matrix.ids
pytestmark = pytest.mark.sqlite_only  # the same on any database
STRICT = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
# What can run, restyle, frame or move a page; none of it is needed.
FORBIDDEN_ELEMENTS = {"style", "base", "iframe", "frame", "object", "embed", "applet", "portal"}
FORBIDDEN_ATTRIBUTES = ("style", "srcdoc", "ping", "http-equiv")
LEADING = {"src", "href", "action", "formaction"}  # only to what is ours
OUR_OWN = {"", "testserver"}


def weak_headers(answer: Any) -> list[str]:
    """What an answer's headers leave open."""
    headers = answer.headers
    policy = headers.get("Content-Security-Policy", "")
    told = dict(part.strip().split(" ", 1) for part in policy.split(";") if " " in part.strip())
    weak = [name for name, value in STRICT.items() if told.get(name) != value]
    weak += [word for word in ("unsafe", "*", "http:", "blob:") if word in policy]
    wanted = {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    return weak + [name for name, value in wanted.items() if headers.get(name) != value]


def inline(page: Page) -> list[tuple[str, dict[str, str]]]:
    """Elements that run or style something of their own, or load or send elsewhere."""
    return [(tag, attrs) for tag, attrs in page.elements if _is_inline(tag, attrs)]


def _is_inline(tag: str, attrs: dict[str, str]) -> bool:
    if tag in FORBIDDEN_ELEMENTS or (tag == "script" and not _is_loaded_or_data(attrs)):
        return True
    for name, value in attrs.items():
        if name.startswith(("on", "hx-on", "data-hx-on")) or name in FORBIDDEN_ATTRIBUTES:
            return True
        if name in {*LEADING, "data", "poster"} or name.startswith("hx-"):
            where = urlsplit(value) if not value.startswith(("{", "#")) else urlsplit("")
            if name in LEADING and where.netloc not in OUR_OWN:
                return True
            if where.scheme in {"javascript", "vbscript", "data", "js"} and tag != "img":
                return True
    return False


def _is_loaded_or_data(attrs: dict[str, str]) -> bool:
    return bool(attrs.get("src")) or attrs.get("type") == "application/json"


@pytest.mark.parametrize("name", ["stranger", "clerk", "manager", "superuser"])
def test_every_answer_is_strict_and_no_page_has_anything_inline(cast, ids, name: str) -> None:
    weak, found = {}, {}
    for path, answer in pages_of(cast[name], ids):
        if problems := weak_headers(answer):
            weak[path] = problems
        is_page = "html" in answer.headers.get("Content-Type", "")
        if is_page and (problems := inline(Page(path, answer.content.decode()))):
            found[path] = problems
    assert (weak, found) == ({}, {})


def test_what_htmx_fetches_is_strict_and_has_nothing_inline(cast, ids) -> None:
    for path in addresses(ids).values():
        answer = cast["clerk"].get(path, headers={"HX-Request": "true"})
        assert weak_headers(answer) == [], path
        if answer.status_code == 200 and "html" in answer.headers["Content-Type"]:
            assert inline(Page(path, answer.content.decode())) == [], path


def broken(*_args: object, **_kwargs: object) -> None:
    raise RuntimeError("a secret of the inside")


def gone(*_args: object, **_kwargs: object) -> None:
    raise OperationalError("password=a secret of the inside")


@pytest.mark.parametrize(
    ("status", "how"),
    [(400, None), (403, None), (404, None), (405, None), (500, broken), (503, gone)],
)
def test_every_error_page_is_as_strict(cast, status: int, how: Any, monkeypatch) -> None:
    client: Client = cast["clerk"]
    client.raise_request_exception = False
    path = {400: "/admin/?x", 403: "/admin/", 404: "/no/such/", 405: "/accounts/logout/"}
    extra: dict[str, Any] = {"headers": {"host": "evil.example"}} if status == 400 else {}
    if how:
        monkeypatch.setattr("locks.models.places.DeviceQuerySet.on_the_desk", how)
    answer = client.get(path.get(status, "/"), **extra)
    assert answer.status_code == status
    assert weak_headers(answer) == []
    assert b"secret of the inside" not in answer.content
    assert inline(Page("/", answer.content.decode())) == []


def test_a_body_that_is_too_long_is_refused_as_strictly() -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def ask() -> None:
        headers = [(b"content-length", b"99999999")]
        await BoundedBodies(None)({"type": "http", "headers": headers}, None, send)

    asyncio.run(ask())
    assert sent[0]["status"] == 413
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    assert told["x-content-type-options"] == "nosniff"
    assert told["cache-control"] == "no-store"
    assert told["content-type"].startswith("text/plain")


@pytest.mark.parametrize("file", ["locks/desk.js", "locks/desk.css", "locks/icon.svg"])
def test_a_static_file_is_taken_for_what_it_is(cast, file: str) -> None:
    answer = cast["stranger"].get(f"/static/{file}")
    assert answer.status_code == 200
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers.get("Access-Control-Allow-Origin") is None


@pytest.mark.parametrize(
    "path",
    ["/static/../accessdesk/settings.py", "/static/%2e%2e/manage.py", "/static/..%2f..%2fetc/passwd",
     "/static//etc/passwd", "/static/locks/%00", "/static/locks/"],
)  # fmt: skip
def test_no_file_beside_the_static_ones_is_given_away(cast, path: str) -> None:
    answer = cast["stranger"].get(path)
    assert answer.status_code in {302, 400, 404}


def test_under_https_browsers_are_told_to_stay_there(cast, settings) -> None:
    settings.SECURE_HSTS_SECONDS, settings.SECURE_SSL_REDIRECT = 31_536_000, True
    client = Client()  # middleware reads these once
    assert client.get("/accounts/login/").status_code == 301
    for path in ("/accounts/login/", "/", "/no/such/", "/webhooks/seam/"):
        answer = client.get(path, secure=True)
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000", path
