"""The desk in a real browser: what a clerk sees without touching the page."""

import re

from playwright.sync_api import Locator, Page, expect

from locks.tests.desks import card, name_it, shell, unlock

NOT_LIVE = "Not live"


LEVEL = """
from django.db import transaction
from locks.services.audit import touch
with transaction.atomic():
    Device.objects.filter(label="Parking gate").update(battery_level={level})
    touch(Building.objects.get(name="Harbour House"))
"""


def star(page: Page) -> Locator:
    return page.get_by_role("button", name="Favourite: Parking gate")


def test_a_press_shows_on_every_console_of_the_building_without_a_reload(
    sign_in, simulated
) -> None:
    clerk, colleague, stranger = sign_in("clerk"), sign_in("clerk2"), sign_in("park-clerk")
    simulated.withhold("harbour-main-entrance")
    unlock(clerk, "Main entrance").click()
    # The press waits for Seam: both consoles say so, and the refetch has replaced the pressed card.
    expect(card(clerk, "Main entrance")).to_contain_text("Sending…", use_inner_text=True)
    expect(card(colleague, "Main entrance")).to_contain_text("Sending…", use_inner_text=True)
    expect(card(clerk, "Main entrance").get_by_text("Demo clerk", exact=True)).to_be_visible()
    simulated.release("harbour-main-entrance")
    for page in (clerk, colleague):
        expect(card(page, "Main entrance")).to_contain_text("Unlocked, confirmed")
        expect(page.locator(".log-row").first).to_contain_text("Main entrance")
        expect(page.locator(".log-row").first).to_contain_text("Unlocked, confirmed")
    expect(clerk.locator("#say")).to_have_text("Main entrance: Unlocked, confirmed.")
    expect(colleague.locator("#say")).to_have_text("")
    expect(stranger.locator("body")).not_to_contain_text("Main entrance")
    assert simulated.posts("harbour-main-entrance") == 1
    # The keyboard is where it was.
    expect(unlock(clerk, "Main entrance")).to_be_enabled()
    expect(clerk.locator(".card:focus, .card :focus")).to_have_count(1)


def test_news_of_a_door_leaves_the_keyboard_at_it_and_not_at_the_door_pressed_before(
    house, sign_in, simulated
) -> None:
    simulated.behave("harbour-main-entrance", "instant")
    simulated.behave("harbour-parking-gate", "instant")
    before = {
        door: simulated.posts(f"harbour-{door}") for door in ("main-entrance", "parking-gate")
    }
    clerk = sign_in("clerk2")
    unlock(clerk, "Main entrance").press("Enter")
    expect(card(clerk, "Main entrance")).to_contain_text("Unlocked, confirmed")
    expect(unlock(clerk, "Main entrance")).to_be_focused()
    for place, level in ((unlock(clerk, "Parking gate"), 0.41), (star(clerk), 0.42)):
        place.focus()
        shell(house, LEVEL.format(level=level))
        expect(card(clerk, "Parking gate")).to_contain_text(f"{level * 100:.0f} %")
        expect(place).to_be_focused()
    unlock(clerk, "Parking gate").focus()
    shell(house, LEVEL.format(level=0.43))
    expect(card(clerk, "Parking gate")).to_contain_text("43 %")
    clerk.keyboard.press("Enter")
    expect(card(clerk, "Parking gate")).to_contain_text("Unlocked, confirmed")
    assert simulated.posts("harbour-parking-gate") == before["parking-gate"] + 1
    assert simulated.posts("harbour-main-entrance") == before["main-entrance"] + 1


def test_news_leaves_the_keyboard_at_a_link_whose_text_it_changes(sign_in, house) -> None:
    clerk = sign_in("clerk")
    link = clerk.get_by_role("link", name="Shift hand-over")
    link.focus()
    shell(
        house,
        "from locks.services.follow_ups import open_follow_up; from django.utils import timezone\n"
        "open_follow_up(actor=User.objects.get(username='clerk2'), text='A parcel waits',"
        " building=Building.objects.get(name='Harbour House'), at=timezone.now())",
    )
    expect(link).to_contain_text("1 follow-up")
    expect(link).to_be_focused()


