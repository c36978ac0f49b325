"""A press, from the button to the record: sent once, never late, always on the record."""

import datetime as dt
import threading
import time
from dataclasses import dataclass, field

import pytest
from django.core import signing
from django.db import OperationalError, connection
from django.db.models import F
from django.utils import timezone

from locks.models import (
    AuditEvent,
    Device,
    Kind,
    Press,
    Role,
    Status,
    UnlockRequest,
    User,
    Verdict,
)
from locks.seam import ActionAttempt, SeamOutcomeUnknown
from locks.services import answers, following, unlocking
from locks.services.answers import Answer
from locks.services.errors import AnswerNotRecorded, DoorUnknown, NothingSent
from locks.services.meeting import seen_as
from locks.services.refusing import record_repeats
from locks.services.tokens import issue_token
from locks.services.unlocking import PressForm, PressResult, request_unlock
from locks.simulator import Simulator
from locks.tests.factories import grant, make_building, make_device, make_superuser, make_user


@dataclass
class Desk:
    """A clerk at a common door of the simulator, and how they press it."""

    sim: Simulator
    clerk: User
    door: Device
    sent: list[str] = field(default_factory=list)

    def press(self, *, by: User | None = None, door: Device | None = None, **form) -> PressResult:
        person, device = by or self.clerk, door or self.door
        token = form.pop("token", None)
        if token is None:
            token = issue_token(person=person, device=device)
        return request_unlock(actor=person, device=device, form=PressForm(token=token, **form))

    @property
    def posts(self) -> int:
        return self.sim.posts(self.door.seam_device_id)


@pytest.fixture
def desk(db, simulator: Simulator) -> Desk:
    house = make_building("Harbour House")
    clerk = make_user("clerk")
    grant(clerk, house)
    simulator.behave("harbour-main-entrance", "instant")
    door = make_device(house, seam_device_id="harbour-main-entrance", label="Main entrance")
    return Desk(simulator, clerk, door)


def kinds() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("kind", flat=True))


def old_token(desk: Desk, *, seconds: float) -> str:
    content = {"p": desk.clerk.pk, "d": desk.door.pk, "n": "0" * 32, "t": time.time() - seconds}
    return signing.dumps(content, salt="locks.press")


def test_it_records_sends_once_and_follows_to_the_end(desk: Desk) -> None:
    result = desk.press(address="10.1.2.3")
    request = result.press.request
    assert request.status == "pending"
    assert request.action_attempt_id
    following.follow()
    request.refresh_from_db()
    assert request.outcome == "unlocked_confirmed"
    assert desk.posts == 1
    assert kinds() == ["unlock.requested", "unlock.pending", "unlock.unlocked"]
    first = AuditEvent.objects.get(kind=Kind.UNLOCK_REQUESTED)
    assert first.detail.content["person"] == "clerk"
    assert first.detail.content["door"] == "Main entrance"
    assert first.detail.content["address"] == "10.1.2.3"
    last = AuditEvent.objects.get(kind=Kind.UNLOCK_UNLOCKED)
    assert last.detail.content["confirmed_by_device"] is True
    assert last.detail.content["action_attempt_id"] == request.action_attempt_id


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        ("instant", "unlocked_confirmed"),
        ("unconfirmed", "unlocked_unconfirmed"),
        ("silent", "unlocked_unsaid"),
        ("fails", "failed_may_act"),
        ("jammed", "failed_may_act"),
        ("offline", "failed"),
        ("unavailable", "unknown"),
        ("html_error", "unknown"),
        ("hangs_up", "unknown"),
    ],
)
def test_it_tells_each_outcome_as_it_is(desk: Desk, behaviour: str, outcome: str) -> None:
    desk.sim.behave(desk.door.seam_device_id, behaviour)
    request = desk.press().press.request
    following.follow()
    request.refresh_from_db()
    assert request.outcome == outcome
    assert desk.posts == 1


def test_it_says_not_unlocked_where_seam_does_not_know_the_lock(desk: Desk) -> None:
    Device.objects.filter(pk=desk.door.pk).update(seam_device_id="no-such-lock")
    request = desk.press().press.request
    assert (request.outcome, request.error_type) == ("failed", "device_not_found")
    assert request.seam_request_id


