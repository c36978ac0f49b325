"""Lies in answers that move no lock: told or not told, never half, never without end."""

import datetime as dt
import json
import logging
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from locks.models import Device
from locks.seam import (
    SeamClient,
    SeamOutcomeUnknown,
    SeamRateLimited,
    SeamRejected,
    SeamUnreadable,
    reading,
)
from locks.services.errors import ServiceError
from locks.services.inventory import sync_devices
from locks.tests.factories import make_device
from locks.tests.lied_to import HURRY, PATIENT, allow, browser, lied_to, sound
from locks.tests.lies import FLOODS, LIES, NASTY, Lie
from locks.tests.lying import (
    ATTEMPT,
    ATTEMPTS,
    EVENTS,
    LOCKS,
    TRUTHS,
    UNLOCK,
    WEBHOOKS,
    WORKSPACE,
    LyingSeam,
    honest,
)
from locks.tests.servers import KEY, Connect, Talk, clients, refusal, replies, soon

LONG_AGO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
READS: dict[str, tuple[str, Callable[[SeamClient], Any]]] = {
    "attempt": (ATTEMPT, lambda seam: seam.get_action_attempt("attempt-1")),
    "attempts": (ATTEMPTS, lambda seam: seam.list_action_attempts(["attempt-1"])),
    "attempts of a door": (ATTEMPTS, lambda seam: seam.list_attempts_of("device-1")),
    "locks": (LOCKS, lambda seam: list(seam.iter_locks())),
    "workspace": (WORKSPACE, lambda seam: seam.get_workspace()),
    "events": (EVENTS, lambda seam: list(seam.list_events(since=LONG_AGO))),
    "webhooks": (WEBHOOKS, lambda seam: seam.list_webhooks()),
}
COMES_OF = {
    "unreadable": SeamUnreadable,
    "refused": SeamRejected,
    "limited": SeamRateLimited,
}
# The reads above have all of them; these are put to the doors as well.
ONE_OF_A_KIND = {
    name: LIES[name]
    for name in (
        *("100 first", "103 first", "201 with the truth", "204", "307 to another host", "404 page"),
        *("400 of Seam", "401 of Seam", "404 of Seam", "429 of Seam a minute", "503 of Seam"),
        *("hangs before the headers", "hangs in the body", "one byte a second", "reset"),
        *("cut-off body", "length too small", "no last chunk", "said twice", "60 MB body"),
        *("trailers without end", "gzip bomb", "200 empty", "200 null", "200 empty array"),
        *("200 empty object", "200 null for everything", "200 nested without end", "200 UTF-16"),
        *("200 every name twice", "200 BOM", "the key sent back", "markup and NUL in a failure"),
    )
}
# A list of a door's attempts that Seam refuses is one that this Seam does not offer.
NOT_OFFERED = {400: None, 404: []}


