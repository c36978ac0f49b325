"""The guard against the wrong door: which doors are easily taken for others, and what tells them apart."""

import re
from urllib.parse import quote

import pytest
from django.test import Client
from django.utils import timezone

from locks.models import (
    AuditEvent,
    Building,
    Device,
    Kind,
    Press,
    Status,
    UnlockRequest,
    User,
    Verdict,
)
from locks.services.look_alikes import Doubt, doubts_of
from locks.simulator import Simulator
from locks.tests.conftest import signed_in
from locks.tests.factories import grant, make_building, make_device, make_user, request_of
from locks.tests.history import past_unlock
from locks.tests.test_desk import HTMX, token_in
from locks.tests.test_door_card import words

MAIN = "harbour-main-entrance"


@pytest.fixture
def annex(clerk: User) -> Building:
    """A second building where the clerk of North House unlocks."""
    building = make_building("Annex Park")
    grant(clerk, building)
    return building


@pytest.fixture
def room(north: Building) -> Device:
    """A common Room 112, beside a Room 211."""
    make_device(north, label="Room 211")
    return make_device(north, label="Room 112", seam_device_id=MAIN)


@pytest.fixture
def desk(clerk: User, simulator: Simulator) -> Client:
    return signed_in(clerk)


def doubt(person: User, device: Device) -> Doubt | None:
    return doubts_of(person, [device], at=timezone.now()).get(device.pk)


# --- Which doors ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "other"),
    [
        ("Room 112", "Room 113"),
        ("Room 112", "Room 211"),
        ("Room 112", "Room 121"),
        ("Room 112", "Room 1112"),
        ("Room 112", "Room 11"),
        ("Gate A", "gate b"),
        ("Café", "Cafe"),
        ("Suite 1408", "Suite 4108"),
        ("Room 1.12", "Room 11.2"),
    ],
)
def test_a_door_looks_like_another_of_its_building(north, clerk, label: str, other: str) -> None:
    door, alike = make_device(north, label=label), make_device(north, label=other)
    assert doubt(clerk, door).alike == other
    assert doubt(clerk, alike).alike == label


@pytest.mark.parametrize(
    ("label", "other"),
    [
        ("Room 112", "Room 345"),
        ("Room 101", "Room 310"),
        ("East gate", "West gate"),
        ("Main entrance", "Staff entrance"),
    ],
)
def test_a_door_does_not_look_like_another(north, clerk, label: str, other: str) -> None:
    door = make_device(north, label=label)
    make_device(north, label=other)
    assert doubt(clerk, door) is None


def test_the_same_label_in_another_building_is_a_twin_and_a_similar_one_is_not(
    north, south, annex, clerk
) -> None:
    door, gate = make_device(north, label="Room 112"), make_device(north, label="Gate")
    make_device(annex, label="room 112")
    make_device(annex, label="Gates")
    make_device(south, label="Gate")  # a stranger's
    assert doubt(clerk, door).twins == ("Annex Park",)
    assert doubt(clerk, gate) is None


def test_a_door_is_elsewhere_where_none_of_the_last_ten_unlocks_was(north, annex, clerk) -> None:
    here, there = make_device(north, label="Gate"), make_device(annex, label="Cellar")
    assert doubt(clerk, there) is None  # nobody knows yet where they work
    past_unlock(there, clerk)
    for _each in range(9):
        past_unlock(here, clerk)
    assert doubt(clerk, there) is None
    past_unlock(here, clerk)
    assert doubt(clerk, there).is_elsewhere
    assert doubt(clerk, here) is None


# --- What tells them apart ------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["112", " room 112", "112 room", "112 park", "112 annex park"])
def test_the_number_or_the_label_says_which_one_is_meant(typed: str) -> None:
    assert Doubt("Room 112", "Annex Park", alike="Room 211").is_dispelled(typed)


@pytest.mark.parametrize("typed", ["", "11", "211", "room", "park", "112 east", "112 211"])
def test_less_or_something_else_does_not(typed: str) -> None:
    assert not Doubt("Room 112", "Annex Park", alike="Room 211").is_dispelled(typed)