def test_it_says_not_unlocked_where_seam_cannot_be_reached(desk: Desk, settings) -> None:
    settings.SEAM_ENDPOINT = "http://127.0.0.1:9"
    request = desk.press().press.request
    assert (request.outcome, request.code) == ("failed", "not_sent")


def test_a_used_token_returns_its_old_verdict_and_sends_nothing(desk: Desk) -> None:
    token = issue_token(person=desk.clerk, device=desk.door)
    first = desk.press(token=token)
    second = desk.press(token=token)
    assert second.repeated
    assert second.press == first.press
    assert desk.posts == 1
    assert Press.objects.count() == 1


def test_a_used_token_of_a_refused_press_stays_refused(desk: Desk) -> None:
    token = old_token(desk, seconds=60)
    assert desk.press(token=token).press.code == "too_late"
    again = desk.press(token=token, elapsed=(60.0, 60.0))
    assert again.repeated
    assert again.press.code == "too_late"
    assert desk.posts == 0


def test_a_second_press_joins_the_one_under_way(desk: Desk) -> None:
    desk.sim.hold(desk.door.seam_device_id)
    colleague = make_user("colleague")
    grant(colleague, desk.door.building)
    first = desk.press()
    mine, theirs = desk.press(), desk.press(by=colleague)
    assert {mine.press.verdict, theirs.press.verdict} == {Verdict.JOINED}
    assert mine.press.request == theirs.press.request == first.press.request
    assert desk.posts == 1
    assert kinds().count(Kind.UNLOCK_JOINED) == 2


def test_who_keeps_pressing_is_on_the_record_once(desk: Desk) -> None:
    desk.sim.hold(desk.door.seam_device_id)
    for _ in range(5):
        desk.press()
    assert Press.objects.count() == 5
    assert kinds().count(Kind.UNLOCK_JOINED) == 1
    assert desk.posts == 1


def just_ended() -> None:
    """The end was this very moment, however long the machine took since."""
    UnlockRequest.objects.update(ended_at=timezone.now())


def test_a_press_right_after_the_end_joins_only_for_the_same_person(desk: Desk) -> None:
    colleague = make_user("colleague")
    grant(colleague, desk.door.building)
    desk.press()
    following.follow()
    just_ended()
    assert desk.press().press.verdict == Verdict.JOINED
    assert desk.posts == 1
    just_ended()
    assert desk.press(by=colleague).press.verdict == Verdict.SENT
    assert desk.posts == 2


def test_who_joined_is_joined_for_a_moment_after_the_end_too(desk: Desk) -> None:
    colleague = make_user("colleague")
    grant(colleague, desk.door.building)
    desk.sim.hold(desk.door.seam_device_id)
    desk.press()
    assert desk.press(by=colleague).press.verdict == Verdict.JOINED
    desk.sim.release(desk.door.seam_device_id)
    following.follow()
    just_ended()
    assert desk.press(by=colleague).press.verdict == Verdict.JOINED
    assert desk.posts == 1


def test_a_press_made_before_the_end_joins_however_late_it_arrives(desk: Desk) -> None:
    colleague = make_user("colleague")
    grant(colleague, desk.door.building)
    content = {"p": colleague.pk, "d": desk.door.pk, "n": "1" * 32, "t": time.time() - 5}
    held_up = signing.dumps(content, salt="locks.press")
    desk.press()
    following.follow()
    assert desk.press(by=colleague, token=held_up).press.verdict == Verdict.JOINED
    assert desk.posts == 1


def test_a_used_token_is_refused_and_counted_when_the_role_has_ended(desk: Desk) -> None:
    token = issue_token(person=desk.clerk, device=desk.door)
    desk.press(token=token)
    desk.clerk.assignments.update(revoked_at=timezone.now())
    for _ in range(2):
        with pytest.raises(DoorUnknown):
            desk.press(token=token)
    assert Press.objects.get(verdict=Verdict.REFUSED).repeats == 1
    assert desk.posts == 1


def test_a_door_that_changed_its_building_joins_nothing_of_the_old_one(desk: Desk) -> None:
    desk.press()
    following.follow()
    south, other = make_building("South Tower"), make_user()
    grant(other, south)
    Device.objects.filter(pk=desk.door.pk).update(building=south)
    assert desk.press(by=other).press.verdict == Verdict.SENT


