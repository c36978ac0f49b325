"""Alerts posted to a receiver: signed so that an outsider can check it, and never into our own network."""

import datetime as dt
import json
import socket
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django.fixtures import Settings
from svix.webhooks import Webhook, WebhookVerificationError

from locks.models import AlertRoute, AuditEvent, Building, Device, Kind, Notice, User
from locks.services import posting
from locks.services.alert_settings import remove_webhook, renew_secret, set_webhook
from locks.services.delivering import deliver
from locks.services.posting import NotDelivered, checked_addresses, post, problem_with
from locks.services.telling_alerts import send_test
from locks.tests.factories import make_device
from locks.tests.history import unlock_at
from locks.tests.servers import (
    RecordingServer,
    drips,
    http,
    make_certificate,
    replies,
    sends,
)
from locks.tests.telling import MINUTE, NOW, a_minute, goes, make_reader, minutes, want

pytestmark = pytest.mark.django_db
HOUR = 60 * MINUTE
TAKEN = replies(204)


@pytest.fixture
def reader(north: Building) -> User:
    return make_reader(north, "reader")


@pytest.fixture
def door(north: Building) -> Device:
    return make_device(north, label="Cellar door")


def subscribe(building: Building, reader: User, server: RecordingServer) -> str:
    """Returns the secret."""
    return set_webhook(actor=reader, building=building, url=f"{server.endpoint}/alerts?for=north")


def verified(call: Any, secret: str) -> dict[str, Any]:
    """The body, checked as a receiver does it with the library of the scheme."""
    Webhook(secret).verify(call.body, call.headers)
    return json.loads(call.body)


def test_a_receiver_can_check_what_it_gets(
    reader: User, north: Building, door: Device, settings: Settings
) -> None:
    settings.DESK_URL = "https://desk.example.com"
    with RecordingServer(TAKEN) as server:
        secret = subscribe(north, reader, server)
        goes(door, online=False, at=NOW)
        minutes(10, 12)
        goes(door, online=True, at=NOW + 13 * MINUTE)
        minutes(13, 23)
        raised, over = server.requests
    assert (raised.method, raised.path) == ("POST", "/alerts?for=north")
    assert raised.headers["content-type"] == "application/json"
    told = verified(raised, secret)
    assert told["type"] == "alert.raised"
    assert told["data"] == {
        "building": {"id": north.pk, "name": "North House"},
        "doors": "simulated",
        "alert": told["data"]["alert"],
        "kind": "offline",
        "door": {"id": door.pk, "name": "Cellar door"},
        "person": None,
        "since": f"{NOW.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}",
        "last": told["data"]["last"],
        "times": 1,
        "over_since": None,
        "ending": None,
        "link": f"https://desk.example.com/admin/locks/device/{door.pk}/change/",
    }
    end = verified(over, secret)
    assert end["type"] == "alert.over"
    assert end["data"]["alert"] == told["data"]["alert"]
    assert end["data"]["over_since"] is not None
    assert raised.headers["webhook-id"] != over.headers["webhook-id"]
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(raised.body + b" ", raised.headers)


def test_forty_locks_are_twenty_calls_and_one_that_counts_the_rest(
    reader: User, north: Building
) -> None:
    for _ in range(40):
        goes(make_device(north), online=False, at=NOW)
    with RecordingServer(TAKEN) as server:
        secret = subscribe(north, reader, server)
        minutes(10, 11)
        told = [verified(call, secret) for call in server.requests]
    assert len(told) == 21
    assert told[-1]["type"] == "alert.raised.more"
    assert told[-1]["data"]["more"] == 20
    assert f"building={north.pk}" in told[-1]["data"]["link"]


def test_a_new_secret_and_the_one_before_it_both_sign_for_a_day(
    reader: User, north: Building, door: Device
) -> None:
    with RecordingServer(TAKEN) as server:
        old = subscribe(north, reader, server)
        new = renew_secret(actor=reader, building=north)
        assert old != new
        send_test(actor=reader, building=north)
        deliver()
        yesterday = timezone.now() - 25 * HOUR
        AlertRoute.objects.update(renewed_at=yesterday)
        Notice.objects.update(made_at=yesterday)
        send_test(actor=reader, building=north)
        deliver()
        first, second = server.requests
    for secret in (old, new):
        assert verified(first, secret)["type"] == "alert.test"
    verified(second, new)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(second.body, second.headers)


def test_no_secret_is_stored(reader: User, north: Building) -> None:
    secret = set_webhook(actor=reader, building=north, url="https://example.com/x?key=hidden")
    [row] = AlertRoute.objects.values()
    told = " ".join(str(event.told()) for event in AuditEvent.objects.all())
    for text in (str(row), told):
        assert secret.removeprefix("whsec_") not in text
    assert "example.com" in told
    assert "hidden" not in told


def test_a_receiver_that_is_down_gets_it_later_and_only_once(
    reader: User, north: Building, door: Device
) -> None:
    answers = [replies(500), replies(503), TAKEN]
    with RecordingServer(*answers) as server:
        secret = subscribe(north, reader, server)
        goes(door, online=False, at=NOW)
        minutes(10, 30, every=1)
        route = AlertRoute.objects.get()
        assert (route.failing_since, route.problem) == (None, "")
        assert route.delivered_at == NOW + 13 * MINUTE
        assert [each.headers["webhook-id"] for each in server.requests] == [
            server.requests[0].headers["webhook-id"]
        ] * 3
        verified(server.requests[2], secret)


