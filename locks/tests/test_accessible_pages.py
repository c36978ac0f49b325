"""Nobody is shut out of any page, in any state of the desk: WCAG 2.2 AA, as far as a program can tell."""

import itertools
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.urls import Resolver404, resolve
from playwright.sync_api import Page

from locks.models.unlocks import Outcome
from locks.simulator import Simulator
from locks.tests import colourless, gallery, reaching, scenes
from locks.tests import test_access_matrix as matrix
from locks.tests.desks import SIZES

pytestmark = pytest.mark.browser
cast, ids = matrix.cast, matrix.ids


def test_every_route_is_looked_at_or_is_no_page(cast: dict[str, Any], ids: dict[str, int]) -> None:
    assert gallery.undecided() == set()
    decided = matrix.decisions()
    pages = {route for route, (get, _post) in decided.items() if "200" in get} - gallery.DATA
    looked_at = {route_of(scene) for scene in scenes.scenes_of(cast, ids)}
    asked = {route.replace("^", "") for route in pages | gallery.ON_THE_WAY}
    assert asked - looked_at == set()
    assert set(matrix.routes()) >= gallery.DATA | gallery.ONWARDS | gallery.ON_THE_WAY


def route_of(scene: gallery.Scene) -> str | None:
    try:
        return resolve(urlsplit(scene.path).path).route.replace("^", "")
    except Resolver404:
        return None


def shut_out(page: Page, scene: gallery.Scene) -> list[str]:
    """All that shuts people out of the page that is shown."""
    problems = reaching.violations(page) + reaching.in_the_dark(page) + reaching.moves(page)
    is_ours = not scene.path.startswith(
        "/admin/"
    )  # there targets are Django's, 24 pixels: axe measures it
    width, height = SIZES["phone"]
    page.set_viewport_size({"width": width, "height": height})
    if is_ours:
        problems += reaching.on_a_phone(page) + reaching.small_targets(page)  # still in the dark
    problems += reaching.sticks_out(page) + reaching.does_not_stretch(page)
    for size in ("tablet", "wide"):
        width, height = SIZES[size]
        page.set_viewport_size({"width": width, "height": height})
        problems += [f"{size}: {each}" for each in reaching.sticks_out(page)]
    page.set_viewport_size(reaching.MAGNIFIED)  # type: ignore[arg-type]
    problems += [f"at 400 %: {each}" for each in reaching.sticks_out(page)]
    return problems + (reaching.covered_focus(page, 6) if is_ours else [])


@pytest.mark.parametrize("kind", scenes.KINDS)
def test_nobody_is_shut_out_of_any_page_or_state(
    live_server: Any,
    cast: dict[str, Any],
    ids: dict[str, int],
    simulator: Simulator,
    new_page: Callable[..., Page],
    kind: str,
) -> None:
    shown = scenes.scenes_of(cast, ids, kind)
    # axe itself sets styles, which the policy would report.
    page = new_page(bypass_csp=True)
    reaching.bring(page)
    browser = gallery.Gallery(page, live_server.url)
    found = {}
    for scene in shown:
        page.set_viewport_size({"width": 1280, "height": 800})
        page.emulate_media(color_scheme="light")
        if problems := shut_out(browser.show(scene), scene):
            found[scene.name] = problems
    assert found == {}


def test_what_came_of_a_press_is_told_apart_in_high_contrast(
    live_server: Any,
    cast: dict[str, Any],
    ids: dict[str, int],
    new_page: Callable[..., Page],
    take: Callable[..., None],
) -> None:
    shown = {each.name: each for each in scenes.scenes_of(cast, ids, "desk", "card", "locking")}
    page = new_page(viewport={"width": 1280, "height": 800})
    browser = gallery.Gallery(page, live_server.url)
    looks: dict[str, set[colourless.Look]] = {}
    edges: dict[str, str] = {}
    found = []
    for name in ("every state", "what a card can say", "locking"):
        page.emulate_media(forced_colors="active", contrast="more", color_scheme="light")
        browser.show(shown[name])
        for outcome, look in colourless.looks_of(page):
            looks.setdefault(outcome, set()).add(look)
            edges.setdefault(outcome, look.edge)
        found += [*colourless.unseen(page), *colourless.unseen_focus(page, 12)]
        take(page, f"high-contrast-{name.replace(' ', '-')}")
        page.emulate_media(color_scheme="dark")
        found += [f"dark: {each}" for each in colourless.unseen(page)]
        take(page, f"high-contrast-{name.replace(' ', '-')}-dark")
        page.emulate_media(forced_colors="none")
        found += [f"in our colours: {each}" for each in colourless.unseen(page)]
    assert found == []
    assert looks.keys() == set(Outcome.values)
    pairs = itertools.combinations(looks, 2)
    assert [pair for pair in pairs if looks[pair[0]] & looks[pair[1]]] == []
    told_at_a_glance = (
        Outcome.CONFIRMED,
        Outcome.UNCONFIRMED,
        Outcome.FAILED,
        Outcome.UNKNOWN,
    )
    assert len({edges[each] for each in told_at_a_glance}) == 4
