"""Finding one door among two thousand in a real browser, by keyboard."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from locks.tests.desks import card, shell, unlock
from tools.stack import Stack

PARTS = ("web",)
NUMBERED = "harbour-parking-gate"  # becomes Room 1407


@pytest.fixture(scope="module", autouse=True)
def crowd(house: Stack) -> None:
    """Harbour House gets 2,000 doors in all; one that the simulator knows is among them."""
    shell(
        house,
        "from django.db import transaction\n"
        "from locks.services.audit import touch\n"
        "home = Building.objects.get(name='Harbour House')\n"
        f"Device.objects.filter(seam_device_id={NUMBERED!r}).update("
        "label='Room 1407', area='Floor 14', nickname='bridal suite')\n"
        "missing = 2000 - Device.objects.filter(building=home).count()\n"
        "numbers = [100 * floor + room for floor in range(1, 26) for room in range(1, 90)]\n"
        "Device.objects.bulk_create(Device(building=home, seam_device_id=f'made-up-{number}',"
        " label=f'Room {number}', area=f'Floor {number // 100}', online=True, locked=True,"
        " battery_level=0.8, can_remotely_unlock=True)"
        " for number in numbers[:missing + 1] if number != 1407)",
    )


def shown(page: Page) -> list[str]:
    return page.locator(".card h3").all_inner_texts()


def found(page: Page, *labels: str) -> None:
    expect(page.locator(".card h3")).to_have_text(list(labels))


def news(house: Stack) -> None:
    shell(
        house,
        "from locks.services.audit import touch; from django.db import transaction\n"
        "with transaction.atomic(): touch(Building.objects.get(name='Harbour House'))",
    )


def test_one_door_of_two_thousand_is_unlocked_by_its_number_and_one_key(
    sign_in, simulated, take
) -> None:
    simulated.behave(NUMBERED, "instant")
    page = sign_in("clerk")
    assert shown(page) == []  # nothing is at hand yet: 2,000 doors are links
    take(page, "find-many", everywhere=True)
    page.keyboard.type("1407")
    found(page, "Room 1407")
    expect(page.locator("#finder-say")).to_have_text("1 door found for “1407”: Room 1407")
    take(page, "find-number", everywhere=True)
    keys = ["Enter"]
    for key in keys:
        page.keyboard.press(key)
    expect(card(page, "Room 1407")).to_contain_text("Unlocked, confirmed")
    assert len(keys) <= 6
    assert simulated.posts(NUMBERED) == 1
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("1203")  # the next guest is at the desk
    found(page, "Room 1203")
    page.keyboard.press("Escape")
    expect(page.locator("#q")).to_have_value("")
    found(page, "Room 1407")  # now as a recent door
    expect(page.locator(".area h2")).to_have_text("Your recent doors")


def test_a_private_door_takes_four_keys(sign_in, simulated) -> None:
    simulated.behave("harbour-roof-door", "instant")
    page = sign_in("clerk2")
    page.keyboard.type("luggage harb")
    found(page, "Luggage room")
    page.keyboard.press("Escape")
    page.keyboard.type("roof")
    found(page, "Roof door")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Unlock Roof door?")
    keys = ["1", "Space", "Enter"]  # guest locked out, ID seen, Unlock
    for key in keys:
        page.keyboard.press(key)
    expect(card(page, "Roof door")).to_contain_text("Unlocked, confirmed")
    assert simulated.posts("harbour-roof-door") == 1


def test_enter_never_presses_a_door_that_something_else_was_typed_for(sign_in, simulated) -> None:
    page = sign_in("clerk")
    page.keyboard.type("main")
    found(page, "Main entrance")
    expect(unlock(page, "Main entrance")).to_have_accessible_name("Unlock Main entrance")  # no "↵"
    held: list[Route] = []
    page.route(re.compile(r"\?q=staff"), lambda route: held.append(route))
    page.keyboard.press("Control+a")
    page.keyboard.type("staff")
    page.keyboard.press("Enter")
    expect(page.locator("#notices")).to_contain_text("The search had no answer yet")
    assert simulated.posts("harbour-main-entrance") == 0
    page.keyboard.press("Enter")
    held[-1].continue_()
    expect(card(page, "Staff entrance")).to_contain_text(
        re.compile("Waiting for the lock|Unlocked")
    )
    assert simulated.posts("harbour-staff-entrance") == 1
    assert simulated.posts("harbour-main-entrance") == 0


def test_what_is_typed_while_the_page_still_loads_is_searched(sign_in) -> None:
    page = sign_in("clerk")
    held: list[Route] = []
    page.route(re.compile("desk-page.*js"), lambda route: held.append(route))
    page.reload(wait_until="commit")
    expect(page.get_by_role("heading", name="Harbour House")).to_be_visible()
    page.keyboard.type("bridal suix")
    page.keyboard.press("Backspace")
    page.keyboard.type("te")
    page.keyboard.press("Enter")  # nobody has seen yet which door it would be
    expect(page.locator("#q")).to_have_value("")
    held[0].continue_()
    found(page, "Room 1407")
    expect(page.locator("#q")).to_have_value("bridal suite")
    expect(page.locator("#q")).to_be_focused()
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    assert page.locator(".is-open, dialog[open]").count() == 0

    # What was searched before stays over a reload, and what is typed then takes its place.
    page.reload(wait_until="commit")
    expect(page.locator("#q")).to_have_value("bridal suite")
    page.keyboard.type("1408")
    held[1].continue_()
    found(page, "Room 1408")


def test_news_leaves_the_search_and_the_keyboard_where_they_are(house, sign_in) -> None:
    page = sign_in("viewer")
    page.keyboard.type("140")
    expect(page.locator(".card")).to_have_count(12)
    assert shown(page)[:3] == ["Room 140", "Room 1401", "Room 1402"]
    page.keyboard.type("1")
    expect(page.locator(".card h3").first).to_have_text("Room 1401")
    with page.expect_response(re.compile(r"/buildings/\d+/\?q=1401")):
        news(house)
    expect(page.locator(".card h3").first).to_have_text("Room 1401")
    expect(page.locator("#q")).to_have_value("1401")
    expect(page.locator("#q")).to_be_focused()
    assert page.url.endswith("/?q=1401")
    page.reload()
    expect(page.locator("#q")).to_have_value("1401")


def test_the_arrows_go_through_the_doors_and_typing_begins_anew(sign_in) -> None:
    page = sign_in("clerk2")
    page.keyboard.type("entrance")
    found(page, "Main entrance", "Staff entrance")
    page.keyboard.press("ArrowDown")
    expect(unlock(page, "Main entrance")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(unlock(page, "Staff entrance")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.type("bridal")
    expect(page.locator("#q")).to_have_value("bridal")
    found(page, "Room 1407")


def test_where_no_door_of_a_building_unlocks_the_search_and_enter_say_why(sign_in) -> None:
    page = sign_in("viewer")
    why = "Your role in Harbour House sees doors and does not unlock them."
    page.keyboard.type("main entrance")
    found(page, "Main entrance")
    expect(page.locator("#finder-say")).to_contain_text(why)
    page.keyboard.press("Enter")
    expect(page.locator("#notices")).to_contain_text(f"Main entrance {why}")
    expect(page.locator("#say-now")).to_contain_text(f"Main entrance {why}")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(card(page, "Main entrance")).to_be_focused()
    expect(card(page, "Main entrance")).to_have_accessible_description(re.compile(re.escape(why)))


@pytest.fixture
def private(house: Stack) -> Iterator[None]:
    """The numbered room is a guest's, for a while."""
    room = f"Device.objects.filter(seam_device_id={NUMBERED!r})"
    shell(house, f"{room}.update(access='private')")
    yield
    shell(house, f"{room}.update(access='common')")


