"""A press that runs, in a real browser: its ring, its words as time goes by, and the tab's title and icon."""

import re

from playwright.sync_api import Page, expect

from locks.tests.desks import card, shell, unlock
from tools.processes import wait_for
from tools.stack import Stack

PARTS = ("web",)
ENVIRONMENT = {"UNLOCK_RESOLVE_TIMEOUT": "600"}  # a press that is held waits for the test

PAST = """
from locks.tests.history import past_unlock
door = Device.objects.get(label={door!r})
clerk = User.objects.get(username='clerk')
for number in range(5):
    past_unlock(door, clerk, took_ms={took}, confirmed_by_device=True)
UnlockRequest.objects.update(requested_at=timezone.now() - dt.timedelta(hours=2))
"""
HEAD = "import datetime as dt; from django.utils import timezone\n"
ELSEWHERE = (
    HEAD
    + """
from locks.models import Assignment, Status
from locks.tests.history import unlock_at
manager, park = User.objects.get(username='manager'), Building.objects.get(name='Park Residence')
Assignment.objects.create(person=manager, building=park, role='front_desk')
roof, ago = Device.objects.get(label='Roof door'), timezone.now() - dt.timedelta(minutes=5)
lost = unlock_at(ago, roof, manager, status=Status.UNKNOWN, code='no_answer')
lost.presses.update(pressed_at=ago)
"""
)
SEEN = (
    HEAD
    + """
from locks.models import Attestation, Status
from locks.tests.history import unlock_at
clerk, room = User.objects.get(username='clerk'), Device.objects.get(label='Room 110')
lost = unlock_at(timezone.now(), room, clerk, status=Status.UNKNOWN, code='no_answer')
Attestation.objects.create(request=lost, person=clerk, person_name='Clerk', seen='not_unlocked')
"""
)
SETTLED = (
    HEAD + "UnlockRequest.objects.filter(status='unknown', device__label='Room 110').update("
    "status='failed', code='lock_error', ended_at=timezone.now())"
)
NEWS = """
from django.db import transaction
from locks.services.audit import touch
with transaction.atomic():
    touch(Building.objects.get(name='Harbour House'))
"""
LATER = "{ const now = performance.now.bind(performance); performance.now = () => now() + 20_000; }"
# What the ring shows, as far as it is drawn: a share of the whole.
DRAWN = """(card) => {
    const run = card.querySelector(".state:not(.instant) .ring-run");
    return 1 - parseFloat(getComputedStyle(run).strokeDashoffset) / 100;
}"""


def give_a_past(house: Stack, door: str, *, took: int) -> None:
    shell(house, HEAD + PAST.format(door=door, took=took))


def icon(page: Page) -> str:
    href = page.locator("link[rel=icon]").get_attribute("href")
    return re.sub(r"(\.[0-9a-f]{12})?\.svg(\?v=\w+)?$", "", href or "").rpartition("/")[2]


def drawn(page: Page, door: str) -> float:
    return float(card(page, door).evaluate(DRAWN))


def press_is_old(house: Stack, *, seconds: float) -> None:
    """As if the press under way had been made so long ago."""
    at = f"timezone.now() - dt.timedelta(seconds={seconds})"
    pending = "UnlockRequest.objects.filter(status='pending')"
    shell(house, f"{HEAD}{pending}.update(requested_at={at})")


