"""A running installation whose processes are stopped and killed, and what its database says."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import requests

from locks.tests.killing import Commands
from locks.tests.visitors import DEMO_PASSWORD, Visitor, card, field
from tools.processes import wait_for
from tools.stack import Stack

# Doors of the simulator that the demo gives to its clerks, by Seam's id; none is offline.
DOORS = {
    "harbour-main-entrance": "Main entrance",
    "harbour-staff-entrance": "Staff entrance",
    "harbour-parking-gate": "Parking gate",
    "harbour-bike-cellar": "Bike cellar",
    "harbour-loading-dock": "Loading dock",
    "harbour-room-101": "Room 101",
    "harbour-room-102": "Room 102",
    "harbour-room-110": "Room 110",
}
# What a private door asks for; a common one does not mind it.
WHY = {"reason": "test", "identified_by": "known"}
# Bounds as short as a loaded machine can keep; what is followed is left in peace for as long as a
# test may take to kill who follows it.
SHORT = {"UNLOCK_SEND_TIMEOUT": "5", "UNLOCK_ANSWER_TIMEOUT": "3", "UNLOCK_RESOLVE_TIMEOUT": "60"}


@dataclass(frozen=True)
class Row:
    """An UnlockRequest as the database holds it."""

    pk: int
    status: str
    code: str
    attempt: str
    pressed_again: bool


class Installation:
    """A Stack whose processes obey `commands`, two clerks, and a window on the database."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack = stack
        folder.mkdir(exist_ok=True)
        self.commands = Commands(folder)
        self._ids: dict[str, int] = {}
        self._visitors: dict[str, Visitor] = {}
        self._csrf: dict[str, str] = {}

    def start(self, *names: str, hurry: bool = False) -> None:
        """Start parts that obey; the web processes among them answer afterwards."""
        for name in names:
            self.begin(name, hurry=hurry)
        for name in names:
            self.wait_until_up(name)

    def begin(self, name: str, *, hurry: bool = False) -> None:
        """Start a part without waiting for it."""
        self.stack.start(name, environment=self.commands.environment(name, hurry=hurry))

    def wait_until_up(self, name: str) -> None:
        if name.startswith("web"):
            self.stack.wait_until_up(name)

    def wait_for_death(self, name: str) -> None:
        """Until the part has killed itself at the place that it was armed with."""
        process = self.stack.processes[name]
        wait_for(lambda: process.exit_code is not None, seconds=30, what=f"{name} dies")
        assert self.commands.has_reached(name), process.output()
        self.stack.kill(name)

    def hold_sweeps(self, name: str) -> None:
        """Come back when `name` sweeps no more, until `commands.let_sweep`."""
        self.commands.hold_sweeps(name)
        wait_for(lambda: self.commands.sweep_waits(name), seconds=30, what="the sweep is held")

    # -- people --------------------------------------------------------------------------------

    def clerk(self, username: str = "clerk") -> Visitor:
        """Signed in, at the first web process unless told otherwise."""
        if username not in self._visitors:
            self._visitors[username] = Visitor(self.stack.url, username, DEMO_PASSWORD)
            self._csrf[username] = self._visitors[username].csrf()
        return self._visitors[username]

    def door(self, seam_id: str) -> int:
        """The id of a door on the desk."""
        if seam_id not in self._ids:
            self._ids[seam_id] = card(self.clerk(), DOORS[seam_id])[0]
        return self._ids[seam_id]

    def token(self, seam_id: str, username: str = "clerk", *, web: str = "web") -> str:
        """A fresh token, from the page of one web process."""
        url = f"{self.stack.url_of(web)}/doors/{self.door(seam_id)}/"
        cookies = self.clerk(username).session.cookies
        return field(requests.get(url, cookies=cookies, timeout=60).text, "token")

    def press(
        self,
        seam_id: str,
        *,
        web: str = "web",
        username: str = "clerk",
        token: str = "",
        **data: Any,
    ) -> requests.Response:
        """Press at a web process; raises requests.ConnectionError where it dies before it answers."""
        clerk = self.clerk(username)
        body = {**WHY, "named": DOORS[seam_id], "csrfmiddlewaretoken": self._csrf[username], **data}
        body["token"] = token or self.token(seam_id, username)
        url = f"{self.stack.url_of(web)}/doors/{self.door(seam_id)}/unlock/"
        # A connection of its own: none that a killed process left behind is used.
        return requests.post(
            url, body, cookies=clerk.session.cookies, timeout=60, allow_redirects=False
        )

    def press_in_background(self, seam_id: str, **options: Any) -> Future[requests.Response]:
        """press(), in a thread that ends with it."""
        options.setdefault("token", self.token(seam_id))
        pool = ThreadPoolExecutor(1)
        pressing = pool.submit(self.press, seam_id, **options)
        pool.shutdown(wait=False)
        return pressing

    def press_again(self, seam_id: str, *, username: str) -> None:
        """Press a door with an unknown outcome: first comes the question, then the press."""
        assert self.press_on(seam_id, username=username), "it was not asked first"

    def press_on(self, seam_id: str, *, username: str) -> bool:
        """Press, and again where the outcome before is unknown; whether it was asked."""
        answer = self.press(seam_id, username=username)
        if answer.status_code == 303:
            return False
        again, token = field(answer.text, "again"), field(answer.text, "token")
        answer = self.press(seam_id, username=username, token=token, again=again, asked="1")
        assert answer.status_code == 303
        return True

    # -- database ------------------------------------------------------------------------------

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What the database answers, read past all of the product."""
        url = self.stack.environment.get("DATABASE_URL", "")
        if url:
            with psycopg.connect(url) as link:
                return link.execute(sql).fetchall()
        file = f"file:{self.stack.var / 'simulated.sqlite3'}?mode=ro"
        link = sqlite3.connect(file, uri=True, timeout=20)
        try:
            return link.execute(sql).fetchall()
        finally:
            link.close()

    def requests(self, seam_id: str = "") -> list[Row]:
        """The unlock requests, of one door or of all, oldest first."""
        only = f"WHERE d.seam_device_id = '{seam_id}'" if seam_id else ""
        found = self.rows(
            "SELECT r.id, r.status, r.code, r.action_attempt_id, r.pressed_again"  # noqa: S608
            " FROM locks_unlockrequest r JOIN locks_device d ON d.id = r.device_id"
            f" {only} ORDER BY r.id"
        )
        return [Row(*each) for each in found]

    def story(self, request: int) -> list[str]:
        """The kinds of a request's events, in their order."""
        found = self.rows(
            f"SELECT kind FROM locks_auditevent WHERE request_id = {request} ORDER BY id"  # noqa: S608
        )
        return [str(kind) for (kind,) in found]

    def wait_for_status(self, seam_id: str, *statuses: str, seconds: float = 30) -> Row:
        """Until the latest request of a door has one of these; that request."""
        wait_for(
            lambda: bool(self.requests(seam_id)) and self.requests(seam_id)[-1].status in statuses,
            seconds=seconds,
            what=f"{seam_id} becomes {' or '.join(statuses)}",
        )
        return self.requests(seam_id)[-1]

    def verify(self) -> None:
        """The record proves itself; RuntimeError where `manage.py verify_audit` says otherwise."""
        assert json.loads(self.stack.manage("verify_audit", "--json"))["whole"] is True


def ended(rows: Sequence[Row]) -> bool:
    """Whether nothing is under way."""
    return all(row.status not in ("sending", "pending") for row in rows)
