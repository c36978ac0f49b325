"""How the locks of a building did: the figures, what they are links to, and who may read them."""

import datetime as dt
import re
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from locks.models import Building, Device, Kind, Role, Status, User
from locks.services.health import AnswerTimes, LockHealth, Period, read_health
from locks.tests.conftest import signed_in
from locks.tests.factories import grant, make_building, make_device
from locks.tests.history import past_event, past_unlock, unlocks_that_took

pytestmark = pytest.mark.django_db
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
# Filters of the history that its own tests are about; here they would narrow nothing.
NOT_FOLLOWED = {"since", "until", "code", "slow"}


def health_of(door: Device, *, days: int = 30) -> LockHealth:
    door.refresh_from_db()
    period = Period.of(door.building, days=days, now=timezone.now())
    return next(each for each in read_health(door.building, period).locks if each.device == door)


def page_of(client: Client, building: Building, **query: Any) -> Any:
    return client.get(f"/admin/locks/building/{building.pk}/health/", query)


def row_of(client: Client, door: Device, **query: Any) -> Any:
    rows = page_of(client, door.building, **query).context["rows"]
    return next(row for row in rows if row.label == door.label)


def labels(response: Any) -> list[str]:
    return [row.label for row in response.context["rows"]]


def rows_behind(client: Client, url: str) -> set[int]:
    parts = urlsplit(url)
    query = [pair for pair in parse_qsl(parts.query) if pair[0] not in NOT_FOLLOWED]
    response = client.get(f"{parts.path}?{urlencode(query)}")
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
    assert rows[2].concerns[0].startswith("Confirms rarely")


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
    assert dict(parse_qsl(urlsplit(row.median.url).query)) == where
    assert dict(parse_qsl(urlsplit(row.slow.url).query)) == {**where, "slow": "yes"}
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


def test_doors_that_need_attention_come_first_and_say_why(
    north: Building, clerk: User, manager_client: Client
) -> None:
    make_device(north, label="A fine door")
    slow, fails = make_device(north, label="B slow"), make_device(north, label="C fails")
    make_device(north, label="D offline", online=False)
    make_device(north, label="E empty", battery_status="critical", battery_level=0.02)
    make_device(north, label="F gone", gone_at=timezone.now())
    unlocks_that_took(slow, clerk, *[12_000] * 5)
    for _number in range(3):
        past_unlock(fails, clerk, status=Status.FAILED)
    page = page_of(manager_client, north)
    assert [label[0] for label in labels(page)] == list("FDECBA")
    said = [row.concerns[0].split(":")[0] for row in page.context["rows"][:5]]
    assert said == ["Gone from Seam", "Offline now", "Battery nearly empty", "Fails often", "Slow"]
    assert "5 of 6 locks need attention." in page.content.decode()


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("door", "A"),
        ("answer", "B"),
        ("failed", "C"),
        ("confirmed", "B"),
        ("offline", "D"),
        ("battery", "E"),
        ("nonsense", "D"),
    ],
)
def test_links_put_the_worst_of_one_figure_first(
    sort: str, first: str, north: Building, clerk: User, manager_client: Client
) -> None:
    doors = {
        label: make_device(north, label=label, battery_level=0.5, online=label != "D")
        for label in "ABCDE"
    }
    unlocks_that_took(doors["A"], clerk, 1000)
    unlocks_that_took(doors["B"], clerk, 9000, confirmed_by_device=False)
    past_unlock(doors["C"], clerk, status=Status.UNKNOWN)
    past_event(doors["D"], Kind.LOCK_OFFLINE, at=timezone.now() - HOUR)
    Device.objects.filter(label="E").update(battery_level=0.3)
    assert labels(page_of(manager_client, north, sort=sort))[0] == first


@pytest.mark.parametrize(
    ("asked", "days"),
    [({}, 30), ({"days": 7}, 7), ({"days": 90}, 90)]
    + [({"days": odd}, 30) for odd in ("8", "", "x", "-7", "7.0", "٧", "\0", "9" * 5000)],
)
def test_the_period_is_one_of_those_offered(
    asked: dict[str, Any], days: int, north: Building, manager_client: Client
) -> None:
    page = page_of(manager_client, north, **asked)
    assert page.status_code == 200
    period = page.context["period"]
    assert (period.until - period.since).days == days - 1
    chosen = [choice["label"] for choice in page.context["periods"] if choice["chosen"]]
    assert chosen == [f"{days} days"]


def test_links_to_another_period_or_order_keep_the_other(
    north: Building, manager_client: Client
) -> None:
    context = page_of(manager_client, north, days=7, sort="door").context
    assert {choice["url"] for choice in context["periods"]} == {
        f"?days={days}&sort=door" for days in (7, 30, 90)
    }
    assert all(choice["url"].endswith("&days=7") for choice in context["sorts"])


