"""When something is in the way of a press, the clerk reads what happened and stays where they were."""

import re

import pytest
from playwright.sync_api import Page, expect

from locks.tests.desks import card, name_it, out_of_date, shell, unlock, without_news
from locks.tests.visitors import DEMO_PASSWORD
from tools.stack import Stack

PARTS = ("web",)
# Rows that the server cannot read: of a person's role, so that no press gets as far as Seam; or of a
# lock, so that the press is sent and its answer cannot be told.
BREAK = "from django.db import connection; connection.cursor().execute({sql!r})"
ROLE = "UPDATE locks_assignment SET weekly_hours = '{hours}' WHERE role = 'front_desk'"
LOCK = "UPDATE locks_device SET battery_level = {level} WHERE label = 'Staff entrance'"
NEWS = """
from django.db import transaction
from locks.services.audit import touch
with transaction.atomic():
    touch(Building.objects.get(name='Harbour House'))
"""
A_SECOND_LATER = (
    "{ const now = performance.now.bind(performance); performance.now = () => now() + 1000; }"
)


def notice(page: Page):
    return page.locator("#notices .notice")


def test_who_was_signed_out_reads_that_nothing_was_sent_and_comes_back_to_that_door(
    sign_in, simulated, take
) -> None:
    page = without_news(sign_in("clerk"))
    page.context.clear_cookies(name="accessdesk_session")
    unlock(page, "Main entrance").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    sentence = page.get_by_role("alert").filter(has_text="signed out before your press got here")
    expect(sentence).to_contain_text("Nothing was sent. Sign in to return to that door.")
    take(page, "signed-out", everywhere=True)
    assert simulated.posts("harbour-main-entrance") == 0
    page.unroute_all()
    page.get_by_label("User name").fill("clerk")
    page.get_by_label("Password").fill(DEMO_PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(
        card(page, "Main entrance")
    ).to_be_focused()  # the card: Enter struck twice unlocks nothing
    unlock(page, "Main entrance").press("Enter")
    expect(card(page, "Main entrance")).to_contain_text("Unlocked, confirmed")
    assert simulated.posts("harbour-main-entrance") == 1


def test_whose_role_has_ended_reads_so_and_the_doors_are_gone(
    house: Stack, sign_in, simulated, take
) -> None:
    page = without_news(sign_in("park-clerk"))
    shell(
        house,
        "from django.utils import timezone;"
        "Assignment.objects.filter(person__username='park-clerk').update(revoked_at=timezone.now())",
    )
    unlock(page, "Front door").click()
    expect(notice(page)).to_contain_text("Front door Nothing was sent. There is no such door")
    expect(notice(page)).to_contain_text("If it should be yours, tell a manager.")
    expect(page.locator("#say-now[role=alert]")).to_contain_text("Front door Nothing was sent.")
    page.unroute_all()
    page.get_by_role("heading", name="You hold no role").wait_for()
    expect(notice(page)).to_contain_text("Nothing was sent")
    take(page, "role-ended", everywhere=True)
    assert simulated.posts("park-front-door") == 0


def test_who_is_offline_reads_that_nothing_was_sent_and_loses_nothing_typed(
    sign_in, simulated, take
) -> None:
    page = sign_in("clerk")
    page.route("**/live/", lambda route: route.abort())  # Playwright leaves an open stream alone
    page.reload()
    unlock(page, "Room 102").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("radio", name="ID seen").check()
    name_it(page, "102")
    dialog.get_by_role("radio", name="Guest locked out").check()
    dialog.get_by_label("Note").fill("Left the key inside")
    page.context.set_offline(True)
    expect(page.locator("#connection")).to_have_attribute("data-state", "lost")
    dialog.get_by_role("button", name="Unlock Room 102").click()
    expect(dialog.locator(".notice")).to_contain_text("This device is offline. Nothing was sent.")
    expect(dialog.locator("#lost")).to_be_visible()
    expect(dialog.get_by_label("Note")).to_have_value("Left the key inside")
    take(page, "offline", everywhere=True)
    dialog.get_by_role("link", name="Cancel").click()
    unlock(page, "Parking gate").click()
    expect(notice(page)).to_contain_text("Parking gate This device is offline. Nothing was sent.")
    unlock(page, "Room 110").click()
    expect(notice(page)).to_contain_text("Room 110 No answer from this desk's server. No door was")
    page.unroute_all()
    page.context.set_offline(False)
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    assert simulated.posts("harbour-parking-gate") == simulated.posts("harbour-room-102") == 0
    unlock(page, "Parking gate").click()
    expect(card(page, "Parking gate")).to_contain_text("Accepted, this lock does not confirm")


@pytest.mark.parametrize(
    ("who", "path", "leads"),
    [
        ("clerk", "/history/", "/"),
        ("clerk", "/hand-over/1/", "/"),
        ("clerk", "/accounts/", "/"),
        ("manager", "/admin/locks/unlockrequest/", "/admin/"),
    ],
)
def test_offline_a_link_leaves_a_page_without_news_where_it_is(
    sign_in, house: Stack, who: str, path: str, leads: str
) -> None:
    page = sign_in(who, path)
    page.context.set_offline(True)
    away = page.locator(f"a[href='{leads}']").first
    away.click()
    told = page.get_by_role("alert").filter(has_text="This device is offline")
    expect(told).to_contain_text("so this one stays")
    expect(told).to_be_in_viewport()
    page.get_by_role("button", name=re.compile("Not you\\? Switch|Log out")).click()
    expect(page).to_have_url(house.url + path)
    page.context.set_offline(False)
    expect(told).to_have_count(0)
    away.click()
    expect(page).to_have_url(house.url + leads)


def test_who_has_just_gone_offline_is_kept_on_the_desk(sign_in) -> None:
    page = sign_in("clerk")
    page.route("**/live/", lambda route: route.abort())  # Playwright leaves an open stream alone
    page.reload()
    expect(page.locator("#connection")).to_have_attribute("data-state", "polling")
    page.context.set_offline(True)
    page.get_by_role("link", name="My presses").click()
    expect(notice(page)).to_contain_text("Not connected: another page may not be shown")
    expect(card(page, "Main entrance")).to_be_visible()


def test_a_link_or_a_reload_without_a_server_leaves_the_page_where_it_is(sign_in) -> None:
    page = sign_in("clerk")
    page.route("**/live/", lambda route: route.abort())  # Playwright leaves an open stream alone
    page.reload()
    page.context.set_offline(True)
    expect(page.locator("#connection")).to_have_attribute("data-state", "lost")
    for leave in (
        lambda: page.get_by_role("link", name="My presses").click(),
        lambda: page.keyboard.press("F5"),
        lambda: page.get_by_role("button", name="Not you? Switch").click(),
    ):
        page.evaluate("document.getElementById('notices').replaceChildren()")
        leave()
        expect(notice(page)).to_contain_text(
            "Not connected: another page may not be shown, so this one stays."
        )
        expect(card(page, "Main entrance")).to_be_visible()
    page.get_by_role("link", name="Shift hand-over").click()
    page.evaluate(A_SECOND_LATER)  # no double click, but meant
    with page.expect_event("requestfailed", lambda sent: "hand-over" in sent.url):
        page.get_by_role("link", name="Shift hand-over").click()
    page.context.set_offline(False)


def test_the_keyboard_stays_at_the_door_whose_press_got_no_answer(sign_in, simulated) -> None:
    page = without_news(sign_in("clerk2"))
    page.route("**/unlock/", lambda route: route.abort())
    unlock(page, "Loading dock").press("Enter")
    expect(notice(page)).to_contain_text("Loading dock No answer from this desk's server.")
    expect(unlock(page, "Loading dock")).to_be_focused()
    expect(card(page, "Loading dock").locator(".instant")).to_be_hidden()
    assert simulated.posts("harbour-loading-dock") == 0


def test_a_page_whose_form_is_too_old_says_so_and_its_next_press_counts(sign_in, simulated) -> None:
    page = without_news(sign_in("clerk2"))
    field = card(page, "Bike cellar").locator("[data-press] input[name=csrfmiddlewaretoken]")
    old = field.input_value()
    out_of_date(page)
    unlock(page, "Bike cellar").click()
    expect(notice(page)).to_contain_text(
        "This page was out of date. Nothing was sent. Press again."
    )
    assert simulated.posts("harbour-bike-cellar") == 0
    page.unroute_all()
    expect(field).not_to_have_value(old)  # it came by itself, with the next news
    unlock(page, "Bike cellar").click()
    expect(card(page, "Bike cellar")).to_contain_text(re.compile("Waiting for the lock|Unlocked"))
    assert simulated.posts("harbour-bike-cellar") == 1


@pytest.mark.parametrize(
    ("broken", "mended", "sent", "says"),
    [
        (
            ROLE.format(hours='[{"days": 7}]'),
            ROLE.format(hours="[]"),
            0,
            "Something went wrong here.",
        ),
        (
            LOCK.format(level="'nearly full'"),
            LOCK.format(level=0.5),
            1,
            "The press was sent, and then something went wrong here.",
        ),
    ],
    ids=["before it is sent", "after it was sent"],
)
def test_a_server_that_breaks_on_a_press_leaves_the_page_and_says_only_what_it_knows(
    house: Stack, sign_in, simulated, take, broken: str, mended: str, sent: int, says: str
) -> None:
    page, lock = sign_in("clerk"), "harbour-staff-entrance"
    simulated.behave(lock, "instant")
    before = simulated.posts(lock)
    shell(house, BREAK.format(sql=broken))
    with page.expect_response(re.compile("/unlock/")) as answer:
        unlock(page, "Staff entrance").click()
    assert answer.value.status == 500
    expect(notice(page)).to_contain_text(f"Staff entrance {says}")
    expect(notice(page)).to_contain_text("Look at the door's card before you press again.")
    expect(notice(page)).not_to_contain_text("Nothing was sent")
    assert simulated.posts(lock) - before == sent
    expect(card(page, "Main entrance")).to_be_visible()
    expect(page).to_have_url(f"{house.url}/")
    take(page, f"broke-{'after' if sent else 'before'}-it-was-sent", everywhere=True)
    shell(house, BREAK.format(sql=mended) + NEWS)
    expect(unlock(page, "Staff entrance")).to_be_enabled()
    told = card(page, "Staff entrance").filter(has_text="Unlocked, confirmed")
    expect(told).to_have_count(sent)
    assert simulated.posts(lock) - before == sent


def test_a_page_that_is_not_there_leads_to_the_desk(sign_in, take) -> None:
    page = sign_in("clerk")
    page.goto(page.url + "no/such/page/")
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "There is no such page, or it is not yours to see."
    )
    take(page, "no-such-page", everywhere=True)
    expect(page.get_by_role("link", name="Back to where you were")).to_have_count(0)
    page.get_by_role("link", name="Go to the desk").click()
    expect(card(page, "Main entrance")).to_be_visible()
    page.get_by_role("link", name="My presses").click()
    page.get_by_role("heading", name="My presses").wait_for()
    page.evaluate("location.assign('/doors/999999/')")
    page.get_by_role("link", name="Back to where you were").click()
    expect(page.get_by_role("heading", name="My presses")).to_be_visible()
