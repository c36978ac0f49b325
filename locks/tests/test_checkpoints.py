"""A checkpoint that was kept elsewhere shows what the database alone cannot: a chain written anew."""

# ruff: noqa: S608  # tampering is done in SQL

import datetime as dt
import json
import re
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone
from pytest_django.fixtures import Settings

from locks.models import AuditEvent, Building, Kind
from locks.services.audit import record
from locks.services.checkpoints import canonical, make_checkpoint, public_key, read_checkpoint
from locks.services.errors import ServiceError
from locks.services.verifying import verify_chains
from locks.tests.conftest import signed_in
from locks.tests.factories import make_building, make_superuser
from locks.tests.tampering import cut_off, found, harbour_house, raw, rewrite, tamper, verify

pytestmark = pytest.mark.django_db
KEY = "5e" * 32
ANOTHER_KEY = "a7" * 32


@pytest.fixture(autouse=True)
def signing(settings: Settings) -> None:
    settings.AUDIT_SIGNING_KEY = KEY


@pytest.fixture
def building() -> Building:
    return harbour_house()


@pytest.fixture
def kept(building: Building, tmp_path: Path) -> Path:
    """A checkpoint of Harbour House at five events."""
    path = tmp_path / "checkpoint.json"
    path.write_text(make_checkpoint() + "\n")
    return path


def check(kept: Path) -> tuple[int, dict[str, object]]:
    """Exit code, and what was found in the building's chain (the second one)."""
    code, said = verify("--json", "--checkpoint", str(kept))
    return code, json.loads(said)["chains"][1]


def test_a_record_that_has_only_grown_holds_its_checkpoint(building: Building, kept: Path) -> None:
    with transaction.atomic():
        record(Kind.BUILDING_CHANGED, building=building)
    code, chain = check(kept)
    assert code == 0
    assert chain["events"] == 6


def test_it_finds_a_chain_that_was_computed_anew(building: Building, kept: Path) -> None:
    rewrite(building, sequence=3, kind="role.granted")
    assert verify()[0] == 0  # the chain alone cannot know
    code, chain = check(kept)
    assert code == 1
    assert chain["broken"] == {
        "sequence": 5,
        "why": "it, or one before it, was rewritten: a checkpoint knows another hash of it",
    }


def test_a_printed_sheet_is_a_checkpoint_of_its_building(building: Building) -> None:
    sheet = signed_in(make_superuser()).get(f"/hand-over/{building.pk}/").content.decode()
    (events,) = re.findall(r"The record of this building had (\d+) events", sheet)
    (printed,) = re.findall(r"the hash of the last is <code [^>]*>([0-9a-f ]+)</code>", sheet)
    head = printed.replace(" ", "")
    of_the_building = ("--building", str(building.pk))
    assert verify(*of_the_building, "--paper", events, *printed.split())[0] == 0
    assert verify(*of_the_building, "--paper", events, printed.upper())[0] == 0
    with transaction.atomic():
        record(Kind.BUILDING_CHANGED, building=building)
    assert verify(*of_the_building, "--paper", events, head)[0] == 0
    rewrite(building, sequence=3, kind="role.granted")
    assert verify(*of_the_building)[0] == 0  # the chain alone cannot know
    code, said = verify(*of_the_building, "--paper", events, head)
    assert (code, f"at event {events}: it, or one before it, was rewritten" in said) == (1, True)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--paper", "5", "ab" * 32), "--paper goes with --building"),
        (("--building", "{pk}", "--paper", "five", "ab" * 32), "is a number"),
        (("--building", "{pk}", "--paper", "0", "ab" * 32), "is a number"),
        (("--building", "{pk}", "--paper", "5"), "64 digits"),
        (("--building", "{pk}", "--paper", "5", "ab" * 31), "64 digits"),
        (("--building", "{pk}", "--paper", "5", "xy" * 32), "64 digits"),
    ],
)
def test_what_no_sheet_says_is_refused(
    building: Building, options: tuple[str, ...], says: str
) -> None:
    with pytest.raises(CommandError, match=says) as refused:
        call_command("verify_audit", *(each.format(pk=building.pk) for each in options))
    assert refused.value.returncode == 2


