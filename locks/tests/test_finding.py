"""Finding a door: what typed words mean, and what a page of many doors shows."""

import re

import pytest
from django.test import Client
from django.utils import timezone

from locks.models import (
    MOST_FAVOURITES,
    Building,
    Device,
    Favourite,
    Kind,
    Status,
    UnlockRequest,
    User,
)
from locks.services import places
from locks.services.door_names import fold, names, number_of
from locks.tests.conftest import signed_in
from locks.tests.factories import grant, make_building, make_device, make_user, request_of
from locks.tests.history import past_refusal, past_unlock
from locks.tests.test_door_card import words
from locks.tests.test_places import told
from locks.views.finding import Door, find
from locks.views.groups import FEW, MANY, MOST_FOUND, MOST_IN_AREA, MOST_RECENT, in_order

HTMX = {"HX-Request": "true"}


def doors(*labels: str, area: str = "", building: str = "North House") -> list[Door]:
    return [
        Door(number, 1, building, area, label, "", "common") for number, label in enumerate(labels)
    ]


def found(query: str, among: list[Door]) -> list[str]:
    return [door.label for door in find(among, query)]


def labels_on(html: str) -> list[str]:
    return re.findall(r'<article id="door-[^>]*data-label="([^"]*)"', html)


def fill(building: Building, number: int, *, area: str = "", prefix: str = "Room") -> None:
    Device.objects.bulk_create(
        Device(
            building=building,
            seam_device_id=f"{building.pk}-{area}-{prefix}-{each}",
            label=f"{prefix} {each}",
            area=area,
            access=Device.Access.PRIVATE,
            can_remotely_unlock=True,
        )
        for each in range(1, number + 1)
    )


# --- What words mean ------------------------------------------------------------------------------


def test_the_exact_number_comes_first_then_what_begins_with_it_then_what_holds_it() -> None:
    among = doors("Room 112", "Room 120", "Room 12", "Room 3")
    assert found("12", among) == ["Room 12", "Room 120", "Room 112"]
    assert found("112", among) == ["Room 112"]


@pytest.mark.parametrize(
    ("query", "label"),
    [
        ("room 12", "Room 12"),
        ("12 ROOM", "Room 12"),
        ("room12", "Room 12"),
        ("12", "R12"),
        ("012", "Room 12"),
        ("2.104", "Apartment 2.104"),
        ("ubers", "Überseehalle"),
        ("café", "Cafe"),
        ("strasse", "Straße"),
        ("log ost", "Østre Łogowisko"),
        ("main ent", "Main entrance"),
        ("7b", "Suite 7B"),
        ("2104", "Room 2.104"),
        ("210", "Room 2.104"),
        ("room2104", "Room 2.104"),
        ("b2104", "Room B2.104"),
        ("2104", "Room B2.104"),
        ("112", "East 1/12"),
        ("wifi", "Wi-Fi closet"),
        ("obrien", "O'Brien"),
    ],
)
def test_words_are_found_by_their_beginning_in_any_order_without_case_and_accents(
    query: str, label: str
) -> None:
    assert found(query, doors("Nowhere 99", label)) == [label]


def test_a_number_that_is_written_as_typed_comes_before_one_with_something_within() -> None:
    among = doors("East 1/12", "Room 1210", "Room 1.125", "Room 3112", "Room 112", "Room 1120")
    whole, prefixes = ["Room 112", "East 1/12"], ["Room 1120", "Room 1.125"]
    assert found("112", among) == [*whole, *prefixes, "Room 3112"]


def test_area_building_and_nickname_are_found_too_and_weigh_less_than_the_label() -> None:
    among = [
        *doors("Gate", area="Yard"),
        *doors("Yard door", area="Basement"),
        *doors("Lift", area="Yard", building="Park Residence"),
        Door(9, 1, "North House", "", "Room 5", "bridal suite", "private"),
    ]
    assert found("yard", among) == ["Yard door", "Gate", "Lift"]
    assert found("yard park", among) == ["Lift"]
    assert found("suite", among) == ["Room 5"]


