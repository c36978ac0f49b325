"""What is told of presses in a real browser: each outcome once, none of another press."""

import re

from playwright.sync_api import APIResponse, Page, Route, expect

from locks.tests.desks import card, name_it, shell, unlock
from tools.processes import wait_for
from tools.stack import Stack

PARTS = ("web",)
ENVIRONMENT = {"UNLOCK_RESOLVE_TIMEOUT": "600"}
NEWS = (
    "from locks.services.audit import touch; from django.db import transaction\n"
    "with transaction.atomic(): touch(Building.objects.get(name='Harbour House'))"
)
PAST = (
    "import datetime as dt; from django.db.models import F; ago = dt.timedelta(seconds=9)\n"
    "UnlockRequest.objects.update(requested_at=F('requested_at') - ago, ended_at=F('ended_at') - ago)"
)
SETTLED = (
    "from django.utils import timezone; UnlockRequest.objects.filter(status='unknown').update("
    "status='failed', code='lock_error', ended_at=timezone.now())"
)
# What a screen reader hears: a region that is filled, not one that says what it said.
LISTEN = """window.heard = ["say", "say-now"].flatMap((id) => {
    const place = document.getElementById(id);
    const told = () => place.textContent && window.heard.push(place.textContent);
    new MutationObserver(told).observe(place, { childList: true });
    return [];
})"""


def heard(page: Page, sentence: str) -> int:
    return sum(sentence in each for each in page.evaluate("window.heard"))


def heard_but(page: Page) -> list[str]:
    """All that was to be heard until now."""
    page.evaluate("accessdesk.say('the end', false)")
    wait_to_hear(page, "the end")
    return [each for each in page.evaluate("window.heard") if each != "the end"]


def wait_to_hear(page: Page, sentence: str, times: int = 1) -> None:
    page.wait_for_function(
        "([sentence, times]) => window.heard.filter((each) => each.includes(sentence)).length >= times",
        arg=[sentence, times],
    )


def held(page: Page, path: str) -> list[tuple[Route, APIResponse]]:
    """Answers that the server has given, and that the page has to wait for."""
    found: list[tuple[Route, APIResponse]] = []
    page.route(path, lambda route: found.append((route, route.fetch())))
    return found


def let_go(page: Page, answers: list[tuple[Route, APIResponse]]) -> None:
    # Playwright hears of a request while it is asked for something.
    wait_for(lambda: page.evaluate("true") and bool(answers), seconds=10, what="an answer")
    route, answer = answers.pop()
    route.fulfill(response=answer)


def test_the_same_outcome_is_spoken_each_time(house: Stack, sign_in, simulated) -> None:
    clerk = sign_in("clerk")
    clerk.evaluate(LISTEN)
    accepted = "Parking gate: Accepted, this lock does not confirm"
    for times in (1, 2):
        unlock(clerk, "Parking gate").press("Enter")
        wait_to_hear(clerk, accepted, times)
        shell(house, PAST)  # a press within two seconds would be the same one
    assert simulated.posts("harbour-parking-gate") == 2
    assert heard(clerk, accepted) == 2


def test_what_a_card_said_before_is_not_told_of_the_press_under_way(house: Stack, sign_in) -> None:
    clerk = sign_in("clerk")
    clerk.evaluate(LISTEN)
    unlock(clerk, "Main entrance").press("Enter")
    wait_to_hear(clerk, "Main entrance: Unlocked, confirmed")
    shell(house, PAST)
    clerk.evaluate("window.heard = []")
    clerk.route("**/buildings/**", lambda route: route.abort())
    answers = held(clerk, "**/unlock/")
    unlock(clerk, "Main entrance").press("Enter")
    wait_to_hear(clerk, "Main entrance: Sending…")
    clerk.evaluate("document.dispatchEvent(new Event('htmx:afterSettle'))")  # of another door
    clerk.unroute("**/unlock/")
    unlock(clerk, "Staff entrance").press("Enter")
    wait_to_hear(clerk, "Staff entrance: Waiting for the lock")
    assert heard(clerk, "Main entrance: Unlocked") == 0
    let_go(clerk, answers)
    wait_to_hear(clerk, "Main entrance: Waiting for the lock")


