"""The record proves itself: as docs/record.md says, and as `verify_audit` finds."""

# ruff: noqa: S608  # tampering is done in SQL

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from locks.models import AuditChain, AuditEvent, Building, Kind, User
from locks.services import verifying
from locks.services.audit import record, touch
from locks.services.verifying import verify_chains
from locks.tests import outsider
from locks.tests.factories import make_building
from locks.tests.tampering import harbour_house, raw, tamper, verify

pytestmark = pytest.mark.django_db
STRIDE = 2**40
LOCKS = Path(__file__).resolve().parent.parent


@pytest.fixture
def building() -> Building:
    """Harbour House, with five events on its chain; the organisation has one."""
    return harbour_house()


def test_it_can_be_checked_from_its_description_alone(building: Building) -> None:
    keys = {chain["key"] for chain in raw("SELECT * FROM locks_auditchain")}
    assert keys == {"organisation", f"building-{building.pk}"}
    assert outsider.check_database(raw) == []
    tamper("UPDATE locks_auditevent SET kind = 'role.granted' WHERE sequence = 3")
    assert outsider.check_database(raw) == [f"building-{building.pk} event 3"]


def test_it_keeps_names_as_they_were(building: Building) -> None:
    User.objects.update(name="Another name")
    building.name = "Another house"
    building.save()
    content = AuditEvent.objects.get(chain__building=building, sequence=3).detail.content
    assert (content["person"], content["username"]) == ("Clerk of the night", "clerk")
    assert (content["building"], content["door"]) == ("Harbour House", "Main entrance")
    assert content["code"] == "frozen"
    assert content["reality"] == "simulated"


def test_it_gives_equal_details_different_hashes() -> None:
    with transaction.atomic():
        one, other = (record(Kind.SYNCED, building=None) for _ in range(2))
    assert one.detail.body == other.detail.body
    assert one.detail_hash != other.detail_hash


def test_it_tells_open_consoles_of_changes_that_are_no_event(building: Building) -> None:
    before = AuditChain.objects.get(building=building)
    with transaction.atomic():
        touch(building)
        touch(None)
    after = AuditChain.objects.get(building=building)
    assert (after.changes, after.length) == (before.changes + 1, before.length)
    assert verify()[0] == 0


def test_it_finds_every_chain_whole_and_prints_the_heads(building: Building) -> None:
    code, said = verify()
    assert code == 0
    for chain in AuditChain.objects.all():
        assert chain.key in said
        assert chain.head in said
    code, said = verify("--json")
    found = json.loads(said)
    assert code == 0
    assert found["whole"] is True
    assert [(chain["key"], chain["events"]) for chain in found["chains"]] == [
        ("organisation", 1),
        (f"building-{building.pk}", 5),
    ]


def test_it_finds_an_empty_record_whole() -> None:
    assert verify() == (0, "")


CHAIN = "chain_id = (SELECT id FROM locks_auditchain WHERE building_id IS NOT NULL)"
EVENT = f"(SELECT id FROM locks_auditevent WHERE sequence = 3 AND {CHAIN})"


@pytest.mark.parametrize(
    ("sql", "broken"),
    [
        (f"UPDATE locks_auditevent SET kind = 'role.granted' WHERE id = {EVENT}", 3),
        (f"UPDATE locks_auditevent SET actor_id = NULL WHERE id = {EVENT}", 3),
        (f"UPDATE locks_auditevent SET device_id = NULL WHERE id = {EVENT}", 3),
        (f"UPDATE locks_auditevent SET at = '2020-01-01 00:00:00+00' WHERE id = {EVENT}", 3),
        (f"UPDATE locks_auditevent SET format = 2 WHERE id = {EVENT}", 3),
        (f"UPDATE locks_auditevent SET hash = previous_hash WHERE id = {EVENT}", 3),
        (f"UPDATE locks_auditevent SET previous_hash = hash WHERE id = {EVENT}", 3),
        (f"UPDATE locks_auditevent SET detail_hash = hash WHERE id = {EVENT}", 3),
        (f"UPDATE locks_auditdetail SET body = '{{}}' WHERE event_id = {EVENT}", 3),
        (f"UPDATE locks_auditdetail SET salt = 'not hexadecimal' WHERE event_id = {EVENT}", 3),
        (
            "UPDATE locks_auditchain SET length = 6 WHERE building_id IS NOT NULL",
            6,
        ),
        ("UPDATE locks_auditchain SET length = 4 WHERE building_id IS NOT NULL", 4),
        ("UPDATE locks_auditchain SET head = 'x' WHERE building_id IS NOT NULL", 5),
        ("UPDATE locks_auditchain SET key = 'another' WHERE building_id IS NOT NULL", 0),
    ],
)
def test_it_names_the_first_event_that_was_changed(
    building: Building, sql: str, broken: int
) -> None:
    tamper(sql)
    code, said = verify("--json")
    assert code == 1
    organisation, chain = json.loads(said)["chains"]
    assert organisation["whole"]
    assert not chain["whole"]
    assert chain["broken"]["sequence"] == broken
    code, said = verify()
    assert code == 1
    assert "BROKEN" in said


def remove(building: Building, sequence: int) -> None:
    """Take out an event and its detail."""
    event = f"(SELECT id FROM locks_auditevent WHERE sequence = {sequence} AND {CHAIN})"
    tamper(f"DELETE FROM locks_auditdetail WHERE event_id = {event}")
    tamper(f"DELETE FROM locks_auditevent WHERE id = {event}")


