"""Processes that are asked to end, replaced under presses, and many of each kind at once."""

from __future__ import annotations

import itertools
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from django.db import connection
from django.utils import timezone

from locks.models import Lease, UnlockRequest
from locks.services import following, leases, sweeping
from locks.services.tokens import issue_token
from locks.services.unlocking import PressForm, request_unlock
from locks.simulator import Simulator
from locks.tests.factories import grant, make_building, make_device, make_user
from locks.tests.obeying import DOORS, Installation, ended
from tools.processes import wait_for
from tools.stack import Stack

NO_BROKER = {"CELERY_BROKER_URL": "redis://127.0.0.1:9/0"}
UNHURRIED = {"UNLOCK_RESOLVE_TIMEOUT": "120"}  # an attempt is pending for as long as the test takes
MAIN, OTHER = tuple(DOORS)[:2]
LISTS = "/action_attempts/list"
STORY = ["unlock.requested", "unlock.pending", "unlock.unlocked"]


@pytest.fixture
def install(stack: Callable[..., Stack], simulator: Simulator, tmp_path: Path):
    """An installation with these parts; every door unlocks at once."""
    for seam_id in DOORS:
        simulator.behave(seam_id, "instant")

    def start(*names: str, hurry: bool = False, **environment: str) -> Installation:
        running = stack(endpoint=simulator.endpoint, parts=(), environment=environment)
        house = Installation(running, tmp_path / "commands")
        house.start(*names, hurry=hurry)
        return house

    return start


def holder(house: Installation) -> str:
    """The part that follows now; empty where none does."""
    for (who,) in house.rows("SELECT holder FROM locks_lease WHERE name = 'follower'"):
        for name, process in house.stack.processes.items():
            if f":{process.pid}:" in str(who):
                return name
    return ""


def lists(simulator: Simulator) -> list[float]:
    """When attempts were asked about."""
    return [call.time for call in simulator.calls if call.path == LISTS]


def test_a_stop_ends_streams_at_once_and_lets_a_press_finish(install, simulator: Simulator) -> None:
    house = install("web", **NO_BROKER)
    web, clerk = house.stack.processes["web"], house.clerk()
    house.token(MAIN)
    simulator.withhold(MAIN)
    with clerk.listening() as ear, house.clerk("clerk2").listening() as colleague:
        ear.wait_for("beat")
        colleague.wait_for("beat")
        pressing = house.press_in_background(MAIN)
        assert simulator.wait_for_calls("/locks/unlock_door", timeout=30)
        web.send(signal.SIGTERM)
        asked = time.monotonic()
        # A stream that waits for the press to end does not end here at all. (How long it takes on a
        # quiet machine is measured by the bench.)
        assert ear.ended.wait(10)
        assert colleague.ended.wait(10)
        assert time.monotonic() - asked < 3
    assert web.exit_code is None, "it did not wait for the press"
    simulator.release(MAIN)
    assert pressing.result(30).status_code == 303
    assert web.wait(35), "it did not end by itself"
    (row,) = house.requests(MAIN)
    assert row.status in ("pending", "unlocked")
    assert simulator.posts(MAIN) == 1
    house.start("web")  # what it left is followed by who comes next
    house.wait_for_status(MAIN, "unlocked")
    assert house.story(row.pk) == STORY


