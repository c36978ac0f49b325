"""Who presses too often is told when to press again; nobody hammers Seam, and no group is held up."""

import datetime as dt
import re
import threading
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from locks.models import AuditEvent, Building, Device, Kind, Press, UnlockRequest, User, Verdict
from locks.services import following, limiting, refusing
from locks.services.tokens import issue_token
from locks.services.unlocking import PressForm, PressResult, request_unlock
from locks.simulator import CATALOGUE, Simulator
from locks.tests.conftest import signed_in
from locks.tests.factories import grant, make_device, make_user
from locks.tests.history import past_unlock
from locks.tests.servers import RecordingServer, attempt, refusal, replies

pytestmark = pytest.mark.django_db(transaction=True)
DOOR = "harbour-main-entrance"
SECOND = dt.timedelta(seconds=1)
DAY = "(?:[A-Z][a-z]{2} )?"  # told where it is another day than the press


@pytest.fixture
def door(north: Building) -> Device:
    return make_device(north, seam_device_id=DOOR, label="Main entrance")


def press(door: Device, person: User) -> PressResult:
    return request_unlock(
        actor=person, device=door, form=PressForm(token=issue_token(person=person, device=door))
    )


def unlocked_before(door: Device, person: User, *seconds_ago: float, **fields: Any) -> None:
    """Unlocks of the last minute."""
    for seconds in seconds_ago:
        request = past_unlock(door, person, **fields)
        at = timezone.now() - seconds * SECOND
        UnlockRequest.objects.filter(pk=request.pk).update(requested_at=at, ended_at=at)
        Press.objects.filter(request=request).update(pressed_at=at)


def test_the_sixteenth_unlock_of_a_minute_is_told_when(
    door: Device, clerk: User, simulator: Simulator
) -> None:
    unlocked_before(door, clerk, *range(4, 49, 3))
    refused = press(door, clerk).press
    assert (refused.verdict, refused.code) == (Verdict.REFUSED, "door_limit")
    assert simulator.posts(DOOR) == 0
    assert refused.retry_at is not None
    wait = refused.retry_at - timezone.now()
    assert 12 * SECOND < wait < 19 * SECOND
    event = AuditEvent.objects.get(kind=Kind.UNLOCK_REFUSED)
    assert event.detail.content["retry_at"] == refused.retry_at.isoformat()


def test_it_works_again_when_it_was_said(door: Device, clerk: User, simulator: Simulator) -> None:
    unlocked_before(door, clerk, *range(4, 46, 3), 61)
    assert press(door, clerk).press.verdict == Verdict.SENT
    assert simulator.posts(DOOR) == 1


def test_what_never_reached_seam_does_not_count(
    door: Device, clerk: User, simulator: Simulator
) -> None:
    unlocked_before(door, clerk, *range(4, 34), status="failed", code="not_sent")
    assert press(door, clerk).press.verdict == Verdict.SENT


def test_the_card_says_when_and_offers_no_button_until_then(door: Device, clerk: User) -> None:
    unlocked_before(door, clerk, *range(4, 49, 3))
    page = signed_in(clerk).get("/").content.decode()
    free = limiting.door_free_at(door, at=timezone.now())
    assert free is not None
    local = timezone.localtime(free, door.building.zone)  # type: ignore[union-attr]
    assert re.search(f"Seam takes the next press at {DAY}{local:%H:%M:%S}", page)
    assert 'data-free-in="' in page
    assert f'id="unlock-{door.pk}"' not in page


def test_an_old_refusal_keeps_its_own_time(
    door: Device, clerk: User, manager_client: Client
) -> None:
    unlocked_before(door, clerk, *range(4, 49, 3))
    refused = press(door, clerk).press
    Press.objects.filter(pk=refused.pk).update(pressed_at=timezone.now() - 3600 * SECOND)
    local = timezone.localtime(refused.retry_at, door.building.zone)  # type: ignore[union-attr]
    page = signed_in(clerk).get("/history/").content.decode()
    assert re.search(f"Press again at {DAY}{local:%H:%M:%S}", page)
    page = manager_client.get(f"/admin/locks/press/{refused.pk}/change/").content.decode()
    assert re.search(f"Press again at {DAY}{local:%H:%M:%S}", page)


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [({"Retry_After": "45"}, 40, 46), ({}, 50, 61), ({"Retry_After": "9999999"}, 590, 601)],
)
def test_seams_own_limit_is_told_and_kept(
    door: Device,
    clerk: User,
    settings: Settings,
    header: dict[str, str],
    least: int,
    most: int,
) -> None:
    settings.UNLOCK_SEND_TIMEOUT = 2.5
    with RecordingServer(replies(429, refusal("rate_limit_exceeded"), **header)) as seam:
        settings.SEAM_ENDPOINT = seam.endpoint
        request = press(door, clerk).press.request
        assert request is not None
        calls = len(seam.requests)
        assert (request.status, request.code) == ("failed", "rate_limited")
        assert request.retry_at is not None
        assert least * SECOND < request.retry_at - timezone.now() < most * SECOND
        UnlockRequest.objects.update(ended_at=timezone.now() - 5 * SECOND)
        again = press(door, clerk).press
        assert again.code == "door_limit"
        assert len(seam.requests) == calls
    assert calls <= 3
    assert "Press again at" in signed_in(clerk).get("/history/").content.decode()


