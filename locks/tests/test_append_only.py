"""Nobody changes, replaces or removes a row of the record: not by SQL, not by the ORM."""

# ruff: noqa: S608  # attacks are made of SQL

import threading
from typing import Any

import pytest
from django.core.checks import Tags, run_checks
from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal
from django.db import DatabaseError, connection, models, transaction
from django.db.migrations import Migration
from django.db.models import ProtectedError

from locks import append_only
from locks.models import AuditChain, AuditDetail, AuditEvent, Building, Device, Kind
from locks.models.audit import CHAIN_STRIDE, AppendOnly
from locks.services.audit import record
from locks.services.verifying import verify_chains
from locks.tests.factories import make_building, make_device, make_user

COLUMNS = {
    table: [field.column for field in model._meta.concrete_fields]
    for table, model in (("locks_auditevent", AuditEvent), ("locks_auditdetail", AuditDetail))
}
STRIDE = CHAIN_STRIDE


@pytest.fixture
def event(db: None) -> AuditEvent:
    """The second of three events of a building; the organisation has one, too."""
    building = make_building("Harbour House")
    device, actor = make_device(building), make_user("clerk")
    with transaction.atomic():
        record(Kind.SYNCED, building=None)
        first, second, _third = (
            record(Kind.UNLOCK_REFUSED, building=building, device=device, actor=actor, code=code)
            for code in ("frozen", "gone", "too_late")
        )
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # What is still to be checked at commit would refuse TRUNCATE before the triggers do.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert first.hash == second.previous_hash
    return second


def rows() -> list[Any]:
    """Everything that the three tables hold."""
    return [
        list(model.objects.order_by("pk").values_list())
        for model in (AuditChain, AuditEvent, AuditDetail)
    ]


def attack(*statements: str) -> None:
    """Run SQL and expect the database to refuse the last of it; nothing may have changed."""
    before = rows()
    with connection.cursor() as cursor, transaction.atomic():
        for statement in statements[:-1]:
            cursor.execute(statement)
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            cursor.execute(statements[-1])
        transaction.set_rollback(True)
    assert rows() == before


def copied(table: str, verb: str = "INSERT", **changed: str) -> str:
    """SQL that inserts the second event (or its detail) once more, with some columns changed."""
    names = [*COLUMNS[table.removeprefix("public.")], *(["rowid"] if "rowid" in changed else [])]
    values = [changed.get(name, f"t.{name}") for name in names]
    key = "event_id" if table == "locks_auditdetail" else "id"
    return (
        f"{verb} INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} FROM {table} t"
        f" WHERE t.{key} = (SELECT id FROM locks_auditevent WHERE sequence = 2)"
    )


def continued(verb: str = "INSERT", **changed: str) -> str:
    """SQL that inserts an event that continues the building's chain, with some columns changed."""
    chain = "(SELECT {} FROM locks_auditchain WHERE building_id IS NOT NULL)"
    length, head = chain.format("length + 1"), chain.format("head")
    own_id = chain.format(f"id * {STRIDE} + length + 1")
    values = {"id": own_id, "sequence": length, "previous_hash": head, **changed}
    return copied("locks_auditevent", verb, **values)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE locks_auditevent SET kind = 'role.granted'",
        "UPDATE locks_auditevent SET at = at WHERE sequence = 2",
        "UPDATE locks_auditevent SET actor_id = NULL",
        "UPDATE locks_auditevent SET hash = previous_hash WHERE sequence = 3",
        "DELETE FROM locks_auditevent",
        "DELETE FROM locks_auditevent WHERE sequence = 3",
        "UPDATE locks_auditdetail SET body = '{}'",
        "UPDATE locks_auditdetail SET salt = salt",
        "DELETE FROM locks_auditdetail",
        "DELETE FROM locks_auditchain",
        "UPDATE locks_auditchain SET head = 'x'",
        "UPDATE locks_auditchain SET length = length - 1",
        "UPDATE locks_auditchain SET length = length + 1",
        "UPDATE locks_auditchain SET length = length + 1, head = 'x'",
        "UPDATE locks_auditchain SET length = 0, head = '0'",
        "UPDATE locks_auditchain SET changes = changes - 1",
        "UPDATE locks_auditchain SET key = 'another'",
        "UPDATE locks_auditchain SET id = id + 100",
        "UPDATE locks_auditchain SET building_id = NULL WHERE building_id IS NOT NULL",
    ],
)
def test_it_refuses_to_change_or_remove_a_row_by_sql(event: AuditEvent, statement: str) -> None:
    attack(statement)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"kind": "'role.granted'"},
        {"id": "t.id + 100"},
        {"sequence": "t.sequence + 100", "id": "t.id + 100"},
        {"sequence": "-1", "id": "t.id - 3"},
    ],
    ids=["as it is", "its id", "its place", "a gap", "before the first"],
)
def test_it_refuses_to_insert_an_event_in_a_place_that_is_taken_or_wrong(
    event: AuditEvent, changed: dict[str, str]
) -> None:
    attack(copied("locks_auditevent", **changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"previous_hash": "t.previous_hash"},
        {"previous_hash": "t.hash"},
        {"sequence": "t.sequence + 3", "id": "t.id + 3"},
        {"chain_id": "(SELECT id FROM locks_auditchain WHERE building_id IS NULL)"},
        {"chain_id": "999999"},
    ],
    ids=["hash of an earlier", "hash of the one before", "a gap", "another chain", "no chain"],
)
def test_it_refuses_to_insert_an_event_that_does_not_continue_its_chain(
    event: AuditEvent, changed: dict[str, str]
) -> None:
    attack(continued(**changed))


