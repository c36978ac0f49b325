"""Lies that take several answers, or no answer at all; and lies to an installation that runs."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from locks.models import AuditEvent, Building, Device, Kind, UnlockRequest, User
from locks.models.unlocks import Outcome
from locks.services import following, sweeping
from locks.tests.factories import make_device
from locks.tests.lied_to import assert_clean, lied_to, look, press
from locks.tests.lies import FLOODS, LIES, MARKUP
from locks.tests.lying import ATTEMPTS, UNLOCK, WAITING, LyingSeam, honest
from locks.tests.servers import (
    KEY,
    RecordingServer,
    Talk,
    attempt,
    http,
    refusal,
    replies,
    until,
)
from locks.tests.visitors import Visitor, card
from tools.processes import wait_for

pytestmark = pytest.mark.sqlite_only  # the same on any database

JAMMED = {"status": "error", "result": None, "error": {"type": "jammed", "message": "Stuck."}}


@pytest.fixture
def seam(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[LyingSeam]:
    with lied_to(settings, monkeypatch) as told:
        yield told


@pytest.fixture
def doors(north: Building) -> list[Device]:
    return [make_device(north) for _number in range(3)]


def outcome(request: UnlockRequest) -> Outcome:
    request.refresh_from_db()
    return request.outcome


def kinds(request: UnlockRequest) -> list[str]:
    events = AuditEvent.objects.filter(request=request).order_by("sequence")
    return list(events.values_list("kind", flat=True))


def give_up_on(request: UnlockRequest) -> None:
    """The time in which it should have resolved is over."""
    past = request.requested_at - following.GRACE * 10
    UnlockRequest.objects.filter(pk=request.pk).update(resolve_by=past)


@pytest.mark.django_db
@pytest.mark.parametrize("then", ["success", "error", "pending"])
def test_an_attempt_that_another_request_has_proves_nothing(
    seam: LyingSeam, clerk: User, doors: list[Device], then: str
) -> None:
    seam.press = WAITING
    first = press(clerk, doors[0])
    seam.press = {"action_attempt_id": first.action_attempt_id, "status": then}
    second = press(clerk, doors[1])
    assert (second.outcome, second.code) == (Outcome.UNKNOWN, "attempt_reused")
    assert second.action_attempt_id == ""
    look()
    assert (outcome(first), outcome(second)) == (Outcome.CONFIRMED, Outcome.UNKNOWN)
    assert len(seam.calls(UNLOCK)) == 2
    assert_clean(second)


@pytest.mark.django_db
def test_an_attempt_that_vanishes_is_unknown_until_it_is_back(
    seam: LyingSeam, clerk: User, doors: list[Device]
) -> None:
    seam.press = WAITING
    vanishing, other = press(clerk, doors[0]), press(clerk, doors[1])
    told = seam.attempts.pop(vanishing.action_attempt_id)
    look()
    assert (outcome(vanishing), outcome(other)) == (Outcome.PENDING, Outcome.CONFIRMED)
    give_up_on(vanishing)
    look()
    assert outcome(vanishing) == Outcome.UNKNOWN
    assert vanishing.code == "no_outcome"
    look()
    assert outcome(vanishing) == Outcome.UNKNOWN
    seam.attempts[vanishing.action_attempt_id] = told
    look()
    assert outcome(vanishing) == Outcome.CONFIRMED
    assert kinds(vanishing).count(Kind.UNLOCK_UNKNOWN) == 1
    assert len(seam.calls(UNLOCK)) == 2


@pytest.mark.django_db
@pytest.mark.parametrize("unknown_first", [False, True])
def test_what_is_said_after_the_end_changes_nothing(
    seam: LyingSeam, clerk: User, doors: list[Device], unknown_first: bool
) -> None:
    """Success, and then error, and then pending again: asked or not, the first end is the end."""
    seam.press = WAITING
    request = press(clerk, doors[0])
    told = seam.attempts[request.action_attempt_id]
    if unknown_first:
        told.update(WAITING)
        give_up_on(request)
        look()
        assert outcome(request) == Outcome.UNKNOWN
        told.update(honest(request.action_attempt_id))
    look()
    ended, calls = kinds(request), len(seam.calls(ATTEMPTS))
    assert outcome(request) == Outcome.CONFIRMED
    for lie in (JAMMED, WAITING, {"status": "error"}):
        told.update(lie)
        look()
        sweeping.sweep(for_seconds=0)
        assert outcome(request) == Outcome.CONFIRMED
    assert (kinds(request), len(seam.calls(ATTEMPTS))) == (ended, calls)


@pytest.mark.django_db
def test_an_attempt_told_of_in_two_ways_at_once_goes_on_waiting(
    seam: LyingSeam, clerk: User, doors: list[Device]
) -> None:
    seam.press = WAITING
    request = press(clerk, doors[0])
    both = [honest(request.action_attempt_id), honest(request.action_attempt_id, **JAMMED)]
    for told in (both, both[::-1]):
        seam.lies[ATTEMPTS] = lambda talk, _scene, told=told: replies(
            200, {"action_attempts": told}
        )(talk)
        look()
        assert outcome(request) == Outcome.PENDING


SPOILS: dict[str, Callable[[Talk, Any], None]] = {
    "refused": lambda talk, _scene: replies(400, refusal("invalid_input"))(talk),
    "60 MB": FLOODS["60 MB body"],
    "not UTF-8": lambda talk, _scene: replies(200, b'{"action_attempts": ["\xff"]}')(talk),
}


@pytest.mark.django_db
@pytest.mark.parametrize("spoiled", SPOILS.values(), ids=SPOILS.keys())
def test_an_attempt_that_spoils_the_list_keeps_no_other_door_waiting(
    seam: LyingSeam, clerk: User, doors: list[Device], spoiled: Any
) -> None:
    seam.press = WAITING
    requests = [press(clerk, door) for door in doors]
    poison = requests[1].action_attempt_id

    def answer(talk: Talk, scene: Any) -> None:
        if poison in talk.asked.json()["action_attempt_ids"]:
            spoiled(talk, scene)
        else:
            replies(200, scene.truth)(talk)

    seam.lies[ATTEMPTS] = answer
    look()
    found = [outcome(request) for request in requests]
    assert found == [Outcome.CONFIRMED, Outcome.PENDING, Outcome.CONFIRMED]
    give_up_on(requests[1])
    look()
    assert outcome(requests[1]) == Outcome.UNKNOWN


@pytest.mark.django_db
@pytest.mark.parametrize("status", [200, 400, 404, 429])
def test_an_error_beside_an_attempt_proves_nothing_and_is_followed(
    seam: LyingSeam, clerk: User, doors: list[Device], status: int
) -> None:
    both = refusal("device_not_found") | attempt("pending")
    seam.attempts["attempt-1"] = honest("attempt-1")
    seam.lies[UNLOCK] = lambda talk, _scene: replies(status, both)(talk)
    request = press(clerk, doors[0])
    assert (request.outcome, request.code) == (Outcome.UNKNOWN, "no_answer")
    assert len(seam.calls(UNLOCK)) == 1
    look()
    assert outcome(request) == Outcome.CONFIRMED


@pytest.mark.django_db
@pytest.mark.parametrize("headers", [{}, {"Retry_After": "0"}, {"Retry_After": "-5"}])
def test_a_press_is_sent_again_only_where_seam_says_that_it_did_nothing(
    seam: LyingSeam,
    clerk: User,
    doors: list[Device],
    monkeypatch: pytest.MonkeyPatch,
    headers: dict[str, str],
) -> None:
    monkeypatch.setattr("locks.seam.client.FIRST_PAUSE", 0.01)
    told = iter([replies(429, refusal("rate_limit_exceeded"), **headers), replies(429, b"<html>")])
    seam.lies[UNLOCK] = lambda talk, _scene: next(told)(talk)
    request = press(clerk, doors[0])
    assert (request.outcome, request.code) == (Outcome.UNKNOWN, "no_answer")
    assert len(seam.calls(UNLOCK)) == 2


@pytest.mark.django_db
def test_a_press_goes_out_on_a_new_connection_where_seam_has_closed_the_old_one(
    seam: LyingSeam, clerk: User, doors: list[Device]
) -> None:
    def answer_and_close(talk: Talk, scene: Any) -> None:
        replies(200, scene.truth)(talk)
        talk.close()

    seam.lies[UNLOCK] = answer_and_close
    assert press(clerk, doors[0]).outcome == Outcome.CONFIRMED
    until(lambda: seam.server.hung_up == 1)
    assert press(clerk, doors[1]).outcome == Outcome.CONFIRMED
    assert [call.connection for call in seam.calls(UNLOCK)] == [1, 2]


@pytest.mark.django_db
def test_a_press_that_dies_on_a_stale_connection_is_unknown_and_not_sent_again(
    seam: LyingSeam, clerk: User, doors: list[Device]
) -> None:
    assert press(clerk, doors[0]).outcome == Outcome.CONFIRMED
    seam.lies[UNLOCK] = LIES["reset"].answer
    assert press(clerk, doors[1]).outcome == Outcome.UNKNOWN
    del seam.lies[UNLOCK]
    assert press(clerk, doors[2]).outcome == Outcome.CONFIRMED
    assert [call.connection for call in seam.calls(UNLOCK)] == [1, 1, 2]


@pytest.mark.django_db
@pytest.mark.parametrize("first", ["103", "204", "500"])
def test_the_rest_of_one_answer_is_not_taken_for_the_answer_to_another_door(
    seam: LyingSeam, clerk: User, doors: list[Device], first: str
) -> None:
    """The success of the first door comes when the second one is asked for, and says nothing of it."""
    heads = {
        "103": b"HTTP/1.1 103 Early Hints\r\n\r\n",
        "204": b"HTTP/1.1 204 No Content\r\n\r\n",
        "500": http(500, b"{}"),
    }
    late: list[tuple[Talk, bytes]] = []

    def answer(talk: Talk, scene: Any) -> None:
        if not late:
            late.append((talk, http(200, scene.truth)))
            talk.send(heads[first])
        else:
            late[0][0].send(late[0][1])
            replies(404, refusal("device_not_found"))(talk)

    seam.lies[UNLOCK] = answer
    assert press(clerk, doors[0]).outcome == Outcome.UNKNOWN
    assert press(clerk, doors[1]).outcome == Outcome.FAILED
    assert [call.connection for call in seam.calls(UNLOCK)] == [1, 2]


@pytest.mark.django_db
def test_an_answer_said_again_for_another_door_proves_nothing(
    seam: LyingSeam, clerk: User, doors: list[Device]
) -> None:
    said: list[bytes] = []

    def answer(talk: Talk, scene: Any) -> None:
        said.append(scene.truth)
        replies(200, said[0])(talk)

    seam.lies[UNLOCK] = answer
    assert press(clerk, doors[0]).outcome == Outcome.CONFIRMED
    second = press(clerk, doors[1])
    assert (second.outcome, second.code) == (Outcome.UNKNOWN, "attempt_reused")


@pytest.mark.django_db
def test_a_seam_that_refuses_connections_was_sent_nothing(
    seam: LyingSeam, clerk: User, doors: list[Device], settings: Settings
) -> None:
    with RecordingServer(listening=False) as closed:
        settings.SEAM_ENDPOINT = closed.endpoint
        request = press(clerk, doors[0])
        assert (request.outcome, request.code) == (Outcome.FAILED, "not_sent")
        assert closed.connections == 0


TOLD_TO_ALL = (
    *("404 of Seam", "307 to another host", "500 page", "200 nested without end", "60 MB body"),
    *("header of 60 MB", "hangs in the body", "reset", "the key sent back in escapes", "103 first"),
)
SETUP = f"""
from locks.tests.factories import *
house, clerk = make_building("House"), make_user("clerk")
make_superuser("chief")
grant(clerk, house)
for name in {(*TOLD_TO_ALL, "honest", "poison")!r}:
    make_device(house, label=name, seam_device_id=name)
