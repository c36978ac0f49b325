"""The page of lock health in a browser: no sideways scrolling, every picture and every word in place.

Pictures of it go to the folder that ACCESSDESK_SCREENS names, so that people can look at them, too.
"""

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from locks.models import Building, Kind, Status, User
from locks.tests.factories import PASSWORD, make_device
from locks.tests.history import past_event, past_unlock, unlocks_that_took

SIZES = {"desktop": (1280, 800), "tablet": (820, 1180), "phone": (390, 844)}
# What is cut off, or reaches beyond the screen.
STICKING_OUT = """
[...document.querySelectorAll(".health a, .health svg, .health p, .health li")]
  .filter(each => each.getBoundingClientRect().right > innerWidth + 1
    || (getComputedStyle(each).display == "block" && each.scrollWidth > each.clientWidth + 1))
  .map(each => each.outerHTML)
"""
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


@pytest.fixture
def house(transactional_db: Any, north: Building, clerk: User) -> Building:
    """A lock for each kind of trouble, and some without."""
    now = timezone.now()
    fine = make_device(north, label="Main entrance", area="Ground floor", battery_level=0.82)
    fine.battery_status = "good"
    fine.save()
    unlocks_that_took(fine, clerk, *[1800 + 37 * each for each in range(110)], 6400, 11_200)
    bad = make_device(north, label="Loading dock", area="Yard", battery_level=0.12)
    unlocks_that_took(bad, clerk, *[7000 + 400 * each for each in range(30)])
    unlocks_that_took(bad, clerk, *[3900] * 4, confirmed_by_device=None)
    unlocks_that_took(bad, clerk, 14_000, inferred=True)
    for _number in range(5):
        past_unlock(bad, clerk, status=Status.FAILED, error_type="lock_jammed")
    past_unlock(bad, clerk, status=Status.FAILED, code="rate_limited")
    past_unlock(bad, clerk, status=Status.UNKNOWN, code="no_outcome")
    for days, level in ((27, 0.71), (20, 0.55), (11, 0.38), (4, 0.2)):
        past_event(bad, Kind.LOCK_BATTERY, at=now - days * DAY, battery_level=level)
    for days, hours in ((24, 30), (15, 6), (2, 3)):
        past_event(bad, Kind.LOCK_OFFLINE, at=now - days * DAY)
        past_event(bad, Kind.LOCK_ONLINE, at=now - days * DAY + hours * HOUR)
    gone = make_device(north, label="Luggage room", online=False, battery_level=0.4)
    past_event(gone, Kind.LOCK_OFFLINE, at=now - 12 * DAY)
    past_event(gone, Kind.LOCK_OFFLINE, at=now - 3 * DAY)
    gate = make_device(north, label="Parking gate with a rather long name, north side", area="Yard")
    unlocks_that_took(gate, clerk, *[900, 1100, 1300, 2000] * 6, confirmed_by_device=False)
    make_device(north, label="Roof door", online=None)
    return north


@pytest.fixture
def open_health(
    new_page: Callable[..., Page], live_server: Any, house: Building, manager: User
) -> Callable[..., Page]:
    def enter(*, size: str = "desktop", dark: bool = False) -> Page:
        width, height = SIZES[size]
        page = new_page(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        )
        page.goto(f"{live_server.url}/admin/locks/building/")
        page.locator("[name=username]").fill(manager.username)
        page.locator("[name=password]").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.get_by_role("link", name=f"Lock health of {house}").click()
        expect(page.get_by_role("heading", name="Lock health")).to_be_visible()
        page.wait_for_load_state()  # without its style sheets it would be measured bare
        return page

    return enter


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_it_fits_every_screen(
    open_health: Callable[..., Page], size: str, dark: bool, tmp_path: Path
) -> None:
    page = open_health(size=size, dark=dark)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(STICKING_OUT) == []
    rows = page.locator(".health tbody")
    expect(rows).to_have_count(5)
    expect(rows.first).to_contain_text("Luggage room")
    expect(rows.nth(1)).to_contain_text("Fails often")
    pictures = page.get_by_role("img", name="Answer times of Loading dock")
    expect(pictures).to_be_visible()
    expect(page.get_by_role("img", name="When Loading dock was offline")).to_be_visible()
    expect(page.get_by_role("img", name="Battery of Loading dock")).to_be_visible()
    folder = Path(os.environ.get("ACCESSDESK_SCREENS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    name = f"health-{size}-{'dark' if dark else 'light'}"
    page.screenshot(path=folder / f"{name}.png")
    page.screenshot(path=folder / f"{name}-whole.png", full_page=True)


def test_period_and_order_are_chosen_by_links(open_health: Callable[..., Page]) -> None:
    page = open_health()
    page.get_by_role("link", name="7 days").click()
    expect(page.get_by_role("link", name="7 days")).to_have_attribute("aria-current", "true")
    page.get_by_role("link", name="battery", exact=True).click()
    expect(page.locator(".health").get_by_role("rowheader").first).to_contain_text("Loading dock")
    expect(page.get_by_role("link", name="7 days")).to_have_attribute("aria-current", "true")


def test_figures_are_reached_by_keyboard_and_named_with_what_they_count(
    open_health: Callable[..., Page],
) -> None:
    page = open_health()
    row = page.locator(".health tbody").filter(has_text="Loading dock")
    for name in ("5 Not unlocked, it may still act", "30 Unlocked, confirmed", "3 outages told"):
        figure = row.get_by_role("link", name=name)
        figure.focus()
        expect(figure).to_be_focused()
