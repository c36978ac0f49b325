"""What the desk looks like: pictures of it, each checked for the words that it should show.

`python -m tools.screens` puts them into docs/screens.
"""

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from locks.tests import gallery, scenes
from locks.tests import test_access_matrix as matrix
from locks.tests.desks import LOOKS, card, look, name_it

cast, ids = matrix.cast, matrix.ids
PARTS = ("web", "worker", "beat")  # without one the desk says that it is degraded
# A waiting press waits for as long as the pictures take.
ENVIRONMENT = {"UNLOCK_RESOLVE_TIMEOUT": "600"}


def press(page: Page, label: str) -> None:
    """By keyboard: right after a picture of the whole page a card has moved under the pointer."""
    button = card(page, label).get_by_role("button", name=re.compile(r"Unlock\b"))
    button.press("Enter")


def unlock_private(page: Page, label: str) -> None:
    press(page, label)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    if dialog.get_by_label("Type its number").count():
        name_it(page, "101")
    dialog.get_by_role("radio", name="ID seen").check()
    dialog.get_by_role("radio", name="Guest locked out").check()
    dialog.get_by_role("button", name=f"Unlock {label}").click()
    expect(dialog).to_be_hidden()


def test_the_desk_at_a_glance(sign_in, simulated, take) -> None:
    colleague, clerk = (sign_in(each, reduced_motion="reduce") for each in ("clerk2", "clerk"))
    unlock_private(colleague, "Room 101")
    expect(card(colleague, "Room 101")).to_contain_text("Unlocked, confirmed")
    simulated.hold("harbour-staff-entrance")
    for label, outcome in (
        ("Parking gate", "Accepted, this lock does not confirm"),
        ("Staff entrance", "Waiting for the lock…"),
        ("Main entrance", "Unlocked, confirmed"),
    ):
        press(clerk, label)
        expect(card(clerk, label)).to_contain_text(outcome)
    rows = clerk.locator(".log-row")
    expect(rows).to_have_count(4)
    expect(rows.first).to_contain_text("Main entrance")
    expect(rows.first).to_contain_text("Unlocked, confirmed")
    clerk.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    for label in ("Main entrance", "Staff entrance", "Parking gate"):
        expect(card(clerk, label).locator(".headline:visible")).to_be_in_viewport(ratio=1)
    take(clerk, "desk")
    look(clerk, "wide", "light")
    take(clerk, "desk-wide")
    clerk.emulate_media(color_scheme="dark")
    take(clerk, "desk-wide-dark")
    simulated.release("harbour-staff-entrance")
    expect(card(clerk, "Staff entrance")).to_contain_text("Unlocked, confirmed")


def test_what_comes_of_presses_on_a_whole_desk(sign_in, simulated, take) -> None:
    page = sign_in("clerk2", reduced_motion="reduce")
    expected = {
        "Main entrance": "Unlocked, confirmed",
        "Loading dock": "May have unlocked, or may still unlock",
        "Parking gate": "Accepted, this lock does not confirm",
        "Staff entrance": "Waiting for the lock…",
    }
    simulated.behave("harbour-staff-entrance", "never")
    simulated.behave("harbour-loading-dock", "unavailable")
    for label, outcome in expected.items():
        press(page, label)
        expect(card(page, label)).to_contain_text(outcome)
    unlock_private(page, "Roof door")
    expect(card(page, "Roof door")).to_contain_text("Not unlocked")
    gate = card(page, "Parking gate")
    gate.get_by_role("button", name="Did not unlock Parking gate").click()
    expect(gate).to_contain_text("Seen at the door: did not unlock")
    gate.locator("summary").click()
    expect(gate.get_by_role("button", name="Nobody there Parking gate")).to_be_visible()
    expect(card(page, "Luggage room")).to_contain_text("The lock is offline. Next: Use a key")
    page.keyboard.press("Escape")  # what was told beside the cards
    expect(page.locator("#notices")).to_be_empty()
    take(page, "outcomes", everywhere=True)
    press(page, "Room 102")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Unlock Room 102?")
    for size, scheme in LOOKS:
        look(page, size, scheme)
        expect(dialog.get_by_role("button", name="Unlock Room 102")).to_be_in_viewport(ratio=1)
    take(page, "asks", everywhere=True)


def test_whatever_comes_of_a_press_fits_every_size(
    live_server: Any,
    cast: dict[str, Any],
    ids: dict[str, int],
    new_page: Callable[..., Page],
    take: Callable[..., None],
) -> None:
    shown = {each.name: each for each in scenes.scenes_of(cast, ids, "desk", "locking")}
    page = new_page(reduced_motion="reduce")
    browser = gallery.Gallery(page, live_server.url)
    for name in ("every state", "locking"):
        browser.show(shown[name])
        take(page, name.replace(" ", "-"), full=True, everywhere=True)


def test_what_is_seen_more_rarely_fits_a_desk_and_a_phone(
    live_server: Any,
    cast: dict[str, Any],
    ids: dict[str, int],
    new_page: Callable[..., Page],
    take: Callable[..., None],
) -> None:
    shown = {each.name: each for each in scenes.scenes_of(cast, ids, "card", "log", "desk")}
    page = new_page(reduced_motion="reduce")
    browser = gallery.Gallery(page, live_server.url)
    for name in (
        "what a card can say",
        "nothing can be unlocked",
        "the log",
        "a session that ends",
    ):
        browser.show(shown[name])
        is_long = name == "what a card can say"
        take(page, name.replace(" ", "-"), full=is_long, everywhere=True)
