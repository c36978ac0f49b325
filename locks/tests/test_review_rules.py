"""What the rules put into the review queue, and what they leave out."""

import datetime as dt
import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from locks.models import (
    AuditEvent,
    Building,
    Device,
    Kind,
    Lease,
    Review,
    ReviewRemark,
    Role,
    Rule,
    Status,
    UnlockRequest,
    User,
)
from locks.services import leases, review_rules, reviewing
from locks.services.audit import record
from locks.services.finding_reviews import LEASE, LEASE_LENGTH, LOOKS_BACK, fill, find_reviews
from locks.services.staffing import Terms, change_role, grant_role
from locks.services.weighing import contradict
from locks.tasks import find_reviews as every_few_minutes
from locks.tests.factories import make_device, make_user
from locks.tests.history import past_refusal, past_unlock, unlock_at

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)


@pytest.fixture
def door(north: Building) -> Device:
    return make_device(north, label="Main entrance")


def look(*, later: dt.timedelta = dt.timedelta(0)) -> None:
    """Run the rules, as of now or a while later."""
    find_reviews(now=timezone.now() + later)


def queued(rule: str) -> list[Review]:
    return list(Review.objects.filter(rule=rule).order_by("at", "pk"))


def test_nothing_happened_and_nothing_is_queued(north: Building) -> None:
    look()
    assert not Review.objects.exists()


def test_what_went_well_is_not_queued(door: Device, clerk: User) -> None:
    for _each in range(3):
        past_unlock(door, clerk, confirmed_by_device=True)
    past_refusal(door, clerk)
    look(later=HOUR)
    assert not Review.objects.exists()


def test_a_kind_that_nobody_knows_breaks_nothing(north: Building, door: Device) -> None:
    with transaction.atomic():
        record("future.kind", building=north, device=door)
        record(Kind.LOCK_UNLOCKED, building=north, device=None)
    look(later=HOUR)
    assert not Review.objects.exists()


def test_an_unknown_outcome_is_queued_once_it_has_waited(door: Device, clerk: User) -> None:
    request = past_unlock(door, clerk, status=Status.UNKNOWN)
    look()
    assert queued(Rule.UNKNOWN) == []
    look(later=3 * MINUTE)
    look(later=5 * MINUTE)
    [review] = queued(Rule.UNKNOWN)
    assert (review.event.request, review.building) == (request, door.building)


def test_an_unknown_outcome_that_was_settled_in_time_is_not_queued(
    door: Device, clerk: User
) -> None:
    request = past_unlock(door, clerk, status=Status.UNKNOWN)
    UnlockRequest.objects.filter(pk=request.pk).update(
        status=Status.UNLOCKED, ended_at=timezone.now()
    )
    look(later=3 * MINUTE)
    assert queued(Rule.UNKNOWN) == []


def come_true(request: UnlockRequest, **answer: Any) -> None:
    """Seam settles an unknown request."""
    UnlockRequest.objects.filter(pk=request.pk).update(
        ended_at=timezone.now(), **{"status": Status.UNLOCKED, **answer}
    )


def test_what_settles_later_closes_itself(door: Device, clerk: User, north: Building) -> None:
    request = past_unlock(door, clerk, status=Status.UNKNOWN)
    look(later=3 * MINUTE)
    come_true(request, inferred=True)
    look(later=4 * MINUTE)
    [review] = queued(Rule.UNKNOWN)
    assert not review.is_open
    assert review.verdict == "Settled by Seam: Unlocked, inferred"
    assert (review.reviewed_by, review.reviewed_by_name) == (None, "")
    assert [remark.act for remark in review.remarks.all()] == [ReviewRemark.Act.SETTLED]


def test_what_somebody_spoke_about_does_not_close_itself(
    door: Device, clerk: User, manager: User
) -> None:
    request = past_unlock(door, clerk, status=Status.UNKNOWN)
    look(later=3 * MINUTE)
    [review] = queued(Rule.UNKNOWN)
    reviewing.comment_on(actor=manager, review=review, text="Who was at the door?")
    come_true(request)
    look(later=4 * MINUTE)
    review.refresh_from_db()
    assert review.is_open


def test_what_did_not_unlock_and_may_still_do_so_stays_open(door: Device, clerk: User) -> None:
    request = past_unlock(door, clerk, status=Status.UNKNOWN)
    look(later=3 * MINUTE)
    come_true(request, status=Status.FAILED, may_still_act=True)
    look(later=4 * MINUTE)
    assert queued(Rule.UNKNOWN)[0].is_open


def test_what_settled_by_itself_and_was_reopened_stays_open(
    door: Device, clerk: User, manager: User
) -> None:
    request = past_unlock(door, clerk, status=Status.UNKNOWN)
    look(later=3 * MINUTE)
    come_true(request)
    look(later=4 * MINUTE)
    [review] = queued(Rule.UNKNOWN)
    reviewing.reopen(actor=manager, review=review)
    look(later=5 * MINUTE)
    review.refresh_from_db()
    assert review.is_open