@pytest.mark.parametrize("query", ["", "   ", "/", "xyz", "room 12 xyz"])
def test_what_means_no_door_finds_none(query: str) -> None:
    assert found(query, doors("Room 12")) == []


def test_the_doors_of_an_area_that_is_called_so_come_before_those_that_fit_word_by_word() -> None:
    among = [*doors("Room 140", "Room 14", area="Floor 1"), *doors("Room 1401", area="Floor 14")]
    assert found("floor 14", among) == ["Room 1401", "Room 14", "Room 140"]
    assert found("14 floor", among)[0] == "Room 1401"


def test_what_says_that_a_number_follows_is_not_looked_for() -> None:
    among = doors("Room 112", "Room 1120", "Room 12")
    for typed in ("No 112", "no. 112", "Nr 112", "№ 112", "№112", "number 112"):
        assert found(typed, among) == ["Room 112", "Room 1120"], typed
        assert names(typed, "Room 112")
    assert found("no", doors("Room 112", building="Park")) == []
    assert found("no 12", doors("No 12", "Gate 12", building="Park")) == ["No 12"]
    assert not names("no 112", "Room 12")


def test_a_number_or_the_whole_label_names_a_door_and_a_part_does_not() -> None:
    assert number_of("Room 2.104 east") == "2104"
    assert number_of("Suite 12A") == "12a"
    assert number_of("Main entrance") == ""
    for typed in ("112", " room 112", "112 room", "#112"):
        assert names(typed, "Room 112"), typed
    for typed in ("", "11", "1122", "room", "Room 11", "112 Room east"):
        assert not names(typed, "Room 112"), typed
    assert names("entrance main", "Main entrance")
    assert fold("ÅNGSTRÖM  Straße") == "angstrom strasse"


# --- The page -------------------------------------------------------------------------------------


def test_the_desk_shows_what_was_searched_and_stays_with_it(north: Building, clerk: User) -> None:
    for label in ("Room 112", "Room 12", "Gate"):
        make_device(north, label=label)
    client = signed_in(clerk)
    page = client.get("/?q=12").content.decode()
    assert labels_on(page) == ["Room 12", "Room 112"]
    assert "2 doors found for “12”" in words(page)
    [address] = re.findall(r'<section[^>]*hx-get="([^"]*)"', page)
    [of_main] = re.findall(r'<main[^>]*hx-get="([^"]*)"', page)
    assert (address, of_main) == (f"/buildings/{north.pk}/?q=12", "/?q=12")
    section = client.get(address, headers=HTMX).content.decode()
    assert labels_on(section) == ["Room 12", "Room 112"]
    part = client.get(of_main, headers={**HTMX, "HX-Target": "main"}).content.decode()
    assert part.startswith("<main")
    assert labels_on(part) == ["Room 12", "Room 112"]


def test_the_building_with_the_best_match_stands_first_and_others_without_one_are_left_out(
    north: Building, clerk: User
) -> None:
    annex, mill = make_building("Annex"), make_building("Mill")
    for building in (annex, mill):
        grant(clerk, building)
    make_device(annex, label="Room 112")
    make_device(north, label="Room 12")
    make_device(mill, label="Gate")
    page = signed_in(clerk).get("/?q=12").content.decode()
    assert labels_on(page) == ["Room 12", "Room 112"]
    assert page.count("<section") == 2
    alone = signed_in(clerk).get(f"/buildings/{mill.pk}/?q=12").content.decode()
    assert labels_on(alone) == []
    assert "No door of Mill is called “12”" in words(alone)
    assert "Search in all buildings" in words(alone)


def test_a_search_finds_nothing_of_other_buildings(south, clerk: User, north: Building) -> None:
    make_device(south, label="Room 12")
    page = words(signed_in(clerk).get("/?q=12").content.decode())
    assert "No door of North House is called “12”" in page
    assert "Room 12" not in page
    nobody = words(signed_in(make_user("nobody")).get("/?q=12").content.decode())
    assert "You hold no role in any building" in nobody


