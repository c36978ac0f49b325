"""The history in the admin: found quickly, paged without a gap, and each request's story on one page."""

import datetime as dt
import re
from collections.abc import Callable
from functools import partial
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from locks.admin import filters
from locks.models import AuditEvent, Building, Device, Kind, Press, Status, UnlockRequest, User
from locks.services import audit, freezing, places
from locks.tests.conftest import signed_in
from locks.tests.factories import grant, make_building, make_device, make_superuser, make_user
from locks.tests.history import past_refusal, past_unlock

pytestmark = pytest.mark.django_db
LISTS = ["auditevent", "unlockrequest", "press"]
DAY = dt.timedelta(days=1)


@pytest.fixture
def door(north: Building) -> Device:
    return make_device(north, label="Main entrance")


@pytest.fixture
def long_ago(monkeypatch: pytest.MonkeyPatch) -> Callable[..., UnlockRequest]:
    """An unlock of the past, with its events and its press of that moment, too."""

    def write(at: dt.datetime, device: Device, person: User, **fields: Any) -> UnlockRequest:
        with monkeypatch.context() as patch:
            patch.setattr(audit, "AuditEvent", partial(AuditEvent, at=at))
            request = past_unlock(device, person, **fields)
        UnlockRequest.objects.filter(pk=request.pk).update(requested_at=at)
        request.presses.update(pressed_at=at)
        request.refresh_from_db()
        return request

    return write


def page(client: Client, name: str, query: str = "") -> Any:
    """A list as its template got it; `query` begins with a question mark."""
    answer = client.get(f"/admin/locks/{name}/{query}")
    assert answer.status_code == 200, query
    return answer.context["cl"]


def rows(client: Client, name: str, **query: Any) -> list[Any]:
    """What a list shows."""
    answer = client.get(f"/admin/locks/{name}/", query)
    assert answer.status_code == 200
    return list(answer.context["cl"].result_list)


def walked(
    client: Client, name: str, query: str = "?", *, meanwhile: Any = None
) -> list[list[Any]]:
    """All pages from the newest to the oldest; `meanwhile` happens after each."""
    found = []
    while query:
        shown = page(client, name, query)
        found.append(list(shown.result_list))
        if meanwhile:
            meanwhile()
        query = shown.older_link
    return found


# --- Pages ---------------------------------------------------------------------------------------


@pytest.fixture
def long_history(door: Device, clerk: User) -> None:
    for _each in range(60):
        past_unlock(door, clerk)


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("who", ["manager_client", "superuser_client"])
def test_the_pages_hold_every_row_once_newest_first(
    name: str, who: str, long_history: None, request: pytest.FixtureRequest
) -> None:
    client = request.getfixturevalue(who)
    pages = walked(client, name)
    seen = [row for rows in pages for row in rows]
    model = type(seen[0])
    assert len(pages) >= 2
    assert all(len(rows) == 50 for rows in pages[:-1])
    assert sorted(row.pk for row in seen) == sorted(model.objects.values_list("pk", flat=True))
    assert seen == sorted(seen, key=lambda row: (place(row), row.pk), reverse=True)


def place(row: Any) -> dt.datetime:
    for name in ("at", "requested_at", "pressed_at"):
        if hasattr(row, name):
            return getattr(row, name)  # type: ignore[no-any-return]
    raise AssertionError(row)


@pytest.mark.parametrize("name", LISTS)
def test_rows_that_come_while_pages_are_turned_move_none(
    name: str, long_history: None, door: Device, clerk: User, manager_client: Client
) -> None:
    model = {"auditevent": AuditEvent, "unlockrequest": UnlockRequest, "press": Press}[name]
    before = set(model.objects.values_list("pk", flat=True))
    pages = walked(manager_client, name, meanwhile=lambda: past_unlock(door, clerk))
    seen = [row.pk for rows in pages for row in rows]
    assert len(seen) == len(set(seen))
    assert before <= set(seen)


