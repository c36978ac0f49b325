"""The page of lock health: its order, its choices, who may read it, and its pictures in words."""

import datetime as dt
import re
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from locks.models import Building, Device, Kind, Role, Status, User
from locks.tests.conftest import signed_in
from locks.tests.factories import grant, make_device
from locks.tests.history import past_event, past_unlock, unlocks_that_took
from locks.tests.reading_health import labels, page_of, row_of

pytestmark = pytest.mark.django_db
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)


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
