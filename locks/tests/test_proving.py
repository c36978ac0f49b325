"""The record is proven every night; managers read the result, and a checkpoint leaves the machine."""

import io
import json
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from locks.models import Building, ChainProof, Kind, Proof
from locks.services import leases, verifying
from locks.services.audit import record
from locks.services.checkpoints import read_checkpoint
from locks.services.proving import LEASE, LEASE_LENGTH, prove_record
from locks.tasks import prove_record as nightly
from locks.tests.servers import RecordingServer, replies
from locks.tests.tampering import rewrite, tamper

pytestmark = pytest.mark.django_db(transaction=True)
KEY = "5e" * 32
PAGE = "/admin/locks/chainproof/"


@pytest.fixture(autouse=True)
def signing(settings: Settings) -> None:
    settings.AUDIT_SIGNING_KEY = KEY


@pytest.fixture
def houses(north: Building, south: Building) -> tuple[Building, Building]:
    """Two buildings with three events each."""
    for _ in range(3):
        with transaction.atomic():
            record(Kind.BUILDING_CHANGED, building=north)
            record(Kind.BUILDING_CHANGED, building=south)
    north.chain.refresh_from_db()
    return north, south


def broken_at_two(building: Building) -> None:
    tamper(
        "UPDATE locks_auditevent SET kind = 'role.granted' WHERE sequence = 2 AND chain_id = %s",
        building.chain.pk,
    )


def prove() -> tuple[int, str]:
    """Exit code of `manage.py prove_audit`, and what it printed."""
    said = io.StringIO()
    try:
        call_command("prove_audit", stdout=said)
    except CommandError as error:
        return error.returncode, said.getvalue()
    return 0, said.getvalue()


def test_it_keeps_what_it_found_in_each_chain(houses: tuple[Building, Building]) -> None:
    north, south = houses
    broken_at_two(south)
    proof = prove_record()
    assert not proof.whole
    rows = {row.building_id: row for row in ChainProof.objects.filter(proof=proof)}
    assert (rows[north.pk].whole, rows[north.pk].events, rows[north.pk].sequence) == (True, 3, None)
    assert (rows[south.pk].whole, rows[south.pk].sequence) == (False, 2)


def test_a_walk_that_could_not_go_on_is_kept_as_broken_and_the_other_chains_are_walked(
    houses: tuple[Building, Building], monkeypatch: pytest.MonkeyPatch
) -> None:
    north, south = houses
    with transaction.atomic():
        record(Kind.LOCK_UNLOCKED, building=north, occurred_at=timezone.now().isoformat())
    monkeypatch.setattr(verifying, "TOLD_LATE", None)  # asked only of what Seam told
    proof = prove_record()
    rows = {row.building_id: row for row in ChainProof.objects.filter(proof=proof)}
    assert (proof.whole, rows[north.pk].whole, rows[north.pk].sequence) == (False, False, 4)
    assert "TypeError" in rows[north.pk].why
    assert (rows[south.pk].whole, rows[south.pk].events) == (True, 3)


def test_managers_read_the_result_of_their_own_buildings(
    houses: tuple[Building, Building], manager_client: Client, superuser_client: Client
) -> None:
    broken_at_two(houses[1])
    nightly()
    own = manager_client.get(PAGE).content.decode()
    assert "Whole" in own
    assert "South Tower" not in own
    assert "BROKEN" not in own
    foreign = ChainProof.objects.get(building=houses[1])
    assert manager_client.get(f"{PAGE}{foreign.pk}/change/").status_code == 404
    everything = superuser_client.get(PAGE).content.decode()
    assert "BROKEN at event 2" in everything
    page = superuser_client.get(f"{PAGE}{foreign.pk}/change/")
    assert foreign.head in page.content.decode()


@pytest.mark.parametrize(
    "query",
    [
        {"year": "00000202699999999999"},
        {"year": "02026"},
        {"year": "9999"},
        {"year": "0"},
        {"year": "2026", "month": "13"},
        {"year": "2026", "month": "099999999999999999999"},
        {"year": "2026", "month": "2", "day": "30"},
        {"year": "2026", "month": "2", "day": "99999999999999999999"},
        {"month": "12"},
        {"day": "99"},
    ],
)
def test_a_date_that_is_none_in_the_address_breaks_nothing(
    houses: tuple[Building, Building], superuser_client: Client, query: dict[str, str]
) -> None:
    nightly()
    dates = {f"proof__at__{part}": value for part, value in query.items()}
    assert superuser_client.get(PAGE, dates).status_code in (200, 302, 400)


def test_the_proofs_of_a_day_are_found_by_its_address(
    houses: tuple[Building, Building], superuser_client: Client
) -> None:
    nightly()
    day = Proof.objects.latest("pk").at
    dates = {f"proof__at__{part}": str(getattr(day, part)) for part in ("year", "month", "day")}
    assert "kept here only" in superuser_client.get(PAGE, dates).content.decode()
    dates["proof__at__year"] = str(day.year - 1)
    assert "kept here only" not in superuser_client.get(PAGE, dates).content.decode()