@pytest.mark.parametrize("name", LISTS)
def test_the_way_back_shows_what_was_shown_before(
    name: str, long_history: None, door: Device, clerk: User, manager_client: Client
) -> None:
    for _each in range(50):
        past_unlock(door, clerk)
    second = page(manager_client, name, page(manager_client, name).older_link)
    third = page(manager_client, name, second.older_link)
    back = page(manager_client, name, third.newer_link)
    assert list(back.result_list) == list(second.result_list)
    first = page(manager_client, name, back.newer_link)
    assert list(first.result_list) == list(page(manager_client, name).result_list)
    assert not first.newer_link


def test_rows_of_one_moment_are_paged_by_their_number(
    door: Device, clerk: User, manager_client: Client, long_ago: Callable[..., UnlockRequest]
) -> None:
    at = timezone.now() - DAY
    made = {long_ago(at, door, clerk).pk for _each in range(60)}
    pages = walked(manager_client, "unlockrequest")
    assert [len(rows) for rows in pages] == [50, 10]
    assert {row.pk for rows in pages for row in rows} == made


def test_several_buildings_of_one_manager_are_one_list(
    north: Building, clerk: User, manager: User, manager_client: Client
) -> None:
    places = [north, *(make_building(f"Annex {number}") for number in range(3))]
    foreign = make_building("Zephyr Lodge")
    for building in places[1:]:
        grant(manager, building, "manager")
    doors = [make_device(building) for building in (*places, foreign)]
    for number in range(120):
        past_unlock(doors[number % 5], clerk)
    seen = [row for rows in walked(manager_client, "unlockrequest") for row in rows]
    assert len(seen) == 96
    assert seen == sorted(seen, key=lambda row: (row.requested_at, row.pk), reverse=True)
    assert foreign.pk not in {row.building_id for row in seen}


@pytest.mark.parametrize("name", LISTS)
def test_no_list_counts_its_rows(name: str, long_history: None, superuser_client: Client) -> None:
    with CaptureQueriesContext(connection) as asked:
        page(superuser_client, name)
    assert not [each["sql"] for each in asked if "COUNT(" in each["sql"]]
    assert len(asked) < 20


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize(
    "query",
    ["older=x", "older=2026-01-01~1", "newer=2026-01-01T00:00:00Z~-1", "older=~", "newer=1~2~3",
     "since=yesterday", "until=2026-13-45", "since=0001-01-01", "until=9999-12-31"],
)  # fmt: skip
def test_a_senseless_address_is_answered_with_a_sentence(
    name: str, query: str, long_history: None, manager_client: Client
) -> None:
    answer = manager_client.get(f"/admin/locks/{name}/?{query}")
    assert answer.status_code == 400
    said = answer.content.decode()
    assert "no place in the list" in said or "A day is written like 2026-03-01" in said


def test_an_empty_list_says_so(manager_client: Client) -> None:
    assert "Nothing here yet" in manager_client.get("/admin/locks/unlockrequest/").content.decode()
    said = manager_client.get("/admin/locks/unlockrequest/?q=nobody").content.decode()
    assert "Nothing here fits what you chose" in said


# --- Filters -------------------------------------------------------------------------------------


def test_it_filters_by_what_is_rare(door: Device, clerk: User, manager_client: Client) -> None:
    plain = past_unlock(door, clerk, confirmed_by_device=True, took_ms=3_000)
    marks: dict[str, dict[str, Any]] = {
        "slow": {"took_ms": 10_000},
        "out_of_hours": {"out_of_hours": True},
        "contradicted": {"contradicted_at": timezone.now()},
    }
    for mark, values in marks.items():
        marked = past_unlock(door, clerk, confirmed_by_device=True, **values)
        assert rows(manager_client, "unlockrequest", **{mark: "yes"}) == [marked]
        if mark != "contradicted":
            of_it = rows(manager_client, "auditevent", **{mark: "yes"})
            assert {event.request for event in of_it} == {marked}
    failed = past_unlock(door, clerk, status=Status.FAILED, code="not_sent")
    assert rows(manager_client, "unlockrequest", code="not_sent") == [failed]
    assert rows(manager_client, "unlockrequest", code="lock_error") == []
    assert {event.request for event in rows(manager_client, "auditevent", outcome="failed")} == {
        failed
    }
    assert plain in rows(manager_client, "unlockrequest", outcome="unlocked_confirmed")


