"""A press on Lock: the road of every press, with the same promises, and never counted as an unlock."""

import datetime as dt
from dataclasses import dataclass

import pytest
from django.core import signing
from django.db import IntegrityError, transaction
from django.utils import timezone

from locks.models import (
    AuditEvent,
    Building,
    Device,
    Press,
    Role,
    SeamEvent,
    Source,
    UnlockRequest,
    User,
)
from locks.seam import Event
from locks.services import events, following, settling, unlocking
from locks.services.errors import DoorUnknown
from locks.services.presses import PressForm, PressResult
from locks.services.refusing import record_repeats
from locks.services.tokens import issue_token
from locks.services.unlocking import request_lock, request_unlock
from locks.simulator import Simulator
from locks.tests.deliveries import event_json
from locks.tests.factories import grant, make_building, make_device, make_user, request_of
from locks.tests.servers import until

pytestmark = pytest.mark.django_db(transaction=True)
DOOR = "harbour-main-entrance"


@dataclass
class Desk:
    """A clerk at a door of the simulator, and its two buttons."""

    sim: Simulator
    clerk: User
    door: Device

    def lock(self, *, by: User | None = None, token: str = "", **form) -> PressResult:
        person = by or self.clerk
        token = token or issue_token(person=person, device=self.door, action="lock")
        return request_lock(actor=person, device=self.door, form=PressForm(token=token, **form))

    def unlock(self, *, by: User | None = None, token: str = "", **form) -> PressResult:
        person = by or self.clerk
        token = token or issue_token(person=person, device=self.door)
        return request_unlock(actor=person, device=self.door, form=PressForm(token=token, **form))

    @property
    def asked(self) -> tuple[int, int]:
        """How often Seam was asked to unlock, and to lock."""
        return self.sim.posts(DOOR), self.sim.locks_asked(DOOR)


@pytest.fixture
def desk(simulator: Simulator) -> Desk:
    house = make_building("Harbour House")
    clerk = make_user("clerk", name="Clerk")
    grant(clerk, house)
    simulator.behave(DOOR, "instant")
    door = make_device(house, seam_device_id=DOOR, label="Main entrance", workspace_id="")
    return Desk(simulator, clerk, door)


def kinds() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("kind", flat=True))


def followed(result: PressResult) -> UnlockRequest:
    following.follow()
    assert result.press.request is not None
    result.press.request.refresh_from_db()
    return result.press.request


def test_it_is_recorded_sent_once_and_followed_to_the_end(desk: Desk) -> None:
    result = desk.lock(address="10.1.2.3")
    assert result.press.action == "lock"
    request = followed(result)
    assert (request.action, request.status) == ("lock", "locked")
    assert request.outcome == request.outcome_value == "locked_confirmed"
    assert desk.asked == (0, 1)
    assert kinds() == ["relock.requested", "relock.pending", "relock.locked"]
    told = AuditEvent.objects.get(kind="relock.locked").told()
    assert (told["confirmed_by_device"], told["person"]) == (True, "Clerk")


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        ("unconfirmed", "locked_unconfirmed"),
        ("silent", "locked_unsaid"),
        ("jammed", "lock_failed_may_act"),
        ("offline", "lock_failed"),
        ("unavailable", "lock_unknown"),
        ("hangs_up", "lock_unknown"),
    ],
)
def test_it_tells_each_outcome_as_it_is(desk: Desk, behaviour: str, outcome: str) -> None:
    desk.sim.behave(DOOR, behaviour)
    request = followed(desk.lock())
    assert request.outcome == request.outcome_value == outcome
    assert desk.asked == (0, 1)


def test_a_used_token_returns_its_old_verdict_and_sends_nothing(desk: Desk) -> None:
    token = issue_token(person=desk.clerk, device=desk.door, action="lock")
    first = desk.lock(token=token)
    again = desk.lock(token=token)
    assert (again.press, again.repeated) == (first.press, True)
    assert desk.asked == (0, 1)


def test_a_token_of_one_button_is_none_of_the_other(desk: Desk) -> None:
    unlocks = issue_token(person=desk.clerk, device=desk.door)
    locks = issue_token(person=desk.clerk, device=desk.door, action="lock")
    assert desk.lock(token=unlocks).press.code == "bad_token"
    assert desk.unlock(token=locks).press.code == "bad_token"
    assert desk.asked == (0, 0)


def test_a_late_press_is_refused_and_sends_nothing(desk: Desk) -> None:
    made = timezone.now().timestamp() - 11
    content = {"p": desk.clerk.pk, "d": desk.door.pk, "n": "0" * 32, "t": made, "a": "lock"}
    press = desk.lock(token=signing.dumps(content, salt="locks.press")).press
    assert (press.action, press.code) == ("lock", "too_late")
    assert desk.asked == (0, 0)
    assert kinds() == ["relock.refused"]