@pytest.fixture
def seam(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[LyingSeam]:
    with lied_to(settings, monkeypatch) as told:
        told.attempts["attempt-1"] = honest("attempt-1")
        yield told


@pytest.fixture
def connect() -> Iterator[Connect]:
    with clients() as connect:
        yield connect


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_read_is_told_or_not_told_and_never_half(
    seam: LyingSeam, connect: Connect, caplog: pytest.LogCaptureFixture, lie: Lie
) -> None:
    caplog.set_level(logging.DEBUG)
    seam.lies = {path: lie.answer for path, _read in READS.values()}

    def read(name: str) -> object:
        bound = HURRY if lie.slow else PATIENT
        client = connect(seam.server, read_timeout=bound, answer_timeout=bound)
        try:
            return READS[name][1](client)
        except (SeamUnreadable, SeamRejected) as error:
            return error

    with ThreadPoolExecutor(len(READS)) as pool:
        came = dict(zip(READS, pool.map(read, READS), strict=True))
    refused = lie.read == "refused" and came["attempts of a door"]
    if lie.read == "refused" and not isinstance(refused, SeamRejected):
        assert came.pop("attempts of a door") in NOT_OFFERED.values()
    for name, found in came.items():
        if lie.read == "told":
            assert found, name
            assert not isinstance(found, Exception), name
        else:
            assert isinstance(found, COMES_OF[lie.read]), (name, found)
            assert len(found.message) <= 2000
            assert KEY not in f"{found!r} {vars(found)}"
    assert KEY not in caplog.text
    for path, _read in READS.values():
        assert len(seam.calls(path)) <= reading.READ_TRIES * (2 if path == ATTEMPTS else 1)


@pytest.mark.sqlite_only
@pytest.mark.django_db
@pytest.mark.parametrize("lie", ONE_OF_A_KIND.values(), ids=ONE_OF_A_KIND.keys())
def test_the_doors_are_read_whole_or_stay_as_they_are(
    seam: LyingSeam, settings: Settings, lie: Lie
) -> None:
    known = make_device(seam_device_id="device-2", workspace_id="ours")
    seam.lies[LOCKS] = lie.answer
    allow(settings, HURRY if lie.slow else PATIENT)
    if lie.read == "told":
        assert (sync_devices().added, Device.objects.count()) == (1, 2)
        return
    with pytest.raises(ServiceError, match="Nothing was changed"):
        sync_devices()
    known.refresh_from_db()
    assert (known.gone_at, Device.objects.count()) == (None, 1)
    allow(settings, PATIENT)
    del seam.lies[LOCKS]
    assert sync_devices().added == 1


@pytest.mark.django_db
def test_names_and_problems_without_end_are_kept_short_and_shown_as_text(
    seam: LyingSeam, clerk: Any, north: Any, superuser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    problems = [{"error_code": NASTY * 20, "message": NASTY * 200}] * 60
    loud = {
        "device_id": "loud",
        "display_name": NASTY * 1000,
        "errors": problems,
        "warnings": [NASTY, 7, None, *problems],
        "properties": {"battery": {"level": "ENDLESS", "status": NASTY}, "model": [NASTY]},
        "device_manufacturer": {"display_name": NASTY * 1000},
    }
    odd = [{"device_id": 7}, {"device_id": NASTY}, {"device_id": "x" * 201}, NASTY, None, [loud]]
    monkeypatch.setitem(TRUTHS, LOCKS, {"locks": [loud, *odd, {"device_id": "plain"}]})
    seam.lies[LOCKS] = lambda talk, scene: replies(
        200, scene.truth.replace(b'"ENDLESS"', b"9" * 10_000)
    )(talk)
    report = sync_devices()
    assert (report.added, report.unreadable) == (2, len(odd))
    assert sync_devices().unchanged == 2
    Device.objects.update(building=north)
    door = Device.objects.get(seam_device_id="loud")
    assert len(door.seam_name) <= 200
    assert len(json.dumps(door.errors)) < 20_000
    sound(browser(clerk).get("/"))
    sound(browser(superuser).get(f"/admin/locks/device/{door.pk}/change/"))


def test_lists_without_end_come_to_one(
    seam: LyingSeam, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages that turn in a circle, that are always new, and events that are always the same."""
    monkeypatch.setattr(reading, "MOST_LOCKS", 40)
    monkeypatch.setattr(reading, "MOST_EVENTS", 3)
    monkeypatch.setattr(reading, "MOST_EVENT_PAGES", 9)
    client, turns = connect(seam.server), iter(range(10_000))

    def endless(new: bool) -> Callable[[Talk, Any], None]:
        def answer(talk: Talk, _scene: Any) -> None:
            turn = next(turns) if new else 0
            event = TRUTHS[EVENTS]["events"][0]
            told = {
                "locks": [{"device_id": f"device-{turn}"}],
                "pagination": {"has_next_page": True, "next_page_cursor": f"page-{turn}"},
                "events": [event | {"event_id": f"event-{turn}-{each}"} for each in range(3)],
            }
            replies(200, told)(talk)

        return answer

    for new in (False, True):
        seam.lies = {LOCKS: endless(new), EVENTS: endless(new)}
        with pytest.raises(SeamUnreadable, match="do not come to an end"):
            list(client.iter_locks())
        with pytest.raises(SeamUnreadable, match="do not come to an end"):
            list(client.list_events(since=LONG_AGO))
    assert len(seam.calls(LOCKS)) <= 2 + 41
    assert len(seam.calls(EVENTS)) <= 2 + 9


def test_an_event_that_cannot_be_read_spoils_no_other(
    seam: LyingSeam, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound_one = TRUTHS[EVENTS]["events"][0]
    odd: list[dict[str, Any]] = [
        {"event_id": 7},
        {"event_id": NASTY},
        {"event_type": None},
        {"event_type": NASTY},
        {"created_at": 0, "occurred_at": None},
        {"created_at": "0001-01-01T00:00:00+23:59", "occurred_at": NASTY},
        {"created_at": "tomorrow", "occurred_at": "9999-12-31T23:59:59-23:59"},
    ]
    first = {"event_id": "event-0", "created_at": "2001-01-01T00:00:00Z", "method": NASTY * 9999}
    told = [None, NASTY, [sound_one], *(sound_one | each for each in odd), sound_one]
    monkeypatch.setitem(TRUTHS, EVENTS, {"events": [*told, sound_one | first]})
    found = list(connect(seam.server).list_events(since=LONG_AGO))
    assert [event.event_id for event in found] == ["event-0", "event-1"]
    assert all(len(event.method) <= 40 for event in found)


def test_a_full_page_of_events_before_all_time_breaks_nothing(
    seam: LyingSeam, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_EVENTS", 1)
    dawn = dict.fromkeys(("created_at", "occurred_at"), "0001-01-01T00:00:00Z")
    events = [TRUTHS[EVENTS]["events"][0] | dawn]
    monkeypatch.setitem(TRUTHS, EVENTS, {"events": events})
    with pytest.raises(SeamUnreadable, match="end"):
        list(connect(seam.server).list_events(since=dt.datetime.min.replace(tzinfo=dt.UTC)))


@pytest.mark.parametrize("path", [UNLOCK, LOCKS])
@pytest.mark.parametrize("answer", FLOODS.values(), ids=FLOODS.keys())
def test_no_answer_takes_much_memory(
    seam: LyingSeam, connect: Connect, answer: Any, path: str
) -> None:
    """A body is read up to 1 MiB, a list's up to 16 MiB; lines up to 256 KiB in all, and no further."""
    seam.lies[path] = answer
    client = connect(seam.server, read_timeout=8, answer_timeout=8)
    most = {UNLOCK: 8_000_000, LOCKS: 60_000_000}[path]
    tracemalloc.start()
    try:
        if path == UNLOCK:
            with pytest.raises(SeamOutcomeUnknown, match="broke|too large|compressed"):
                client.unlock_door("device-1", send_by=soon())
        else:
            with pytest.raises(SeamUnreadable):
                list(client.iter_locks())
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


SPOILS = {
    "an id that Seam does not take": replies(400, refusal("invalid_input")),
    "an id that Seam does not know": replies(404, refusal("action_attempts_not_found")),
    "an id that breaks Seam": replies(500, refusal("internal_error")),
    "a message of 60 MB": FLOODS["60 MB body"],
    "a message that is not UTF-8": replies(200, b'{"action_attempts": ["\xff"]}'),
    "an error nested without end": replies(200, b'{"action_attempts": ' + b"[" * 200_000),
}


@pytest.mark.parametrize("spoiled", SPOILS.values(), ids=SPOILS.keys())
def test_one_attempt_that_spoils_the_list_hides_no_other(
    seam: LyingSeam, connect: Connect, spoiled: Any
) -> None:
    ids = [f"attempt-{number}" for number in range(40)]
    seam.attempts = {each: honest(each) for each in ids}

    def answer(talk: Talk, scene: Any) -> None:
        if "attempt-17" not in talk.asked.json()["action_attempt_ids"]:
            replies(200, scene.truth)(talk)
        elif spoiled is SPOILS["a message of 60 MB"]:
            spoiled(talk, scene)
        else:
            spoiled(talk)

    seam.lies[ATTEMPTS] = answer
    found = connect(seam.server, read_timeout=PATIENT).list_action_attempts(ids)
    assert {each.action_attempt_id for each in found} == set(ids) - {"attempt-17"}
    assert len(seam.calls(ATTEMPTS)) < 20


def test_a_seam_that_fails_altogether_is_not_asked_again_and_again(
    seam: LyingSeam, connect: Connect
) -> None:
    seam.lies[ATTEMPTS] = LIES["500 of Seam"].answer
    with pytest.raises(SeamUnreadable):
        connect(seam.server).list_action_attempts([f"attempt-{each}" for each in range(100)])
    assert len(seam.calls(ATTEMPTS)) <= reading.READ_TRIES + reading.MOST_FAILURES
    seam.lies[ATTEMPTS] = LIES["503 of Seam"].answer
    seam.server.requests.clear()
    with pytest.raises(SeamUnreadable):
        connect(seam.server).list_action_attempts([f"attempt-{each}" for each in range(100)])
    assert len(seam.calls(ATTEMPTS)) == reading.READ_TRIES


def test_an_attempt_told_of_in_two_ways_is_not_told_of(seam: LyingSeam, connect: Connect) -> None:
    told = [honest("attempt-1"), honest("attempt-2"), honest("attempt-2")]
    told.append(honest("attempt-1", status="error", error={"type": "jammed"}))
    seam.lies[ATTEMPTS] = lambda talk, _scene: replies(200, {"action_attempts": told})(talk)
    found = connect(seam.server).list_action_attempts(["attempt-1", "attempt-2"])
    assert [each.action_attempt_id for each in found] == ["attempt-2"]


def test_threads_of_calls_end_with_their_calls(seam: LyingSeam, connect: Connect) -> None:
    """A read that was cut leaves no thread behind that would hold a connection."""
    seam.lies[ATTEMPT] = LIES["one byte a second"].answer
    before = threading.active_count()
    with pytest.raises(SeamUnreadable):
        connect(seam.server, read_timeout=HURRY).get_action_attempt("attempt-1")
    assert threading.active_count() <= before + 4  # the server's own two, and a call about to end
