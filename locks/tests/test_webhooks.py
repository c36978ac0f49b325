"""Seam's webhooks: only what Seam signed, once, bounded; strangers are counted."""

import asyncio
import datetime as dt
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from accessdesk.bodies import BoundedBodies
from locks.models import AuditEvent, Building, Device, EventsRead, Kind, Noise, SeamEvent, User
from locks.services import noise
from locks.tests.deliveries import (
    OTHER_SECRET,
    PATH,
    SECRET,
    deliver,
    event_json,
    signed,
)
from locks.tests.factories import make_device
from locks.tests.history import past_unlock
from locks.tests.starting import run_with_settings

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def receiving(settings: Settings) -> None:
    settings.SEAM_WEBHOOK_SECRETS = [SECRET]


@pytest.fixture
def seam() -> Client:
    """Svix has no cookies, and sends no CSRF token."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def door(north: Building) -> Device:
    return make_device(north)


def refusals() -> int:
    return sum(Noise.objects.filter(what="webhook.refused").values_list("times", flat=True))


@pytest.mark.parametrize("odd", ["9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00Z"])
def test_a_time_that_is_none_of_ours_breaks_nothing(seam: Client, door: Device, odd: str) -> None:
    assert deliver(seam, event_json("lock.unlocked", door, occurred_at=odd)) == 204
    assert deliver(seam, event_json("lock.unlocked", door, occurred_at=odd, created_at=odd)) == 204
    assert SeamEvent.objects.count() == 1  # the other one has no time at all


def test_what_seam_signed_is_taken_once(seam: Client, door: Device) -> None:
    event = event_json("lock.unlocked", door, method="keycode")
    assert [deliver(seam, event) for _ in range(3)] == [204] * 3
    assert SeamEvent.objects.count() == 1
    assert AuditEvent.objects.filter(kind=Kind.LOCK_UNLOCKED).count() == 1
    assert EventsRead.objects.get().webhook_at is not None


def test_two_secrets_are_accepted_while_one_replaces_the_other(
    seam: Client, door: Device, settings: Settings
) -> None:
    settings.SEAM_WEBHOOK_SECRETS = [SECRET, OTHER_SECRET]
    assert deliver(seam, event_json("lock.locked", door)) == 204
    assert deliver(seam, event_json("lock.locked", door), secret=OTHER_SECRET) == 204
    settings.SEAM_WEBHOOK_SECRETS = [OTHER_SECRET]
    assert deliver(seam, event_json("lock.locked", door)) == 400


def test_without_a_secret_there_is_no_such_page(
    seam: Client, door: Device, settings: Settings
) -> None:
    settings.SEAM_WEBHOOK_SECRETS = []
    assert deliver(seam, event_json("lock.locked", door)) == 404
    assert not Noise.objects.exists()


BODY = json.dumps(event_json("lock.unlocked"))


@pytest.mark.parametrize(
    "headers",
    [
        lambda: {},
        lambda: signed(BODY, secret=OTHER_SECRET),
        lambda: signed(BODY + " "),
        lambda: signed(BODY, age=dt.timedelta(minutes=6)),
        lambda: signed(BODY, age=-dt.timedelta(minutes=6)),
        lambda: {**signed(BODY), "svix-id": "msg_2"},
        lambda: {**signed(BODY), "svix-timestamp": "soon"},
        lambda: {**signed(BODY), "svix-timestamp": "9" * 400},
        lambda: {**signed(BODY), "svix-timestamp": "nan"},
        lambda: {**signed(BODY), "svix-signature": ""},
        lambda: {**signed(BODY), "svix-signature": "v1,"},
        lambda: {**signed(BODY), "svix-signature": "v1,!!!"},
        lambda: {**signed(BODY), "svix-signature": "v2," + "A" * 5000},
        lambda: {**signed(BODY), "svix-signature": "no comma"},
    ],
    ids=range(14),
)
def test_what_nobody_of_ours_signed_is_refused_and_counted(
    seam: Client, headers: Any, caplog: Any
) -> None:
    answer = seam.post(PATH, data=BODY, content_type="application/json", headers=headers())
    assert answer.status_code == 400
    assert answer.content == b"The webhook is not signed as it should be, or too old.\n"
    assert not SeamEvent.objects.exists()
    assert refusals() == 1
    assert SECRET not in caplog.text


def test_strangers_cannot_flood_the_record(seam: Client) -> None:
    for _ in range(30):
        seam.post(PATH, data="{}", content_type="application/json")
    assert refusals() == 30
    noise.record_noise()
    assert not AuditEvent.objects.filter(kind=Kind.NOISE).exists()  # the hour is not over
    Noise.objects.update(hour=timezone.now() - dt.timedelta(hours=2))
    for _ in range(2):
        noise.record_noise()
    event = AuditEvent.objects.get(kind=Kind.NOISE)
    content = event.detail.content
    assert (content["what"], content["times"]) == ("webhook.refused", 30)


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "null",
        "1",
        '"text"',
        "{}",
        "<html>",
        "",
        "[" * 50_000,
        '{"event_id": 1, "event_type": 2, "occurred_at": 3}',
        json.dumps(event_json("lock.unlocked", occurred_at="yesterday", created_at=None)),
        json.dumps(event_json("x" * 5000)),
        json.dumps(event_json("lock.unlocked", event_id="\u0000")),
    ],
    ids=range(12),
)
def test_what_cannot_be_read_is_taken_as_delivered_and_changes_nothing(
    seam: Client, content: str
) -> None:
    """Delivered again it would be the same: Svix need not try for 27 hours."""
    assert deliver(seam, content) == 204
    assert not SeamEvent.objects.exists()


def test_markup_and_nul_in_every_text_are_kept_harmless(
    seam: Client, door: Device, manager_client: Client
) -> None:
    evil = "<script>alert(1)</script>\u0000\u202e"
    told = event_json("lock.unlocked", door, method=evil, action_attempt_id=evil, status=evil)
    assert deliver(seam, told) == 204
    page = manager_client.get("/").content.decode()
    assert "<script>alert" not in page
    assert "Unlocked at the door" in page


def test_other_methods_are_refused(seam: Client) -> None:
    assert seam.get(PATH).status_code == 405
    assert seam.put(PATH, "{}").status_code == 405


@pytest.mark.parametrize("size", [512 * 1024 + 1, 900 * 1024])
def test_a_body_that_is_too_large_is_refused_before_it_is_read(seam: Client, size: int) -> None:
    answer = seam.post(PATH, data="x" * size, content_type="application/json")
    assert answer.status_code == 413
    assert not Noise.objects.exists()


def test_a_word_about_a_pending_attempt_has_it_followed_at_once(
    seam: Client, door: Device, clerk: User
) -> None:
    request = past_unlock(
        door,
        clerk,
        status="pending",  # type: ignore[arg-type]
        action_attempt_id="attempt-1",
        next_look_at=timezone.now() + dt.timedelta(hours=1),
    )
    ended = event_json("action_attempt.unlock_door.succeeded", door, action_attempt_id="attempt-1")
    assert deliver(seam, ended) == 204
    request.refresh_from_db()
    assert request.status == "pending"  # Seam's word is asked for, not taken from the message
    assert request.next_look_at <= timezone.now()


@pytest.mark.postgres_only  # SQLite's tests share one connection's memory
def test_eight_deliveries_of_one_event_at_once_count_once(door: Device) -> None:
    event = event_json("lock.unlocked", door, method="keycode")
    start, statuses = threading.Barrier(8), []

    def post() -> None:
        start.wait()
        statuses.append(deliver(Client(), event))
        connection.close()

    threads = [threading.Thread(target=post) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [204] * 8
    assert AuditEvent.objects.filter(kind=Kind.LOCK_UNLOCKED).count() == 1


@pytest.mark.parametrize(
    "secret", ["secret", "whsec_", "whsec_!!!", "whsec_c2hvcnQ=", ",".join([SECRET] * 3)]
)
def test_a_secret_of_another_form_stops_the_start(secret: str, tmp_path: Path) -> None:
    done = run_with_settings(tmp_path, "import accessdesk.settings", SEAM_WEBHOOK_SECRET=secret)
    assert done.returncode == 1
    assert done.stderr.startswith("accessdesk cannot start: SEAM_WEBHOOK_SECRET")
    assert SECRET not in done.stderr


def through_asgi(chunks: list[bytes], headers: list[tuple[bytes, bytes]]) -> tuple[int, int]:
    """Status and bytes that reached an application which reads the whole body."""
    reached, statuses = 0, []

    async def application(_scope: Any, receive: Any, send: Any) -> None:
        nonlocal reached
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            reached += len(message["body"])
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    parts = [
        {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}
        for number, chunk in enumerate(chunks, 1)
    ]

    async def receive() -> Any:
        return parts.pop(0)

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {"type": "http", "headers": headers}
    asyncio.run(BoundedBodies(application, largest=1000)(scope, receive, send))
    assert len(statuses) == 1
    return statuses[0], reached


@pytest.mark.parametrize(
    ("chunks", "headers", "status"),
    [
        ([b"x" * 1000], [(b"content-length", b"1000")], 204),
        ([b"x" * 500, b"x" * 500], [], 204),
        ([b"x" * 1001], [(b"content-length", b"1001")], 413),
        ([b"x" * 600] * 50, [(b"transfer-encoding", b"chunked")], 413),
        ([b""], [(b"content-length", b"9" * 5000)], 413),
        ([b""], [(b"content-length", b"-1")], 413),
    ],
)
def test_no_route_keeps_a_body_beyond_the_bound(
    chunks: list[bytes], headers: list[tuple[bytes, bytes]], status: int
) -> None:
    answered, reached = through_asgi(chunks, headers)
    assert answered == status
    assert reached <= 1000
