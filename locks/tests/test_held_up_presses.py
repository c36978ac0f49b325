"""A press that was held up on its way is not sent, and the next one works without a reload."""

import os
import signal
import socket
import threading
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from locks.simulator import Simulator
from locks.tests.desks import card, name_it
from locks.tests.installations import card as find_card
from locks.tests.servers import until
from locks.tests.visitors import DEMO_PASSWORD, Visitor, field
from tools.stack import Stack

MAIN = "harbour-main-entrance"
GOOD_FOR = 5.0  # seconds that a press may be old
HELD_FOR = 6.5  # seconds on its way, of one that is held up
# An installation where nothing is sent some seconds after the press.
PARTS, ENVIRONMENT = ("web",), {"UNLOCK_SEND_TIMEOUT": str(GOOD_FOR)}


@pytest.fixture
def visitor(house: Stack) -> Visitor:
    return Visitor(house.url, "clerk2", DEMO_PASSWORD)


@pytest.fixture
def clerk(sign_in: Callable[..., Page]) -> Page:
    return sign_in("clerk")


def hold_up(page: Page, *, meanwhile: str = "") -> None:
    """Keep the next press on its way for longer than it is good for, as a stalled network does.

    `meanwhile` is run in the page then.
    """

    def later(route: Route) -> None:
        if meanwhile:
            page.evaluate(meanwhile)
        threading.Event().wait(HELD_FOR)
        route.continue_()

    page.route("**/unlock/", later, times=1)


def test_a_late_press_is_not_sent_and_the_button_is_armed_again(
    clerk: Page, simulated: Simulator
) -> None:
    hold_up(clerk, meanwhile="accessdesk.refetch()")  # as news of another door does
    button = card(clerk, "Main entrance").get_by_role("button", name="Unlock")
    button.click()
    expect(card(clerk, "Main entrance")).to_contain_text("the press took too long to get here")
    assert simulated.posts(MAIN) == 0
    expect(button).to_be_enabled()
    expect(button).to_be_focused()
    button.press("Enter")
    expect(card(clerk, "Main entrance")).to_contain_text("Unlocked, confirmed")
    assert simulated.posts(MAIN) == 1


def test_a_late_confirmation_keeps_what_was_typed(clerk: Page, simulated: Simulator) -> None:
    card(clerk, "Room 101").get_by_role("button", name="Unlock").click()
    dialog = clerk.get_by_role("dialog")
    dialog.get_by_label("ID seen").check()
    dialog.get_by_label("Guest locked out").check()
    dialog.get_by_label("Note").fill("No card")
    name_it(clerk, "101")
    hold_up(clerk)
    dialog.get_by_role("button", name="Unlock Room 101").click()
    expect(dialog).to_contain_text("the press took too long to get here")
    assert simulated.posts("harbour-room-101") == 0
    expect(dialog.get_by_label("Guest locked out")).to_be_checked()
    expect(dialog.get_by_label("Note")).to_have_value("No card")
    dialog.get_by_role("button", name="Unlock Room 101").click()
    expect(card(clerk, "Room 101")).to_contain_text("Unlocked, confirmed")
    assert simulated.posts("harbour-room-101") == 1


def test_a_page_that_was_open_over_night_still_unlocks_at_once(
    house: Stack, clerk: Page, simulated: Simulator
) -> None:
    """Its age is the finger's, not the page's."""
    before = simulated.posts(MAIN)
    until(
        lambda: clerk.evaluate("performance.now()") > GOOD_FOR * 1000 + 500
    )  # older than a press may be
    card(clerk, "Main entrance").get_by_role("button", name="Unlock").click()
    until(lambda: simulated.posts(MAIN) == before + 1)
    expect(card(clerk, "Main entrance").locator(".state")).to_contain_text(["Unlocked, confirmed"])


def post(visitor: Visitor, door: int, *, stall_after: str, seconds: float) -> str:
    """Press over a line that stands still for `seconds` in the middle of the request; the answer."""
    page = visitor.get(f"/doors/{door}/").text
    form = f"csrfmiddlewaretoken={field(page, 'csrfmiddlewaretoken')}&token={field(page, 'token')}"
    cookies = "; ".join(f"{each.name}={each.value}" for each in visitor.session.cookies)
    request = (
        f"POST /doors/{door}/unlock/ HTTP/1.1\r\nHost: {visitor.url.removeprefix('http://')}\r\n"
        f"Cookie: {cookies}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(form)}\r\nConnection: close\r\n\r\n{form}"
    ).encode()
    host, port = visitor.url.removeprefix("http://").split(":")
    break_at = request.index(stall_after.encode()) + len(stall_after)
    with socket.create_connection((host, int(port)), timeout=30) as line:
        line.sendall(request[:break_at])
        threading.Event().wait(seconds)
        line.sendall(request[break_at:])
        answer = b""
        while part := line.recv(65536):
            answer += part
    return answer.decode()


@pytest.mark.parametrize("stall_after", ["POST /doors/", "Cookie: ", "csrfmiddlewaretoken="])
def test_a_request_that_stands_still_on_its_way_is_not_sent(
    visitor: Visitor, simulated: Simulator, stall_after: str
) -> None:
    """A stalled Wi-Fi, in the first line, in the headers, in the body."""
    door, _card = find_card(visitor, "Bike cellar")
    answer = post(visitor, door, stall_after=stall_after, seconds=HELD_FOR)
    assert "the press took too long to get here" in answer
    assert simulated.posts("harbour-bike-cellar") == 0


def test_a_press_that_waits_for_a_busy_server_is_not_sent(
    house: Stack, visitor: Visitor, simulated: Simulator
) -> None:
    """The server stands still, and the kernel, like any queue in front of it, keeps the press."""
    door, _card = find_card(visitor, "Staff entrance")
    page = visitor.get(f"/doors/{door}/").text
    web, answers = house.processes["web"].pid, []
    visitor.session.close()  # an idle connection would be closed by the server when it wakes

    def press() -> None:
        form = {"token": field(page, "token")}
        csrf = field(page, "csrfmiddlewaretoken")
        answers.append(visitor.post(f"/doors/{door}/unlock/", form, csrf=csrf))

    pressing = threading.Thread(target=press)
    os.kill(web, signal.SIGSTOP)
    try:
        pressing.start()
        threading.Event().wait(HELD_FOR)
    finally:
        os.kill(web, signal.SIGCONT)
    pressing.join()
    assert "the press took too long to get here" in answers[0].text
    assert simulated.posts("harbour-staff-entrance") == 0
    assert visitor.press(door, token=visitor.token(door)).status_code == 303
    assert simulated.posts("harbour-staff-entrance") == 1