def test_a_press_well_after_the_end_is_sent(desk: Desk) -> None:
    desk.press()
    following.follow()
    UnlockRequest.objects.update(ended_at=timezone.now() - dt.timedelta(seconds=3))
    assert desk.press().press.verdict == Verdict.SENT
    assert desk.posts == 2


@pytest.mark.parametrize("token", ["", "forged", "a:b:c", "x" * 10_000, "\x00"])
def test_a_press_without_a_token_of_ours_is_refused_and_recorded(desk: Desk, token: str) -> None:
    assert desk.press(token=token).press.code == "bad_token"
    assert desk.posts == 0
    assert kinds() == [Kind.UNLOCK_REFUSED]


def test_a_token_of_another_person_or_door_is_refused(desk: Desk) -> None:
    colleague = make_user("colleague")
    grant(colleague, desk.door.building)
    other_door = make_device(desk.door.building)
    for person, door in ((colleague, desk.door), (desk.clerk, other_door)):
        stolen = issue_token(person=person, device=door)
        assert desk.press(token=stolen).press.code == "bad_token"
    assert desk.posts == 0


def test_an_outsider_learns_nothing_and_is_on_the_record(desk: Desk) -> None:
    outsider = make_user("outsider")
    grant(outsider, make_building("Park Residence"))
    with pytest.raises(DoorUnknown):
        desk.press(by=outsider)
    event = AuditEvent.objects.get()
    assert event.chain.building == desk.door.building
    assert event.actor == outsider
    assert event.detail.content["code"] == "not_yours"
    assert desk.posts == 0


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MANAGER])
def test_a_role_that_does_not_unlock_is_refused(desk: Desk, role: str) -> None:
    person = make_user()
    grant(person, desk.door.building, role)
    assert desk.press(by=person).press.code == "no_role"
    assert desk.posts == 0


def test_a_superuser_cannot_unlock_without_the_role(desk: Desk) -> None:
    boss = make_superuser()
    assert desk.press(by=boss).press.code == "no_role"
    grant(boss, desk.door.building)
    assert desk.press(by=boss).press.verdict == Verdict.SENT


def test_a_right_that_ended_between_page_and_press_is_refused(desk: Desk) -> None:
    token = issue_token(person=desk.clerk, device=desk.door)
    desk.clerk.assignments.update(revoked_at=timezone.now())
    with pytest.raises(DoorUnknown):
        desk.press(token=token)
    assert desk.posts == 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"can_remotely_unlock": False}, "not_remote"),
        ({"gone_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)}, "gone"),
    ],
)
def test_a_door_that_cannot_be_unlocked_is_refused(desk: Desk, change: dict, code: str) -> None:
    Device.objects.filter(pk=desk.door.pk).update(**change)
    assert desk.press().press.code == code
    assert desk.posts == 0


def test_a_frozen_building_is_refused(desk: Desk) -> None:
    house = desk.door.building
    house.frozen, house.frozen_reason = True, "Fire alarm test."
    house.save()
    assert desk.press().press.code == "frozen"
    assert desk.posts == 0


def test_a_press_outside_the_weekly_hours_is_refused(desk: Desk) -> None:
    tomorrow = timezone.now().isoweekday() % 7 + 1
    hours = [{"days": [tomorrow], "from": "12:00", "until": "12:01"}]
    desk.clerk.assignments.update(weekly_hours=hours)
    assert desk.press().press.code == "out_of_hours"
    assert desk.posts == 0


def test_a_late_press_is_refused_and_the_next_one_works(desk: Desk) -> None:
    assert desk.press(token=old_token(desk, seconds=11)).press.code == "too_late"
    assert desk.press().press.verdict == Verdict.SENT


@pytest.mark.parametrize(
    ("elapsed", "sent"),
    [
        ((3600.0, 3600.0), True),  # an old page, pressed just now
        ((3585.0, 3585.0), False),  # pressed 15 s ago, held up on its way
        ((3600.0, 900.0), False),  # the laptop slept: its monotonic clock stood still
        ((900.0, 3600.0), False),  # its wall clock was set back
        ((9e9, 9e9), True),  # a clock that runs ahead makes no press younger than now
        ((-5.0, -5.0), False),
    ],
)
def test_it_reckons_the_age_of_a_press_from_the_finger(desk: Desk, elapsed, sent: bool) -> None:
    result = desk.press(token=old_token(desk, seconds=3600), elapsed=elapsed)
    assert (result.press.verdict == Verdict.SENT) is sent
    assert desk.posts == int(sent)


