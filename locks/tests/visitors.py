"""A person at a browser without JavaScript, over real HTTP: signs in, reads, presses, listens."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import unescape

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar

from tools.processes import wait_for

DEMO_PASSWORD = "practice-room"


class Visitor:
    """Signed in as `username`; every answer is a requests.Response.

    `headers` go with each request, as a proxy that ends TLS adds them.
    """

    def __init__(
        self, url: str, username: str, password: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False
        if headers:
            self.session.headers.update(headers)
            self.session.mount(url, _BehindTls(self.session.cookies))
        page = self.get("/accounts/login/")
        answer = self.post(
            "/accounts/login/",
            {"username": username, "password": password},
            csrf=field(page.text, "csrfmiddlewaretoken"),
        )
        assert answer.status_code == 302, "the sign-in was refused"

    def get(self, path: str, **options) -> requests.Response:
        return self.session.get(self.url + path, timeout=60, **options)

    def post(self, path: str, data: dict, *, csrf: str, **options) -> requests.Response:
        body = {"csrfmiddlewaretoken": csrf, **data}
        return self.session.post(
            self.url + path, data=body, timeout=60, allow_redirects=False, **options
        )

    def press(self, door: int, *, token: str, **data) -> requests.Response:
        """Post the Unlock form of a door, with the CSRF token of a fresh page."""
        return self.post(f"/doors/{door}/unlock/", {"token": token, **data}, csrf=self.csrf())

    def csrf(self) -> str:
        """The CSRF token of a fresh page."""
        return field(self.get("/history/").text, "csrfmiddlewaretoken")

    def token(self, door: int) -> str:
        """A fresh token for a door, as its confirmation page holds it."""
        return field(self.get(f"/doors/{door}/").text, "token")

    @contextmanager
    def listening(self) -> Iterator[Ear]:
        """Hold the event stream open."""
        ear = Ear(self.session.get(self.url + "/live/", stream=True, timeout=30))
        try:
            yield ear
        finally:
            ear.close()


class _BehindTls(HTTPAdapter):
    """Sends cookies for HTTPS, too: between proxy and server the same request has no TLS."""

    def __init__(self, jar: RequestsCookieJar) -> None:
        super().__init__()
        self._jar = jar

    def add_headers(self, request: requests.PreparedRequest, **_options: object) -> None:
        request.headers["Cookie"] = "; ".join(f"{each.name}={each.value}" for each in self._jar)


class Ear:
    """Collects the names of the events of one stream on a thread of its own."""

    def __init__(self, response: requests.Response) -> None:
        self.response = response
        self.heard: list[tuple[float, str]] = []
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    @property
    def names(self) -> list[str]:
        return [name for _at, name in self.heard]

    def wait_for(self, name: str, *, seconds: float = 30) -> float:
        """Until an event of that name came; when it came (time.monotonic())."""
        wait_for(lambda: name in self.names, seconds=seconds, what=f"the event {name}")
        return next(at for at, heard in self.heard if heard == name)

    def close(self) -> None:
        self.response.close()
        self._thread.join(5)

    def _listen(self) -> None:
        try:
            for line in self.response.iter_lines(chunk_size=1):
                if line.startswith(b"event: "):
                    self.heard.append((time.monotonic(), line[7:].decode()))
        except (requests.RequestException, AttributeError, ValueError, OSError):
            pass  # closed under us
        finally:
            self.ended.set()


def card(visitor: Visitor, label: str) -> tuple[int, str]:
    """The id of a door and the text of its card on the desk."""
    page = visitor.get("/").text
    for article in re.findall(r"<article.*?</article>", page, re.DOTALL):
        if f'data-label="{label}"' in article:
            return int(re.search(r'id="door-(\d+)"', article)[1]), article
    raise AssertionError(f"no card of {label}")


def field(html: str, name: str) -> str:
    """The value of the first input of that name."""
    for tag in re.findall(r"<input[^>]*>", html):
        if re.search(rf'name="{name}"', tag) and (value := re.search(r'value="([^"]*)"', tag)):
            return unescape(value[1])
    raise AssertionError(f"no field {name} on the page")


def marked(html: str) -> dict[str, str]:
    """The fields that are marked as wrong, also to a screen reader, with what it says of each."""
    found = {}
    for tag in re.findall(r'<(?:input|select)[^>]* aria-invalid="true"[^>]*>', html):
        name, ids = (re.search(rf' {each}="([^"]*)"', tag) for each in ("name", "aria-describedby"))
        assert name
        assert ids, tag
        said = [
            re.findall(rf' id="{each}"[^>]*>(.*?)</', html, re.DOTALL) for each in ids[1].split()
        ]
        assert all(len(each) == 1 for each in said), ids[1]
        found[name[1]] = unescape(" ".join(each[0] for each in said))
    return found