"""


def test_a_running_installation_outlives_every_kind_of_lie(stack: Any) -> None:
    def answer(talk: Talk, scene: Any) -> None:
        LIES[talk.asked.json()["device_id"]].answer(talk, scene)

    def about_attempts(talk: Talk, scene: Any) -> None:
        if poison["id"] in talk.asked.json().get("action_attempt_ids", ()):
            FLOODS["60 MB body"](talk, scene)
        else:
            replies(200, scene.truth)(talk)

    with LyingSeam(press=WAITING) as seam:
        poison: dict[str, str] = {}
        running = stack(
            endpoint=seam.server.endpoint,
            api_key=KEY,
            environment={
                "UNLOCK_ANSWER_TIMEOUT": "2",
                "UNLOCK_RESOLVE_TIMEOUT": "3",
                "MFA_REQUIRED": "0",  # the chief reads the records by password alone
            },
        )
        running.manage("shell", "-v0", "-c", SETUP)
        clerk = Visitor(running.url, "clerk", "a-password-for-tests")
        seam.lies[UNLOCK] = answer
        for name in TOLD_TO_ALL:
            door, _card = card(clerk, name)
            assert clerk.press(door, token=clerk.token(door)).status_code == 303
        assert len(seam.calls(UNLOCK)) == len(TOLD_TO_ALL)
        del seam.lies[UNLOCK]
        poison["id"] = "attempt-1"
        while poison["id"] in seam.attempts:
            poison["id"] = f"attempt-{int(poison['id'][8:]) + 1}"
        seam.lies[ATTEMPTS] = about_attempts
        for name in ("poison", "honest"):
            door, _card = card(clerk, name)
            clerk.press(door, token=clerk.token(door))
        wait_for(lambda: "confirmed" in card(clerk, "honest")[1], seconds=20, what="the honest one")
        wait_for(lambda: "May have" in card(clerk, "poison")[1], seconds=30, what="the other ends")
        wait_for(lambda: clerk.get("/readyz").text == "yes\n", seconds=20, what="all is well")
        assert clerk.get("/healthz").status_code == 200
        expected = {name: LIES[name].press.value for name in TOLD_TO_ALL}
        expected |= {"honest": "unlocked_confirmed", "poison": "unknown"}
        assert json.loads(running.manage("shell", "-v0", "-c", OUTCOMES)) == expected
        chief = Visitor(running.url, "chief", "a-password-for-tests")
        pages = [clerk.get("/").text, clerk.get("/history/").text]
        pages += [chief.get(path).text for path in _admin_pages(chief)]
        assert seam.elsewhere.connections == 0
        said = running.output()
        for part in ("web", "worker", "beat"):
            running.stop(part)
    assert not [text for text in (*pages, said, running.output()) if KEY in text or MARKUP in text]
    assert "Traceback" not in running.output()


OUTCOMES = """
import json
print(json.dumps({r.door_label: r.outcome.value for r in UnlockRequest.objects.all()}))
"""


def _admin_pages(chief: Visitor) -> list[str]:
    """The list of requests, and each request's page."""
    listed = "/admin/locks/unlockrequest/"
    pages = re.findall(rf'href="({listed}\d+/change/)', chief.get(listed).text)
    assert len(pages) == len(TOLD_TO_ALL) + 2
    return [listed, *pages]