def test_it_accepts_an_event_that_continues_its_chain_and_then_moves_the_head(
    event: AuditEvent,
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(continued(hash="'made up'"))
        cursor.execute(
            "UPDATE locks_auditchain SET length = length + 1, head = 'made up'"
            " WHERE building_id IS NOT NULL"
        )
    assert AuditChain.objects.get(pk=event.chain_id).length == 4


def test_it_refuses_to_move_the_head_to_anything_but_the_event_that_was_appended(
    event: AuditEvent,
) -> None:
    attack(
        continued(hash="'made up'"),
        "UPDATE locks_auditchain SET length = length + 1, head = 'another'"
        " WHERE building_id IS NOT NULL",
    )


def test_it_refuses_a_second_detail_of_an_event(event: AuditEvent) -> None:
    before = rows()
    for verb in ("INSERT", *(["INSERT OR REPLACE"] if connection.vendor == "sqlite" else [])):
        with (
            pytest.raises(DatabaseError),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(copied("locks_auditdetail", verb, body="'{}'"))
    assert rows() == before


@pytest.mark.sqlite_only
@pytest.mark.parametrize("verb", ["INSERT OR REPLACE", "REPLACE", "INSERT OR IGNORE"])
@pytest.mark.parametrize("table", ["locks_auditevent", "locks_auditdetail"])
def test_it_refuses_to_replace_a_row_by_inserting_it_again(
    event: AuditEvent, table: str, verb: str
) -> None:
    changed = {"kind": "'role.granted'"} if table == "locks_auditevent" else {"body": "'{}'"}
    attack(copied(table, verb, **changed))


@pytest.mark.sqlite_only
def test_it_refuses_to_replace_a_chain_by_inserting_it_again(event: AuditEvent) -> None:
    attack(
        "INSERT OR REPLACE INTO locks_auditchain (id, key, building_id, length, head, changes)"
        " SELECT id, key, building_id, 0, head, 0 FROM locks_auditchain"
    )
    attack(
        "INSERT OR REPLACE INTO locks_auditchain (id, key, building_id, length, head, changes)"
        " SELECT id + 100, 'another', building_id, 0, head, 0 FROM locks_auditchain"
        " WHERE building_id IS NOT NULL"
    )


@pytest.mark.sqlite_only
@pytest.mark.parametrize("statement", ["UPDATE OR REPLACE", "UPDATE OR IGNORE"])
def test_it_refuses_updates_that_ignore_or_replace(event: AuditEvent, statement: str) -> None:
    attack(f"{statement} locks_auditevent SET kind = 'role.granted'")
    attack(f"{statement} locks_auditchain SET head = 'x'")


@pytest.mark.sqlite_only
def test_it_refuses_to_replace_a_row_through_its_hidden_row_number(event: AuditEvent) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rowid FROM locks_auditevent WHERE sequence = 2")
        number = cursor.fetchone()[0]
    attack(continued("INSERT OR REPLACE", rowid=str(number)))
    # -1 is what SQLite says of a row before it has a number: nobody may take it.
    attack(continued("INSERT OR REPLACE", rowid="-1"))
    new_detail = copied(
        "locks_auditdetail", "INSERT OR REPLACE", rowid=str(number), event_id="t.event_id + 2"
    )
    attack(continued(hash="'made up'"), new_detail)


@pytest.mark.postgres_only
@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE locks_auditevent CASCADE",
        "TRUNCATE locks_auditdetail",
        "TRUNCATE locks_auditchain CASCADE",
        "TRUNCATE locks_building CASCADE",
        "TRUNCATE locks_user CASCADE",
    ],
)
def test_it_refuses_to_truncate_a_table(event: AuditEvent, statement: str) -> None:
    attack(statement)