def test_a_contradiction_is_queued(door: Device, clerk: User) -> None:
    request = past_unlock(door, clerk, status=Status.FAILED)
    contradict(request, event_type="lock.unlocked", occurred_at=timezone.now())
    look()
    look()
    [review] = queued(Rule.CONTRADICTED)
    assert review.event.kind == Kind.UNLOCK_CONTRADICTED


@pytest.mark.parametrize(
    ("confirmed", "said", "is_queued"),
    [
        (9, None, True),
        (9, False, True),
        (5, None, True),
        (4, None, False),  # too few to know
        (0, None, False),
        (9, True, False),
    ],
)
def test_an_unconfirmed_unlock_is_queued_where_the_lock_usually_confirms(
    door: Device, clerk: User, confirmed: int, said: bool | None, is_queued: bool
) -> None:
    for _each in range(confirmed):
        past_unlock(door, clerk, confirmed_by_device=True)
    last = past_unlock(door, clerk, confirmed_by_device=said)
    look()
    requests = [review.event.request for review in queued(Rule.UNCONFIRMED)]
    assert requests == ([last] if is_queued else [])


def test_a_lock_that_breaks_is_queued_for_each_unlock_since(door: Device, clerk: User) -> None:
    for _each in range(24):
        past_unlock(door, clerk, confirmed_by_device=True)
    since = [past_unlock(door, clerk, confirmed_by_device=None) for _each in range(8)]
    look()
    look()
    assert [review.event.request for review in queued(Rule.UNCONFIRMED)] == since


def test_unlocks_are_queued_alike_whether_a_run_follows_each_or_all(
    door: Device, clerk: User
) -> None:
    for _each in range(6):
        past_unlock(door, clerk, confirmed_by_device=True)
    for number in range(40):
        past_unlock(door, clerk, confirmed_by_device=False)
        if number % 9 == 0:
            look()
    look()
    # From as many on as a lock is judged by, it is one that does not confirm.
    assert len(queued(Rule.UNCONFIRMED)) == review_rules.CONFIRMS_OF_LAST
    Review.objects.all().delete()
    look()
    assert len(queued(Rule.UNCONFIRMED)) == review_rules.CONFIRMS_OF_LAST


def test_a_lock_that_mostly_confirmed_is_judged_by_the_unlocks_before(
    door: Device, clerk: User
) -> None:
    for number in range(30):  # two of three
        past_unlock(door, clerk, confirmed_by_device=number % 3 > 0)
    past_unlock(door, clerk, confirmed_by_device=None)
    look()
    assert queued(Rule.UNCONFIRMED) == []


def test_an_unlock_is_judged_by_those_before_the_window_too(door: Device, clerk: User) -> None:
    old = timezone.now() - LOOKS_BACK - DAY
    for _each in range(5):
        unlock_at(old, door, clerk, confirmed_by_device=True)
    last = past_unlock(door, clerk, confirmed_by_device=False)
    look()
    assert [review.event.request for review in queued(Rule.UNCONFIRMED)] == [last]


def test_a_lock_that_never_confirms_does_not_fill_the_queue(door: Device, clerk: User) -> None:
    for _each in range(12):
        past_unlock(door, clerk, confirmed_by_device=False)
    look()
    assert queued(Rule.UNCONFIRMED) == []


def test_a_press_in_quiet_hours_is_queued(door: Device, clerk: User) -> None:
    past_unlock(door, clerk, confirmed_by_device=True)
    late = past_unlock(door, clerk, confirmed_by_device=True, out_of_hours=True)
    look()
    look()
    [review] = queued(Rule.OUT_OF_HOURS)
    assert (review.event.request, review.event.kind) == (late, Kind.UNLOCK_REQUESTED)


def moved(door: Device, **detail: Any) -> AuditEvent:
    with transaction.atomic():
        return record(Kind.LOCK_UNLOCKED, building=door.building, device=door, **detail)


def test_an_unlock_through_seam_that_is_not_ours_is_queued(door: Device) -> None:
    by_app = moved(door, method="remote", foreign=True)
    by_attempt = moved(door, method="unknown", action_attempt_id="a", foreign=True)
    by_code = moved(door, method="keycode", person='of "foreign":true')
    look()
    look()
    assert [review.event for review in queued(Rule.ELSEWHERE)] == [by_app, by_attempt]
    assert by_code.reviews.count() == 0


