"""The machine: random interleavings of all that happens at a desk, with G1 to G7 held after every step.

A rule names what happens; machine_world does it; machine_checks holds the promises. Each example has
buildings, doors and people of its own in one database, because what services commit stays.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from locks.services import following, sweeping
from locks.tests.machine_faults import AtLine, database_lost, killed_at
from locks.tests.machine_seam import MANNERS, MAY_STILL_ACT, NOTHING_MOVED, KnowingSeam, Plan
from locks.tests.machine_world import BY_HAND, DAY, DOORS, PEOPLE, STAFF, Finger, Tab, World

who = st.sampled_from(("clerk", "clerk", "clerk", "colleague", *PEOPLE))
clerks = st.sampled_from(("clerk", "colleague"))
door = st.sampled_from(("front", "front", *DOORS))
staff = st.sampled_from(tuple(STAFF))
building = st.sampled_from(("north", "south"))
button = st.sampled_from(("unlock", "unlock", "lock"))
# More of what most often leads on.
manner = st.sampled_from(("pending", "pending", "confirmed", "hangs up", *MANNERS))
# A press runs through some 140 lines of the services; counted in test_state_machine.
line = st.integers(1, 220)
rarely_not = st.sampled_from((True, True, True, False))
BESIDE = (
    "sweep",
    "follow",
    "colleague",
    "colleague locks",
    "same token",
    "revoke",
    "freeze",
    "freeze door",
    "move",
    "rename",
    "gone",
)
AT_ONCE = (
    "sweep",
    "follow",
    "lock",
    "revoke",
    "freeze",
    "freeze door",
    "move",
    "rename",
    "gone",
    "tell",
    "tell again",
    "catch up",
)
# Only while Seam has the call: the promise on lateness is kept by a clock that no row moves.
LATER = ("past bounds", "resolve", "colleague again", "an hour")


class FrontDesk(RuleBasedStateMachine):
    """One example is one life of two buildings."""

    seam: ClassVar[KnowingSeam]
    nowhere: ClassVar[str]  # an address where nobody listens

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.seam, self.nowhere)

    def teardown(self) -> None:
        self.world.finish()

    @invariant()
    def the_promises_hold(self) -> None:
        self.world.book.look()
        self.world.turned_by_hand()

    # -- presses -------------------------------------------------------------------------------

    def _plan(self, manner: str, took: bool, **more: Any) -> Plan:
        owned = [row.action_attempt_id for row in self.world.book.rows if row.action_attempt_id]
        known = [name for name in owned if name in self.seam.attempts]
        if manner == "used id" and not known:
            manner = "pending"
        return Plan(manner, took, stolen_id=known[-1] if known else "", **more)

    def _tab(self, which: int) -> Tab | None:
        tabs = self.world.tabs
        return tabs[-1 - which % len(tabs)] if tabs else None

    @rule(
        who=who,
        door=door,
        manner=manner,
        took=st.booleans(),
        reason=rarely_not,
        again=rarely_not,
        glass=st.booleans(),
    )
    def press(
        self, who: str, door: str, manner: str, took: bool, reason: bool, again: bool, glass: bool
    ) -> None:
        finger = Finger(reason=reason, again=again, glass=glass)
        self.world.press(who, door, finger=finger, plan=self._plan(manner, took))

    @rule(who=who, door=door, manner=manner, took=st.booleans())
    def press_lock(self, who: str, door: str, manner: str, took: bool) -> None:
        tab = self.world.open_page(who, door, action="lock")
        self.world.press(who, door, tab=tab, plan=self._plan(manner, took))

    @rule(who=clerks, door=door, manner=manner)
    def press_again_at_once(self, who: str, door: str, manner: str) -> None:
        self.world.press(who, door, plan=self._plan(manner, True))
        self.world.press(who, door)

    @rule(
        who=clerks,
        door=door,
        age=st.sampled_from((0.0, 3.0, 8.0, 10.5, 60.0)),
        script=st.booleans(),
        slept=st.sampled_from((0.0, 0.0, 4.0, 3600.0)),
    )
    def press_from_afar(self, who: str, door: str, age: float, script: bool, slept: float) -> None:
        self.world.press(who, door, finger=Finger(age=age, script=script, slept=slept))

    @rule(who=clerks, door=door, button=button)
    def open_page(self, who: str, door: str, button: str) -> None:
        self.world.open_page(who, door, action=button)

    @precondition(lambda self: self.world.tabs)
    @rule(which=st.integers(0, 3), manner=manner, script=st.booleans())
    def press_on_an_open_page(self, which: int, manner: str, script: bool) -> None:
        tab = self._tab(which)
        if tab:
            plan, finger = self._plan(manner, True), Finger(script=script)
            self.world.press(tab.who, tab.door, tab=tab, finger=finger, plan=plan)

    @precondition(lambda self: self.world.tabs)
    @rule(which=st.integers(0, 3), who=who, door=door)
    def press_with_a_token_of_another(self, which: int, who: str, door: str) -> None:
        self.world.press(who, door, tab=self._tab(which))

    @rule(who=who, door=door, forged=st.sampled_from(("forged", "a:b:c", "\x00")))
    def press_with_a_forged_token(self, who: str, door: str, forged: str) -> None:
        self.world.press(who, door, finger=Finger(forged=forged))

    @rule(who=clerks, other=who, door=door, same_token=st.booleans())
    def press_twice_at_once(self, who: str, other: str, door: str, same_token: bool) -> None:
        self.world.press_twice_at_once(who, other, door, same_token=same_token)

    # -- presses that meet a fault -------------------------------------------------------------

    @rule(who=clerks, door=door, button=button, manner=manner, took=st.booleans(), line=line)
    def press_and_die(
        self, who: str, door: str, button: str, manner: str, took: bool, line: int
    ) -> None:
        tab, plan = self.world.open_page(who, door, action=button), self._plan(manner, took)
        self.world.press(who, door, tab=tab, plan=plan, fault=killed_at(line))

    @rule(who=clerks, door=door, manner=manner, statement=st.integers(1, 30))
    def press_and_lose_the_database(self, who: str, door: str, manner: str, statement: int) -> None:
        plan, fault = self._plan(manner, True), database_lost(statement, 1)
        self.world.press(who, door, plan=plan, fault=fault)

    @rule(who=clerks, door=door, line=line)
    def press_and_stall(self, who: str, door: str, line: int) -> None:
        self.world.press_stalled(who, door, line)

    @rule(who=clerks, door=door)
    def press_in_vain(self, who: str, door: str) -> None:
        self.world.press_in_vain(who, door)

    @rule(
        who=clerks,
        door=door,
        manner=manner,
        line=line,
        beside=st.lists(st.sampled_from(BESIDE), min_size=1, max_size=3),
    )
    def press_with_others_between_its_lines(
        self, who: str, door: str, manner: str, line: int, beside: list[str]
    ) -> None:
        tab = self.world.open_page(who, door)
        fault = AtLine(line, self._beside(tab, beside), outside=True)
        self.world.press(who, door, tab=tab, plan=self._plan(manner, True), fault=fault)

    @rule(
        who=clerks,
        door=door,
        button=button,
        manner=manner,
        took=st.booleans(),
        beside=st.lists(st.sampled_from(BESIDE + LATER), min_size=1, max_size=3),
    )
    def press_with_others_during_the_call(
        self, who: str, door: str, button: str, manner: str, took: bool, beside: list[str]
    ) -> None:
        tab = self.world.open_page(who, door, action=button)
        plan = self._plan(manner, took, meanwhile=self._beside(tab, beside))
        self.world.press(who, door, tab=tab, plan=plan)

    @rule(
        door=door,
        others=st.lists(st.sampled_from(AT_ONCE), min_size=1, max_size=4, unique=True),
        manner=manner,
    )
    def all_at_once(self, door: str, others: list[str], manner: str) -> None:
        world = self.world
        world.plans[world.doors[door].seam_device_id] = self._plan(manner, True)
        beside: dict[str, Callable[[], object]] = {
            "sweep": lambda: sweeping.sweep(for_seconds=0),
            "follow": lambda: following.follow(for_seconds=0),
            "lock": world.press_lock_in_a_thread("clerk", door),
            "revoke": lambda: world.revoke("clerk", "north"),
            "freeze": lambda: world.freeze("north"),
            "freeze door": lambda: world.freeze_door(door),
            "move": lambda: world.move(door, "south"),
            "rename": lambda: world.rename(door),
            "gone": lambda: world.lose(door),
            "tell": lambda: world.deliver(0, 2),
            "tell again": lambda: world.deliver(0, 2),
            "catch up": world.catch_up,
        }
        presses = world.presses_at_once("clerk", "colleague", door)
        world.at_once([*presses.values(), *(beside[name] for name in others)])
        world.plans.clear()

    def _beside(self, tab: Tab, what: list[str]) -> Callable[[], None]:
        world, other = self.world, "colleague" if tab.who == "clerk" else "clerk"
        actions: dict[str, Callable[[], object]] = {
            "sweep": world.sweep,
            "follow": lambda: world.follow(after=0),
            "colleague": lambda: world.press(other, tab.door, finger=Finger(again=False)),
            "colleague locks": lambda: world.press(
                other, tab.door, tab=world.open_page(other, tab.door, action="lock")
            ),
            "colleague again": lambda: world.press(other, tab.door),
            "same token": lambda: world.press(tab.who, tab.door, tab=tab),
            "revoke": lambda: world.revoke(tab.who, "north"),
            "freeze": lambda: world.freeze("north"),
            "freeze door": lambda: world.freeze_door(tab.door),
            "move": lambda: world.move(tab.door, "south"),
            "rename": lambda: world.rename(tab.door),
            "gone": lambda: world.lose(tab.door),
            "past bounds": world.past_bounds,
            "resolve": lambda: self._resolve(0, "success", "", True),
            "an hour": lambda: world.jump(3600),
            "tell": lambda: world.deliver(0, 2),
            "catch up": world.catch_up,
        }

        def act() -> None:
            for name in what:
                actions[name]()

        return act

    # -- what Seam comes to --------------------------------------------------------------------

    def _resolve(self, which: int, status: str, error_type: str, confirmed: bool | None) -> None:
        waiting = self.world.pending_attempts()
        if waiting:
            made = waiting[-1 - which % len(waiting)]
            facts = {"confirmed": confirmed} if status == "success" else {"error_type": error_type}
            self.seam.resolve(made, status, **facts)

    @rule(which=st.integers(0, 3), confirmed=st.sampled_from((True, False, None)))
    def a_lock_unlocks(self, which: int, confirmed: bool | None) -> None:
        self._resolve(which, "success", "", confirmed)

    @rule(which=st.integers(0, 3), error_type=st.sampled_from(NOTHING_MOVED + MAY_STILL_ACT))
    def a_lock_fails(self, which: int, error_type: str) -> None:
        self._resolve(which, "error", error_type, None)

    @rule(which=st.integers(0, 3), status=st.sampled_from(("success", "error", "pending")))
    def an_attempt_turns_after_its_end(self, which: int, status: str) -> None:
        ended = [made for made in self.seam.attempts.values() if made.status != "pending"]
        if ended:
            ended[-1 - which % len(ended)].turn(status, error_type="lock_jammed")

    @rule(which=st.integers(0, 3), listed=st.booleans())
    def an_attempt_vanishes_or_comes_back(self, which: int, listed: bool) -> None:
        made = list(self.seam.attempts.values())
        if made:
            made[-1 - which % len(made)].listed = listed

    @rule(door=door)
    def another_program_unlocks(self, door: str) -> None:
        self.seam.unlock_elsewhere(self.world.doors[door].seam_device_id)

    @rule(door=door, locks=st.booleans(), method=st.sampled_from(BY_HAND))
    def somebody_turns_the_lock(self, door: str, locks: bool, method: str) -> None:
        kind = "lock.locked" if locks else "lock.unlocked"
        self.seam.turn_by_hand(self.world.doors[door].seam_device_id, kind, method=method)
        self.world.deliver(0, 1)

    @rule(which=st.integers(0, 5), times=st.integers(1, 2))
    def seam_tells_of_it(self, which: int, times: int) -> None:
        self.world.deliver(which, times)

    @rule()
    def missed_events_are_read(self) -> None:
        self.world.catch_up()

    @rule(fail=st.booleans(), filters=st.booleans())
    def seam_reads_badly_or_well(self, fail: bool, filters: bool) -> None:
        self.seam.reads_fail, self.seam.filters_by_device = fail, filters

    # -- followers, sweeps, time ---------------------------------------------------------------

    @rule(after=st.sampled_from((0.0, 0.2, 0.2, 3.0, 40.0)))
    def follow(self, after: float) -> None:
        self.world.follow(after)

    @rule()
    def sweep(self) -> None:
        self.world.sweep()

    @rule(line=st.integers(1, 120), after=st.sampled_from((0.2, 3.0, 60.0)))
    def die_while_sweeping(self, line: int, after: float) -> None:
        self.world.jump(after)
        with killed_at(line):
            self.world.sweep()

    @rule()
    def all_bounds_pass(self) -> None:
        self.world.past_bounds()

    @rule(seconds=st.sampled_from((1.0, 2.6, 11.0, 19.0, 33.0, 61.0, 3600.0, DAY, -1.0, -20.0)))
    def the_clock_jumps(self, seconds: float) -> None:
        self.world.jump(seconds)

    # -- who may, and where --------------------------------------------------------------------

    @rule(who=st.sampled_from(PEOPLE), where=building, seconds=st.sampled_from((None, 50.0)))
    def grant(self, who: str, where: str, seconds: float | None) -> None:
        self.world.grant(who, where, seconds=seconds)

    @rule(who=staff, where=building)
    def revoke(self, who: str, where: str) -> None:
        self.world.revoke(who, where)

    @rule(who=staff, where=building, closed=st.booleans())
    def set_hours(self, who: str, where: str, closed: bool) -> None:
        self.world.set_hours(who, where, closed=closed)

    @rule(who=staff, active=st.booleans())
    def set_active(self, who: str, active: bool) -> None:
        self.world.set_active(who, active=active)

    @rule(where=building)
    def freeze(self, where: str) -> None:
        self.world.freeze(where)

    @rule(where=building)
    def release(self, where: str) -> None:
        self.world.release(where)

    @rule(door=door, frozen=st.booleans())
    def freeze_door(self, door: str, frozen: bool) -> None:
        (self.world.freeze_door if frozen else self.world.release_door)(door)

    @rule(door=door, private=st.booleans())
    def change_door(self, door: str, private: bool) -> None:
        self.world.rename(door)
        self.world.set_access(door, private=private)

    @rule(door=door, where=st.sampled_from(("north", "south", None)))
    def move_door(self, door: str, where: str | None) -> None:
        self.world.move(door, where)

    @rule(door=door)
    def seam_lists_the_door_no_more(self, door: str) -> None:
        self.world.lose(door)

    @rule(door=door, remote=rarely_not)
    def seam_lists_the_door(self, door: str, remote: bool) -> None:
        self.world.list_again(door, remote=remote)