def test_what_came_of_a_door_is_said_in_the_question_that_is_open_meanwhile(
    sign_in, simulated
) -> None:
    simulated.behave("harbour-staff-entrance", "instant")
    simulated.hold("harbour-staff-entrance")
    clerk = sign_in("clerk")
    unlock(clerk, "Staff entrance").click()
    expect(card(clerk, "Staff entrance")).to_contain_text("Waiting for the lock")
    unlock(clerk, "Room 102").press("Enter")
    dialog = clerk.get_by_role("dialog")
    expect(dialog).to_contain_text("Unlock Room 102?")
    simulated.release("harbour-staff-entrance")
    expect(dialog.get_by_role("alert")).to_contain_text("Staff entrance Unlocked, confirmed.")
    expect(dialog).to_contain_text("Unlock Room 102?")


LONG_AGO = """
from datetime import timedelta
from django.db.models import F
minute = timedelta(minutes=1)
UnlockRequest.objects.update(requested_at=F('requested_at') - minute, ended_at=F('ended_at') - minute)
"""


def test_a_double_click_is_one_press(house, sign_in, simulated) -> None:
    simulated.behave("harbour-parking-gate", "instant")
    clerk, before = sign_in("clerk"), simulated.posts("harbour-parking-gate")
    shell(house, LONG_AGO)
    with clerk.expect_response(re.compile("/unlock/")):
        unlock(clerk, "Parking gate").dblclick()
    expect(card(clerk, "Parking gate")).to_contain_text("Unlocked, confirmed")
    assert simulated.posts("harbour-parking-gate") - before == 1


def test_the_second_click_of_a_double_one_presses_nothing_where_the_lock_has_answered_already(
    house, sign_in, simulated
) -> None:
    simulated.behave("harbour-bike-cellar", "instant")
    clerk, lock = sign_in("clerk"), "harbour-bike-cellar"
    before = simulated.posts(lock)
    button = unlock(clerk, "Bike cellar")
    token = card(clerk, "Bike cellar").locator("[data-press] [name=token]")
    first = token.input_value()
    button.click()
    expect(card(clerk, "Bike cellar")).to_contain_text("Unlocked, confirmed")
    expect(token).not_to_have_value(first)
    shell(house, LONG_AGO)  # as on a busy machine: what is pressed now is a new wish to the server
    button.hover()
    heard = []
    clerk.on("console", lambda told: heard.append(told.text))
    clerk.evaluate(
        "addEventListener('mouseup', (event) => console.log(event.detail), {once: true})"
    )
    clerk.mouse.down(click_count=2)
    clerk.mouse.up(click_count=2)
    simulated.behave("harbour-main-entrance", "instant")
    unlock(clerk, "Main entrance").click()  # what came before it has arrived before it
    expect(card(clerk, "Main entrance")).to_contain_text("Unlocked, confirmed")
    assert heard == ["2"]
    assert simulated.posts(lock) - before == 1


def test_a_private_door_asks_in_a_dialog_that_no_refetch_disturbs(
    house, sign_in, simulated
) -> None:
    clerk = sign_in("clerk")
    dialog = clerk.get_by_role("dialog")
    unlock(clerk, "Room 101").click()
    expect(dialog).to_contain_text("Unlock Room 101?")
    clerk.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(unlock(clerk, "Room 101")).to_be_focused()
    clerk.keyboard.press("Space")
    name_it(clerk, "101")
    dialog.get_by_role("radio", name="Guest locked out").check()
    dialog.get_by_label("Note").fill("Left the key inside")
    with clerk.expect_response(re.compile("/buildings/")):
        shell(
            house,
            "from locks.services.audit import touch; from django.db import transaction\n"
            "with transaction.atomic(): touch(Building.objects.get(name='Harbour House'))",
        )
    expect(dialog.get_by_label("Note")).to_have_value("Left the key inside")
    dialog.get_by_role("button", name="Unlock Room 101").click()
    expect(dialog).to_be_visible()  # how the person was identified is missing
    dialog.get_by_role("radio", name="ID seen").check()
    dialog.get_by_role("button", name="Unlock Room 101").click()
    expect(dialog).to_be_hidden()
    expect(card(clerk, "Room 101")).to_contain_text("Unlocked, confirmed")
    assert simulated.posts("harbour-room-101") == 1


