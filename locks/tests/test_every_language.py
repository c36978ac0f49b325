"""The desk is ready for another language: no text is left in English, and long or mirrored ones fit."""

import ast
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.core.exceptions import ValidationError
from django.db.models import CharField, TextField
from django.http import HttpResponse
from django.test import Client
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import override, trans_real
from playwright.sync_api import Page, expect

from locks.admin.hours import WeeklyHoursField
from locks.models import Device
from locks.services.tokens import issue_token
from locks.tests import gallery, reaching, scenes
from locks.tests import test_access_matrix as matrix
from locks.tests.conftest import signed_in
from locks.tests.desks import SIZES
from locks.tests.factories import make_device
from locks.tests.pseudo import BEGIN, Pseudo, untranslated
from tools.processes import ROOT

pytestmark = pytest.mark.sqlite_only
cast, ids = matrix.cast, matrix.ids
RIGHT_TO_LEFT = "he"
# Names that are the same in every language, what the record keeps as it came, and what Django never
# translates itself (the pictures of yes and no).
NAMES = {
    "accessdesk",
    "UTC",
    "SHA-256",
    "NDJSON",
    "CSV",
    "ndjson",
    "csv",
    "simulated",
    "viewer",
    "True",
    "False",
}
# Presses that are not to be sent: nothing is filled in, or another door's number and a wrong proof, or what
# looks like a card's number; forged; of a time long ago; broken glass without a reason.
PRESSES: tuple[tuple[str, dict[str, str]], ...] = (
    ("unlock", {}),
    ("unlock", {"asked": "1", "named": "9", "reason": "Locked out", "identified_by": "id_seen"}),
    ("unlock", {"asked": "1", "proof": "0", "proof_by": "pin", "note": "4111 1111 1111 1111"}),
    ("unlock", {"token": "forged"}),
    ("unlock", {"elapsed_wall": "60", "elapsed_mono": "60"}),
    ("unlock", {"asked": "1", "break_glass": "1"}),
    ("lock", {"token": "forged"}),
)


@pytest.fixture
def pseudo_language(settings: Any) -> Iterator[None]:
    """Every page in a language that is read from right to left and knows every message."""
    settings.LANGUAGES = [(RIGHT_TO_LEFT, "Pseudo")]
    settings.LANGUAGE_CODE = RIGHT_TO_LEFT
    trans_real._translations[RIGHT_TO_LEFT] = Pseudo(RIGHT_TO_LEFT)
    yield
    del trans_real._translations[RIGHT_TO_LEFT]


def typed_by_people() -> set[str]:
    """All that stands in the database: names, reasons, codes."""
    found: set[str] = set()
    for model in apps.get_app_config("locks").get_models():
        for field in model._meta.get_fields():
            if isinstance(field, CharField | TextField) and not field.choices:
                found |= set(model._default_manager.values_list(field.name, flat=True).distinct())
    return {each for each in found if each and len(str(each)) > 1}


def test_no_text_is_left_in_english(pseudo_language, cast, ids) -> None:
    every = scenes.scenes_of(cast, ids)
    data = typed_by_people() | NAMES
    found = {}
    for scene in every:
        html = scene.client.get(scene.path).content.decode()
        if texts := untranslated(html, data):
            found[scene.name] = texts
    for label in ("Room 1", "Door 5", "Vault", "Frozen gate"):
        door = Device.objects.get(label=label)
        client = next(scene.client for scene in every if scene.name == f"asks {label}")
        for query in ("", "?break_glass=1"):
            answer = client.get(f"/doors/{door.pk}/{query}", headers={"HX-Request": "true"})
            if texts := untranslated(answer.content.decode(), data):
                found[f"asks {label}"] = texts
    assert found == {}


def test_no_answer_to_a_form_is_left_in_english(pseudo_language, cast, ids) -> None:
    answers: dict[str, HttpResponse] = {}
    errors = iter(("403", "404", "405"))  # one page for each
    error = next(errors)
    for route, (_get, post) in matrix.decisions().items():
        for name, decided in zip(matrix.COLUMNS, post, strict=True):
            if decided == error:
                error = next(errors, "")
            elif decided in {"in", "go", "403", "404", "405"} or f"{decided} {route}" in answers:
                continue
            answers[f"{decided} {route}"] = cast[name].post(matrix.path_of(route, ids))
    house, clerk, _viewer = gallery.every_state()
    client = signed_in(clerk)
    for door in house.devices.all():
        for button, sent in PRESSES:
            token = issue_token(person=clerk, device=door, action=button)
            answers[f"{button} {door.label} {sent}"] = client.post(
                f"/doors/{door.pk}/{button}/",
                {"token": token, **sent},
                headers={"HX-Request": "true"},
            )
    data = typed_by_people() | NAMES
    found = {}
    for name, answer in answers.items():
        is_page = answer.headers.get("Content-Type", "").startswith("text/html")
        if is_page and (texts := untranslated(answer.content.decode(), data)):
            found[name] = texts
    assert found == {}


RECORDS = {"lists", "records", "errors"}


