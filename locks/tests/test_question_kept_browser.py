"""What was typed for a press that was turned away stands in its question once more, and nowhere else."""

import re
from collections.abc import Iterator
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from locks.tests.desks import card, name_it, out_of_date, shell, unlock, without_news
from locks.tests.visitors import DEMO_PASSWORD
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
AS_BEFORE = """
from allauth.mfa.models import Authenticator
Authenticator.objects.all().delete()
Assignment.objects.filter(person__username='clerk2').update(revoked_at=None)
Device.objects.filter(label='Room 110').update(step_up_minutes=None, break_glass=False, frozen=False)
"""


@pytest.fixture
def as_before(house: Stack) -> Iterator[None]:
    """The house is as it was for the tests that come after this one, in whatever order."""
    yield
    shell(house, AS_BEFORE)


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


def expect_filled(dialog: Locator, number: str = "") -> None:
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
    take(page, "csrf-asked", everywhere=True)
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
    ("number", "status", "page_says", "told"),
    [
        ("101", 502, "<h1>Bad gateway</h1>", "No answer from this desk's server. The press may"),
        ("102", 503, "<h1 data-sentence>The database is gone.</h1>", "The database is gone."),
        ("110", 429, "<h1 data-sentence>Too many at once.</h1>", "Too many at once."),
    ],
    ids=["bad gateway", "database gone", "too many"],
)
def test_a_press_that_was_turned_away_can_be_made_again_without_typing_anything_anew(
    sign_in, simulated, number: str, status: int, page_says: str, told: str
) -> None:
    page, lock, door = sign_in("clerk"), f"harbour-room-{number}", f"Room {number}"
    dialog = filled_in(page, number)
    before = simulated.posts(lock)
    page.route("**/unlock/", lambda route: route.fulfill(status=status, body=page_says))
    dialog.get_by_role("button", name=f"Unlock {door}").press("Enter")
    expect(dialog).to_be_hidden()
    expect(page.locator("#notices")).to_contain_text(f"{door} {told}")
    page.unroute("**/unlock/")
    unlock(page, door).press("Enter")
    expect_filled(dialog)  # but for its number: which door is meant is said each time
    expect(dialog.locator(".notice")).to_contain_text(told)
    expect(dialog.get_by_label("Type its number")).to_be_focused()
    page.keyboard.type(number)
    with page.expect_response("**/unlock/"):
        page.keyboard.press("Enter")
    assert simulated.posts(lock) == before + 1
    expect(card(page, door)).to_contain_text("Unlocked, confirmed")
    unlock(page, door).press("Enter")  # a next one is another guest's
    expect(dialog.get_by_label("Note")).to_have_value("")


def test_a_press_that_was_sent_without_an_answer_leaves_nothing_for_the_next_guest(sign_in) -> None:
    page = sign_in("clerk")
    dialog = filled_in(page, "102")

    def lose(route: Route) -> None:
        route.fetch()
        route.fulfill(status=504, body="<h1>Gateway timeout</h1>")

    page.route("**/unlock/", lose)
    with page.expect_response(
        "**/unlock/"
    ):  # what it leaves in doubt is known as soon as news comes
        dialog.get_by_role("button", name="Unlock Room 102").press("Enter")
    unlock(page, "Room 102").press("Enter")  # at once, whatever the card says by now
    expect(dialog.get_by_role("heading")).to_contain_text("Room 102")
    expect(dialog.get_by_label("Note")).to_have_value("")
    expect(dialog.get_by_label("Reference")).to_have_value("")


def test_another_person_finds_neither_the_question_nor_what_was_typed(sign_in, simulated) -> None:
    page, other = without_news(sign_in("clerk2")), sign_in("clerk")
    before = simulated.posts("harbour-room-110")
    dialog = filled_in(page, "110")
    page.route("**/unlock/", lambda route: route.fulfill(status=502, body="Bad gateway"))
    dialog.get_by_role("button", name="Unlock Room 110").press("Enter")
    expect(page.locator("#notices")).to_contain_text("The press may have been sent")
    page.unroute_all()
    page.context.add_cookies(other.context.cookies())  # another one signed in at this PC
    unlock(page, "Room 110").press("Enter")
    expect(page.locator(".me-name")).to_have_text(other.locator(".me-name").inner_text())
    expect(dialog).to_be_hidden()
    unlock(page, "Room 110").press("Enter")
    expect(dialog.get_by_label("Note")).to_have_value("")
    assert simulated.posts("harbour-room-110") == before


@pytest.mark.parametrize("path", ["/", "/history/"])
def test_a_page_goes_when_another_person_has_signed_in_and_it_was_told_by_nobody(
    sign_in, path: str
) -> None:
    """A tab that was asleep, or cut off, while they did: it hears of it with the next answer it gets."""
    page, other = sign_in("clerk2"), sign_in("clerk")
    page.goto(urljoin(page.url, path))
    asked: list[Route] = []

    def lost(route: Route) -> None:
        asked.append(route)
        if len(asked) == 1:
            route.abort()
        else:
            route.continue_()

    page.route("**/accounts/session/", lost)
    page.context.add_cookies(other.context.cookies())
    page.evaluate("accessdesk.refetch ? accessdesk.refetch() : accessdesk.askSession()")
    expect(page.locator(".me-name")).to_have_text(other.locator(".me-name").inner_text())


