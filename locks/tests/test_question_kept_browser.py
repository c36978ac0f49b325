"""What was typed for a press that was turned away stands in its question once more, and nowhere else."""

import re

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from locks.tests.desks import card, name_it, out_of_date, shell, unlock, without_news
from tools.stack import Stack

PARTS = ("web",)
DOOR = """
from locks.services import freezing, places
door = Device.objects.get(label='Room 110', building__name='Harbour House')
boss = User.objects.get(username='manager')
"""
ASKS_WHO = (
    DOOR
    + """
from allauth.mfa.totp.internal import auth as totp
totp.TOTP.activate(User.objects.get(username='clerk'), totp.generate_totp_secret())
places.change_door(actor=boss, device=door, changes={'step_up_minutes': 10})
"""
)
FROZEN = (
    DOOR
    + """
places.change_door(actor=boss, device=door, changes={'break_glass': True})
freezing.freeze_door(actor=boss, device=door, reason='Cleaning')
"""
)
RELEASED = DOOR + "freezing.release_door(actor=boss, device=door)"


def filled_in(page: Page, number: str) -> Locator:
    """The question of that room, answered."""
    unlock(page, f"Room {number}").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("radio", name="ID seen").check()
    name_it(page, number)
    dialog.get_by_role("radio", name="Guest locked out").check()
    dialog.get_by_label("Note").fill("Left the key inside")
    dialog.get_by_label("Reference").fill("BK-4711")
    return dialog


def expect_filled(dialog: Locator, number: str) -> None:
    expect(dialog.get_by_label("Note")).to_have_value("Left the key inside")
    expect(dialog.get_by_label("Reference")).to_have_value("BK-4711")
    expect(dialog.get_by_label("Type its number")).to_have_value(number)
    expect(dialog.get_by_role("radio", name="Guest locked out")).to_be_checked()
    expect(dialog.get_by_role("radio", name="ID seen")).to_be_checked()


def test_a_question_whose_page_is_too_old_is_asked_once_more_with_what_was_typed(
    sign_in, simulated, take
) -> None:
    page = without_news(sign_in("clerk2"))
    dialog = filled_in(page, "101")
    out_of_date(page)
    press = dialog.get_by_role("button", name="Unlock Room 101")
    press.click()
    notice = dialog.locator(".notice[role=alert]")
    expect(notice).to_contain_text("Room 101 This page was out of date. Nothing was sent.")
    expect_filled(dialog, "101")
    expect(press).to_be_focused()
    take(page, "csrf-asked", on_a_phone=True)
    assert simulated.posts("harbour-room-101") == 0
    page.unroute_all()
    press.press("Enter")
    expect(dialog).to_be_hidden()
    expect(card(page, "Room 101")).to_contain_text(re.compile("Waiting for the lock|Unlocked"))
    assert simulated.posts("harbour-room-101") == 1
    expect(page.locator(".notice")).to_have_count(0)  # it was of before
    unlock(page, "Room 101").click()  # a next one is another guest's
    expect(dialog.get_by_label("Note")).to_have_value("")


@pytest.mark.parametrize(
    ("status", "page_says", "told"),
    [
        (502, "<h1>Bad gateway</h1>", "No answer from this desk's server. The press may have been"),
        (503, "<h1 data-sentence>The database is gone.</h1>", "Room 102 The database is gone."),
        (429, "<h1 data-sentence>Too many at once.</h1>", "Room 102 Too many at once."),
    ],
    ids=["bad gateway", "database gone", "too many"],
)
def test_a_press_that_was_turned_away_can_be_made_again_without_typing_anything_anew(
    sign_in, simulated, status: int, page_says: str, told: str
) -> None:
    page = sign_in("clerk")
    dialog = filled_in(page, "102")
    before = simulated.posts("harbour-room-102")
    page.route("**/unlock/", lambda route: route.fulfill(status=status, body=page_says))
    dialog.get_by_role("button", name="Unlock Room 102").press("Enter")
    expect(dialog).to_be_hidden()
    expect(page.locator("#notices")).to_contain_text(told)
    page.unroute("**/unlock/")
    unlock(page, "Room 102").press("Enter")
    expect_filled(dialog, "102")
    expect(dialog.locator(".notice")).to_contain_text(told)
    expect(dialog.get_by_role("button", name="Unlock Room 102")).to_be_focused()
    with page.expect_response("**/unlock/"):
        page.keyboard.press("Enter")
    assert simulated.posts("harbour-room-102") == before + 1
    expect(card(page, "Room 102")).to_contain_text("Unlocked, confirmed")
    unlock(page, "Room 102").press("Enter")  # a next one is another guest's
    expect(dialog.get_by_label("Note")).to_have_value("")


