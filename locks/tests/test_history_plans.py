"""How PostgreSQL answers the history and the hand-over sheet: along an index, whatever else is in the tables."""

import datetime as dt
import re
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from locks import listening
from locks.admin import paging
from locks.models import AuditEvent, Building, Device, Kind, Status, UnlockRequest, User
from locks.services.audit import record
from locks.services.handing_over import take_over
from locks.tests import long_record
from locks.tests.factories import grant, make_building, make_device, make_superuser, make_user
from locks.tests.history import past_unlock

pytestmark = [pytest.mark.django_db, pytest.mark.postgres_only]
EVENTS, REQUESTS = "/admin/locks/auditevent/", "/admin/locks/unlockrequest/"
PRESSES = "/admin/locks/press/"
FILLED = (
    12_000  # events of a building: a scan of them all would be the cheaper way in none of these
)


@pytest.fixture
def house(
    north: Building, manager: User, clerk: User, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """Two buildings with many events and requests; some of them rare."""
    # Parts of these tables, as they are of long ones.
    monkeypatch.setattr(paging, "WINDOWS", (250, 500))
    other = make_building("Other house")
    doors = [make_device(building) for building in (north, other) for _each in range(20)]
    with connection.cursor() as cursor:
        for door in (doors[0], doors[-1]):
            long_record.write(door.building, door, manager, events=FILLED)
        cursor.execute(MANY_REQUESTS, [clerk.pk, [door.pk for door in doors]])
        cursor.execute(THEIR_PRESSES)
    rare = make_user("rare")
    grant(rare, north)
    request = past_unlock(
        doors[0], rare, status=Status.UNKNOWN, code="no_outcome", reason="Zeppelin",
        took_ms=20_000, out_of_hours=True, overridden="frozen", action_attempt_id="attempt-of-zeppelin",
    )  # fmt: skip
    with transaction.atomic():
        record(Kind.BUILDING_FROZEN, building=north, actor=manager, reason="Drill")
    with connection.cursor() as cursor:
        # As autovacuum does, which does not look into this transaction.
        cursor.execute("SELECT gin_clean_pending_list('locks_detail_words')")
        cursor.execute("ANALYZE")
    return {"door": doors[1].pk, "person": rare.pk, "request": request.pk, "building": north.pk}


MANY_REQUESTS = """
INSERT INTO locks_unlockrequest (device_id, building_id, requested_by_id, door_label, person_name, status, reason,
  identified_by, pressed_again, requested_at, send_by, call_deadline, resolve_by, ended_at, code, action_attempt_id,
  confirmed_by_device, error_type, error_message, seam_request_id, may_still_act, inferred, out_of_hours, overridden,
  took_ms)
SELECT d.id, d.building_id, %s, d.label, 'Clerk', 'unlocked', '', '', false, at, at, at, at, at, '', '', true, '', '',
  '', false, false, false, '', 4000
FROM (SELECT now() - n * interval '1 minute' AS at, 1 + n %% 40 AS nth FROM generate_series(1, 8000) n) each
JOIN (SELECT id, building_id, label, row_number() OVER (ORDER BY id) AS nth FROM locks_device WHERE id = ANY(%s)) d
  USING (nth)
"""


THEIR_PRESSES = """
INSERT INTO locks_press (device_id, building_id, person_id, door_label, person_name, nonce, pressed_at, verdict, code,
  freeze_reason, request_id, repeats, repeats_recorded)
SELECT device_id, building_id, requested_by_id, door_label, person_name, gen_random_uuid(), requested_at, 'sent', '',
  '', id, 0, 0 FROM locks_unlockrequest
"""


def plans(client: Client, address: str) -> list[str]:
    """How each question about events, details and requests behind a page is answered."""
    client.get(address)
    with CaptureQueriesContext(connection) as asked:
        assert client.get(address).status_code == 200
    found = []
    for each in asked:
        sql = each["sql"]
        if not re.match(r'SELECT .*FROM "locks_(auditevent|unlockrequest|press)"', sql):
            continue
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {sql}")
            found.append("\n".join(row[0] for row in cursor.fetchall()))
    return found


ADDRESSES = [
    EVENTS,
    f"{EVENTS}?building={{building}}",
    f"{EVENTS}?door={{door}}",
    f"{EVENTS}?person={{person}}",
    f"{EVENTS}?kind=building.frozen",
    f"{EVENTS}?outcome=unknown",
    f"{EVENTS}?request={{request}}",
    f"{EVENTS}?q=zeppelin",
    f"{EVENTS}?q=attempt-of-zeppelin",
    f"{EVENTS}?older=2026-01-01T00:00:00Z~1",
    PRESSES,
    f"{PRESSES}?door={{door}}",
    f"{PRESSES}?person={{person}}",
    f"{PRESSES}?verdict=refused",
    REQUESTS,
    f"{REQUESTS}?door={{door}}",
    f"{REQUESTS}?person={{person}}",
    f"{REQUESTS}?outcome=unknown",
    f"{REQUESTS}?slow=yes",
    f"{REQUESTS}?out_of_hours=yes",
    f"{REQUESTS}?break_glass=yes",
    f"{REQUESTS}?code=no_outcome",
    f"{REQUESTS}?q=zeppelin",
    f"{REQUESTS}?older=2026-01-01T00:00:00Z~1",
    f"{REQUESTS}{{request}}/change/",
]


def test_no_page_of_the_history_reads_a_whole_table(
    house: dict[str, Any], manager: User, manager_client: Client
) -> None:
    superuser = Client()
    superuser.force_login(make_superuser())
    for client in (manager_client, superuser):
        for address in ADDRESSES:
            answers = plans(client, address.format(**house))
            assert answers, address
            for plan in answers:
                assert not re.search(
                    r"Seq Scan on locks_(auditevent|auditdetail|unlockrequest|press)", plan
                ), f"{address}\n{plan}"


def test_no_hand_over_sheet_reads_all_requests(
    house: dict[str, Any], north: Building, clerk: User, manager_client: Client
) -> None:
    """Not for what became known late of an earlier press, either."""
    take_over(actor=clerk, building=north, after=0, at=timezone.now() - dt.timedelta(hours=3))
    for address in (f"/hand-over/{north.pk}/", f"/hand-over/{north.pk}/1/"):
        answers = plans(manager_client, address)
        assert any("contradicted_at" in plan for plan in answers)
        for plan in answers:
            assert "Seq Scan on locks_unlockrequest" not in plan, f"{address}\n{plan}"


def test_the_words_of_a_building_are_found_by_their_index(
    house: dict[str, Any], manager_client: Client
) -> None:
    for address in (f"{EVENTS}?q=zeppelin", f"{REQUESTS}?q=zeppelin"):
        assert any(
            re.search(r"Index Cond: .*event_id >> 40.*upper\(body\)", plan)
            for plan in plans(manager_client, address)
        ), address


def test_what_a_person_did_here_is_found_behind_all_that_they_did_elsewhere(
    house: dict[str, Any], north: Building, manager_client: Client
) -> None:
    mover, gate = make_user("mover"), make_device(make_building("Third house"))
    grant(mover, north)
    long_record.write(gate.building, gate, mover, events=FILLED)
    request = past_unlock(Device.objects.get(pk=house["door"]), mover)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE locks_auditevent")
    address = f"{EVENTS}?person={mover.pk}"
    assert any("locks_event_of_actor_here" in plan for plan in plans(manager_client, address))
    shown = manager_client.get(address).context["cl"].result_list
    assert {event.request_id for event in shown} == {request.pk}


def test_rare_words_are_found_however_far_back(
    house: dict[str, Any], north: Building, clerk: User, manager_client: Client
) -> None:
    """Behind more rows than are looked at one by one."""
    request = UnlockRequest.objects.get(pk=house["request"])
    door = Device.objects.get(pk=house["door"])
    long_record.write(north, door, clerk, events=2_000)
    with connection.cursor() as cursor:
        cursor.execute(
            MANY_REQUESTS, [clerk.pk, [door.pk for door in north.devices.all()[:1]] * 40]
        )
    UnlockRequest.objects.filter(pk=request.pk).update(requested_at="2020-01-01T00:00:00Z")
    shown = manager_client.get(f"{EVENTS}?q=zeppelin").context["cl"].result_list
    assert {event.request_id for event in shown} == {request.pk}
    assert list(manager_client.get(f"{REQUESTS}?q=zeppelin").context["cl"].result_list) == [request]
    both = f"{EVENTS}?q=zeppelin+{AuditEvent.objects.get(kind=Kind.BUILDING_FROZEN).kind}"
    assert not manager_client.get(both).context["cl"].result_list


def test_words_in_different_events_of_a_request_are_found_by_the_rarest(
    house: dict[str, Any], manager_client: Client
) -> None:
    request = UnlockRequest.objects.get(pk=house["request"])
    for search in ("zeppelin rare", "rare zeppelin"):
        page = manager_client.get(REQUESTS, {"q": search}).content.decode()
        assert f"{REQUESTS}{request.pk}/change/" in page
    page = manager_client.get(REQUESTS, {"q": "zeppelin unheard-of"}).content.decode()
    assert f"{REQUESTS}{request.pk}/change/" not in page


@pytest.mark.django_db(transaction=True)
def test_a_search_that_takes_too_long_says_what_to_do(
    north: Building, manager_client: Client
) -> None:
    with transaction.atomic():
        record(Kind.BUILDING_FROZEN, building=north, reason="Drill")
    with psycopg.connect(**listening.notify_parameters()) as other, connection.cursor() as cursor:
        other.execute("LOCK TABLE locks_auditdetail")  # until it is closed
        cursor.execute("SET statement_timeout = '500ms'")
        try:
            answer = manager_client.get(EVENTS, {"q": "zeppelin"})
        finally:
            cursor.execute("SET statement_timeout = '20s'")
    assert answer.status_code == 400
    assert "This takes too long." in answer.content.decode()
