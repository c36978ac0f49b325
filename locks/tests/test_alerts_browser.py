"""Alerts in a browser, under the strict Content-Security-Policy, on a desk and a phone.

Pictures go to the folder that ACCESSDESK_SCREENS names, so that people can look at them, too.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from locks.models import AlertRoute, Building, Device, Status, User
from locks.services.alert_settings import set_webhook
from locks.services.alerting import find_alerts
from locks.tests.factories import PASSWORD, make_device
from locks.tests.history import unlock_at
from locks.tests.telling import MINUTE, NOW, goes, make_reader

SIZES = {"desktop": (1280, 800), "phone": (390, 844)}


@pytest.fixture
def troubled(north: Building, clerk: User) -> User:
    """North House with a bit of everything; its manager has an address."""
    reader = make_reader(north, "reader")
    begun = NOW - 20 * MINUTE
    for number in range(8):
        goes(make_device(north, label=f"Room {101 + number}"), online=False, at=begun)
    back = make_device(north, label="Bicycle cellar, the long way round by the garden")
    goes(back, online=False, at=begun)
    make_device(north, label="Roof", battery_status="critical", battery_level=0.04)
    gate = make_device(north, label="Main entrance")
    for _ in range(3):
        unlock_at(NOW - 5 * MINUTE, gate, clerk, status=Status.FAILED)
    doors = [make_device(north) for _ in range(5)]
    for number in range(10):
        unlock_at(NOW - MINUTE, doors[number % 5], clerk)
    find_alerts(now=NOW)
    goes(back, online=True, at=NOW)
    for later in (1, 12):
        find_alerts(now=NOW + later * MINUTE)
    assert Device.objects.filter(online=False).count() == 8
    set_webhook(actor=reader, building=north, url="https://hooks.example.com/north-house")
    AlertRoute.objects.update(
        delivered_at=NOW - 300 * MINUTE, failing_since=NOW - 10 * MINUTE, problem="HTTP 502"
    )
    return reader


@pytest.fixture
def take(tmp_path: Path) -> Callable[..., None]:
    """Take a picture; nothing in it may stick out of the page sideways."""
    folder = Path(os.environ.get("ACCESSDESK_SCREENS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)

    def picture(page: Page, name: str) -> None:
        page.mouse.move(0, 0)
        path = folder / f"alerts-{name}.png"
        page.screenshot(path=path, full_page=True, animations="disabled")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name

    return picture


@pytest.mark.parametrize(
    ("size", "dark"),
    [("desktop", False), ("desktop", True), ("phone", False), ("phone", True)],
)
def test_a_manager_sees_what_is_wrong_and_sets_what_they_are_told(
    live_server: Any,
    new_page: Callable[..., Page],
    take: Callable[..., None],
    troubled: User,
    north: Building,
    size: str,
    dark: bool,
) -> None:
    width, height = SIZES[size]
    scheme = "dark" if dark else "light"
    page = new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    look = f"{size}-{scheme}"
    page.goto(f"{live_server.url}/admin/")
    page.locator("[name=username]").fill(troubled.username)
    page.locator("[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    summary = page.locator("#alert-summary")
    expect(summary).to_contain_text("Lock offline 8")
    expect(summary).to_contain_text("and 3 more")
    expect(summary).to_contain_text("HTTP 502")
    take(page, f"{look}-index")

    summary.get_by_role("link", name="Alerts", exact=True).click()
    expect(page.locator("#result_list")).to_contain_text("Room 101")
    take(page, f"{look}-list")
    page.goto(f"{live_server.url}/admin/locks/alert/?state=over")
    expect(page.locator("#result_list")).to_contain_text("over, lasted")

    page.get_by_role("link", name="Which alerts, and to whom").click()
    expect(page.get_by_text("Failing since")).to_be_visible()
    page.get_by_label("offline for minutes").fill("25")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_label("offline for minutes")).to_have_value("25")
    take(page, f"{look}-settings")
    page.get_by_role("button", name="New secret").click()
    expect(page.locator("code")).to_contain_text("whsec_")
    take(page, f"{look}-secret")
    page.get_by_role("link", name="I have copied it").click()
    expect(page.locator("code")).to_have_count(0)
