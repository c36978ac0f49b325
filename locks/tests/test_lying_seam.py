"""A Seam that lies: one POST at most, an honest end, clean words, and no page or worker harmed.

The tables are in lies.py and lying.py; here they are put to the real services and pages.
"""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from locks.models import Building, Device, UnlockRequest, User
from locks.models.unlocks import Outcome
from locks.services import following
from locks.tests.factories import make_device
from locks.tests.lied_to import HURRY, PATIENT, allow, assert_clean, in_time, lied_to, look, press
from locks.tests.lies import LIES, Lie
from locks.tests.lying import ATTEMPTS, CLAIMS, UNLOCK, WAITING, Claim, LyingSeam, honest
from locks.tests.servers import KEY

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
    with lied_to(settings, monkeypatch) as told:
        yield told


@pytest.fixture
def door(north: Building) -> Device:
    return make_device(north, label="Main entrance")


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
    seam.lies[UNLOCK] = lie.answer
    with in_time(settings):
        request = press(clerk, door)
    assert (request.outcome, request.code) == (lie.press, lie.code)
    assert len(seam.calls(UNLOCK)) == 1
    assert not request.is_open
    assert_clean(request)
    assert KEY not in caplog.text


@table(CLAIMS)
@pytest.mark.django_db
def test_a_press_ends_honestly_whatever_its_attempt_is_said_to_be(
    seam: LyingSeam, clerk: User, door: Device, settings: Settings, lie: Claim
) -> None:
    seam.press = lie.values
    with in_time(settings):
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
    seam.press = WAITING
    request = press(clerk, door)
    assert request.outcome == Outcome.PENDING
    if lie.slow:
        allow(settings, HURRY)
    seam.lies[ATTEMPTS] = lie.answer
    with in_time(settings):
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