def test_an_unknown_outcome_is_asked_about_before_a_second_press(sign_in, simulated) -> None:
    clerk = sign_in("clerk")
    # Nothing of it in Seam's records either: one that they show is settled within seconds.
    simulated.behave("harbour-loading-dock", "unavailable")
    unlock(clerk, "Loading dock").click()
    expect(card(clerk, "Loading dock")).to_contain_text("May have unlocked, or may still unlock")
    expect(clerk.locator("#say-now")).to_contain_text("Treat the door as unlocked")
    clerk.route("**/attest/", lambda route: route.abort())
    card(clerk, "Loading dock").get_by_role("button", name="Did not unlock").click()
    expect(clerk.locator("#notices")).to_contain_text("What was seen may not be noted")
    clerk.unroute("**/attest/")
    simulated.behave("harbour-loading-dock", "instant")
    unlock(clerk, "Loading dock").click()
    dialog = clerk.get_by_role("dialog")
    expect(dialog).to_contain_text("Press Loading dock again anyway?")
    dialog.get_by_role("button", name="Press again").click()
    expect(card(clerk, "Loading dock")).to_contain_text("Unlocked, confirmed")
    assert simulated.posts("harbour-loading-dock") == 2


def test_a_press_tells_on_two_clocks_how_long_the_button_stood(sign_in) -> None:
    clerk = sign_in("clerk")
    # The clocks go on by a minute, 20 s of which the machine slept, and the button is pressed.
    with clerk.expect_request(re.compile("/unlock/$")) as sent:
        unlock(clerk, "Staff entrance").evaluate(
            """(button) => {
                const wall = Date.now, mono = performance.now.bind(performance);
                Date.now = () => wall() + 60_000;
                performance.now = () => mono() + 40_000;
                button.click();
                Date.now = wall;
                performance.now = mono;
            }"""
        )
    body = sent.value.post_data or ""
    wall, mono = (float(found) for found in re.findall(r"elapsed_\w+\D+([\d.]+)", body))
    assert 60 <= wall < 75
    assert 40 <= mono < 55


def test_without_an_answer_from_the_server_the_page_does_not_say_that_nothing_happened(
    sign_in,
) -> None:
    clerk = sign_in("clerk")
    clerk.route("**/unlock/", lambda route: route.abort())
    unlock(clerk, "Bike cellar").click()
    notice = clerk.locator("#notices")
    expect(notice).to_contain_text("Bike cellar No answer from this desk's server.")
    expect(notice).to_contain_text("The press may have been sent")
    clerk.unroute("**/unlock/")
    clerk.route("**/unlock/", lambda route: route.fulfill(status=403, body=_error_page()))
    # The notice takes a second to read; a press that comes sooner is taken for the first one's bounce.
    clerk.evaluate(
        "() => { const now = performance.now.bind(performance); performance.now = () => now() + 1000; }"
    )
    unlock(clerk, "Bike cellar").click()
    expect(notice).to_contain_text("Bike cellar <b>Out</b> of date.")
    expect(notice).to_contain_text("The press may have been sent")  # the one before


def _error_page() -> str:
    return "<!doctype html><h1 data-sentence>&lt;b>Out&lt;/b> of date.</h1>"


