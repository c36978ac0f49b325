"""How the locks of a building did: the figures, and that each leads to the history that it counts."""

import datetime as dt
import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from locks.models import Building, Kind, Status, User
from locks.services.health import AnswerTimes, Period, read_health
from locks.tests.factories import make_building, make_device
from locks.tests.history import past_event, past_unlock, unlocks_that_took
from locks.tests.reading_health import health_of, page_of, row_of

pytestmark = pytest.mark.django_db
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)


def rows_behind(client: Client, url: str) -> set[int]:
    response = client.get(url)
    assert response.status_code == 200, url
    found = re.findall(r"/(?:unlockrequest|auditevent)/(\d+)/change/", response.content.decode())
    return {int(pk) for pk in found}


@pytest.mark.parametrize(
    ("lengths", "median", "p95"),
    [
        ([700], 700, 700),
        ([900, 500], 500, 900),
        ([3, 1, 2], 2, 3),
        ([4, 1, 3, 2], 2, 4),
        (range(1, 20), 10, 19),
        (range(1, 21), 10, 19),
        (range(1, 101), 50, 95),
        (range(1, 102), 51, 96),
        ([5, 5, 5, 900], 5, 900),
    ],
)
def test_percentiles_are_lengths_that_occurred(
    lengths: Any, median: int, p95: int, north: Building, clerk: User
) -> None:
    door = make_device(north)
    unlocks_that_took(door, clerk, *lengths)
    times = health_of(door).times
    assert (times.median, times.p95, times.count) == (median, p95, len(lengths))
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY took_ms)"
                " FROM locks_unlockrequest"
            )
            assert cursor.fetchone()[0] == [median, p95]


def test_a_lock_that_was_not_used_has_no_figures(north: Building, manager_client: Client) -> None:
    door = make_device(north)
    lock, row = health_of(door), row_of(manager_client, door)
    assert (lock.times, lock.tally.confirmed, lock.concerns) == (AnswerTimes(), None, ())
    assert (row.median, row.times, row.confirmed, row.failures) == (None, None, None, [])
    assert (row.presses.text, row.confirms, row.offline.text) == ("0", "", "none told")


def test_answer_times_leave_out_what_was_not_the_locks_answer(north: Building, clerk: User) -> None:
    door = make_device(north)
    unlocks_that_took(door, clerk, 2000, 3000)
    unlocks_that_took(door, clerk, 90_000, inferred=True)
    past_unlock(door, clerk, status=Status.FAILED, took_ms=8000)
    past_unlock(door, clerk, status=Status.UNKNOWN)
    assert health_of(door).times.lengths == ((2000, 1), (3000, 1))


def test_it_says_of_a_lock_that_never_confirms_that_it_does_not(
    north: Building, clerk: User, manager_client: Client
) -> None:
    never, silent, mixed = (make_device(north) for _number in range(3))
    unlocks_that_took(never, clerk, *[4000] * 12, confirmed_by_device=False)
    unlocks_that_took(silent, clerk, 4000, confirmed_by_device=None)
    unlocks_that_took(mixed, clerk, *[4000] * 9)
    unlocks_that_took(mixed, clerk, *[4000] * 3, confirmed_by_device=False)
    rows = [row_of(manager_client, door) for door in (never, silent, mixed)]
    assert rows[0].confirmed is None
    assert rows[0].confirms == "This lock does not confirm"
    assert rows[1].confirmed.text == "0 %"
    assert (rows[2].confirmed.text, rows[2].confirmed.words) == (
        "75 %",
        "of 12 unlocks confirmed",
    )
    assert [row.concerns for row in rows[:2]] == [[], []]
    # Not that it rarely confirms: a door's card says so of fewer than half.
    assert rows[2].concerns[0].startswith("Often leaves out its confirmation")


