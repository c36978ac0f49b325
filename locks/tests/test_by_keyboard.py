"""A whole turn at the desk without a mouse, each thing found by the name that a screen reader speaks."""

import re

from playwright.sync_api import Locator, Page, expect

from locks.tests.desks import card
from locks.tests.visitors import DEMO_PASSWORD
from tools.stack import Stack

PARTS = ("web",)
MOST_STOPS = 60


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


def test_a_clerk_signs_in_unlocks_attests_and_hands_over_by_keyboard_alone(
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
