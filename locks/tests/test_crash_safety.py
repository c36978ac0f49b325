"""Processes that are killed at any place of a press: recorded, sent at most once, ended, honest.

Real processes, a real database, and a counting Seam. What ends a dead one's requests is the sweep
of another web process: there is no worker unless the test is about one, and the broker is gone.
"""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from locks.simulator import Simulator
from locks.tests.killing import PLACES, owner_of
from locks.tests.obeying import DOORS, SHORT, Installation, ended
from tools.processes import wait_for
from tools.stack import Stack

Install = Callable[..., Installation]
NO_BROKER = {"CELERY_BROKER_URL": "redis://127.0.0.1:9/0"}
# A call is to be under way still when the test has done the next step.
PATIENT = {"UNLOCK_ANSWER_TIMEOUT": "4"}
STAYS, DIES = "web", "web-2"
REQUESTED, UNKNOWN, UNLOCKED = "unlock.requested", "unlock.unknown", "unlock.unlocked"


@dataclass(frozen=True)
class Death:
    """Where a web process dies during a press, and what that must come to."""

    place: str
    posts: int
    status: str  # of the row in the end; empty: there is none

    @property
    def ends(self) -> tuple[str, ...]:
        """Statuses that it may have: what was sent is found in Seam's records before long."""
        return (self.status, "unlocked") if self.posts else (self.status,)

    @property
    def story(self) -> list[str]:
        """The events that such a request has."""
        return {
            "": [],
            "unknown": [REQUESTED, UNKNOWN],
            "unlocked": [REQUESTED, "unlock.pending", UNLOCKED],
        }[self.status]


NOT_RECORDED = (
    Death("before transaction 1", 0, ""),
    Death("in transaction 1, press written", 0, ""),
    Death("in transaction 1, all written", 0, ""),
)
BEFORE_SENDING = (
    Death("transaction 1 committed", 0, "unknown"),
    Death("before connecting", 0, "unknown"),
    Death("connected, before the gate", 0, "unknown"),
    Death("gate passed, before the first byte", 0, "unknown"),
)
ANSWER_LOST = (
    Death("request written", 1, "unknown"),
    Death("answer's head read", 1, "unknown"),
    Death("before transaction 2", 1, "unknown"),
    Death("in transaction 2, row moved", 1, "unknown"),
)
ANSWER_RECORDED = (
    Death("transaction 2 committed", 1, "unlocked"),
    Death("wish counted, not published", 1, "unlocked"),
    Death("before the response", 1, "unlocked"),
)


@pytest.fixture
def install(stack: Callable[..., Stack], simulator: Simulator, tmp_path: Path) -> Iterator[Install]:
    """An installation with the parts that it is asked for; every door unlocks at once."""
    for seam_id in DOORS:
        simulator.behave(seam_id, "instant")

    houses: list[Installation] = []

    def start(*names: str, **environment: str) -> Installation:
        running = stack(endpoint=simulator.endpoint, parts=(), environment={**SHORT, **environment})
        house = Installation(running, tmp_path / "commands")
        houses.append(house)
        house.start(STAYS, hurry=True)
        for name in names:
            house.begin(name)
        house.clerk(), house.clerk("clerk2")
        for name in names:
            house.wait_until_up(name)
        return house

    yield start
    for house in houses:
        house.commands.let_sweep(STAYS)
        house.commands.let_sweep(DIES)


@pytest.mark.parametrize("name", PLACES)
def test_every_place_exists(name: str) -> None:
    place = PLACES[name]
    owner_of(importlib.import_module(place.module), place.name)


def die_at(house: Installation, place: str, seam_id: str) -> str:
    """Press at the process that dies there; the token of that press."""
    token = house.token(seam_id)
    house.commands.arm(DIES, place)
    with pytest.raises(requests.ConnectionError):
        house.press(seam_id, web=DIES, token=token)
    house.wait_for_death(DIES)
    return token


@pytest.mark.parametrize(
    "deaths",
    [
        pytest.param(NOT_RECORDED, id="before-it-is-recorded"),
        pytest.param(BEFORE_SENDING, id="before-it-is-sent"),
        pytest.param(ANSWER_LOST, id="before-the-answer-is-recorded"),
        pytest.param(ANSWER_RECORDED, id="after-the-answer-is-recorded"),
    ],
)
def test_a_web_process_killed_during_a_press(
    install: Install, simulator: Simulator, deaths: tuple[Death, ...]
) -> None:
    house = install(DIES, **NO_BROKER)
    tokens = {}
    for number, (seam_id, death) in enumerate(zip(DOORS, deaths, strict=False)):
        if number:
            house.start(DIES)
        tokens[seam_id] = die_at(house, death.place, seam_id)
        assert len(house.requests(seam_id)) == bool(death.status), death.place
        if not death.status:  # its token is good for a press, and not for long
            press_on(house, simulator, seam_id, death, token=tokens[seam_id])
    for seam_id, death in zip(DOORS, deaths, strict=False):
        if not death.status:
            continue
        row = house.wait_for_status(seam_id, *death.ends)
        if row.status == death.status:
            assert row.code == ("interrupted" if death.status == "unknown" else "")
        assert told(house, row.pk, death), death.place
        wait_for(lambda: simulator.posts(seam_id) == death.posts, seconds=30, what="the POST")  # noqa: B023
        press_on(house, simulator, seam_id, death, token=tokens[seam_id])
    assert ended(house.requests())
    house.verify()