def test_too_little_is_told_from_something_else() -> None:
    both = Doubt("Room 2.104", "Annex Park", alike="Room 2.105", twins=("North House",))
    elsewhere = Doubt("Front door", "Annex Park", is_elsewhere=True)
    for typed in ("", "2104", "2.104", "room", "park", "ann"):
        assert not both.is_contradicted(typed), typed
    for typed in ("211", "21", "2105", "room 2.105", "north", "2104 north", "x"):
        assert both.is_contradicted(typed), typed
    same = Doubt("Room 2.104", "Annex Park", alike="Room 21.04", shares_number=True)
    assert not same.is_contradicted("2104")  # the number of both
    assert not elsewhere.is_contradicted("front park")
    assert elsewhere.is_contradicted("staff park")
    plain = Doubt("Room 112", "Annex Park", alike="Room 211")
    assert not plain.is_contradicted("no 112")
    assert plain.is_contradicted("no 211")


def test_of_twins_the_building_has_to_be_said() -> None:
    twin = Doubt("Room 112", "Annex Park", twins=("Annex Mill", "North House"))
    for typed in ("park", "112 park", "annex park", "Room 112 Par"):
        assert twin.is_dispelled(typed), typed
    for typed in ("112", "annex", "112 annex", "mill", "p", "north"):
        assert not twin.is_dispelled(typed), typed
    both = Doubt("Room 112", "Annex Park", alike="Room 211", twins=("North House",))
    assert both.is_dispelled("112 annex")
    assert not both.is_dispelled("annex")
    assert not both.is_dispelled("112")


def test_a_door_without_a_number_is_meant_by_its_name_or_its_building() -> None:
    elsewhere = Doubt("Main entrance", "Annex Park", is_elsewhere=True)
    for typed in ("main entrance", "annex park", "entrance main park"):
        assert elsewhere.is_dispelled(typed), typed
    for typed in ("main", "annex", "gate"):
        assert not elsewhere.is_dispelled(typed), typed


def test_in_another_building_than_ones_own_the_search_has_to_say_which() -> None:
    elsewhere = Doubt("Room 112", "Annex Park", is_elsewhere=True, familiar=("Hotel Annex",))
    assert elsewhere.is_dispelled("112")  # in the question, under the building's name
    # What begins the name of the building where one works tells nothing.
    assert not elsewhere.is_dispelled("", found_by="112 annex")
    for typed in ("112 park", "annex park room 112"):
        assert elsewhere.is_dispelled("", found_by=typed), typed
    for typed in ("112", "room 112", "park", "annex park"):
        assert not elsewhere.is_dispelled("", found_by=typed), typed


# --- The press ------------------------------------------------------------------------------------


def test_typing_the_exact_number_is_the_confirmation(desk, room, simulator) -> None:
    page = desk.get("/?q=112").content.decode()
    form = re.search(
        rf'<form class="action"[^>]*/doors/{room.pk}/unlock/.*?</form>', page, re.DOTALL
    )[0]
    assert '<input type="hidden" name="found_by" value="112">' in form
    data = {"token": token_in(page, room), "found_by": "112"}
    answer = desk.post(f"/doors/{room.pk}/unlock/", data, headers=HTMX)
    assert "Waiting for the lock…" in words(answer.content.decode())
    assert simulator.posts(MAIN) == 1


@pytest.mark.parametrize("path", ["/", "/?q=room", "/?q=11"])
def test_a_look_alike_picked_from_a_list_is_asked_about_although_it_is_common(
    desk, room, path
) -> None:
    page = desk.get(path).content.decode()
    assert f'action="/doors/{room.pk}/unlock/"' not in page
    assert f'href="/doors/{room.pk}/" data-ask' in page
    question = desk.get(f"/doors/{room.pk}/").content.decode()
    assert "It looks like Room 211" in words(question)
    assert re.search(r'<label for="named">Type its number</label>\s*<input id="named"', question)


@pytest.mark.parametrize(
    ("other", "query", "is_named"),
    [
        ("Room 2.105", "2104", True),
        ("Room 2.105", "210", False),  # no door's number, although it finds both
        ("Room 21.04", "2104", False),  # the number of both
        ("Room 21.04", "room 2.104", True),
    ],
)
def test_a_door_found_without_what_stands_within_its_number_is_asked_about_as_before(
    desk, north, other: str, query: str, is_named: bool
) -> None:
    make_device(north, label=other)
    door = make_device(north, label="Room 2.104")
    page = desk.get("/", {"q": query}).content.decode()
    assert f'id="door-{door.pk}"' in page
    assert (f'action="/doors/{door.pk}/unlock/"' in page) is is_named