def test_a_private_door_asks_for_a_reason_and_an_identification(desk: Desk) -> None:
    Device.objects.filter(pk=desk.door.pk).update(access="private")
    assert desk.press().press.code == "needs_reason"
    assert desk.press(reason="Lost key").press.code == "needs_reason"
    assert desk.press(reason="Lost key", identified_by="guessed").press.code == "needs_reason"
    result = desk.press(reason="Lost key", identified_by="id_seen")
    assert result.press.verdict == Verdict.SENT
    event = AuditEvent.objects.get(kind=Kind.UNLOCK_REQUESTED)
    assert event.detail.content["reason"] == "Lost key"
    assert event.detail.content["identified_by"] == "id_seen"


def test_after_an_unknown_outcome_the_next_press_asks_first(desk: Desk) -> None:
    desk.sim.behave(desk.door.seam_device_id, "unavailable")
    assert desk.press().press.request.outcome == "unknown"
    assert desk.press().press.code == "ask_again"
    assert desk.posts == 1
    desk.sim.behave(desk.door.seam_device_id, "instant")
    first = UnlockRequest.objects.get()
    again = desk.press(again=first.pk)
    assert again.press.request.pressed_again
    assert desk.posts == 2


def test_one_answer_to_press_again_anyway_counts_for_one_unknown(desk: Desk) -> None:
    colleague = make_user("colleague")
    grant(colleague, desk.door.building)
    desk.sim.behave(desk.door.seam_device_id, "unavailable")
    first = desk.press().press.request
    second = desk.press(again=first.pk).press.request
    assert second.outcome == "unknown"
    assert desk.press(by=colleague, again=first.pk).press.code == "ask_again"
    assert desk.posts == 2


def test_an_answer_to_a_question_counts_for_what_it_showed(desk: Desk) -> None:
    """A colleague has unlocked the door meanwhile, or the unknown outcome has become known."""
    colleague = make_user("colleague")
    grant(colleague, desk.door.building)
    theirs = desk.press(by=colleague, shown="none").press.request
    following.follow()
    past = dt.timedelta(seconds=10)
    UnlockRequest.objects.update(
        requested_at=F("requested_at") - past, ended_at=F("ended_at") - past
    )
    late = desk.press(shown="none")
    assert (late.press.code, desk.posts) == ("news", 1)
    theirs.refresh_from_db()
    shown = seen_as(theirs)
    UnlockRequest.objects.update(contradicted_at=timezone.now())
    assert desk.press(shown=shown).press.code == "news"
    theirs.refresh_from_db()
    assert desk.press(shown=seen_as(theirs)).press.verdict == Verdict.SENT
    assert desk.posts == 2


def test_press_again_anyway_counts_only_while_the_outcome_is_unknown(desk: Desk) -> None:
    desk.sim.behave(desk.door.seam_device_id, "unavailable")
    unknown = desk.press().press.request
    question = {"again": unknown.pk, "shown": seen_as(unknown)}
    UnlockRequest.objects.update(call_deadline=F("requested_at"))
    answers.settle(unknown, Answer(Status.UNLOCKED, attempt_id="known-now"), frm=(Status.UNKNOWN,))
    UnlockRequest.objects.update(ended_at=F("ended_at") - dt.timedelta(seconds=3))
    assert (desk.press(**question).press.code, desk.posts) == ("news", 1)


def test_a_door_that_is_called_otherwise_by_now_is_not_the_one_that_was_pressed(desk: Desk) -> None:
    used, token = (issue_token(person=desk.clerk, device=desk.door) for _ in range(2))
    desk.press(token=used)
    Device.objects.filter(pk=desk.door.pk).update(label="Gym")
    assert (desk.press(token=token).press.code, desk.posts) == ("bad_token", 1)
    assert desk.press(token=used).repeated  # what came of it is told all the same