def press_on(
    house: Installation, simulator: Simulator, seam_id: str, death: Death, *, token: str
) -> None:
    """The browser repeats what got no answer; then a colleague presses: the door can be used."""
    repeated = house.press(seam_id, token=token)
    assert repeated.status_code == 303
    if not death.status:  # nobody had seen that token: it is a press like any other
        row = house.wait_for_status(seam_id, "unlocked")
        assert house.story(row.pk) == [REQUESTED, "unlock.pending", UNLOCKED]
        assert simulator.posts(seam_id) == 1
        return
    assert simulator.posts(seam_id) == death.posts, f"sent again: {death.place}"
    # What was sent is found among Seam's: not just while the colleague presses.
    house.wait_for_status(seam_id, "unlocked" if death.posts else death.status)
    asked = house.press_on(seam_id, username="clerk2")
    assert asked == (death.posts == 0)
    assert len(house.requests(seam_id)) == 2
    row = house.wait_for_status(seam_id, "unlocked")
    assert row.pressed_again == asked
    assert simulator.posts(seam_id) == death.posts + 1
    first = house.requests(seam_id)[0]
    assert first.status in death.ends
    assert told(house, first.pk, death), death.place


def told(house: Installation, request: int, death: Death) -> bool:
    """Whether the request's story is that of such a death; what was sent may have been found since."""
    story = house.story(request)
    found = UNLOCKED if death.posts else "unlock.nothing_listed"
    return story in (death.story, [*death.story, found])


def test_a_web_process_killed_while_seam_has_the_press(
    install: Install, simulator: Simulator
) -> None:
    house = install(DIES, **NO_BROKER, **PATIENT)
    door = next(iter(DOORS))
    simulator.withhold(door)
    pressing = house.press_in_background(door, web=DIES)
    assert simulator.wait_for_calls("/locks/unlock_door", timeout=30)
    house.stack.kill(DIES)
    simulator.release(door)
    with pytest.raises(requests.ConnectionError):
        pressing.result(30)
    row = house.wait_for_status(door, "unknown", "unlocked")
    assert house.story(row.pk)[:2] == [REQUESTED, UNKNOWN]
    assert simulator.posts(door) == 1
    house.wait_for_status(door, "unlocked")  # found among Seam's
    assert not house.press_on(door, username="clerk2")
    house.wait_for_status(door, "unlocked")
    assert simulator.posts(door) == 2
    house.verify()


def test_with_every_other_process_gone_the_next_press_ends_what_a_dead_one_left(
    install: Install, simulator: Simulator
) -> None:
    house = install(DIES, **NO_BROKER)
    door = next(iter(DOORS))
    house.hold_sweeps(STAYS)
    die_at(house, "transaction 1 committed", door)

    def is_asked() -> bool:
        return house.press(door, username="clerk2").status_code == 200

    assert not is_asked()  # a sender may be alive: who presses joins
    wait_for(is_asked, seconds=30, what="the bound passes, and the press asks first")
    first = house.requests(door)[0]
    assert (first.status, first.code) == ("unknown", "interrupted")
    assert house.story(first.pk).count(UNKNOWN) == 1
    house.press_again(door, username="clerk2")
    assert simulator.posts(door) == 1
    house.verify()


def test_a_web_process_killed_while_it_sweeps(install: Install, simulator: Simulator) -> None:
    house = install(DIES, **NO_BROKER)
    lost, followed = tuple(DOORS)[:2]
    house.hold_sweeps(STAYS)
    die_at(house, "transaction 1 committed", lost)
    for place in (
        "sweep: before an overdue row",
        "sweep: overdue row moved",
        "sweep: overdue row committed",
    ):
        house.commands.arm(DIES, place)
        house.begin(DIES, hurry=True)
        house.wait_for_death(DIES)
    row = house.requests(lost)[0]
    assert (row.status, house.story(row.pk)[:2]) == ("unknown", [REQUESTED, UNKNOWN])
    # Killed with the lease in its hand: the lease runs out, and another process goes on.
    assert house.press(followed).status_code == 303
    house.commands.arm(DIES, "sweep: lease taken")
    house.begin(DIES, hurry=True)
    house.wait_for_death(DIES)
    house.commands.let_sweep(STAYS)
    row = house.wait_for_status(followed, "unlocked")
    assert house.story(row.pk) == [REQUESTED, "unlock.pending", UNLOCKED]
    assert (simulator.posts(lost), simulator.posts(followed)) == (0, 1)
    house.press_again(lost, username="clerk2")
    house.verify()