def test_it_finds_a_tail_that_was_cut_off(building: Building, kept: Path) -> None:
    cut_off(building, after=3)
    assert verify()[0] == 0
    code, chain = check(kept)
    assert code == 1
    assert chain["broken"] == {
        "sequence": 4,
        "why": "the event was cut off: a checkpoint knows of it",
    }


def test_it_finds_a_tail_that_was_cut_off_and_grown_again(building: Building, kept: Path) -> None:
    cut_off(building, after=3)
    with transaction.atomic():
        for _ in range(3):
            record(Kind.BUILDING_CHANGED, building=building)
    assert verify()[0] == 0
    assert check(kept)[0] == 1


def test_it_finds_a_whole_chain_that_is_no_more(building: Building, kept: Path) -> None:
    pk = building.chain.pk
    tamper(f"DELETE FROM locks_auditdetail WHERE event_id / {2**40} = {pk}")
    raw(f"DELETE FROM locks_auditevent WHERE chain_id = {pk}")
    raw(f"DELETE FROM locks_auditchain WHERE id = {pk}")
    assert verify()[0] == 0
    code, lost = check(kept)
    assert code == 1
    assert lost["key"] == f"building-{building.pk}"


def test_it_finds_the_checkpoint_broken_though_the_walk_begins_later(
    building: Building, kept: Path
) -> None:
    rewrite(building, sequence=2, kind="role.granted")
    later = (timezone.now() + dt.timedelta(hours=1)).isoformat()
    assert verify("--since", later)[0] == 0
    code, _said = verify("--since", later, "--checkpoint", str(kept))
    assert code == 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda text: text.replace('"length":5', '"length":4'), "changed since it was signed"),
        (lambda text: text.replace('"length":5', '"length":5 '), ""),  # white space proves nothing
        (lambda text: text.replace("a", "b", 1), "not a checkpoint"),
        (lambda text: text[:-20], "not a checkpoint"),
        (lambda _text: "[]", "not a checkpoint"),
        (lambda _text: "[" * 100_000, "not a checkpoint"),
        (lambda _text: '{"signature":null}', "not a checkpoint"),
        (
            lambda text: canonical({**json.loads(text), "key": 5}).decode(),
            "not a checkpoint",
        ),
        (
            lambda text: canonical({**json.loads(text), "signature": None}).decode(),
            "is not signed",
        ),
        (
            lambda text: canonical({**json.loads(text), "signature": "00"}).decode(),
            "changed since it was signed",
        ),
    ],
)
def test_a_checkpoint_that_was_changed_is_not_believed(
    building: Building, change: object, why: str
) -> None:
    text = change(make_checkpoint())  # type: ignore[operator]
    if not why:
        read_checkpoint(text)
        return
    with pytest.raises(ServiceError, match=why):
        read_checkpoint(text)


def test_a_checkpoint_of_another_key_is_not_believed(
    building: Building, kept: Path, settings: Settings
) -> None:
    rightly = public_key()
    settings.AUDIT_SIGNING_KEY = ANOTHER_KEY
    assert verify("--checkpoint", str(kept))[0] == 1
    assert verify("--checkpoint", str(kept), "--public-key", rightly)[0] == 0


def test_without_a_key_checkpoints_are_unsigned_and_compared_all_the_same(
    building: Building, tmp_path: Path, settings: Settings
) -> None:
    settings.AUDIT_SIGNING_KEY = ""
    path = tmp_path / "unsigned.json"
    path.write_text(make_checkpoint())
    assert json.loads(path.read_text())["signature"] is None
    assert verify("--checkpoint", str(path))[0] == 0
    rewrite(building, sequence=1, kind="role.granted")
    assert verify("--checkpoint", str(path))[0] == 1


def test_a_checkpoint_can_be_made_of_one_building(building: Building) -> None:
    other = make_building()
    with transaction.atomic():
        record(Kind.BUILDING_ADDED, building=other)
    points = read_checkpoint(make_checkpoint(chains=[building.chain])).points
    assert {key: point.length for key, point in points.items()} == {f"building-{building.pk}": 5}


