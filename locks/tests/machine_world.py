"""Two buildings, their doors and people, and what happens to them: the hands of the machine.

The clock moves by moving all rows the other way, so that it holds for the database's clock, too.
"""

import datetime as dt
import enum
import itertools
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.core import signing
from django.core.exceptions import ValidationError
from django.db import connection, models, transaction
from django.db.models import F
from django.test import Client, override_settings
from django.utils import timezone

from locks.models import (
    Assignment,
    AuditEvent,
    Device,
    EventsRead,
    Kind,
    Lease,
    Press,
    Role,
    SeamEvent,
    UnlockRequest,
    User,
    Verdict,
)
from locks.seam import Lock
from locks.services import catching_up, following, freezing, mirroring, places, staffing, sweeping
from locks.services.audit import touch
from locks.services.errors import (
    DatabaseLost,
    DoorUnknown,
    NotAllowed,
    NothingSent,
    ServiceError,
)
from locks.services.staffing import Terms
from locks.services.tokens import issue_token
from locks.services.unlocking import PressForm, PressResult, request_lock, request_unlock
from locks.tests.deliveries import deliver
from locks.tests.factories import grant, make_building, make_device
from locks.tests.machine_checks import Book
from locks.tests.machine_faults import AtLine
from locks.tests.machine_seam import MANNERS, Attempt, KnowingSeam, Plan, outcome_of, wait_past
from locks.tests.servers import PATIENCE

SALT = "locks.press"
STAFF = {"clerk": "north", "colleague": "north", "outsider": "south"}
PEOPLE = (*STAFF, "viewer", "manager", "boss")
DOORS = {"front": "north", "room": "north", "gate": "south"}
SERVICES = {"unlock": request_unlock, "lock": request_lock}
DAY = 86_400.0
BY_HAND = ("keycode", "manual")
SVIX = Client()
_numbers = itertools.count(1)


@dataclass
class Tab:
    """A button on somebody's page: its token, made at `made_at` of the world's clock."""

    who: str
    door: str
    content: dict[str, Any]
    made_at: float
    label: str  # what the door was called then
    action: str = "unlock"
    used: bool = False
    uncertain: bool = False  # pressed by a process that died: used or not


class Never(enum.Enum):
    """Why a press is never to be sent."""

    MAY_NOT = enum.auto()
    TOKEN = enum.auto()
    LATE = enum.auto()
    REASON = enum.auto()


@dataclass
class Held:
    """A role that unlocks, by the world's own book."""

    until: float | None = None
    closed: bool = False  # its weekly hours do not cover this hour


@dataclass(frozen=True)
class Finger:
    """How a button is pressed."""

    age: float = 0.0  # seconds that the press was held up on its way
    script: bool = True
    slept: float = 0.0  # seconds that the machine under the browser slept, page in hand
    reason: bool = True
    again: bool = True  # answers "press again anyway?" with yes, where that is the question
    glass: bool = False  # the wish to break glass, which no door here allows
    forged: str = ""  # a token of nobody's making


def shift(model: type[models.Model], step: dt.timedelta, **which: Any) -> None:
    """Set all times of these rows back by `step`."""
    times = [c.name for c in model._meta.fields if isinstance(c, models.DateTimeField)]
    model._default_manager.filter(**which).update(**{name: F(name) - step for name in times})


