"""An export from the admin: exactly what the list shows, streamed, on the record, and proven elsewhere."""

import asyncio
import csv
import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from django.test import AsyncClient, Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from locks.models import Assignment, AuditEvent, Building, Device, Kind, User
from locks.services import export_rows, exporting
from locks.services.checkpoints import public_key
from locks.services.errors import NotAllowed
from locks.services.exporting import Export, reviewable
from locks.services.reading_exports import check_export
from locks.tests import long_record, outsider
from locks.tests.conftest import signed_in
from locks.tests.factories import grant, make_building, make_device, make_user
from locks.tests.history import past_refusal, past_unlock

pytestmark = pytest.mark.django_db
EXPORT = "/admin/locks/auditevent/export/"


@pytest.fixture(autouse=True)
def signing(settings: Settings) -> None:
    settings.AUDIT_SIGNING_KEY = "5e" * 32


@pytest.fixture
def door(north: Building, clerk: User) -> Device:
    """A door with six events of two requests and a refusal."""
    door = make_device(north, label="Main entrance")
    past_unlock(door, clerk, reason="Courier", confirmed_by_device=True)
    past_unlock(make_device(north, label="Cellar"), clerk, reason="=1+1")
    past_refusal(door, clerk)
    return door


@pytest.fixture
def foreign() -> Device:
    """A door of another building, with events of its own."""
    door = make_device(make_building("Zephyr Lodge"), label="Zephyr gate")
    past_unlock(door, make_user("zephyr", name="Zephyr clerk"), reason="zephyr guest")
    return door


def export(client: Client, path: Path, **fields: Any) -> dict[str, Any]:
    """Post the form of the list, keep what comes, and give back its manifest, checked twice."""
    answer = client.post(EXPORT, {"form": "ndjson", **fields})
    assert answer.status_code == 200, fields
    assert answer["Content-Disposition"].startswith("attachment; filename=")
    path.write_bytes(b"".join(answer.streaming_content))
    ours, theirs = (
        check_export(path, trusted=public_key()),
        outsider.check_export(path, public_key()),
    )
    assert ours.problems == []
    assert theirs.problems == []
    assert ours.proves == theirs.proves == ours.manifest["proves"]
    return dict(ours.manifest)


