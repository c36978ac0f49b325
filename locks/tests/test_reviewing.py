"""Who may flag, comment, review and reopen; and that the record stays as it was."""

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from locks.models import (
    AuditChain,
    AuditEvent,
    Building,
    Kind,
    Press,
    Review,
    ReviewRemark,
    Role,
    Rule,
    Status,
    UnlockRequest,
    User,
    Verdict,
)
from locks.services import finding_reviews, reviewing, staffing
from locks.services.audit import record
from locks.services.errors import NotAllowed, ServiceError
from locks.services.review_rules import find
from locks.services.verifying import verify_chains
from locks.tests.factories import grant, make_device, make_user
from locks.tests.history import past_unlock, unlock_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def request_of_clerk(north: Building, clerk: User) -> UnlockRequest:
    return past_unlock(make_device(north, label="Main entrance"), clerk, reason="Courier")


@pytest.fixture
def review(request_of_clerk: UnlockRequest, manager: User) -> Review:
    return reviewing.flag_event(
        actor=manager, event=request_of_clerk.events.earliest("id"), reason="At that hour?"
    )


@pytest.fixture
def colleague(north: Building) -> User:
    """Another manager of North House."""
    person = make_user("colleague", name="Colleague")
    grant(person, north, Role.MANAGER)
    return person


def test_a_manager_flags_an_event_under_the_name_of_that_day(
    review: Review, manager: User, superuser: User, north: Building
) -> None:
    staffing.change_person(actor=superuser, person=manager, changes={"name": "Renamed"})
    review.refresh_from_db()
    assert (review.rule, review.reason) == (Rule.FLAGGED, "At that hour?")
    assert (review.flagged_by, review.flagged_by_name) == (manager, "Manager")
    assert review.building == north
    assert review.is_open


def test_an_event_is_flagged_once_and_with_a_reason(review: Review, colleague: User) -> None:
    with pytest.raises(ServiceError, match="flagged already"):
        reviewing.flag_event(actor=colleague, event=review.event, reason="Me, too")
    other = AuditEvent.objects.latest("id")
    with pytest.raises(ServiceError, match="Say why"):
        reviewing.flag_event(actor=colleague, event=other, reason="  \0")
    assert Review.objects.count() == 1


def test_a_manager_reviews_and_the_verdict_stays(review: Review, colleague: User) -> None:
    reviewing.comment_on(actor=colleague, review=review, text="Asked the courier.")
    reviewing.mark_reviewed(actor=colleague, review=review, verdict="Booked, all right")
    review.refresh_from_db()
    assert not review.is_open
    assert (review.reviewed_by, review.reviewed_by_name) == (colleague, "Colleague")
    assert review.verdict == "Booked, all right"
    told = [(each.author_name, each.act, each.text) for each in review.remarks.all()]
    assert told == [
        ("Colleague", ReviewRemark.Act.COMMENT, "Asked the courier."),
        ("Colleague", ReviewRemark.Act.REVIEWED, "Booked, all right"),
    ]


def test_what_is_reopened_keeps_its_earlier_verdict_among_the_remarks(
    review: Review, colleague: User, manager: User
) -> None:
    reviewing.mark_reviewed(actor=colleague, review=review, verdict="Booked")
    reviewing.reopen(actor=manager, review=review, reason="The booking was another day")
    review.refresh_from_db()
    assert review.is_open
    assert (review.verdict, review.reviewed_by) == ("", None)
    assert [each.text for each in review.remarks.all()] == ["Booked", "The booking was another day"]
    with pytest.raises(ServiceError, match="open already"):
        reviewing.reopen(actor=manager, review=review)


def test_a_review_needs_a_verdict_and_a_comment_a_word(review: Review, manager: User) -> None:
    with pytest.raises(ServiceError, match="Write what"):
        reviewing.mark_reviewed(actor=manager, review=review, verdict=" ")
    with pytest.raises(ServiceError, match="Write a comment"):
        reviewing.comment_on(actor=manager, review=review, text="")
    review.refresh_from_db()
    assert review.is_open
    assert not review.remarks.exists()


