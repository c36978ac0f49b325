"""A Seam that lies: one POST at most, an honest end, clean words, and no page or worker harmed.

The tables are in lies.py and lying.py; here they are put to the real services and pages.
"""

import json
import logging
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from locks import clients
from locks.models import AuditDetail, AuditEvent, Building, Device, Press, UnlockRequest, User
from locks.models.unlocks import Outcome
from locks.seam import client, reading
from locks.seam.transport import shared_transport
from locks.services import following
from locks.services.tokens import issue_token
from locks.tests.factories import make_device, make_superuser
from locks.tests.lies import LIES, MARKUP, Lie
from locks.tests.lying import ATTEMPTS, CLAIMS, UNLOCK, WAITING, Claim, LyingSeam, honest
from locks.tests.servers import KEY, calls_under_way, until

HURRY, PATIENT = 0.4, 5.0  # seconds that Seam has for an answer, where it will not come, and else
# One lie of each kind also runs on PostgreSQL, which refuses texts that SQLite takes.
ON_BOTH = {
    *("307 to another host", "404 of Seam", "404 page", "429 of Seam absurd", "500 of Seam"),
    *("999 with the truth", "hangs in the body", "reset", "60 MB body", "200 empty", "said twice"),
    *("markup and NUL in a refusal", "markup and NUL in a failure", "request id of 50 kB"),
    *("id has markup and NUL", "result of 200 kB", "result of markup and NUL", "error of 100 kB"),
    *("the key sent back in escapes", "wrong action", "103 first"),
}


def table(rows: dict[str, Any]) -> Any:
    marks = {name: () if name in ON_BOTH else (pytest.mark.sqlite_only,) for name in rows}
    return pytest.mark.parametrize(
        "lie", [pytest.param(row, id=name, marks=marks[name]) for name, row in rows.items()]
    )