@pytest.mark.usefixtures("private")
def test_a_private_look_alike_that_was_named_by_its_number_asks_for_no_number(
    sign_in, simulated
) -> None:
    simulated.behave(NUMBERED, "instant")
    before = simulated.posts(NUMBERED)
    page = sign_in("clerk2")
    page.keyboard.type("1407")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text("Unlock Room 1407?")
    expect(dialog.get_by_label("Type its number")).to_have_count(0)
    for key in ("1", "Space", "Enter"):  # the first reason; the first way, where the keyboard is
        page.keyboard.press(key)
    expect(dialog).to_be_hidden()
    expect(card(page, "Room 1407").locator(".by")).to_contain_text("Second demo clerk")
    expect(card(page, "Room 1407")).to_contain_text("Unlocked, confirmed")
    assert simulated.posts(NUMBERED) == before + 1


def test_a_door_in_another_building_than_one_works_in_is_named_before_it_unlocks(
    house: Stack, sign_in, simulated
) -> None:
    shell(
        house,
        "from locks.tests.history import past_unlock\n"
        "clerk, park = User.objects.get(username='clerk2'), Building.objects.get(name='Park Residence')\n"
        "Assignment.objects.create(person=clerk, building=park, role='front_desk')\n"
        "door = Device.objects.get(label='Roof door')\n"
        "for number in range(10): past_unlock(door, clerk, confirmed_by_device=True)",
    )
    simulated.behave("park-front-door", "instant")
    page = sign_in("clerk2")
    page.keyboard.type("door front")
    found(page, "Front door")
    unlock(page, "Front door").press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Park Residence")
    expect(dialog.locator("[name=named]")).to_be_focused()
    page.keyboard.type("Roof door")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert").first).to_be_visible()
    assert simulated.posts("park-front-door") == 0
    dialog.locator("[name=named]").fill("front door")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(card(page, "Front door")).to_contain_text("Unlocked, confirmed")
    assert simulated.posts("park-front-door") == 1
    role = "Assignment.objects.get(person__username='clerk2', building__name='Park Residence')"
    shell(house, f"{role}.delete()")