class Crowd:
    """Clerks who press one door after the other, at whichever web process answers."""

    def __init__(self, house: Installation, *webs: str) -> None:
        self.house, self.webs = house, webs
        self.pressed: list[str] = []  # tokens that got an answer
        self.repeated = 0
        self._enough = threading.Event()
        self._numbers = itertools.count()
        for seam_id in DOORS:
            house.door(seam_id)
        house.clerk("clerk2")
        self._pool = ThreadPoolExecutor(2)
        self._work = [self._pool.submit(self._run, each) for each in ("clerk", "clerk2")]

    def wait_for_more(self, count: int) -> None:
        """Until so many presses more were answered."""
        goal = len(self.pressed) + count
        wait_for(
            lambda: len(self.pressed) >= goal or any(w.done() for w in self._work),
            seconds=60,
            what="presses are answered",
        )

    def go_home(self) -> None:
        self._enough.set()
        for work in self._work:
            work.result(60)
        self._pool.shutdown()

    def _run(self, username: str) -> None:
        doors = tuple(DOORS)[:4] if username == "clerk" else tuple(DOORS)[4:]
        for seam_id in itertools.islice(itertools.cycle(doors), 4 * 13):  # Seam allows 15 a minute
            self._press(seam_id, username)
            if self._enough.wait(0.2):
                return

    def _press(self, seam_id: str, username: str) -> None:
        """As a browser behind a balancer: what broke off goes to another process, unchanged."""
        token = ""
        for _attempt in range(200):
            web = self.webs[next(self._numbers) % len(self.webs)]
            try:
                token = token or self.house.token(seam_id, username, web=web)
                answer = self.house.press(seam_id, web=web, username=username, token=token)
            except requests.ConnectionError:
                self.repeated += bool(token)
                time.sleep(0.02)
                continue
            assert answer.status_code == 303, answer.text
            self.pressed.append(token)
            return
        raise AssertionError("no web process answered")


def test_a_rolling_restart_under_presses_loses_nothing(install, simulator: Simulator) -> None:
    webs = ("web", "web-2")
    house = install(*webs, "worker")
    crowd = Crowd(house, *webs)
    for web in webs:
        crowd.wait_for_more(5)
        process = house.stack.processes[web]
        process.send(signal.SIGTERM)
        assert process.wait(35), "it did not end by itself"
        house.stack.stop(web)
        crowd.wait_for_more(3)  # the other one serves
        house.start(web)
    crowd.wait_for_more(5)
    crowd.go_home()
    wait_for(lambda: ended(house.requests()), seconds=20, what="all are ended")
    rows = house.requests()
    assert {row.status for row in rows} == {"unlocked"}
    assert {tuple(house.story(row.pk)) for row in rows} >= {tuple(STORY)}
    for row in rows:
        assert [kind for kind in house.story(row.pk) if kind != "unlock.joined"] == STORY
    assert sum(simulator.posts(seam_id) for seam_id in DOORS) == len(rows)
    verdicts = house.rows("SELECT verdict, count(*) FROM locks_press GROUP BY verdict")
    assert dict(verdicts).get("refused", 0) == 0
    assert dict(verdicts)["sent"] == len(rows)
    assert sum(dict(verdicts).values()) == len(set(crowd.pressed)) == len(crowd.pressed)
    house.verify()


def test_many_of_each_follow_once_and_sweep_once(install, simulator: Simulator) -> None:
    webs = ("web", "web-2", "web-3")
    house = install(*webs, "worker", "worker-2", "beat", "beat-2", hurry=True, **UNHURRIED)
    simulator.hold(MAIN)
    began = time.monotonic()
    assert house.press(MAIN).status_code == 303
    wait_for(lambda: len(lists(simulator)) >= 20, seconds=30, what="it is followed")
    looks = lists(simulator)
    # One follower comes back after 0.1 s at the earliest. (A lease may run out on a machine that
    # stands still, hence not "never".)
    close = sum(later - earlier < 0.09 for earlier, later in itertools.pairwise(looks))
    assert close <= 2, f"{close} of {len(looks)} looks within {looks[-1] - began:.1f} s"
    # The one who follows is killed: another goes on when the lease has run out.
    dead = ""

    def someone_follows() -> bool:
        nonlocal dead
        dead = holder(house)
        return dead != ""

    wait_for(someone_follows, seconds=30, what="someone follows")
    house.stack.kill(dead)
    killed = time.monotonic()
    wait_for(
        lambda: lists(simulator)[-1] > killed + 0.5,
        seconds=30,
        what=f"another takes over from {dead}",
    )
    simulator.release(MAIN)
    row = house.wait_for_status(MAIN, "unlocked")
    assert house.story(row.pk) == STORY
    sweep_what_was_left_behind(house)
    house.verify()


