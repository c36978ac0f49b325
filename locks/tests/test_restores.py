"""A restore from a backup is on every chain, with what is lost, and hides nothing from a checkpoint."""

import io
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from pytest_django.fixtures import Settings

from locks import append_only
from locks.models import AuditChain, AuditEvent, Building, Kind
from locks.services.audit import record
from locks.services.checkpoints import make_checkpoint
from locks.services.exporting import Export, reviewable
from locks.tests.factories import make_building
from locks.tests.strangers import in_a_file
from locks.tests.tampering import cut_off, harbour_house, raw, verify

pytestmark = pytest.mark.django_db(transaction=True)
REASON = "The disk of the old server failed."


@pytest.fixture(autouse=True)
def signing(settings: Settings) -> None:
    settings.AUDIT_SIGNING_KEY = "5e" * 32


@pytest.fixture
def building() -> Building:
    """Harbour House at five events; the organisation has one."""
    return harbour_house()


@pytest.fixture
def kept(building: Building, tmp_path: Path) -> Path:
    """A checkpoint of that."""
    path = tmp_path / "checkpoint.json"
    path.write_text(make_checkpoint() + "\n")
    return path


def restored_to(building: Building, *, after: int) -> None:
    """The database as a backup of then would have brought it back, guards included."""
    cut_off(building, after=after)
    append_only.install()
    building.chain.refresh_from_db()


def restore(*options: str) -> tuple[int, str]:
    """Exit code of `manage.py record_restore`, and what it printed."""
    said = io.StringIO()
    try:
        call_command("record_restore", *options, stdout=said)
    except CommandError as error:
        return error.returncode, said.getvalue()
    return 0, said.getvalue()


def told(building: Building | None) -> dict[str, Any]:
    """The detail of the restore on a chain."""
    event = AuditEvent.objects.get(kind=Kind.RESTORED, chain__building=building)
    content: dict[str, Any] = event.detail.content
    return content


def test_a_restore_is_on_every_chain_with_since_when_events_may_be_missing(
    building: Building,
) -> None:
    restored_to(building, after=3)
    newest = AuditEvent.objects.latest("at").at
    code, said = restore("--reason", REASON)
    assert code == 0
    assert f"building-{building.pk}  has 3 events" in said
    for place in (building, None):
        assert told(place)["reason"] == REASON
        assert told(place)["since"] == newest.isoformat()
        assert "lost" not in told(place)
    assert verify()[0] == 0


def test_a_checkpoint_from_before_says_how_many_events_are_lost(
    building: Building, kept: Path
) -> None:
    restored_to(building, after=3)
    code, said = restore("--reason", REASON, "--checkpoint", str(kept), "--json")
    assert code == 0
    assert json.loads(said)["chains"] == [
        {"key": "organisation", "has": 1, "had": 1, "lost": 0, "differs": False},
        {"key": f"building-{building.pk}", "has": 3, "had": 5, "lost": 2, "differs": False},
    ]
    content = told(building)
    assert (content["has"], content["had"], content["lost"]) == (3, 5, 2)
    made_at = json.loads(kept.read_text())["made_at"]
    assert content["checkpoint_made_at"] == made_at.replace("Z", "+00:00")


def test_the_checkpoint_still_contradicts_and_names_the_recorded_restore(
    building: Building, kept: Path
) -> None:
    restored_to(building, after=3)
    restore("--reason", REASON, "--checkpoint", str(kept))
    code, said = verify("--checkpoint", str(kept))
    assert code == 1
    assert "at event 5: the event was cut off: a checkpoint knows of it; event 4 tells" in said
    assert "tells of a restore at 20" in said
    with transaction.atomic():
        for _ in range(3):
            record(Kind.BUILDING_CHANGED, building=building)
    code, said = verify("--checkpoint", str(kept))
    assert code == 1
    assert "at event 5: it, or one before it, was rewritten" in said
    assert "event 4 tells of a restore" in said
    assert verify()[0] == 0


