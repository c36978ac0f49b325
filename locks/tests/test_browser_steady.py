"""A press on a door that news has just moved: never at the wrong door, never lost without a word."""

import re

from playwright.sync_api import APIResponse, Page, Route, expect

from locks.tests.desks import card, shell, unlock, without_news

PARTS = ("web",)
MOVED = "The doors just moved, and nothing was sent. Press again."
# The page's clock, and that of fingers.
STAND_STILL = """{
    const at = performance.now();
    performance.now = () => at + (window.late ?? 0);
    Object.defineProperty(Event.prototype, "timeStamp", { get: () => performance.now() });
}"""


def middle(page: Page, label: str) -> tuple[float, float]:
    box = unlock(page, label).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def change(house, label: str, **values: str) -> None:
    """Change a door, as a manager does, and have the consoles look."""
    shell(
        house,
        "from locks.services.audit import touch; from django.db import transaction\n"
        f"Device.objects.filter(label={label!r}).update(**{values})\n"
        "with transaction.atomic(): touch(Building.objects.get(name='Harbour House'))",
    )


def test_a_click_on_a_door_that_was_moved_under_the_pointer_is_refused_aloud(
    house, sign_in, simulated
) -> None:
    clerk = sign_in("clerk")
    place = middle(clerk, "Main entrance")
    clerk.mouse.move(*place)
    clerk.evaluate(STAND_STILL)
    change(house, "Main entrance", area="Annex")
    expect(card(clerk, "Staff entrance").locator("xpath=..")).not_to_contain_text("Main entrance")
    change(house, "Main entrance", area="Ground floor")
    expect(card(clerk, "Staff entrance").locator("xpath=..")).to_contain_text("Main entrance")
    # It has come back under the pointer this very moment.
    clerk.mouse.click(*place)
    notice = clerk.locator("#notices")
    expect(notice).to_have_text(f"Main entrance {MOVED}")
    expect(clerk.locator("#say-now[role=alert]")).to_have_text(f"Main entrance {MOVED}")
    assert simulated.posts("harbour-main-entrance") == 0
    clerk.evaluate("window.late = 400")
    clerk.mouse.click(*place)
    expect(card(clerk, "Main entrance")).to_contain_text("Unlocked, confirmed")
    expect(notice).to_have_text("")
    assert simulated.posts("harbour-main-entrance") == 1


def test_a_door_that_an_answer_moved_is_refused_though_news_had_replaced_the_pressed_card(
    sign_in, simulated
) -> None:
    simulated.hold("harbour-main-entrance")
    clerk = sign_in("clerk", size="phone")
    held: list[tuple[Route, APIResponse]] = []
    clerk.route("**/unlock/", lambda route: held.append((route, route.fetch())))
    unlock(clerk, "Main entrance").click()
    expect(card(clerk, "Main entrance")).to_contain_text(
        "Waiting for the lock"
    )  # news, not the answer
    clerk.evaluate(STAND_STILL)
    clerk.evaluate("window.late = 400")  # what moved until now has stood still since
    clerk.route("**/buildings/**", lambda route: route.abort())  # no more news
    route, answer = held[0]
    longer = '<div class="zone">' + "<p>And one line more.</p>" * 12
    route.fulfill(response=answer, body=answer.text().replace('<div class="zone">', longer, 1))
    expect(card(clerk, "Main entrance")).to_contain_text("And one line more.")
    clerk.unroute("**/unlock/")
    unlock(clerk, "Staff entrance").click()
    expect(clerk.locator("#notices")).to_have_text(f"Staff entrance {MOVED}")
    assert simulated.posts("harbour-staff-entrance") == 0
    simulated.release("harbour-main-entrance")


def test_a_finger_that_is_down_while_an_answer_moves_the_doors_presses_no_other_door(
    sign_in, simulated
) -> None:
    """The browser clicks what is under the finger when it goes up."""
    simulated.hold("harbour-main-entrance")
    clerk = sign_in("clerk2", size="phone", has_touch=True, is_mobile=True)
    clerk.evaluate(STAND_STILL)
    held: list[tuple[Route, APIResponse]] = []
    clerk.route("**/unlock/", lambda route: held.append((route, route.fetch())))
    unlock(clerk, "Main entrance").press("Enter")
    expect(card(clerk, "Main entrance")).to_contain_text("Waiting for")  # news, not the answer
    clerk.route("**/buildings/**", lambda route: route.abort())
    before = simulated.posts("harbour-loading-dock")
    clerk.set_viewport_size({"width": 390, "height": 2400})  # nothing scrolls
    clerk.evaluate("window.late = 2000")
    (x, above), (_x, below) = middle(clerk, "Loading dock"), middle(clerk, "Parking gate")
    touch = clerk.context.new_cdp_session(clerk)
    finger = {"touchPoints": [{"x": x, "y": below}]}
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", **finger})
    route, answer = held[0]
    cell = f'<table><tr><td height="{round(below - above)}"></td></tr></table>'
    taller = f'<div class="zone">{cell}'
    body = answer.text().replace('<div class="zone">', taller, 1)
    route.fulfill(response=answer, body=body)
    expect(card(clerk, "Main entrance").locator("table")).to_be_attached()
    clerk.evaluate("window.late = 2100")
    clerk.unroute("**/unlock/")
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(clerk.locator("#notices")).to_contain_text(MOVED)
    assert simulated.posts("harbour-loading-dock") == before
    simulated.release("harbour-main-entrance")