@pytest.mark.parametrize(
    "kinds", [set(scenes.KINDS) - RECORDS, RECORDS], ids=["the desk", "the records, and errors"]
)
def test_long_texts_and_a_page_that_is_read_from_right_to_left_fit(
    pseudo_language, live_server, cast, ids, new_page, take, kinds: set[str]
) -> None:
    every = scenes.scenes_of(cast, ids, *sorted(kinds))
    page = new_page()
    shown = gallery.Gallery(page, live_server.url)
    found = {}
    for scene in every:
        width, height = SIZES["desktop"]
        page.set_viewport_size({"width": width, "height": height})
        shown.show(scene)
        assert page.locator("html").get_attribute("dir") == "rtl"
        problems = reaching.sticks_out(page)
        width, height = SIZES["phone"]
        page.set_viewport_size({"width": width, "height": height})
        problems += [f"on a phone: {each}" for each in reaching.sticks_out(page)]
        if problems:
            found[scene.name] = problems
        if scene.name == "doors found":
            assert [reached(page, key) for key in ("Down", "Left", "Right")] == [0, 1, 0]
        if scene.name in ("every state", "asks Room 1", "accounts/login/"):
            take(page, f"right-to-left-{re.sub('[ /]+', '-', scene.name.strip('/'))}")
    assert found == {}


# From left to right, the signs of each text that stands in an element of that kind.
IN_ORDER = """(kind) => [...document.querySelectorAll(kind)].map((each) => {
    const text = document.createTreeWalker(each, NodeFilter.SHOW_TEXT).nextNode();
    const range = document.createRange();
    const signs = [...text.data.trim()].map((sign, at) => {
        const start = text.data.indexOf(text.data.trim()) + at;
        range.setStart(text, start);
        range.setEnd(text, start + 1);
        return { sign, left: range.getBoundingClientRect().left };
    });
    return signs.sort((one, other) => one.left - other.left).map(({ sign }) => sign).join("");
})"""


def test_a_number_and_a_name_are_not_turned_around_on_a_page_that_is_read_from_right_to_left(
    pseudo_language, live_server, new_page, north, clerk
) -> None:
    type(north).objects.update(help_line="+49 30 1234567")
    make_device(north, label="12 A", access=Device.Access.PRIVATE)
    page = new_page()
    shown = gallery.Gallery(page, live_server.url)
    shown.show(gallery.Scene("the desk", "/", signed_in(clerk)))
    assert page.locator("html").get_attribute("dir") == "rtl"
    assert page.evaluate(IN_ORDER, ".help strong") == ["+49 30 1234567"]
    assert page.evaluate(IN_ORDER, ".card h3") == ["12 A"]
    page.locator("[data-ask]").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.evaluate(IN_ORDER, "#confirm-title strong") == ["12 A"]
    assert page.evaluate(IN_ORDER, ".confirm [type=submit] bdi") == ["12 A"]


def reached(page: Page, arrow: str) -> int:
    """Which of the doors that were found has the focus after that arrow."""
    page.keyboard.press(f"Arrow{arrow}")
    doors = "[...document.querySelectorAll('#main .card')]"
    return int(page.evaluate(f"{doors}.indexOf(document.activeElement.closest('.card'))"))


def test_only_languages_that_are_offered_are_spoken(db: Any, settings: Any) -> None:
    asked = {"Accept-Language": "he, pt-BR;q=0.9"}
    page = Client().get("/accounts/login/", headers=asked)
    assert b'<html lang="en">' in page.content
    settings.LANGUAGES = [("en", "English"), (RIGHT_TO_LEFT, "Pseudo")]
    trans_real._translations[RIGHT_TO_LEFT] = Pseudo(RIGHT_TO_LEFT)
    page = Client().get("/accounts/login/", headers=asked)
    del trans_real._translations[RIGHT_TO_LEFT]
    assert b'<html lang="he" dir="rtl">' in page.content
    assert BEGIN in page.content.decode()


def test_days_are_named_from_the_languages_first_day_of_the_week_on() -> None:
    for language, sunday_first in (("en", True), ("de", False), ("he", True), ("pl", False)):
        with override(language), pytest.raises(ValidationError) as said:
            WeeklyHoursField().clean("Someday 08:00-16:00")
        days = said.value.messages[0].rpartition(": ")[2].split(", ")
        with override(language):
            sunday, monday = str(WEEKDAYS_ABBR[6]), str(WEEKDAYS_ABBR[0])
        assert days[0] == (sunday if sunday_first else monday), language
        assert len(set(days)) == 7


CALLS = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "pgettext_lazy"}


def test_every_text_stands_where_makemessages_finds_it() -> None:
    """As itself, in the call: what is put together or looked up at run time is in no catalogue."""
    odd = []
    for path in sorted((ROOT / "locks").rglob("*.py")):
        if "tests" in path.parts or "migrations" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            texts = node.args[: 2 if node.func.id.startswith("n") else 1]
            if node.func.id in CALLS and not all(isinstance(each, ast.Constant) for each in texts):
                odd.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    for path in sorted((ROOT / "templates").rglob("*.html")):
        if found := re.findall(r"{% translate (?![\"'])[^%]*%}", path.read_text()):
            odd.append(f"{path.relative_to(ROOT)}: {found}")
    assert odd == []


def test_the_catalogues_have_a_place() -> None:
    (folder,) = django_settings.LOCALE_PATHS
    assert folder.is_dir()
