"""What of a page needs its colours, as sentences: for people who see them otherwise, or chose their own."""

from __future__ import annotations

from typing import NamedTuple

from playwright.sync_api import Page

# Each outcome that is shown at length. A refusal is none.
_LOOKS = """() => {
  const shown = [...document.querySelectorAll(".outcome:not(.tone-stop)")];
  return shown.filter((each) => each.checkVisibility()).map((each) => {
    const { borderTopStyle, borderTopWidth, paddingTop } = getComputedStyle(each);
    const kind = [...each.classList].find((name) => /^is-(?!slow$)/.test(name)).slice(3);
    const edge = `${borderTopStyle} ${borderTopWidth}, padded ${paddingTop}`;
    const icon = each.querySelector(".icon use").getAttribute("href");
    return [kind, edge, icon, each.querySelector(".headline").innerText];
  });
}"""
_UNSEEN = """() => {
  const found = [];
  const shown = (kinds) => [...document.querySelectorAll(kinds)].filter((each) => each.checkVisibility());
  const note = (what, each) => found.push(`${what}: ${each.outerHTML.slice(0, 120)}`);
  for (const each of shown(".card, .outcome, .unlock, .lock-again button, .notice, dialog")) {
    const { borderTopStyle, borderTopWidth, borderTopColor } = getComputedStyle(each);
    const isDrawn = borderTopStyle !== "none" && parseFloat(borderTopWidth) >= 1;
    if (!isDrawn || /^rgba.*, 0\\)$/.test(borderTopColor)) note("no edge", each);
  }
  for (const each of shown(".outcome .mark > .icon")) {
    const ground = getComputedStyle(each.closest(".outcome")).backgroundColor;
    const isDrawn = each.getBoundingClientRect().width && getComputedStyle(each).stroke !== ground;
    if (!isDrawn) note("no icon", each);
  }
  const [pressable] = shown(".unlock:not(:disabled)");
  for (const each of shown(".unlock:disabled")) {
    const looks = [each, pressable].map((one) => getComputedStyle(one).color);
    if (looks[0] === looks[1]) note("as if it could be pressed", each);
  }
  const [quiet] = shown(".lock-again:not(.is-wanted) button");
  for (const each of quiet ? shown(".lock-again.is-wanted button") : []) {
    const widths = [each, quiet].map((one) => getComputedStyle(one).borderTopWidth);
    if (widths[0] === widths[1]) note("as if the door were locked", each);
  }
  return found;
}"""
# The outline may stand around what stands for the one that has the focus.
_OUTLINE = """() => {
  const each = document.activeElement;
  const around = [each, each.nextElementSibling, each.closest("label")].filter(Boolean);
  const isDrawn = around.some((one) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(one);
    return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
  });
  return isDrawn ? "" : `no outline: ${each.outerHTML.slice(0, 120)}`;
}"""


class Look(NamedTuple):
    """How an outcome looks, but for its colours."""

    edge: str
    icon: str
    words: str


def looks_of(page: Page) -> list[tuple[str, Look]]:
    """Each outcome that is shown at length, and its look."""
    return [(kind, Look(*look)) for kind, *look in page.evaluate(_LOOKS)]


def unseen(page: Page) -> list[str]:
    """Boxes and buttons without an edge, outcomes without an icon, and buttons that look like others."""
    return list(page.evaluate(_UNSEEN))


def unseen_focus(page: Page, stops: int) -> list[str]:
    """Where the Tab key leads to, in so many stops, and nothing shows it."""
    found: list[str] = []
    for _stop in range(stops):
        page.keyboard.press("Tab")
        found += filter(None, [page.evaluate(_OUTLINE)])
    return found
