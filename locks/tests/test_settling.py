"""What Seam's own records say of a press whose answer was lost."""

import datetime as dt
import re
import threading
import time
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from locks import clients
from locks.models import AuditEvent, Building, Device, Kind, SeamEvent, Source, UnlockRequest, User
from locks.models.unlocks import Outcome
from locks.services import following, settling, sweeping
from locks.services.tokens import issue_token
from locks.services.unlocking import PressForm, request_unlock
from locks.services.verifying import verify_chains
from locks.services.weighing import UNLOCKED
from locks.simulator import Simulator
from locks.tests.conftest import signed_in
from locks.tests.deliveries import event_json
from locks.tests.factories import make_device
from locks.tests.history import past_unlock
from locks.tests.servers import RecordingServer, attempt, refusal, replies, sends
from tools.servers import FakeSeam

pytestmark = pytest.mark.django_db(transaction=True)
DOOR = "harbour-main-entrance"
SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def door(north: Building) -> Device:
    return make_device(north, seam_device_id=DOOR, label="Main entrance")


def press(door: Device, person: User, **form: Any) -> UnlockRequest:
    """A press, and the request that came of it."""
    token = issue_token(person=person, device=door)
    request = request_unlock(actor=person, device=door, form=PressForm(token=token, **form))
    assert request.press.request is not None
    return request.press.request


@pytest.fixture
def lost(door: Device, clerk: User, simulator: Simulator) -> UnlockRequest:
    """A press that the lock took and whose answer never came."""
    simulator.behave(DOOR, "hangs_up")
    request = press(door, clerk)
    assert (request.status, request.action_attempt_id) == ("unknown", "")
    return request


def due(*requests: UnlockRequest) -> None:
    """It is time to look at them."""
    pks = [request.pk for request in requests]
    UnlockRequest.objects.filter(pk__in=pks).update(next_look_at=timezone.now())


def looked_at(request: UnlockRequest) -> UnlockRequest:
    due(request)
    settling.settle_lost()
    request.refresh_from_db()
    return request


def kinds(request: UnlockRequest) -> list[str]:
    return list(request.events.order_by("sequence").values_list("kind", flat=True))


def unlocked_by(simulator: Simulator, door: Device) -> None:
    """Until the lock has moved."""
    from locks.tests.servers import until

    until(lambda: simulator.unlocks(door.seam_device_id) > 0)


def test_one_attempt_within_the_call_is_taken_for_its_own_and_called_inferred(
    lost: UnlockRequest, door: Device, simulator: Simulator
) -> None:
    unlocked_by(simulator, door)
    settled = looked_at(lost)
    assert settled.outcome == Outcome.INFERRED
    assert settled.action_attempt_id
    assert simulator.posts(DOOR) == 1
    event = settled.events.latest("sequence")
    assert (event.kind, event.detail.content["inferred"]) == (Kind.UNLOCK_UNLOCKED, True)
    looked_at(settled)
    assert kinds(settled) == ["unlock.requested", "unlock.unknown", "unlock.unlocked"]


def test_when_the_bolt_moved_is_read_with_it_and_is_no_stranger_on_the_record(
    lost: UnlockRequest, door: Device, simulator: Simulator, clerk: User
) -> None:
    unlocked_by(simulator, door)
    settled = looked_at(lost)
    told = SeamEvent.objects.get(event_type=UNLOCKED, device=door)
    assert (told.action_attempt_id, told.waiting) == (settled.action_attempt_id, False)
    assert not AuditEvent.objects.filter(device=door, kind=Kind.LOCK_UNLOCKED).exists()
    page = signed_in(clerk).get("/").content.decode()
    assert re.search(r"Unlocked at \d\d:\d\d:\d\d; learned at \d\d:\d\d:\d\d", page)


def test_the_sweep_finds_it_without_broker_or_worker(
    lost: UnlockRequest, door: Device, simulator: Simulator
) -> None:
    unlocked_by(simulator, door)
    due(lost)
    sweeping.sweep()
    lost.refresh_from_db()
    assert lost.outcome == Outcome.INFERRED


def test_a_clerk_reads_that_it_was_inferred(
    lost: UnlockRequest, door: Device, simulator: Simulator, clerk: User
) -> None:
    unlocked_by(simulator, door)
    looked_at(lost)
    page = signed_in(clerk).get("/").content.decode()
    assert "Unlocked, inferred" in page
    assert "The answer was lost" in page
    assert "confirmed" not in page.replace("not confirm", "")


def test_it_is_not_taken_where_another_request_could_be_meant(
    lost: UnlockRequest, door: Device, clerk: User, simulator: Simulator
) -> None:
    other = press(door, clerk, again=lost.pk)
    assert (other.status, other.action_attempt_id) == ("unknown", "")
    from locks.tests.servers import until

    until(lambda: simulator.unlocks(DOOR) == 2)
    assert looked_at(lost).status == "unknown"
    assert looked_at(other).status == "unknown"
    assert not UnlockRequest.objects.exclude(action_attempt_id="").exists()


