"""What holds for every page: headers, sign-in, idleness, errors as sentences."""

import re
import time

import pytest
from django.db import OperationalError
from django.test import Client

from locks.tests.factories import PASSWORD


@pytest.fixture
def clerk_client(clerk) -> Client:
    client = Client()
    client.login(username="clerk", password=PASSWORD)
    return client


@pytest.mark.parametrize(
    "path", ["/", "/accounts/login/", "/history/", "/no-such-page/", "/admin/"]
)
def test_every_page_is_strict_and_never_kept(clerk_client, path: str) -> None:
    response = clerk_client.get(path)
    policy = response.headers["Content-Security-Policy"]
    directives = dict(part.split(" ", 1) for part in policy.split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == "'self'"
    assert directives["frame-ancestors"] == directives["base-uri"] == "'none'"
    assert "unsafe" not in policy
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/history/"])
def test_no_page_has_anything_inline(clerk_client, path: str) -> None:
    html = clerk_client.get(path).content.decode()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|hx-on", html)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html))


def test_an_htmx_request_of_somebody_signed_out_moves_the_whole_page(db) -> None:
    response = Client().get("/", headers={"HX-Request": "true"})
    assert response.headers["HX-Redirect"].startswith("/accounts/login/")
    assert "Location" not in response.headers


def test_who_does_nothing_is_signed_out_and_refetches_are_nothing(clerk_client) -> None:
    clerk_client.get("/")
    session = clerk_client.session
    session["seen_at"] = time.time() - 14 * 60
    session.save()
    clerk_client.get("/", headers={"HX-Request": "true"})
    assert clerk_client.session["seen_at"] < time.time() - 13 * 60
    clerk_client.get("/")
    assert clerk_client.session["seen_at"] > time.time() - 60
    session = clerk_client.session
    session["seen_at"] = time.time() - 16 * 60
    session.save()
    assert clerk_client.get("/").headers["Location"].startswith("/accounts/login/")


def test_a_database_that_is_gone_is_a_sentence_and_nothing_sent(clerk_client, monkeypatch) -> None:
    def gone(*_args: object, **_kwargs: object) -> None:
        raise OperationalError("server closed the connection; password=hunter2")

    monkeypatch.setattr("locks.models.places.DeviceQuerySet.on_the_desk", gone)
    clerk_client.raise_request_exception = False
    response = clerk_client.get("/")
    assert response.status_code == 503
    assert "database cannot be reached" in response.content.decode()
    assert "hunter2" not in response.content.decode()


def test_a_press_from_an_outdated_page_is_a_sentence(clerk) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(clerk)
    response = client.post("/doors/1/unlock/", {"token": "x"})
    assert response.status_code == 403
    assert "Nothing was sent" in response.content.decode()


def test_it_refuses_a_host_that_is_not_ours(clerk_client) -> None:
    assert clerk_client.get("/", headers={"host": "evil.example"}).status_code == 400


@pytest.mark.django_db
def test_strangers_read_only_whether_it_is_ready() -> None:
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.content) == (200, b"degraded\n")
    assert Client().get("/healthz").content == b"yes\n"


def test_a_superuser_reads_how_old_the_workers_sign_is(superuser) -> None:
    client = Client()
    client.force_login(superuser)
    assert client.get("/readyz").json() == {"ready": "degraded", "worker_seen_seconds_ago": None}


def test_it_is_not_ready_where_the_record_is_unguarded(db) -> None:
    from locks import append_only

    append_only.uninstall()
    try:
        assert Client().get("/readyz").status_code == 503
    finally:
        append_only.install()