def test_the_checkpoint_leaves_by_mail_and_names_nobody(
    houses: tuple[Building, Building], settings: Settings
) -> None:
    settings.AUDIT_CHECKPOINT_TO = ["records@desk.example.com", "owner@desk.example.com"]
    assert prove()[0] == 0
    (sent,) = mail.outbox
    assert sent.to == settings.AUDIT_CHECKPOINT_TO
    assert "Record whole" in sent.subject
    assert houses[0].chain.head in sent.body
    assert "North House" not in sent.body
    ((name, content, kind),) = sent.attachments
    assert (name.startswith("checkpoint-"), kind) == (True, "application/json")
    points = read_checkpoint(content).points
    assert points[f"building-{houses[0].pk}"].length == 3


def test_the_checkpoint_leaves_by_https_post(
    houses: tuple[Building, Building], settings: Settings
) -> None:
    with RecordingServer(replies(204, b"")) as receiver:
        settings.AUDIT_CHECKPOINT_TO = [f"{receiver.endpoint}/checkpoints"]
        assert prove()[0] == 0
    (request,) = receiver.requests
    assert (request.method, request.path) == ("POST", "/checkpoints")
    assert read_checkpoint(request.body.decode()).points


@pytest.mark.parametrize("status", [302, 401, 500])
def test_a_receiver_that_refuses_is_noted_and_the_proof_kept(
    houses: tuple[Building, Building], settings: Settings, status: int
) -> None:
    with (
        RecordingServer(replies(204, b"")) as elsewhere,
        RecordingServer(replies(status, b"", Location=elsewhere.endpoint)) as receiver,
    ):
        settings.AUDIT_CHECKPOINT_TO = [receiver.endpoint]
        code, said = prove()
    assert code == 1
    assert elsewhere.requests == []
    assert json.loads(said)["signature"]
    assert Proof.objects.get().problem == "HTTPError"


def test_a_broken_record_is_told_by_mail(
    houses: tuple[Building, Building], settings: Settings, caplog: Any
) -> None:
    settings.AUDIT_CHECKPOINT_TO = ["records@desk.example.com"]
    broken_at_two(houses[0])
    assert prove()[0] == 1
    (sent,) = mail.outbox
    assert "NOT AS IT SHOULD BE" in sent.subject
    assert f"BROKEN  building-{houses[0].pk}  2:" in sent.body
    assert "run manage.py verify_audit" in caplog.text


def test_what_was_rewritten_since_is_found_every_night_from_then_on(
    houses: tuple[Building, Building],
) -> None:
    assert prove_record().whole
    rewrite(houses[0], sequence=1, kind="role.granted")
    for _night in range(2):
        proof = prove_record()
        assert not proof.whole
        row = ChainProof.objects.get(proof=proof, building=houses[0])
        assert (row.sequence, "was rewritten" in row.why) == (3, True)


def test_last_nights_mail_shows_what_was_rewritten_today_with_all_that_is_kept_here(
    houses: tuple[Building, Building], settings: Settings, tmp_path: Any
) -> None:
    settings.AUDIT_CHECKPOINT_TO = ["records@desk.example.com"]
    prove_record()
    attached = tmp_path / "checkpoint.json"
    attached.write_text(mail.outbox[0].attachments[0][1])
    rewrite(houses[0], sequence=1, kind="role.granted")
    Proof.objects.all().delete()
    assert prove_record().whole
    with pytest.raises(CommandError, match="broken"):
        call_command("verify_audit", "--checkpoint", str(attached), stdout=io.StringIO())


def test_the_proof_goes_on_when_another_key_signs(
    houses: tuple[Building, Building], settings: Settings, caplog: Any
) -> None:
    prove_record()
    settings.AUDIT_SIGNING_KEY = "a7" * 32
    assert prove_record().whole
    assert "signed by another key" in caplog.text


def test_it_is_done_every_night(settings: Settings) -> None:
    (entry,) = [
        each
        for each in settings.CELERY_BEAT_SCHEDULE.values()
        if each["task"] == "locks.tasks.prove_record"
    ]
    assert (entry["schedule"].hour, entry["schedule"].minute) == ({3}, {10})
    assert len(entry["schedule"].day_of_week) == 7


def test_two_do_not_prove_at_the_same_time(houses: tuple[Building, Building]) -> None:
    leases.wish(LEASE)
    leases.acquire(LEASE, length=LEASE_LENGTH)
    from locks.models import Lease

    Lease.objects.filter(name=LEASE).update(holder="another process")
    assert prove()[0] == 2
    nightly()
    assert not Proof.objects.exists()
