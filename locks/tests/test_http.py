"""What holds for every page: headers, sign-in, idleness, errors as sentences."""

import re
import time
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.db import OperationalError
from django.test import Client

from locks import append_only
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


@pytest.mark.parametrize(
    ("page", "back"),
    [
        ("http://testserver/history/?page=2#top", "/history/?page=2"),
        ("http://testserver", "/"),
        ("https://evil.example/history/", None),
        ("javascript:alert(1)", None),
        ("//evil.example/", None),
        ("", None),
    ],
)
def test_an_htmx_request_of_somebody_signed_out_leads_back_to_its_own_page_only(
    db, page: str, back: str | None
) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": page}
    target = urlsplit(Client().get("/", headers=headers).headers["HX-Redirect"])
    assert target.path == "/accounts/login/"
    assert dict(parse_qsl(target.query)) == ({"next": back} if back else {})


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_a_press_of_somebody_signed_out_leads_back_to_its_door_and_says_so(db, headers) -> None:
    answer = Client().post("/doors/7/unlock/", {"token": "x"}, headers=headers)
    target = answer.headers.get("HX-Redirect") or answer.headers["Location"]
    assert dict(parse_qsl(urlsplit(target).query)) == {"next": "/doors/7/unlock/"}
    page = Client().get(target).content.decode()
    assert "Nothing was sent. Sign in to return to that door." in page
    assert (
        "Nothing was sent" not in Client().get("/accounts/login/?next=/history/").content.decode()
    )


def test_a_question_that_was_open_as_one_was_signed_out_leads_back_to_its_door_and_says_so(
    db,
) -> None:
    for wanted, is_told in (("/doors/7/?asked=1", True), ("/doors/7/", False)):
        answer = Client().get("/accounts/back/", {"next": wanted}, follow=True)
        assert ("Nothing was sent from it. Sign in" in answer.content.decode()) is is_told


def test_any_other_form_of_somebody_signed_out_leads_back_to_its_page(db) -> None:
    """Its own address answers no GET."""
    headers = {"Referer": "http://testserver/buildings/3/"}
    answer = Client().post("/requests/7/attest/", {"seen": "unlocked"}, headers=headers)
    assert dict(parse_qsl(urlsplit(answer.headers["Location"]).query)) == {"next": "/buildings/3/"}
    elsewhere = Client().post(
        "/requests/7/attest/", headers={"Referer": "https://evil.example/buildings/3/"}
    )
    assert elsewhere.headers["Location"] == "/accounts/login/"


def test_an_address_that_is_none_leads_to_the_desk(clerk_client) -> None:
    for wanted in ("//[", "/\\[", "/accounts/back/?next=//["):
        answer = clerk_client.get("/accounts/back/", {"next": wanted})
        assert answer.headers["Location"] == "/"


def test_an_error_page_leads_back_to_the_place(clerk, monkeypatch) -> None:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(clerk)
    page = client.post("/doors/7/unlock/", {"token": "x"}).content.decode()
    assert 'href="/?door=7#door-7"' in page
    assert "Press again" in page
    page = client.post("/accounts/pin/", headers={"Referer": "http://testserver/accounts/pin/"})
    assert 'href="/accounts/pin/"' in page.content.decode()

    def broken(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("hunter2")

    monkeypatch.setattr("locks.models.places.DeviceQuerySet.on_the_desk", broken)
    page = client.get("/?building=").content.decode()
    assert "Something went wrong here. Try again" in page
    assert 'href="/?building="' in page
    assert "hunter2" not in page
    gone = client.get("/doors/7/nowhere/").content.decode()
    assert "door=7" not in gone


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
    assert client.get("/readyz").json() == {
        "ready": "degraded",
        "problem": "",
        "worker_seen_seconds_ago": None,
    }


@pytest.fixture
def unguarded(db) -> Iterator[None]:
    append_only.uninstall()
    yield
    append_only.install()


def test_it_is_not_ready_where_the_record_is_unguarded(unguarded, clerk_client) -> None:
    for client in (Client(), clerk_client):
        answer = client.get("/readyz")
        assert (answer.status_code, answer.content) == (503, b"no\n")


def test_a_superuser_reads_why_it_is_not_ready(unguarded, superuser_client) -> None:
    answer = superuser_client.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (503, "no")
    assert "not append-only" in answer.json()["problem"]


def test_the_probe_says_no_where_not_even_the_session_can_be_read(
    superuser_client, monkeypatch
) -> None:
    def gone(*_args: object) -> None:
        raise OperationalError("server closed the connection; password=hunter2")

    monkeypatch.setattr("locks.views.health.problem", lambda: "the database cannot be reached.")
    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", gone)
    superuser_client.raise_request_exception = False
    answer = superuser_client.get("/readyz")
    assert answer.status_code == 503
    assert b"hunter2" not in answer.content


@pytest.mark.parametrize("path", ["/", "/history/", "/accounts/password_change/"])
def test_every_page_of_a_manager_leads_to_the_records_and_no_other(
    path: str, manager_client, superuser_client, clerk_client
) -> None:
    link = 'href="/admin/"'
    assert link in manager_client.get(path).content.decode()
    assert link in superuser_client.get(path).content.decode()
    assert link not in clerk_client.get(path).content.decode()


@pytest.mark.parametrize("charset", ["zlib", "hex", "idna", "undefined", "utf-7", "unicode_escape"])
def test_a_body_in_an_odd_encoding_is_refused(db, charset: str) -> None:
    kind = f"multipart/form-data; boundary=x; charset={charset}"
    answer = Client().generic("POST", "/accounts/login/", b"--x--\r\n", content_type=kind)
    assert answer.status_code == 400


def test_a_cookie_that_is_no_session_key_is_nobodys(db, settings) -> None:
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = "aaaa\x00b"
    assert client.get("/").headers["Location"].startswith("/accounts/login/")


def test_the_sign_in_does_not_lead_to_itself(clerk_client) -> None:
    answer = clerk_client.get("/accounts/login/?next=/accounts/login/")
    assert answer.headers["Location"] == "/"


def test_nobody_stays_signed_in_longer_than_a_shift(clerk_client) -> None:
    clerk_client.get("/")
    session = clerk_client.session
    session["began_at"] = time.time() - 12 * 3600 - 1
    session.save()
    assert clerk_client.get("/").headers["Location"].startswith("/accounts/login/")


def test_a_press_whose_session_ends_meanwhile_does_not_read_as_not_sent(
    clerk, north, simulator, clerk_client, monkeypatch
) -> None:
    from django.contrib.sessions.models import Session

    from locks.services import unlocking
    from locks.services.tokens import issue_token
    from locks.tests.factories import make_device

    door = make_device(north, seam_device_id="harbour-main-entrance")
    real = unlocking.seam_client()

    class SignedOutMeanwhile:
        def unlock_door(self, device_id: str, **options: object) -> object:
            Session.objects.all().delete()
            return real.unlock_door(device_id, **options)

    monkeypatch.setattr(unlocking, "seam_client", SignedOutMeanwhile)
    token = issue_token(person=clerk, device=door)
    answer = clerk_client.post(f"/doors/{door.pk}/unlock/", {"token": token})
    assert simulator.posts("harbour-main-entrance") == 1
    assert answer.status_code == 303