class World:
    """One example's: new rows, and a book of who may do what that is kept by hand."""

    def __init__(self, seam: KnowingSeam, nowhere: str) -> None:
        self.seam, self.nowhere, self.offset = seam, nowhere, 0.0
        seam.forget()
        seam.plan = self._plan
        self.plans: dict[str, Plan] = {}
        self.tabs: list[Tab] = []
        self.told = False  # whether Seam told of its own accord
        self.tag = next(_numbers)
        with transaction.atomic():
            self._build()
            Lease.objects.all().delete()
            EventsRead.objects.all().delete()
        self.book = Book(seam, self.buildings.values())

    def _build(self) -> None:
        made = [
            User(username=f"{name}-{self.tag}", password="!", is_superuser=name == "boss")
            for name in PEOPLE
        ]
        User.objects.bulk_create(made)
        self.people = dict(zip(PEOPLE, made, strict=True))
        self.buildings = {name: make_building(f"{name} {self.tag}") for name in ("north", "south")}
        with transaction.atomic():
            for building in self.buildings.values():
                touch(building)  # its chain, which every building has from its first event on
        self.doors = {
            name: make_device(
                self.buildings[where],
                seam_device_id=f"{name}-{self.tag}",
                label=name,
                access="private" if name == "room" else "common",
            )
            for name, where in DOORS.items()
        }
        for who, where in STAFF.items():
            grant(self.people[who], self.buildings[where])
        grant(self.people["viewer"], self.buildings["north"], Role.VIEWER)
        grant(self.people["manager"], self.buildings["north"], Role.MANAGER)
        self.roles = {place: Held() for place in STAFF.items()}
        self.inactive: set[str] = set()
        self.frozen: set[str] = set()
        self.frozen_doors: set[str] = set()
        self.unusable: dict[str, set[str]] = {name: set() for name in DOORS}
        self.place_of: dict[str, str | None] = dict(DOORS)
        self.private = {"room"}

    def _plan(self, device_id: str) -> Plan:
        return self.plans.pop(device_id, Plan())

    # -- the clock -----------------------------------------------------------------------------

    @property
    def now(self) -> float:
        return time.time() + self.offset

    @transaction.atomic
    def jump(self, seconds: float) -> None:
        """Set the clock forward, or back where `seconds` is negative."""
        step = dt.timedelta(seconds=seconds)
        shift(UnlockRequest, step, building__in=self.buildings.values())
        shift(Press, step, person__in=self.people.values())
        shift(Lease, step)
        if any(held.until for held in self.roles.values()):
            shift(Assignment, step, person__in=self.people.values())
        self.seam.shift(step)
        if self.told:
            shift(EventsRead, step)
            shift(SeamEvent, step, device__in=self.doors.values())
            shift(Device, step, pk__in=[door.pk for door in self.doors.values()])
        self.offset += seconds

    # -- pressing ------------------------------------------------------------------------------

    def open_page(self, who: str, door: str, *, action: str = "unlock") -> Tab:
        """The page of one door in one person's browser, with a finger on one of its buttons."""
        device = Device.objects.get(pk=self.doors[door].pk)
        token = issue_token(person=self.people[who], device=device, action=action)
        tab = Tab(who, door, signing.loads(token, salt=SALT), self.now, device.label, action)
        self.told = self.told or action == "lock"  # a lock that confirms is noted at its door
        self.tabs.append(tab)
        return tab

    def press(
        self,
        who: str,
        door: str,
        *,
        tab: Tab | None = None,
        finger: Finger = Finger(),
        plan: Plan | None = None,
        fault: AbstractContextManager[object] | None = None,
    ) -> PressResult | None:
        """Press, and hold what comes back against what must. `fault` surrounds the service alone.

        None: the door is not theirs to know, or no answer came back.
        """
        tab = tab or self.open_page(who, door)
        device = Device.objects.get(pk=self.doors[door].pk)
        person = User.objects.get(pk=self.people[who].pk)
        if plan is not None:
            self.plans[device.seam_device_id] = plan
        never = self._never(who, door, tab, finger)
        rows = self._rows(door)
        must = None if fault else self._must(who, door, tab, finger, rows)
        before = {row.pk for row in rows}
        form = self._form(tab, finger, rows)
        result, alive = None, False
        own, used_before = (tab.who, tab.door) == (who, door) and not finger.forged, tab.used
        if own:  # for who presses with it meanwhile
            tab.used, tab.uncertain = True, fault is not None
        try:
            with fault or nullcontext():
                result = SERVICES[tab.action](actor=person, device=device, form=form)
                alive = True
        except DoorUnknown:
            alive = True
        except DatabaseLost as lost:
            self._told_truly(lost, form, before, door)
        self.plans.pop(device.seam_device_id, None)
        if own:
            tab.used, tab.uncertain = used_before or alive, not alive
        new = result.press.request if result and not result.repeated else None
        sent = new is not None and result.press.verdict == Verdict.SENT and new.pk not in before
        if never and not fault:
            assert not sent, f"{who} at {door}: sent, and must never be"
        if never is Never.MAY_NOT:
            theirs = {row.pk for row in self._rows(door) if row.requested_by_id == person.pk}
            assert theirs <= before, f"{who} may not, and {door} was asked to {tab.action}"
        assert must is None or sent is must, f"{who} at {door}: sent {sent}, expected {must}"
        if sent:
            self._answer_kept(new)
        return result

    def _told_truly(self, lost: DatabaseLost, form: PressForm, before: set[int], door: str) -> None:
        """What a clerk reads where the database went away is true."""
        new = [row for row in self._rows(door) if row.pk not in before]
        posted = [one for row in new for one in self.seam.asked_for(row.pk)]
        assert not (isinstance(lost, NothingSent) and posted), "it said that nothing was sent"

    def press_stalled(self, who: str, door: str, line: int) -> None:
        """The process stands still at that line until it is too late: G3."""
        left, went_on = 0.05, []

        def stand_still() -> None:
            wait_past(time.time() + left)
            went_on.append(time.time())

        finger = Finger(age=settings.UNLOCK_SEND_TIMEOUT - left)
        posted = len(self.seam.posted)
        self.press(who, door, finger=finger, fault=AtLine(line, stand_still))
        for late in self.seam.posted[posted:]:
            assert not went_on or late.at < went_on[0], "G3: sent after send_by"

    def press_in_vain(self, who: str, door: str) -> None:
        """Nobody listens at Seam's address: surely not sent. (With little time left to try again.)"""
        posted = len(self.seam.posted)
        with override_settings(SEAM_ENDPOINT=self.nowhere):
            self.press(who, door, finger=Finger(age=settings.UNLOCK_SEND_TIMEOUT - 0.09))
        assert len(self.seam.posted) == posted

    def press_twice_at_once(self, who: str, other: str, door: str, *, same_token: bool) -> None:
        """Two fingers, or one that clicks twice: two threads, as in a web process."""
        tab, posted = self.open_page(who, door), len(self.seam.posted)
        tabs = (tab, tab if same_token else self.open_page(other, door))
        self.at_once([self._bare_press(one) for one in tabs])
        assert len(self.seam.posted) - posted <= 1, "G2: two POSTs of two presses at once"

    def at_once(self, actions: list[Callable[[], object]]) -> None:
        """All of these in threads of their own, as in a web process; none may break on another."""
        problems: list[BaseException] = []
        start = threading.Barrier(len(actions))

        def run(action: Callable[[], object]) -> None:
            try:
                start.wait(PATIENCE)
                action()
            except BaseException as problem:
                problems.append(problem)
            finally:
                connection.close()

        threads = [threading.Thread(target=run, args=(action,)) for action in actions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert problems == []

    def presses_at_once(self, who: str, other: str, door: str) -> dict[str, Callable[[], object]]:
        """A press of each on one door, to be run in threads."""
        tabs = {name: self.open_page(name, door) for name in (who, other)}
        return {name: self._bare_press(tab) for name, tab in tabs.items()}

    def press_lock_in_a_thread(self, who: str, door: str) -> Callable[[], object]:
        """A press on Lock, to be run in a thread."""
        return self._bare_press(self.open_page(who, door, action="lock"))

    def _bare_press(self, tab: Tab) -> Callable[[], object]:
        """Press, where nobody can say what must come of it."""
        tab.used = True
        form = self._form(tab, Finger(), self._rows(tab.door))

        def press() -> None:
            with suppress(DoorUnknown):
                SERVICES[tab.action](
                    actor=User.objects.get(pk=self.people[tab.who].pk),
                    device=Device.objects.get(pk=self.doors[tab.door].pk),
                    form=form,
                )

        return press

    def _form(self, tab: Tab, finger: Finger, rows: list[UnlockRequest]) -> PressForm:
        page_age = self.now - tab.made_at
        if finger.script:
            page_age += finger.age + finger.slept
        else:
            page_age = max(page_age, finger.age)
        since = page_age - finger.age
        content = {**tab.content, "t": time.time() - page_age}
        unlocks = [row for row in rows if row.action == "unlock"]
        unknown = unlocks[0].pk if unlocks and unlocks[0].status == "unknown" else None
        return PressForm(
            token=finger.forged or signing.dumps(content, salt=SALT),
            elapsed=(since, since - finger.slept) if finger.script else None,
            reason="Lost key" if finger.reason else "",
            identified_by="id_seen" if finger.reason else "",
            named=self._label(tab.door),  # the guard against the wrong door has tests of its own
            again=unknown if finger.again else None,
            break_glass=finger.glass,
        )

    def _label(self, door: str) -> str:
        return Device.objects.values_list("label", flat=True).get(pk=self.doors[door].pk)

    def _rows(self, door: str) -> list[UnlockRequest]:
        """Those of the door in its present building, newest first."""
        place = self.place_of[door]
        rows = UnlockRequest.objects.filter(
            device=self.doors[door], building=self.buildings[place] if place else None
        )
        return list(rows.order_by("-requested_at", "-pk"))

    def may(self, who: str, door: str, action: str = "unlock") -> bool | None:
        """Whether this person may unlock this door now, or lock it; None on the edge of a role's end."""
        place = self.place_of[door]
        held = self.roles.get((who, place or ""))
        if held is None or who in self.inactive or self.unusable[door]:
            return False
        frozen = place in self.frozen or door in self.frozen_doors
        if action == "unlock" and (frozen or held.closed):
            return False
        if held.until is not None and abs(held.until - self.now) < 2:
            return None
        return held.until is None or self.now < held.until

    def _never(self, who: str, door: str, tab: Tab, finger: Finger) -> Never | None:
        """Why this press is never to be sent, whatever goes on beside it."""
        if self.may(who, door, tab.action) is False:
            return Never.MAY_NOT
        if finger.forged or (tab.who, tab.door) != (who, door):
            return Never.TOKEN
        if tab.used and not tab.uncertain:
            return Never.TOKEN
        if self._label(door) != tab.label:
            return Never.TOKEN
        if self._age(tab, finger) >= settings.UNLOCK_SEND_TIMEOUT:
            return Never.LATE
        asks = door in self.private and tab.action == "unlock"
        return Never.REASON if asks and not finger.reason else None

    def _age(self, tab: Tab, finger: Finger) -> float:
        """Seconds since the finger moved, by the larger estimate."""
        if finger.script:
            return finger.age + finger.slept
        return max(finger.age, self.now - tab.made_at)

    def _must(
        self, who: str, door: str, tab: Tab, finger: Finger, rows: list[UnlockRequest]
    ) -> bool | None:
        """Whether this press is to be sent: by the promises, not by the code; None: either is fine."""
        if self._never(who, door, tab, finger):
            return False
        yes = True if self.may(who, door, tab.action) and not tab.uncertain else None
        age = self._age(tab, finger)
        if not rows:
            return yes
        if any(row.is_open for row in rows):
            return False
        latest = rows[0]
        unlocks = [row.status for row in rows if row.action == "unlock"]
        if tab.action == "unlock" and unlocks[:1] == ["unknown"] and not finger.again:
            return False
        if latest.status == "unknown":
            return yes
        assert latest.ended_at is not None
        since = (timezone.now() - latest.ended_at).total_seconds()
        alike = latest.action == tab.action
        shared = alike and latest.presses.filter(person=self.people[who]).exists()
        edge = abs(age - since) < 0.5 or (shared and 1.5 < since < 2.5)
        if edge or any(row.code == "rate_limited" for row in rows):
            return None  # on an edge; or Seam has just said that it is too much for this door
        return False if since < age or (shared and since < 2) else yes

    def _answer_kept(self, row: UnlockRequest) -> None:
        """A sender that lives never loses its answer, whoever swept or joined meanwhile."""
        row.refresh_from_db()
        posted = self.seam.asked_for(row.pk)
        if not posted:
            assert row.code in ("not_sent", "sent_too_late"), f"{row.pk}: {row.status}, {row.code}"
            return
        manner, made = MANNERS[posted[-1].manner], posted[-1].attempt
        outcome = outcome_of(manner, row.action)
        if manner.outcome == "pending":
            assert row.action_attempt_id == made.attempt_id, f"{row.pk} lost its attempt"
            allowed = {"pending", "unlocked", "locked", "failed", "unknown"}
        else:
            allowed = {row.outcome} if made.resolved_early else {outcome}
        assert row.outcome in allowed or row.status in allowed, f"{row.pk}: {row.outcome}"

    # -- what goes on beside it ----------------------------------------------------------------

    def sweep(self) -> None:
        """What beat and every web process do each 5 s: nobody within their bounds is ended."""
        soon = timezone.now() + dt.timedelta(seconds=1)
        grace = following.GRACE
        sheltered = {
            row.pk: row.status
            for row in UnlockRequest.objects.filter(building__in=self.buildings.values()).open()
            # A sender may be alive for a while yet; an attempt that is looked at then is not.
            if (row.call_deadline + grace if row.status == "sending" else row.resolve_by) > soon
        }
        sweeping.sweep(for_seconds=0)
        for row in UnlockRequest.objects.filter(pk__in=sheltered):
            ended = row.status == "unknown" and row.code in ("interrupted", "no_outcome")
            assert not ended, f"G5: {row.pk} was {sheltered[row.pk]}, and ended before its bound"

    def follow(self, after: float = 0.2) -> None:
        """One look at the attempts that are due `after` so many seconds."""
        self.jump(after)
        following.follow(for_seconds=0)

    def past_bounds(self) -> None:
        """Time passes, one sweep comes: G5."""
        self.jump(settings.UNLOCK_RESOLVE_TIMEOUT + settings.UNLOCK_SEND_TIMEOUT + 30)
        sweeping.sweep(for_seconds=0)
        self.book.nothing_is_open()

    def pending_attempts(self) -> list[Attempt]:
        """Those that the locks have not answered yet."""
        return [made for made in self.seam.attempts.values() if made.status == "pending"]

    def finish(self) -> None:
        """The end of an example: all bounds pass, the truth comes, and everything is as promised."""
        self.seam.reads_fail = False
        self.past_bounds()
        self.book.look()
        for made in self.pending_attempts():
            self.seam.resolve(made, "success", confirmed=True)
        self.follow(after=1900)
        self.sweep()
        for row in self.book.look():
            made = self.seam.attempts.get(row.action_attempt_id)
            young = timezone.now() - row.requested_at < dt.timedelta(hours=20)
            if made and made.listed and young:
                assert row.status != "unknown", f"{row.pk}: the truth is there, nobody asked for it"
        self.book.chains_are_whole()
        waiting = SeamEvent.objects.filter(device__in=self.doors.values(), waiting=True)
        assert not waiting.exists(), "G7: an unlock at the door is still not on the record"
        UnlockRequest.objects.filter(next_look_at__isnull=False).update(next_look_at=None)

    # -- what managers and Seam change ---------------------------------------------------------

    def _try(self, change: Callable[..., object], **arguments: Any) -> bool:
        try:
            change(actor=self.people["boss"], **arguments)
        except (NotAllowed, ValidationError):
            return False
        return True

    def _role(self, who: str, where: str) -> Assignment | None:
        return Assignment.objects.filter(
            person=self.people[who],
            building=self.buildings[where],
            role=Role.FRONT_DESK,
            revoked_at=None,
        ).first()

    def grant(self, who: str, where: str, *, seconds: float | None = None) -> None:
        """Let somebody unlock, for good or for so long."""
        end = None if seconds is None else timezone.now() + dt.timedelta(seconds=seconds)
        if self._try(
            staffing.grant_role,
            person=self.people[who],
            building=self.buildings[where],
            role=Role.FRONT_DESK,
            terms=Terms(valid_until=end),
        ):
            until = None if seconds is None else self.now + seconds
            self.roles[who, where] = Held(until=until)

    def revoke(self, who: str, where: str) -> None:
        """Take that away."""
        held = self._role(who, where)
        if held and self._try(staffing.revoke_role, assignment=held):
            self.roles.pop((who, where))

    def set_hours(self, who: str, where: str, *, closed: bool) -> None:
        """Weekly hours that cover now, or a day that is not today."""
        held = self._role(who, where)
        if held is None:
            return
        day = (timezone.now().isoweekday() + 2) % 7 + 1
        hours = [{"days": [day], "from": "12:00", "until": "12:01"}] if closed else []
        terms = replace(Terms.of(held), weekly_hours=hours)
        if self._try(staffing.change_role, assignment=held, terms=terms):
            self.roles[who, where].closed = closed

    def set_active(self, who: str, *, active: bool) -> None:
        """Close an account, or open it again."""
        changes = {"is_active": active}
        if self._try(staffing.change_person, person=self.people[who], changes=changes):
            (self.inactive.discard if active else self.inactive.add)(who)

    def freeze(self, where: str) -> None:
        if self._try(
            freezing.freeze_building, building=self.buildings[where], reason="Fire alarm test."
        ):
            self.frozen.add(where)

    def release(self, where: str) -> None:
        if self._try(freezing.release_building, building=self.buildings[where]):
            self.frozen.discard(where)

    def freeze_door(self, door: str) -> None:
        if self._try(freezing.freeze_door, device=self.doors[door], reason="Lock being changed."):
            self.frozen_doors.add(door)

    def release_door(self, door: str) -> None:
        if self._try(freezing.release_door, device=self.doors[door]):
            self.frozen_doors.discard(door)

    def rename(self, door: str) -> None:
        self._try(
            places.change_door,
            device=self.doors[door],
            changes={"label": f"{door} {next(_numbers)}"},
        )

    def set_access(self, door: str, *, private: bool) -> None:
        changes = {"access": "private" if private else "common"}
        if self._try(places.change_door, device=self.doors[door], changes=changes):
            (self.private.add if private else self.private.discard)(door)

    def move(self, door: str, where: str | None) -> None:
        """Put a door into another building, or none; never while it is being unlocked."""
        under_way = UnlockRequest.objects.filter(device=self.doors[door]).open().exists()
        building = self.buildings[where] if where else None
        if self._try(places.assign_door, device=self.doors[door], building=building):
            moved = self.place_of[door] != where
            assert not (moved and under_way), "a door was moved during an unlock"
            self.place_of[door] = where
            if moved:
                self.private.add(door)

    def lose(self, door: str) -> None:
        """Seam lists the door no more."""
        mirroring.mark_gone(self.doors[door])
        self.unusable[door].add("gone")

    def deliver(self, which: int, times: int) -> None:
        """Svix brings one of Seam's events: late, again, before an earlier one."""
        if self.seam.events:
            self.told = True
            event = self.seam.events[-1 - which % len(self.seam.events)]
            assert [deliver(SVIX, event) for _ in range(times)] == [204] * times

    def catch_up(self) -> None:
        """What the receiver missed is read from Seam's list."""
        self.told = True
        with suppress(ServiceError):  # Seam cannot be read, or another is at it
            catching_up.catch_up_events()

    def turned_by_hand(self) -> None:
        """Each unlock by code or by hand that Seam told of is on the record, once."""
        if not self.told:
            return
        doors = self.doors.values()
        moves = SeamEvent.objects.filter(event_type="lock.unlocked", device__in=doors)
        events = AuditEvent.objects.filter(kind=Kind.LOCK_UNLOCKED, device__in=doors)
        told = [event.detail.content["method"] for event in events.select_related("detail")]
        for method in BY_HAND:
            assert told.count(method) == moves.filter(method=method).count(), f"G7: {method}"

    def list_again(self, door: str, *, remote: bool = True) -> None:
        """Seam lists the door, and says whether it can be unlocked and locked from afar."""
        can = {"can_remotely_unlock": remote, "can_remotely_lock": remote}
        lock = Lock(self.doors[door].seam_device_id, name=door, **can)
        mirroring.save_lock(lock, workspace_id="")
        self.unusable[door] = set() if remote else {"not_remote"}