def test_the_ring_goes_on_where_it_is_on_every_page_and_its_words_turn_slow(
    house, sign_in, simulated, take
) -> None:
    give_a_past(house, "Main entrance", took=40_000)
    simulated.hold("harbour-main-entrance")
    clerk = sign_in("clerk")
    expect(card(clerk, "Main entrance")).to_contain_text("Usually answers in 40 s")
    unlock(clerk, "Main entrance").click()
    expect(card(clerk, "Main entrance")).to_contain_text("Waiting for the lock… (usually 40 s)")
    assert drawn(clerk, "Main entrance") < 0.5
    press_is_old(house, seconds=24)
    late = sign_in("clerk2", reduced_motion="reduce")  # a quarter of the ring at a time
    assert drawn(late, "Main entrance") in (0.75, 1.0)
    clerk.reload()
    assert drawn(clerk, "Main entrance") > 0.55
    take(clerk, "ring", everywhere=True, at=card(clerk, "Main entrance"))

    # The page knows by itself when that is slow, also where the server cannot be reached.
    slow = "Slower than usual: Waiting for the lock… (usually 40 s)"
    press_is_old(house, seconds=56)
    late.reload()
    late.route("**/buildings/**", lambda route: route.abort())
    expect(card(late, "Main entrance")).to_contain_text(slow)
    take(late, "ring-slow", everywhere=True, at=card(late, "Main entrance"))
    late.unroute("**/buildings/**")
    simulated.release("harbour-main-entrance")
    for page in (clerk, late):
        expect(card(page, "Main entrance")).to_contain_text("Unlocked, confirmed")
        expect(card(page, "Main entrance").locator("[data-pace]")).to_have_count(0)


def test_who_pressed_hears_once_that_it_is_slower_than_usual(house, sign_in, simulated) -> None:
    give_a_past(house, "Parking gate", took=1_000)
    simulated.hold("harbour-parking-gate")
    clerk, colleague = sign_in("clerk"), sign_in("clerk2")
    unlock(clerk, "Parking gate").click()
    slow = "Slower than usual: Waiting for the lock… (usually 1.0 s)"
    for page in (clerk, colleague):
        expect(card(page, "Parking gate")).to_contain_text(slow)
    expect(clerk.locator("#say")).to_have_text(f"Parking gate: {slow}.")
    expect(colleague.locator("#say")).to_have_text("")
    simulated.release("harbour-parking-gate")
    expect(card(clerk, "Parking gate")).to_contain_text("Accepted, this lock does not confirm")


# A tab that is hidden as soon as it is told so, and the streams that it holds open.
TAB = """
    window.sources = [];
    window.EventSource = class extends EventSource {
        constructor(...all) { super(...all); window.sources.push(this); }
    };
    window.streams = () => window.sources.filter((each) => each.readyState !== 2).length;
    let isHidden = false;
    Object.defineProperty(document, "hidden", { get: () => isHidden });
    window.hide = (is) => {
        isHidden = is;
        document.dispatchEvent(new Event("visibilitychange"));
    };
"""


def wait_for_no_stream(page: Page) -> None:
    wait_for(lambda: page.evaluate("streams()") == 0, seconds=30, what="the stream was closed")


def test_the_title_and_the_icon_tell_of_ones_own_open_doors_in_a_hidden_tab_too(
    sign_in, simulated
) -> None:
    simulated.hold("harbour-staff-entrance")
    clerk, colleague = sign_in("clerk"), sign_in("clerk2")
    clerk.add_init_script(TAB)
    clerk.reload()
    expect(clerk.locator("#connection")).to_have_text("Live")
    clerk.evaluate("hide(true)")
    wait_for_no_stream(clerk)  # nothing is waited for
    clerk.evaluate("hide(false)")
    unlock(clerk, "Staff entrance").click()
    expect(clerk).to_have_title("(1 waiting) Desk · accessdesk")
    assert icon(clerk) == "icon-waiting"
    clerk.evaluate("hide(true)")
    simulated.release("harbour-staff-entrance")
    expect(clerk).to_have_title("Desk · accessdesk")
    assert icon(clerk) == "icon"
    wait_for_no_stream(clerk)
    clerk.evaluate("hide(false)")

    simulated.behave("harbour-loading-dock", "unavailable")
    unlock(clerk, "Loading dock").click()
    expect(clerk).to_have_title("(!) Desk · accessdesk")
    assert icon(clerk) == "icon-doubted"
    expect(colleague).to_have_title("Desk · accessdesk")
    dock = card(colleague, "Loading dock")
    dock.get_by_role("button", name="Did not unlock Loading dock").click()
    expect(clerk).to_have_title("Desk · accessdesk")
    assert icon(clerk) == "icon"


