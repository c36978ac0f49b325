"""One PC, several people, in a real browser: a shift change, and a session that runs out."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from locks.tests.desks import shell, unlock
from locks.tests.visitors import DEMO_PASSWORD
from tools.stack import Stack

PIN = "8305"
SOON = 5_000  # milliseconds; what is another's has to be gone by then
PARTS = ("web",)
# As soon as the keyboard is elsewhere; whether it presses nothing there.
ENTER_ONCE_MORE = """() => addEventListener("focusin", ({ target }) => {
    const enter = new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true });
    window.isIgnored = !target.dispatchEvent(enter);
}, { once: true })"""
# Whether nothing lies over what has the focus.
IS_SEEN = """(place) => {
    const shown = place.closest("label") ?? place;
    const { left, top, width, height } = shown.getBoundingClientRect();
    return shown.contains(document.elementFromPoint(left + width / 2, top + height / 2));
}"""


@pytest.fixture
def pc(house: Stack, new_page: Callable[..., Page]) -> Page:
    """A browser at the desk, with one page open, where nobody is signed in."""
    page = new_page(viewport={"width": 1280, "height": 800})
    page.goto(house.url)
    return page


def sign_in(page: Page, username: str) -> None:
    page.get_by_label("User name").fill(username)
    page.get_by_label("Password").fill(DEMO_PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".me-name")).to_be_visible()


def switch(page: Page) -> None:
    page.get_by_role("button", name="Not you? Switch").click()


def asked(page: Page, label: str) -> Locator:
    """The question of a door, of a clerk."""
    sign_in(page, "clerk")
    expect(page.locator("#connection")).to_have_text("Live")
    unlock(page, label).press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name=f"Unlock {label}")).to_be_visible()
    return dialog


def open_tab(context: BrowserContext, url: str) -> Page:
    tab = context.new_page()
    tab.goto(url)
    return tab


def test_a_shift_change_on_one_pc(house: Stack, pc: Page) -> None:
    sign_in(pc, "manager")
    pc.goto(f"{house.url}/accounts/shared_pc/")
    pc.get_by_label("Name of this PC").fill("Reception")
    pc.get_by_role("button", name="Make it a shared PC").click()
    expect(pc.get_by_role("heading", name="This is a shared PC")).to_be_visible()
    switch(pc)
    expect(pc.get_by_text("Nobody with a PIN has signed in here lately")).to_be_visible()

    # The second clerk signs in with their password once, and sets a PIN.
    pc.get_by_role("link", name="Sign in with your password").click()
    sign_in(pc, "clerk2")
    pc.get_by_role("link", name="Account", exact=True).click()
    pc.get_by_role("link", name=re.compile("^Set or remove ?: PIN")).click()
    pc.get_by_label("Your password").fill(DEMO_PASSWORD)
    pc.get_by_label("New PIN").fill(PIN)
    pc.get_by_label("The same PIN again").fill(PIN)
    pc.get_by_role("button", name="Set PIN").click()
    expect(pc.get_by_text("Your PIN is set.")).to_be_visible()
    switch(pc)

    # The first clerk works, in three tabs.
    pc.get_by_role("link", name="Sign in with your password").click()
    sign_in(pc, "clerk")
    pc.get_by_role("link", name="accessdesk").click()
    unlock(pc, "Parking gate").click()
    expect(pc.locator(".log-row").first).to_contain_text("Parking gate")
    own = open_tab(pc.context, f"{house.url}/history/")
    expect(own.locator(".press-row")).to_contain_text("Parking gate")
    desk = open_tab(pc.context, house.url)
    expect(desk.locator(".card").first).to_be_visible()

    # One tap, and nothing of theirs is left.
    switch(pc)
    expect(pc.get_by_role("heading", name="Who is at this PC?")).to_be_visible()
    for tab in (own, desk):
        expect(tab.locator(".press-row, .card, .me")).to_have_count(0, timeout=SOON)
    pc.get_by_role("link", name="Second demo clerk").click()
    expect(pc.get_by_label("PIN")).to_be_focused()
    pc.keyboard.type(PIN)
    pc.keyboard.press("Enter")
    expect(pc.locator(".me-name")).to_contain_text("Second demo clerk")
    expect(pc).to_have_url(f"{house.url}/")  # the page that the first clerk left
    for tab in (own, desk):
        expect(tab.locator(".me-name")).to_contain_text("Second demo clerk", timeout=SOON)
    expect(own.locator(".press-row")).to_have_count(0)

    # The second clerk's press is theirs; Back leads to no page of the first.
    unlock(pc, "Parking gate").click()
    told = "e.actor.username for e in AuditEvent.objects.filter(kind='unlock.requested')"
    expect(pc.locator(".log-row")).to_have_count(2)
    assert shell(house, f"print(*[{told}.order_by('id')])") == "clerk clerk2"
    for _ in range(4):
        pc.go_back()
        expect(pc.locator(".me-name")).to_contain_text("Second demo clerk")
    pc.goto(f"{house.url}/accounts/pin/")
    expect(pc.get_by_role("heading", name="This page takes more than a PIN")).to_be_visible()


def test_the_end_of_a_session_is_said_before_and_keeps_the_place(house: Stack, pc: Page) -> None:
    sign_in(pc, "viewer")
    building = shell(house, "print(Building.objects.get(name='Harbour House').pk)")
    pc.goto(f"{house.url}/buildings/{building}/")
    other = open_tab(pc.context, f"{house.url}/history/")
    home = pc.get_by_role("link", name="accessdesk")
    home.focus()
    note = pc.get_by_role("form", name="Your session")
    expect(note).to_be_hidden()

    _idle_for(house, 14 * 60 + 15)
    for tab in (pc, other):
        _looked_at(tab)
        said = tab.locator("#session-say")
        expect(said).to_contain_text(re.compile(r"You will be signed out in \d\d seconds\."))
        expect(tab.get_by_role("form", name="Your session")).to_be_visible()
    expect(home).to_be_focused()
    other.get_by_role("button", name="Stay signed in").click()
    for tab in (other, pc):  # each tab learns that the other was used
        expect(tab.locator("#session")).to_be_hidden()
        expect(tab.locator("#session-say")).to_have_text("You stay signed in.")

    _idle_for(house, 15 * 60 + 1)
    for tab in (pc, other):
        expect(tab.get_by_role("heading", name="Sign in")).to_be_visible()
    sign_in(pc, "viewer")
    expect(pc).to_have_url(f"{house.url}/buildings/{building}/")
    # The other tab sees at once that somebody is signed in, and goes back to its place.
    expect(other.get_by_role("heading", name="My presses")).to_be_visible()


def test_the_end_of_a_session_is_heard_within_a_question_and_leaves_the_keyboard_there(
    house: Stack, pc: Page
) -> None:
    dialog = asked(pc, "Room 101")
    button = dialog.get_by_role("button", name="Unlock Room 101")
    button.focus()
    _idle_for(house, 14 * 60 + 15)
    _looked_at(pc)
    expect(dialog.get_by_role("alert")).to_contain_text("You will be signed out in")
    button.focus()
    dialog.get_by_role("button", name="Stay signed in").focus()
    pc.evaluate(ENTER_ONCE_MORE)
    pc.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_have_text("You stay signed in.")
    expect(button).to_be_focused()
    assert pc.evaluate("isIgnored"), "Enter struck twice would unlock"

    pc.keyboard.press("Escape")
    _idle_for(house, 14 * 60 + 15)
    _looked_at(pc)
    expect(pc.get_by_role("form", name="Your session")).to_be_visible()


def test_the_end_of_a_session_hides_no_button_of_a_long_question(house: Stack, pc: Page) -> None:
    pc.set_viewport_size({"width": 390, "height": 600})
    dialog = asked(pc, "Room 101")
    expect(dialog.locator(".is-arming")).to_have_count(0)
    places = dialog.locator("input:visible, .buttons .button").all()
    assert len(places) > 10
    for is_ending in (False, True):
        if is_ending:
            _idle_for(house, 14 * 60 + 15)
            _looked_at(pc)
            expect(dialog.get_by_role("button", name="Stay signed in")).to_be_visible()
        for place in (*places, *reversed(places)):
            place.focus()
            assert place.evaluate(IS_SEEN), (is_ending, place)


def _idle_for(house: Stack, seconds: int) -> None:
    """Make it so long ago that anybody did anything."""
    shell(
        house,
        "import time\n"
        "from django.contrib.sessions.backends.db import SessionStore\n"
        "from django.contrib.sessions.models import Session\n"
        "for row in Session.objects.all():\n"
        "    store = SessionStore(row.session_key)\n"
        f"    store['seen_at'] = time.time() - {seconds}\n"
        "    store.save()",
    )


def _looked_at(tab: Page) -> None:
    """As when it comes to the front: it asks then."""
    tab.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