def test_a_restore_of_later_explains_nothing(building: Building, kept: Path) -> None:
    restore("--reason", REASON)  # on the sixth event: nothing was lost by it
    restored_to(building, after=3)
    code, said = verify("--checkpoint", str(kept))
    assert (code, "tells of a restore" in said) == (1, False)


def test_a_building_that_the_backup_did_not_have_is_told_on_the_organisations_chain(
    building: Building, tmp_path: Path
) -> None:
    later = make_building("Later House")
    with transaction.atomic():
        record(Kind.BUILDING_ADDED, building=later)
    path = tmp_path / "checkpoint.json"
    path.write_text(make_checkpoint())
    append_only.uninstall()
    pk = AuditChain.objects.get(building=later).pk
    raw("DELETE FROM locks_auditdetail WHERE event_id = %s", pk * 2**40 + 1)
    raw("DELETE FROM locks_auditevent WHERE chain_id = %s", pk)
    raw("DELETE FROM locks_auditchain WHERE id = %s", pk)
    append_only.install()
    code, said = restore("--reason", REASON, "--checkpoint", str(path))
    assert (code, f"building-{later.pk}  has 0 events, had 1: 1 lost" in said) == (0, True)
    assert told(None)["lost_chains"] == {f"building-{later.pk}": 1}
    assert "lost_chains" not in told(building)
    code, said = verify("--checkpoint", str(path))
    assert code == 1
    assert "it is no more; event 2 of the organisation tells of a restore" in said


def test_a_chain_that_went_on_otherwise_is_not_counted(building: Building, kept: Path) -> None:
    restored_to(building, after=3)
    with transaction.atomic():
        for _ in range(4):  # accessdesk was started before the restore was recorded
            record(Kind.BUILDING_CHANGED, building=building)
    code, said = restore("--reason", REASON, "--checkpoint", str(kept))
    assert (code, "is not the one that the checkpoint knows" in said) == (0, True)
    assert told(building)["differs"] is True
    assert "lost" not in told(building)


def test_it_needs_a_reason_and_a_checkpoint_that_can_be_believed(
    building: Building, kept: Path
) -> None:
    assert restore("--reason", "  ")[0] == 2
    assert restore("--reason", REASON, "--checkpoint", str(kept.parent / "none"))[0] == 2
    kept.write_text(kept.read_text().replace('"length":5', '"length":4'))
    assert restore("--reason", REASON, "--checkpoint", str(kept))[0] == 1
    assert not AuditEvent.objects.filter(kind=Kind.RESTORED).exists()


def test_an_export_lists_it_among_the_gaps(building: Building) -> None:
    restore("--reason", REASON)
    *_lines, last = b"".join(Export(reviewable(None), "ndjson", None, {}).parts()).splitlines()
    (gap,) = json.loads(last)["gaps"]
    assert (gap["kind"], gap["since"]) == ("record.restored", told(None)["since"])


def test_an_empty_database_says_that_it_was_restored(db: Any) -> None:
    assert restore("--reason", REASON)[0] == 0
    assert told(None)["has"] == 0


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    with in_a_file(tmp_path / "live.sqlite3"):
        yield tmp_path / "live.sqlite3"


@pytest.mark.sqlite_only
def test_a_real_backup_that_was_brought_back_is_told_of(file: Path, tmp_path: Path) -> None:
    """As docs/operations.md makes a backup."""
    building = harbour_house()
    with closing(sqlite3.connect(file)) as live, closing(sqlite3.connect(tmp_path / "copy")) as to:
        live.backup(to)
    with transaction.atomic():
        record(Kind.BUILDING_CHANGED, building=building)
    checkpoint = tmp_path / "checkpoint.json"
    checkpoint.write_text(make_checkpoint())
    connection.close()
    for path in file.parent.glob("live.sqlite3*"):
        path.unlink()
    shutil.copy(tmp_path / "copy", file)
    assert verify("--checkpoint", str(checkpoint))[0] == 1
    code, said = restore("--reason", REASON, "--checkpoint", str(checkpoint))
    assert (code, "has 5 events, had 6: 1 lost" in said) == (0, True)
    assert verify()[0] == 0
