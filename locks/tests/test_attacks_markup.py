"""What Seam and people write is text: on every page, in mails and in exports, whatever stands in it.

Every text column of every table is filled with markup, as if all other checks had failed.
"""

import csv
import io
import json
import re
from contextlib import suppress
from typing import Any

import pytest
from django.apps import apps
from django.core import mail
from django.db import IntegrityError, models, transaction

from locks.models import Building, Device, Review, User
from locks.services import daily_reviews, freezing, places, reviewing, staffing
from locks.services.tokens import issue_token
from locks.tests import test_access_matrix as matrix
from locks.tests.attacks import Page, addresses
from locks.tests.factories import grant, make_user
from locks.tests.history import past_unlock

cast, ids = matrix.cast, matrix.ids
pytestmark = pytest.mark.sqlite_only  # the same on any database
# An element and an attribute that no page has; template syntax; what ends a script, comment or CDATA;
# a turn of direction, and what some databases cut a text at.
PAYLOADS = (
    '"><x-evil onx-evil=1>{{ 7|add:7 }}</x-evil>',
    "' x-evil='1' onfocus=alert(1) autofocus='",
    "</script></title></textarea><x-evil>",
    "--></style><x-evil>{% debug %}",
    "&lt;x-evil&gt;&#60;x-evil&#62;%3Cx-evil%3E",
    "javascript:alert('x-evil')",
    "\u202e<x-evil>\u2066\ufeff",
    "<svg/onload=alert(1)><x-evil",
    "=cmd|'/c calc'!A1<x-evil>",
)
# Rows that are hashed or guarded, and words of ours.
LEFT_ALONE = {"auditchain", "auditevent", "auditdetail", "noise", "lease", "session", "chainproof"}
KEPT = {"password", "nonce", "time_zone", "code", "username"}


def payload(number: int, longest: int | None) -> str:
    """One of them, told from others by its number where all must differ."""
    text = PAYLOADS[number % len(PAYLOADS)]
    return f"{text[: longest - 6]}~{number % 99_999}" if longest else text


def fill(number: int) -> None:
    """Put markup into each text that any row of the database keeps, another one into each."""
    for model in apps.get_app_config("locks").get_models():
        if model._meta.model_name in LEFT_ALONE:
            continue
        columns = [each for each in model._meta.concrete_fields if _takes_text(each)]
        for row in model._default_manager.all():
            for each in columns:
                number += 1
                # What a constraint ties to other columns stays as it is.
                with suppress(IntegrityError), transaction.atomic():
                    one = model._default_manager.filter(pk=row.pk)
                    one.update(**{each.name: _text(each, number)})


def _takes_text(column: models.Field) -> bool:
    plain = isinstance(column, models.CharField | models.TextField | models.JSONField)
    of_ours = column.choices or column.name in {*KEPT, "weekly_hours"} or column.unique
    return plain and not of_ours and not getattr(column, "generated", False)


def _text(column: models.Field, number: int) -> Any:
    if isinstance(column, models.JSONField):
        text = payload(number, None)
        return [{"code": text, "error_code": text, "message": text}, text]
    return payload(number, column.max_length)


@pytest.fixture
def furnished(cast, ids) -> dict[str, int]:
    """North House with events of each kind that managers and clerks make, in their own odd words."""
    north = Building.objects.get(name="North House")
    superuser = cast["superuser"].person
    boss = cast["manager"].person
    door = Device.objects.get(pk=ids["device"])
    for number, text in enumerate(PAYLOADS):
        person = make_user(f"odd{number}", name=text[:150])
        staffing.grant_role(actor=superuser, person=person, building=north, role="viewer")
        past_unlock(door, person, reason=text, error_message=text, error_type=text[:60])
        places.change_door(actor=boss, device=door, changes={"label": text, "area": text})
        freezing.freeze_building(actor=boss, building=north, reason=text)
        places.change_building(actor=superuser, building=north, changes={"help_line": text})
    review = Review.objects.get(pk=ids["review"])
    reviewing.comment_on(actor=boss, review=review, text=PAYLOADS[0])
    return ids


def evil(page: Page) -> list[Any]:
    """Elements and attributes that came out of a text."""
    return [
        (tag, attrs)
        for tag, attrs in page.elements
        if "evil" in tag
        or any("evil" in name or name.startswith("on") for name in attrs)
        or any(
            re.match(r"\s*(javascript|data):", attrs.get(name, ""), re.IGNORECASE)
            for name in ("href", "src", "action", "formaction")
        )
    ]