def test_it_is_not_taken_while_another_request_of_the_door_is_being_sent(
    lost: UnlockRequest, door: Device, clerk: User, simulator: Simulator
) -> None:
    unlocked_by(simulator, door)
    sending = past_unlock(door, clerk, status="sending")
    assert looked_at(lost).status == "unknown"
    UnlockRequest.objects.filter(pk=sending.pk).update(
        status="failed", ended_at=timezone.now(), code="not_sent"
    )
    assert looked_at(lost).outcome == Outcome.INFERRED


def test_an_attempt_of_another_request_is_nobody_elses(
    lost: UnlockRequest, door: Device, clerk: User, simulator: Simulator
) -> None:
    unlocked_by(simulator, door)
    (event,) = [e for e in simulator_events(simulator) if e["event_type"] == UNLOCKED]
    past_unlock(door, clerk, action_attempt_id=event["action_attempt_id"])
    assert looked_at(lost).status == "unknown"


def simulator_events(simulator: Simulator) -> list[dict[str, Any]]:
    return list(simulator._doors.events())


def test_an_unlock_outside_the_call_is_not_its_own(
    lost: UnlockRequest, door: Device, simulator: Simulator
) -> None:
    unlocked_by(simulator, door)
    hour = dt.timedelta(hours=1)
    UnlockRequest.objects.update(
        requested_at=lost.requested_at - hour,
        send_by=lost.send_by - hour,
        call_deadline=lost.call_deadline - hour,
    )
    lost.refresh_from_db()
    settled = looked_at(lost)
    assert (settled.status, settled.nothing_listed_at) == ("unknown", None)


def test_what_is_found_pending_is_followed_to_its_end(
    door: Device, clerk: User, settings: Settings
) -> None:
    """Only a webhook tells of an attempt before its end: here its event is there already."""
    pending = {"action_attempt": attempt("pending")["action_attempt"]}
    succeeded = {"action_attempts": [attempt("success", result={})["action_attempt"]]}
    with RecordingServer(
        sends(b""),
        replies(200, {"events": []}),
        replies(200, {"action_attempts": []}),
        replies(200, pending),
        replies(200, succeeded),
    ) as seam:
        settings.SEAM_ENDPOINT = seam.endpoint
        request = press(door, clerk)
        assert request.status == "unknown"
        SeamEvent.objects.create(
            event_id="event-1",
            event_type=UNLOCKED,
            device=door,
            action_attempt_id="attempt-1",
            source=Source.WEBHOOK,
            occurred_at=timezone.now(),
        )
        found = looked_at(request)
        assert (found.status, found.action_attempt_id) == ("unknown", "attempt-1")
        due(found)
        following.follow(for_seconds=0.05)
        found.refresh_from_db()
    assert found.outcome == Outcome.INFERRED


def test_what_seam_does_not_list_stays_unknown_and_says_so_once(
    door: Device, clerk: User, simulator: Simulator
) -> None:
    simulator.behave(DOOR, "unavailable")
    request = press(door, clerk)
    assert looked_at(request).nothing_listed_at is None  # the call's bound has not passed
    UnlockRequest.objects.update(call_deadline=timezone.now() - SECOND)
    request.refresh_from_db()
    noted = looked_at(request)
    assert (noted.status, noted.nothing_listed_at is None) == ("unknown", False)
    looked_at(request)
    assert kinds(request).count("unlock.nothing_listed") == 1
    page = signed_in(clerk).get("/").content.decode()
    assert "Seam lists no unlock" in page


def listing(*told: dict[str, Any]) -> Any:
    return replies(200, {"events": list(told), "ok": True})


@pytest.mark.parametrize(
    "attempts",
    [
        replies(400, refusal("invalid_input")),
        replies(200, {"action_attempts": [], "pagination": {"has_next_page": True}}),
    ],
    ids=["this Seam cannot list them", "there are more pages"],
)
def test_where_seam_does_not_list_all_it_is_not_said_that_it_lists_nothing(
    door: Device, clerk: User, settings: Settings, attempts: Any
) -> None:
    request = past_unlock(door, clerk, status="unknown", code="no_answer")
    with RecordingServer(listing(), attempts) as seam:
        settings.SEAM_ENDPOINT = seam.endpoint
        assert looked_at(request).nothing_listed_at is None
    assert kinds(request) == ["unlock.requested", "unlock.unknown"]


def answered_at_once(door: Device, clerk: User, *, pressed: float) -> UnlockRequest:
    """A press of so many seconds ago, answered with a 503 right away."""
    request = past_unlock(door, clerk, status="unknown", code="no_answer", http_status=503)
    at = timezone.now() - pressed * SECOND
    UnlockRequest.objects.filter(pk=request.pk).update(
        requested_at=at, call_ended_at=at + 0.2 * SECOND, call_deadline=at + 18 * SECOND
    )
    request.refresh_from_db()
    return request