@pytest.mark.parametrize("name", LISTS)
def test_days_are_those_of_the_building(
    name: str,
    north: Building,
    door: Device,
    clerk: User,
    manager_client: Client,
    long_ago: Callable[..., UnlockRequest],
) -> None:
    """Lisbon is an hour ahead of UTC in July: its day begins at 23:00 UTC of the day before."""
    for hour, minute in ((22, 59), (23, 0)):
        long_ago(dt.datetime(2025, 7, 9, hour, minute, tzinfo=dt.UTC), door, clerk)
    long_ago(dt.datetime(2025, 7, 10, 22, 59, 59, tzinfo=dt.UTC), door, clerk)
    long_ago(dt.datetime(2025, 7, 10, 23, 0, tzinfo=dt.UTC), door, clerk)
    each = 2 if name == "auditevent" else 1
    day = {"since": "2025-07-10", "until": "2025-07-10"}
    assert len(rows(manager_client, name, **day)) == 2 * each
    assert len(rows(manager_client, name, since="2025-07-11")) == each
    assert len(rows(manager_client, name, until="2025-07-09")) == each


def test_days_are_those_of_utc_where_buildings_differ(
    door: Device, clerk: User, superuser_client: Client, long_ago: Callable[..., UnlockRequest]
) -> None:
    make_building("Elsewhere")
    request = long_ago(dt.datetime(2025, 7, 9, 23, 30, tzinfo=dt.UTC), door, clerk)
    assert rows(superuser_client, "unlockrequest", until="2025-07-09") == [request]
    own = {"building": door.building_id, "since": "2025-07-10"}
    assert rows(superuser_client, "unlockrequest", **own) == [request]


def test_filters_go_along_with_the_pages_and_the_other_lists(
    long_history: None, door: Device, clerk: User, manager_client: Client
) -> None:
    past_unlock(make_device(door.building), clerk)
    query = f"?door={door.pk}&person={clerk.pk}&q=entrance"
    shown = page(manager_client, "unlockrequest", query)
    for word in (f"door={door.pk}", f"person={clerk.pk}", "q=entrance"):
        assert word in shown.older_link
    html = manager_client.get(f"/admin/locks/unlockrequest/{query}").content.decode()
    events = re.search(r'href="(/admin/locks/auditevent/\?[^"]+)"', html)
    assert events is not None
    assert {
        e.device_id
        for e in page(
            manager_client, "auditevent", unescape(events[1]).partition("/auditevent/")[2]
        ).result_list
    } == {door.pk}


def test_doors_on_offer_are_those_of_the_chosen_building(
    door: Device, manager: User, manager_client: Client
) -> None:
    annex = make_building("Annex")
    grant(manager, annex, "manager")
    make_device(annex, label="Annex gate")
    make_device(door.building, label="Cellar")
    assert "Annex gate" in manager_client.get("/admin/locks/auditevent/").content.decode()
    chosen = manager_client.get(f"/admin/locks/auditevent/?building={door.building_id}")
    assert "Annex gate" not in chosen.content.decode()
    assert "Main entrance" in chosen.content.decode()


def test_an_id_of_seams_of_another_building_finds_what_no_id_finds(
    door: Device, clerk: User, manager_client: Client
) -> None:
    foreign = past_unlock(
        make_device(make_building("Zephyr")), make_user(), action_attempt_id="attempt-of-zephyr"
    )
    own = past_unlock(door, clerk, reason="asked for attempt-of-zephyr")
    assert foreign.action_attempt_id == "attempt-of-zephyr"
    assert rows(manager_client, "unlockrequest", q="attempt-of-zephyr") == [own]


