"""What could make a genuine export fail, or a false one pass: times, spoilt rows, strangers' keys, gaps."""

# ruff: noqa: S608  # tampering is done in SQL

import datetime as dt
from pathlib import Path

import pytest
from django.core.management import CommandError
from django.db import transaction
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from locks.models import AuditEvent, Building, Kind
from locks.services import reading_exports
from locks.services.audit import record
from locks.services.checkpoints import public_key
from locks.services.exporting import Export, reviewable
from locks.tests import outsider
from locks.tests.exported import agreed, checked, edit, exported, manifest_of
from locks.tests.factories import make_building
from locks.tests.history import recorded_at
from locks.tests.tampering import harbour_house, tamper, verify

pytestmark = pytest.mark.django_db
KEY = "5e" * 32


@pytest.fixture(autouse=True)
def signing(settings: Settings) -> None:
    settings.AUDIT_SIGNING_KEY = KEY


@pytest.fixture
def building() -> Building:
    return harbour_house()


def time_of(building: Building, sequence: int) -> dt.datetime:
    """The time of an event."""
    at: dt.datetime = AuditEvent.objects.get(chain__building=building, sequence=sequence).at
    return at


def part_of(building: Building, since: dt.datetime) -> Export:
    """An export of the time since then, not begun yet."""
    return Export(
        events=reviewable(None, building=building, since=since),
        form="ndjson",
        actor=None,
        filters={"building": building.pk, "since": since.isoformat()},
        whole_of=building,
    )


def test_what_happens_between_the_choice_and_the_first_byte_belongs_to_it(
    building: Building, tmp_path: Path
) -> None:
    export = part_of(building, time_of(building, 3))
    with transaction.atomic():
        record(Kind.BUILDING_CHANGED, building=building)
    path = tmp_path / "part.ndjson"
    path.write_bytes(b"".join(export.parts()))
    code, found = checked(path)
    assert (code, found["rows"], found["proves"]) == (0, 4, "complete")
    assert agreed(path) == "complete"


def test_a_clock_that_was_set_back_cuts_nothing_off_its_end(
    building: Building, tmp_path: Path
) -> None:
    since = time_of(building, 3)
    with recorded_at(since - dt.timedelta(days=3)), transaction.atomic():
        record(Kind.BUILDING_CHANGED, building=building)
    path = tmp_path / "part.ndjson"
    path.write_bytes(b"".join(part_of(building, since).parts()))
    code, found = checked(path)
    assert (code, found["rows"], found["proves"]) == (0, 4, "complete")
    assert agreed(path) == "complete"


def test_a_clock_that_was_ahead_cuts_nothing_off_its_beginning(tmp_path: Path) -> None:
    building = make_building("Early House")
    with recorded_at(timezone.now() + dt.timedelta(days=3)), transaction.atomic():
        record(Kind.BUILDING_CHANGED, building=building)
    with transaction.atomic():
        record(Kind.BUILDING_CHANGED, building=building)
    until = (timezone.now() + dt.timedelta(days=1)).isoformat()
    path = exported(tmp_path / "part.ndjson", "--building", str(building.pk), "--until", until)
    code, found = checked(path)
    assert (code, found["rows"], found["proves"]) == (0, 2, "complete")
    assert agreed(path) == "complete"


def test_a_building_of_which_nothing_was_recorded_is_said_so(
    north: Building, tmp_path: Path, superuser_client: Client
) -> None:
    with pytest.raises(CommandError, match="it has no chain") as refused:
        exported(tmp_path / "none.ndjson", "--building", str(north.pk))
    assert refused.value.returncode == 2
    assert not (tmp_path / "none.ndjson").exists()
    fields = {"form": "ndjson", "building": str(north.pk)}
    assert superuser_client.post("/admin/locks/auditevent/export/", fields).status_code == 400


@pytest.mark.sqlite_only
def test_a_chain_whose_row_tells_no_end_is_not_exported(building: Building, tmp_path: Path) -> None:
    tamper("UPDATE locks_auditchain SET length = 'abc' WHERE building_id IS NOT NULL")
    with pytest.raises(CommandError, match="cannot be read"):
        exported(tmp_path / "none.ndjson")


@pytest.mark.parametrize("form", ["ndjson", "csv"])
@pytest.mark.parametrize("body", ["'x' || body", "'[1]'", "'[[['", "body || body"])
def test_a_detail_that_cannot_be_read_stops_no_export(
    building: Building, tmp_path: Path, body: str, form: str
) -> None:
    tamper(f"UPDATE locks_auditdetail SET body = {body}")
    path = exported(tmp_path / f"x.{form}", "--format", form, "--building", str(building.pk))
    _code, found = checked(path)
    assert found["rows"] == 5
    if form == "ndjson":
        assert f"building-{building.pk} 2: its detail was changed" in found["problems"]
    else:
        assert "cannot_be_read" in path.read_text()


@pytest.mark.sqlite_only
@pytest.mark.parametrize("form", ["ndjson", "csv"])
def test_a_detail_of_bytes_stops_no_export(building: Building, tmp_path: Path, form: str) -> None:
    tamper("UPDATE locks_auditdetail SET body = CAST(body AS BLOB), salt = x'ff'")
    path = exported(tmp_path / f"x.{form}", "--format", form)
    assert checked(path)[1]["rows"] == 6