@pytest.mark.parametrize("who", ["clerk", "viewer", "outsider", "foreign_manager", "former"])
def test_who_does_not_manage_the_building_now_does_nothing(
    who: str, review: Review, south: Building, manager: User, request: pytest.FixtureRequest
) -> None:
    if who == "foreign_manager":
        person = make_user()
        grant(person, south, Role.MANAGER)
    elif who == "former":
        person = manager
        manager.assignments.update(revoked_at=timezone.now())
    else:
        person = request.getfixturevalue(who)
    event = AuditEvent.objects.latest("id")
    acts: list[Callable[[], Any]] = [
        lambda: reviewing.flag_event(actor=person, event=event, reason="x"),
        lambda: reviewing.comment_on(actor=person, review=review, text="x"),
        lambda: reviewing.mark_reviewed(actor=person, review=review, verdict="x"),
        lambda: reviewing.reopen(actor=person, review=review),
    ]
    for act in acts:
        with pytest.raises(NotAllowed):
            act()
    assert (Review.objects.count(), ReviewRemark.objects.count()) == (1, 0)


def test_organisation_events_are_for_superusers(superuser: User, manager: User) -> None:
    with transaction.atomic():
        event = record(Kind.PERSON_ADDED, building=None)
    with pytest.raises(NotAllowed):
        reviewing.flag_event(actor=manager, event=event, reason="x")
    review = reviewing.flag_event(actor=superuser, event=event, reason="x")
    reviewing.mark_reviewed(actor=superuser, review=review, verdict="Right")
    assert not Review.objects.visible_to(manager).exists()


# --- Nobody reviews their own -------------------------------------------------------------------


def refused(person: User, event: AuditEvent, flagger: User) -> bool:
    """Whether `person` is kept from reviewing the event, with a sentence and nothing changed."""
    review = Review.objects.filter(event=event).first() or reviewing.flag_event(
        actor=flagger, event=event, reason="x"
    )
    said = ""
    try:
        reviewing.mark_reviewed(actor=person, review=review, verdict="Mine is fine")
    except NotAllowed as refusal:
        said = str(refusal)
    review.refresh_from_db()
    assert review.is_open is bool(said)
    assert review.remarks.filter(act=ReviewRemark.Act.REVIEWED).exists() is not bool(said)
    assert not said or "somebody else has to review it" in said
    return bool(said)


def test_nobody_reviews_what_they_did(north: Building, manager: User, colleague: User) -> None:
    grant(manager, north)
    event = past_unlock(make_device(north), manager).events.latest("id")
    assert refused(manager, event, colleague)
    assert not refused(colleague, event, colleague)


def test_nobody_reviews_a_role_that_was_granted_to_them(
    north: Building, manager: User, colleague: User, superuser: User
) -> None:
    staffing.grant_role(actor=colleague, person=manager, building=north, role=Role.FRONT_DESK)
    event = AuditEvent.objects.get(kind=Kind.ROLE_GRANTED)
    assert refused(manager, event, superuser)
    assert refused(colleague, event, superuser)
    assert not refused(superuser, event, superuser)


def test_an_id_that_begins_alike_is_somebody_else(
    north: Building, manager: User, superuser: User
) -> None:
    with transaction.atomic():
        event = record(Kind.ROLE_GRANTED, building=north, subject_id=int(f"{manager.pk}1"))
    assert not refused(manager, event, superuser)


def test_nobody_reviews_an_unlock_that_they_joined(
    north: Building, clerk: User, manager: User, superuser: User
) -> None:
    request = past_unlock(make_device(north), clerk)
    Press.objects.add(
        device=request.device, person=manager, verdict=Verdict.JOINED, request=request
    )
    for event in request.events.all():
        assert refused(manager, event, superuser)


def test_a_superuser_does_not_review_their_own_either(
    north: Building, manager: User, superuser: User
) -> None:
    staffing.grant_role(actor=superuser, person=superuser, building=north, role=Role.FRONT_DESK)
    finding_reviews.find_reviews()
    review = Review.objects.get(rule=Rule.SELF_GRANT)
    assert refused(superuser, review.event, superuser)
    assert not refused(manager, review.event, superuser)


def test_nobody_reviews_a_series_that_they_had_a_part_in(
    north: Building, clerk: User, manager: User, colleague: User
) -> None:
    grant(manager, north)
    door, now = make_device(north), timezone.now()
    for minutes, person in ((9, manager), (6, clerk), (3, clerk)):
        moment = now - dt.timedelta(minutes=minutes)
        unlock_at(moment, door, person, status=Status.FAILED)
    finding_reviews.find_reviews()
    review = Review.objects.get(rule=Rule.FAILURES)
    assert review.event.actor == clerk
    assert refused(manager, review.event, colleague)
    assert not refused(colleague, review.event, colleague)


def test_who_is_involved_may_speak_all_the_same(
    north: Building, manager: User, colleague: User
) -> None:
    event = past_unlock(make_device(north), manager).events.latest("id")
    review = reviewing.flag_event(actor=colleague, event=event, reason="Why?")
    reviewing.comment_on(actor=manager, review=review, text="It was the plumber.")
    assert review.remarks.get().author == manager


