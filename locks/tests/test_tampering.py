"""Another program edits the database's file, past every guard; `verify_audit` names what it did.

So does a second implementation, written from docs/record.md alone (outsider.py).
"""

# ruff: noqa: S608  # tampering is done in SQL

import ast
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from locks.models import AuditEvent, Building, Kind, User
from locks.services import verifying
from locks.services.audit import record
from locks.services.checkpoints import make_checkpoint, read_checkpoint
from locks.services.proving import prove_record
from locks.tests import outsider
from locks.tests.factories import make_device
from locks.tests.history import past_unlock
from locks.tests.strangers import Stranger, in_a_file, stranger_at
from locks.tests.tampering import harbour_house, tamper, verify

pytestmark = pytest.mark.django_db(transaction=True)
Way = Callable[[Stranger], object]


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """The database's file."""
    with in_a_file(tmp_path / "record.sqlite3"):
        yield tmp_path / "record.sqlite3"


@pytest.fixture
def house(path: Path) -> Building:
    return harbour_house()


@pytest.fixture
def kept(house: Building, tmp_path: Path) -> Path:
    """A checkpoint of Harbour House at five events."""
    kept = tmp_path / "checkpoint.json"
    kept.write_text(make_checkpoint() + "\n")
    return kept


def renumbered(hand: Stranger) -> None:
    hand.remove(3)
    hand.move(4, 3)
    hand.move(5, 4)
    hand.set_end(4)


def swapped(hand: Stranger) -> None:
    hand.move(3, 9)
    hand.move(4, 3)
    hand.move(9, 4)


def put_in(hand: Stranger) -> None:
    """A made-up event that fits the one before it; those after it are moved on."""
    hand.move(5, 6)
    hand.move(4, 5)
    hand.copy(3, 4)
    hand.copy_detail(3, 4)
    hand.hash_anew(4, until=4, previous=hash_at(hand, 3))
    hand.set_end(6)


def hash_at(hand: Stranger, sequence: int) -> str:
    (row,) = hand.query(f"SELECT hash FROM locks_auditevent WHERE id = {hand.place(sequence)}")
    return str(row["hash"])


def of_another_chain(hand: Stranger) -> None:
    """The organisation's first event in the place of the fourth."""
    hand.remove(4)
    hand.query(
        f"UPDATE locks_auditevent SET id = {hand.place(4)}, chain_id = {hand.chain['id']},"
        f" sequence = 4 WHERE chain_id <> {hand.chain['id']} AND sequence = 1"
    )


def exchanged_details(hand: Stranger) -> None:
    body = "SELECT body FROM locks_auditdetail WHERE event_id = {}"
    hand.query(
        f"UPDATE locks_auditdetail SET body = ({body.format(hand.place(4))})"
        f" WHERE event_id = {hand.place(3)}"
    )


def replaced(hand: Stranger) -> None:
    """As `INSERT OR REPLACE` does it, which no UPDATE or DELETE trigger of SQLite sees."""
    if connection.vendor == "sqlite":
        hand.copy(4, 4, verb="INSERT OR REPLACE", actor_id="NULL")
    else:
        hand.copy(4, 9, actor_id="NULL")
        hand.query(f"DELETE FROM locks_auditevent WHERE id = {hand.place(4)}")
        hand.change(9, f"id = {hand.place(4)}, sequence = 4")


def replaced_and_hashed(hand: Stranger) -> None:
    hand.change(3, "kind = 'role.granted'")
    hand.hash_anew(3, until=3)


def hashed_to_the_end(hand: Stranger) -> str:
    hand.change(3, "kind = 'role.granted'")
    return hand.hash_anew(3)


def without(hand: Stranger, *sequences: int) -> None:
    for sequence in sequences:
        hand.remove(sequence)


def detail(hand: Stranger, assignment: str) -> None:
    hand.query(f"UPDATE locks_auditdetail SET {assignment} WHERE event_id = {hand.place(3)}")