@pytest.mark.parametrize(("after", "is_ours"), [(4, True), (16, False)])
def test_an_unlock_long_after_the_call_ended_is_somebody_elses(
    door: Device, clerk: User, settings: Settings, after: float, is_ours: bool
) -> None:
    """As from Seam's own console, while the bound of the call has not passed yet."""
    request = answered_at_once(door, clerk, pressed=20)
    at = request.requested_at + after * SECOND
    unlocked = event_json(
        "lock.unlocked", door, method="remote", action_attempt_id="attempt-1", at=at
    )
    with RecordingServer(
        listing(unlocked),
        replies(200, {"action_attempts": []}),
        replies(200, attempt("success")),
    ) as seam:
        settings.SEAM_ENDPOINT = seam.endpoint
        settled = looked_at(request)
    assert settled.outcome == (Outcome.INFERRED if is_ours else Outcome.UNKNOWN)


def test_a_press_keeps_when_its_call_ended(lost: UnlockRequest) -> None:
    assert lost.call_ended_at is not None
    assert lost.requested_at < lost.call_ended_at < lost.call_deadline
    opens, closes = settling.call_of(lost)
    assert opens < lost.requested_at
    assert closes < lost.call_deadline


def test_a_seam_that_does_not_answer_holds_up_those_who_wait_for_the_sweep_for_seconds_only(
    door: Device, clerk: User, north: Building, settings: Settings
) -> None:
    settings.UNLOCK_ANSWER_TIMEOUT = 8.0
    requests = [
        past_unlock(each, clerk, status="unknown", code="no_answer")
        for each in (door, make_device(north), make_device(north))
    ]
    with RecordingServer(sends(b"", then="hang")) as seam:
        settings.SEAM_ENDPOINT = seam.endpoint
        due(*requests)
        began = time.monotonic()
        assert settling.settle_lost() == 1
        assert time.monotonic() - began < clients.READ_WITHIN + 3
        assert settling.settle_lost() == 1  # another one: the first was put off
    devices = {received.json()["device_id"] for received in seam.requests}
    assert len(devices) == 2


def test_seams_published_fake_lists_no_device_and_nothing_breaks(
    fake_seam: FakeSeam, north: Building, clerk: User, settings: Settings
) -> None:
    settings.SEAM_ENDPOINT, settings.SEAM_API_KEY = fake_seam.endpoint, fake_seam.api_key
    clients._client.cache_clear()
    door = make_device(north, seam_device_id="august_device_1")
    request = past_unlock(door, clerk, status="unknown", code="no_answer")
    settled = looked_at(request)
    assert (settled.status, settled.nothing_listed_at) == ("unknown", None)
    clients._client.cache_clear()


@pytest.mark.parametrize(
    "answer",
    [
        replies(500, b""),
        replies(200, b"<html>"),
        replies(200, {"events": "none"}),
        replies(401, refusal("unauthorized")),
        sends(b"HTTP/1.1 200 OK\r\nContent-Le"),
    ],
)
def test_records_that_cannot_be_read_are_asked_for_again_later(
    door: Device, clerk: User, settings: Settings, answer: Any
) -> None:
    with RecordingServer(answer) as seam:
        settings.SEAM_ENDPOINT = seam.endpoint
        request = past_unlock(door, clerk, status="unknown", code="no_answer")
        settled = looked_at(request)
    assert settled.status == "unknown"
    assert settled.next_look_at is not None
    assert settled.next_look_at > timezone.now()


def test_it_looks_less_and_less_often_and_gives_up_after_a_day(
    lost: UnlockRequest, simulator: Simulator, door: Device
) -> None:
    simulator.behave(DOOR, "instant")
    waits = []
    for age in (dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(hours=20)):
        UnlockRequest.objects.update(
            requested_at=timezone.now() - age, call_deadline=timezone.now() - age
        )
        lost.refresh_from_db()
        settled = looked_at(lost)
        assert settled.next_look_at is not None
        waits.append(settled.next_look_at - timezone.now())
    assert dt.timedelta(seconds=2) < waits[0] < waits[1] < waits[2] <= dt.timedelta(minutes=30)
    UnlockRequest.objects.update(requested_at=timezone.now() - dt.timedelta(hours=25))
    lost.refresh_from_db()
    assert looked_at(lost).next_look_at is None


def test_who_settles_second_changes_nothing(
    lost: UnlockRequest, door: Device, simulator: Simulator
) -> None:
    unlocked_by(simulator, door)
    for _ in range(2):
        settling.look(lost)  # with the row as it was
    lost.refresh_from_db()
    assert lost.outcome == Outcome.INFERRED
    assert kinds(lost).count("unlock.unlocked") == 1


@pytest.mark.postgres_only  # SQLite's tests share one connection's memory; there is one writer anyway
def test_two_who_settle_at_once_settle_once(
    lost: UnlockRequest, door: Device, simulator: Simulator
) -> None:
    unlocked_by(simulator, door)
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        settling.look(lost)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lost.refresh_from_db()
    assert lost.outcome == Outcome.INFERRED
    assert kinds(lost).count("unlock.unlocked") == 1
    assert all(report.is_whole for report in verify_chains())
