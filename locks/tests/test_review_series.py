"""What the review rules find only together: failures of a door, bursts, one door again."""

import datetime as dt

import pytest
from django.db import transaction
from django.utils import timezone

from locks.models import Building, Device, Kind, Review, Rule, Status, UnlockRequest, User
from locks.services.audit import record
from locks.services.finding_reviews import LOOKS_BACK, find_reviews
from locks.services.review_rules import series_of
from locks.services.reviewing import mark_reviewed
from locks.tests.factories import make_device
from locks.tests.history import past_unlock, unlock_at

pytestmark = pytest.mark.django_db
MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)


@pytest.fixture
def door(north: Building) -> Device:
    return make_device(north, label="Main entrance")


def look() -> None:
    """Run the rules."""
    find_reviews()


def queued(rule: str) -> list[Review]:
    return list(Review.objects.filter(rule=rule).order_by("at", "pk"))


def failures(door: Device, *people: User, apart: dt.timedelta, ago: dt.timedelta) -> None:
    """One failure by each, the last of them `ago`."""
    for number, person in enumerate(people):
        moment = timezone.now() - ago - apart * (len(people) - 1 - number)
        unlock_at(moment, door, person, status=Status.FAILED)


def test_three_failures_of_a_door_within_an_hour_are_one_item(door: Device, clerk: User) -> None:
    failures(door, *[clerk] * 5, apart=5 * MINUTE, ago=MINUTE)
    look()
    look()
    [review] = queued(Rule.FAILURES)
    assert review.times == 3
    requests = list(door.unlock_requests.order_by("requested_at"))
    assert review.event.request == requests[2]
    assert review.since == requests[0].events.earliest("id").at


@pytest.mark.parametrize(("times", "apart"), [(2, MINUTE), (3, 31 * MINUTE)], ids=["two", "slowly"])
def test_fewer_or_slower_failures_are_none(
    door: Device, clerk: User, times: int, apart: dt.timedelta
) -> None:
    failures(door, *[clerk] * times, apart=apart, ago=MINUTE)
    look()
    assert queued(Rule.FAILURES) == []


def test_failures_of_different_doors_are_none(north: Building, clerk: User) -> None:
    for _each in range(3):
        past_unlock(make_device(north), clerk, status=Status.FAILED)
    look()
    assert queued(Rule.FAILURES) == []


def test_one_press_that_was_unknown_and_then_failed_counts_once(door: Device, clerk: User) -> None:
    for _each in range(2):
        request = past_unlock(door, clerk, status=Status.UNKNOWN)
        with transaction.atomic():
            UnlockRequest.objects.filter(pk=request.pk).update(
                status=Status.FAILED, ended_at=timezone.now(), code="lock_error"
            )
            record(Kind.UNLOCK_FAILED, building=door.building, device=door, request=request)
    look()
    assert queued(Rule.FAILURES) == []


def test_a_door_that_goes_on_failing_is_queued_once_an_hour(door: Device, clerk: User) -> None:
    failures(door, *[clerk] * 20, apart=10 * MINUTE, ago=MINUTE)
    look()
    look()
    found = queued(Rule.FAILURES)
    assert len(found) == 3
    assert all(later.at - one.at >= HOUR for one, later in zip(found, found[1:], strict=False))


def burst(person: User, doors: list[Device], *, times: int = 10) -> None:
    for number in range(times):
        moment = timezone.now() - MINUTE - (times - number) * dt.timedelta(seconds=30)
        unlock_at(moment, doors[number % len(doors)], person, confirmed_by_device=True)


def test_many_doors_by_one_person_within_minutes_are_one_item(north: Building, clerk: User) -> None:
    burst(clerk, [make_device(north) for _each in range(5)], times=14)
    look()
    look()
    [review] = queued(Rule.BURST)
    assert (review.times, review.event.actor) == (10, clerk)


def test_a_group_that_arrives_is_no_burst(north: Building, clerk: User) -> None:
    burst(clerk, [make_device(north) for _each in range(4)], times=20)
    look()
    assert queued(Rule.BURST) == []


def test_ten_doors_by_two_people_are_no_burst(north: Building, clerk: User, viewer: User) -> None:
    doors = [make_device(north) for _each in range(5)]
    burst(clerk, doors, times=9)
    burst(viewer, doors, times=9)
    look()
    assert queued(Rule.BURST) == []


def test_a_burst_over_two_buildings_is_told_to_neither_of_the_other(
    north: Building, south: Building, clerk: User
) -> None:
    burst(clerk, [make_device(place) for place in (north, south) for _each in range(5)], times=10)
    look()
    assert queued(Rule.BURST) == []


def private(person: User, door: Device, *, times: int, apart: dt.timedelta = HOUR) -> None:
    for number in range(times):
        moment = timezone.now() - (times - number) * apart
        unlock_at(moment, door, person, identified_by="known", confirmed_by_device=True)


