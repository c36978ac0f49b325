"""The cast: two buildings, and one person for every way to stand to the first of them.

And the house: a running installation with the demo's people, for tests in a browser.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Locator, Page, expect

from locks.models import Building, Role, User
from locks.simulator import Simulator
from locks.tests import desks
from locks.tests.factories import grant, make_building, make_superuser, make_user
from locks.tests.visitors import DEMO_PASSWORD
from tools.stack import Stack


@pytest.fixture
def north(db: Any) -> Building:
    return make_building("North House", time_zone="Europe/Lisbon", help_line="north 100")


@pytest.fixture
def south(db: Any) -> Building:
    return make_building("South Tower", help_line="south 200")


@pytest.fixture
def clerk(north: Building) -> User:
    """Front desk of North House."""
    return _with_role("clerk", north, Role.FRONT_DESK)


@pytest.fixture
def viewer(north: Building) -> User:
    return _with_role("viewer", north, Role.VIEWER)


@pytest.fixture
def manager(north: Building) -> User:
    return _with_role("manager", north, Role.MANAGER)


@pytest.fixture
def outsider(south: Building) -> User:
    """Front desk of South Tower; a stranger to North House."""
    return _with_role("outsider", south, Role.FRONT_DESK)


@pytest.fixture
def superuser(db: Any) -> User:
    """Holds no role anywhere."""
    return make_superuser("superuser", name="Superuser")


@pytest.fixture
def manager_client(manager: User) -> Client:
    return signed_in(manager)


@pytest.fixture
def superuser_client(superuser: User) -> Client:
    return signed_in(superuser)


def signed_in(person: User) -> Client:
    """A browser in which `person` has signed in."""
    client = Client()
    client.force_login(person)
    return client


def _with_role(username: str, building: Building, role: str) -> User:
    person = make_user(username, name=username.title())
    grant(person, building, role)
    return person


@pytest.fixture(scope="module")
def simulated() -> Iterator[Simulator]:
    """The Seam of the `house`."""
    with Simulator(api_key="seam_simulated_key", port=0) as running:
        yield running


@pytest.fixture(scope="module")
def house(
    request: pytest.FixtureRequest, simulated: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """One installation for all tests of a file; each uses doors of its own.

    The file's PARTS says which processes run, its ENVIRONMENT what they are told.
    """
    parts = getattr(request.module, "PARTS", ("web", "worker"))
    environment = getattr(request.module, "ENVIRONMENT", {})
    folder = tmp_path_factory.mktemp("var", numbered=True)
    endpoint = simulated.endpoint
    with Stack(folder, endpoint=endpoint, parts=parts, environment=environment) as running:
        yield running


@pytest.fixture
def sign_in(house: Stack, new_page: Callable[..., Page]) -> Callable[..., Page]:
    """A browser of its own, signed in, at the desk: `sign_in("clerk", size="phone", dark=True)`.

    Other options are Playwright's, of a browser context.
    """

    def enter(
        username: str, path: str = "/", *, size: str = "desktop", dark: bool = False, **options: Any
    ) -> Page:
        width, height = desks.SIZES[size]
        page = new_page(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            **options,
        )
        page.goto(house.url + path)
        page.get_by_label("User name").fill(username)
        page.get_by_label("Password").fill(DEMO_PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", level=1).first).to_be_visible()
        if path == "/" and options.get("java_script_enabled", True):
            expect(page.locator("#connection")).to_have_text("Live")
        return page

    return enter


@pytest.fixture
def take(tmp_path: Path) -> Callable[..., None]:
    """Take a picture, `take(page, "desk-phone-dark", full=True)`, that fits its screen.

    `everywhere` takes one of a page in each size and scheme, as `desk-tablet-dark`, and leaves it in the
    light on a desktop. Pictures go to the folder that ACCESSDESK_SCREENS names, so that people can look
    at them, too; without it the two that differ most are enough. `at` is brought into view.
    """
    kept = os.environ.get("ACCESSDESK_SCREENS")
    looks = desks.LOOKS if kept else (desks.LOOKS[0], desks.LOOKS[-1])
    folder = Path(kept or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)

    def picture(
        page: Page,
        name: str,
        *,
        full: bool = False,
        everywhere: bool = False,
        at: Locator | None = None,
    ) -> None:
        if not everywhere:
            desks.picture(page, folder / f"{name}.png", full=full, at=at)
            return
        for size, scheme in looks:
            desks.look(page, size, scheme)
            desks.picture(page, folder / f"{name}-{size}-{scheme}.png", full=full, at=at)
        desks.look(page, "desktop", "light")

    return picture