def test_a_limit_without_a_time_is_tried_a_few_times_and_not_hammered(
    door: Device, clerk: User, settings: Settings
) -> None:
    limited = replies(429, refusal("rate_limit_exceeded"))
    with RecordingServer(limited, replies(200, attempt("success"))) as seam:
        settings.SEAM_ENDPOINT = seam.endpoint
        request = press(door, clerk).press.request
    assert request is not None
    assert request.status == "unlocked"
    assert len(seam.requests) == 2


def test_a_group_that_arrives_is_let_in(north: Building, clerk: User, simulator: Simulator) -> None:
    """Thirty presses within a minute, over a few doors."""
    doors = [make_device(north, seam_device_id=spec.device_id) for spec in CATALOGUE[:3]]
    for number in range(30):
        device = doors[number % 3]
        simulator.behave(device.seam_device_id, "instant")
        assert press(device, clerk).press.verdict == Verdict.SENT
        UnlockRequest.objects.filter(status__in=("pending", "unknown")).update(
            status="unlocked", ended_at=timezone.now() - 5 * SECOND
        )
    assert sum(simulator.posts(device.seam_device_id) for device in doors) == 30


def test_no_pair_of_hands_presses_sixty_times_a_minute(
    north: Building, clerk: User, simulator: Simulator
) -> None:
    for number in range(6):
        unlocked_before(make_device(north), clerk, *(number * 9 + n / 10 for n in range(10)))
    door = make_device(north, seam_device_id=DOOR)
    refused = press(door, clerk).press
    assert (refused.code, simulator.posts(DOOR)) == ("person_limit", 0)
    other = make_user()
    grant(other, north)
    assert press(door, other).press.verdict == Verdict.SENT


def test_joining_and_asking_for_an_old_verdict_are_no_unlocks(
    door: Device, clerk: User, simulator: Simulator
) -> None:
    simulator.hold(DOOR)
    form = PressForm(token=issue_token(person=clerk, device=door))
    request_unlock(actor=clerk, device=door, form=form)
    for _ in range(30):
        assert press(door, clerk).press.verdict == Verdict.JOINED
        assert request_unlock(actor=clerk, device=door, form=form).repeated
    assert limiting.door_free_at(door, at=timezone.now()) is None
    assert simulator.posts(DOOR) == 1


def test_refused_presses_grow_no_table_without_end(
    door: Device, clerk: User, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusing, "REFUSED_KEPT", 10)
    unlocked_before(door, clerk, *range(4, 49, 3))
    before = Press.objects.count()
    for _ in range(30):
        assert press(door, clerk).press.code == "door_limit"
    assert Press.objects.count() <= before + 12
    assert AuditEvent.objects.filter(kind=Kind.UNLOCK_REFUSED).count() == 1


@pytest.mark.parametrize("header", [{}, {"Retry_After": "7"}, {"Retry_After": "86400"}])
def test_the_follower_leaves_a_busy_seam_alone(
    door: Device, clerk: User, settings: Settings, header: dict[str, str]
) -> None:
    request = past_unlock(
        door,
        clerk,
        status="pending",  # type: ignore[arg-type]
        action_attempt_id="attempt-1",
        next_look_at=timezone.now(),
    )
    UnlockRequest.objects.update(resolve_by=timezone.now() + 60 * SECOND)
    with RecordingServer(replies(429, refusal("rate_limit_exceeded"), **header)) as seam:
        settings.SEAM_ENDPOINT = seam.endpoint
        following.follow(for_seconds=0.01)
        assert 1 <= len(seam.requests) <= 3
    request.refresh_from_db()
    assert request.status == "pending"
    wait = request.next_look_at - timezone.now()
    assert (7 if header.get("Retry_After") == "7" else 2) * SECOND - SECOND < wait <= 30 * SECOND


@pytest.mark.postgres_only  # SQLite's tests share one connection's memory
def test_twenty_clerks_at_one_door_unlock_it_no_more_often_than_seam_takes(
    door: Device, north: Building, simulator: Simulator
) -> None:
    simulator.behave(DOOR, "instant")
    clerks = [make_user() for _ in range(20)]
    for clerk in clerks:
        grant(clerk, north)
    codes: list[str] = []

    def work(clerk: User) -> None:
        for _ in range(3):
            codes.append(press(door, clerk).press.code)
            UnlockRequest.objects.filter(status="pending").update(
                status="unlocked", ended_at=timezone.now() - 5 * SECOND
            )
        connection.close()

    threads = [threading.Thread(target=work, args=(clerk,)) for clerk in clerks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert simulator.posts(DOOR) == 15
    assert not UnlockRequest.objects.filter(code="rate_limited").exists()
    assert "door_limit" in codes
