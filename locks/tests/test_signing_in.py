"""Who signed in and out is on the record; refused sign-ins are counted, and nothing typed is kept."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from locks.models import AuditDetail, AuditEvent, Building, Kind, Noise, Role, User
from locks.services import sweeping
from locks.tests.factories import grant, make_user

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = dt.timedelta(hours=1)
RIGHT = "a long enough password"


@pytest.fixture
def dora(north: Building) -> User:
    person = make_user("dora", name="Dora")
    person.set_password(RIGHT)
    person.save()
    grant(person, north, Role.FRONT_DESK)
    return person


def sign_in(username: str, password: str = RIGHT) -> Client:
    client = Client()
    client.post("/accounts/login/", {"username": username, "password": password})
    return client


def told(kind: Kind) -> list[tuple[str, Any, dict[str, Any]]]:
    events = AuditEvent.objects.filter(kind=kind).order_by("id")
    return [(event.chain.key, event.actor, event.detail.content) for event in events]


def refused_an_hour_ago() -> None:
    Noise.objects.update(hour=timezone.now() - 2 * HOUR)
    sweeping.sweep(for_seconds=0)


def test_signing_in_and_out_is_on_the_record_of_ones_buildings(
    dora: User, north: Building, south: Building
) -> None:
    grant(dora, south, Role.VIEWER)
    client = sign_in("dora")
    both = {f"building-{north.pk}", f"building-{south.pk}"}
    assert {chain for chain, actor, _ in told(Kind.SIGNED_IN) if actor == dora} == both
    assert {detail["address"] for _, _, detail in told(Kind.SIGNED_IN)} == {"127.0.0.1"}
    assert told(Kind.SIGNED_OUT) == []
    client.post("/accounts/logout/")
    assert {chain for chain, actor, _ in told(Kind.SIGNED_OUT) if actor == dora} == both


def test_who_holds_no_role_is_on_the_organisations_record(dora: User) -> None:
    dora.assignments.update(revoked_at=timezone.now())
    sign_in("dora")
    assert [chain for chain, _, _ in told(Kind.SIGNED_IN)] == ["organisation"]


def test_signing_out_without_having_signed_in_is_nothing() -> None:
    assert Client().post("/accounts/logout/").status_code == 302
    assert not AuditEvent.objects.exists()


def test_refused_sign_ins_are_told_by_the_hour_and_by_account(dora: User, north: Building) -> None:
    for _ in range(3):
        sign_in("dora", "wrong")
    sweeping.sweep(for_seconds=0)
    assert told(Kind.SIGN_IN_REFUSED) == []  # the hour is not over
    refused_an_hour_ago()
    (event,) = told(Kind.SIGN_IN_REFUSED)
    chain, actor, detail = event
    assert (chain, actor) == (f"building-{north.pk}", None)
    assert (detail["subject"], detail["subject_id"], detail["times"]) == ("Dora", dora.pk, 3)
    sweeping.sweep(for_seconds=0)
    assert len(told(Kind.SIGN_IN_REFUSED)) == 1
    assert told(Kind.NOISE) == []


def test_a_closed_account_is_refused_and_counted_like_a_wrong_password(dora: User) -> None:
    dora.is_active = False
    dora.save()
    sign_in("dora")
    refused_an_hour_ago()
    ((_, _, detail),) = told(Kind.SIGN_IN_REFUSED)
    assert (detail["subject"], detail["times"]) == ("Dora", 1)
    assert told(Kind.SIGNED_IN) == []


def test_unknown_names_are_counted_together_and_what_was_typed_is_kept_nowhere(
    dora: User,
) -> None:
    for typed in ("hunter2-secret", "DORA", "'; DROP TABLE users; --"):
        sign_in(typed, "another secret")
    refused_an_hour_ago()
    ((chain, _, detail),) = told(Kind.SIGN_IN_REFUSED)
    assert (chain, detail["subject"], detail["times"]) == ("organisation", "unknown name", 3)
    kept = " ".join(AuditDetail.objects.values_list("body", flat=True))
    kept += " ".join(Noise.objects.values_list("what", flat=True))
    for typed in ("hunter2", "DORA", "DROP", "another secret"):
        assert typed not in kept


@pytest.mark.parametrize("typed", ["x" * 300, "do\x00ra"], ids=["too long", "with a NUL"])
def test_what_no_name_can_be_is_counted_as_an_unknown_name(dora: User, typed: str) -> None:
    sign_in(typed)
    refused_an_hour_ago()
    ((chain, _, detail),) = told(Kind.SIGN_IN_REFUSED)
    assert (chain, detail["subject"], detail["times"]) == ("organisation", "unknown name", 1)


def test_an_empty_form_is_no_attempt() -> None:
    sign_in("", "")
    assert not Noise.objects.exists()


def test_a_flood_is_one_event_an_hour(dora: User) -> None:
    for number in range(30):
        sign_in(f"stranger-{number}", "x")
    refused_an_hour_ago()
    ((_, _, detail),) = told(Kind.SIGN_IN_REFUSED)
    assert detail["times"] == 30


def test_managers_read_who_signed_in(dora: User, manager_client: Client) -> None:
    sign_in("dora")
    page = manager_client.get("/admin/locks/auditevent/").content.decode()
    assert "signed in" in page
    assert "Dora (dora)" in page
