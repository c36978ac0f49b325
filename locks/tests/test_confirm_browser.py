"""The confirmation in a browser: one keystroke for trained hands, and no way through it by a slip."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from locks.tests.desks import LOOKS, card, look, shell, unlock, without_news
from tools.stack import Stack

PARTS = ("web",)
UNLOCK = re.compile(r"/unlock/$")
OTHERWISE = {
    "Room 102": "Linen room",
    "Room 110": "Studio",
    "Apartment 1": "Loft",
    "Apartment 2": "Penthouse",
}

# A door that has just come under the finger cannot be pressed yet.
STOOD_STILL = "() => performance.now() - (window.begun ??= performance.now()) > 500"


def middle(button: Locator) -> tuple[float, float]:
    box = button.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def presses_of(page: Page) -> list[str]:
    """The addresses of the presses that leave the page from now on."""
    sent: list[str] = []
    page.on("request", lambda request: request.method == "POST" and sent.append(request.url))
    return sent


def choose(dialog: Locator, *names: str) -> None:
    for name in names:
        dialog.get_by_role("radio", name=name).check()


@pytest.fixture(scope="module", autouse=True)
def unlike(house: Stack) -> None:
    """No door here looks like another: what is asked for that has tests of its own."""
    for old, new in OTHERWISE.items():
        shell(house, f"Device.objects.filter(label={old!r}).update(label={new!r})")


@pytest.fixture
def clerk(sign_in) -> Page:
    return sign_in("clerk")


def test_what_was_chosen_last_makes_the_next_press_one_keystroke(clerk, simulated, take) -> None:
    unlock(clerk, "Room 101").press("Enter")
    dialog = clerk.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text("Unlock Room 101?")
    expect(dialog).to_contain_text("Harbour House · ")
    expect(dialog.get_by_role("radio", name="Guest locked out")).to_be_focused()
    clerk.keyboard.press("2")
    expect(dialog.get_by_role("radio", name="Arrival")).to_be_checked()
    expect(dialog.get_by_role("radio", name="ID seen")).to_be_focused()
    choose(dialog, "Booking matched")
    dialog.get_by_label("Note").fill("First night")
    dialog.get_by_label("Reference").fill("B-20417")
    take(clerk, "asked-desktop")
    clerk.keyboard.press("Enter")
    expect(card(clerk, "Room 101")).to_contain_text("Unlocked, confirmed")

    unlock(clerk, "Linen room").press("Enter")
    expect(dialog.get_by_role("button", name="Unlock Linen room")).to_be_focused()
    expect(dialog.get_by_role("radio", name="Arrival")).to_be_checked()
    expect(dialog.get_by_label("Note")).to_have_value("")
    expect(dialog.get_by_label("Reference")).to_have_value("")
    expect(dialog).to_contain_text("as at your last press")
    take(clerk, "remembered", everywhere=True)
    clerk.keyboard.press("Enter")
    expect(card(clerk, "Linen room")).to_contain_text("Unlocked, confirmed")
    assert simulated.posts("harbour-room-102") == 1


def test_the_question_says_what_speaks_against_a_press_also_aloud(sign_in) -> None:
    page = sign_in("clerk2")
    weak = re.compile("Battery low 14 %")
    expect(unlock(page, "Linen room")).to_have_accessible_description(weak)
    unlock(page, "Linen room").press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_have_accessible_name(re.compile(r"Unlock Linen room\? Harbour House"))
    expect(dialog.locator("#confirm-known")).to_have_text(weak)
    expect(dialog).to_have_accessible_description(weak)
    page.keyboard.press("Escape")
    unlock(page, "Studio").press("Enter")
    expect(dialog.get_by_role("heading")).to_have_text("Unlock Studio?")
    expect(dialog.locator("#confirm-known")).to_have_text("")


def test_a_question_that_cannot_be_answered_says_why_also_aloud(house, sign_in) -> None:
    page = without_news(sign_in("clerk2"))
    studio = "Device.objects.filter(label='Studio')"
    shell(house, f"{studio}.update(frozen=True, frozen_reason='New lock')")
    unlock(page, "Studio").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("link", name="Back to the desk")).to_be_focused()
    expect(dialog).to_have_accessible_description(
        re.compile("This door is frozen: New lock. A manager of Harbour House can lift it")
    )
    shell(house, f"{studio}.update(frozen=False, frozen_reason='')")


def test_a_double_click_confirms_nothing_and_closes_nothing(sign_in) -> None:
    page = sign_in("clerk2")
    dialog, ask = page.get_by_role("dialog"), unlock(page, "Studio")
    button = dialog.get_by_role("button", name="Unlock Studio")
    once_for_all(page, "Studio")
    sent = presses_of(page)

    ask.dblclick()
    expect(button).to_be_focused()
    spots = [middle(button), middle(dialog.get_by_text("Cancel")), (4, 400)]  # the last: beside it
    page.keyboard.press("Escape")
    for spot in spots:  # a second click that comes later than the answer
        ask.click()
        expect(dialog).to_be_visible()
        page.mouse.click(*spot)
        expect(button).to_be_focused()
        page.keyboard.press("Escape")
    assert not sent

    ask.click()
    with page.expect_response(UNLOCK):
        button.click()  # as soon as it takes one
    assert len(sent) == 1


def test_the_second_click_on_the_confirmation_presses_no_door_beneath_it(
    sign_in, simulated
) -> None:
    page = sign_in("park-clerk")
    unlock(page, "Loft").click()
    dialog = page.get_by_role("dialog")
    choose(dialog, "Courier", "Known to me")
    button = dialog.get_by_role("button", name="Unlock Loft")
    x, y = middle(button)
    # As if a common door's button stood where the confirmation's own does.
    page.evaluate(
        """([x, y]) => {
             const below = document.querySelector('.card[data-label="Front door"] .unlock');
             Object.assign(below.style, {position: "fixed", left: `${x - 20}px`, top: `${y - 20}px`,
                                         width: "40px", height: "40px"});
           }""",
        [x, y],
    )
    button.dblclick()
    expect(card(page, "Loft")).to_contain_text("Unlocked, confirmed")
    assert (simulated.posts("park-apartment-1"), simulated.posts("park-front-door")) == (1, 0)


def test_a_key_that_is_held_down_confirms_nothing(sign_in) -> None:
    page = sign_in("park-clerk")
    dialog, ask = page.get_by_role("dialog"), unlock(page, "Penthouse")
    button = dialog.get_by_role("button", name="Unlock Penthouse")
    once_for_all(page, "Penthouse")
    sent = presses_of(page)
    for number, key in enumerate(("Enter", "Space")):
        expect(ask).to_be_focused()
        page.keyboard.down(key)
        expect(button).to_be_focused()
        for _repeat in range(3):
            page.keyboard.down(key)
        page.keyboard.up(key)
        expect(button).to_be_focused()
        assert len(sent) == number
        with page.expect_response(UNLOCK):
            page.keyboard.press(key)
        assert len(sent) == number + 1


def once_for_all(page: Page, label: str) -> None:
    """Unlock a door, so that reason and way are chosen from then on, and one press would do."""
    dialog = page.get_by_role("dialog")
    unlock(page, label).click()
    choose(dialog, "Courier", "Known to me")
    dialog.get_by_role("button", name=f"Unlock {label}").click()
    expect(card(page, label)).to_contain_text("Unlocked, confirmed")


def test_a_reason_that_says_nothing_asks_for_a_note_and_a_card_number_is_cut(
    sign_in, simulated, take
) -> None:
    page = sign_in("clerk2", size="phone")
    sent = simulated.posts("harbour-room-102")
    unlock(page, "Linen room").press("Enter")
    dialog = page.get_by_role("dialog")
    choose(dialog, "Other", "Escorted")
    take(page, "asked-phone")
    button = dialog.get_by_role("button", name="Unlock Linen room")
    button.click()
    expect(dialog.get_by_label("Note")).to_be_focused()  # the browser wants it filled in
    dialog.get_by_label("Note").fill("Paid with 4111 1111 1111 1111")
    button.click()
    expect(dialog.get_by_role("alert")).to_contain_text("looks like a card number")
    expect(dialog.get_by_label("Note")).to_have_value("Paid with …1111")
    expect(dialog.get_by_role("radio", name="Escorted")).to_be_checked()
    take(page, "card-number-phone")
    assert simulated.posts("harbour-room-102") == sent
    button.click()
    expect(dialog).to_be_hidden()
    expect(page.locator(".log-row").first).to_contain_text("Second demo clerk")


def test_the_question_fits_every_size(sign_in, take) -> None:
    page = sign_in("clerk")
    unlock(page, "Studio").press("Enter")
    button = page.get_by_role("dialog").get_by_role("button", name="Unlock Studio")
    for size, scheme in LOOKS:
        look(page, size, scheme)
        expect(button).to_be_in_viewport(ratio=1)
    take(page, "asked", everywhere=True)


def test_a_finger_finds_a_door_and_presses_it(sign_in, simulated) -> None:
    page = sign_in("clerk2", size="phone", has_touch=True, is_mobile=True)
    before = simulated.posts("harbour-room-110")
    page.get_by_role("searchbox").tap()
    page.keyboard.type("stu")
    expect(page.locator(".card")).to_have_count(1)
    page.keyboard.press("Enter")  # of the keyboard on the screen: it asks nothing
    expect(unlock(page, "Studio")).to_be_focused()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_hidden()
    page.wait_for_function(STOOD_STILL)
    unlock(page, "Studio").tap()
    expect(dialog.get_by_role("heading")).to_have_text("Unlock Studio?")
    dialog.get_by_role("radio", name="ID seen").tap()
    dialog.get_by_role("radio", name="Guest locked out").tap()
    with page.expect_response(UNLOCK):
        dialog.get_by_role("button", name="Unlock Studio").tap()
    assert simulated.posts("harbour-room-110") == before + 1
    expect(card(page, "Studio")).to_contain_text("Unlocked, confirmed")
