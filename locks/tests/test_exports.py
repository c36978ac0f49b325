"""An export holds exactly what was asked for, and proves itself without the database."""

import csv
import datetime as dt
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from django.db import transaction
from django.utils import timezone
from pytest_django.fixtures import Settings

from locks.models import AuditEvent, Building, Kind, User
from locks.services import export_rows
from locks.services.audit import record
from locks.services.checkpoints import canonical, public_key, sign
from locks.services.exporting import Export, reviewable
from locks.tests import outsider
from locks.tests.exported import agreed, checked, edit, exported, manifest_of
from locks.tests.factories import grant, make_device, make_user
from locks.tests.tampering import harbour_house, rewrite, tamper

pytestmark = pytest.mark.django_db
KEY = "5e" * 32


@pytest.fixture(autouse=True)
def signing(settings: Settings) -> None:
    settings.AUDIT_SIGNING_KEY = KEY


@pytest.fixture
def building() -> Building:
    return harbour_house()


def test_a_whole_building_proves_that_nothing_was_left_out(
    building: Building, tmp_path: Path
) -> None:
    path = exported(tmp_path / "whole.ndjson", "--building", str(building.pk))
    code, found = checked(path, "--public-key", public_key())
    assert code == 0, found
    assert (found["rows"], found["proves"], found["signed"]) == (5, "complete", True)
    assert agreed(path) == "complete"
    manifest = manifest_of(path)
    assert manifest["filters"] == {"building": building.pk}
    assert manifest["checkpoint"]["chains"][0]["length"] == 5
    assert "Mechanical keys" in manifest["never_covered"]


def test_everything_at_once_proves_that_nothing_was_altered(
    building: Building, tmp_path: Path
) -> None:
    path = exported(tmp_path / "all.ndjson")
    code, found = checked(path)
    assert code == 0, found
    assert found["proves"] == "unaltered"
    assert set(found["manifest"]["chains"]) == {"organisation", f"building-{building.pk}"}
    assert agreed(path) == "unaltered"


def test_a_time_of_a_building_is_complete_within_it(building: Building, tmp_path: Path) -> None:
    third = AuditEvent.objects.get(chain__building=building, sequence=3)
    path = exported(
        tmp_path / "part.ndjson", "--building", str(building.pk), "--since", third.at.isoformat()
    )
    code, found = checked(path)
    assert (code, found["rows"], found["proves"]) == (0, 3, "complete")
    assert agreed(path) == "complete"
    assert found["manifest"]["chains"][f"building-{building.pk}"]["first"]["sequence"] == 3


@pytest.mark.sqlite_only  # the raw time is written as SQLite keeps it
def test_a_clock_that_was_set_right_leaves_no_gap_in_a_time(
    building: Building, tmp_path: Path
) -> None:
    times = {each.sequence: each.at for each in AuditEvent.objects.filter(chain=building.chain)}
    # The fourth claims to have been before the third, as a clock that was set back would write it.
    shown = times[2].astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    pk = building.chain.pk * 2**40 + 4
    tamper("UPDATE locks_auditevent SET at = %s WHERE id = %s", shown, pk)
    rewrite(building, sequence=4, kind=Kind.UNLOCK_REFUSED)
    since = ("--building", str(building.pk), "--since", times[3].isoformat())
    path = exported(tmp_path / "part.ndjson", *since)
    code, found = checked(path)
    assert (code, found["rows"], found["proves"]) == (0, 3, "complete")


def test_a_time_without_events_is_an_export_without_events(
    building: Building, tmp_path: Path
) -> None:
    later = (timezone.now() + dt.timedelta(days=1)).isoformat()
    path = exported(tmp_path / "none.ndjson", "--building", str(building.pk), "--since", later)
    code, found = checked(path)
    assert (code, found["rows"]) == (0, 0)
    assert agreed(path) == "complete"


def _without_line(path: Path, number: int) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    del lines[number]
    path.write_bytes(b"".join(lines))


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: edit(path, "unlock.refused", "role.granted"),
        lambda path: edit(path, "frozen", "thawed"),
        lambda path: _without_line(path, 2),
        lambda path: _without_line(path, 0),
        lambda path: _without_line(path, 4),
        lambda path: _without_line(path, -1),
        lambda path: edit(path, '"rows":5', '"rows":4'),
        lambda path: edit(path, '"proves":"complete"', '"proves":"unaltered"'),
        lambda path: edit(path, '"made_by":null', '"made_by":"boss"'),
        lambda path: path.write_bytes(path.read_bytes()[:-30]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"\n", b" \n", 1)),
        lambda path: path.write_bytes(b"{}\n" + path.read_bytes()),
    ],
)
def test_any_change_of_the_file_is_found(building: Building, tmp_path: Path, damage: Any) -> None:
    path = exported(tmp_path / "whole.ndjson", "--building", str(building.pk))
    damage(path)
    code, found = checked(path)
    assert code == 1
    assert found["problems"]
    assert found["proves"] == agreed(path) == ""


