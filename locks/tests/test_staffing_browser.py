"""Somebody starts and leaves, in two browsers: under the strict Content-Security-Policy, page by page."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from locks.models import Building, User
from locks.tests.factories import PASSWORD, grant, make_device, make_user

GOOD = "a-good-long-secret-7"
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
NIGHTS = [{"days": [1, 2, 3, 4, 5], "from": "22:00", "until": "06:00"}]


def picture(page: Page, name: str) -> None:
    """One of each size and scheme where ACCESSDESK_SCREENS names a folder; none sticks out sideways."""
    folder = os.environ.get("ACCESSDESK_SCREENS")
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, size)
        for scheme in ("light", "dark") if folder else ():
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=Path(str(folder)) / f"{name}-{size}-{scheme}.png", full_page=True)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 800})


def sign_in(page: Page, url: str, username: str, password: str) -> None:
    page.goto(url)
    page.locator("[name=username], [name=login]").first.fill(username)
    page.locator("[name=password]").fill(password)
    page.keyboard.press("Enter")
    expect(page.locator("[name=password]")).to_have_count(0)


def test_somebody_starts_and_leaves(
    new_page: Callable[..., Page], live_server: Any, north: Building, manager: User, clerk: User
) -> None:
    for number in range(1, 8):
        make_device(north, label=f"Room 10{number}", area="First floor")
    gate = make_device(north, label="Garden gate", area="Outside")
    grant(make_user("night", name="Night Porter"), north, weekly_hours=NIGHTS)
    office, desk = new_page(), new_page()
    records = f"{live_server.url}/admin/locks"

    sign_in(office, f"{live_server.url}/admin/", "manager", PASSWORD)
    office.goto(f"{records}/invitation/add/")
    picture(office, "invite")
    office.get_by_label("Name:", exact=True).fill("New Comer")
    office.get_by_label("Weekly hours").fill("Mon-Fri 22:00-06:00")
    office.get_by_role("button", name="Make the invitation").click()
    expect(office.get_by_role("heading", name="Hand over this invitation")).to_be_visible()
    picture(office, "handed")
    office.emulate_media(media="print")
    expect(office.get_by_text("Shown only now")).to_be_hidden()
    expect(office.locator(".slip .code")).to_be_visible()
    if folder := os.environ.get("ACCESSDESK_SCREENS"):
        office.screenshot(path=Path(folder) / "handed-print.png")
    office.emulate_media(media="screen")
    code = office.locator(".slip .code").inner_text()

    desk.goto(f"{live_server.url}/accounts/invitation/")
    picture(desk, "code")
    desk.get_by_label("Code").fill(code.lower())
    desk.get_by_role("button", name="Continue").click()
    expect(desk.get_by_role("heading", name="Welcome, New Comer")).to_be_visible()
    picture(desk, "accept")
    desk.get_by_label("User name").fill("newcomer")
    desk.get_by_label("Password", exact=True).fill(GOOD)
    desk.get_by_label("The same password again").fill(GOOD)
    desk.get_by_role("button", name="Make my account").click()
    expect(desk.get_by_role("heading", name="Your account is ready")).to_be_visible()
    picture(desk, "ready")
    sign_in(desk, live_server.url, "newcomer", GOOD)
    expect(desk.get_by_role("heading", name="North House")).to_be_visible()

    newcomer = User.objects.get(username="newcomer")
    office.goto(f"{records}/device/{gate.pk}/unlocks/")
    expect(office.get_by_role("link", name="New Comer")).to_be_visible()
    picture(office, "door")
    office.get_by_role("link", name="New Comer").click()
    expect(office.get_by_text("Mon-Fri 22:00-06:00")).to_be_visible()
    picture(office, "person")
    office.goto(f"{records}/user/{newcomer.pk}/change/")
    picture(office, "tools")
    office.get_by_role("link", name="Forgot their password").click()
    picture(office, "reset")
    office.goto(f"{records}/user/{newcomer.pk}/leave/")
    picture(office, "leave")
    office.get_by_role("button", name="End all this now").click()
    expect(office.get_by_text("no longer works here")).to_be_visible()
    expect(desk.get_by_role("heading", name="North House")).to_have_count(0)  # without a click
    office.goto(f"{records}/invitation/")
    picture(office, "invitations")