def test_only_who_manages_the_building_reads_its_health(
    north: Building,
    south: Building,
    manager: User,
    manager_client: Client,
    superuser_client: Client,
) -> None:
    make_device(south, label="Southern door")
    foreign, missing = (
        manager_client.get(f"/admin/locks/building/{pk}/health/") for pk in (south.pk, 987_654_321)
    )
    assert (foreign.status_code, missing.status_code) == (404, 404)
    assert foreign.content == missing.content
    for odd in ("0", "-1", "x", "%00", "99999999999999999999999", "1_5F1"):
        assert manager_client.get(f"/admin/locks/building/{odd}/health/").status_code == 404
    assert "Southern door" in page_of(superuser_client, south).content.decode()
    assert manager_client.post(f"/admin/locks/building/{north.pk}/health/").status_code == 405
    grant(manager, south, Role.FRONT_DESK)
    assert page_of(signed_in(manager), south).status_code == 404


def test_the_list_of_buildings_and_a_buildings_page_lead_there(
    north: Building, manager_client: Client
) -> None:
    link = f'href="/admin/locks/building/{north.pk}/health/"'
    for page in ("", f"{north.pk}/change/"):
        assert link in manager_client.get(f"/admin/locks/building/{page}").content.decode(), page


def test_a_building_without_doors_says_so(north: Building, manager_client: Client) -> None:
    page = page_of(manager_client, north)
    assert "No door is assigned to this building." in page.content.decode()


def test_presses_of_a_door_that_has_left_count_for_the_building_alone(
    north: Building, south: Building, clerk: User, manager_client: Client
) -> None:
    door = make_device(north, label="Annex")
    unlocks_that_took(door, clerk, 1000)
    door.building = south
    door.save()
    page = page_of(manager_client, north)
    assert labels(page) == []
    lines = page.context["summary"]
    assert [[figure.text for figure in line] for line in lines] == [["0", "1"], ["1"]]


def furnish(building: Building, clerk: User, *, doors: int) -> None:
    for _number in range(doors):
        door = make_device(building, battery_level=0.4)
        unlocks_that_took(door, clerk, 900, 4000)
        past_unlock(door, clerk, status=Status.FAILED)
        for days_ago in (40, 3):
            past_event(door, Kind.LOCK_OFFLINE, at=timezone.now() - days_ago * DAY)
            past_event(door, Kind.LOCK_ONLINE, at=timezone.now() - (days_ago - 1) * DAY)
        past_event(door, Kind.LOCK_BATTERY, at=timezone.now() - DAY, battery_level=0.5)


def test_twenty_doors_take_as_many_queries_as_two(
    clerk: User, superuser_client: Client, north: Building, south: Building
) -> None:
    furnish(north, clerk, doors=2)
    furnish(south, clerk, doors=20)
    page_of(superuser_client, north)  # a session's first page notes when it was seen
    counts = []
    for building in (north, south):
        with CaptureQueriesContext(connection) as queries:
            assert len(page_of(superuser_client, building).context["rows"]) in (2, 20)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 10


def test_names_are_escaped_everywhere(north: Building, clerk: User, manager_client: Client) -> None:
    door = make_device(north, label='<b>"Gate"', area="<i>Yard", battery_level=0.5)
    unlocks_that_took(door, clerk, 900)
    past_unlock(door, clerk, status=Status.FAILED, error_type="<script>")
    past_event(door, Kind.LOCK_OFFLINE, at=timezone.now() - HOUR)
    past_event(door, Kind.LOCK_BATTERY, at=timezone.now() - HOUR, battery_level=0.6)
    html = page_of(manager_client, north).content.decode()
    assert not re.search(r"<b>\"Gate|<i>Yard|<script>:|: <script>", html)
    assert '<b>"Gate"' in unescape(html)


def test_each_picture_says_in_words_what_it_shows(
    north: Building, clerk: User, manager_client: Client
) -> None:
    door = make_device(north, label="Gate", battery_level=0.5)
    unlocks_that_took(door, clerk, 100, 3000, 3100, 70_000)
    past_event(door, Kind.LOCK_OFFLINE, at=timezone.now() - HOUR)
    past_event(door, Kind.LOCK_BATTERY, at=timezone.now() - HOUR, battery_level=0.6)
    html = page_of(manager_client, north).content.decode()
    pictures = re.findall(r'<svg class="strip".*?</svg>', html, re.DOTALL)
    assert len(pictures) == 3
    for picture in pictures:
        named = re.search(r'role="img" aria-labelledby="(\S+) (\S+)"', picture)
        assert named
        assert f'<title id="{named[1]}">' in picture
        assert re.search(rf'<desc id="{named[2]}">.+</desc>', picture)
        assert not re.search(r"\sstyle=|<style|<script|\son\w+=", picture)
    assert "Answer times of Gate" in pictures[0]
    assert "4 answers: half within 3.0 s, 95 of 100 within 1 min 10 s." in pictures[0]
    assert "Below 0.5 s: 1. 2.0 s to 4.0 s: 2. 32 s and more: 1." in pictures[0]
    assert "At some time offline between" in pictures[1]


def test_a_lock_that_comes_and_goes_all_the_time_makes_no_endless_page(
    north: Building, manager_client: Client
) -> None:
    door = make_device(north)
    for number in range(60):
        at = timezone.now() - dt.timedelta(minutes=10 * (60 - number))
        kind = Kind.LOCK_ONLINE if number % 2 else Kind.LOCK_OFFLINE
        past_event(door, kind, at=at)
    strip = row_of(manager_client, door).downtime
    assert "10 earlier ones." in strip.description
    assert len(strip.certain) < 10