def no_detail(hand: Stranger) -> None:
    hand.query(f"DELETE FROM locks_auditdetail WHERE event_id = {hand.place(3)}")


WAYS: dict[str, tuple[Way, int, str]] = {
    "its kind": (lambda hand: hand.change(3, "kind = 'role.granted'"), 3, "was changed"),
    "who did it": (lambda hand: hand.change(3, "actor_id = NULL"), 3, "was changed"),
    "which door": (lambda hand: hand.change(3, "device_id = NULL"), 3, "was changed"),
    "when": (lambda hand: hand.change(3, "at = '2020-01-01 00:00:00+00'"), 3, "was changed"),
    "its hash": (lambda hand: hand.change(3, "hash = previous_hash"), 3, "was changed"),
    "the hash before": (lambda hand: hand.change(3, "previous_hash = hash"), 3, "was changed"),
    "its detail": (lambda hand: detail(hand, "body = '{}'"), 3, "detail was changed"),
    "another's detail": (exchanged_details, 3, "detail was changed"),
    "no detail": (no_detail, 3, "detail was removed"),
    "removed": (lambda hand: without(hand, 3), 3, "was removed"),
    "the first removed": (lambda hand: without(hand, 1), 1, "was removed"),
    "removed, and the others moved up": (renumbered, 3, "removed or replaced"),
    "cut off": (lambda hand: without(hand, 4, 5), 4, "was cut off"),
    "put in": (put_in, 5, "was put in between: it continues event 3"),
    "put before the first": (lambda hand: hand.copy(2, 0), 1, "was put in before it"),
    "put behind the last": (
        lambda hand: (
            hand.copy(5, 6),
            hand.copy_detail(5, 6),
            hand.hash_anew(6, previous=hash_at(hand, 5)),
        ),
        6,
        "beyond the chain's head",
    ),
    "replaced": (replaced, 4, "was changed"),
    "replaced, with a hash that fits": (replaced_and_hashed, 4, "removed or replaced"),
    "changed places": (swapped, 3, "moved or put in here: the one that belongs here stands at 4"),
    "of another chain": (of_another_chain, 4, "or this one was put in here"),
    "hashed anew, but the head": (hashed_to_the_end, 5, "head is not the hash"),
    "another head": (lambda hand: hand.set_end(5, "ab" * 32), 5, "head is not the hash"),
    "a shorter chain": (lambda hand: hand.set_end(4), 5, "beyond the chain's head"),
    "a longer chain": (lambda hand: hand.set_end(6, "ab" * 32), 6, "was cut off"),
}


TYPES: dict[str, tuple[Way, int, str]] = {
    "a body of bytes": (
        lambda hand: detail(hand, "body = CAST(body AS BLOB)"),
        3,
        "detail was changed",
    ),
    "a salt of bytes": (
        lambda hand: detail(hand, "salt = CAST(salt AS BLOB)"),
        3,
        "detail was changed",
    ),
    "a body that is no Unicode": (
        lambda hand: detail(hand, "body = CAST(x'ff' AS TEXT)"),
        3,
        "cannot be read",
    ),
    "a kind of bytes": (
        lambda hand: hand.change(3, "kind = CAST(kind AS BLOB)"),
        3,
        "was changed",
    ),
    "a number that is none": (
        lambda hand: hand.change(5, f"sequence = 'abc', id = {hand.place(0)}"),
        5,
        "its number is none",
    ),
}


@pytest.mark.sqlite_only  # PostgreSQL's columns hold what their types say
@pytest.mark.parametrize("way", TYPES)
def test_what_no_column_should_hold_is_named(house: Building, path: Path, way: str) -> None:
    tamper, sequence, why = TYPES[way]
    with stranger_at(path, house.chain.key) as hand:
        hand.query("PRAGMA ignore_check_constraints = ON")
        tamper(hand)
    code, said = verify("--json")
    broken = {each["key"]: each["broken"] for each in json.loads(said)["chains"]}
    assert (code, broken[house.chain.key]["sequence"]) == (1, sequence)
    assert why in broken[house.chain.key]["why"]
    assert broken["organisation"] is None