@pytest.mark.parametrize(
    "places",
    [
        pytest.param(("lease taken", "attempts listed"), id="before-the-outcome"),
        pytest.param(("outcome: before its row", "outcome: row moved"), id="in-the-outcome"),
        pytest.param(("before the lease is released",), id="after-the-outcome"),
    ],
)
def test_a_worker_killed_while_it_follows(
    install: Install, simulator: Simulator, places: tuple[str, ...]
) -> None:
    house = install("worker")
    for number, (seam_id, place) in enumerate(zip(DOORS, places, strict=False)):
        house.hold_sweeps(STAYS)
        house.commands.arm("worker", place)
        if number:
            house.begin("worker")
        assert house.press(seam_id).status_code == 303
        house.wait_for_death("worker")
        house.commands.let_sweep(STAYS)
        row = house.wait_for_status(seam_id, "unlocked")
        assert house.story(row.pk) == [REQUESTED, "unlock.pending", UNLOCKED], place
        assert simulator.posts(seam_id) == 1
        assert house.press(seam_id, username="clerk2").status_code == 303
        house.wait_for_status(seam_id, "unlocked")
        assert simulator.posts(seam_id) == 2
    assert ended(house.requests())
    house.verify()


def test_a_worker_that_slept_with_the_lease_changes_nothing_when_it_wakes(
    install: Install, simulator: Simulator
) -> None:
    house = install("worker")
    door = next(iter(DOORS))
    house.hold_sweeps(STAYS)
    house.commands.arm("worker", "attempts listed", stop=True)
    assert house.press(door).status_code == 303
    wait_for(lambda: house.commands.has_reached("worker"), seconds=30, what="it stands still")
    house.commands.let_sweep(STAYS)
    row = house.wait_for_status(door, "unlocked")
    os.kill(house.stack.processes["worker"].pid, signal.SIGCONT)
    assert house.press(door, username="clerk2").status_code == 303
    house.wait_for_status(door, "unlocked")
    house.stack.stop("worker")  # what it had begun is over, too
    assert house.story(row.pk) == [REQUESTED, "unlock.pending", UNLOCKED]
    house.verify()


@pytest.mark.postgres_only
@pytest.mark.parametrize("sent", [False, True])
def test_a_web_process_that_sleeps_in_a_transaction_does_not_stop_the_building(
    install: Install, simulator: Simulator, sent: bool
) -> None:
    """It holds the chain's lock, on which every press of the building waits."""
    house = install(DIES, **NO_BROKER, UNLOCK_SEND_TIMEOUT="20", UNLOCK_ANSWER_TIMEOUT="8")
    asleep, other = tuple(DOORS)[:2]
    house.hold_sweeps(DIES)
    if sent:  # transaction 2 comes next
        simulator.withhold(asleep)
        pressing = house.press_in_background(asleep, web=DIES)
        assert simulator.wait_for_calls("/locks/unlock_door", timeout=30)
        house.commands.arm(DIES, "event written", stop=True)
        simulator.release(asleep)
    else:
        house.commands.arm(DIES, "event written", stop=True)
        pressing = house.press_in_background(asleep, web=DIES)
    wait_for(lambda: house.commands.has_reached(DIES), seconds=30, what="it stands still")
    assert house.press(other, username="clerk2").status_code == 303
    house.wait_for_status(other, "unlocked")
    os.kill(house.stack.processes[DIES].pid, signal.SIGCONT)
    answer = pressing.result(30)
    if sent:  # its answer is recorded on another connection
        assert answer.status_code == 303
        house.wait_for_status(asleep, "unlocked")
    else:
        assert answer.status_code == 503
        assert "Nothing was sent" in answer.text
        assert house.requests(asleep) == []
    assert simulator.posts(asleep) == sent
    house.verify()


def test_a_sender_that_slept_past_its_bound_still_records_its_answers(
    install: Install, simulator: Simulator
) -> None:
    """One press has its answer already, the other's comes while the process stands still."""
    house = install(DIES, **NO_BROKER, **PATIENT)
    answered, answering = tuple(DOORS)[:2]
    house.hold_sweeps(DIES)
    simulator.withhold(answering)
    token = house.token(answered)
    presses = [house.press_in_background(answering, web=DIES)]
    assert simulator.wait_for_calls("/locks/unlock_door", timeout=30)
    house.commands.arm(DIES, "before transaction 2", stop=True)
    presses.append(house.press_in_background(answered, web=DIES, token=token))
    wait_for(lambda: house.commands.has_reached(DIES), seconds=30, what="it stands still")
    simulator.release(answering)
    for door in (answered, answering):
        row = house.wait_for_status(door, "unknown", "unlocked")
        assert house.story(row.pk)[:2] == [REQUESTED, UNKNOWN]
    os.kill(house.stack.processes[DIES].pid, signal.SIGCONT)
    for pressing in presses:
        assert pressing.result(30).status_code == 303
    for door in (answered, answering):
        row = house.wait_for_status(door, "unlocked")
        story = house.story(row.pk)
        assert (story[:2], story[-1]) == ([REQUESTED, UNKNOWN], UNLOCKED)
        assert story.count(UNKNOWN) == story.count(UNLOCKED) == 1
        assert simulator.posts(door) == 1
    house.verify()