def test_a_second_clerk_who_presses_lock_joins(desk: Desk) -> None:
    other = make_user("other")
    grant(other, desk.door.building)
    desk.sim.hold(DOOR)
    first, second = desk.lock(), desk.lock(by=other)
    assert (second.press.verdict, second.press.request) == ("joined", first.press.request)
    assert desk.asked == (0, 1)
    assert kinds()[-1] == "relock.joined"


def test_for_two_seconds_after_its_end_the_same_press_joins_it(desk: Desk) -> None:
    first = followed(desk.lock())
    assert desk.lock().press.request == first
    assert desk.asked == (0, 1)


@pytest.mark.parametrize(("first", "second"), [("unlock", "lock"), ("lock", "unlock")])
def test_one_button_is_refused_while_the_other_is_under_way(
    desk: Desk, first: str, second: str
) -> None:
    desk.sim.hold(DOOR)
    getattr(desk, first)()
    asked = desk.asked
    press = getattr(desk, second)().press
    assert (press.verdict, press.code) == ("refused", f"{first}_under_way")
    assert desk.asked == asked
    desk.sim.release(DOOR)
    following.follow()
    other = getattr(desk, second)().press
    assert other.verdict == "sent"


def test_one_that_moved_before_the_other_ended_and_was_held_up_is_refused(desk: Desk) -> None:
    followed(desk.unlock())
    made = timezone.now().timestamp() - 5
    content = {"p": desk.clerk.pk, "d": desk.door.pk, "n": "0" * 32, "t": made, "a": "lock"}
    press = desk.lock(token=signing.dumps(content, salt="locks.press")).press
    assert press.code == "unlock_under_way"
    assert desk.asked == (1, 0)


def test_the_database_holds_one_open_request_a_door_over_both(desk: Desk) -> None:
    request_of(desk.door, desk.clerk, "pending", ago=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        request_of(desk.door, desk.clerk, "pending", ago=2, action="lock")


@pytest.mark.parametrize(("action", "status"), [("lock", "unlocked"), ("unlock", "locked")])
def test_the_database_refuses_an_end_of_the_other_button(
    desk: Desk, action: str, status: str
) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        request_of(desk.door, desk.clerk, status, action=action)


def test_an_unlock_of_unknown_outcome_does_not_keep_anyone_from_locking(desk: Desk) -> None:
    """And is asked about all the same before the next unlock: a lock does not settle it."""
    desk.sim.behave(DOOR, "unavailable")
    lost = desk.unlock().press.request
    desk.sim.behave(DOOR, "instant")
    request = followed(desk.lock())
    assert (request.outcome, request.pressed_again) == ("locked_confirmed", True)
    assert desk.unlock().press.code == "ask_again"
    assert desk.unlock(again=lost.pk).press.verdict == "sent"


def test_freeze_and_weekly_hours_do_not_stop_it(desk: Desk) -> None:
    Building.objects.update(frozen=True, frozen_reason="fire drill")
    Device.objects.update(frozen=True, frozen_reason="being mended", access="private")
    desk.clerk.assignments.update(weekly_hours=[{"days": [0], "from": "00:00", "until": "00:01"}])
    assert desk.unlock().press.verdict == "refused"
    assert followed(desk.lock()).status == "locked"


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MANAGER])
def test_a_role_that_does_not_unlock_does_not_lock(desk: Desk, role: str) -> None:
    person = make_user("person")
    grant(person, desk.door.building, role)
    assert desk.lock(by=person).press.code == "no_role"
    assert desk.asked == (0, 0)


def test_an_outsiders_press_is_recorded_and_says_nothing(desk: Desk) -> None:
    with pytest.raises(DoorUnknown):
        desk.lock(by=make_user("stranger"))
    press = Press.objects.get()
    assert (press.action, press.code) == ("lock", "not_yours")
    assert kinds() == ["relock.refused"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"can_remotely_lock": False}, "not_lockable"), ({"gone_at": timezone.now()}, "gone")],
)
def test_a_lock_that_cannot_is_not_asked(desk: Desk, fields: dict, code: str) -> None:
    Device.objects.update(**fields)
    assert desk.lock().press.code == code
    assert desk.asked == (0, 0)


def test_seams_limit_counts_each_button_for_itself(desk: Desk) -> None:
    for ago in range(15):
        request_of(desk.door, desk.clerk, "unlocked", ago=30 + ago)
    assert desk.unlock().press.code == "door_limit"
    assert desk.lock().press.verdict == "sent"
    for ago in range(15):
        request_of(desk.door, desk.clerk, "locked", ago=10 + ago / 10, action="lock")
    UnlockRequest.objects.open().update(status="unknown")
    assert desk.lock().press.code == "door_limit"


def test_refusals_of_the_two_buttons_are_counted_apart(desk: Desk) -> None:
    viewer = make_user("viewer")
    grant(viewer, desk.door.building, Role.VIEWER)
    for press in (desk.unlock, desk.lock, desk.lock):
        press(by=viewer)
    Press.objects.update(pressed_at=timezone.now() - dt.timedelta(minutes=2))
    record_repeats()
    assert kinds() == ["unlock.refused", "relock.refused", "relock.refused_repeatedly"]