@pytest.mark.parametrize("body", ["'x' || body", "'[1]'", f"'{'[' * 100_000}'"])
def test_a_detail_that_cannot_be_read_takes_no_page_of_the_history_away(
    north: Building, clerk: User, manager_client: Client, body: str
) -> None:
    door = make_device(north, label="Main entrance")
    request = past_unlock(door, clerk)
    event = AuditEvent.objects.filter(chain__building=north).latest("pk")
    tamper(f"UPDATE locks_auditdetail SET body = {body}")
    for page in (
        "auditevent/",
        f"auditevent/{event.pk}/change/",
        f"unlockrequest/{request.pk}/change/",
        "unlockrequest/",
    ):
        answer = manager_client.get(f"/admin/locks/{page}")
        assert answer.status_code == 200, page
    shown = manager_client.get(f"/admin/locks/auditevent/{event.pk}/change/").content.decode()
    assert "cannot be read" in shown


ROWS = {
    "length": "length = 'abc'",
    "head": "head = CAST(head AS BLOB)",
    "building": "building_id = 4711",
}


@pytest.mark.sqlite_only
@pytest.mark.parametrize("what", ROWS)
def test_a_chain_whose_own_row_cannot_be_read_is_named_and_the_others_are_proven(
    house: Building, path: Path, what: str
) -> None:
    with stranger_at(path, "organisation") as hand:
        hand.query(f"UPDATE locks_auditchain SET {ROWS[what]} WHERE id = {hand.chain['id']}")
    assert verify()[0] == 1
    proof = prove_record()
    rows = {row.key: row for row in proof.chains.all()}
    assert (proof.whole, rows["organisation"].whole, rows["organisation"].sequence) == (
        False,
        False,
        0,
    )
    assert rows[house.chain.key].whole
    assert read_checkpoint(proof.checkpoint).points[house.chain.key].length == 5


@pytest.mark.parametrize("way", WAYS)
def test_what_another_program_did_to_the_file_is_named(
    house: Building, path: Path, way: str
) -> None:
    tamper, sequence, why = WAYS[way]
    with stranger_at(path, house.chain.key) as hand:
        assert outsider.check_database(hand.query) == []
        tamper(hand)
        assert outsider.check_database(hand.query) != []
    code, said = verify("--json")
    assert code == 1
    (chain,) = [each for each in json.loads(said)["chains"] if each["key"] == house.chain.key]
    assert chain["broken"]["sequence"] == sequence
    assert why in chain["broken"]["why"]
    code, said = verify()
    assert (code, f"BROKEN  {house.chain.key}  at event {sequence}: " in said) == (1, True)


def rewritten(hand: Stranger) -> None:
    hand.set_end(5, hashed_to_the_end(hand))


def shortened(hand: Stranger) -> None:
    without(hand, 4, 5)
    hand.set_end(3)


def shortened_and_grown(hand: Stranger) -> None:
    shortened(hand)
    for sequence in (4, 5):
        hand.copy(3, sequence)
        hand.copy_detail(3, sequence)
        hand.hash_anew(sequence, previous=hash_at(hand, sequence - 1))
    hand.set_end(5)


def emptied(hand: Stranger) -> None:
    without(hand, 1, 2, 3, 4, 5)
    hand.set_end(0, "0" * 64)


def taken_away(hand: Stranger) -> None:
    without(hand, 1, 2, 3, 4, 5)
    hand.query(f"DELETE FROM locks_auditchain WHERE id = {hand.chain['id']}")