def test_what_was_asked_before_a_press_does_not_take_the_place_of_its_answer(
    house: Stack, sign_in, simulated
) -> None:
    simulated.behave("harbour-staff-entrance", "instant")
    clerk = sign_in("clerk")
    clerk.evaluate(LISTEN)
    unlock(clerk, "Staff entrance").press("Enter")
    wait_to_hear(clerk, "Staff entrance: Unlocked, confirmed")
    shell(house, PAST)
    held_back = iter([True])
    before: list[tuple[Route, APIResponse]] = []

    def hold_first(route: Route) -> None:
        if next(held_back, False):
            before.append((route, route.fetch()))
        else:
            route.continue_()

    clerk.route("**/buildings/**", hold_first)
    shell(house, NEWS)
    wait_for(lambda: clerk.evaluate("true") and bool(before), seconds=10, what="an answer")
    simulated.behave("harbour-staff-entrance", "unavailable")
    clerk.evaluate("window.heard = []")
    with clerk.expect_response("**/buildings/**"):
        unlock(clerk, "Staff entrance").press("Enter")
    wait_to_hear(clerk, "Staff entrance: May have unlocked")
    assert before[0][0].request.failure == "net::ERR_ABORTED"
    assert heard(clerk, "Unlocked, confirmed") == 0
    expect(card(clerk, "Staff entrance")).to_contain_text("May have unlocked")
    # As other tests want the door.
    simulated.behave("harbour-staff-entrance", "slow")
    shell(house, SETTLED)


def test_a_press_of_before_the_page_was_loaded_is_told_of(house: Stack, sign_in, simulated) -> None:
    clerk, colleague = sign_in("clerk"), sign_in("clerk2")
    expect(unlock(clerk, "Main entrance")).to_be_enabled()  # no press of another test is under way
    shell(house, PAST)
    simulated.hold("harbour-main-entrance")
    unlock(clerk, "Main entrance").press("Enter")
    expect(card(clerk, "Main entrance")).to_contain_text("Waiting for the lock")
    clerk.reload()
    searching = clerk.context.new_page()
    searching.goto(f"{house.url}/?q=gate")
    for page in (clerk, searching, colleague):
        expect(page.locator("#connection")).to_have_text(re.compile("^Live"))
        page.evaluate(LISTEN)
    simulated.release("harbour-main-entrance")
    wait_to_hear(clerk, "Main entrance: Unlocked, confirmed.")
    notices = searching.locator("#notices")
    expect(notices).to_contain_text("Main entrance Unlocked, confirmed.")  # its card is not here
    expect(card(colleague, "Main entrance")).to_contain_text("Unlocked, confirmed")
    assert heard_but(colleague) == []


def test_a_building_that_does_not_answer_is_not_called_live_and_heals_aloud(
    house: Stack, sign_in
) -> None:
    clerk = sign_in("clerk")
    clerk.evaluate(LISTEN)
    clerk.route("**/buildings/**", lambda route: route.fulfill(status=502, body="Bad gateway"))
    shell(house, NEWS)
    expect(clerk.locator("#lost")).to_be_visible()
    expect(clerk.locator("#connection")).to_have_text("Not live")
    clerk.get_by_role("button", name="Try now").focus()
    clerk.unroute("**/buildings/**")
    expect(clerk.locator("#connection")).to_have_text("Live")  # by itself
    expect(clerk.locator("#lost")).to_be_hidden()
    wait_to_hear(clerk, "Live")
    expect(clerk.get_by_role("searchbox", name="Find a door")).to_be_focused()


def test_a_press_that_is_asked_back_is_not_told_what_came_of_the_one_before(
    house: Stack, sign_in, simulated
) -> None:
    clerk = sign_in("clerk2")
    unlock(clerk, "Room 110").press("Enter")
    press_with_a_reason(clerk, "110")
    expect(card(clerk, "Room 110")).to_contain_text("Unlocked, confirmed")
    shell(house, PAST)
    unlock(clerk, "Room 110").press("Enter")
    answers = held(clerk, "**/unlock/")
    clerk.get_by_role("dialog").get_by_label("Note").fill("4111 1111 1111 1111")
    press_with_a_reason(clerk, "110")
    clerk.get_by_role("searchbox", name="Find a door").fill("gate")
    expect(card(clerk, "Room 110")).to_have_count(0)
    clerk.evaluate(LISTEN)
    let_go(clerk, answers)
    notices = clerk.locator("#notices")
    expect(notices).to_contain_text("Room 110")
    expect(notices).to_contain_text("Nothing was sent")
    with clerk.expect_response("**/buildings/**"):
        shell(house, NEWS)
    assert "Unlocked, confirmed" not in " / ".join(heard_but(clerk))
    expect(notices).to_contain_text("Nothing was sent")


