"""The desk log filtered: by door and person, as plain links and forms, and never beyond what one may see."""

import datetime as dt
import re

import pytest
from django.test import Client
from django.utils import timezone

from locks.models import Building, Device, Press, User, Verdict
from locks.tests.attacks import Page
from locks.tests.conftest import signed_in
from locks.tests.deliveries import tell
from locks.tests.factories import grant, make_building, make_device, make_user
from locks.tests.history import past_refusal, past_unlock, unlock_at
from locks.tests.test_door_card import words
from locks.views.desk_logs import SHORT_LOG
from locks.views.log import LONGEST_LOG

HTMX = {"HX-Request": "true"}


@pytest.fixture
def entrance(north: Building) -> Device:
    return make_device(north, label="Main entrance")


@pytest.fixture
def room(north: Building) -> Device:
    return make_device(north, label="Room 101", access=Device.Access.PRIVATE)


@pytest.fixture
def ana(north: Building) -> User:
    person = make_user("ana", name="Ana Lima")
    grant(person, north)
    return person


def section(client: Client, building: Building, **asked: object) -> str:
    """What the live refetch of the section brings."""
    asked = {f"log_{name}_{building.pk}": value for name, value in asked.items()}
    return client.get(f"/buildings/{building.pk}/", asked, headers=HTMX).content.decode()


def rows(html: str) -> list[str]:
    """The text of each row."""
    return [words(row) for row in re.findall(r'<li class="log-row.*?</li>', html, re.DOTALL)]


def options(html: str, kind: str) -> list[str]:
    select = re.search(rf'<select id="log-{kind}-.*?</select>', html, re.DOTALL)
    return [words(each) for each in re.findall(r"<option.*?</option>", select[0], re.DOTALL)]


def test_it_is_filtered_by_door_by_person_and_by_both(north, entrance, room, clerk, ana) -> None:
    past_unlock(entrance, clerk)
    past_unlock(room, clerk)
    past_unlock(room, ana)
    tell("lock.unlocked", entrance, method="keycode")
    desk = signed_in(clerk)
    assert len(rows(section(desk, north))) == 4
    by_door = rows(section(desk, north, door=entrance.pk))
    assert [("Clerk" in row, "by code" in row) for row in by_door] == [(False, True), (True, False)]
    by_person = rows(section(desk, north, person=clerk.pk))
    assert len(by_person) == 2
    assert all("Clerk" in row for row in by_person)
    (both,) = rows(section(desk, north, door=room.pk, person=ana.pk))
    assert "Room 101" in both
    assert "Ana Lima" in both


def test_who_joined_a_press_finds_it_under_their_name_too(north, entrance, clerk, ana) -> None:
    request = past_unlock(entrance, ana)
    Press.objects.add(device=entrance, person=clerk, verdict=Verdict.JOINED, request=request)
    html = section(signed_in(clerk), north, person=clerk.pk)
    (row,) = rows(html)
    assert "1 joined" in row
    assert options(html, "person") == ["Everybody", "Ana Lima", "Clerk"]


def test_it_offers_what_it_tells_of_and_nothing_else(
    north, south, entrance, room, clerk, ana, outsider, viewer
) -> None:
    make_device(north, label="Never pressed")
    past_unlock(entrance, ana)
    past_unlock(make_device(south, label="South door"), outsider)
    past_refusal(entrance, viewer)
    unlock_at(timezone.now() - dt.timedelta(hours=13), entrance, clerk)
    Press.objects.filter(person=clerk).update(pressed_at=timezone.now() - dt.timedelta(hours=13))
    tell("lock.unlocked", room, method="keycode")
    html = section(signed_in(clerk), north)
    assert options(html, "door") == ["All doors", "Main entrance"]
    assert options(html, "person") == ["Everybody", "Ana Lima"]


def test_somebodys_code_at_a_private_door_stays_hidden_whatever_is_chosen(
    north, room, clerk, manager
) -> None:
    tell("lock.unlocked", room, method="keycode")
    html = section(signed_in(clerk), north, door=room.pk)
    assert rows(html) == []
    assert "Nothing that matches in the last 12 hours." in words(html)
    assert "Room 101" not in options(html, "door")
    (row,) = rows(section(signed_in(manager), north, door=room.pk))
    assert "Unlocked by code" in row