def test_a_door_that_was_moved_last_while_the_tab_was_hidden_is_refused_a_click(
    sign_in, simulated
) -> None:
    clerk = without_news(sign_in("clerk"))  # none that moves them back
    clerk.evaluate(STAND_STILL)
    before = simulated.posts("harbour-staff-entrance")
    clerk.evaluate("""() => {
        const card = (label) => document.querySelector(`.card[data-label="${label}"]`);
        Object.defineProperty(document, "hidden", { get: () => true, configurable: true });
        accessdesk.watched(() => card("Parking gate").before(card("Loading dock")));
        accessdesk.watched(() => card("Main entrance").before(card("Staff entrance")));
        delete document.hidden;
    }""")
    unlock(clerk, "Staff entrance").click()
    expect(clerk.locator("#notices")).to_have_text(f"Staff entrance {MOVED}")
    assert simulated.posts("harbour-staff-entrance") == before


def test_a_button_that_asked_a_moment_ago_does_not_unlock_yet(house, sign_in, simulated) -> None:
    clerk = sign_in("clerk2")
    ask = unlock(clerk, "Roof door")
    expect(ask).to_have_text(re.compile("Unlock…"))
    ask.scroll_into_view_if_needed()
    clerk.evaluate(STAND_STILL)
    change(house, "Roof door", access="common")
    expect(ask).to_have_text(re.compile("^Unlock Roof door"))
    clerk.mouse.click(*middle(clerk, "Roof door"))
    expect(clerk.locator("#notices")).to_have_text(f"Roof door {MOVED}")
    assert simulated.posts("harbour-roof-door") == 0
    clerk.evaluate("window.late = 400")
    clerk.mouse.click(*middle(clerk, "Roof door"))
    expect(card(clerk, "Roof door")).to_contain_text("Not unlocked")
    change(house, "Roof door", access="private")


def test_doors_that_were_not_moved_take_every_click_of_a_quick_series(sign_in, simulated) -> None:
    clerk = sign_in("clerk2")
    labels = {"Parking gate": "harbour-parking-gate", "Loading dock": "harbour-loading-dock"}
    clerk.set_viewport_size({"width": 1280, "height": 1400})  # for both to be on the screen
    places = {label: middle(clerk, label) for label in labels}
    for place in places.values():
        clerk.mouse.click(*place)
    for label, device in labels.items():
        expect(card(clerk, label)).to_contain_text(re.compile("Accepted|May have|Unlocked, "))
        assert simulated.posts(device) == 1
    expect(clerk.locator("#notices")).to_have_text("")


def test_news_waits_for_a_finger_on_the_button_and_says_so_where_it_could_not(
    sign_in, simulated
) -> None:
    clerk = sign_in("clerk")
    replace = """() => accessdesk.watched(() => {
        const card = document.querySelector('.card[data-label="Staff entrance"]');
        card.replaceWith(card.cloneNode(true));
    })"""
    clerk.mouse.move(*middle(clerk, "Staff entrance"))
    clerk.mouse.down()
    clerk.evaluate("accessdesk.watched(() => { document.body.dataset.came = 'yes'; })")
    expect(clerk.locator("body")).to_have_attribute("data-came", "yes")  # a resting finger
    clerk.evaluate(replace)
    clerk.mouse.up()
    expect(clerk.locator("#notices")).to_have_text(f"Staff entrance {MOVED}")
    assert simulated.posts("harbour-staff-entrance") == 0
    clerk.evaluate(STAND_STILL)
    clerk.evaluate("window.late = 2000")
    clerk.mouse.down()
    clerk.evaluate(replace)
    clerk.mouse.up()
    expect(card(clerk, "Staff entrance")).to_contain_text(re.compile("Waiting|Unlocked"))
    assert simulated.posts("harbour-staff-entrance") == 1