def test_a_third_page_asks_by_itself_and_takes_over_when_a_stream_is_free(sign_in, house) -> None:
    first = sign_in("viewer")
    second, third = first.context.new_page(), first.context.new_page()
    second.goto(house.url)
    expect(second.locator("#connection")).to_have_text("Live")
    third.goto(house.url)
    expect(third.locator("#connection")).to_have_text("Live (asking every 4 s)")
    second.close()
    expect(third.locator("#connection")).to_have_text("Live")


def test_a_role_that_ends_takes_the_doors_off_the_open_page(house, sign_in) -> None:
    page = sign_in("park-clerk")
    expect(card(page, "Front door")).to_be_visible()
    shell(
        house,
        "from django.utils import timezone;"
        "Assignment.objects.filter(person__username='park-clerk').update(revoked_at=timezone.now())",
    )
    expect(card(page, "Front door")).to_have_count(0, timeout=5_000)
    expect(page.get_by_role("heading", level=1)).to_contain_text("You hold no role")


def test_a_role_that_ends_takes_an_open_hand_over_sheet_away(house, sign_in) -> None:
    page = sign_in("viewer")
    page.get_by_role("link", name="Shift hand-over").click()
    expect(page.get_by_role("heading", name="Doors to look after")).to_be_visible()
    with page.expect_response(re.compile("/live/")):
        page.reload()
    shell(
        house,
        "from django.utils import timezone;"
        "Assignment.objects.filter(person__username='viewer').update(revoked_at=timezone.now())",
    )
    expect(page.get_by_role("heading", name="Doors to look after")).to_have_count(0, timeout=5_000)
    expect(page.locator("main")).to_contain_text("not yours to see")
    shell(
        house,
        "Assignment.objects.filter(person__username='viewer').update(revoked_at=None)",
    )


def test_signing_out_elsewhere_blanks_the_page(sign_in) -> None:
    page = sign_in("park-manager")
    other = page.context.new_page()
    other.goto(page.url)
    other.get_by_role("button", name="Not you? Switch").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=5_000)
    expect(page.locator(".card")).to_have_count(0)


def test_without_javascript_the_desk_works_as_plain_forms(sign_in, simulated) -> None:
    page = sign_in("clerk2", java_script_enabled=False)
    expect(page.locator("#connection")).to_have_text("Reload to see changes")
    unlock(page, "Room 110").click()
    name_it(page, "110")
    page.get_by_role("radio", name="Cleaning").check()
    page.get_by_role("radio", name="Known to me").check()
    # No script takes it for one click.
    page.get_by_role("button", name="Unlock Room 110").dblclick()
    expect(page).to_have_url(re.compile(r"/\?door=\d+#door-\d+$"))
    expect(card(page, "Room 110")).to_contain_text(re.compile("Waiting for the lock|Unlocked"))
    page.reload()
    assert simulated.posts("harbour-room-110") == 1
    before = simulated.posts("harbour-main-entrance")
    unlock(page, "Main entrance").dblclick()
    expect(card(page, "Main entrance")).to_contain_text(re.compile("Waiting for the lock|Unlocked"))
    page.reload()
    assert simulated.posts("harbour-main-entrance") == before + 1


def test_a_door_that_was_pressed_too_often_says_when_and_offers_its_button_again(
    house, sign_in, simulated
) -> None:
    shell(
        house,
        "import datetime as dt; from django.utils import timezone;"
        "from locks.tests.history import past_unlock;"
        "door = Device.objects.get(label='Room 102'); clerk = User.objects.get(username='clerk');"
        "made = [past_unlock(door, clerk).pk for _ in range(15)];"
        "UnlockRequest.objects.filter(pk__in=made)"
        ".update(requested_at=timezone.now() - dt.timedelta(seconds=35))",
    )
    page = sign_in("clerk2")
    room = card(page, "Room 102")
    expect(room).to_contain_text(re.compile(r"Seam takes the next press at (\w+ )?\d\d:\d\d:\d\d"))
    expect(unlock(page, "Room 102")).to_be_disabled()
    expect(unlock(page, "Room 102")).to_be_enabled(timeout=60_000)
    expect(room).not_to_contain_text("Seam takes the next press")
    assert simulated.posts("harbour-room-102") == 0