def test_another_person_finds_neither_the_question_nor_what_was_typed(sign_in, simulated) -> None:
    page, other = without_news(sign_in("clerk2")), sign_in("clerk")
    dialog = filled_in(page, "110")
    page.route("**/unlock/", lambda route: route.fulfill(status=502, body="Bad gateway"))
    dialog.get_by_role("button", name="Unlock Room 110").press("Enter")
    expect(page.locator("#notices")).to_contain_text("The press may have been sent")
    page.unroute_all()
    page.context.add_cookies(other.context.cookies())  # another one signed in at this PC
    unlock(page, "Room 110").press("Enter")
    expect(page.locator("#connection")).to_have_text("Live")  # another page
    expect(dialog).to_be_hidden()
    unlock(page, "Room 110").press("Enter")
    expect(dialog.get_by_label("Note")).to_have_value("")
    assert simulated.posts("harbour-room-110") == 0


def test_a_press_that_comes_back_late_does_not_take_the_place_of_the_next_question(sign_in) -> None:
    page = sign_in("clerk")
    held: dict[str, Route] = {}
    page.route("**/unlock/", lambda route: held.update(press=route))
    page.route(re.compile("/doors/[0-9]+/$"), lambda route: held.update(question=route))
    with page.expect_request(re.compile("/doors/")):
        unlock(page, "Room 101").press("Enter")
    held.pop("question").continue_()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("radio", name="ID seen").check()
    dialog.get_by_role("radio", name="Guest locked out").check()
    name_it(page, "101")
    with page.expect_request("**/unlock/"):
        dialog.get_by_role("button", name="Unlock Room 101").press("Enter")
    with page.expect_request(re.compile("/doors/")):
        unlock(page, "Room 102").press("Enter")
    held["press"].fulfill(status=403, body="<h1 data-sentence>Out of date.</h1>")
    expect(page.locator("#notices")).to_contain_text("Room 101 Out of date.")
    held["question"].continue_()
    expect(dialog).to_contain_text("Unlock Room 102?")


def test_breaking_glass_finds_nothing_of_what_was_typed_for_an_ordinary_press(
    house: Stack, sign_in, simulated
) -> None:
    page = sign_in("clerk2")
    dialog = filled_in(page, "110")
    page.route("**/unlock/", lambda route: route.fulfill(status=502, body="Bad gateway"))
    dialog.get_by_role("button", name="Unlock Room 110").press("Enter")
    expect(page.locator("#notices")).to_contain_text("The press may have been sent")
    shell(house, FROZEN)
    card(page, "Room 110").get_by_role("button", name="break glass").press("Enter")
    expect(dialog).to_contain_text("Break glass: unlock Room 110?")
    expect(dialog.get_by_label("Note")).to_have_value("")
    expect(dialog.get_by_role("radio", name="Guest locked out")).not_to_be_checked()
    shell(house, RELEASED)


def test_what_proves_who_one_is_is_typed_anew(house: Stack, sign_in) -> None:
    page = sign_in("clerk")
    shell(house, ASKS_WHO)
    dialog = filled_in(page, "110")
    dialog.get_by_label("Code from your authenticator app").fill("123456")
    out_of_date(page)
    dialog.get_by_role("button", name="Unlock Room 110").press("Enter")
    expect(dialog.locator(".notice")).to_contain_text("This page was out of date.")
    expect_filled(dialog, "110")
    expect(dialog.get_by_label("Code from your authenticator app")).to_have_value("")
    expect(dialog.get_by_label("Code from your authenticator app")).to_be_focused()