@pytest.mark.parametrize("number", [0, 4])
def test_no_page_takes_text_for_markup(cast, furnished, number: int) -> None:
    fill(number)
    shown = 0
    for who in ("clerk", "manager"):
        for path in addresses(furnished).values():
            if who == "clerk" and path.startswith("/admin/"):
                continue
            answer = cast[who].get(path)
            if answer.status_code == 200 and "html" in answer.headers["Content-Type"]:
                page = Page(path, answer.content.decode())
                assert evil(page) == [], (who, path)
                text = "".join(page.texts)
                assert "14</x-evil" not in text, path
                shown += "x-evil" in text
    assert shown >= 10  # it is there, as text


def test_no_answer_to_a_press_or_a_refusal_takes_text_for_markup(cast, furnished) -> None:
    clerk = User.objects.get(pk=cast["clerk"].person.pk)
    door = Device.objects.get(pk=furnished["doors"])
    for number in (0, 3, 7):
        fill(number)
        Building.objects.update(frozen=number % 2 == 0)
        for headers in ({}, {"HX-Request": "true"}):
            sent = {"token": issue_token(person=clerk, device=door), "reason": PAYLOADS[number]}
            path = f"/doors/{door.pk}/unlock/"
            answer = cast["clerk"].post(path, sent, headers=headers, follow=True)
            assert evil(Page(path, answer.content.decode())) == [], number
        path = f"/buildings/{furnished['buildings']}/"
        part = cast["clerk"].get(path, headers={"HX-Request": "true"})
        assert evil(Page(path, part.content.decode())) == [], number


def test_no_page_takes_what_an_address_says_for_markup(cast, ids) -> None:
    lists = [path for path in addresses(ids).values() if re.fullmatch(r"/admin/locks/\w+/", path)]
    for text in PAYLOADS:
        asked = dict.fromkeys(("next", "state", "kind", "door", "days", "sort", "_popup"), text)
        for who, path, query in (
            ("stranger", "/accounts/login/", asked),
            ("stranger", f"/{text}", {}),
            ("clerk", "/", {"door": text}),
            *(("manager", path, {"q": text}) for path in lists),
            ("manager", lists[0], asked),
            ("manager", "/admin/locks/auditevent/", {"since": text}),
        ):
            answer = cast[who].get(path, query)
            assert evil(Page(path, answer.content.decode())) == [], (path, text)


def test_a_spreadsheet_takes_no_text_for_a_formula_and_a_line_stays_a_line(cast, furnished) -> None:
    sent = {"building": furnished["building"]}
    table = cast["manager"].post("/admin/locks/auditevent/export/", {"form": "csv", **sent})
    text = b"".join(table.streaming_content).decode()
    rows = list(csv.reader(io.StringIO(text)))
    assert any("x-evil" in cell for row in rows for cell in row)
    for row in rows:
        assert not [cell for cell in row if re.match(r"[=+\-@\t\r]", cell)], row
    lines = cast["manager"].post("/admin/locks/auditevent/export/", {"form": "ndjson", **sent})
    for line in b"".join(lines.streaming_content).decode().strip().split("\n"):
        json.loads(line)


def test_no_mail_has_a_header_or_a_receiver_that_a_name_made(cast, furnished) -> None:
    boss = cast["manager"].person
    break_out = "North\r\nBcc: evil@evil.example\n\n<x-evil>"
    Building.objects.filter(pk=furnished["building"]).update(name=break_out)
    User.objects.filter(pk=boss.pk).update(name=break_out, email="boss@example.com")
    daily_reviews.want_daily_mail(person=boss, wanted=True)
    daily_reviews.send_daily_reviews(early=True)
    (letter,) = mail.outbox
    assert letter.recipients() == ["boss@example.com"]
    head, _blank, body = letter.message().as_string().partition("\n\n")
    assert "evil" not in head
    assert "North" in body


def test_a_person_named_like_markup_is_named_so(cast, ids) -> None:
    north = Building.objects.get(name="North House")
    person = make_user("odd", name="<b>Ann</b> & {{ x }}")
    grant(person, north)
    html = cast["manager"].get("/admin/locks/user/").content.decode()
    assert "&lt;b&gt;Ann&lt;/b&gt; &amp; {{ x }}" in html