def test_the_desk_says_that_it_is_degraded_while_it_is(house, sign_in, take) -> None:
    worker = (
        "import datetime as dt; from django.utils import timezone; from locks.models import Lease;"
        "Lease.objects.update_or_create(name='worker', defaults={{'until': timezone.now() - {}}})"
    )
    lately = "dt.timedelta(hours=-1)"  # no worker runs here, and a test may take longer than 30 s
    shell(house, worker.format(lately))
    page = sign_in("clerk")
    banner = page.locator("#degraded")
    expect(banner).to_be_hidden()
    shell(house, worker.format("Lease.WORKER_SILENT_AFTER"))
    expect(banner).to_be_visible()
    expect(banner.locator(".why")).to_be_hidden()
    expect(banner.locator("summary")).to_have_accessible_name(
        re.compile(r"^Degraded ?: .* accessdesk\.$")
    )
    banner.locator("summary").click()  # a finger has no tooltips
    expect(banner.locator(".why")).to_contain_text("Background work is not running.")
    expect(banner.locator(".why")).to_be_visible()
    take(page, "degraded", everywhere=True)
    card(page, "Main entrance").get_by_role("heading").click()
    expect(banner.locator(".why")).to_be_hidden()
    expect(sign_in("clerk2").locator("#degraded")).to_be_visible()  # from the first moment on
    shell(house, worker.format(lately))
    expect(banner).to_be_hidden()


def test_a_lost_connection_cannot_be_overlooked_and_heals_by_itself(house, sign_in) -> None:
    page = sign_in("manager")
    house.stop("web")
    expect(page.locator("#connection")).to_have_text(NOT_LIVE)
    expect(page.locator("body")).to_have_class(re.compile("is-old"))
    shell(house, "Device.objects.filter(label='Roof door').update(label='Roof hatch')")
    house.start("web")
    house.wait_until_up()
    expect(page.locator("#connection")).to_have_text("Live")
    expect(card(page, "Roof hatch")).to_be_visible()
    expect(page.locator("body")).not_to_have_class(re.compile("is-old"))


def test_a_door_is_locked_again_and_enter_struck_twice_does_not_unlock_it(
    sign_in, simulated, take
) -> None:
    staff, label = "harbour-staff-entrance", "Staff entrance"
    simulated.behave(staff, "instant")
    clerk, colleague = sign_in("clerk"), sign_in("clerk2")
    unlocks = simulated.posts(staff)
    lock = card(clerk, label).get_by_role("button", name=re.compile("^Lock "))
    simulated.hold(staff)
    lock.focus()
    clerk.keyboard.press("Enter")
    for page in (clerk, colleague):
        expect(card(page, label)).to_contain_text("Waiting for the lock to lock…")
        expect(unlock(page, label)).to_have_count(0)
    simulated.release(staff)
    for page in (clerk, colleague):
        expect(card(page, label)).to_contain_text("Locked, confirmed")
        expect(page.locator(".log-row").first).to_contain_text("Locked, confirmed")
    expect(clerk.locator("#say")).to_have_text(f"{label}: Locked, confirmed.")
    expect(lock).to_be_focused()
    take(clerk, "locked-again", everywhere=True, at=card(clerk, label))
    with clerk.expect_response(re.compile(r"/lock/$")):
        clerk.keyboard.press("Enter")
    assert simulated.posts(staff) == unlocks
    # A gate that cannot be locked from here has no such button.
    gate = card(clerk, "Parking gate")
    expect(gate.get_by_role("button", name=re.compile("^Lock "))).to_have_count(0)