def test_what_came_of_ones_own_press_is_said_beside_another_search(
    north: Building, clerk: User
) -> None:
    mill, gate = make_building("Mill"), make_device(north, label="Gate")
    grant(clerk, mill)
    make_device(mill, label="Room 12")
    client = signed_in(clerk)
    assert "told-of-" not in client.get("/?q=12").content.decode()
    press = past_unlock(gate, clerk, status=Status.SENDING)
    for path in ("/?q=12", f"/buildings/{north.pk}/?q=12", f"/buildings/{north.pk}/?area=Cellar"):
        page = client.get(path).content.decode()
        assert 'data-own="waiting" data-count="1"' in page
        assert page.count(f'<p id="told-of-{gate.pk}" hidden data-label="Gate"') == 1
        assert "Gate" not in labels_on(page)
    assert "told-of-" not in client.get("/?q=gate").content.decode()
    other = make_user("other")
    grant(other, north)
    assert "told-of-" not in signed_in(other).get("/?q=12").content.decode()
    UnlockRequest.objects.filter(pk=press.pk).update(
        status=Status.UNLOCKED, confirmed_by_device=True, ended_at=timezone.now()
    )
    assert 'data-spoken="Unlocked' in client.get("/?q=12").content.decode()


def test_what_is_typed_comes_back_as_text(north: Building, clerk: User) -> None:
    html = signed_in(clerk).get("/", {"q": '"><script>x\0'}).content.decode()
    assert "<script>x" not in html
    assert "&quot;&gt;&lt;script&gt;x" in html


def test_the_search_stands_on_the_page_as_a_plain_form(north: Building, clerk: User) -> None:
    html = signed_in(clerk).get("/?q=gate").content.decode()
    form = re.search(r'<form id="finder".*?</form>', html, re.DOTALL)[0]
    assert 'method="get" action="/"' in form
    assert 'value="gate"' in form


def test_a_manager_gives_a_door_other_words_on_the_record(
    north: Building, manager: User, clerk: User
) -> None:
    door = make_device(north, label="Room 5")
    places.change_door(actor=manager, device=door, changes={"nickname": "bridal suite"})
    [(_where, detail)] = told(Kind.DOOR_CHANGED)
    assert detail["changed"] == {"nickname": ["", "bridal suite"]}
    assert labels_on(signed_in(clerk).get("/?q=bridal").content.decode()) == ["Room 5"]


def test_of_two_doors_of_one_number_the_one_where_one_works_comes_first(
    north: Building, clerk: User
) -> None:
    park = make_building("Park House")
    grant(clerk, park)
    twins = [make_device(building, label="Room 112") for building in (north, park)]
    client = signed_in(clerk)

    def order() -> list[str]:
        page = client.get("/?q=112").content.decode()
        return re.findall(r'<section id="building-([0-9]+)"', page)

    assert order() == [str(north.pk), str(park.pk)]
    for ago in range(600, 611):
        request_of(twins[1], clerk, Status.UNLOCKED, ago=ago)
    assert order() == [str(park.pk), str(north.pk)]


# --- Many doors -----------------------------------------------------------------------------------


@pytest.fixture
def tower(north: Building) -> Building:
    """North House with 2,000 rooms on four floors, and its entrance."""
    for floor in ("First floor", "Second floor", "Third floor", "Fourth floor"):
        fill(north, 500, area=floor, prefix=f"{floor[0]} Room")
    make_device(north, label="Main entrance", area="Ground floor")
    return north


