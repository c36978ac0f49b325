"""Nobody is shut out of any page, in any state of the desk: WCAG 2.2 AA, as far as a program can tell."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from locks.models import Building, User
from locks.simulator import Simulator
from locks.tests import gallery, reaching
from locks.tests import test_access_matrix as matrix
from locks.tests.desks import SIZES

pytestmark = pytest.mark.browser
cast, ids = matrix.cast, matrix.ids


def test_every_route_is_looked_at_or_is_no_page() -> None:
    assert gallery.undecided() == set()
    assert set(matrix.routes()) >= gallery.DATA | gallery.ONWARDS | gallery.ON_THE_WAY


def looked_at(page: Page, scene: gallery.Scene) -> list[str]:
    """All that shuts people out of the page that is shown."""
    problems = reaching.violations(page) + reaching.in_the_dark(page)
    if scene.path.startswith("/admin/"):  # Django's own, for a desk: 24 pixels, which axe measures
        return problems
    width, height = SIZES["phone"]
    page.set_viewport_size({"width": width, "height": height})
    problems += reaching.small_targets(page) + reaching.sticks_out(page)
    page.set_viewport_size(reaching.MAGNIFIED)  # type: ignore[arg-type]
    problems += [f"at 400 %: {each}" for each in reaching.sticks_out(page)]
    return problems + reaching.covered_focus(page, 6)


def test_nobody_is_shut_out_of_any_page_or_state(
    request: pytest.FixtureRequest,
    live_server: Any,
    cast: dict[str, Any],
    ids: dict[str, int],
    simulator: Simulator,
) -> None:
    north, superuser = Building.objects.get(name="North House"), User.objects.get(is_superuser=True)
    scenes = [
        *gallery.pages(cast, ids),
        *gallery.errors(cast, ids),
        *gallery.of_accounts(superuser, north),
        *gallery.of_the_desk(),
    ]
    # From here on a browser runs in this thread, beside which Django's client does not.
    new_page: Callable[..., Page] = request.getfixturevalue("new_page")
    # axe itself sets styles, which the policy would report.
    page = new_page(bypass_csp=True)
    shown = gallery.Gallery(page, live_server.url)
    found = {}
    for scene in scenes:
        page.set_viewport_size({"width": 1280, "height": 800})
        page.emulate_media(color_scheme="light")
        if problems := looked_at(shown.show(scene), scene):
            found[scene.name] = problems
    assert found == {}
