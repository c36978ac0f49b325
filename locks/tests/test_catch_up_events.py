"""Events that no webhook brought are read from Seam's list, and the record notes what was missed."""

import datetime as dt
import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone
from pytest_django.fixtures import Settings

from locks.models import AuditEvent, Building, Device, EventsRead, Kind, Lease, SeamEvent, Source
from locks.seam import Event, reading
from locks.services import catching_up, events
from locks.services.catching_up import catch_up_events
from locks.services.errors import ServiceError
from locks.services.registering import register_webhook
from locks.simulator import Simulator
from locks.tasks import catch_up_events as beat
from locks.tests.deliveries import SECRET, event_json
from locks.tests.factories import make_device
from locks.tests.servers import RecordingServer, replies

pytestmark = pytest.mark.django_db(transaction=True)
DOOR = "harbour-main-entrance"
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def door(north: Building) -> Device:
    return make_device(north, seam_device_id=DOOR)


@pytest.fixture
def receiver(settings: Settings) -> None:
    """Webhooks are configured."""
    settings.SEAM_WEBHOOK_SECRETS = [SECRET]


def ago(minutes: float) -> dt.datetime:
    return timezone.now() - dt.timedelta(minutes=minutes)


def listing(*told: dict[str, Any]) -> Any:
    return replies(200, {"events": list(told), "ok": True})


def noted(kind: Kind) -> list[dict[str, Any]]:
    return [event.detail.content for event in AuditEvent.objects.filter(kind=kind)]


def test_what_happened_at_the_door_is_found_without_webhooks(
    door: Device, simulator: Simulator
) -> None:
    simulator.turn(DOOR, method="keycode")
    beat()
    event = SeamEvent.objects.get()
    assert (event.source, event.method, event.device) == (Source.LIST, "keycode", door)
    assert AuditEvent.objects.filter(kind=Kind.LOCK_UNLOCKED).count() == 1
    beat()
    assert SeamEvent.objects.count() == 1
    assert noted(Kind.EVENTS_CAUGHT_UP) == []  # no webhook should have brought it


def test_it_begins_where_it_ended_with_some_overlap(door: Device, settings: Settings) -> None:
    with RecordingServer(listing()) as seam:
        settings.SEAM_ENDPOINT = seam.endpoint
        catch_up_events()
        catch_up_events()
    first, second = (dt.datetime.fromisoformat(r.json()["since"]) for r in seam.requests)
    assert abs(first - ago(24 * 60)) < dt.timedelta(minutes=1)
    assert abs(second - ago(10)) < dt.timedelta(minutes=1)


def test_what_the_webhooks_missed_is_on_the_record(
    door: Device, settings: Settings, receiver: None
) -> None:
    EventsRead.objects.create(through=ago(60))
    missed = event_json("lock.unlocked", door, method="keycode", at=ago(30))
    on_its_way = event_json("lock.locked", door, at=ago(0.5))
    with RecordingServer(listing(missed, on_its_way)) as seam:
        settings.SEAM_ENDPOINT = seam.endpoint
        report = catch_up_events()
        catch_up_events()
    assert (report.listed, report.new, report.missed, report.gap) == (2, 2, 1, False)
    (note,) = noted(Kind.EVENTS_CAUGHT_UP)
    assert note["missed"] == 1
    assert AuditEvent.objects.get(kind=Kind.LOCK_UNLOCKED).detail.content["late"] is True


def test_a_time_that_the_list_does_not_cover_is_a_gap_on_the_record(
    door: Device, settings: Settings
) -> None:
    EventsRead.objects.create(through=ago(60 * 24 * 40))
    with RecordingServer(listing()) as seam:
        settings.SEAM_ENDPOINT = seam.endpoint
        assert catch_up_events().gap
        assert not catch_up_events().gap
    (note,) = noted(Kind.EVENTS_GAP)
    assert note["since"] < note["until"]


@pytest.mark.parametrize("odd", ["9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00Z"])
def test_an_event_of_no_time_of_ours_is_taken_for_when_it_was_told(
    door: Device, settings: Settings, odd: str
) -> None:
    bad = event_json("lock.unlocked", door, method="remote", occurred_at=odd)
    with RecordingServer(listing(bad, event_json("lock.locked", door))) as seam:
        settings.SEAM_ENDPOINT = seam.endpoint
        assert catch_up_events().new == 2
    assert all(abs(event.occurred_at - ago(0)) < MINUTE for event in SeamEvent.objects.all())