def test_the_tab_tells_of_ones_own_open_doors_on_other_pages_too(sign_in, simulated) -> None:
    simulated.hold("harbour-main-entrance")
    clerk = sign_in("clerk")
    unlock(clerk, "Main entrance").click()
    clerk.get_by_role("link", name="Shift hand-over").click()
    expect(clerk).to_have_title("(1 waiting) Shift hand-over of Harbour House · accessdesk")
    assert icon(clerk) == "icon-waiting"
    clerk.get_by_role("link", name="My presses").click()
    expect(clerk).to_have_title("(1 waiting) My presses · accessdesk")
    row = clerk.locator(".press-row").first
    expect(row).to_contain_text("Waiting")
    said = clerk.locator("#presses-say[role=status]")
    expect(said).to_have_text("")
    simulated.release("harbour-main-entrance")
    expect(clerk).to_have_title("My presses · accessdesk")
    expect(row).to_contain_text("Unlocked, confirmed")
    expect(said).to_have_text("Main entrance: Unlocked, confirmed.")
    assert icon(clerk) == "icon"

    simulated.hold("harbour-parking-gate")
    clerk.get_by_role("link", name="Back to the desk").click()
    unlock(clerk, "Parking gate").click()
    expect(card(clerk, "Parking gate")).to_contain_text("Waiting for the lock")
    clerk.get_by_role("link", name="My presses").click()
    expect(clerk).to_have_title("(1 waiting) My presses · accessdesk")
    clerk.route("**/history/open/", lambda route: route.abort())
    expect(clerk).to_have_title("(!) My presses · accessdesk")  # nobody knows
    clerk.unroute("**/history/open/")
    simulated.release("harbour-parking-gate")
    expect(clerk).to_have_title("My presses · accessdesk")


def test_my_presses_learn_of_an_end_of_which_the_tab_was_told_nothing(
    house, sign_in, simulated
) -> None:
    simulated.hold("harbour-main-entrance")
    clerk, colleague = sign_in("clerk"), sign_in("clerk2")
    unlock(clerk, "Main entrance").click()
    expect(card(clerk, "Main entrance")).to_contain_text("Waiting for the lock")
    clerk.route("**/history/open/", lambda route: route.abort())
    clerk.clock.install()
    clerk.get_by_role("link", name="My presses").click()
    row = clerk.locator(".press-row").first
    expect(row).to_contain_text("Waiting for the lock")
    simulated.release("harbour-main-entrance")
    expect(card(colleague, "Main entrance")).to_contain_text("Unlocked, confirmed")
    clerk.unroute("**/history/open/")
    clerk.clock.fast_forward(5_000)
    expect(row).to_contain_text("Unlocked, confirmed")

    shell(house, SEEN)  # nothing is waited for
    clerk.reload()
    row = clerk.locator(".press-row").filter(has_text="Room 110")
    expect(row).to_contain_text("May have unlocked")
    shell(house, SETTLED)
    with clerk.expect_response("**/history/"):
        clerk.clock.fast_forward(61_000)
    expect(row).to_contain_text("Not unlocked")


def test_what_came_of_a_press_is_said_while_another_door_is_searched(
    house, sign_in, simulated
) -> None:
    simulated.hold("harbour-main-entrance")
    clerk = sign_in("clerk")
    unlock(clerk, "Main entrance").click()
    expect(clerk).to_have_title("(1 waiting) Desk · accessdesk")
    clerk.keyboard.type("101")
    expect(card(clerk, "Main entrance")).to_have_count(0)
    expect(card(clerk, "Room 101")).to_be_visible()
    expect(clerk).to_have_title("(1 waiting) Desk · accessdesk")
    expect(clerk.locator("#notices")).to_be_empty()
    simulated.release("harbour-main-entrance")
    expect(clerk.locator("#notices")).to_contain_text("Main entrance Unlocked")
    expect(clerk.locator("#say[role=status]")).to_contain_text("Main entrance Unlocked")
    expect(clerk).to_have_title("Desk · accessdesk")
    assert card(clerk, "Room 101").is_visible()


