"""What Seam's word does to a request that is watched, and against one that has ended."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from locks.models import Building, Device, Lease, UnlockRequest, User
from locks.services import following, weighing
from locks.services.answers import Answer
from locks.services.unlocking import record_answer
from locks.services.weighing import ENDED, UNLOCKED
from locks.tests.conftest import signed_in
from locks.tests.factories import make_device
from locks.tests.history import past_unlock

pytestmark = pytest.mark.django_db(transaction=True)
SUCCEEDED, FAILED = (f"{ENDED['unlock']}{end}" for end in ("succeeded", "failed"))


@pytest.fixture
def door(north: Building) -> Device:
    return make_device(north, label="Main entrance")


@pytest.fixture
def lost(door: Device, clerk: User) -> UnlockRequest:
    """A press whose answer never came, of just now."""
    now = timezone.now()
    return past_unlock(door, clerk, status="unknown", code="no_answer", next_look_at=now)


def kinds(request: UnlockRequest) -> list[str]:
    return list(request.events.order_by("sequence").values_list("kind", flat=True))


def told(request: UnlockRequest, event_type: str) -> UnlockRequest:
    """Seam's word about the request's attempt."""
    weighing.weigh(
        event_type=event_type,
        action_attempt_id=request.action_attempt_id,
        device=request.device,
        occurred_at=timezone.now(),
    )
    request.refresh_from_db()
    return request


@pytest.mark.parametrize(
    ("status", "event_type", "contradicted"),
    [
        ("failed", UNLOCKED, True),
        ("failed", SUCCEEDED, True),
        ("failed", FAILED, False),
        ("unlocked", FAILED, True),
        ("unlocked", SUCCEEDED, False),
        ("unlocked", UNLOCKED, False),
        ("unlocked", "lock.locked", False),
        ("failed", "lock.locked", False),
    ],
)
def test_evidence_against_an_ended_request_changes_no_status_and_is_noted_once(
    door: Device, clerk: User, status: Any, event_type: str, contradicted: bool
) -> None:
    request = past_unlock(door, clerk, status=status, code="refused", action_attempt_id="attempt-7")
    for _ in range(3):
        told(request, event_type)
    assert request.status == status
    assert (request.contradicted_at is not None) is contradicted
    assert kinds(request).count("unlock.contradicted") == int(contradicted)
    page = signed_in(clerk).get("/").content.decode()
    assert ("Seam said later" in page) is contradicted
    assert ("unlocked · contradicted" in page.lower() or "said · contradicted" in page) is (
        contradicted
    )
    assert ('data-tone="warn"' in page) is contradicted


def test_a_word_about_a_waiting_attempt_has_it_looked_at_now(door: Device, clerk: User) -> None:
    request = past_unlock(
        door,
        clerk,
        status="pending",
        action_attempt_id="attempt-7",
        next_look_at=timezone.now() + dt.timedelta(hours=1),
    )
    wanted = wishes()
    told(request, SUCCEEDED)
    assert request.status == "pending"
    assert request.next_look_at is not None
    assert request.next_look_at <= timezone.now()
    assert wishes() == wanted + 1, "nobody was told to look"


def wishes() -> int:
    """How often the follower was asked to look."""
    return Lease.objects.filter(name="follower").values_list("wanted", flat=True).first() or 0


@pytest.mark.parametrize(("hours", "is_looked_at"), [(26, True), (29, False)])
@pytest.mark.parametrize("attempt_id", ["", "attempt-7"])
def test_a_webhook_that_comes_late_still_settles_what_is_watched_no_more(
    door: Device, clerk: User, attempt_id: str, hours: float, is_looked_at: bool
) -> None:
    request = past_unlock(door, clerk, status="unknown", code="no_answer")
    at = timezone.now() - dt.timedelta(hours=hours)
    UnlockRequest.objects.update(
        requested_at=at, call_deadline=at, next_look_at=None, action_attempt_id=attempt_id
    )
    weighing.weigh(
        event_type=UNLOCKED,
        action_attempt_id="attempt-7",
        device=door,
        occurred_at=at,
    )
    request.refresh_from_db()
    assert (request.next_look_at is not None) is is_looked_at


def test_a_word_about_nobodys_attempt_has_the_lost_ones_looked_at_now(
    lost: UnlockRequest, door: Device
) -> None:
    UnlockRequest.objects.update(next_look_at=timezone.now() + dt.timedelta(hours=1))
    weighing.weigh(
        event_type=UNLOCKED, action_attempt_id="new", device=door, occurred_at=lost.requested_at
    )
    lost.refresh_from_db()
    assert lost.next_look_at is not None
    assert lost.next_look_at <= timezone.now()


def test_a_look_puts_off_no_other_that_was_asked_for_meanwhile(
    lost: UnlockRequest, door: Device
) -> None:
    weighing.weigh(
        event_type=UNLOCKED, action_attempt_id="new", device=door, occurred_at=lost.requested_at
    )
    following.look_again_later(lost)  # of who had read the row before
    lost.refresh_from_db()
    assert lost.next_look_at is not None
    assert lost.next_look_at <= timezone.now()
    following.look_again_later(lost)
    lost.refresh_from_db()
    assert lost.next_look_at > timezone.now()


@pytest.mark.parametrize("status", ["pending", "unlocked"])
def test_an_answer_that_names_another_attempt_contradicts_the_inferred_one(
    door: Device, clerk: User, status: Any
) -> None:
    request = past_unlock(door, clerk, action_attempt_id="attempt-7", inferred=True)
    record_answer(request, Answer(status=status, attempt_id="attempt-7"))
    request.refresh_from_db()
    assert request.contradicted_at is None
    record_answer(request, Answer(status=status, attempt_id="attempt-8"))
    request.refresh_from_db()
    assert (request.status, request.contradicted_at is None) == ("unlocked", False)


def test_an_answer_that_names_its_attempt_takes_the_place_of_an_inferred_one_that_is_pending(
    door: Device, clerk: User
) -> None:
    request = past_unlock(
        door, clerk, status="unknown", code="interrupted", action_attempt_id="a-7", inferred=True
    )
    record_answer(request, Answer(status="pending", attempt_id="a-8"))
    request.refresh_from_db()
    assert (request.status, request.action_attempt_id, request.inferred) == (
        "unknown",
        "a-8",
        False,
    )


def test_the_answer_itself_outweighs_what_was_inferred(door: Device, clerk: User) -> None:
    request = past_unlock(door, clerk, action_attempt_id="attempt-7", inferred=True)
    record_answer(request, Answer(status="failed", code="lock_error", attempt_id="attempt-8"))
    request.refresh_from_db()
    assert (request.status, request.contradicted_at is None) == ("unlocked", False)


def test_managers_find_what_was_contradicted(
    door: Device, clerk: User, manager_client: Client
) -> None:
    request = past_unlock(door, clerk, status="failed", action_attempt_id="attempt-7")
    past_unlock(door, clerk, status="failed", action_attempt_id="attempt-8")
    told(request, UNLOCKED)
    found = manager_client.get("/admin/locks/unlockrequest/?contradicted=yes").context["cl"]
    assert [row.pk for row in found.result_list] == [request.pk]
    page = manager_client.get(f"/admin/locks/unlockrequest/{request.pk}/change/")
    assert "contradicted" in page.content.decode()