def _signed_anew(path: Path, keep: Any) -> None:
    """A false export of somebody who holds the key: only events that `keep`, all sums fit."""
    *lines, last = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if keep(json.loads(line)["event"]["sequence"])]
    manifest = json.loads(last)
    (chain,) = manifest["chains"].values()
    for end, line in (("first", kept[0]), ("last", kept[-1])):
        entry = json.loads(line)
        chain[end] = {
            "sequence": entry["event"]["sequence"],
            "hash": entry["hash"],
            "at": entry["event"]["at"],
        }
    chain["events"] = manifest["rows"] = len(kept)
    manifest["sha256"] = hashlib.sha256(b"".join(kept)).hexdigest()
    del manifest["signature"]
    manifest["signature"] = sign(canonical(manifest))
    path.write_bytes(b"".join(kept) + canonical(manifest) + b"\n")


@pytest.mark.parametrize(
    ("keep", "problem"),
    [
        (lambda number: number != 3, "has events left out"),
        (lambda number: number > 1, "does not begin at its beginning"),
        (lambda number: number < 5, "does not end at its checkpoint"),
    ],
)
def test_what_is_called_complete_reaches_from_the_first_event_to_the_checkpoint(
    building: Building, tmp_path: Path, keep: Any, problem: str
) -> None:
    path = exported(tmp_path / "whole.ndjson", "--building", str(building.pk))
    _signed_anew(path, lambda number: True)
    assert checked(path)[0] == 0
    _signed_anew(path, keep)
    code, found = checked(path)
    assert (code, found["problems"]) == (1, [f"building-{building.pk} {problem}"])
    assert agreed(path) == ""


def test_a_checkpoint_of_another_record_is_not_believed(
    building: Building, tmp_path: Path, settings: Settings
) -> None:
    """The manifest is signed anew around a checkpoint that this key never signed."""
    path = exported(tmp_path / "whole.ndjson", "--building", str(building.pk))
    edit(path, '"length":5', '"length":4')
    _signed_anew(path, lambda number: number < 5)
    code, found = checked(path)
    assert code == 1
    assert "the checkpoint was not signed by this key, or changed since" in found["problems"]
    assert agreed(path) == ""


@pytest.mark.parametrize("form", ["ndjson", "csv"])
def test_a_checkpoint_stands_on_every_export(building: Building, tmp_path: Path, form: str) -> None:
    path = exported(tmp_path / f"record.{form}", "--format", form)
    checkpoint = outsider.read_checkpoint(
        canonical(manifest_of(path)["checkpoint"]).decode(), public_key()
    )
    ends = {each["chain"]: each["length"] for each in checkpoint["chains"]}
    assert ends == {"organisation": 1, f"building-{building.pk}": 5}
    assert agreed(path) == "unaltered"


def test_names_in_any_script_are_signed_as_the_page_says(
    building: Building, tmp_path: Path, superuser: User
) -> None:
    filters = {"reason": "“Zoë” 鍵 🔑 \x7f"}
    export = Export(reviewable(None), "ndjson", superuser, filters)
    path = tmp_path / "record.ndjson"
    path.write_bytes(b"".join(export.parts()))
    assert checked(path, "--public-key", public_key())[0] == 0
    assert agreed(path) == "unaltered"


def test_what_was_tampered_with_before_is_found_in_the_export(
    building: Building, tmp_path: Path
) -> None:
    tamper("UPDATE locks_auditevent SET kind = 'role.granted' WHERE sequence = 2")
    path = exported(tmp_path / "whole.ndjson", "--building", str(building.pk))
    code, found = checked(path)
    assert code == 1
    assert found["problems"] == [f"building-{building.pk} 2 was changed: its hash differs"]
    assert agreed(path) == ""


@pytest.mark.sqlite_only  # PostgreSQL's types hold only what they say
@pytest.mark.parametrize(
    "odd",
    [
        "at = 'yesterday'",
        "kind = CAST(kind AS BLOB)",
        "previous_hash = CAST(x'ff' AS TEXT)",
    ],
)
def test_an_event_that_is_none_any_more_stops_no_export(
    building: Building, tmp_path: Path, odd: str
) -> None:
    tamper(f"UPDATE locks_auditevent SET {odd} WHERE sequence = 2")  # noqa: S608
    path = exported(tmp_path / "whole.ndjson", "--building", str(building.pk))
    manifest = json.loads(path.read_bytes().splitlines()[-1])
    assert (manifest["rows"], manifest["unreadable"], manifest["proves"]) == (4, 1, "unaltered")
    code, found = checked(path)
    assert code == 1
    assert found["problems"] == [
        f"building-{building.pk} 2 could not be read when the export was made"
    ]
    assert agreed(path) == ""
    table = exported(
        tmp_path / "x.csv", "--building", str(building.pk), "--format", "csv"
    ).read_text()
    assert f"building-{building.pk},2,,,,,,,,,,,,cannot be read,,,,\n" in table


def test_an_export_of_another_key_is_not_believed(building: Building, tmp_path: Path) -> None:
    path = exported(tmp_path / "whole.ndjson")
    assert checked(path, "--public-key", "ab" * 32)[0] == 1