def test_two_thousand_doors_are_a_small_page_of_links(
    tower: Building, clerk: User, django_assert_max_num_queries
) -> None:
    client = signed_in(clerk)
    client.get("/")
    with django_assert_max_num_queries(26):
        page = client.get("/").content.decode()
    assert labels_on(page) == []
    assert len(page) < 40_000
    told = words(page)
    assert "All 2001 doors by floor or area" in told
    assert "First floor 500" in told
    assert f"/buildings/{tower.pk}/?area=First+floor" in page
    with django_assert_max_num_queries(20):
        section = client.get(f"/buildings/{tower.pk}/", headers=HTMX).content.decode()
    assert len(section) < 20_000
    with django_assert_max_num_queries(21):
        answer = client.get(f"/buildings/{tower.pk}/?q=1", headers=HTMX).content.decode()
    assert len(labels_on(answer)) == MOST_FOUND
    assert "The first 24 of " in words(answer)


def test_an_area_opens_by_a_link_and_leads_back(tower: Building, clerk: User) -> None:
    client = signed_in(clerk)
    page = client.get(f"/buildings/{tower.pk}/?area=First+floor").content.decode()
    assert len(labels_on(page)) == MOST_IN_AREA
    assert labels_on(page)[:2] == ["F Room 1", "F Room 2"]
    assert "Back to all 2001 doors of North House" in words(page)
    assert f'hx-get="/buildings/{tower.pk}/?area=First+floor"' in page
    gone = words(client.get(f"/buildings/{tower.pk}/?area=Attic").content.decode())
    assert "There is no door in this area any more" in gone


def test_a_large_building_shows_what_one_pressed_lately_and_where_something_goes_on(
    tower: Building, clerk: User, south: Building
) -> None:
    def room(number: int) -> Device:
        return Device.objects.get(label=f"S Room {number}", building=tower)

    ana = make_user("ana")
    past_unlock(room(1), clerk)
    past_refusal(room(2), clerk)
    request_of(room(3), ana, Status.PENDING, ago=1)
    request_of(room(4), ana, Status.UNKNOWN, ago=3600)
    request_of(room(5), ana, Status.UNKNOWN, ago=13 * 3600)
    request_of(room(6), ana, Status.UNLOCKED, ago=20)
    request_of(room(7), ana, Status.UNLOCKED, ago=600)
    request_of(room(8), ana, Status.UNKNOWN, ago=700)
    request_of(room(8), ana, Status.UNLOCKED, ago=600, action_attempt_id="later")
    page = signed_in(clerk).get("/").content.decode()
    assert labels_on(page) == [f"S Room {number}" for number in (1, 2, 3, 4, 6)]
    told = words(page)
    assert told.index("Your recent doors") < told.index("S Room 1 ")
    assert told.index("Happening now") < told.index("S Room 3 ")
    back = signed_in(clerk).get(f"/?door={room(9).pk}").content.decode()
    assert "S Room 9" in labels_on(back)
    # The building asks anew as soon as its stream opens, and keeps the door.
    asks = re.search(r'class="building"[^>]*hx-get="([^"]+)"', back)[1]
    assert "S Room 9" in labels_on(signed_in(clerk).get(asks, headers=HTMX).content.decode())


def test_areas_go_by_the_number_in_their_name_or_else_by_those_of_their_doors() -> None:
    def order(**areas: str) -> list[str]:
        held = [
            Door(pk, 1, "North House", area.replace("_", " "), label, "", "private")
            for area, labels in areas.items()
            for pk, label in enumerate(labels.split(","))
        ]
        return list(dict.fromkeys(door.area for door in in_order(held)))

    by_doors = {
        "Fifth": "Room 501,Room 502",
        "First": "Room 102,Fire exit 9,Room 101",
        "Yard": "Gate",
    }
    assert order(**by_doors, Second="201a") == ["Yard", "First", "Second", "Fifth"]
    by_name = {"Floor_10": "Suite 1", "Floor_2": "Suite 20", "Floor_1": "Gate"}
    assert order(**by_name) == ["Floor 1", "Floor 2", "Floor 10"]


