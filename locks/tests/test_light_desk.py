"""The desk is light: on a slow tablet it is there within a second, and nothing is loaded twice."""

import gzip
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from locks.models import Building, Device, User
from locks.tests.conftest import signed_in
from locks.tests.factories import make_device

MOST = 120_000  # bytes that cross the network: the page, its style sheets, scripts and pictures
ZIPPED = {"Accept-Encoding": "gzip, deflate, br"}


@pytest.fixture
def sixty_doors(north: Building) -> None:
    for number in range(60):
        area, access = f"Floor {number // 12}", Device.Access.PRIVATE if number % 2 else "common"
        make_device(north, label=f"Room {number}", area=area, access=access, battery_level=0.8)


def body(answer: Any) -> bytes:
    return b"".join(answer)


def loaded(client: Client, path: str) -> dict[str, Any]:
    """The answers for a page and for all that it loads from here."""
    page = client.get(path, headers=ZIPPED)
    html = gzip.decompress(page.content).decode()
    found = re.findall(r'(?:src|href)="(/static/[^"]+)"', html)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', html)
    return {path: page, **{each: client.get(each, headers=ZIPPED) for each in found}}


@pytest.mark.parametrize("path", ["/", "/accounts/login/"])
def test_a_page_and_all_that_it_loads_is_small(sixty_doors: None, clerk: User, path: str) -> None:
    client = signed_in(clerk) if path == "/" else Client()
    answers = loaded(client, path)
    assert len(answers) > 3
    assert sum(len(body(each)) for each in answers.values()) < MOST
    for address, answer in answers.items():
        assert answer.status_code == 200, address
        assert answer.headers["Content-Encoding"] == "gzip", address
        assert "Accept-Encoding" in answer.headers["Vary"], address
        assert "font" not in answer.headers["Content-Type"]


def test_what_a_page_loads_is_kept_until_it_changes(clerk: User) -> None:
    answers = loaded(signed_in(clerk), reverse("desk"))
    page = answers.pop("/")
    assert page.headers["Cache-Control"] == "no-store"
    for address, answer in answers.items():
        assert "immutable" in answer.headers["Cache-Control"], address
    for stale in ("/static/locks/desk.css", "/static/locks/desk.css?v=000000000000"):
        answer = Client().get(stale, headers=ZIPPED)
        assert "immutable" not in answer.headers["Cache-Control"]


def test_the_desk_waits_for_few_files(clerk: User) -> None:
    """A browser asks for six at a time (HTTP/1.1): more than a dozen is a third round."""
    client = signed_in(clerk)
    answers = loaded(client, "/")
    assert len(answers) <= 13
    whole = next(body(each) for path, each in answers.items() if "/desk-page.js" in path)
    for name in ("live", "desk", "find"):
        assert body(client.get(f"/static/locks/{name}.js")) in gzip.decompress(whole)


def test_who_takes_no_gzip_gets_none(clerk: User) -> None:
    client = signed_in(clerk)
    for path in ("/", "/static/locks/desk.css"):
        answer = client.get(path)
        assert "Content-Encoding" not in answer.headers
        assert b"accessdesk" in body(answer)


def test_a_page_has_another_length_each_time(clerk: User) -> None:
    """So that nobody who counts bytes on the wire guesses a secret in it letter by letter (BREACH)."""
    client = signed_in(clerk)
    pages = [client.get("/history/", headers=ZIPPED) for _ in range(8)]
    assert len({len(each.content) for each in pages}) > 1


def test_only_pages_and_static_files_are_compressed(manager_client: Client, north: Any) -> None:
    for path in ("/healthz", "/accounts/session/"):
        assert "Content-Encoding" not in manager_client.get(path, headers=ZIPPED).headers
