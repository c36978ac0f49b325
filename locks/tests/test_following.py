"""Following attempts to their end, and ending what nobody ended."""

import datetime as dt
import re

import pytest
from django.utils import timezone

from locks.models import AuditEvent, Lease, UnlockRequest
from locks.services import following, leases, sweeping
from locks.services.tokens import issue_token
from locks.services.unlocking import PressForm, request_unlock
from locks.simulator import Simulator
from locks.tests.conftest import signed_in
from locks.tests.factories import grant, make_building, make_device, make_user
from locks.tests.servers import RecordingServer, attempt, replies

DOORS = ("harbour-main-entrance", "harbour-staff-entrance", "harbour-parking-gate")


@pytest.fixture
def pending(db, simulator: Simulator) -> list[UnlockRequest]:
    """Three requests whose attempts stay pending until the simulator releases them."""
    house, clerk = make_building(), make_user()
    grant(clerk, house)
    found = []
    for name in DOORS:
        simulator.behave(name, "instant")
        simulator.hold(name)
        door = make_device(house, seam_device_id=name)
        form = PressForm(token=issue_token(person=clerk, device=door))
        found.append(request_unlock(actor=clerk, device=door, form=form).press.request)
    return found


def statuses() -> list[str]:
    return list(UnlockRequest.objects.order_by("pk").values_list("status", flat=True))


def lists(simulator: Simulator) -> int:
    return sum(call.path == "/action_attempts/list" for call in simulator.calls)


def test_one_call_follows_all_pending_attempts(pending, simulator) -> None:
    for name in DOORS:
        simulator.release(name)
    UnlockRequest.objects.update(next_look_at=timezone.now())
    following.follow()
    assert statuses() == ["unlocked"] * 3
    assert lists(simulator) == 1


def test_it_hands_over_when_its_time_is_up(pending, simulator) -> None:
    assert following.follow(for_seconds=0.3) is True
    assert statuses() == ["pending"] * 3
    assert Lease.objects.get(name="follower").holder == ""


def test_a_second_follower_leaves_the_work_to_the_first(pending, simulator) -> None:
    Lease.objects.update_or_create(
        name="follower",
        defaults={"holder": "another", "until": timezone.now() + dt.timedelta(seconds=30)},
    )
    assert following.follow() is False
    assert lists(simulator) == 0


def test_a_lease_of_a_killed_follower_runs_out(pending, simulator) -> None:
    Lease.objects.update_or_create(
        name="follower",
        defaults={"holder": "killed", "until": timezone.now() - dt.timedelta(seconds=1)},
    )
    for name in DOORS:
        simulator.release(name)
    following.follow()
    assert statuses() == ["unlocked"] * 3


def test_a_wish_that_comes_while_the_holder_lets_go_is_not_lost(db) -> None:
    seen = leases.acquire("job")
    assert seen is not None
    leases.wish("job")
    assert not leases.release("job", seen=seen)
    seen = leases.acquire("job")
    assert seen is not None
    assert leases.release("job", seen=seen)


def test_an_attempt_that_does_not_resolve_in_time_becomes_unknown_and_is_watched(
    pending, simulator
) -> None:
    UnlockRequest.objects.update(resolve_by=timezone.now(), next_look_at=timezone.now())
    following.follow(for_seconds=0.1)
    assert statuses() == ["unknown"] * 3
    for name in DOORS:
        simulator.release(name)
    UnlockRequest.objects.update(next_look_at=timezone.now())
    sweeping.sweep()
    assert statuses() == ["unlocked"] * 3
    story = list(AuditEvent.objects.order_by("id").values_list("kind", flat=True))
    assert story.count("unlock.unknown") == 3
    assert story.count("unlock.unlocked") == 3


def unknown_by_now() -> None:
    """The three were not told of in time, and are looked at again now."""
    UnlockRequest.objects.update(resolve_by=timezone.now(), next_look_at=timezone.now())
    following.follow(for_seconds=0.1)
    assert statuses() == ["unknown"] * 3
    UnlockRequest.objects.update(next_look_at=timezone.now())


def test_when_the_lock_moved_is_read_at_once_where_the_outcome_is_learned_late(
    pending, simulator
) -> None:
    unknown_by_now()
    for name in DOORS:
        simulator.release(name)
    following.follow(for_seconds=0.1)
    page = signed_in(pending[0].requested_by).get("/").content.decode()
    cards = re.findall(r"<article.*?</article>", page, re.DOTALL)
    told = r"Unlocked at \d\d:\d\d:\d\d; learned at \d\d:\d\d:\d\d"
    assert [bool(re.search(told, card)) for card in cards] == [True] * 3
    assert not AuditEvent.objects.filter(kind="lock.unlocked").exists()  # nobody else's


@pytest.mark.parametrize("events", [replies(500, b""), replies(200, b"<html>")])
def test_events_that_cannot_be_read_keep_no_outcome_back(pending, settings, events) -> None:
    unknown_by_now()
    done = {"status": "success", "result": {}}
    ids = [each.action_attempt_id for each in pending]
    listed = [attempt(action_attempt_id=pk, **done)["action_attempt"] for pk in ids]
    with RecordingServer(replies(200, {"action_attempts": listed}), events) as seam:
        settings.SEAM_ENDPOINT = seam.endpoint
        following.follow(for_seconds=0.1)
    assert statuses() == ["unlocked"] * 3
    assert {received.path for received in seam.requests[1:]} == {"/events/list"}


def test_the_sweep_needs_neither_broker_nor_seam_to_end_what_is_overdue(pending, settings) -> None:
    settings.SEAM_ENDPOINT = "http://127.0.0.1:9"
    past = timezone.now() - dt.timedelta(seconds=60)
    UnlockRequest.objects.update(resolve_by=past, next_look_at=None)
    sweeping.sweep(for_seconds=0.1)
    assert statuses() == ["unknown"] * 3


def test_the_sweep_leaves_a_sender_that_may_be_alive_alone(pending) -> None:
    now = timezone.now()
    UnlockRequest.objects.update(status="sending", call_deadline=now, next_look_at=None)
    assert following.end_overdue() == 0
    assert statuses() == ["sending"] * 3


def test_a_press_ends_well_where_the_broker_is_gone(db, simulator, settings, monkeypatch) -> None:
    monkeypatch.setattr(following, "_broker_down_until", 0.0)
    following.wake_here.clear()
    from locks.tasks import follow_attempts

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(follow_attempts, "apply_async", refuse)
    house, clerk = make_building(), make_user()
    grant(clerk, house)
    door = make_device(house, seam_device_id=DOORS[0])
    form = PressForm(token=issue_token(person=clerk, device=door))
    assert request_unlock(actor=clerk, device=door, form=form).press.request.status == "pending"
    assert following.wake_here.is_set()