def test_a_file_that_is_no_export_is_a_wrong_option(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear guest,\n")
    assert checked(path)[0] == 2
    assert checked(tmp_path / "none")[0] == 2


def test_a_spreadsheet_reads_names_and_runs_no_formula(building: Building, tmp_path: Path) -> None:
    attacker = make_user("evil", name='=HYPERLINK("http://evil.example","x")')
    device = make_device(building, label="+cmd|' /C calc'!A0")
    with transaction.atomic():
        record(
            Kind.UNLOCK_REFUSED,
            building=building,
            actor=attacker,
            device=device,
            reason='@SUM(1+1)*cmd, "quoted"\nand a line',
        )
    path = exported(tmp_path / "sheet.csv", "--format", "csv", "--building", str(building.pk))
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == list(export_rows.COLUMNS)
    *events, manifest = rows
    assert manifest[0] == "#manifest"
    row = dict(zip(header, events[-1], strict=True))
    assert row["person"] == '\'=HYPERLINK("http://evil.example","x")'
    assert row["door"] == "'+cmd|' /C calc'!A0"
    assert row["reason"].startswith("'@SUM")
    assert not any(cell[:1] in "=+-@\t\r" for each in events for cell in each if cell)
    code, found = checked(path)
    assert (code, found["rows"]) == (0, 6)
    assert agreed(path) == "complete"
    edit(path, "Main entrance", "Side entrance")
    assert checked(path)[0] == 1
    assert agreed(path) == ""


def test_reading_the_record_in_bulk_is_itself_recorded(building: Building, manager: User) -> None:
    grant(manager, building, "manager")
    export = Export(
        events=reviewable(None, building=building),
        form="ndjson",
        actor=manager,
        filters={"kind": "unlock.refused"},
        whole_of=building,
    )
    text = b"".join(export.parts())
    events = AuditEvent.objects.filter(chain__building=building)
    ended, begun = events.order_by("-sequence")[:2]
    assert (begun.kind, ended.kind) == (Kind.EXPORT_BEGUN, Kind.EXPORTED)
    assert ended.actor == manager
    content = ended.detail.content
    assert content["filters"] == {"kind": "unlock.refused"}
    assert (content["rows"], content["sha256"]) == (5, export.digest)
    assert b"export.begun" not in text.splitlines()[0]


def test_each_building_that_is_read_is_told_with_its_own_events_counted(
    building: Building, south: Building, north: Building, superuser: User
) -> None:
    with transaction.atomic():
        record(Kind.UNLOCK_REFUSED, building=south, code="gone")
        record(Kind.BUILDING_ADDED, building=north)
    refused = reviewable(superuser).filter(kind=Kind.UNLOCK_REFUSED)
    export = Export(refused, "ndjson", superuser, {"kind": "unlock.refused"})
    assert b"".join(export.parts())
    for kind in (Kind.EXPORT_BEGUN, Kind.EXPORTED):
        told = AuditEvent.objects.filter(kind=kind).order_by("chain_id")
        assert [event.chain.building for event in told] == [building, south]
        assert {event.actor for event in told} == {superuser}
    assert [event.detail.content["rows"] for event in told] == [3, 1]


def test_an_export_in_which_nothing_was_found_is_told_on_the_organisations_chain(
    building: Building, superuser: User
) -> None:
    nothing = reviewable(superuser).filter(kind=Kind.ROLE_GRANTED)
    assert b"".join(Export(nothing, "csv", superuser, {"kind": "role.granted"}).parts())
    (event,) = AuditEvent.objects.filter(kind=Kind.EXPORTED)
    assert (event.chain.key, event.detail.content["rows"]) == ("organisation", 0)


def test_an_export_that_is_broken_off_in_the_middle_stays_on_the_record_as_begun(
    building: Building, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_rows, "BATCH", 2)
    parts = Export(
        events=reviewable(None, building=building),
        form="ndjson",
        actor=None,
        filters={},
        whole_of=building,
    ).parts()
    next(parts)
    next(parts)
    parts.close()  # type: ignore[attr-defined]
    last = AuditEvent.objects.filter(chain__building=building).latest("sequence")
    assert last.kind == Kind.EXPORT_BEGUN


def test_events_that_come_meanwhile_are_left_out_and_none_twice(
    building: Building, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_rows, "BATCH", 2)
    export = Export(
        events=reviewable(None, building=building),
        form="ndjson",
        actor=None,
        filters={},
        whole_of=building,
    )
    sequences = []
    for part in export.parts():
        for line in part.splitlines():
            sequences += [json.loads(line)["event"]["sequence"]] if b'"event":' in line else []
        with transaction.atomic():
            record(Kind.BUILDING_CHANGED, building=building)
    assert sequences == [1, 2, 3, 4, 5]


def test_it_does_not_write_over_a_file(building: Building, tmp_path: Path) -> None:
    path = exported(tmp_path / "whole.ndjson")
    before = path.read_bytes()
    with pytest.raises(CommandError, match="exists"):
        exported(path)
    assert path.read_bytes() == before
