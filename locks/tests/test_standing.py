"""Whoever opens the admin sees at once whether the record was proven last night, and what was found."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from locks.models import Building, ChainProof, Kind, Proof
from locks.services.audit import record
from locks.services.proving import prove_record
from locks.tests.factories import make_building
from locks.tests.tampering import tamper

pytestmark = pytest.mark.django_db
WHOLE = "Record proven last night: whole."
LOUD = ("BROKEN", "NOT FOUND", "NO PROOF")


@pytest.fixture(autouse=True)
def houses(north: Building, south: Building) -> None:
    for _ in range(3):
        with transaction.atomic():
            record(Kind.BUILDING_CHANGED, building=north)
            record(Kind.BUILDING_CHANGED, building=south)


def proven(**ago: float) -> Proof:
    """A nightly proof; `ago`: when it was."""
    proof = prove_record()
    Proof.objects.filter(pk=proof.pk).update(at=timezone.now() - dt.timedelta(**ago))
    proof.refresh_from_db()
    return proof


def hours_since_three_at_night() -> float:
    now = timezone.localtime()
    night = now.replace(hour=3, minute=10)
    hours = (now - night).total_seconds() / 3600
    return hours if hours > 0 else hours + 24


def broken_at_two(building: Building) -> None:
    tamper(
        "UPDATE locks_auditevent SET kind = 'role.granted' WHERE sequence = 2 AND chain_id = %s",
        building.chain.pk,
    )


def first_page(client: Client) -> str:
    answer = client.get("/admin/")
    assert answer.status_code == 200
    return answer.content.decode()


def is_loud(page: str) -> bool:
    return any(word in page for word in LOUD) and 'class="error"' in page


def test_a_manager_sees_that_the_record_was_proven_last_night(
    manager_client: Client, north: Building
) -> None:
    proof = proven(hours=hours_since_three_at_night())
    page = first_page(manager_client)
    assert WHOLE in page
    assert f"{proof.at.astimezone(ZoneInfo('Europe/Lisbon')):%Y-%m-%d %H:%M} Europe/Lisbon" in page
    assert "events checked: 3." in page
    assert 'class="success"' in page
    assert not is_loud(page)


def test_a_proof_by_hand_in_the_afternoon_is_not_called_last_nights(manager_client: Client) -> None:
    afternoon = timezone.localtime().replace(hour=15, minute=0) - dt.timedelta(days=1)
    Proof.objects.filter(pk=prove_record().pk).update(at=afternoon)
    page = first_page(manager_client)
    assert WHOLE not in page
    assert "Record proven: whole." in page


def test_a_broken_record_is_loud_for_its_own_managers_alone(
    manager_client: Client, superuser_client: Client, north: Building, south: Building
) -> None:
    broken_at_two(south)
    proven(hours=5)
    page = first_page(manager_client)
    assert not is_loud(page)
    assert "South Tower" not in page
    assert "whole" in page
    page = first_page(superuser_client)
    assert "RECORD BROKEN: South Tower, event 2: the event was changed" in page
    assert "proven last night" not in page
    Proof.objects.all().delete()
    broken_at_two(north)
    proven(hours=5)
    page = first_page(manager_client)
    assert "RECORD BROKEN: North House, event 2: the event was changed" in page
    assert is_loud(page)
    assert "whole." not in page


def test_a_record_that_was_never_proven_is_told(manager_client: Client) -> None:
    assert "has not been proven yet" in first_page(manager_client)


@pytest.mark.parametrize(("hours", "loud"), [(35, False), (37, True), (100, True)])
def test_a_night_that_was_left_out_is_loud(manager_client: Client, hours: int, loud: bool) -> None:
    proven(hours=hours)
    page = first_page(manager_client)
    assert is_loud(page) is loud
    assert (f"NO PROOF FOR {hours} HOURS" in page) is loud
    assert ('class="success"' in page) is not loud


def test_a_chain_that_was_taken_away_as_a_whole_is_loud(
    manager_client: Client, north: Building
) -> None:
    proven(hours=30)
    pk = north.chain.pk
    tamper("DELETE FROM locks_auditdetail WHERE event_id / %s = %s", 2**40, pk)
    tamper("DELETE FROM locks_auditevent WHERE chain_id = %s", pk)
    tamper("DELETE FROM locks_auditchain WHERE id = %s", pk)
    proven(hours=5)
    assert "RECORD NOT FOUND: North House" in first_page(manager_client)


def test_odd_times_and_a_checkpoint_that_stayed_here_are_warned_of(
    manager_client: Client, north: Building
) -> None:
    proof = proven(hours=5)
    ChainProof.objects.filter(proof=proof, building=north).update(sound=False)
    Proof.objects.update(problem="SMTPException")
    page = first_page(manager_client)
    assert "North House: the record is whole; times in it are odd." in page
    assert "could not be sent away" in page
    assert 'class="warning"' in page


def test_a_new_building_is_not_called_proven(superuser_client: Client) -> None:
    proven(hours=5)
    with transaction.atomic():
        record(Kind.BUILDING_ADDED, building=make_building("Later House"))
    assert "Later House: not proven yet" in first_page(superuser_client)


def test_the_page_asks_a_few_questions_however_many_buildings_there_are(
    superuser_client: Client,
) -> None:
    proven(hours=5)
    with CaptureQueriesContext(connection) as few:
        first_page(superuser_client)
    for number in range(5):
        with transaction.atomic():
            record(Kind.BUILDING_ADDED, building=make_building(f"House {number}"))
    proven(hours=4)
    with CaptureQueriesContext(connection) as many:
        first_page(superuser_client)
    assert len(many) <= len(few)