def test_one_private_door_again_and_again_by_one_person_is_one_item(
    north: Building, clerk: User
) -> None:
    private(clerk, make_device(north, access="private"), times=6)
    look()
    look()
    [review] = queued(Rule.PRIVATE_AGAIN)
    assert review.times == 4


def test_three_times_or_by_two_people_or_over_days_is_none(
    north: Building, clerk: User, viewer: User
) -> None:
    door, seldom = (make_device(north, access="private") for _each in range(2))
    private(clerk, door, times=3)
    private(viewer, door, times=3)
    private(clerk, seldom, times=4, apart=9 * HOUR)
    look()
    assert queued(Rule.PRIVATE_AGAIN) == []


def test_a_common_door_may_be_unlocked_all_day(door: Device, clerk: User) -> None:
    for _each in range(8):
        past_unlock(door, clerk, confirmed_by_device=True)
    look()
    assert queued(Rule.PRIVATE_AGAIN) == []


LATE = dt.datetime(2026, 7, 1, 22, 30, tzinfo=dt.UTC)  # half past eleven in Lisbon


def pressed_late(door: Device, person: User, *after: dt.timedelta) -> None:
    """Presses so long after LATE, in a building that is quiet from 23:00 to 06:00."""
    for each in after:
        unlock_at(LATE + each, door, person, out_of_hours=True, confirmed_by_device=True)
    quiet = {"quiet_from": dt.time(23), "quiet_until": dt.time(6)}
    Building.objects.filter(pk=door.building_id).update(**quiet)


def nights() -> list[tuple[str, dt.timedelta, int]]:
    """Who, when the last press was, and how many."""
    return [
        (str(review.event.actor), review.at - LATE, review.times)
        for review in queued(Rule.OUT_OF_HOURS)
    ]


def test_a_night_of_a_person_is_one_item_once_it_is_over(
    door: Device, clerk: User, viewer: User
) -> None:
    pressed_late(door, clerk, 0 * HOUR, 2 * HOUR, 5 * HOUR, 24 * HOUR)
    pressed_late(door, viewer, 3 * HOUR)
    for hours in (1, 4, 6):  # up to half past five there
        find_reviews(now=LATE + hours * HOUR)
        assert nights() == []
    for _each in range(2):
        find_reviews(now=LATE + 7 * HOUR)
        assert nights() == [(str(viewer), 3 * HOUR, 1), (str(clerk), 5 * HOUR, 3)]
    find_reviews(now=LATE + 31 * HOUR)
    assert nights()[2:] == [(str(clerk), 24 * HOUR, 1)]


def test_nights_that_no_run_saw_are_found_one_by_one(door: Device, clerk: User) -> None:
    pressed_late(door, clerk, 0 * HOUR, 1 * HOUR, 25 * HOUR, 49 * HOUR)
    find_reviews(now=LATE + 49 * HOUR)  # in the third one
    assert [times for _who, _when, times in nights()] == [2, 1]


def test_the_nights_of_two_buildings_are_told_apart(
    door: Device, south: Building, clerk: User
) -> None:
    pressed_late(door, clerk, 0 * HOUR, 1 * HOUR)
    pressed_late(make_device(south), clerk, 2 * HOUR)
    find_reviews(now=LATE + 12 * HOUR)
    assert {(review.building, review.times) for review in queued(Rule.OUT_OF_HOURS)} == {
        (door.building, 2),
        (south, 1),
    }


def test_a_reviewed_night_does_not_come_back_and_shows_each_press(
    door: Device, clerk: User, manager: User
) -> None:
    pressed_late(door, clerk, 0 * HOUR, 1 * HOUR)
    past_unlock(door, clerk, confirmed_by_device=True)
    find_reviews(now=LATE + 12 * HOUR)
    [review] = queued(Rule.OUT_OF_HOURS)
    assert [event.at - LATE for event in series_of(review)] == [0 * HOUR, HOUR]
    mark_reviewed(actor=manager, review=review, verdict="A late coach")
    find_reviews(now=LATE + 13 * HOUR)
    assert [each.is_open for each in queued(Rule.OUT_OF_HOURS)] == [False]


def test_a_night_from_before_the_quiet_hours_were_emptied_is_found(
    door: Device, clerk: User
) -> None:
    pressed_late(door, clerk, 0 * HOUR, 1 * HOUR)
    Building.objects.filter(pk=door.building_id).update(quiet_from=None, quiet_until=None)
    find_reviews(now=LATE + 2 * HOUR)
    assert [times for _who, _when, times in nights()] == [2]


def test_a_series_that_begins_before_the_window_counts_whole(door: Device, clerk: User) -> None:
    failures(door, *[clerk] * 3, apart=20 * MINUTE, ago=LOOKS_BACK - MINUTE)
    look()
    assert [review.times for review in queued(Rule.FAILURES)] == [3]


def test_a_series_that_ended_before_the_window_is_left_alone(door: Device, clerk: User) -> None:
    failures(door, *[clerk] * 3, apart=MINUTE, ago=LOOKS_BACK + MINUTE)
    look()
    assert not Review.objects.exists()