# --- The record ---------------------------------------------------------------------------------


def test_reviewing_touches_nothing_of_the_record(
    review: Review, colleague: User, manager: User
) -> None:
    before = list(AuditChain.objects.order_by("pk").values())
    events = list(AuditEvent.objects.order_by("pk").values())
    reviewing.comment_on(actor=colleague, review=review, text="x")
    reviewing.mark_reviewed(actor=colleague, review=review, verdict="x")
    reviewing.reopen(actor=manager, review=review)
    finding_reviews.find_reviews()
    assert list(AuditChain.objects.order_by("pk").values()) == before
    assert list(AuditEvent.objects.order_by("pk").values()) == events
    assert all(report.is_sound for report in verify_chains())


# --- Two at once --------------------------------------------------------------------------------


def test_who_comes_second_is_told_who_was_first(
    review: Review, manager: User, colleague: User
) -> None:
    stale = Review.objects.get(pk=review.pk)
    reviewing.mark_reviewed(actor=colleague, review=review, verdict="first")
    with pytest.raises(ServiceError, match="Colleague has reviewed it already"):
        reviewing.mark_reviewed(actor=manager, review=stale, verdict="second")
    review.refresh_from_db()
    assert review.verdict == "first"


def test_a_finder_that_comes_second_queues_nothing_twice(north: Building, clerk: User) -> None:
    past_unlock(make_device(north), clerk, confirmed_by_device=True, out_of_hours=True)
    now = timezone.now()
    found = find(Rule.OUT_OF_HOURS, since=now - finding_reviews.LOOKS_BACK, now=now, most=9)
    assert [finding_reviews._enqueue(Rule.OUT_OF_HOURS, each) for each in found] == [True]
    assert [finding_reviews._enqueue(Rule.OUT_OF_HOURS, each) for each in found] == [False]
    assert Review.objects.count() == 1


def at_once(*acts: Callable[[], Any]) -> list[Exception]:
    """Run all on threads that begin together; what they raised."""
    together, raised = threading.Barrier(len(acts)), []

    def run(act: Callable[[], Any]) -> None:
        try:
            together.wait(10)
            act()
        except Exception as error:
            raised.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return raised


@pytest.mark.postgres_only  # SQLite has one writer
@pytest.mark.django_db(transaction=True)
def test_of_two_managers_at_once_one_reviews_and_the_other_is_told_who(
    review: Review, manager: User, colleague: User
) -> None:
    raised = at_once(
        *(
            lambda person=person: reviewing.mark_reviewed(
                actor=person, review=review, verdict=f"by {person}"
            )
            for person in (manager, colleague)
        )
    )
    review.refresh_from_db()
    [error] = raised
    assert str(error) == f"{review.reviewed_by_name} has reviewed it already."
    [remark] = review.remarks.all()
    assert remark.text == review.verdict == f"by {remark.author_name}"


@pytest.mark.postgres_only  # SQLite has one writer
@pytest.mark.django_db(transaction=True)
def test_two_who_look_at_once_queue_each_thing_once(north: Building, clerk: User) -> None:
    door, now = make_device(north), timezone.now()
    for _each in range(12):
        past_unlock(door, make_user(), confirmed_by_device=True, out_of_hours=True)
        past_unlock(door, clerk, status=Status.FAILED)
    raised = at_once(*[lambda: finding_reviews.fill(now=now)] * 3)
    assert raised == []
    assert Review.objects.filter(rule=Rule.OUT_OF_HOURS).count() == 12
    assert Review.objects.filter(rule=Rule.FAILURES).count() == 1


@pytest.mark.postgres_only  # SQLite has one writer
@pytest.mark.django_db(transaction=True)
def test_a_comment_and_a_settling_at_once_lose_nothing(
    north: Building, clerk: User, manager: User
) -> None:
    request = past_unlock(make_device(north), clerk, status=Status.UNKNOWN)
    review = Review.objects.create(
        event=request.events.latest("id"), rule=Rule.UNKNOWN, building=north, at=timezone.now()
    )
    raised = at_once(
        lambda: reviewing.settle(review, "Settled"),
        lambda: reviewing.comment_on(actor=manager, review=review, text="Wait"),
    )
    review.refresh_from_db()
    assert raised == []
    acts = [each.act for each in review.remarks.all()]
    assert ReviewRemark.Act.COMMENT in acts
    assert (ReviewRemark.Act.SETTLED in acts) is (not review.is_open)