def test_a_search_of_a_request_looks_through_all_its_events(
    door: Device, clerk: User, manager_client: Client
) -> None:
    """One word in its first event, the other in that of somebody who joined."""
    request = past_unlock(door, clerk, reason="Courier")
    bobby = make_user("bobby", name="Bobby")
    with transaction.atomic():
        told = {"building": door.building, "device": door, "request": request}
        audit.record(Kind.UNLOCK_JOINED, actor=bobby, **told)
    past_unlock(door, clerk, reason="Courier")
    assert rows(manager_client, "unlockrequest", q="courier bobby") == [request]
    assert rows(manager_client, "auditevent", q="courier bobby") == []


@pytest.mark.parametrize("q", ["x" * 201, "a b c d e f g h i j k"])
def test_a_search_that_is_too_long_is_answered_with_a_sentence(
    q: str, door: Device, clerk: User, manager_client: Client
) -> None:
    past_unlock(door, clerk)
    for name in ("auditevent", "unlockrequest"):
        answer = manager_client.get(f"/admin/locks/{name}/", {"q": q})
        assert answer.status_code == 400
        assert "at most" in answer.content.decode()
    ten = {"q": "a b c d e f g h i j"}
    assert manager_client.get("/admin/locks/auditevent/", ten).status_code == 200


def test_what_an_administrator_did_is_found_by_who_it_was(
    north: Building, superuser: User, manager_client: Client
) -> None:
    """Who holds no role in the building is not on offer, and the record's pages lead there."""
    freezing.freeze_building(actor=superuser, building=north, reason="Drill")
    (event,) = rows(manager_client, "auditevent", person=superuser.pk)
    assert event.kind == Kind.BUILDING_FROZEN


def test_a_door_that_has_moved_away_is_found_by_its_number(
    south: Building, door: Device, clerk: User, superuser: User, manager_client: Client
) -> None:
    request = past_unlock(door, clerk)
    places.assign_door(actor=superuser, device=door, building=south)
    past_unlock(Device.objects.get(pk=door.pk), make_user("southerner", name="Of the south"))
    assert rows(manager_client, "unlockrequest", door=door.pk) == [request]
    page = manager_client.get(f"/admin/locks/unlockrequest/?door={door.pk}").content.decode()
    assert f"#{door.pk}</label>" in page
    assert "Of the south" not in page


def test_a_list_of_choices_that_is_too_long_says_so(
    door: Device, clerk: User, manager_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "MOST_OFFERED", 1)
    request = past_unlock(door, clerk)
    make_device(door.building, label="Cellar")
    page = manager_client.get("/admin/locks/unlockrequest/").content.decode()
    assert "Too many to list" in page
    assert rows(manager_client, "unlockrequest", door=door.pk) == [request]


def test_all_words_of_a_search_must_fit(door: Device, clerk: User, manager_client: Client) -> None:
    wanted = past_unlock(door, clerk, reason="Courier for room 7")
    past_unlock(door, clerk, reason="Courier for room 8")
    assert rows(manager_client, "unlockrequest", q="7 courier clerk") == [wanted]
    assert {e.request for e in rows(manager_client, "auditevent", q="7 courier clerk")} == {wanted}


# --- One row, and the way on ---------------------------------------------------------------------


@pytest.mark.parametrize("name", LISTS)
def test_a_row_leads_to_the_next_ones_of_the_same_choice(
    name: str, door: Device, clerk: User, manager_client: Client
) -> None:
    for _each in range(3):
        past_unlock(door, clerk)
        past_unlock(make_device(door.building), clerk)
    kept = f"door={door.pk}"
    listed = rows(manager_client, name, door=door.pk)
    address = f"/admin/locks/{name}/{listed[1].pk}/change/?_changelist_filters={quote(kept)}"
    html = unescape(manager_client.get(address).content.decode())
    ways = dict(
        re.findall(
            rf'href="/admin/locks/{name}/(\d+)/change/\?(_changelist_filters=[^"]+)" rel=', html
        )
    )
    assert list(ways) == [str(listed[0].pk), str(listed[2].pk)]
    assert set(ways.values()) == {f"_changelist_filters={quote(kept, safe='')}"}
    assert f'href="/admin/locks/{name}/?{kept}"' in html


