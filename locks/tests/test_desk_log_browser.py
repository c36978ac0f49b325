"""A night at the desk in a browser: the log stands still while it is read, is filtered in place and right
again after a sleep; a lost connection cannot be overlooked; and the shift is handed over on one sheet."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Route, expect

from locks.tests.desks import SCROLL, card, out_of_date, shell
from locks.views.desk_logs import SHORT_LOG
from tools.stack import Stack

PARTS = ("web",)
NIGHT = """
import datetime as dt
from django.utils import timezone
from locks.models import Lease, Status
from locks.tests.history import past_refusal, unlock_at
now = timezone.now()
Lease.objects.update_or_create(name='worker', defaults={'until': now + dt.timedelta(hours=1)})
doors = list(Device.objects.filter(building__name='Harbour House').order_by('pk')[:6])
people = list(User.objects.filter(username__in=('clerk', 'clerk2')).order_by('pk'))
for number in range(30):
    moment = now - dt.timedelta(minutes=4 + 7 * number)
    unlock_at(moment, doors[number % 6], people[number % 2], confirmed_by_device=True)
unlock_at(now - dt.timedelta(hours=2), doors[2], people[0], status=Status.FAILED, error_type='lock_jammed')
unlock_at(now - dt.timedelta(hours=4), doors[3], people[1], status=Status.UNKNOWN, code='no_answer')
past_refusal(doors[0], User.objects.get(username='viewer'), repeats=2)
Device.objects.filter(pk=doors[1].pk).update(unlocked_since=now - dt.timedelta(hours=3))
Device.objects.filter(pk=doors[4].pk).update(battery_status='low', battery_level=0.14)
"""
NEWS = """
from locks.tests.history import past_unlock
door = Device.objects.get(label='Roof door')
for number in range({number}):
    past_unlock(door, User.objects.get(username='clerk2'), confirmed_by_device=True, took_ms=4_000)