def events_in(path: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [line["event"] for line in lines[:-1]]


@pytest.mark.parametrize(
    ("fields", "kinds"),
    [
        ({"kind": "unlock.refused"}, ["unlock.refused"]),
        ({"q": "courier"}, ["unlock.requested", "unlock.unlocked"]),
        ({"outcome": "unlocked_confirmed"}, ["unlock.requested", "unlock.unlocked"]),
        ({"q": "nobody knows"}, []),
        ({"kind": "", "q": "", "since": "2000-01-01", "slow": "", "person": "1"}, None),
    ],
)
def test_it_holds_exactly_what_the_list_shows(
    fields: dict[str, str],
    kinds: list[str] | None,
    door: Device,
    foreign: Device,
    manager_client: Client,
    tmp_path: Path,
) -> None:
    listed = manager_client.get("/admin/locks/auditevent/", fields).context["cl"].result_list
    shown = sorted(event.sequence for event in listed)
    manifest = export(manager_client, tmp_path / "x.ndjson", **fields)
    events = events_in(tmp_path / "x.ndjson")
    assert [event["sequence"] for event in events] == shown
    if kinds is not None:
        assert [event["kind"] for event in events] == kinds
    assert (manifest["rows"], manifest["proves"]) == (len(shown), "unaltered")
    assert manifest["made_by"] == "manager"
    assert manifest["filters"] == {name: value for name, value in fields.items() if value}


def test_a_door_with_its_times_is_unaltered_and_a_building_complete(
    door: Device, north: Building, manager_client: Client, tmp_path: Path
) -> None:
    of_door = export(manager_client, tmp_path / "door.ndjson", building=north.pk, door=door.pk)
    assert of_door["proves"] == "unaltered"
    whole = export(manager_client, tmp_path / "whole.ndjson", building=north.pk)
    assert whole["proves"] == "complete"
    assert export(manager_client, tmp_path / "only.ndjson")["proves"] == "complete"
    today = f"{timezone.now().astimezone(north.zone):%Y-%m-%d}"
    day = export(
        manager_client, tmp_path / "day.ndjson", building=north.pk, since=today, until=today
    )
    assert day["proves"] == "complete"
    assert day["filters"]["since"].endswith("+00:00")


def test_it_names_no_other_building(
    door: Device, foreign: Device, manager_client: Client, tmp_path: Path
) -> None:
    for number, fields in enumerate(
        ({}, {"building": foreign.building_id}, {"door": foreign.pk}, {"q": "zephyr"})
    ):
        path = tmp_path / f"{number}.ndjson"
        manifest = export(manager_client, path, **fields)
        assert "zephyr" not in path.read_text().lower().replace('"q":"zephyr"', "")
        chains = {point["chain"] for point in manifest["checkpoint"]["chains"]}
        assert chains <= {f"building-{door.building_id}"}
    zephyr = AuditEvent.objects.filter(chain__building=foreign.building)
    assert not zephyr.filter(kind=Kind.EXPORTED).exists()


def test_a_spreadsheet_gets_csv_without_formulas(
    door: Device, manager_client: Client, tmp_path: Path
) -> None:
    manifest = export(manager_client, tmp_path / "x.csv", form="csv")
    header, *rows, last = csv.reader(io.StringIO((tmp_path / "x.csv").read_text()))
    assert header == list(export_rows.COLUMNS)
    assert last[0] == "#manifest"
    assert len(rows) == manifest["rows"]
    assert "'=1+1" in {row[header.index("reason")] for row in rows}


def test_an_export_is_on_the_record_of_each_building_it_reads(
    door: Device, north: Building, manager: User, manager_client: Client, tmp_path: Path
) -> None:
    annex = make_building("Annex")
    grant(manager, annex, "manager")
    past_unlock(make_device(annex), make_user())
    export(manager_client, tmp_path / "x.ndjson", kind="unlock.refused")
    for building, rows in ((north, 1), (annex, 0)):
        begun, ended = AuditEvent.objects.filter(chain__building=building).order_by("-pk")[:2][::-1]
        assert (begun.kind, ended.kind) == (Kind.EXPORT_BEGUN, Kind.EXPORTED)
        assert ended.actor == manager
        assert ended.detail.content["rows"] == rows
        assert ended.detail.content["filters"] == {"kind": "unlock.refused"}


def test_a_buildings_managers_do_not_read_what_was_looked_for_in_another(
    door: Device, north: Building, manager: User, manager_client: Client, tmp_path: Path
) -> None:
    annex = make_building("Annex")
    grant(manager, annex, "manager")
    past_unlock(make_device(annex), make_user())
    events = AuditEvent.objects.filter(kind__in=[Kind.EXPORT_BEGUN, Kind.EXPORTED])
    export(manager_client, tmp_path / "door.ndjson", door=door.pk, q="Courier")
    assert {event.chain.building for event in events} == {north}
    assert events[0].detail.content["filters"] == {"door": str(door.pk), "q": "Courier"}
    manifest = export(manager_client, tmp_path / "q.ndjson", q="Courier", kind="unlock.requested")
    assert manifest["filters"] == {"q": "Courier", "kind": "unlock.requested"}
    for building in (north, annex):
        for event in events.filter(chain__building=building)[:2]:
            assert "Courier" not in event.detail.body
            assert event.detail.content["filters"] == {"kind": "unlock.requested"}
            assert event.detail.content["other_filters"] == ["q"]


def test_a_door_that_was_moved_is_exported_from_both_buildings(
    door: Device, north: Building, manager: User, manager_client: Client, tmp_path: Path
) -> None:
    annex = make_building("Annex")
    grant(manager, annex, "manager")
    Device.objects.filter(pk=door.pk).update(building=annex)
    door.refresh_from_db()
    past_unlock(door, make_user())
    listed = manager_client.get("/admin/locks/auditevent/", {"door": door.pk})
    manifest = export(manager_client, tmp_path / "door.ndjson", door=door.pk)
    assert manifest["rows"] == len(listed.context["cl"].result_list)
    assert set(manifest["chains"]) == {north.chain.key, annex.chain.key}


@pytest.mark.parametrize(
    "fields", [{"form": "pdf"}, {"form": ""}, {"since": "never"}, {"password__startswith": "a"}]
)
def test_a_senseless_form_is_refused_and_records_nothing(
    fields: dict[str, str], door: Device, manager_client: Client
) -> None:
    before = AuditEvent.objects.count()
    assert manager_client.post(EXPORT, {"form": "csv", **fields}).status_code == 400
    assert AuditEvent.objects.count() == before


def revoked_after(parts: int, north: Building, manager: User) -> list[bytes]:
    """What still comes of an export once the role was revoked; it must end with NotAllowed."""
    running = Export(reviewable(manager), "ndjson", manager, {}, among=[north]).parts()
    assert all(next(running) for _ in range(parts))
    Assignment.objects.filter(person=manager).update(revoked_at=timezone.now())
    later = []
    with pytest.raises(NotAllowed):
        later.extend(running)
    kinds = AuditEvent.objects.filter(chain__building=north).values_list("kind", flat=True)
    assert Kind.EXPORT_BEGUN in kinds
    assert Kind.EXPORTED not in kinds
    return later


def test_an_export_ends_with_the_role_that_began_it(
    door: Device, north: Building, manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within one stretch of the chain, too, as soon as the right is asked for again."""
    monkeypatch.setattr(export_rows, "BATCH", 2)
    monkeypatch.setattr(exporting, "RIGHT_HOLDS", 0)
    assert revoked_after(1, north, manager) == []


def test_no_manifest_is_made_for_whoever_lost_the_role_during_the_last_part(
    door: Device, north: Building, manager: User
) -> None:
    assert revoked_after(1, north, manager) == []  # all events were in the first part


def test_an_export_ends_with_the_session_that_began_it(
    door: Device, manager_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_rows, "BATCH", 2)
    monkeypatch.setattr(exporting, "RIGHT_HOLDS", 0)
    answer = manager_client.post(EXPORT, {"form": "ndjson"})
    parts = iter(answer.streaming_content)
    assert next(parts)
    manager_client.logout()
    with pytest.raises(NotAllowed, match="signed out"):
        list(parts)


@pytest.mark.django_db(transaction=True)
def test_it_leaves_the_server_piece_by_piece(
    door: Device, manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under ASGI, where a plain iterator would be read to its end before the first byte is sent."""
    monkeypatch.setattr(export_rows, "BATCH", 2)
    cookies = signed_in(manager).cookies

    async def pieces() -> list[bytes]:
        browser = AsyncClient()
        browser.cookies = cookies
        answer = await browser.post(EXPORT, {"form": "ndjson"})
        assert answer.is_async
        return [piece async for piece in answer.streaming_content]

    found = asyncio.run(pieces())
    assert [len(piece.splitlines()) for piece in found] == [2, 2, 1, 1]


def test_a_long_record_is_exported_in_flat_memory(
    north: Building, manager: User, door: Device, tmp_path: Path
) -> None:
    def peak(events: int) -> int:
        long_record.write(north, door, manager, events=events)
        of_all = Export(reviewable(manager, building=north), "ndjson", manager, {}, whole_of=north)
        with (tmp_path / f"{events}.ndjson").open("wb") as file:
            tracemalloc.start()
            try:
                for part in of_all.parts():
                    file.write(part)
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

    few, many = peak(2_000), peak(8_000)
    assert many < few * 1.2
    report = outsider.check_export(tmp_path / "8000.ndjson", public_key())
    assert (report.problems, report.proves) == ([], "complete")
    assert check_export(tmp_path / "8000.ndjson", trusted=public_key()).rows > 10_000


def test_the_list_offers_what_it_shows(door: Device, manager_client: Client) -> None:
    page = manager_client.get(
        "/admin/locks/auditevent/?kind=unlock.refused&q=main"
    ).content.decode()
    form = page[page.index(f'action="{EXPORT}"') :]
    form = form[: form.index("</form>")]
    assert '<input type="hidden" name="kind" value="unlock.refused">' in form
    assert '<input type="hidden" name="q" value="main">' in form
    assert manager_client.get(EXPORT).status_code == 405