def test_up_to_the_limit_all_doors_stand_on_the_page(north: Building, clerk: User) -> None:
    fill(north, MANY)
    past_unlock(Device.objects.get(label="Room 7"), clerk)
    page = signed_in(clerk).get("/").content.decode()
    assert len(labels_on(page)) == MANY
    assert "<h2>Your recent doors" not in page  # a press moves no door about


@pytest.fixture
def chain(clerk: User) -> list[Building]:
    """Forty houses of fifty doors each, and a hut of five."""
    houses = [make_building(f"House {number:02}") for number in range(1, 41)]
    hut = make_building("Hut")
    for building in [*houses, hut]:
        grant(clerk, building)
    Device.objects.bulk_create(
        Device(
            seam_device_id=f"chain-{building.pk}-{number}",
            building=building,
            label=f"{building.name} door {number}",
            area=f"Floor {number % 3}",
            access=Device.Access.COMMON,
        )
        for building in [*houses, hut]
        for number in range(5 if building == hut else 50)
    )
    return [hut, *houses]


def test_two_thousand_doors_of_forty_buildings_are_a_page_of_links_too(
    chain: list[Building], clerk: User
) -> None:
    hut, first, second, *_others = chain
    pressed = second.devices.get(label="House 02 door 7")
    past_unlock(pressed, clerk)
    client = signed_in(clerk)
    page = client.get("/").content.decode()
    shown = labels_on(page)
    assert sorted(shown) == ["House 02 door 7", *(f"Hut door {number}" for number in range(5))]
    assert "All 50 doors by floor or area" in words(page)
    assert "Type a room number or a name" not in words(page)  # forty times
    # Each section is asked for again by itself, and is the same.
    for building, cards in ((hut, 5), (first, 0), (second, 1)):
        address = f"/buildings/{building.pk}/?most=49"
        assert f'hx-get="{address}"' in page
        again = client.get(address, headers=HTMX).content.decode()
        assert len(labels_on(again)) == cards
        assert f'hx-get="{address}"' in again
    alone = client.get(f"/buildings/{first.pk}/").content.decode()
    assert len(labels_on(alone)) == 50
    for nonsense in ("x", "-1", "9999", "²"):
        found = client.get(f"/buildings/{first.pk}/", {"most": nonsense}, headers=HTMX)
        assert len(labels_on(found.content.decode())) == 50