def test_a_star_keeps_its_door_at_the_top_and_the_keyboard_at_the_star(sign_in, take) -> None:
    page = sign_in("clerk2")
    for label, word in (("Bike cellar", "bike"), ("Room 2301", "2301")):
        page.keyboard.type(word)
        found(page, label)
        star = page.get_by_role("button", name=f"Favourite: {label}")
        star.press("Enter")
        expect(star).to_have_attribute("aria-pressed", "true")
        expect(star).to_be_focused()
        page.keyboard.press("Escape")
    expect(page.locator(".area h2").first).to_have_text("Favourites")
    expect(page.locator(".area").first.locator("h3")).to_have_text(["Bike cellar", "Room 2301"])
    page.locator("body").evaluate("document.activeElement.blur()")
    take(page, "find-favourites", everywhere=True)
    page.route("**/favourites/", lambda route: route.abort())
    star = page.get_by_role("button", name="Favourite: Bike cellar")
    star.press("Enter")
    expect(page.locator("#notices")).to_contain_text(
        "Bike cellar No answer from this desk's server."
    )
    expect(page.locator("#notices")).to_contain_text("The star is as it was.")
    expect(star).to_have_attribute("aria-pressed", "true")
    page.unroute_all()
    page.get_by_role("button", name="Favourite: Room 2301").press("Enter")
    expect(page.locator(".area").first.locator("h3")).to_have_text(["Bike cellar"])


def test_without_javascript_the_search_is_a_plain_form(sign_in) -> None:
    page = sign_in("clerk", java_script_enabled=False)
    page.get_by_role("searchbox", name="Find a door").fill("1407")
    page.get_by_role("button", name="Find").click()
    found(page, "Room 1407")
    page.get_by_role("button", name="Favourite: Room 1407").click()
    expect(page.locator(".area h2").first).to_have_text("Favourites")
    page.get_by_role("link", name=re.compile("Floor 3 ")).click()
    expect(page.locator(".card h3").first).to_have_text("Room 301")


def test_what_a_search_shows_fits_every_size(sign_in, take) -> None:
    page = sign_in("clerk2")
    page.locator("#q").fill("room 14")
    expect(page.locator(".card").first).to_contain_text("Room 140")
    take(page, "find-some", everywhere=True)
    page.locator("#q").fill("no such door")
    expect(page.locator(".empty h2, .empty h1").first).to_contain_text("is called")
    take(page, "find-nothing", everywhere=True)


def test_a_look_alike_that_was_picked_is_named_by_its_number(sign_in, simulated, take) -> None:
    simulated.behave(NUMBERED, "instant")
    page = sign_in("clerk")
    page.keyboard.type("floor 14 140")
    before = simulated.posts(NUMBERED)
    expect(page.locator("#finder-found")).to_have_text("12 doors found for “floor 14 140”")
    unlock(page, "Room 1407").press("Enter")  # a click would come too soon
    dialog = page.get_by_role("dialog")
    field = dialog.get_by_label("Type its number")
    expect(field).to_be_focused()
    expect(dialog).to_contain_text(re.compile("It looks like Room \\d+"))
    take(page, "find-which", everywhere=True)
    page.keyboard.type("1470")
    page.keyboard.press("Enter")
    told = re.compile("What you typed does not name this door")
    expect(dialog.get_by_text(told).first).to_be_visible()
    expect(card(page, "Room 1407").get_by_text(told)).to_have_count(1)  # the news of it is here
    expect(page.get_by_text(told)).to_have_count(2)  # said once in the question, and nowhere else
    assert simulated.posts(NUMBERED) == before
    expect(field).to_have_value("1470")
    field.fill("1407")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(page.locator("#say")).to_have_text("Room 1407: Unlocked, confirmed.")
    assert simulated.posts(NUMBERED) == before + 1


def test_on_a_phone_what_was_found_in_two_buildings_stands_together(house, sign_in, take) -> None:
    shell(
        house,
        "Assignment.objects.create(person=User.objects.get(username='viewer'), role='viewer',"
        " building=Building.objects.get(name='Park Residence'))",
    )
    page = sign_in("viewer", size="phone")
    expect(page.get_by_role("complementary", name=re.compile("Desk log"))).to_have_count(2)
    page.locator("#q").fill("ground floor")
    found(page, "Front door", "Luggage room", "Main entrance", "Staff entrance")
    expect(page.get_by_role("complementary", name=re.compile("Desk log"))).to_have_count(0)
    take(page, "find-two-buildings-phone", full=True)
    page.keyboard.press("Escape")
    expect(page.get_by_role("complementary", name=re.compile("Desk log"))).to_have_count(2)


def test_a_search_without_an_answer_says_that_the_doors_are_not_those(sign_in) -> None:
    page = sign_in("clerk")
    page.route("**/*q=*", lambda route: route.abort())
    page.keyboard.type("loading")
    notice = page.locator("#notices")
    expect(notice).to_contain_text("The doors shown are those of the search before.")
    expect(page.locator(".floors")).to_be_visible()
    page.unroute_all()
    page.keyboard.type(" d")
    expect(page.locator(".floors")).to_have_count(0)
    expect(notice).to_be_empty()
    expect(card(page, "Loading dock")).to_be_visible()
