"""What browser tests of the desk share: the sizes of screens, and how a door is found and pressed."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Locator, Page

from tools.stack import Stack

SIZES = {
    "wide": (1920, 1080),
    "desktop": (1280, 800),
    "tablet": (820, 1180),
    "phone": (390, 844),
}
LOOKS = tuple(
    (size, scheme) for size in ("desktop", "tablet", "phone") for scheme in ("light", "dark")
)
MOST_BYTES = 250_000  # of a picture
# Reading on in the desk log: in the log where it has room of its own, else the page.
SCROLL = """() => {
    const list = document.querySelector(".log-rows");
    list.scrollTop = 400;
    if (!list.scrollTop) scrollTo(0, list.getBoundingClientRect().top + scrollY + 400);
}"""


def card(page: Page, label: str) -> Locator:
    return page.locator(f'.card[data-label="{label}"]')


def unlock(page: Page, label: str) -> Locator:
    """The button that unlocks a door, or asks first."""
    return card(page, label).get_by_role("button", name=re.compile(r"^Unlock\b"))


def name_it(page: Page, number: str) -> None:
    """Say in the confirmation which of several doors that look alike is meant."""
    page.get_by_label("Type its number").fill(number)


def shell(house: Stack, code: str) -> str:
    """Run Python in an installation, with the models at hand; what it printed."""
    return house.manage("shell", "-v0", "-c", code).strip()


def without_news(page: Page) -> Page:
    """A page that hears nothing: its stream and what it asks for by itself fail."""
    page.route(re.compile("/live/|/buildings/"), lambda route: route.abort())
    page.reload()
    return page


def out_of_date(page: Page) -> None:
    """What the page has of its sign-in is of another one: its forms are turned away."""
    (kept,) = (each for each in page.context.cookies() if each["name"] == "accessdesk_csrf")
    page.context.add_cookies([{**kept, "value": "b" * 32}])


def look(page: Page, size: str, scheme: str) -> None:
    """On a screen of that size, in the light or the dark."""
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)


def picture(page: Page, path: Path, *, full: bool = False, at: Locator | None = None) -> None:
    """Take one, of the page's top or of where `at` is; nothing in it may stick out of the page sideways."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path.stem
    if at is None:
        page.evaluate("scrollTo(0, 0)")
    else:
        at.evaluate("place => place.scrollIntoView({ block: 'center', behavior: 'instant' })")
    page.mouse.move(0, 0)
    page.screenshot(path=path, full_page=full, animations="disabled")
    assert 10_000 < path.stat().st_size < MOST_BYTES * (5 if full else 1), path.stem
