"""Wherever unlocks are counted, filtered or told, a press on Lock is none."""

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone

from locks.models import Alarm, Building, Device, Press, Rule, Status, UnlockRequest, User
from locks.services.alert_settings import Choice
from locks.services.finding_alerts import find
from locks.services.finding_reviews import fill
from locks.services.health import Period, read_health
from locks.services.proving_oneself import Proved
from locks.tests.factories import make_device
from locks.tests.history import past_unlock
from locks.tests.test_door_card import words
from locks.views.cards import read_cards

pytestmark = pytest.mark.django_db


@pytest.fixture
def door(north: Building) -> Device:
    return make_device(north, label="Main entrance")


def lockings(door: Device, person: User, *, status: Status = Status.LOCKED, times: int = 1) -> None:
    for _time in range(times):
        past_unlock(door, person, status=status, action="lock", took_ms=700)


def test_lock_health_counts_none(door: Device, clerk: User) -> None:
    lockings(door, clerk, times=4)
    lockings(door, clerk, status=Status.FAILED, times=4)
    past_unlock(door, clerk, confirmed_by_device=True, took_ms=4000)
    health = read_health(door.building, Period.of(door.building, days=7, now=timezone.now()))
    (lock,) = health.locks
    assert (health.tally.presses, lock.tally.unlocked, lock.tally.failed) == (1, 1, 0)
    assert (lock.times.count, lock.concerns) == (1, ())


def test_no_rule_of_the_queue_counts_them_but_for_what_nobody_knows(
    north: Building, clerk: User
) -> None:
    doors = [make_device(north) for _each in range(6)]
    for door in doors:
        lockings(door, clerk, times=2)
        lockings(door, clerk, status=Status.FAILED, times=3)
    past_unlock(doors[0], clerk, status=Status.UNKNOWN, action="lock")
    report = fill(now=timezone.now() + dt.timedelta(minutes=5))
    assert {rule: count for rule, count in report.new.items() if count} == {Rule.UNKNOWN: 1}


@pytest.mark.parametrize("kind", [Alarm.BURST, Alarm.FAILURES])
def test_no_alert_tells_of_them(north: Building, clerk: User, kind: str) -> None:
    for _each in range(6):
        lockings(make_device(north), clerk, status=Status.FAILED, times=3)
    wanted = {north.pk: Choice(least=2, minutes=60)}
    assert list(find(kind, wanted, (), now=timezone.now())) == []
    UnlockRequest.objects.update(action="unlock")
    assert list(find(kind, wanted, (), now=timezone.now())) != []


def test_a_doors_usual_time_is_that_of_its_unlocks(door: Device, clerk: User) -> None:
    for number in range(3):
        past_unlock(door, clerk, action="lock", status=Status.LOCKED, action_attempt_id=f"{number}")
    past_unlock(door, clerk, status=Status.PENDING, action_attempt_id="pending")
    UnlockRequest.objects.filter(status="pending").update(requested_at=timezone.now())
    (card,) = read_cards(clerk, [door], at=timezone.now())
    assert card.state is not None
    assert str(card.state.headline) == "Waiting for the lock…"


def test_a_lock_does_not_use_up_a_proof_that_was_made_for_breaking_glass(
    door: Device, clerk: User
) -> None:
    from locks.services.conditions import is_made_for

    now = timezone.now()
    proved = Proved(clerk.pk, "password", now, door_id=door.pk)
    lockings(door, clerk)
    Press.objects.update(pressed_at=now)
    assert is_made_for(proved, device=door, person=clerk, at=now)
    past_unlock(door, clerk)
    Press.objects.filter(action="unlock").update(pressed_at=now)
    assert not is_made_for(proved, device=door, person=clerk, at=now)


def test_the_history_tells_the_two_apart(door: Device, clerk: User, manager_client: Client) -> None:
    past_unlock(door, clerk, confirmed_by_device=True)
    past_unlock(door, clerk, status=Status.LOCKED, action="lock", confirmed_by_device=True)
    for path in ("/admin/locks/unlockrequest/", "/admin/locks/press/"):
        locks = rows(manager_client, f"{path}?action=lock")
        unlocks = rows(manager_client, f"{path}?action=unlock")
        assert ("Locked, confirmed" in locks, "Unlocked, confirmed" in locks) == (True, False)
        assert ("Locked, confirmed" in unlocks, "Unlocked, confirmed" in unlocks) == (False, True)
    record = rows(manager_client, "/admin/locks/auditevent/")
    assert "Locked, confirmed" in record
    assert "locking requested" in record


def rows(client: Client, path: str) -> str:
    """The text of a list's rows."""
    page = client.get(path).content.decode()
    return words(page[page.index("<tbody") :])


def test_a_locking_tells_its_story_in_its_own_words(
    door: Device, clerk: User, manager_client: Client
) -> None:
    request = past_unlock(door, clerk, status=Status.FAILED, action="lock", code="not_sent")
    page = words(
        manager_client.get(f"/admin/locks/unlockrequest/{request.pk}/change/").content.decode()
    )
    assert "Not locked" in page
    assert "or lock it at the door" in page
    assert "Not unlocked" not in page