def test_the_first_and_the_last_row_lead_one_way_only(
    door: Device, clerk: User, manager_client: Client
) -> None:
    oldest, newest = past_unlock(door, clerk), past_unlock(door, clerk)
    for row, rel in ((newest, "next"), (oldest, "prev")):
        html = manager_client.get(f"/admin/locks/unlockrequest/{row.pk}/change/").content.decode()
        assert re.findall(r'rel="(next|prev)"', html) == [rel]


def test_a_row_with_a_senseless_choice_is_answered_with_a_sentence(
    door: Device, clerk: User, manager_client: Client
) -> None:
    request = past_unlock(door, clerk)
    page = f"/admin/locks/unlockrequest/{request.pk}/change/"
    for kept in ("since=never", "password__startswith=a"):
        assert manager_client.get(page, {"_changelist_filters": kept}).status_code == 400


def test_a_request_tells_its_story_to_the_millisecond(
    door: Device, clerk: User, manager_client: Client, long_ago: Callable[..., UnlockRequest]
) -> None:
    at = dt.datetime(2025, 7, 10, 1, 14, 9, 87_000, tzinfo=dt.UTC)
    request = long_ago(at, door, clerk, reason="Courier", status=Status.FAILED, code="not_sent")
    html = manager_client.get(f"/admin/locks/unlockrequest/{request.pk}/change/").content.decode()
    story = html[html.index('class="timeline"') :]
    for told in (
        "2025-07-10 02:14:09.087 Europe/Lisbon",
        "2025-07-10 01:14:09.087 UTC",
        "+0.000 s",
        "unlock requested",
        "Not unlocked",
        "Seam could not be reached; nothing was sent",
        "Clerk (clerk)",
    ):
        assert told in story, told
    assert story.index("unlock requested") < story.index("Not unlocked")


def test_a_story_tells_what_else_happened_at_the_door(
    north: Building, door: Device, clerk: User, manager_client: Client
) -> None:
    request = past_unlock(door, clerk, reason="Courier")
    past_refusal(door, make_user("other", name="Somebody else"))
    past_refusal(make_device(north, label="Cellar"), make_user("third", name="Third person"))
    html = manager_client.get(f"/admin/locks/unlockrequest/{request.pk}/change/").content.decode()
    beside = html[html.index("At this door around then") :]
    assert "Somebody else" in beside
    assert "Third person" not in beside


def test_a_door_that_moved_tells_its_new_managers_nothing_of_before(
    north: Building, south: Building, door: Device, clerk: User
) -> None:
    request = past_unlock(door, clerk)
    door.building = south
    door.save()
    past_refusal(door, make_user("stranger", name="Of the south"))
    administrator = signed_in(make_superuser())
    html = administrator.get(f"/admin/locks/unlockrequest/{request.pk}/change/").content.decode()
    assert "Of the south" not in html


@pytest.mark.parametrize("name", LISTS)
def test_a_page_of_the_history_asks_a_constant_number_of_questions(
    name: str, door: Device, clerk: User, manager_client: Client
) -> None:
    def questions(path: str) -> int:
        with CaptureQueriesContext(connection) as asked:
            assert manager_client.get(path).status_code == 200
        # A session is written now and then, and Django remembers its own tables.
        return len([each for each in asked if '"locks_' in each["sql"]])

    request = past_unlock(door, clerk)
    row = {
        "auditevent": request.events.first(),
        "unlockrequest": request,
        "press": request.presses.get(),
    }[name]
    paths = (f"/admin/locks/{name}/", f"/admin/locks/{name}/{row.pk}/change/")
    few = [questions(path) for path in paths]
    for _each in range(12):
        past_unlock(door, clerk)
    assert [questions(path) for path in paths] == few
    assert max(few) < 30


def test_a_kind_of_event_is_found_among_many(
    long_history: None, north: Building, door: Device, clerk: User, manager_client: Client
) -> None:
    past_refusal(door, clerk)
    (event,) = rows(manager_client, "auditevent", kind=Kind.UNLOCK_REFUSED)
    assert event.kind == Kind.UNLOCK_REFUSED