@pytest.mark.postgres_only
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE locks_auditevent SET kind = 'role.granted'",
        "DELETE FROM locks_auditdetail",
        "UPDATE locks_auditchain SET head = 'x'",
        "TRUNCATE locks_auditevent CASCADE",
        copied("locks_auditevent", sequence="t.sequence + 100", id="t.id + 100"),
    ],
)
def test_it_refuses_a_session_that_plays_the_replica(event: AuditEvent, statement: str) -> None:
    attack("SET LOCAL session_replication_role = replica", statement)


@pytest.mark.postgres_only
def test_it_is_not_deceived_by_a_temporary_table_of_the_same_name(event: AuditEvent) -> None:
    """Any role may make one, and PostgreSQL looks there first for a name without its schema."""
    attack(
        "CREATE TEMPORARY TABLE locks_auditevent ON COMMIT DROP AS"
        " SELECT chain_id, sequence + 1 AS sequence, repeat('ab', 32) AS hash"
        " FROM public.locks_auditevent",
        "UPDATE public.locks_auditchain SET length = length + 1, head = repeat('ab', 32)",
    )
    attack(
        "CREATE TEMPORARY TABLE locks_auditchain ON COMMIT DROP AS"
        " SELECT id, 98::bigint AS length, repeat('ab', 32) AS head FROM public.locks_auditchain",
        copied(
            "public.locks_auditevent",
            id=f"t.chain_id * {STRIDE} + 99",
            sequence="99",
            previous_hash="repeat('ab', 32)",
        ),
    )


@pytest.mark.postgres_only
def test_it_refuses_to_update_a_row_by_inserting_it_again(event: AuditEvent) -> None:
    upsert = " ON CONFLICT (event_id) DO UPDATE SET body = '{}'"
    attack(copied("locks_auditdetail") + upsert)


def test_it_refuses_every_write_of_the_orm_to_rows_that_exist(event: AuditEvent) -> None:
    before = rows()
    events, detail, person = AuditEvent.objects, event.detail, event.actor
    assert person is not None
    managers = [
        events,
        AuditEvent._base_manager,
        AuditEvent._default_manager,
        event.chain.events,
        person.events,
    ]
    for manager in managers:
        for write in (
            lambda manager=manager: manager.all().update(kind=Kind.ROLE_GRANTED),
            lambda manager=manager: manager.filter(pk=event.pk).delete(),
            lambda manager=manager: manager.all()._raw_delete("default"),
            lambda manager=manager: manager.bulk_update([event], ["kind"]),
            lambda manager=manager: manager.bulk_create([event], update_conflicts=False),
            lambda manager=manager: manager.update_or_create(pk=event.pk),
            lambda manager=manager: manager.get_or_create(pk=event.pk),
        ):
            with pytest.raises(AppendOnly), transaction.atomic():
                write()
    for write in (
        event.save,
        detail.save,
        lambda: event.save(update_fields=["kind"]),
        lambda: event.save_base(raw=True),
        event.delete,
        detail.delete,
        lambda: AuditDetail.objects.all().delete(),
        lambda: person.events.clear(),
        lambda: person.events.set([]),
        lambda: make_user("another").events.add(event),
    ):
        with pytest.raises(AppendOnly), transaction.atomic():
            write()
    assert rows() == before


