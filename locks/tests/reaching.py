"""What shuts people out of a page, as sentences: axe-core at work, and measures of our own."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from playwright.sync_api import Page

from tools import parts

# All that WCAG 2.2 asks for at levels A and AA, as far as a program can tell, and what is held to be good.
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
NAMES = ("link-name", "button-name", "label", "select-name", "aria-dialog-name", "summary-name")
# A screen of 1280 × 1024 at 400 %.
MAGNIFIED = {"width": 320, "height": 256}
TARGET = 44  # pixels across, of whatever a finger is to hit

# What can be pressed or typed into. A radio button's target is the label around it; a link in the middle
# of a sentence is as high as its line (WCAG 2.2, 2.5.8: the exception for what is inline).
_SMALL = """least => {
  const found = [];
  const kinds = "a[href], button, input, select, textarea, summary, [role=button]";
  for (const each of document.querySelectorAll(kinds)) {
    const label = each.matches("input[type=radio], input[type=checkbox]") && each.closest("label");
    const { width, height, bottom } = (label || each).getBoundingClientRect();
    if (each.type === "hidden" || bottom <= 0) continue;
    if (!each.checkVisibility({ visibilityProperty: true })) continue;
    const beside = [...each.parentElement.childNodes].filter((node) => node !== each);
    const within = beside.some((node) => node.textContent.trim());
    if (within && getComputedStyle(each).display === "inline") continue;
    if (width < least - 0.5 || height < least - 0.5) {
      found.push(`${Math.round(width)} × ${Math.round(height)}: ${each.outerHTML.slice(0, 120)}`);
    }
  }
  return found;
}"""
# What is wider than the window, and text that is cut off where nobody can scroll to it.
_STICKS_OUT = """() => {
  const found = [];
  const { scrollWidth } = document.documentElement;
  if (scrollWidth > innerWidth) found.push(`the page is ${scrollWidth} wide`);
  for (const each of document.querySelectorAll("body *")) {
    if (each.closest(".unseen, .visually-hidden, .sprite, .skip, .session-say")) continue;
    if (!each.checkVisibility() || each.clientWidth === 1) continue; // 1 px: for readers alone
    const { left, right, width } = each.getBoundingClientRect();
    if (scrollWidth > innerWidth && width && (right > innerWidth + 1 || left < -1)) {
      found.push(`sticks out: ${each.outerHTML.slice(0, 120)}`);
    }
    const { overflowX, textOverflow } = getComputedStyle(each);
    const hides = ["hidden", "clip"].includes(overflowX) && textOverflow !== "ellipsis";
    if (hides && each.scrollWidth > each.clientWidth + 1 && each.innerText?.trim()) {
      found.push(`cut off: ${each.outerHTML.slice(0, 120)}`);
    }
    const isButton = each.matches("button, .button, [role=button]") && each.clientWidth;
    if (isButton && each.scrollWidth > each.clientWidth + 1) {
      found.push(`bursts: ${each.outerHTML.slice(0, 120)}`);
    }
  }
  return found;
}"""
# Text that is cut off at its lower edge, where people set it further apart (WCAG 2.2, 1.4.12).
_SPACED = """
* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important; }
p { margin-block-end: 2em !important; }
"""
_CUT_BELOW = """() => {
  const found = [];
  for (const each of document.querySelectorAll("body *")) {
    if (each.closest(".unseen, .visually-hidden, .sprite, .session-say") || !each.checkVisibility()) continue;
    const { overflowY } = getComputedStyle(each);
    const hides = ["hidden", "clip"].includes(overflowY) && each.clientWidth > 1;
    if (hides && each.scrollHeight > each.clientHeight + 1 && each.innerText?.trim()) {
      found.push(`cut off below: ${each.outerHTML.slice(0, 120)}`);
    }
  }
  return found;
}"""
# What moves by itself, and goes on to. `arming` moves nothing: it keeps a second click from a new button.
_MOVES = """() => document.getAnimations()
  .filter((each) => each.playState === "running" && each.animationName !== "arming")
  .map((each) => `moves: ${each.effect.target.outerHTML.slice(0, 120)}`)"""
# Whether what has the focus can be seen, or lies under something that stands still.
_COVERED = """() => {
  const each = document.activeElement;
  const { left, right, top, bottom } = each.getBoundingClientRect();
  const x = (Math.max(left, 0) + Math.min(right, innerWidth)) / 2;
  const y = (Math.max(top, 0) + Math.min(bottom, innerHeight)) / 2;
  const above = document.elementFromPoint(x, y);
  return each.contains(above) || above?.contains(each) ? "" : each.outerHTML.slice(0, 120);
}"""


@functools.cache
def axe() -> str:
    """The program, as its package has it."""
    file = parts.AXE / "node_modules" / "axe-core" / "axe.min.js"
    if not file.is_file():
        pytest.fail(f"axe-core is missing: {parts.HOW_TO_GET}.", pytrace=False)
    return file.read_text()


def bring(page: Page) -> None:
    """Have axe on each page that will be shown there; to send it anew to each would take longer."""
    page.add_init_script(f"if (location.protocol !== 'about:') {{ {axe()} }}")


def violations(page: Page, *rules: str) -> list[str]:
    """What axe finds in the page as it stands; of `rules` alone, where they are named."""
    only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": TAGS}
    options: dict[str, Any] = {"runOnly": only, "resultTypes": ["violations"], "preload": False}
    found = page.evaluate("options => axe.run(document, options)", options)["violations"]
    return [
        f"{each['id']}: {node['html'][:160]} ({node['failureSummary'].splitlines()[-1].strip()})"
        for each in found
        for node in each["nodes"]
    ]


def in_the_dark(page: Page) -> list[str]:
    """The page in dark colours: what is hard to read there."""
    page.emulate_media(color_scheme="dark")
    at_once = "each => each.forEach((one) => one instanceof CSSTransition && one.finish())"
    page.evaluate(f"({at_once})(document.getAnimations())")
    return [f"dark: {each}" for each in violations(page, "color-contrast")]


def on_a_phone(page: Page) -> list[str]:
    """What has no name where a smaller page leaves some of its words out, or is hard to read there."""
    return [f"on a phone: {each}" for each in violations(page, *NAMES, "color-contrast")]


def small_targets(page: Page) -> list[str]:
    """What a finger misses."""
    return list(page.evaluate(_SMALL, TARGET))


def sticks_out(page: Page) -> list[str]:
    """What is beyond the window's edge, or cut off."""
    return list(page.evaluate(_STICKS_OUT))


def moves(page: Page) -> list[str]:
    """What still moves for people who asked for less of it."""
    page.emulate_media(reduced_motion="reduce")
    found = list(page.evaluate(_MOVES))
    page.emulate_media(reduced_motion="no-preference")
    return found


def does_not_stretch(page: Page) -> list[str]:
    """What is lost where lines, words and letters stand further apart."""
    style = page.add_style_tag(content=_SPACED)
    found = sticks_out(page) + list(page.evaluate(_CUT_BELOW))
    style.evaluate("element => element.remove()")
    return [f"set further apart: {each}" for each in found]


def covered_focus(page: Page, stops: int) -> list[str]:
    """Where the Tab key leads to, in so many stops, and cannot be seen."""
    found = []
    for _stop in range(stops):
        page.keyboard.press("Tab")
        found += [f"focus unseen: {each}" for each in [page.evaluate(_COVERED)] if each]
    return found