def test_a_file_that_is_not_there_is_a_wrong_option(building: Building, tmp_path: Path) -> None:
    assert verify("--checkpoint", str(tmp_path / "none"))[0] == 2


def test_options_that_would_not_be_looked_at_are_wrong(building: Building, kept: Path) -> None:
    assert verify("--export", str(kept), "--checkpoint", str(kept))[0] == 2
    assert verify("--export", str(kept), "--building", str(building.pk))[0] == 2
    assert verify("--public-key", public_key())[0] == 2


def test_it_begins_where_it_is_told(building: Building) -> None:
    tamper("UPDATE locks_auditevent SET kind = 'role.granted' WHERE sequence = 2")
    fourth = AuditEvent.objects.get(sequence=4).at
    assert verify()[0] == 1
    (_organisation, chain) = found("--since", fourth.isoformat())["chains"]
    assert (chain["whole"], chain["first"], chain["events"]) == (True, 3, 3)


def retimed(sequence: int, at: dt.datetime, building: Building) -> None:
    """A chain that is whole, and one of whose events claims another time."""
    # As a clock that was set wrong would have written it: the hashes fit.
    pk = building.chain.pk * 2**40 + sequence
    shown = at.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    tamper("UPDATE locks_auditevent SET at = %s WHERE id = %s", shown, pk)
    kind = AuditEvent.objects.get(pk=pk).kind
    rewrite(building, sequence=sequence, kind=kind)


@pytest.mark.parametrize(
    ("shift", "flagged"),
    [
        (dt.timedelta(hours=-1), [(3, "its time lies before that of the event before it")]),
        (dt.timedelta(seconds=-1), []),
        (dt.timedelta(minutes=4), [(4, "its time lies before that of the event before it")]),
        (
            dt.timedelta(hours=1),
            [
                (3, "its time lies in the future"),
                (4, "its time lies before that of the event before it"),
            ],
        ),
    ],
)
@pytest.mark.sqlite_only  # the raw time is written as SQLite keeps it
def test_it_flags_time_that_runs_backwards_or_ahead(
    building: Building, shift: dt.timedelta, flagged: list[tuple[int, str]]
) -> None:
    retimed(3, timezone.now() + shift, building)
    code, said = verify("--json", "--building", str(building.pk))
    (chain,) = json.loads(said)["chains"]
    assert chain["whole"]
    assert [(flag["sequence"], flag["why"]) for flag in chain["flags"]] == flagged
    assert code == (1 if flagged else 0)


@pytest.mark.parametrize(("ahead", "flagged"), [(4, []), (6, [1])])
def test_a_time_far_before_seams_own_is_flagged(
    north: Building, ahead: int, flagged: list[int]
) -> None:
    """This machine's clock is slow, or somebody wrote an event as if it had been earlier."""
    told = timezone.now() + dt.timedelta(minutes=ahead)
    with transaction.atomic():
        record(Kind.LOCK_UNLOCKED, building=north, occurred_at=told.isoformat())
        record(Kind.LOCK_UNLOCKED, building=north, occurred_at="when the cock crows")
    (report,) = verify_chains(building=north)
    assert [flag.sequence for flag in report.flags] == flagged
    assert report.is_whole


@pytest.mark.parametrize("told", ["0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59-12:00"])
def test_a_time_of_seams_at_the_end_of_the_calendar_is_odd_and_no_more(
    north: Building, told: str
) -> None:
    with transaction.atomic():
        record(Kind.LOCK_UNLOCKED, building=north, occurred_at=told)
    (report,) = verify_chains(building=north)
    assert (report.is_whole, [flag.sequence for flag in report.flags]) == (True, [1])


@pytest.mark.parametrize(("days", "flagged"), [(30, []), (32, [1])])
def test_a_time_far_behind_seams_own_is_flagged(
    north: Building, days: int, flagged: list[int]
) -> None:
    """Events can be read for 30 days: nothing that comes later can be Seam's word of that time."""
    told = timezone.now() - dt.timedelta(days=days)
    with transaction.atomic():
        record(Kind.LOCK_UNLOCKED, building=north, occurred_at=told.isoformat())
    (report,) = verify_chains(building=north)
    assert [flag.sequence for flag in report.flags] == flagged
    assert report.is_whole