def test_an_event_that_cannot_be_taken_keeps_nobody_from_the_next(
    door: Device, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = event_json("lock.unlocked", door), event_json("lock.locked", door)
    take = events.take

    def breaks(event: Event, *, source: Source) -> bool:
        if event.event_id == bad["event_id"]:
            raise OverflowError
        return take(event, source=source)

    monkeypatch.setattr(events, "take", breaks)
    with RecordingServer(listing(bad, good)) as seam:
        settings.SEAM_ENDPOINT = seam.endpoint
        assert catch_up_events().new == 1
    assert SeamEvent.objects.get().event_id == good["event_id"]
    assert EventsRead.objects.get().through is not None


def test_without_the_database_nothing_is_taken_for_read(
    door: Device, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_event: Event, *, source: Source) -> bool:
        raise OperationalError("gone")

    monkeypatch.setattr(events, "take", gone)
    with RecordingServer(listing(event_json("lock.locked", door))) as seam:
        settings.SEAM_ENDPOINT = seam.endpoint
        with pytest.raises(OperationalError):
            catch_up_events()
    assert not EventsRead.objects.exists()


def test_kinds_that_no_webhook_was_asked_for_are_not_called_missed(
    door: Device, settings: Settings, receiver: None
) -> None:
    EventsRead.objects.create(through=ago(60))
    other = event_json("access_code.set_on_device", door, at=ago(30))
    with RecordingServer(listing(other)) as seam:
        settings.SEAM_ENDPOINT = seam.endpoint
        report = catch_up_events()
    assert (report.new, report.missed) == (1, 0)
    assert noted(Kind.EVENTS_CAUGHT_UP) == []


def test_asking_for_the_last_minutes_skips_no_hours_before(
    door: Device, settings: Settings
) -> None:
    EventsRead.objects.create(through=ago(600))
    with RecordingServer(listing()) as seam:
        settings.SEAM_ENDPOINT = seam.endpoint
        assert not catch_up_events(since=ago(5)).gap
        asked = dt.datetime.fromisoformat(seam.requests[0].json()["since"])
        assert asked < ago(600)
        catch_up_events(since=ago(900))
        asked = dt.datetime.fromisoformat(seam.requests[1].json()["since"])
        assert abs(asked - ago(900)) < MINUTE
    assert noted(Kind.EVENTS_GAP) == []


def test_what_was_forgotten_is_out_of_reach_of_the_list(door: Device, settings: Settings) -> None:
    old = event_json("lock.unlocked", door, method="keycode", at=ago(60 * 24 * 29))
    with RecordingServer(listing(old)) as seam:
        settings.SEAM_ENDPOINT = seam.endpoint
        catch_up_events(since=ago(60 * 24 * 40))
        SeamEvent.objects.update(received_at=ago(60 * 24 * 29))
        events.prune()
        catch_up_events(since=ago(60 * 24 * 40))
    assert AuditEvent.objects.filter(kind=Kind.LOCK_UNLOCKED).count() == 1
    assert events.KEPT_FOR > catching_up.REACHES_BACK


def test_an_error_in_the_midst_loses_nothing(door: Device, settings: Settings) -> None:
    EventsRead.objects.create(through=ago(60))
    before = EventsRead.objects.get().through
    with RecordingServer(replies(500, b"")) as seam:
        settings.SEAM_ENDPOINT = seam.endpoint
        with pytest.raises(ServiceError, match="cannot be read"):
            catch_up_events()
        beat()
    assert EventsRead.objects.get().through == before


def test_more_events_than_a_page_holds_are_read_to_the_end(
    door: Device, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_EVENTS", 100)
    told = [
        event_json("lock.locked", door, at=ago(60) + dt.timedelta(seconds=n)) for n in range(140)
    ]
    with RecordingServer(listing(*told[:100]), listing(*told[99:])) as seam:
        settings.SEAM_ENDPOINT = seam.endpoint
        report = catch_up_events()
    assert (report.listed, report.new) == (140, 140)
    assert len(seam.requests) == 2
    assert seam.requests[1].json()["since"] < told[99]["created_at"].replace("+00:00", "Z")


def test_a_server_that_pages_in_a_circle_is_left(
    door: Device, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_EVENTS", 100)
    page = [event_json("lock.locked", door) for _ in range(100)]
    with RecordingServer(listing(*page)) as seam:
        settings.SEAM_ENDPOINT = seam.endpoint
        with pytest.raises(ServiceError, match="do not come to an end"):
            catch_up_events()
    assert len(seam.requests) == 2
    assert EventsRead.objects.count() == 0  # it is read again the next time


def test_two_do_not_read_at_the_same_time(door: Device, simulator: Simulator) -> None:
    later = timezone.now() + dt.timedelta(minutes=1)
    Lease.objects.create(name="catch_up_events", holder="another", until=later)
    with pytest.raises(CommandError, match="already") as refused:
        call_command("catch_up_events")
    assert refused.value.returncode == 1


def test_the_command_says_what_it_read(door: Device, simulator: Simulator) -> None:
    simulator.turn(DOOR, method="keycode")
    said = io.StringIO()
    call_command("catch_up_events", "--json", stdout=said)
    assert json.loads(said.getvalue())["new"] == 1
    said = io.StringIO()
    call_command("catch_up_events", "--since", ago(5).isoformat(), stdout=said)
    assert "1 events" in said.getvalue()
    assert "0 of them new" in said.getvalue()


def test_registering_prints_what_to_put_where_once(simulator: Simulator) -> None:
    said = io.StringIO()
    call_command("register_webhook", "https://desk.example.com", stdout=said)
    text = said.getvalue()
    assert "Seam delivers to https://desk.example.com/webhooks/seam/" in text
    assert "SEAM_WEBHOOK_SECRET=whsec_" in text
    first, is_new = register_webhook("https://desk.example.com/")
    assert not is_new
    second, is_new = register_webhook("https://desk.example.com", again=True)
    assert is_new
    assert second.secret != first.secret
    assert second.secret not in repr(second)
    asked = [call for call in simulator.calls if call.path == "/webhooks/create"]
    assert len(asked) == 2
    assert "lock.unlocked" in asked[0].body["event_types"]


@pytest.mark.parametrize(
    "address",
    [
        "desk.example.com",
        "http://desk.example.com",
        "https://desk.example.com/desk/",
        "https://user:password@desk.example.com",
        "https://[broken",
        "ftp://desk.example.com",
        "",
    ],
)
def test_an_address_that_seam_cannot_deliver_to_is_refused(
    simulator: Simulator, address: str
) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("register_webhook", address)
    assert refused.value.returncode == 1
    assert simulator.calls == []