def test_the_service_refuses_a_look_alike_that_was_not_named_and_keeps_what_was_typed(
    desk, room, simulator
) -> None:
    token = token_in(desk.get(f"/doors/{room.pk}/").content.decode(), room)
    answer = desk.post(f"/doors/{room.pk}/unlock/", {"token": token, "named": "211"}, headers=HTMX)
    html = answer.content.decode()
    assert answer.headers["HX-Retarget"] == "#confirm-body"
    assert "What you typed does not name this door" in words(html)
    assert words(html).count("Nothing was sent") == 1
    assert 'value="211"' in html
    assert simulator.calls == []
    press = Press.objects.get()
    assert (press.verdict, press.code) == (Verdict.REFUSED, "wrong_door")
    assert AuditEvent.objects.get(kind=Kind.UNLOCK_REFUSED).detail.content["code"] == "wrong_door"
    again = {"token": token_in(html, room), "named": "112", "asked": "1"}
    assert desk.post(f"/doors/{room.pk}/unlock/", again).status_code == 303
    assert simulator.posts(MAIN) == 1


def test_a_number_that_finds_another_buildings_door_asks_for_it_once_more(
    desk, north, annex, clerk, simulator
) -> None:
    past_unlock(make_device(north, label="Gate"), clerk)
    door = make_device(annex, label="Room 112", seam_device_id=MAIN)
    page = desk.get("/?q=112").content.decode()
    assert f'href="/doors/{door.pk}/" data-ask' in page
    question = desk.get(f"/doors/{door.pk}/").content.decode()
    assert "You have not unlocked in Annex Park lately." in words(question)
    token = token_in(question, door)
    desk.post(f"/doors/{door.pk}/unlock/", {"token": token, "found_by": "112"}, headers=HTMX)
    assert Press.objects.latest("pk").code == "which_door"
    assert simulator.calls == []
    page = desk.get("/?q=112+annex").content.decode()
    data = {"token": token_in(page, door), "found_by": "112 annex"}
    desk.post(f"/doors/{door.pk}/unlock/", data, headers=HTMX)
    assert simulator.posts(MAIN) == 1


def test_what_was_typed_goes_along_into_the_question_of_a_private_door(desk, room) -> None:
    Device.objects.filter(pk=room.pk).update(access=Device.Access.PRIVATE)
    page = desk.get("/?q=112").content.decode()
    assert f'href="/doors/{room.pk}/?found_by=112"' in page
    question = desk.get(f"/doors/{room.pk}/?found_by={quote('112')}").content.decode()
    assert '<input type="hidden" name="found_by" value="112">' in question
    assert "Type its number" not in words(question)


def test_a_second_press_after_an_unknown_outcome_is_not_asked_twice(
    desk, room, clerk, simulator
) -> None:
    unknown = request_of(room, clerk, Status.UNKNOWN, code="no_answer")
    question = desk.get(f"/doors/{room.pk}/").content.decode()
    assert "Type its number" not in words(question)
    data = {"token": token_in(question, room), "again": unknown.pk, "asked": "1"}
    desk.post(f"/doors/{room.pk}/unlock/", data, headers=HTMX)
    assert simulator.posts(MAIN) == 1


def test_an_own_unknown_outcome_of_long_ago_is_no_reason_not_to_ask(desk, room, clerk) -> None:
    for seconds, asks in ((60, False), (3_600, True)):
        UnlockRequest.objects.all().delete()
        request_of(room, clerk, Status.UNKNOWN, ago=seconds, code="no_answer")
        question = words(desk.get(f"/doors/{room.pk}/").content.decode())
        assert ("Type its number" in question) is asks


def test_after_a_colleagues_unknown_outcome_the_number_is_asked_for_too(
    desk, north, room, simulator
) -> None:
    colleague = make_user("ana", name="Ana")
    grant(colleague, north)
    unknown = request_of(room, colleague, Status.UNKNOWN, code="no_answer")
    question = desk.get(f"/doors/{room.pk}/").content.decode()
    assert "again anyway?" in words(question)
    assert "Type its number" in words(question)
    again = {"again": unknown.pk, "asked": "1"}
    answer = desk.post(
        f"/doors/{room.pk}/unlock/", {"token": token_in(question, room), **again}, headers=HTMX
    )
    assert Press.objects.get().code == "which_door"
    assert simulator.calls == []
    token = token_in(answer.content.decode(), room)
    desk.post(f"/doors/{room.pk}/unlock/", {"token": token, "named": "112", **again}, headers=HTMX)
    assert simulator.posts(MAIN) == 1