def test_a_role_that_somebody_granted_to_themselves_is_queued(
    superuser: User, manager: User, north: Building
) -> None:
    grant_role(actor=superuser, person=superuser, building=north, role=Role.FRONT_DESK)
    grant_role(actor=manager, person=make_user(), building=north, role=Role.FRONT_DESK)
    look()
    look()
    [review] = queued(Rule.SELF_GRANT)
    assert review.event.actor == superuser


def test_an_own_role_that_is_given_for_longer_is_queued_too(
    superuser: User, manager: User, north: Building
) -> None:
    hour = Terms(valid_until=timezone.now() + HOUR)
    own = grant_role(
        actor=superuser, person=superuser, building=north, role=Role.FRONT_DESK, terms=hour
    )
    other = grant_role(
        actor=manager, person=make_user(), building=north, role=Role.FRONT_DESK, terms=hour
    )
    look()
    change_role(actor=superuser, assignment=own, terms=Terms())
    change_role(actor=superuser, assignment=other, terms=Terms())
    look()
    kinds = [review.event.kind for review in queued(Rule.SELF_GRANT)]
    assert kinds == [Kind.ROLE_GRANTED, Kind.ROLE_CHANGED]


def test_what_is_older_than_the_window_is_left_alone(door: Device, clerk: User) -> None:
    old = timezone.now() - LOOKS_BACK - MINUTE
    unlock_at(old, door, clerk, status=Status.UNKNOWN)
    unlock_at(old, door, clerk, confirmed_by_device=True, out_of_hours=True)
    look()
    assert not Review.objects.exists()
    fill(now=timezone.now(), looks_back=LOOKS_BACK + DAY)
    rules = {review.rule for review in Review.objects.all()}
    assert rules == {Rule.UNKNOWN, Rule.OUT_OF_HOURS}


def test_what_was_reviewed_does_not_come_back(door: Device, clerk: User, manager: User) -> None:
    past_unlock(door, clerk, confirmed_by_device=True, out_of_hours=True)
    look()
    [review] = queued(Rule.OUT_OF_HOURS)
    reviewing.mark_reviewed(actor=manager, review=review, verdict="Late guest")
    look()
    assert [each.is_open for each in queued(Rule.OUT_OF_HOURS)] == [False]


def test_one_run_takes_so_many_and_the_next_goes_on(
    door: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("locks.services.finding_reviews.MOST_AT_ONCE", 2)
    for _each in range(3):
        past_unlock(door, make_user(), confirmed_by_device=True, out_of_hours=True)
    look()
    assert len(queued(Rule.OUT_OF_HOURS)) == 2
    look()
    assert len(queued(Rule.OUT_OF_HOURS)) == 3


@pytest.mark.sqlite_only  # PostgreSQL reads a table of a few rows whole, and is right to
@pytest.mark.parametrize("rule", review_rules.RULES)
def test_a_rule_reads_the_record_by_an_index_and_never_whole(
    rule: str, door: Device, clerk: User
) -> None:
    for confirmed in (True, True, True, True, True, True, None):
        past_unlock(door, clerk, confirmed_by_device=confirmed)
    since = timezone.now() - LOOKS_BACK
    if rule in review_rules.SERIES:
        events = review_rules.SERIES[rule].events(since=since)
    else:
        events = review_rules._SINGLE[rule](since, timezone.now())
    steps = events.order_by("at", "pk").explain().splitlines()
    read = [step for step in steps if "locks_auditevent" in step]
    assert read
    assert all(" USING " in step and "SEARCH" in step for step in read), steps
    assert not any("SCAN" in step for step in steps), steps


def test_the_command_says_what_it_did(door: Device, clerk: User) -> None:
    past_unlock(door, clerk, confirmed_by_device=True, out_of_hours=True)
    said = StringIO()
    call_command("find_reviews", "--json", stdout=said)
    told = json.loads(said.getvalue())
    assert (told["new"]["out_of_hours"], told["open"], told["settled"]) == (1, 1, 0)
    said = StringIO()
    call_command("find_reviews", "--days", "9", stdout=said)
    assert said.getvalue().strip() == "New: none. Settled by Seam: 0. Open now: 1."
    with pytest.raises(CommandError, match="days"):
        call_command("find_reviews", "--days", "91")


def test_it_leaves_the_work_to_another_who_is_at_it(door: Device, clerk: User) -> None:
    past_unlock(door, clerk, confirmed_by_device=True, out_of_hours=True)
    leases.wish(LEASE)
    leases.acquire(LEASE, length=LEASE_LENGTH)
    Lease.objects.filter(name=LEASE).update(holder="another process")
    with pytest.raises(CommandError) as refusal:
        call_command("find_reviews")
    assert refusal.value.returncode == 2
    every_few_minutes()
    assert not Review.objects.exists()
    leases.drop(LEASE)
    Lease.objects.filter(name=LEASE).update(until=leases.LONG_AGO)
    every_few_minutes()
    assert Review.objects.exists()