def test_a_press_without_an_answer_names_its_door_that_is_not_shown_any_more(sign_in) -> None:
    clerk = sign_in("clerk")
    presses: list[Route] = []
    clerk.route("**/unlock/", lambda route: presses.append(route))
    unlock(clerk, "Bike cellar").press("Enter")
    clerk.get_by_role("searchbox", name="Find a door").fill("gate")
    expect(card(clerk, "Bike cellar")).to_have_count(0)
    presses.pop().abort()
    doubt = clerk.locator("#notices").filter(has_text="Bike cellar")
    expect(doubt).to_be_visible()


def test_a_card_that_news_brings_anew_says_sending_while_its_press_is_under_way(
    house: Stack, sign_in
) -> None:
    clerk = sign_in("clerk")
    presses: list[Route] = []
    clerk.route("**/unlock/", lambda route: presses.append(route))
    unlock(clerk, "Roof door").press("Enter")
    press_with_a_reason(clerk, "")
    expect(card(clerk, "Roof door")).to_contain_text("Sending…")
    shell(house, "Device.objects.filter(label='Roof door').update(nickname='Terrace')")
    shell(house, NEWS)
    expect(card(clerk, "Roof door")).to_contain_text("Terrace")
    expect(card(clerk, "Roof door").get_by_text("Sending…")).to_be_visible()
    presses.pop().abort()
    expect(card(clerk, "Roof door").get_by_text("Sending…")).to_be_hidden()


def test_an_answer_that_is_lost_leaves_no_doubt_where_news_brought_the_outcome(
    sign_in, simulated
) -> None:
    simulated.behave("harbour-main-entrance", "instant")
    clerk = sign_in("clerk")
    clerk.evaluate(LISTEN)
    answers = held(clerk, "**/unlock/")
    unlock(clerk, "Main entrance").press("Enter")
    expect(card(clerk, "Main entrance")).to_have_class(re.compile("is-sending"))
    wait_for(lambda: clerk.evaluate("true") and bool(answers), seconds=10, what="an answer")
    wait_to_hear(clerk, "Main entrance: Unlocked, confirmed.")
    with clerk.expect_response("**/buildings/**"):
        answers.pop()[0].abort()
    expect(card(clerk, "Main entrance")).to_contain_text("Unlocked, confirmed")
    assert [each for each in heard_but(clerk) if "may have been sent" in each] == []
    expect(clerk.locator("#notices .notice")).to_have_count(0)


def test_a_press_that_an_offline_pc_did_not_send_takes_no_doubt_away_and_is_not_asked_for_again(
    house: Stack, sign_in
) -> None:
    clerk = sign_in("clerk")
    clerk.evaluate(LISTEN)
    clerk.route("**/live/", lambda route: route.abort())  # Playwright leaves an open stream alone
    unlock(clerk, "Parking gate").press("Enter")
    wait_to_hear(clerk, "Parking gate: Accepted, this lock does not confirm")
    shell(house, PAST)  # as an outcome of before, which is the same
    clerk.reload()
    clerk.route("**/buildings/**", lambda route: route.abort())
    answers = held(clerk, "**/unlock/")
    unlock(clerk, "Parking gate").press("Enter")
    wait_for(lambda: clerk.evaluate("true") and bool(answers), seconds=10, what="an answer")
    answers.pop()[0].abort()
    notices = clerk.locator("#notices")
    expect(notices).to_contain_text("The press may have been sent")
    clerk.context.set_offline(True)
    expect(clerk.locator("#connection")).to_have_attribute("data-state", "lost")
    unlock(clerk, "Parking gate").press("Enter")
    expect(notices).to_contain_text("This device is offline. Nothing was sent.")
    expect(notices).to_contain_text("The press may have been sent")
    clerk.unroute("**/buildings/**")
    clerk.context.set_offline(False)
    expect(card(clerk, "Parking gate")).to_contain_text("Accepted, this lock does not confirm")
    expect(notices.locator(".notice")).to_have_count(0)