def test_an_export_that_a_stranger_signed_is_not_called_signed(
    building: Building, tmp_path: Path, settings: Settings
) -> None:
    settings.AUDIT_SIGNING_KEY = "77" * 32
    stranger = public_key()
    path = exported(tmp_path / "whole.ndjson", "--building", str(building.pk))
    settings.AUDIT_SIGNING_KEY = KEY
    code, found = checked(path)
    assert (code, found["signed"], found["vouched"]) == (1, False, False)
    assert "the manifest was not signed by this key, or changed since" in found["problems"]
    settings.AUDIT_SIGNING_KEY = ""
    code, found = checked(path)
    assert (code, found["signed_by"], found["vouched"]) == (0, stranger, False)
    assert f"signed by {stranger}, which nobody vouched for" in verify("--export", str(path))[1]
    vouched = ("--export", str(path), "--public-key", stranger.upper())
    assert verify(*vouched) == (0, "holds   5 events, complete, signed\n")


def test_what_nobody_signed_is_called_so(
    building: Building, tmp_path: Path, settings: Settings
) -> None:
    settings.AUDIT_SIGNING_KEY = ""
    path = exported(tmp_path / "whole.ndjson", "--building", str(building.pk))
    assert verify("--export", str(path)) == (0, "holds   5 events, complete, not signed\n")
    settings.AUDIT_SIGNING_KEY = KEY
    assert checked(path)[0] == 1


@pytest.mark.parametrize("form", ["ndjson", "csv"])
@pytest.mark.parametrize("filters", ["{}", '{"since":"2000-01-01","until":"2999-01-01"}'])
def test_what_is_of_two_chains_is_not_complete(
    building: Building, tmp_path: Path, settings: Settings, form: str, filters: str
) -> None:
    settings.AUDIT_SIGNING_KEY = ""  # the sums fit, and nobody has to have signed it
    path = exported(tmp_path / f"all.{form}", "--format", form)
    quoted = (lambda text: text.replace('"', '""')) if form == "csv" else str
    edit(path, quoted('"proves":"unaltered"'), quoted('"proves":"complete"'))
    edit(path, quoted('"filters":{}'), quoted(f'"filters":{filters}'))
    code, found = checked(path)
    assert code == 1
    assert "it is called complete and is not of one chain" in found["problems"]
    problems = outsider.check_export(path).problems
    assert "it is called complete and is not of one chain" in problems


def caught_up(since: dt.datetime, until: dt.datetime, kind: Kind = Kind.EVENTS_CAUGHT_UP) -> None:
    with recorded_at(until), transaction.atomic():
        record(kind, building=None, since=since.isoformat(), until=until.isoformat())


def test_gaps_that_meet_are_told_as_one_and_those_of_another_time_not_at_all(
    building: Building, tmp_path: Path
) -> None:
    hour, now = dt.timedelta(hours=1), timezone.now()
    caught_up(now - 90 * hour, now - 80 * hour)  # before the building's first event
    for number in range(30):  # every hour looks back to the one before, and a little further
        caught_up(now + number * hour, now + (number + 1.1) * hour)
    caught_up(now + 5 * hour, now + 6 * hour, Kind.EVENTS_GAP)
    caught_up(now + 40 * hour, now + 41 * hour)
    of_building = ("--building", str(building.pk))
    times = ("--since", now.isoformat(), "--until", (now + 50 * hour).isoformat())
    path = exported(tmp_path / "times.ndjson", *of_building, *times)
    assert checked(path)[0] == 0
    first, gap, second = manifest_of(path)["gaps"]
    assert [each["kind"] for each in (first, gap)] == ["events.caught_up", "events.gap"]
    ends = [dt.datetime.fromisoformat(first[name]) for name in ("since", "until")]
    assert ends == [now, now + 30.1 * hour]
    assert dt.datetime.fromisoformat(second["since"]) == now + 40 * hour
    whole = manifest_of(exported(tmp_path / "whole.ndjson", *of_building))
    (until_now,) = whole["gaps"]  # what is to come does not concern it
    assert until_now["kind"] == "events.caught_up"


def test_a_note_of_a_gap_that_tells_no_times_stands_for_its_own(
    building: Building, tmp_path: Path
) -> None:
    with transaction.atomic():
        record(Kind.EVENTS_GAP, building=None, since="never", until=5)
    tamper("UPDATE locks_auditdetail SET body = '[[' WHERE body LIKE %s", "%never%")
    (gap,) = manifest_of(exported(tmp_path / "whole.ndjson"))["gaps"]
    assert len({dt.datetime.fromisoformat(gap[n]) for n in ("at", "since", "until")}) == 1


def test_a_manifest_may_be_long(
    building: Building, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = "a very long story " * 100_000
    path = tmp_path / "long.ndjson"
    path.write_bytes(b"".join(Export(reviewable(None), "ndjson", None, {"q": reason}).parts()))
    assert len(path.read_bytes().splitlines()[-1]) > reading_exports.LONGEST_EVENT
    assert checked(path)[0] == 0
    assert agreed(path) == "unaltered"
    monkeypatch.setattr(reading_exports, "LONGEST_EVENT", 100)
    code, found = checked(path)
    assert (code, found["problems"][0]) == (1, "line 1 is no event")