def test_a_filter_by_somebody_elses_ids_finds_and_names_nothing(
    north, south, clerk, outsider
) -> None:
    there = make_device(south, label="South door")
    past_unlock(there, outsider)
    html = section(signed_in(clerk), north, door=there.pk, person=outsider.pk)
    assert rows(html) == []
    assert not re.search("South|Outsider", html)
    assert options(html, "door") == ["All doors", "Not in the log any more"]


@pytest.mark.parametrize("value", ["", "x", "-1", "²", "9" * 40, "1 OR 1=1", "\x00"])
def test_what_is_no_id_filters_nothing(north, entrance, clerk, value: str) -> None:
    past_unlock(entrance, clerk)
    assert len(rows(section(signed_in(clerk), north, door=value, person=value))) == 1


def test_it_works_as_a_plain_form_and_plain_links_a_filter_for_each_building(
    north, entrance, room, clerk, ana
) -> None:
    annex = make_building("Annex")
    grant(clerk, annex)
    gate = make_device(annex, label="Gate")
    for door, person in ((entrance, clerk), (room, clerk), (gate, clerk), (gate, ana)):
        past_unlock(door, person)
    desk = signed_in(clerk)
    first = desk.get("/", {f"log_person_{annex.pk}": ana.pk, "next": "x"})
    assert len(rows(first.content.decode())) == 3
    form = next(
        form
        for form in Page("/", first.content.decode()).forms
        if f"log_door_{north.pk}" in form.kinds
    )
    assert form.method == "get"
    sent = {**form.fields, f"log_door_{north.pk}": str(entrance.pk)}
    assert "next" not in sent
    page = desk.get(form.action, sent).content.decode()
    assert [row.split(" ", 1)[1][:4] for row in rows(page)] == ["Gate", "Main"]
    # The door of a row leads to that door alone; the link back keeps the other building's filter.
    html = first.content.decode()
    link = re.search(rf'href="(\?[^"]*log_door_{north.pk}={room.pk})#', html)[1]
    assert len(rows(desk.get("/" + link.replace("&amp;", "&")).content.decode())) == 2
    back = re.search(rf'href="(\?[^"]*)#desk-log-{north.pk}">Show the whole', page)[1]
    assert len(rows(desk.get("/" + back.replace("&amp;", "&")).content.decode())) == 3


def test_the_live_refetch_asks_with_the_filter(north, entrance, clerk) -> None:
    assert re.search(r'class="log-filter"[^>]* hidden>', section(signed_in(clerk), north))
    past_unlock(entrance, clerk)
    html = section(signed_in(clerk), north, door=entrance.pk)
    assert f'<section id="building-{north.pk}"' in html
    assert 'hx-include="find .log-filter"' in html
    assert re.search(rf'value="{entrance.pk}" selected', html)


def test_it_is_short_until_earlier_rows_are_asked_for_each_building_by_itself(
    north, south, entrance, clerk, ana
) -> None:
    grant(clerk, south)
    gate = make_device(south, label="Gate")
    now = timezone.now()
    for door in (entrance, gate):
        for number in range(SHORT_LOG + 5):
            unlock_at(now - dt.timedelta(minutes=number), door, clerk)
        unlock_at(now - dt.timedelta(hours=11), door, ana)
    for number in range(LONGEST_LOG):
        unlock_at(now - dt.timedelta(minutes=number), make_device(north), clerk)
    desk = signed_in(clerk)
    page = desk.get("/").content.decode()
    assert len(rows(page)) == 2 * SHORT_LOG
    assert "Ana Lima" in options(page, "person")  # whom only an earlier row tells of
    link = re.search(rf'href="(\?[^"]*log_long_{south.pk}=1)#desk-log-{south.pk}"', page)
    assert link
    longer = desk.get("/" + link[1]).content.decode()
    assert len(rows(longer)) == SHORT_LOG + SHORT_LOG + 6
    assert f'name="log_long_{south.pk}" value="1"' in longer  # and what is asked by itself has it
    assert len(re.findall("Show earlier", longer)) == 1
    both = re.search(rf'href="(\?[^"]*log_long_{north.pk}=1)#', longer)
    assert both
    longest = desk.get("/" + both[1].replace("&amp;", "&")).content.decode()
    assert len(rows(longest)) == LONGEST_LOG + SHORT_LOG + 6
    assert "Only the newest 100 are shown here." in words(longest)
    assert len(rows(section(desk, north, person=ana.pk))) == 1  # a filter finds it by itself
    assert len(rows(section(desk, north, person=clerk.pk))) == LONGEST_LOG