@pytest.mark.parametrize("sequence", [1, 3, 5])
def test_it_finds_an_event_that_was_removed(building: Building, sequence: int) -> None:
    remove(building, sequence)
    (report,) = verify_chains(building=building)
    assert report.broken is not None
    assert report.broken.sequence == sequence


def test_it_finds_events_that_changed_places(building: Building) -> None:
    tamper("DELETE FROM locks_auditdetail")
    for number, place in ((3, 6), (4, 3), (6, 4)):
        tamper(
            f"UPDATE locks_auditevent SET sequence = {place}, id = chain_id * {STRIDE} + {place}"
            f" WHERE sequence = {number}"
        )
    (report,) = verify_chains(building=building)
    assert report.broken is not None
    assert report.broken.sequence == 3


COLUMNS = "chain_id, format, kind, at, actor_id, device_id, request_id, detail_hash"


@pytest.mark.parametrize("sequence", [0, -7])
def test_it_finds_an_event_that_was_put_before_the_first(building: Building, sequence: int) -> None:
    tamper(
        f"INSERT INTO locks_auditevent (id, sequence, previous_hash, hash, {COLUMNS})"
        f" SELECT chain_id * {STRIDE} + {sequence}, {sequence}, previous_hash, hash, {COLUMNS}"
        " FROM locks_auditevent WHERE sequence = 2"
    )
    (report,) = verify_chains(building=building)
    assert report.broken is not None
    assert report.broken.sequence == 1


def test_it_finds_an_event_that_was_added_beyond_the_head(building: Building) -> None:
    tamper(
        f"INSERT INTO locks_auditevent (id, sequence, previous_hash, hash, {COLUMNS})"
        f" SELECT id + 1, sequence + 1, hash, 'made up', {COLUMNS} FROM locks_auditevent"
        " WHERE sequence = 5"
    )
    added = AuditEvent.objects.get(sequence=6)
    raw("UPDATE locks_auditevent SET hash = %s WHERE sequence = 6", added.computed_hash())
    (report,) = verify_chains(building=building)
    assert report.broken is not None
    assert report.broken.sequence == 6
    assert "head" in report.broken.why


def test_it_finds_a_chain_that_was_taken_from_under_its_events(building: Building) -> None:
    tamper("DELETE FROM locks_auditchain WHERE building_id IS NOT NULL")
    code, said = verify()
    assert code == 1
    assert "belongs to no chain" in said
    # The test's own end checks foreign keys.
    raw("DELETE FROM locks_auditdetail")
    raw("DELETE FROM locks_auditevent")


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    "change", ["at = 'yesterday'", "at = '2026-13-45 00:00:00'", "format = 'one'", "hash = x'ff'"]
)
def test_it_finds_a_column_that_holds_what_its_type_cannot(building: Building, change: str) -> None:
    tamper(f"UPDATE locks_auditevent SET {change} WHERE id = {EVENT}")
    (report,) = verify_chains(building=building)
    assert report.broken is not None
    assert report.broken.sequence == 3


def test_it_finds_a_removed_detail(building: Building) -> None:
    tamper(f"DELETE FROM locks_auditdetail WHERE event_id = {EVENT}")
    code, said = verify("--building", str(building.pk))
    assert code == 1
    assert "detail was removed" in said


def test_it_looks_at_one_building_when_asked(building: Building) -> None:
    other = make_building()
    with transaction.atomic():
        record(Kind.BUILDING_ADDED, building=other)
    tamper("UPDATE locks_auditevent SET kind = 'role.granted' WHERE sequence = 3")
    assert verify("--building", str(other.pk))[0] == 0
    assert verify("--building", str(building.pk))[0] == 1
    assert verify("--building", "999999")[0] == 2


def test_it_reads_a_long_chain_in_batches(
    building: Building, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying, "BATCH", 2)
    (report,) = verify_chains(building=building)
    assert (report.is_whole, report.events) == (True, 5)


def test_it_is_not_misled_by_events_that_are_appended_while_it_reads(
    building: Building, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying, "BATCH", 1)
    appended = 0

    def append(execute: Any, sql: str, *rest: Any) -> Any:
        nonlocal appended
        if appended < 3 and sql.startswith("SELECT") and 'FROM "locks_auditevent"' in sql:
            appended += 1
            with transaction.atomic():
                record(Kind.BUILDING_CHANGED, building=building)
        return execute(sql, *rest)

    with connection.execute_wrapper(append):
        (report,) = verify_chains(building=building)
    assert (report.is_whole, report.events, appended) == (True, 8, 3)


def test_it_takes_the_time_of_an_event_when_it_is_recorded() -> None:
    begun = timezone.now()
    with transaction.atomic():
        event = record(Kind.SYNCED, building=None)
    assert begun <= event.at <= timezone.now()


def test_every_kind_of_event_is_written_by_a_service_and_told_by_a_test_and_the_page() -> None:
    for room in (LOCKS / "services", LOCKS / "tests"):
        text = "".join(path.read_text() for path in room.glob("*.py"))
        named = {
            *re.findall(r"\bKind\.([A-Z_]+)\b", text),
            *re.findall(r'"([a-z_]+\.[a-z_]+)"', text),
        }
        assert [kind for kind in Kind if not {kind.name, kind.value} & named] == [], room
    page = (LOCKS.parent / "docs" / "record.md").read_text()
    assert [kind for kind in Kind if f"`{kind.value}`" not in page] == []