def test_a_press_that_comes_back_late_does_not_take_the_place_of_the_next_question(sign_in) -> None:
    page = sign_in("clerk")
    dialog = filled_in(page, "101")
    held: dict[str, Route] = {}
    page.route("**/unlock/", lambda route: held.update(press=route))
    page.route(re.compile("/doors/[0-9]+/$"), lambda route: held.update(question=route))
    with page.expect_request("**/unlock/"):
        dialog.get_by_role("button", name="Unlock Room 101").press("Enter")
    with page.expect_request(re.compile("/doors/[0-9]+/$")):
        unlock(page, "Room 102").press("Enter")
    expect(card(page, "Room 102").locator(".instant")).to_be_hidden()  # "Sending…" is of a press
    expect(card(page, "Room 101").locator(".instant")).to_be_visible()
    held["press"].fulfill(status=403, body="<h1 data-sentence>Out of date.</h1>")
    expect(page.locator("#notices")).to_contain_text("Room 101 Out of date.")
    held["question"].continue_()
    expect(dialog).to_contain_text("Unlock Room 102?")


# --- What can end while a question is open -------------------------------------------------------------


def test_who_is_signed_out_within_a_question_reads_that_nothing_was_sent(
    sign_in, simulated
) -> None:
    page = without_news(sign_in("clerk"))
    before = simulated.posts("harbour-room-102")
    dialog = filled_in(page, "102")
    page.context.clear_cookies(name="accessdesk_session")
    dialog.get_by_role("button", name="Unlock Room 102").press("Enter")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    sentence = page.get_by_role("alert").filter(has_text="signed out before your press got here")
    expect(sentence).to_contain_text("Nothing was sent. Sign in to return to that door.")
    page.unroute_all()
    page.get_by_label("User name").fill("clerk")
    page.get_by_label("Password").fill(DEMO_PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(card(page, "Room 102")).to_be_focused()
    unlock(page, "Room 102").press("Enter")
    expect(page.get_by_role("heading", name="Unlock Room 102?")).to_be_visible()  # asked anew
    expect(page.get_by_label("Note")).to_have_value("")  # of a sign-in that is over
    assert simulated.posts("harbour-room-102") == before


@pytest.mark.parametrize("how", ["elsewhere", "asking"])
def test_whose_session_ends_while_a_question_is_open_reads_so_and_comes_back_to_its_door(
    house: Stack, sign_in, simulated, how: str
) -> None:
    page = sign_in("clerk")
    before = simulated.posts("harbour-room-102")
    filled_in(page, "102")
    if how == "elsewhere":
        other = page.context.new_page()
        other.goto(house.url)
        other.get_by_role("button", name=re.compile("Not you|Log out")).click()
    else:  # what the page asks for by itself is the first to be told
        page.context.clear_cookies(name="accessdesk_session")
        page.evaluate("accessdesk.refetch()")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    sentence = page.get_by_role("alert").filter(has_text="signed out while a door's question")
    expect(sentence).to_contain_text("Nothing was sent from it. Sign in to return to that door.")
    page.get_by_label("User name").fill("clerk")
    page.get_by_label("Password").fill(DEMO_PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(card(page, "Room 102")).to_be_focused()
    assert simulated.posts("harbour-room-102") == before


@pytest.mark.usefixtures("as_before")
def test_whose_role_ends_within_a_question_reads_whom_to_tell(
    house: Stack, sign_in, simulated
) -> None:
    page = without_news(sign_in("clerk2"))
    before = simulated.posts("harbour-room-102")
    dialog = filled_in(page, "102")
    role = "Assignment.objects.filter(person__username='clerk2', building__name='Harbour House')"
    shell(house, f"from django.utils import timezone; {role}.update(revoked_at=timezone.now())")
    dialog.get_by_role("button", name="Unlock Room 102").press("Enter")
    expect(page.locator("#notices")).to_contain_text("Room 102 Nothing was sent. There is no such")
    expect(page.locator("#notices")).to_contain_text("If it should be yours, tell a manager.")
    expect(dialog).to_be_hidden()
    page.unroute_all()
    expect(card(page, "Room 102")).to_have_count(0)
    expect(page.locator("#notices")).to_contain_text("Room 102 Nothing was sent.")
    assert simulated.posts("harbour-room-102") == before


@pytest.mark.usefixtures("as_before")
def test_a_door_that_is_frozen_within_a_question_says_so_on_its_card(
    house: Stack, sign_in, simulated
) -> None:
    page = without_news(sign_in("clerk"))
    before = simulated.posts("harbour-room-110")
    dialog = filled_in(page, "110")
    shell(house, DOOR + "freezing.freeze_door(actor=boss, device=door, reason='Cleaning')")
    dialog.get_by_role("button", name="Unlock Room 110").press("Enter")
    expect(dialog).to_be_hidden()
    expect(card(page, "Room 110")).to_contain_text("Nothing was sent.")
    expect(card(page, "Room 110")).to_contain_text("Cleaning")
    expect(page.locator("#say-now")).to_contain_text("Room 110: Nothing was sent.")
    assert simulated.posts("harbour-room-110") == before


# --- What is not filled in ---------------------------------------------------------------------


@pytest.mark.usefixtures("as_before")
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


@pytest.mark.usefixtures("as_before")
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
    expect(dialog.get_by_label("Reference")).to_have_value("")