"""
# The row that is read, in the middle of the screen, and where it stands.
READ = """() => {
    const row = [...document.querySelectorAll(".log-row")]
        .find(each => each.getBoundingClientRect().top >= innerHeight / 2);
    return [row.id, row.getBoundingClientRect().top];
}"""
TOP = "id => document.getElementById(id).getBoundingClientRect().top"
IN_FRONT = """element => {
    const { left, top, width, height } = element.getBoundingClientRect();
    return document.elementFromPoint(left + width / 2, top + height / 2) === element;
}"""
HIDE = """is => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => is });
    document.dispatchEvent(new Event("visibilitychange"));
}"""
SIZES_READ = ("desktop", "tablet", "phone")
SLEEP = "() => { const wall = Date.now; Date.now = () => wall() + 20 * 60_000; }"
AT_ONCE = 3_000  # ms in which a page that was away asks anew; by itself it would after 4 to 60 s


@pytest.fixture(scope="module", autouse=True)
def night(house: Stack) -> Iterator[None]:
    """Three hours and a half of a shift."""
    shell(house, NIGHT)
    return


def test_the_log_stands_still_while_it_is_read_and_says_what_is_new(house, sign_in, take) -> None:
    pages = [sign_in("clerk", size=size) for size in SIZES_READ]
    before = []
    rows = (32, SHORT_LOG, SHORT_LOG)  # one shows what was earlier, too
    expect(pages[0].locator(".log-row")).to_have_count(SHORT_LOG)
    earlier = pages[0].get_by_role("link", name="Show earlier")
    earlier.scroll_into_view_if_needed()
    row, top = pages[0].evaluate(READ)
    earlier.press("Enter")
    expect(earlier).to_have_count(0)
    expect(pages[0].locator(".log-new")).to_be_hidden()  # they are no news
    expect(pages[0].locator(".log-rows")).to_be_focused()
    assert pages[0].evaluate(TOP, row) == pytest.approx(top, abs=1)
    for page, count in zip(pages, rows, strict=True):
        expect(page.locator(".log-row")).to_have_count(count)
        page.evaluate(SCROLL)
        before.append(page.evaluate(READ))
        expect(page.locator(".log-new")).to_be_hidden()
    shell(house, NEWS.format(number=3))
    for page, count, (row, top) in zip(pages, rows, before, strict=True):
        chip = page.locator(".log-new")
        expect(chip).to_have_text("3 new")
        expect(page.locator(".log-new-place [role=status]")).to_have_text("Desk log: 3 new")
        assert page.evaluate(TOP, row) == pytest.approx(top, abs=1)
        expect(page.locator(".log-row")).to_have_count(count)
        assert chip.evaluate(IN_FRONT)
    for page, size in zip(pages, SIZES_READ, strict=True):
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            take(page, f"log-paused-{size}-{scheme}", at=page.locator(".log-new"))
    for page, count in zip(pages, (35, SHORT_LOG, SHORT_LOG), strict=True):
        page.locator(".log-new").click()
        expect(page.locator(".log-new")).to_be_hidden()
        expect(page.locator(".log-row")).to_have_count(count)
        expect(page.locator(".log-row").first).to_contain_text("Roof door")
        expect(page.locator(".log-row").first).to_be_in_viewport(ratio=1)
        expect(page.locator(".log-rows")).to_be_focused()
    pages[0].reload()
    expect(pages[0].locator(".log-row")).to_have_count(35)  # the address says so
    pages[0].locator(".log-row .log-door").first.click()
    pages[0].get_by_role("link", name="Show the whole log").click()
    expect(pages[0].locator(".log-row")).to_have_count(SHORT_LOG)
    expect(pages[0]).not_to_have_url(re.compile("log_"))


def test_what_is_read_further_down_goes_on_to_change_though_newer_rows_push_it_out(
    house, sign_in
) -> None:
    page = sign_in("clerk2")
    rows = page.locator(".log-row")
    expect(rows).to_have_count(SHORT_LOG)
    page.evaluate(SCROLL)
    shell(house, NEWS.format(number=2))
    expect(page.locator(".log-new")).to_have_text("2 new")
    last = rows.last.get_attribute("id")
    name = rows.last.locator(".log-who").inner_text()
    change = f"UnlockRequest.objects.filter(pk={last.removeprefix('request-')}).update(person_name="
    shell(house, f"{change}'Night porter')" + NEWS.format(number=1))
    expect(page.locator(".log-new")).to_have_text("3 new")
    expect(rows).to_have_count(SHORT_LOG)
    expect(rows.last).to_have_id(last)
    expect(rows.last).to_contain_text("Night porter")
    page.locator(".log-new").click()
    expect(page.locator(".log-new")).to_be_hidden()
    shell(house, f"{change}{name!r})" + NEWS.format(number=1))
    expect(rows).to_have_count(SHORT_LOG)


def test_show_earlier_does_not_wait_for_news_that_hang(house, sign_in) -> None:
    page = sign_in("clerk")
    hanging: list[Route] = []
    page.route(re.compile("/buildings/"), lambda route: hanging.append(route))
    with page.expect_request(re.compile("/buildings/")):
        shell(house, NEWS.format(number=1))
    page.unroute_all()
    page.get_by_role("link", name="Show earlier").press("Enter")
    expect(page.locator(".log-row").nth(SHORT_LOG)).to_be_visible()


def test_a_tap_on_a_rows_door_filters_the_log_and_news_keep_to_it(house, sign_in, take) -> None:
    page = sign_in("clerk2")
    rows = page.locator(".log-row")
    expect(rows.nth(SHORT_LOG - 1)).to_be_visible()
    link = rows.filter(has_not_text="Roof door").nth(4).locator(".log-door")  # news are of that
    door = link.inner_text()
    link.click()
    doors, people = (
        page.get_by_role("combobox", name=name, exact=True) for name in ("Door", "Person")
    )
    expect(page.locator(".log-rows")).to_be_focused()
    expect(rows.filter(has_not_text=door)).to_have_count(0)
    shown = rows.count()
    assert shown >= 1
    name = rows.first.locator(".log-who").inner_text()
    people.select_option(label=name)
    expect(rows.filter(has_not_text=name)).to_have_count(0)
    with page.expect_response(re.compile("/buildings/")):
        shell(house, NEWS.format(number=1))
    expect(card(page, "Roof door")).to_contain_text("Unlocked, confirmed")
    expect(rows.filter(has_not_text=door)).to_have_count(0)
    take(page, "log-filtered", everywhere=True, at=page.locator(".log-rows"))
    page.reload()  # the address has the filter, too
    expect(rows.filter(has_not_text=door)).to_have_count(0)
    assert rows.count() <= shown
    doors.select_option(label="Roof door")
    people.select_option(label="Demo clerk")
    expect(page.locator(".log-none")).to_have_text("Nothing that matches in the last 12 hours.")
    page.get_by_role("link", name="Show the whole log").click()
    expect(rows.nth(SHORT_LOG - 1)).to_be_visible()
    expect(page).not_to_have_url(re.compile("log_"))


def test_a_lost_connection_is_told_in_the_question_that_is_open(sign_in, take) -> None:
    page = sign_in("clerk")
    page.locator("[data-ask]").first.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    page.route("**/*", lambda route: route.abort())
    page.evaluate("htmx.createEventSource().drop()")
    expect(dialog.locator("#lost")).to_be_visible()
    take(page, "lost-in-a-question", everywhere=True)
    page.keyboard.press("Escape")
    expect(page.locator("body > #lost")).to_be_visible()


def test_a_lost_connection_is_told_across_the_page_and_a_page_that_was_away_is_right_at_once(
    house, sign_in, take
) -> None:
    cut_off, dark, hidden = (
        sign_in("clerk"),
        sign_in("clerk", size="phone", dark=True),
        sign_in("clerk2"),
    )
    for page in (cut_off, dark):
        page.route("**/*", lambda route: route.abort())
        page.evaluate("htmx.createEventSource().drop()")
    hidden.evaluate(HIDE, True)
    for page in (cut_off, dark):
        banner = page.locator("#lost")
        expect(banner).to_be_visible()
        expect(banner).to_contain_text(re.compile(r"Not connected since \d\d:\d\d:\d\d\b"))
        expect(page.locator("#connection")).to_have_text("Not live")
        box = banner.bounding_box()
        assert box is not None
        assert box["width"] == page.viewport_size["width"]
    take(cut_off, "lost", everywhere=True)
    shell(house, NEWS.format(number=1))
    old = cut_off.locator(".log-row").first.get_attribute("id")
    for page in (cut_off, dark):
        page.unroute("**/*")
    returns = (
        (cut_off, lambda: cut_off.get_by_role("button", name="Try now").click()),
        (dark, lambda: dark.evaluate("dispatchEvent(new Event('online'))")),
        (hidden, lambda: hidden.evaluate(HIDE, False)),
    )
    for page, comes_back in returns:
        with page.expect_request(re.compile("/buildings/"), timeout=AT_ONCE):
            comes_back()
        expect(page.locator(".log-row").first).not_to_have_id(old)
        expect(page.locator("#connection")).to_have_text("Live")
        expect(page.locator("#lost")).to_be_hidden()
    # A machine that slept: its timers stood still, and the wall clock did not.
    with hidden.expect_request(re.compile("/buildings/"), timeout=AT_ONCE):
        hidden.evaluate(SLEEP)
    expect(hidden.locator("#connection")).to_have_text("Live")


def test_a_lost_connection_names_this_pcs_zone_where_its_clock_is_not_the_buildings(
    sign_in,
) -> None:
    page = sign_in("admin", timezone_id="Asia/Tokyo")
    expect(page.locator(".log")).to_have_count(2)
    page.route("**/*", lambda route: route.abort())
    page.evaluate("htmx.createEventSource().drop()")
    expect(page.locator("#lost")).to_contain_text(re.compile(r"since \d\d:\d\d:\d\d GMT\+9\b"))


def test_a_shift_is_handed_over_on_one_sheet(sign_in, take) -> None:
    page = sign_in("clerk")
    page.get_by_role("link", name="Shift hand-over").click()
    page.get_by_label("Leave something for the next shift").fill(
        "New battery for it is at the desk"
    )
    page.get_by_label("Door, if any").select_option(index=2)
    page.get_by_role("button", name="Add", exact=True).click()
    left = page.locator(".follow-up")
    expect(left).to_contain_text("New battery for it is at the desk")
    left.get_by_label("Note on how far it has come").fill("Tried twice, no luck")
    left.get_by_label("Note on how far it has come").press("Enter")  # adds it, and closes nothing
    expect(left.locator(".notes")).to_contain_text("Tried twice, no luck")
    expect(left.get_by_role("button", name="Done")).to_be_visible()
    take(page, "hand-over", everywhere=True)
    page.get_by_label("Note, if any", exact=True).fill("Quiet but for the jammed gate")
    page.get_by_role("button", name="Taken over by Demo clerk").click()
    expect(page.locator(".taken")).to_contain_text(re.compile(r"Taken over by .* at \d\d:\d\d"))
    expect(page.locator(".trouble")).to_have_count(2)
    expect(page.get_by_role("button", name="Print")).to_be_visible()
    take(page, "hand-over-taken", everywhere=True)
    page.set_viewport_size({"width": 718, "height": 1016})  # A4 without its margins
    page.emulate_media(media="print", color_scheme="dark")
    assert (
        page.evaluate("getComputedStyle(document.body.parentElement).backgroundColor")
        == "rgb(255, 255, 255)"
    )
    for hidden in (".top", ".paper-links"):
        expect(page.locator(hidden)).to_be_hidden()
    expect(page.locator(".paper-foot")).to_contain_text("the hash of the last is")
    take(page, "hand-over-print", full=True)
    pages = page.pdf(format="A4", prefer_css_page_size=True).count(b"/Type /Page\n")
    assert 1 <= pages <= 2


def test_what_was_typed_for_the_next_shift_stays_where_it_cannot_be_saved(sign_in) -> None:
    page = sign_in("clerk2")
    page.get_by_role("link", name="Shift hand-over").click()
    text = page.get_by_label("Leave something for the next shift")
    left = page.locator(".follow-up").filter(has_text="The lift sticks on two")
    text.fill("The lift sticks on two")
    page.route("**/hand-over/**", lambda route: route.abort())
    page.get_by_role("button", name="Add", exact=True).click()
    told = page.get_by_role("alert").filter(has_text="Nothing was saved. What you typed stays here")
    expect(told).to_be_visible()
    expect(text).to_have_value("The lift sticks on two")
    page.unroute_all()
    out_of_date(page)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(left).to_be_visible()
    expect(text).to_have_value("")
    note = page.get_by_label("Note, if any", exact=True)
    note.fill("Quiet")  # of another form, which would go with the page
    left.get_by_role("button", name="Done").click()
    lost = page.get_by_role("alert").filter(has_text="Something else is typed on this page")
    expect(lost).to_be_visible()
    expect(note).to_have_value("Quiet")
    left.get_by_role("button", name="Done").click()
    expect(left).to_contain_text("Done: The lift sticks on two")


@pytest.mark.parametrize(
    ("ends", "comes"),
    [
        ("Session.objects.all().delete()", "Sign in"),
        (
            "Assignment.objects.filter(person__username='park-clerk').update(revoked_at=timezone.now())",
            "There is no such page, or it is not yours to see.",
        ),
    ],
    ids=["signed out", "role ended"],
)
def test_a_sheet_that_is_nobodys_any_more_takes_nothing_and_goes(
    house: Stack, sign_in, ends: str, comes: str
) -> None:
    page = sign_in("park-clerk")
    page.get_by_role("link", name="Shift hand-over").click()
    page.route("**/live/", lambda route: route.abort())  # the news would take it off, too
    page.reload()
    page.get_by_label("Leave something for the next shift").fill("Not to be kept")
    before = (
        "from django.contrib.sessions.models import Session; from django.utils import timezone;"
    )
    shell(house, before + ends)
    with page.expect_response("**/hand-over/**"):
        page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(comes)
    kept = "print(FollowUp.objects.filter(text='Not to be kept').exists())"
    assert shell(house, "from locks.models import FollowUp;" + kept) == "False"