@pytest.fixture
def seam(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[LyingSeam]:
    """The Seam of this test: honest until told otherwise."""
    monkeypatch.setattr(reading, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(client, "FIRST_PAUSE", 0.6)  # one more try fits into 1.5 s
    with LyingSeam() as told:
        settings.SEAM_ENDPOINT, settings.SEAM_API_KEY = told.server.endpoint, KEY
        allow(settings, PATIENT)
        yield told
        shared_transport().close()
    clients._client.cache_clear()
    until(lambda: not calls_under_way())
    assert told.elsewhere.connections == 0


@pytest.fixture
def door(north: Building) -> Device:
    return make_device(north, label="Main entrance")


@cache
def _client() -> Client:
    return Client()  # one for all tests: to make it takes longer than a page


def browser(person: User) -> Client:
    """A browser in which `person`, and nobody else, has signed in."""
    _client().cookies.clear()
    _client().force_login(person)
    return _client()


def press(person: User, door: Device) -> UnlockRequest:
    """Press the button of a door on the desk; the card that comes back is sound."""
    token = issue_token(person=person, device=door)
    answer = browser(person).post(
        f"/doors/{door.pk}/unlock/", {"token": token}, headers={"HX-Request": "true"}
    )
    sound(answer)
    assert f'id="door-{door.pk}"' in answer.content.decode()
    request = Press.objects.select_related("request").latest("pk").request
    assert request is not None
    return request


def sound(answer: Any) -> None:
    """A page, with nothing of a liar's in it that a browser would take for ours."""
    page = answer.content.decode()
    assert answer.status_code == 200
    assert not [text for text in (MARKUP, KEY, "\x00", "\u202e", "\x1b") if text in page]


def look(door: Device | None = None) -> None:
    """Let the follower look once, at what is due and what is not."""
    UnlockRequest.objects.filter(next_look_at__isnull=False).update(next_look_at=timezone.now())
    following.follow(for_seconds=0)


def allow(settings: Settings, seconds: float) -> None:
    """The time that Seam has for an answer."""
    settings.UNLOCK_ANSWER_TIMEOUT = seconds
    clients._client.cache_clear()


def texts(value: object) -> Iterator[str]:
    """Every string in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, entry in value.items():
            yield from (name, *texts(entry))
    elif isinstance(value, list):
        for entry in value:
            yield from texts(entry)


def assert_clean(request: UnlockRequest) -> None:
    """Row and record hold bounded text on one line; the pages of both can be read."""
    kept: list[object] = [request.result, request.error_type, request.error_message]
    kept += [request.action_attempt_id, request.seam_request_id]
    for detail in AuditDetail.objects.filter(event__request=request):
        assert len(detail.body) < 20_000
        kept.append(json.loads(detail.body))
    for text in texts(kept):
        assert len(text) <= 2000
        assert text.isprintable() or not set(text) & set("\x00\n\r\x1b\u202e\u2066\u2028\ud800")
        assert KEY not in text
    desk = browser(request.requested_by)
    sound(desk.get("/"))
    sound(desk.get("/history/"))
    admin = browser(make_superuser())
    event = AuditEvent.objects.filter(request=request).latest("sequence")
    sound(admin.get(f"/admin/locks/unlockrequest/{request.pk}/change/"))
    sound(admin.get(f"/admin/locks/auditevent/{event.pk}/change/"))


@table(LIES)
@pytest.mark.django_db
def test_a_press_ends_honestly_whatever_seam_answers(
    seam: LyingSeam,
    clerk: User,
    door: Device,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    lie: Lie,
) -> None:
    caplog.set_level(logging.DEBUG)
    if lie.slow:
        allow(settings, HURRY)
    if lie.repeats:
        settings.UNLOCK_SEND_TIMEOUT = 1.5
    seam.lies[UNLOCK] = lie.answer
    request = press(clerk, door)
    assert (request.outcome, request.code) == (lie.press, lie.code)
    assert len(seam.calls(UNLOCK)) == 1 or lie.repeats
    assert not request.is_open
    assert_clean(request)
    assert KEY not in caplog.text


@table(CLAIMS)
@pytest.mark.django_db
def test_a_press_ends_honestly_whatever_its_attempt_is_said_to_be(
    seam: LyingSeam, clerk: User, door: Device, lie: Claim
) -> None:
    seam.press = lie.values
    request = press(clerk, door)
    assert request.outcome == lie.press
    assert len(seam.calls(UNLOCK)) == 1
    assert_clean(request)


@table(LIES)
@pytest.mark.django_db
def test_the_follower_survives_whatever_seam_answers(
    seam: LyingSeam, clerk: User, door: Device, settings: Settings, lie: Lie
) -> None:
    """The lie is no outcome: the request goes on waiting, and the truth still settles it."""
    if lie.slow:
        allow(settings, HURRY)
    seam.press = WAITING
    request = press(clerk, door)
    assert request.outcome == Outcome.PENDING
    seam.lies[ATTEMPTS] = lie.answer
    look()
    request.refresh_from_db()
    assert request.outcome == (Outcome.CONFIRMED if lie.read == "told" else Outcome.PENDING)
    if request.is_open:
        past = timezone.now() - following.GRACE * 2
        UnlockRequest.objects.filter(pk=request.pk).update(resolve_by=past)
        following.end_overdue()
        request.refresh_from_db()
        assert (request.outcome, request.code) == (Outcome.UNKNOWN, "no_outcome")
    allow(settings, PATIENT)
    del seam.lies[ATTEMPTS]
    look()
    request.refresh_from_db()
    assert request.outcome == Outcome.CONFIRMED
    assert len(seam.calls(UNLOCK)) == 1


@table(CLAIMS)
@pytest.mark.django_db
def test_a_lie_about_one_attempt_does_not_keep_the_follower_from_another(
    seam: LyingSeam, clerk: User, door: Device, north: Building, lie: Claim
) -> None:
    seam.press = WAITING
    lied_about, other = press(clerk, door), press(clerk, make_device(north))
    seam.attempts[lied_about.action_attempt_id].update(lie.values)
    look()
    lied_about.refresh_from_db()
    other.refresh_from_db()
    assert (lied_about.outcome, other.outcome) == (lie.followed, Outcome.CONFIRMED)
    assert_clean(lied_about)
    if lied_about.is_open:
        seam.attempts[lied_about.action_attempt_id] = honest(lied_about.action_attempt_id)
        look()
        lied_about.refresh_from_db()
        assert lied_about.outcome == Outcome.CONFIRMED
