"""What somebody saw at the door: one tap, on the record, beside what Seam said."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from locks.models import AuditEvent, Building, Device, Kind, Status, UnlockRequest, User
from locks.services.attesting import REACHES_BACK
from locks.services.verifying import verify_chains
from locks.tests.conftest import signed_in
from locks.tests.factories import make_device, make_user, request_of
from locks.tests.test_door_card import html_of, spoken, words

ASKED = "What was seen at the door?"
IN_DOUBT: list[tuple[Status, dict[str, Any]]] = [
    (Status.UNLOCKED, {"confirmed_by_device": False}),
    (Status.UNLOCKED, {"confirmed_by_device": None}),
    (Status.UNLOCKED, {"inferred": True}),
    (Status.FAILED, {"code": "lock_error", "may_still_act": True}),
    (Status.UNKNOWN, {"code": "no_answer"}),
    (Status.FAILED, {"code": "lock_error", "contradicted_at": timezone.now()}),
]
IN_NO_DOUBT: list[tuple[Status, dict[str, Any]]] = [
    (Status.SENDING, {}),
    (Status.PENDING, {}),
    (Status.UNLOCKED, {"confirmed_by_device": True}),
    (Status.FAILED, {"code": "not_sent"}),
]


@pytest.fixture
def door(north: Building) -> Device:
    return make_device(north, label="Main entrance")


@pytest.fixture
def unsaid(door: Device, clerk: User) -> UnlockRequest:
    return request_of(door, clerk, Status.UNLOCKED, confirmed_by_device=None)


def tell(person: User, request: UnlockRequest, seen: str = "unlocked", **headers: str) -> Any:
    address = reverse("attest_unlock", args=(request.pk,))
    return signed_in(person).post(address, {"seen": seen}, headers=headers)


def told(request: UnlockRequest) -> list[str]:
    events = AuditEvent.objects.filter(kind=Kind.UNLOCK_ATTESTED, request=request)
    return [event.detail.content["seen"] for event in events.order_by("sequence")]


@pytest.mark.parametrize(("status", "fields"), IN_DOUBT)
def test_it_is_asked_and_told_where_the_outcome_is_in_doubt(
    status: Status, fields: dict[str, Any], door: Device, clerk: User
) -> None:
    request = request_of(door, clerk, status, **fields)
    assert ASKED in words(html_of(signed_in(clerk), door))
    answer = tell(clerk, request, "not_unlocked")
    assert (answer.status_code, answer.headers["Location"]) == (
        303,
        f"/?door={door.pk}#door-{door.pk}",
    )
    page = words(html_of(signed_in(clerk), door))
    assert f"Seen at the door: did not unlock · {clerk.get_full_name()}" in page
    assert told(request) == ["not_unlocked"]
    before = request.outcome
    request.refresh_from_db()
    assert request.outcome == before  # a person's word is no outcome


@pytest.mark.parametrize(("status", "fields"), IN_NO_DOUBT)
def test_nobody_is_asked_where_nothing_is_in_doubt(
    status: Status, fields: dict[str, Any], door: Device, clerk: User
) -> None:
    request = request_of(door, clerk, status, **fields)
    assert ASKED not in words(html_of(signed_in(clerk), door))
    tell(clerk, request)
    assert told(request) == []


def test_the_desk_log_and_another_clerk_read_it(
    unsaid: UnlockRequest, door: Device, clerk: User, viewer: User
) -> None:
    tell(clerk, unsaid, "nobody")
    page = words(signed_in(viewer).get("/").content.decode())
    assert page.count("Seen at the door: nobody there") == 2  # the card, and the log


def test_the_answer_to_htmx_is_the_card(unsaid: UnlockRequest, door: Device, clerk: User) -> None:
    answer = tell(clerk, unsaid, **{"hx-request": "true"})
    assert answer.headers["HX-Retarget"] == f"#door-{door.pk}"
    assert "Seen at the door: unlocked" in words(answer.content.decode())


def test_a_double_tap_is_one_word_and_another_word_stands_beside_it(
    unsaid: UnlockRequest, door: Device, clerk: User, north: Building
) -> None:
    for seen in ("unlocked", "unlocked", "not_unlocked"):
        tell(clerk, unsaid, seen)
    assert told(unsaid) == ["unlocked", "not_unlocked"]
    assert "Seen at the door: did not unlock" in words(html_of(signed_in(clerk), door))
    (report,) = verify_chains(building=north)
    assert report.is_sound


@pytest.mark.parametrize("ago", [5, 300])
def test_it_is_said_aloud_and_no_advice_of_before_somebody_had_looked(
    door: Device, clerk: User, ago: float
) -> None:
    request = request_of(door, clerk, Status.UNLOCKED, ago=ago, confirmed_by_device=None)
    tell(clerk, request, "not_unlocked")
    heard = spoken(html_of(signed_in(clerk), door))
    assert heard.startswith("Accepted, the lock has not said. Seen at the door: did not unlock")
    assert "Check whether" not in heard
    # What is learned later has its own advice.
    UnlockRequest.objects.update(contradicted_at=timezone.now())
    heard = spoken(html_of(signed_in(clerk), door))
    assert "Seam said later that" in heard
    assert "Seen at the door: did not unlock" in heard


def test_nobody_is_told_that_someone_has_to_look_once_someone_has(
    door: Device, clerk: User
) -> None:
    request = request_of(door, clerk, Status.UNKNOWN, code="no_answer")
    page = html_of(signed_in(clerk), door)
    for told in (words(page), spoken(page)):
        assert "until someone has looked" in told
    for seen, label, may_act in (
        ("unlocked", "unlocked", False),
        ("not_unlocked", "did not unlock", True),
    ):
        tell(clerk, request, seen)
        page = html_of(signed_in(clerk), door)
        for told in (words(page), spoken(page)):
            assert "until someone has looked" not in told
            assert told.count(f"Seen at the door: {label} · Clerk") == 1
            assert ("It may still unlock: look again" in told) is may_act


@pytest.mark.parametrize("seen", ["", "open", "unlocked\x00"])
def test_a_word_that_is_none_is_refused(seen: str, unsaid: UnlockRequest, clerk: User) -> None:
    assert tell(clerk, unsaid, seen).status_code == 400
    assert told(unsaid) == []


def test_who_may_not_unlock_there_says_nothing(
    unsaid: UnlockRequest, viewer: User, outsider: User, superuser: User, door: Device
) -> None:
    assert ASKED not in words(html_of(signed_in(viewer), door))
    for person, status in ((viewer, 303), (outsider, 404), (make_user(), 404), (superuser, 303)):
        assert tell(person, unsaid).status_code == status
    assert told(unsaid) == []


def test_what_is_long_ago_is_not_told_any_more(door: Device, clerk: User, client: Client) -> None:
    ago = (REACHES_BACK + dt.timedelta(minutes=1)).total_seconds()
    request = request_of(door, clerk, Status.UNKNOWN, ago=ago)
    tell(clerk, request)
    assert told(request) == []


def test_a_manager_reads_it_in_the_requests_story(
    unsaid: UnlockRequest, clerk: User, manager_client: Client
) -> None:
    tell(clerk, unsaid, "not_unlocked")
    address = reverse("admin:locks_unlockrequest_change", args=(unsaid.pk,))
    page = words(manager_client.get(address).content.decode())
    assert "seen at the door" in page
    assert "did not unlock" in page