def test_failures_are_counted_by_kind_in_words(
    north: Building, clerk: User, manager_client: Client
) -> None:
    door = make_device(north)
    for _number in range(2):
        past_unlock(door, clerk, status=Status.FAILED, error_type="lock_jammed")
    past_unlock(door, clerk, status=Status.FAILED, code="not_sent")
    past_unlock(door, clerk, status=Status.UNKNOWN, code="no_outcome")
    row = row_of(manager_client, door)
    assert [(kind.text, kind.words) for kind in row.kinds] == [
        ("2", "error of the lock: The lock is jammed."),
        ("1", "Seam not reached"),
        ("1", "no answer from the lock in time"),
    ]
    assert [(each.text, each.words) for each in row.failures] == [
        ("1", "Not unlocked"),
        ("2", "Not unlocked, it may still act"),
        ("1", "May have unlocked, or may still unlock"),
    ]
    assert dict(parse_qsl(urlsplit(row.kinds[0].url).query))["code"] == "lock_error"


def test_each_number_of_presses_leads_to_just_these(
    north: Building, south: Building, clerk: User, manager_client: Client
) -> None:
    door, other, foreign = make_device(north), make_device(north), make_device(south)
    outcomes = [
        {"confirmed_by_device": True},
        {"confirmed_by_device": True},
        {"confirmed_by_device": False},
        {"inferred": True},
        {},
        {"status": Status.FAILED, "code": "not_sent"},
        {"status": Status.FAILED, "error_type": "jammed"},
        {"status": Status.UNKNOWN, "code": "no_answer"},
        {"status": Status.SENDING},
    ]
    for fields in outcomes:
        past_unlock(door, clerk, **fields)
    past_unlock(other, clerk, confirmed_by_device=True)
    past_unlock(foreign, clerk, confirmed_by_device=True)
    row = row_of(manager_client, door)
    figures = [row.presses, *row.unlocks, *row.failures]
    assert row.presses.text == "9"
    assert [figure.text for figure in row.unlocks] == ["2", "1", "1", "1"]
    first, second = page_of(manager_client, north).context["summary"]
    summary = [first[-1], *second]
    assert [figure.text for figure in summary] == ["10", "1", "3", "1", "1", "1", "1", "1", "1"]
    for figure in (*figures, *summary):
        assert len(rows_behind(manager_client, figure.url)) == int(figure.text), figure
    confirmed = rows_behind(manager_client, row.confirmed.url)
    assert confirmed == rows_behind(manager_client, row.unlocks[0].url)
    assert rows_behind(manager_client, row.presses.url) == set(
        door.unlock_requests.values_list("pk", flat=True)
    )


def test_each_number_of_events_leads_to_just_these(north: Building, manager_client: Client) -> None:
    door, other = make_device(north, battery_level=0.5), make_device(north)
    now = timezone.now()
    for hours_ago in (50, 30):
        past_event(door, Kind.LOCK_OFFLINE, at=now - hours_ago * HOUR)
        past_event(door, Kind.LOCK_ONLINE, at=now - (hours_ago - 1) * HOUR)
    charge = past_event(door, Kind.LOCK_BATTERY, at=now - 20 * HOUR, battery_level=0.6)
    past_event(other, Kind.LOCK_OFFLINE, at=now - HOUR)
    row = row_of(manager_client, door)
    assert (row.offline.text, row.outages.text) == ("2.0 h", "2")
    assert len(rows_behind(manager_client, row.outages.url)) == 2
    assert rows_behind(manager_client, row.battery.url) == {charge.pk}


def test_links_name_the_building_the_door_and_the_days_of_its_calendar(
    north: Building, clerk: User, manager_client: Client
) -> None:
    door = make_device(north)
    unlocks_that_took(door, clerk, 12_000)
    row = row_of(manager_client, door, days=7)
    today = timezone.now().astimezone(north.zone).date()
    where = {
        "building": str(north.pk),
        "door": str(door.pk),
        "since": str(today - 6 * DAY),
        "until": str(today),
    }
    unlocks = {**where, "action": "unlock"}
    assert dict(parse_qsl(urlsplit(row.median.url).query)) == unlocks
    assert dict(parse_qsl(urlsplit(row.slow.url).query)) == {**unlocks, "slow": "yes"}
    assert dict(parse_qsl(urlsplit(row.outages.url if row.outages else row.offline.url).query)) == {
        **where,
        "kind": "lock.offline",
    }


