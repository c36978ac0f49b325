"""Seam gone: each door says so honestly, what is shown is marked as old, and it heals by itself."""

import datetime as dt
import socket
import threading

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from locks.models import Building, Device, UnlockRequest, User
from locks.services.tokens import issue_token
from locks.services.unlocking import PressForm, request_unlock
from locks.simulator import Simulator
from locks.tests.conftest import signed_in
from locks.tests.factories import grant, make_device, make_user
from locks.tests.servers import RecordingServer, sends, until

pytestmark = pytest.mark.django_db(transaction=True)
DOOR = "harbour-main-entrance"


@pytest.fixture
def door(north: Building) -> Device:
    hours_ago = timezone.now() - dt.timedelta(hours=3)
    return make_device(north, seam_device_id=DOOR, label="Main entrance", synced_at=hours_ago)


def closed_port() -> int:
    """A port of loopback where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def press(door: Device, person: User) -> UnlockRequest:
    form = PressForm(token=issue_token(person=person, device=door))
    request = request_unlock(actor=person, device=door, form=form).press.request
    assert request is not None
    return request


def test_nothing_was_sent_and_the_card_says_so_until_seam_is_back(
    door: Device, clerk: User, settings: Settings
) -> None:
    settings.UNLOCK_SEND_TIMEOUT = 3.0
    settings.SEAM_ENDPOINT = f"http://127.0.0.1:{closed_port()}"
    request = press(door, clerk)
    assert (request.status, request.code) == ("failed", "not_sent")
    page = signed_in(clerk).get("/").content.decode()
    assert "Seam could not be reached; nothing was sent." in page
    assert "last heard " in page  # the lock's last known state, marked as old
    assert f'id="unlock-{door.pk}"' in page
    UnlockRequest.objects.update(ended_at=timezone.now() - dt.timedelta(seconds=5))
    settings.UNLOCK_SEND_TIMEOUT = 10.0
    with Simulator(api_key=settings.SIMULATED_KEY, port=0) as seam:
        settings.SEAM_ENDPOINT = seam.endpoint
        assert press(door, clerk).status == "pending"
        assert seam.posts(DOOR) == 1


@pytest.mark.postgres_only
def test_presses_that_wait_for_seam_keep_nobody_from_the_database(
    north: Building, settings: Settings
) -> None:
    """The pool has 40 connections a process; more presses than that wait at the same time here."""
    settings.UNLOCK_ANSWER_TIMEOUT = 5.0
    clerks = [make_user() for _ in range(45)]
    doors = [make_device(north) for _ in clerks]
    for clerk in clerks:
        grant(clerk, north)

    def work(person: User, device: Device) -> None:
        press(device, person)
        connection.close()

    with RecordingServer(sends(b"", then="hang")) as seam:
        settings.SEAM_ENDPOINT = seam.endpoint
        threads = [
            threading.Thread(target=work, args=pair) for pair in zip(clerks, doors, strict=True)
        ]
        for thread in threads:
            thread.start()
        until(lambda: len(seam.requests) == len(clerks))
        assert signed_in(clerks[0]).get("/").status_code == 200
    for thread in threads:
        thread.join()
    outcomes = set(UnlockRequest.objects.values_list("status", flat=True))
    assert outcomes == {"unknown"}