def test_a_confirmed_lock_ends_the_unlocked_since(desk: Desk) -> None:
    Device.objects.update(
        locked=False, unlocked_since=timezone.now(), lock_told_at=timezone.now() - dt.timedelta(1)
    )
    followed(desk.lock())
    desk.door.refresh_from_db()
    assert (desk.door.locked, desk.door.unlocked_since) == (True, None)


@pytest.mark.parametrize("by", ["lock_told_at", "synced_at"])
def test_what_was_told_of_later_stands(desk: Desk, by: str) -> None:
    soon = timezone.now() + dt.timedelta(minutes=1)
    Device.objects.update(locked=False, unlocked_since=soon, **{by: soon})
    followed(desk.lock())
    desk.door.refresh_from_db()
    assert desk.door.unlocked_since == soon


def test_one_that_the_lock_does_not_confirm_ends_nothing(desk: Desk) -> None:
    Device.objects.update(locked=False, unlocked_since=timezone.now())
    desk.sim.behave(DOOR, "unconfirmed")
    followed(desk.lock())
    desk.door.refresh_from_db()
    assert desk.door.unlocked_since is not None


# --- Seam's own records -----------------------------------------------------------------------


def test_a_lost_answer_is_settled_from_seams_events_and_called_inferred(desk: Desk) -> None:
    desk.sim.behave(DOOR, "hangs_up")
    lost = desk.lock().press.request
    until(lambda: any(e["event_type"] == "lock.locked" for e in desk.sim._doors.events()))
    UnlockRequest.objects.update(next_look_at=timezone.now())
    settling.settle_lost()
    lost.refresh_from_db()
    assert lost.outcome == lost.outcome_value == "locked_inferred"
    assert kinds() == ["relock.requested", "relock.unknown", "relock.locked"]


def test_an_unlock_of_that_moment_is_not_taken_for_a_lock(desk: Desk) -> None:
    """An attempt of the other kind proves nothing, however well it fits."""
    desk.sim.behave(DOOR, "unavailable")
    lost = desk.lock().press.request
    desk.sim.behave(DOOR, "instant")
    unlocking.seam_client().unlock_door(DOOR, send_by=unlocking.SendBy.within(5))
    until(lambda: desk.sim.unlocks(DOOR) == 1)
    UnlockRequest.objects.update(next_look_at=timezone.now())
    settling.settle_lost()
    lost.refresh_from_db()
    assert (lost.outcome, lost.action_attempt_id) == ("lock_unknown", "")


def test_where_seam_lists_no_locking_it_says_so_once_and_stays_unknown(desk: Desk) -> None:
    desk.sim.behave(DOOR, "unavailable")
    lost = desk.lock().press.request
    past = timezone.now() - dt.timedelta(minutes=1)
    for _look in range(2):
        UnlockRequest.objects.update(next_look_at=timezone.now(), call_deadline=past)
        settling.settle_lost()
    lost.refresh_from_db()
    assert (lost.outcome, bool(lost.nothing_listed_at)) == ("lock_unknown", True)
    assert kinds().count("relock.nothing_listed") == 1


def took(kind: str, door: Device, **words: object) -> bool:
    event = Event.from_json(event_json(kind, door, **words))
    assert event is not None
    return events.take(event, source=Source.WEBHOOK)


def test_an_unlock_after_it_contradicts_nothing(desk: Desk) -> None:
    request = followed(desk.lock())
    took("lock.unlocked", desk.door, method="keycode")
    took("lock.unlocked", desk.door, action_attempt_id=request.action_attempt_id)
    request.refresh_from_db()
    assert request.contradicted_at is None


def test_seams_word_against_it_is_noted_once(desk: Desk) -> None:
    request = followed(desk.lock())
    failed = {"action_attempt_id": request.action_attempt_id, "status": "error"}
    took("action_attempt.lock_door.failed", desk.door, **failed)
    took("action_attempt.lock_door.failed", desk.door, **failed)
    request.refresh_from_db()
    assert request.status == "locked"
    assert kinds().count("relock.contradicted") == 1


def test_its_own_move_is_not_told_twice_on_the_record(desk: Desk) -> None:
    request = followed(desk.lock())
    took("lock.locked", desk.door, method="remote", action_attempt_id=request.action_attempt_id)
    took("lock.locked", desk.door, method="manual")
    assert kinds().count("lock.locked") == 1
    assert not SeamEvent.objects.filter(waiting=True).exists()


def test_a_move_that_comes_before_the_answer_waits_for_it(desk: Desk) -> None:
    request_of(desk.door, desk.clerk, "sending", action="lock")
    took("lock.locked", desk.door, method="remote", action_attempt_id="attempt-1")
    assert "lock.locked" not in kinds()
    UnlockRequest.objects.update(
        status="locked", ended_at=timezone.now(), action_attempt_id="attempt-1"
    )
    events.record_waiting()
    assert "lock.locked" not in kinds()