@pytest.mark.parametrize(
    ("tamper", "sequence", "why"),
    [
        (rewritten, 5, "was rewritten: a checkpoint knows another hash of it"),
        (shortened, 4, "was cut off: a checkpoint knows of it"),
        (shortened_and_grown, 5, "was rewritten"),
        (emptied, 1, "was cut off"),
        (taken_away, 0, "the checkpoint knows this chain, and it is no more"),
    ],
)
def test_what_was_computed_to_fit_is_named_with_a_checkpoint(
    house: Building, path: Path, kept: Path, tamper: Way, sequence: int, why: str
) -> None:
    checkpoint = outsider.read_checkpoint(kept.read_text())
    with stranger_at(path, house.chain.key) as hand:
        assert outsider.check_database(hand.query, checkpoint) == []
        tamper(hand)
        assert outsider.check_database(hand.query) == []
        assert outsider.check_database(hand.query, checkpoint) != []
    assert verify()[0] == 0  # the database alone cannot know
    for only in ((), ("--building", str(house.pk))):
        code, said = verify("--json", "--checkpoint", str(kept), *only)
        (chain,) = [each for each in json.loads(said)["chains"] if each["key"] == house.chain.key]
        assert (code, chain["broken"]["sequence"]) == (1, sequence)
        assert why in chain["broken"]["why"]


def test_an_event_that_claims_an_earlier_time_does_not_escape_a_walk_that_begins_later(
    house: Building, path: Path
) -> None:
    with stranger_at(path, house.chain.key) as hand:
        since = hand.query(f"SELECT at FROM locks_auditevent WHERE id = {hand.place(4)}")[0]["at"]
        hand.change(4, "at = '2020-01-01 00:00:00+00'")
        hand.change(5, "at = '2020-01-01 00:00:00+00'")
    code, said = verify("--since", f"{since}+00:00" if isinstance(since, str) else str(since))
    assert (code, "at event 4" in said) == (1, True)


def test_a_walk_that_begins_later_begins_at_the_checkpoint_where_that_is_earlier(
    house: Building, path: Path, kept: Path
) -> None:
    with transaction.atomic():
        for _ in range(4):
            last = record(Kind.BUILDING_CHANGED, building=house)
    since = ("--json", "--building", str(house.pk), "--since", last.at.isoformat())
    (chain,) = json.loads(verify(*since)[1])["chains"]
    assert (chain["first"], chain["events"]) == (8, 2)
    (chain,) = json.loads(verify(*since, "--checkpoint", str(kept))[1])["chains"]
    assert (chain["whole"], chain["first"], chain["events"]) == (True, 6, 4)
    with stranger_at(path, house.chain.key) as hand:
        hand.change(7, "kind = 'role.granted'")
    assert verify(*since)[0] == 0
    assert verify(*since, "--checkpoint", str(kept))[0] == 1


@pytest.mark.sqlite_only
def test_an_event_that_stands_there_twice_is_found_where_the_table_no_longer_forbids_it(
    house: Building, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying, "BATCH", 1)
    with stranger_at(path, house.chain.key) as hand:
        hand.query("CREATE TABLE other AS SELECT * FROM locks_auditevent")
        hand.query("DROP TABLE locks_auditevent")
        hand.query("ALTER TABLE other RENAME TO locks_auditevent")
        hand.copy(3, 3, kind="'role.granted'")
    code, said = verify("--building", str(house.pk))
    assert (code, "twice" in said) == (1, True)


def test_a_building_whose_chain_is_gone_is_not_called_whole(house: Building, path: Path) -> None:
    with stranger_at(path, house.chain.key) as hand:
        taken_away(hand)
    code, said = verify("--building", str(house.pk))
    assert (code, "has no chain" in said) == (1, True)


def test_the_second_implementation_knows_nothing_of_accessdesk() -> None:
    tree: Any = ast.parse(Path(outsider.__file__).read_text())
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    assert names - set(sys.stdlib_module_names) == {"cryptography"}