def sweep_what_was_left_behind(house: Installation) -> None:
    """A dozen requests of senders that died, all past their bound: each is ended once."""
    house.stack.manage(
        "shell",
        "-v0",
        "-c",
        "import datetime as dt; from django.utils import timezone;"
        "past = timezone.now() - dt.timedelta(seconds=60);"
        "clerk = User.objects.get(username='clerk');"
        "UnlockRequest.objects.bulk_create([UnlockRequest(device=door, building=door.building,"
        " requested_by=clerk, requested_at=past, send_by=past, call_deadline=past, resolve_by=past)"
        " for door in Device.objects.all()])",
    )
    wait_for(lambda: ended(house.requests()), seconds=30, what="the sweeps end them")
    swept = [row for row in house.requests() if row.code == "interrupted"]
    assert len(swept) >= 12
    for row in swept:  # what Seam's own records say of it may be there already
        story = [kind for kind in house.story(row.pk) if kind != "unlock.nothing_listed"]
        assert story == ["unlock.unknown"]


@pytest.mark.parametrize("name", ["worker", "web-2"])
def test_who_follows_lets_go_when_asked_to_end(install, simulator: Simulator, name: str) -> None:
    house = install("web", name, **UNHURRIED, **({} if name == "worker" else NO_BROKER))
    house.clerk()
    house.hold_sweeps("web")
    simulator.hold(MAIN)
    web = "web" if name == "worker" else name
    assert house.press(MAIN, web=web).status_code == 303
    wait_for(lambda: holder(house) == name, seconds=60, what=f"{name} follows")
    process = house.stack.processes[name]
    process.send(signal.SIGTERM)
    assert process.wait(30), "it went on following"
    assert house.rows("SELECT holder FROM locks_lease WHERE name = 'follower'") == [("",)]
    house.stack.stop(name)
    assert "Traceback" not in house.stack.output()
    simulator.release(MAIN)
    if name == "worker":
        house.start(name)  # the message was handed on
    else:
        house.commands.let_sweep("web")
    row = house.wait_for_status(MAIN, "unlocked")
    assert house.story(row.pk) == STORY
    house.commands.let_sweep("web")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("by", ["message", "sweep"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_nudge_while_the_follower_lets_go_is_not_lost(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, moment: str, by: str
) -> None:
    """It had found nothing more to do, and has not let go yet, or has just done so.

    The nudge is a message's, with its wish; or, without a broker, the process's own sweep.
    """
    simulator.behave(MAIN, "instant")
    house, clerk = make_building(), make_user()
    grant(clerk, house)
    door = make_device(house, seam_device_id=MAIN)
    real, arrived = leases.release, threading.Event()
    if by == "sweep":
        monkeypatch.setattr(following, "nudge", following.wake_here.set)

    def press() -> None:
        try:
            form = PressForm(token=issue_token(person=clerk, device=door))
            request_unlock(actor=clerk, device=door, form=form)
            if by == "message":
                following.follow()  # what the receiver of the message does
            else:
                sweeping.sweep()
        finally:
            connection.close()

    def arrive() -> None:
        if not arrived.is_set():
            arrived.set()
            with ThreadPoolExecutor(1) as pool:
                pool.submit(press).result(30)

    def release(name: str, *, seen: int) -> bool:
        if moment == "before":
            arrive()
        let_go = real(name, seen=seen)
        if moment == "after":
            arrive()
        return let_go

    monkeypatch.setattr(leases, "release", release)
    following.follow()
    assert arrived.is_set()
    assert UnlockRequest.objects.get().status == "unlocked"
    assert Lease.objects.get(name="follower").holder == ""


@pytest.mark.django_db
def test_a_lease_says_how_long_it_lasts() -> None:
    assert leases.left("job") == 0
    leases.acquire("job")
    assert 0 < leases.left("job") <= leases.LENGTH.total_seconds()
    leases.drop("job")
    assert leases.left("job") == 0
    Lease.objects.filter(name="job").update(holder="killed", until=timezone.now())
    wait_for(lambda: leases.left("job") == 0, seconds=5, what="it runs out")
