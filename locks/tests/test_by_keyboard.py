"""A whole turn at the desk without a mouse, each thing found by the name that a screen reader speaks."""

import re

from playwright.sync_api import Locator, Page, expect

from locks.tests.desks import card, shell
from locks.tests.visitors import DEMO_PASSWORD
from tools.stack import Stack

PARTS = ("web",)
MOST_STOPS = 80
# Two doors, so that a filter leaves something out.
SHIFT = """
from locks.tests.history import past_unlock
clerk = User.objects.get(username='clerk')
for label in ('Staff entrance', 'Roof door'):
    past_unlock(Device.objects.get(label=label), clerk, confirmed_by_device=True)
"""


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until `wanted` has the focus, which can be seen there."""
    for _stop in range(MOST_STOPS):
        page.keyboard.press("Tab")
        if wanted.evaluate("each => each === document.activeElement"):
            style = wanted.evaluate("each => getComputedStyle(each).outlineStyle")
            beside = wanted.evaluate(
                "each => each.nextElementSibling && getComputedStyle(each.nextElementSibling).outlineStyle"
            )
            assert "solid" in (style, beside), f"the focus cannot be seen on {wanted}"
            return
    raise AssertionError(f"Tab does not lead to {wanted}")


def test_a_clerk_signs_in_unlocks_attests_and_switches_by_keyboard_alone(
    house: Stack, new_page, simulated
) -> None:
    page = new_page(viewport={"width": 1280, "height": 800})
    page.goto(house.url)
    expect(page.get_by_role("textbox", name="User name")).to_be_focused()
    page.keyboard.type("clerk")
    page.keyboard.press("Tab")
    page.keyboard.type(DEMO_PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#connection")).to_have_text("Live")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    gate = page.get_by_role("article", name="Parking gate")
    tab_to(page, gate.get_by_role("button", name="Unlock Parking gate"))
    page.keyboard.press("Enter")
    expect(gate).to_contain_text("Accepted, this lock does not confirm")
    expect(
        page.locator("#say, #say-now").filter(has_text="Parking gate: Accepted")
    ).to_be_attached()
    focused = page.locator(":focus")
    expect(focused).to_have_attribute("id", re.compile(r"^(unlock|door)-\d+$"))
    assert focused.evaluate("each => each.closest('.card').dataset.label") == "Parking gate"

    page.keyboard.press("Shift+Tab")
    expect(gate.get_by_role("group", name="What was seen at the door?")).to_be_visible()
    yes = gate.get_by_role("button", name="Unlocked Parking gate", exact=True)
    for _stop in range(4):
        if yes.evaluate("each => each === document.activeElement"):
            break
        page.keyboard.press("Shift+Tab")
    expect(yes).to_be_focused()
    page.keyboard.press("Space")
    expect(gate).to_contain_text("Seen at the door: unlocked")

    tab_to(page, page.get_by_role("button", name="Unlock… Room 110"))
    page.keyboard.press("Space")
    dialog = page.get_by_role("dialog", name="Unlock Room 110?")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name="Unlock… Room 110")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.get_by_label("Type its number")).to_be_focused()
    page.keyboard.type("110")
    tab_to(page, dialog.get_by_role("radio", name="Guest locked out"))
    page.keyboard.press("Space")
    tab_to(page, dialog.get_by_role("radio", name="ID seen"))
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(card(page, "Room 110")).to_contain_text(re.compile("Waiting for the lock|Unlocked"))
    assert simulated.posts("harbour-room-110") == simulated.posts("harbour-parking-gate") == 1

    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.get_by_role("link", name="Skip to the content").focus()
    tab_to(page, page.get_by_role("button", name="Not you? Switch"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_arrows_walk_the_doors_that_they_entered_and_no_others(sign_in) -> None:
    page = sign_in("clerk2")
    doors = page.locator(".card")
    first, second = (doors.nth(each).locator(":scope:focus, :focus") for each in (0, 1))
    page.locator("#q").focus()
    for key, place in (("Down", first), ("Down", second), ("Up", first), ("Down", second)):
        page.keyboard.press(f"Arrow{key}")
        expect(place).to_be_attached()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#q")).to_be_focused()
    star = doors.nth(0).locator(".star")  # whoever comes by Tab reads on with the arrows
    tab_to(page, star)
    page.keyboard.press("ArrowDown")
    expect(star).to_be_focused()


def test_a_door_is_locked_by_keyboard_and_the_keyboard_stays_there(sign_in, simulated) -> None:
    page = sign_in("clerk")
    entrance = page.get_by_role("article", name="Main entrance")
    lock = entrance.get_by_role("button", name="Lock Main entrance", exact=True)
    tab_to(page, lock)
    page.keyboard.press("Space")
    expect(entrance).to_contain_text("Locked, confirmed")
    expect(page.locator("#say, #say-now").filter(has_text="Main entrance: Locked")).to_be_attached()
    expect(lock).to_be_focused()
    assert simulated.locks_asked("harbour-main-entrance") == 1
    assert simulated.posts("harbour-main-entrance") == 0


def test_the_log_is_filtered_by_keyboard(house: Stack, sign_in) -> None:
    shell(house, SHIFT)
    page = sign_in("clerk2")
    rows = page.locator(".log-row")
    whole = rows.count()
    doors = page.get_by_role("combobox", name="Door", exact=True)
    tab_to(page, doors)
    page.keyboard.type("Staff")
    others = rows.filter(has_not_text="Staff entrance")
    expect(others).to_have_count(0)
    expect(doors).to_be_focused()
    assert 0 < rows.count() < whole
    people = page.get_by_role("combobox", name="Person", exact=True)
    tab_to(page, people)
    page.keyboard.press("ArrowDown")
    expect(people).to_have_value(re.compile(r"\d+"))
    tab_to(page, page.get_by_role("link", name="Show the whole log"))
    page.keyboard.press("Enter")
    expect(rows).to_have_count(whole)
    expect(page.locator(".log-rows")).to_be_focused()


def test_a_shift_is_handed_over_by_keyboard(sign_in) -> None:
    page = sign_in("clerk")
    tab_to(page, page.get_by_role("link", name="Shift hand-over"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Taken over by Demo clerk")).to_be_visible()
    tab_to(page, page.get_by_label("Leave something for the next shift"))
    page.keyboard.type("A parcel is in the safe")
    tab_to(page, page.get_by_label("Door, if any"))
    page.keyboard.type("Main")
    tab_to(page, page.get_by_role("button", name="Add", exact=True))
    page.keyboard.press("Enter")
    parcel = page.locator(".follow-up")
    expect(parcel).to_contain_text("Main entrance: A parcel is in the safe")
    expect(page.get_by_label("Leave something for the next shift")).to_be_focused()
    note = parcel.get_by_label("Note on how far it has come")
    tab_to(page, note)
    page.keyboard.type("Comes at nine")
    page.keyboard.press("Enter")
    expect(parcel.locator(".notes")).to_contain_text("Comes at nine")
    expect(note).to_be_focused()
    page.keyboard.type("Fetched")
    tab_to(page, parcel.get_by_role("button", name="Done"))
    page.keyboard.press("Enter")
    expect(parcel).to_contain_text("Done: Main entrance: A parcel is in the safe")
    expect(page.get_by_label("Leave something for the next shift")).to_be_focused()
    tab_to(page, page.get_by_label("Note, if any", exact=True))
    page.keyboard.type("All quiet")
    tab_to(page, page.get_by_role("button", name="Taken over by Demo clerk"))
    page.keyboard.press("Space")
    expect(page.locator(".taken")).to_contain_text(re.compile(r"Taken over by .* at \d\d:\d\d"))
    expect(page.locator(".taken")).to_contain_text("All quiet")
