"""A press on a door that news has just moved: never at the wrong door, never lost without a word."""

import re

from playwright.sync_api import APIResponse, Page, Route, expect

from locks.tests.desks import card, shell, unlock

PARTS = ("web",)
MOVED = "The doors just moved, and nothing was sent. Press again."
STAND_STILL = "{ const at = performance.now(); performance.now = () => at + (window.late ?? 0); }"


def middle(page: Page, label: str) -> tuple[float, float]:
    box = unlock(page, label).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def in_area(house, label: str, area: str) -> None:
    """Move a door on the desk, as a manager does, and have the consoles look."""
    shell(
        house,
        "from locks.services.audit import touch; from django.db import transaction\n"
        f"Device.objects.filter(label={label!r}).update(area={area!r})\n"
        "with transaction.atomic(): touch(Building.objects.get(name='Harbour House'))",
    )


def test_a_click_on_a_door_that_was_moved_under_the_pointer_is_refused_aloud(
    house, sign_in, simulated
) -> None:
    clerk = sign_in("clerk")
    place = middle(clerk, "Main entrance")
    clerk.mouse.move(*place)
    clerk.evaluate(STAND_STILL)
    in_area(house, "Main entrance", "Annex")
    expect(card(clerk, "Staff entrance").locator("xpath=..")).not_to_contain_text("Main entrance")
    in_area(house, "Main entrance", "Ground floor")
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
    clerk.evaluate("performance.now = () => 1e9")
    clerk.mouse.down()
    clerk.evaluate(replace)
    clerk.mouse.up()
    expect(card(clerk, "Staff entrance")).to_contain_text(re.compile("Waiting|Unlocked"))
    assert simulated.posts("harbour-staff-entrance") == 1
