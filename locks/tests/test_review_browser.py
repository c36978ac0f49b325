"""The review queue in a browser, under the strict Content-Security-Policy, on a desk and a phone.

Pictures go to the folder that ACCESSDESK_SCREENS names, so that people can look at them, too.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from locks.models import AuditEvent, Building, Device, Kind, Review, Role, Status, User
from locks.services.finding_reviews import find_reviews
from locks.tests.factories import PASSWORD, grant, make_device, make_user
from locks.tests.history import past_refusal, past_unlock

SIZES = {"desktop": (1280, 800), "phone": (390, 844)}


@pytest.fixture
def queue(north: Building, clerk: User, manager: User) -> Device:
    """A queue with something of several kinds; the manager had a part in one of them."""
    gate, room = make_device(north, label="Main entrance"), make_device(north, label="Room 101")
    grant(manager, north)
    for _each in range(3):
        past_unlock(room, clerk, status=Status.FAILED, reason="Guest locked out")
    for person in (clerk, manager):
        past_unlock(gate, person, confirmed_by_device=True, out_of_hours=True, reason="Courier")
    past_refusal(gate, clerk)
    find_reviews()
    return gate


@pytest.fixture
def take(tmp_path: Path) -> Callable[..., None]:
    """Take a picture; nothing in it may stick out of the page sideways."""
    folder = Path(os.environ.get("ACCESSDESK_SCREENS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)

    def picture(page: Page, name: str) -> None:
        page.mouse.move(0, 0)
        path = folder / f"review-{name}.png"
        page.screenshot(path=path, full_page=True, animations="disabled")
        assert path.stat().st_size > 10_000
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name

    return picture


def sign_in(page: Page, url: str, username: str) -> None:
    page.goto(f"{url}/admin/")
    page.locator("[name=username]").fill(username)
    page.locator("[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Records and settings")).to_be_visible()


@pytest.mark.parametrize(
    ("size", "dark"),
    [("desktop", False), ("desktop", True), ("phone", False), ("phone", True)],
)
def test_a_manager_works_through_the_queue(
    live_server: Any,
    new_page: Callable[..., Page],
    take: Callable[..., None],
    queue: Device,
    size: str,
    dark: bool,
) -> None:
    width, height = SIZES[size]
    scheme = "dark" if dark else "light"
    page = new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    look = f"{size}-{scheme}"
    sign_in(page, live_server.url, "manager")
    expect(page.locator("#review-summary")).to_contain_text("2 open")
    take(page, f"{look}-index")

    page.locator("#review-summary").get_by_role("link", name="Review queue").click()
    expect(page.locator("td.field-why_here", has_text="within quiet hours")).to_have_count(2)
    take(page, f"{look}-queue")

    page.locator("#result_list tbody tr", has_text="again and again").locator("th a").click()
    page.get_by_label("Comment", exact=True).fill("Asked the clerk; the battery is low.")
    page.get_by_role("button", name="Comment").click()
    expect(page.get_by_text("Asked the clerk; the battery is low.")).to_be_visible()
    take(page, f"{look}-item")
    page.get_by_label("Verdict").fill("Battery changed")
    page.get_by_role("button", name="Mark reviewed").click()
    expect(page.get_by_text("reviewed by Manager")).to_be_visible()
    expect(page.get_by_role("button", name="Reopen")).to_be_visible()
    take(page, f"{look}-reviewed")

    page.goto(f"{live_server.url}/admin/locks/review/")
    page.get_by_label("Select all objects on this page for an action").check()
    page.get_by_label("Action:").select_option("mark_reviewed")
    page.get_by_label("Verdict").fill("Night shift")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_text("1 item reviewed.")).to_be_visible()
    expect(page.get_by_text("Left out:")).to_contain_text("somebody else has to review it")
    take(page, f"{look}-left-out")
    page.locator("#result_list tbody th a").click()
    expect(page.locator(".own")).to_contain_text("somebody else")
    take(page, f"{look}-own")


@pytest.mark.parametrize(("size", "dark"), [("desktop", False), ("phone", True)])
def test_a_manager_flags_an_event_and_wants_the_mail(
    live_server: Any,
    new_page: Callable[..., Page],
    take: Callable[..., None],
    queue: Device,
    size: str,
    dark: bool,
) -> None:
    width, height = SIZES[size]
    scheme = "dark" if dark else "light"
    page = new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    look = f"{size}-{scheme}"
    sign_in(page, live_server.url, "manager")
    refusal = AuditEvent.objects.get(kind=Kind.UNLOCK_REFUSED)
    page.goto(f"{live_server.url}/admin/locks/auditevent/{refusal.pk}/change/")
    page.get_by_role("link", name="Flag for review").click()
    page.get_by_label("Why should it be reviewed?").fill("Third time this week")
    take(page, f"{look}-flag")
    page.get_by_role("button", name="Flag for review").click()
    expect(page.get_by_text("It is in the review queue.")).to_be_visible()

    page.goto(f"{live_server.url}/admin/locks/review/daily-mail/")
    page.get_by_label("Send me the daily mail").check()
    take(page, f"{look}-mail")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("You get a daily mail.")).to_be_visible()


def test_the_queue_works_without_scripts(
    live_server: Any, new_page: Callable[..., Page], queue: Device, north: Building
) -> None:
    grant(make_user("colleague", name="Colleague"), north, Role.MANAGER)
    page = new_page(java_script_enabled=False)
    sign_in(page, live_server.url, "colleague")
    page.goto(f"{live_server.url}/admin/locks/review/")
    page.locator("#result_list tbody th a").first.click()
    page.get_by_label("Verdict").fill("Right")
    page.get_by_role("button", name="Mark reviewed").click()
    expect(page.get_by_text("reviewed by Colleague")).to_be_visible()
    assert Review.objects.open().count() == 2
    assert Review.objects.exclude(reviewed_at=None).get().verdict == "Right"