def test_it_refuses_to_save_a_forged_event_or_a_copy(event: AuditEvent) -> None:
    before = rows()
    copy = AuditEvent.objects.get(pk=event.pk)
    copy._state.adding = True
    forged = AuditEvent(
        id=event.chain_id * STRIDE + 77, chain=event.chain, sequence=77, kind=Kind.ROLE_GRANTED
    )
    for each in (copy, forged):
        with pytest.raises(DatabaseError), transaction.atomic():
            each.save()
    assert rows() == before


def test_it_refuses_to_delete_whom_or_what_the_record_names(event: AuditEvent) -> None:
    assert event.actor is not None
    assert event.device is not None
    for named in (event.actor, event.device, event.device.building, event.chain):
        assert isinstance(named, models.Model)
        with pytest.raises((ProtectedError, AppendOnly)):
            named.delete()
    for model in (Device, Building):
        with pytest.raises((ProtectedError, AppendOnly)):
            model.objects.all().delete()


def test_it_warns_when_a_trigger_is_gone_and_not_before(event: AuditEvent) -> None:
    def warnings() -> list[str | None]:
        return [found.id for found in run_checks(tags=[Tags.database], databases=["default"])]

    assert warnings() == []
    with connection.cursor() as cursor:
        cursor.execute(
            "DROP TRIGGER locks_auditevent_no_update"
            + (" ON locks_auditevent" if connection.vendor == "postgresql" else "")
        )
    assert warnings() == ["locks.W001"]
    append_only.install()
    assert warnings() == []


@pytest.mark.postgres_only
@pytest.mark.parametrize("state", ["DISABLE", "ENABLE", "ENABLE REPLICA"])
def test_it_warns_when_a_trigger_does_not_always_fire(event: AuditEvent, state: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE locks_auditevent {state} TRIGGER locks_auditevent_no_update")
    assert append_only.missing() == ["locks_auditevent_no_update"]


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    ("model", "name"), [(AuditEvent, "kind"), (AuditDetail, "salt"), (AuditChain, "head")]
)
def test_it_guards_a_table_again_after_a_migration_altered_it(
    transactional_db: None, model: type[models.Model], name: str
) -> None:
    with transaction.atomic():
        record(Kind.SYNCED, building=None)
    before, old, new = rows(), model._meta.get_field(name), models.CharField(max_length=99)
    new.set_attributes_from_name(name)
    plan = [(Migration("9999_alter", "locks"), False)]
    emit_pre_migrate_signal(0, False, "default", plan=plan)
    with connection.schema_editor() as editor:
        editor.alter_field(model, old, new)
        editor.alter_field(model, new, old)
    assert append_only.missing() != []
    emit_post_migrate_signal(0, False, "default", plan=plan)
    assert append_only.missing() == []
    assert rows() == before
    attack(f"UPDATE {model._meta.db_table} SET {name} = 'x'")


def test_it_keeps_the_guards_up_while_a_migrate_has_nothing_to_do(transactional_db: None) -> None:
    emit_pre_migrate_signal(0, False, "default", plan=[])
    assert append_only.missing() == []


def test_it_refuses_to_record_outside_a_transaction(transactional_db: None) -> None:
    with pytest.raises(transaction.TransactionManagementError):
        record(Kind.SYNCED, building=None)
    assert not AuditEvent.objects.exists()


def test_it_leaves_no_event_of_a_change_that_was_rolled_back(transactional_db: None) -> None:
    building = make_building()
    with transaction.atomic():
        record(Kind.BUILDING_CHANGED, building=building)
        transaction.set_rollback(True)
    assert rows() == [[], [], []]
    with transaction.atomic():
        assert record(Kind.BUILDING_CHANGED, building=building).sequence == 1


@pytest.mark.postgres_only
def test_it_keeps_one_unbroken_chain_when_many_record_at_once(transactional_db: None) -> None:
    building = make_building()
    start, problems = threading.Barrier(4), []

    def press() -> None:
        try:
            start.wait(10)
            for number in range(10):
                with transaction.atomic():
                    record(Kind.SYNCED, building=building if number % 2 else None, number=number)
        except Exception as problem:
            problems.append(problem)
        finally:
            connection.close()

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert problems == []
    reports = {report.key: report for report in verify_chains()}
    assert len(reports) == 2
    assert all(report.is_whole and report.events == 20 for report in reports.values())