def test_repeated_refusals_are_counted_not_written_one_by_one(desk: Desk) -> None:
    outsider = make_user("outsider")
    for _ in range(20):
        with pytest.raises(DoorUnknown):
            desk.press(by=outsider, token="")
    assert kinds() == [Kind.UNLOCK_REFUSED]
    assert Press.objects.count() == 1
    assert record_repeats() == 0
    Press.objects.update(pressed_at=timezone.now() - dt.timedelta(seconds=61))
    assert record_repeats() == 1
    assert record_repeats() == 0
    event = AuditEvent.objects.get(kind=Kind.UNLOCK_REFUSED_REPEATEDLY)
    assert event.detail.content["times"] == 19


@pytest.mark.django_db(transaction=True)
def test_nothing_is_sent_before_the_record_is_committed(simulator, settings, monkeypatch) -> None:
    house, clerk = make_building(), make_user()
    grant(clerk, house)
    door = make_device(house)
    seen = []

    class Client:
        def unlock_door(self, device_id: str, *, send_by: object) -> ActionAttempt:
            seen.append((connection.in_atomic_block, kinds(), UnlockRequest.objects.get().status))
            return ActionAttempt("a1", "pending", "UNLOCK_DOOR")

    monkeypatch.setattr(unlocking, "seam_client", Client)
    form = PressForm(token=issue_token(person=clerk, device=door))
    request_unlock(actor=clerk, device=door, form=form)
    assert seen == [(False, ["unlock.requested"], "sending")]


def test_an_answer_after_the_sweep_is_kept_and_followed(desk: Desk, monkeypatch) -> None:
    desk.sim.hold(desk.door.seam_device_id)
    real = unlocking.seam_client()

    class Slow:
        def unlock_door(self, device_id: str, *, send_by) -> ActionAttempt:
            attempt = real.unlock_door(device_id, send_by=send_by)
            UnlockRequest.objects.update(call_deadline=timezone.now() - dt.timedelta(seconds=3))
            assert following.end_overdue() == 1
            return attempt

    monkeypatch.setattr(unlocking, "seam_client", Slow)
    request = desk.press().press.request
    assert request.status == "unknown"
    assert request.action_attempt_id
    desk.sim.release(desk.door.seam_device_id)
    following.follow()
    request.refresh_from_db()
    assert request.outcome == "unlocked_confirmed"
    assert kinds() == ["unlock.requested", "unlock.unknown", "unlock.pending", "unlock.unlocked"]


def test_an_attempt_that_belongs_to_another_request_is_not_believed(desk: Desk) -> None:
    first = desk.press().press.request
    following.follow()
    other = make_device(desk.door.building, seam_device_id="harbour-staff-entrance")
    second = desk.press(door=other).press.request
    UnlockRequest.objects.filter(pk=second.pk).update(status="sending", action_attempt_id="")
    second.refresh_from_db()
    stolen = Answer("unlocked", attempt_id=first.action_attempt_id, confirmed=True)
    unlocking.record_answer(second, stolen)
    second.refresh_from_db()
    assert (second.outcome, second.code) == ("unknown", "attempt_reused")


def test_a_call_that_breaks_in_our_own_code_is_unknown(desk: Desk, monkeypatch) -> None:
    class Broken:
        def unlock_door(self, device_id: str, *, send_by: object) -> ActionAttempt:
            raise ZeroDivisionError

    monkeypatch.setattr(unlocking, "seam_client", Broken)
    assert desk.press().press.request.outcome == "unknown"


def test_the_id_of_an_unreadable_answer_is_kept_and_watched(desk: Desk, monkeypatch) -> None:
    class Odd:
        def unlock_door(self, device_id: str, *, send_by: object) -> ActionAttempt:
            raise SeamOutcomeUnknown("odd", action_attempt_id="a-1", request_id="r-1", status=200)

    monkeypatch.setattr(unlocking, "seam_client", Odd)
    request = desk.press().press.request
    assert (request.outcome, request.action_attempt_id) == ("unknown", "a-1")
    assert request.next_look_at is not None