def test_a_receiver_that_fails_for_a_day_is_switched_off_and_managers_are_mailed(
    reader: User, north: Building, door: Device
) -> None:
    with RecordingServer(replies(500)) as server:
        subscribe(north, reader, server)
        goes(door, online=False, at=NOW)
        minutes(10, 10)
        assert AlertRoute.objects.get().problem == "HTTP 500"
        for hour in range(1, 30):
            a_minute(NOW + hour * HOUR)
        calls = len(server.requests)
        route = AlertRoute.objects.get()
        assert route.off_since is not None
        assert not route.is_open
        assert 10 < calls < 40
        told = [each.subject for each in mail.outbox]
        assert told.count("[accessdesk] North House: The webhook of alerts is switched off") == 1
        last = AuditEvent.objects.filter(kind=Kind.ALERTS_CHANGED).latest("id").told()
        assert last["webhook"] == "switched off"
        goes(door, online=True, at=NOW + 31 * HOUR)
        minutes(31 * 60, 31 * 60 + 15)
        assert len(server.requests) == calls  # nothing more is posted
        assert not Notice.objects.waiting().exists()


def test_a_removed_webhook_is_called_no_more(reader: User, north: Building, door: Device) -> None:
    with RecordingServer(TAKEN) as server:
        subscribe(north, reader, server)
        send_test(actor=reader, building=north)
        remove_webhook(actor=reader, building=north)
        deliver()
        goes(door, online=False, at=NOW)
        minutes(10, 12)
        assert server.requests == []


def test_a_receiver_that_drips_or_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "ANSWER_WITHIN", 0.3)
    for answer in (drips(http(200, b"x" * 400), every=0.05), sends(b"HTTP/1.1 2", then="hang")):
        with RecordingServer(answer) as server, pytest.raises(NotDelivered, match="slow"):
            post(f"{server.endpoint}/", b"{}", {}, loopback=True)


def test_it_follows_no_redirect(reader: User) -> None:
    with RecordingServer(TAKEN) as inner:
        there = replies(307, {}, Location=f"{inner.endpoint}/secrets")
        with RecordingServer(there) as server, pytest.raises(NotDelivered, match="HTTP 307"):
            post(f"{server.endpoint}/", b"{}", {}, loopback=True)
        assert inner.connections == 0


def test_it_speaks_tls_by_name_to_the_address_that_was_checked(tmp_path: Any) -> None:
    certificate, context = make_certificate(tmp_path)
    with RecordingServer(TAKEN, tls=context) as server:
        with pytest.raises(NotDelivered, match="certificate is not trusted"):
            post(f"{server.endpoint}/", b"{}", {}, loopback=True)
        assert (
            post(f"{server.endpoint}/", b"{}", {}, loopback=True, ca_file=str(certificate)) == 204
        )
        assert server.requests[0].headers["host"] == server.endpoint.removeprefix("https://")


INSIDE = (
    "127.0.0.1",
    "127.8.8.8",
    "localhost",
    "169.254.169.254",
    "10.0.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104
    "224.0.0.1",
    "[::1]",
    "[::]",
    "[fe80::1]",
    "[fd00::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "2130706433",
    "0x7f.1",
    "127.1",
)


@pytest.mark.parametrize("host", INSIDE)
def test_it_calls_nothing_within_our_own_network(host: str) -> None:
    with RecordingServer(TAKEN) as server, pytest.raises(NotDelivered):
        post(f"https://{host}:{server.port}/", b"{}", {})
    assert server.connections == 0
    with pytest.raises(NotDelivered):
        checked_addresses(host.strip("[]"), 443, loopback=False)


def test_it_calls_no_name_that_leads_into_our_own_network() -> None:
    """Also where the name is this machine's own, as it resolves at the moment of connecting."""
    with RecordingServer(TAKEN) as server:
        for name in {"localhost", "localhost.", socket.gethostname()}:
            with pytest.raises(NotDelivered, match=r"network of its own|not known"):
                post(f"https://{name}:{server.port}/", b"{}", {})
        assert server.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "http://example.com/",
        "ftp://example.com/",
        "https://",
        "https://user:secret@example.com/",
        "https://example.com/#part",
        "https://example.com:port/",
        "https://exa mple.com/",
        "https://example.com/\r\nHost: x",
        "https://" + "a" * 300 + ".example.com/",
        "https://example.com/" + "a" * 600,
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "file:///etc/passwd",
    ],
)
def test_it_takes_no_such_address(url: str) -> None:
    assert problem_with(url, loopback=False)


def test_loopback_is_for_simulated_doors_only(
    reader: User, north: Building, settings: Settings
) -> None:
    assert problem_with("http://127.0.0.1:9/", loopback=True) == ""
    assert problem_with("http://10.0.0.1/", loopback=True)
    with RecordingServer(TAKEN) as server:
        subscribe(north, reader, server)
        send_test(actor=reader, building=north)
        settings.SEAM_SIMULATED = False
        assert deliver().failed == 1
        assert server.connections == 0


def test_the_person_of_a_burst_is_posted_only_where_managers_chose_so(
    reader: User, north: Building, clerk: User
) -> None:
    doors = [make_device(north) for _ in range(5)]
    for number in range(10):
        unlock_at(NOW, doors[number % 5], clerk, reason="for Mrs Vale")
    with RecordingServer(TAKEN) as server:
        secret = subscribe(north, reader, server)
        a_minute()
        told = verified(server.requests[0], secret)
        assert told["data"]["person"] is None
        assert b"Vale" not in server.requests[0].body
        assert b"Clerk" not in server.requests[0].body
        want(north, reader, names_people=True)
        minutes(15, 40)
        assert verified(server.requests[1], secret)["data"]["person"]["name"] == "Clerk"