def test_links_lead_to_recent_doors_where_several_small_buildings_fill_the_page(
    north: Building, south: Building, clerk: User
) -> None:
    grant(clerk, south)
    fill(north, FEW // 2)
    fill(south, FEW // 2 + 1)
    door = south.devices.get(label="Room 3")
    past_unlock(door, clerk)
    client = signed_in(clerk)
    page = client.get("/").content.decode()
    assert len(labels_on(page)) == FEW + 1
    section = re.search(rf'hx-get="(/buildings/{south.pk}/[^"]*)"', page)
    assert section
    for each in (page, client.get(section[1], headers=HTMX).content.decode()):
        assert f'<a id="recent-{door.pk}" href="#door-{door.pk}"><bdi>Room 3</bdi></a>' in each


def test_a_building_offers_the_same_recent_doors_alone_as_among_others(
    north: Building, south: Building, clerk: User
) -> None:
    grant(clerk, south)
    for building in (north, south):
        fill(building, MANY)
    for building, number in ((north, 4), (south, MOST_RECENT + 1)):
        for door in building.devices.order_by("pk")[:number]:
            past_refusal(door, clerk)
    client = signed_in(clerk)
    page = client.get("/").content.decode()
    assert len(labels_on(page)) == 4 + MOST_RECENT
    alone = [
        client.get(f"/buildings/{each.pk}/?most=59", headers=HTMX).content.decode()
        for each in (north, south)
    ]
    assert labels_on(page) == labels_on(alone[0]) + labels_on(alone[1])


# --- Favourites -----------------------------------------------------------------------------------


def star(client: Client, door: Device, word: str = "keep", **options):
    return client.post("/favourites/", {word: door.pk}, **options)


def test_in_a_building_of_some_doors_links_lead_to_those_one_pressed_lately(
    north: Building, clerk: User
) -> None:
    fill(north, FEW + 1)
    gate, room = north.devices.get(label="Room 1"), north.devices.get(label="Room 2")
    client = signed_in(clerk)
    assert "recents" not in client.get("/").content.decode()
    past_refusal(gate, make_user("colleague"))
    for door in (gate, room):
        past_unlock(door, clerk)
    page = client.get("/").content.decode()
    links = re.findall(r'<a id="recent-\d+" href="(#door-\d+)"><bdi>([^<]*)</bdi></a>', page)
    assert links == [(f"#door-{room.pk}", "Room 2"), (f"#door-{gate.pk}", "Room 1")]
    assert labels_on(page)[:2] == ["Room 1", "Room 2"]  # where they stood before
    assert "recent-" not in client.get("/?q=room").content.decode()


def test_a_door_says_what_else_it_is_called(north: Building, clerk: User) -> None:
    make_device(north, label="Room 1", nickname="Bridal suite")
    assert "Also called Bridal suite" in words(signed_in(clerk).get("/?q=bridal").content.decode())


def test_a_favourite_stands_first_once_and_for_its_person_alone(
    north: Building, clerk: User, viewer: User
) -> None:
    make_device(north, label="Gate", area="Attic")
    room = make_device(north, label="Room 1", area="Yard")
    client = signed_in(clerk)
    answer = star(client, room)
    assert (answer.status_code, answer.headers["Location"]) == (
        303,
        f"/?door={room.pk}#door-{room.pk}",
    )
    star(client, room)
    page = client.get("/").content.decode()
    assert labels_on(page) == ["Room 1", "Gate"]
    assert words(page).index("Favourites") < words(page).index("Room 1")
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert labels_on(signed_in(viewer).get("/").content.decode()) == ["Gate", "Room 1"]
    card = star(client, room, "drop", headers=HTMX)
    assert card.headers["HX-Retarget"] == f"#door-{room.pk}"
    assert 'aria-pressed="false"' in card.content.decode()
    assert not Favourite.objects.exists()


def test_a_door_of_another_building_is_nobodys_favourite(
    north: Building, clerk: User, outsider: User
) -> None:
    door = make_device(north, label="Gate")
    gone = make_device(north, gone_at=timezone.now())
    assert star(signed_in(outsider), door).status_code == 404
    assert star(signed_in(clerk), gone).status_code == 404
    for odd in ({}, {"keep": "x"}, {"keep": "9" * 30}):
        assert signed_in(clerk).post("/favourites/", odd).status_code == 404
    assert not Favourite.objects.exists()


def test_a_favourite_gives_no_right(north: Building, clerk: User, viewer: User) -> None:
    door = make_device(north, label="Gate")
    Favourite.objects.keep(clerk, door)
    clerk.assignments.update(revoked_at=timezone.now())
    assert "Gate" not in signed_in(clerk).get("/").content.decode()


def test_there_is_room_for_some_favourites_and_the_next_one_says_so(
    north: Building, clerk: User
) -> None:
    for _each in range(MOST_FAVOURITES):
        assert Favourite.objects.keep(clerk, make_device(north))
    answer = star(signed_in(clerk), make_device(north), headers=HTMX)
    assert "there is no room for more" in words(answer.content.decode())
    assert Favourite.objects.count() == MOST_FAVOURITES


def test_in_a_large_building_favourites_stand_before_recent_doors(
    tower: Building, clerk: User
) -> None:
    first, second = (Device.objects.get(label=f"T Room {each}") for each in (10, 20))
    past_unlock(first, clerk)
    past_unlock(second, clerk)
    Favourite.objects.keep(clerk, second)
    assert labels_on(signed_in(clerk).get("/").content.decode()) == ["T Room 20", "T Room 10"]