def test_the_days_are_those_of_the_buildings_calendar(clerk: User) -> None:
    auckland = make_building(time_zone="Pacific/Auckland")
    asked = dt.datetime(2026, 3, 31, 12, 30, tzinfo=dt.UTC)  # 1:30 on the first of April
    period = Period.of(auckland, days=7, now=asked)
    assert (period.since, period.until) == (dt.date(2026, 3, 26), dt.date(2026, 4, 1))
    door = make_device(auckland)
    first = dt.datetime(2026, 3, 25, 11, tzinfo=dt.UTC)  # midnight there, of the 26th
    for at in (first - dt.timedelta(seconds=1), first, asked):
        unlocks_that_took(door, clerk, 1000, requested_at=at)
    assert read_health(auckland, period).tally.presses == 2


def test_an_outage_of_before_the_period_counts_from_its_beginning(
    north: Building, manager_client: Client
) -> None:
    door = make_device(north)
    begin = Period.of(north, days=7, now=timezone.now()).begin
    past_event(door, Kind.LOCK_OFFLINE, at=begin - 3 * DAY)
    past_event(door, Kind.LOCK_BATTERY, at=begin - 2 * DAY, battery_level=0.3)
    past_event(door, Kind.LOCK_ONLINE, at=begin + 5 * HOUR)
    lock, row = health_of(door, days=7), row_of(manager_client, door, days=7)
    assert (lock.downtime.known, lock.outages) == (5 * HOUR, 0)
    assert row.offline.text == "5.0 h"
    since = dict(parse_qsl(urlsplit(row.offline.url).query))["since"]
    assert since == str((begin - 3 * DAY).astimezone(north.zone).date())
    assert health_of(door, days=30).downtime.known == 3 * DAY + 5 * HOUR


def test_it_tells_of_gaps_in_what_was_told(north: Building, manager_client: Client) -> None:
    now = timezone.now()
    never_told = make_device(north, online=False)
    said_nothing = make_device(north, online=None)
    came_back = make_device(north)
    past_event(came_back, Kind.LOCK_OFFLINE, at=now - 10 * HOUR)
    still_gone = make_device(north, online=False)
    past_event(still_gone, Kind.LOCK_OFFLINE, at=now - 90 * dt.timedelta(minutes=1))
    doors = (never_told, said_nothing, came_back, still_gone)
    rows = [row_of(manager_client, door) for door in doors]
    assert [row.offline.text for row in rows] == ["unknown", "unknown", "unknown", "1.5 h"]
    assert "no event tells when it went or came back." in rows[0].offline_note
    assert rows[1].offline_note == "Seam does not say whether it is online."
    assert rows[2].offline_note.startswith("At most 10 h:")
    assert rows[3].offline_note.startswith("Since ")


def test_events_of_another_building_tell_nothing_of_a_door_that_came_from_there(
    north: Building, south: Building, superuser_client: Client
) -> None:
    door = make_device(south)
    past_event(door, Kind.LOCK_OFFLINE, at=timezone.now() - 9 * DAY)
    past_event(door, Kind.LOCK_BATTERY, at=timezone.now() - 9 * DAY, battery_level=0.1)
    door.building = north
    door.save()
    row = row_of(superuser_client, door)
    assert (row.offline.text, row.outages, row.charge) == ("none told", None, None)


def test_an_event_without_a_time_of_seams_tells_when_it_was_recorded(north: Building) -> None:
    door = make_device(north)
    now = timezone.now()
    for kind, hours_ago in ((Kind.LOCK_OFFLINE, 7), (Kind.LOCK_ONLINE, 4)):
        past_event(door, kind, at=now - hours_ago * HOUR, occurred_at="")
    assert health_of(door).downtime.known == 3 * HOUR


def test_the_battery_is_told_with_status_and_trend(north: Building, manager_client: Client) -> None:
    door = make_device(north, battery_level=0.15, battery_status="low")
    unknown = make_device(north)
    past_event(door, Kind.LOCK_BATTERY, at=timezone.now() - 3 * DAY, battery_level=0.55)
    row = row_of(manager_client, door)
    assert (row.battery.text, row.battery.words) == ("15 %", "low")
    assert row.battery_note.startswith("40 points less than on")
    assert "55 %" in row.charge.description
    assert row.concerns == ["Low battery: change it soon."]
    assert row_of(manager_client, unknown).battery_note == "Seam does not say"