def test_what_comes_with_an_answer_takes_no_doubt_away(sign_in) -> None:
    clerk = sign_in("clerk")
    clerk.route("**/unlock/", lambda route: route.fulfill(status=504, body="Gateway timeout"))
    unlock(clerk, "Bike cellar").press("Enter")
    doubt = clerk.locator("#notices").filter(has_text="Bike cellar No answer from this desk")
    expect(doubt).to_be_visible()
    clerk.unroute("**/unlock/")

    def twice(route: Route) -> None:  # as a proxy does that repeats what it had no answer to
        route.fetch()
        route.continue_()

    clerk.route("**/unlock/", twice)
    unlock(clerk, "Loading dock").press("Enter")
    notices = clerk.locator("#notices")
    expect(notices).to_contain_text("nothing was sent now")
    expect(doubt).to_be_visible()


def press_with_a_reason(page: Page, number: str) -> None:
    question = page.get_by_role("dialog")
    if number:
        name_it(page, number)
    question.get_by_role("radio", name="Guest locked out").check()
    question.get_by_role("radio", name="ID seen").check()
    question.get_by_role("button", name=re.compile("^Unlock")).press("Enter")


def test_a_question_says_what_somebody_else_does_at_its_door_meanwhile(
    house: Stack, sign_in, simulated
) -> None:
    clerk, colleague = sign_in("clerk"), sign_in("clerk2")
    unlock(clerk, "Room 102").click()
    question = clerk.get_by_role("dialog")
    expect(question).to_be_visible()
    question.get_by_label("Reference").fill("B-1")
    unlock(colleague, "Room 102").press("Enter")
    press_with_a_reason(colleague, "102")
    told = question.get_by_role("alert").filter(has_text="Room 102 Unlocked, confirmed.")
    expect(told).to_be_visible()
    expect(question.get_by_label("Reference")).to_have_value("B-1")
    expect(question.get_by_label("Reference")).to_be_focused()
    clerk.keyboard.press("Escape")
    told = clerk.locator("#notices").get_by_text("Room 102 Unlocked, confirmed.")
    expect(told).to_be_visible()
    expect(clerk.locator("#notices [role=alert]")).to_have_count(0)  # it was heard
    clerk.evaluate(LISTEN)
    shell(house, PAST)
    simulated.hold("harbour-room-102")
    unlock(colleague, "Room 102").press("Enter")
    press_with_a_reason(colleague, "102")
    expect(card(clerk, "Room 102")).to_contain_text("Waiting for the lock")
    assert "Room 102" not in " / ".join(heard_but(clerk))  # it is asked about no more


def test_a_question_takes_the_place_of_no_other_and_comes_to_nobody_who_went_on(
    house: Stack, sign_in, simulated
) -> None:
    clerk = sign_in("clerk2")
    dialog = clerk.get_by_role("dialog")
    simulated.behave("harbour-staff-entrance", "unavailable")
    unlock(clerk, "Staff entrance").press("Enter")
    expect(card(clerk, "Staff entrance")).to_contain_text("May have unlocked")
    unlock(clerk, "Staff entrance").press("Enter")
    # Asked back: another clerk has pressed again meanwhile, and that is as unknown.
    answers = held(clerk, "**/unlock/")
    shell(house, "UnlockRequest.objects.filter(status='unknown').update(code='no_outcome')")
    dialog.get_by_role("button", name="Press again").press("Enter")
    questions = held(clerk, re.compile(r"/doors/\d+/$"))
    unlock(clerk, "Room 101").press("Enter")
    let_go(clerk, answers)
    expect(dialog).to_be_hidden()
    let_go(clerk, questions)
    expect(dialog.get_by_role("heading")).to_have_text("Unlock Room 101?")
    clerk.keyboard.press("Escape")
    unlock(clerk, "Room 101").press("Enter")
    clerk.keyboard.type("gate")  # for the next guest
    expect(card(clerk, "Parking gate")).to_be_visible()
    let_go(clerk, questions)
    expect(clerk.locator("#carriers [data-asks]")).to_have_count(0)
    expect(dialog).to_be_hidden()