def test_an_overdue_request_of_a_killed_process_does_not_block_its_door(desk: Desk) -> None:
    long_ago = timezone.now() - dt.timedelta(seconds=60)
    stuck = UnlockRequest.objects.create(
        device=desk.door,
        building=desk.door.building,
        requested_by=desk.clerk,
        requested_at=long_ago,
        send_by=long_ago,
        call_deadline=long_ago,
        resolve_by=long_ago,
    )
    assert desk.press().press.code == "ask_again"
    stuck.refresh_from_db()
    assert stuck.outcome == "unknown"
    assert desk.press(again=stuck.pk).press.verdict == Verdict.SENT


def test_seams_own_words_are_kept_beside_ours(desk: Desk) -> None:
    Device.objects.filter(pk=desk.door.pk).update(seam_device_id="no-such-lock")
    request = desk.press().press.request
    assert (request.code, request.error_type) == ("refused", "device_not_found")
    assert (request.http_status, request.may_still_act) == (404, False)
    content = AuditEvent.objects.get(kind=Kind.UNLOCK_FAILED).detail.content
    assert (content["error_type"], content["http_status"]) == ("device_not_found", 404)


def test_a_lock_that_calls_its_error_like_one_of_ours_proves_nothing(desk: Desk) -> None:
    request = desk.press().press.request
    error = Answer("failed", code="lock_error", error_type="not_sent", attempt_id="a")
    assert answers.settle(request, error, frm=("pending",))
    request.refresh_from_db()
    assert request.outcome == "failed_may_act"


@pytest.mark.django_db(transaction=True)
def test_a_database_that_goes_before_the_press_is_recorded_says_that_nothing_was_sent(
    simulator, monkeypatch
) -> None:
    house, clerk = make_building(), make_user()
    grant(clerk, house)
    door = make_device(house, seam_device_id="harbour-main-entrance")

    def gone(*_args: object, **_kwargs: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(unlocking, "record", gone)
    form = PressForm(token=issue_token(person=clerk, device=door))
    with pytest.raises(NothingSent):
        request_unlock(actor=clerk, device=door, form=form)
    assert simulator.posts("harbour-main-entrance") == 0
    assert not UnlockRequest.objects.exists()


def test_an_answer_is_recorded_when_the_database_is_back_within_seconds(desk, monkeypatch) -> None:
    real, tries = unlocking.record_answer, []

    def gone_twice(*args: object) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise OperationalError("gone")
        real(*args)

    monkeypatch.setattr(unlocking, "record_answer", gone_twice)
    monkeypatch.setattr(unlocking.connection, "close", lambda: None)
    assert desk.press().press.request.status == "pending"
    assert len(tries) == 3


def test_an_answer_that_cannot_be_recorded_is_told_as_sent(desk, monkeypatch) -> None:
    def gone(*_args: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(unlocking, "record_answer", gone)
    monkeypatch.setattr(unlocking, "RECORD_WITHIN", 0.0)
    with pytest.raises(AnswerNotRecorded) as told:
        desk.press()
    assert "was sent" in str(told.value)
    assert desk.posts == 1


@pytest.mark.postgres_only
@pytest.mark.django_db(transaction=True)
def test_a_press_that_overtakes_another_before_it_is_written_is_still_one_post(
    simulator, monkeypatch
) -> None:
    """The second press comes while the first has decided and not yet written; the lock is quick."""
    house, clerk = make_building(), make_user()
    grant(clerk, house)
    door = make_device(house, seam_device_id="harbour-main-entrance")
    simulator.behave("harbour-main-entrance", "instant")
    real, overtaking = unlocking._open, []

    def press() -> PressResult:
        try:
            form = PressForm(token=issue_token(person=clerk, device=door))
            return request_unlock(actor=clerk, device=door, form=form)
        finally:
            connection.close()

    def overtaken(*args, **kwargs):
        if not overtaking:
            overtaking.append(threading.Thread(target=press))
            overtaking[0].start()
            overtaking[0].join(1.0)  # it waits for us: no deadlock, and it does not pass
            assert overtaking[0].is_alive()
        return real(*args, **kwargs)

    monkeypatch.setattr(unlocking, "_open", overtaken)
    press()
    overtaking[0].join(20)
    assert simulator.posts("harbour-main-entrance") == 1
    assert set(Press.objects.values_list("verdict", flat=True)) == {Verdict.SENT, Verdict.JOINED}
