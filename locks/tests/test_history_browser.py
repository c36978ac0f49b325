"""The history in Chromium: used as a manager does, and looked at on a desk, a tablet and a phone.

Pictures go to the folder that ACCESSDESK_SCREENS names, so that people can look at them, too.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from locks.models import Building, Status, User
from locks.tests.factories import PASSWORD, make_device, make_user
from locks.tests.history import past_refusal, past_unlock

SIZES = {"desktop": (1280, 800), "tablet": (820, 1180), "phone": (390, 844)}


@pytest.fixture
def history(north: Building, clerk: User, manager: User) -> None:
    """Some sixty presses at three doors, each kind of outcome among them."""
    doors = [make_device(north, label=label) for label in ("Main entrance", "Room 101", "Cellar")]
    other = make_user("night", name="Night clerk")
    for number in range(51):
        past_unlock(doors[number % 3], clerk, confirmed_by_device=True, took_ms=2_100 + number * 40)
    past_unlock(doors[0], other, status=Status.UNKNOWN, code="no_outcome", out_of_hours=True)
    past_unlock(doors[1], other, status=Status.FAILED, error_type="lock_jammed", took_ms=12_400)
    past_refusal(doors[2], make_user("outsider", name="Somebody else"), code="no_role")
    past_unlock(
        doors[1], other, confirmed_by_device=False, reason="Courier for José", took_ms=4_200,
        identified_by="id_seen", action_attempt_id="attempt-1", seam_request_id="request-1",
    )  # fmt: skip


@pytest.fixture
def sign_in(new_page: Callable[..., Page], live_server: Any) -> Callable[..., Page]:
    def enter(*, size: str = "desktop", dark: bool = False) -> Page:
        width, height = SIZES[size]
        page = new_page(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        page.goto(f"{live_server.url}/admin/locks/unlockrequest/")
        page.locator("[name=username]").fill("manager")
        page.locator("[name=password]").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.locator("#history-bar")).to_be_visible()
        return page

    return enter


@pytest.fixture
def take(tmp_path: Path) -> Callable[[Page, str], None]:
    """Take a picture; the page does not stick out sideways (its wide table scrolls by itself)."""
    folder = Path(os.environ.get("ACCESSDESK_SCREENS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)

    def picture(page: Page, name: str) -> None:
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        page.screenshot(path=folder / f"{name}.png", full_page=True, animations="disabled")

    return picture


def test_a_manager_finds_out_who_unlocked_a_door_and_why(
    history: None, sign_in: Callable[..., Page]
) -> None:
    page = sign_in()
    page.get_by_role("link", name="Older ›").click()
    expect(page.get_by_role("link", name="‹ Newer")).to_be_visible()

    page.get_by_label("Door").select_option(label="Room 101 · North House")
    page.get_by_label("Search", exact=True).fill("courier josé")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    expect(page.get_by_role("cell", name="Accepted, this lock does not confirm")).to_be_visible()

    page.locator("#result_list tbody a").first.click()
    story = page.locator(".timeline")
    expect(story).to_contain_text("unlock requested")
    expect(story).to_contain_text("Europe/Lisbon")
    page.get_by_role("link", name="Back to the list").click()
    expect(page.get_by_label("Search", exact=True)).to_have_value("courier josé")

    page.get_by_role("link", name="audit events", exact=True).click()
    expect(page.get_by_role("cell", name="unlock requested")).to_be_visible()
    page.get_by_role("link", name="Clear").click()
    page.get_by_label("Out of hours").check()
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(2)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dark", [False, True])
def test_the_history_fits_the_screen(
    size: str,
    dark: bool,
    history: None,
    sign_in: Callable[..., Page],
    take: Callable[[Page, str], None],
) -> None:
    page = sign_in(size=size, dark=dark)
    name = f"history-{size}-{'dark' if dark else 'light'}"
    take(page, name)
    page.locator("#result_list tbody a").first.click()
    expect(page.locator(".timeline")).to_be_visible()
    take(page, f"{name}-story")