def test_what_leaves_a_door_in_doubt_stays_told_while_others_are_pressed(
    house, sign_in, simulated
) -> None:
    simulated.hold("harbour-main-entrance")
    clerk = sign_in("clerk")
    unlock(clerk, "Main entrance").click()
    expect(card(clerk, "Main entrance")).to_contain_text("Waiting for the lock")
    clerk.keyboard.type("staff")
    expect(card(clerk, "Main entrance")).to_have_count(0)
    unknown = (
        "UnlockRequest.objects.filter(status='pending').update(status='unknown', code='no_answer')"
    )
    shell(house, f"{unknown}\n{NEWS}")
    doubt = clerk.locator("#notices").filter(has_text="Main entrance May have unlocked")
    expect(doubt).to_be_visible()
    unlock(clerk, "Staff entrance").press("Enter")
    expect(card(clerk, "Staff entrance")).to_contain_text("Unlocked")
    expect(doubt).to_be_visible()
    clerk.keyboard.press("Escape")
    expect(doubt).to_have_count(0)


def test_what_is_still_open_in_a_building_that_is_out_of_sight_marks_the_tab(
    house, sign_in, simulated
) -> None:
    shell(house, ELSEWHERE)
    page = sign_in("manager")
    expect(page).to_have_title("(!) Desk · accessdesk")
    page.keyboard.type("residence")
    expect(page.get_by_role("heading", name="Harbour House")).to_have_count(0)
    expect(page).to_have_title("(!) Desk · accessdesk")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Park Residence").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Park Residence")
    expect(page).to_have_title("(!) Park Residence · Desk · accessdesk")
    # What is asked for by itself counts as answered, although its answer takes its place.
    expect(page.locator("#connection")).to_have_text("Live")
    page.evaluate(LATER)
    shell(house, NEWS)
    expect(page.locator("#connection")).to_have_text("Live")
    page.get_by_role("link", name="Records").click()  # nor is any building in sight there
    expect(page).to_have_title(re.compile(r"^\(!\) "))
    assert icon(page) == "icon-doubted"
    page.go_back()
    colleague = sign_in("clerk2")
    card(colleague, "Roof door").get_by_role("button", name="Did not unlock Roof door").click()
    expect(page).to_have_title("Park Residence · Desk · accessdesk")


def test_an_unknown_outcome_closes_itself_with_the_true_time_on_every_console(
    sign_in, simulated, take
) -> None:
    simulated.behave("harbour-bike-cellar", "hangs_up")  # it unlocks, and no answer comes
    clerk, colleague = sign_in("clerk"), sign_in("clerk2")
    unlock(clerk, "Bike cellar").click()
    true_time = re.compile(r"Unlocked at \d\d:\d\d:\d\d; learned at \d\d:\d\d:\d\d\.")
    for page in (clerk, colleague):
        expect(card(page, "Bike cellar")).to_contain_text("May have unlocked")
    for page in (clerk, colleague):
        expect(card(page, "Bike cellar")).to_contain_text(true_time, timeout=60_000)
        expect(page.locator(".log-row").filter(has_text="Bike cellar")).to_contain_text(true_time)
    expect(clerk.locator("#say-now")).to_contain_text(
        "Bike cellar: Unlocked"
    )  # for who pressed, aloud
    take(clerk, "learned-late", everywhere=True, at=card(clerk, "Bike cellar"))
    assert simulated.posts("harbour-bike-cellar") == 1
