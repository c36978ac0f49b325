"""What managers are told at once: each kind is raised once, told once, and over once it has lasted."""

import datetime as dt

import pytest
from django.core import mail
from django.db import transaction
from pytest_django.fixtures import Settings

from locks.models import (
    Alert,
    AuditEvent,
    Building,
    Device,
    EventsRead,
    Kind,
    Notice,
    Status,
    UnlockRequest,
    User,
)
from locks.models.unlocks import Identified
from locks.services.alert_settings import mute
from locks.services.audit import record
from locks.services.proving import prove_record
from locks.tests.factories import make_building, make_device, make_user
from locks.tests.history import past_unlock, recorded_at, unlock_at
from locks.tests.tampering import tamper
from locks.tests.telling import MINUTE, NOW, a_minute, goes, make_reader, minutes, subjects, want

pytestmark = pytest.mark.django_db
SECRET = "whsec_" + "c2VjcmV0" * 4


@pytest.fixture
def reader(north: Building) -> User:
    return make_reader(north, "reader")


@pytest.fixture
def door(north: Building) -> Device:
    return make_device(north, label="Cellar door")


def raised(kind: Kind = Kind.ALERT_RAISED) -> int:
    return AuditEvent.objects.filter(kind=kind).count()


def test_a_lock_offline_is_told_once_it_has_lasted_and_when_it_is_back(
    reader: User, north: Building, door: Device, settings: Settings
) -> None:
    settings.DESK_URL = "https://desk.example.com"
    goes(door, online=False, at=NOW)
    minutes(1, 9)
    assert mail.outbox == []
    assert Alert.objects.visible_to(reader).open().count() == 0
    minutes(10, 30)
    assert subjects() == ["North House: lock offline: Cellar door"]
    [sent] = mail.outbox
    assert sent.to == ["reader@example.com"]
    local = NOW.astimezone(north.zone)
    assert f"offline since {local:%Y-%m-%d %H:%M %Z} (Europe/Lisbon)" in sent.body
    assert f"https://desk.example.com/admin/locks/device/{door.pk}/change/" in sent.body
    assert "SIMULATED: no real door moves." in sent.body
    goes(door, online=True, at=NOW + 31 * MINUTE)
    minutes(31, 60)
    assert subjects()[1:] == ["North House: lock back online: Cellar door"]
    assert (raised(), raised(Kind.ALERT_OVER)) == (1, 1)
    assert AuditEvent.objects.get(kind=Kind.ALERT_OVER).device == door


def test_a_lock_that_only_seams_list_shows_offline_counts_from_when_it_was_seen(
    reader: User, door: Device
) -> None:
    Device.objects.update(online=False)
    minutes(0, 9)
    assert mail.outbox == []
    minutes(10, 12)
    assert subjects() == ["North House: lock offline: Cellar door"]


def test_an_outage_that_no_event_told_of_does_not_count_from_the_one_before(
    reader: User, door: Device
) -> None:
    goes(door, online=False, at=NOW)
    seen = NOW + 60 * MINUTE
    Device.objects.update(online=True, online_seen_at=seen)  # as Seam's list said
    minutes(61, 62)
    Device.objects.update(online=False)
    minutes(90, 99)
    assert mail.outbox == []
    minutes(100, 102)
    assert subjects() == ["North House: lock offline: Cellar door"]


def test_a_short_outage_is_nobodys_to_know(reader: User, door: Device) -> None:
    goes(door, online=False, at=NOW)
    minutes(1, 8)
    goes(door, online=True, at=NOW + 8 * MINUTE)
    minutes(9, 30)
    assert mail.outbox == []
    assert not Alert.objects.exists()
    assert raised() == 0


def test_a_flapping_lock_is_told_once_and_back_once_it_stays(reader: User, door: Device) -> None:
    goes(door, online=False, at=NOW)
    minutes(1, 15)
    for again in range(20, 60, 10):  # back for five minutes, gone for five
        goes(door, online=True, at=NOW + again * MINUTE)
        minutes(again, again + 4)
        goes(door, online=False, at=NOW + (again + 5) * MINUTE)
        minutes(again + 5, again + 9)
    assert len(mail.outbox) == 1
    goes(door, online=True, at=NOW + 60 * MINUTE)
    minutes(60, 80)
    assert len(mail.outbox) == 2


def test_a_lock_of_which_nothing_is_known_any_more_is_not_back(reader: User, door: Device) -> None:
    goes(door, online=False, at=NOW)
    minutes(10, 10)
    Device.objects.update(online=None)
    minutes(11, 60)
    assert len(mail.outbox) == 1
    assert Alert.objects.open().count() == 1


def test_forty_locks_behind_one_hub_are_one_mail(reader: User, north: Building) -> None:
    for number in range(40):
        goes(make_device(north, label=f"Room {number}"), online=False, at=NOW)
    minutes(1, 20)
    assert subjects() == ["North House: 40 locks offline"]
    assert all(f"Room {number}:" in mail.outbox[0].body for number in range(40))
    assert raised() == 40
    Device.objects.update(online=True)
    minutes(21, 40)
    assert subjects()[1:] == ["North House: 40 locks back online"]


def test_what_goes_on_is_told_again_once_a_day(reader: User, door: Device) -> None:
    goes(door, online=False, at=NOW)
    for hours in range(1, 72, 5):
        a_minute(NOW + hours * 60 * MINUTE)
    assert subjects() == [
        "North House: lock offline: Cellar door",
        "North House: still: lock offline: Cellar door",
        "North House: still: lock offline: Cellar door",
    ]
    assert raised() == 1


def test_a_battery_is_told_when_low_and_when_it_is_well_again(reader: User, door: Device) -> None:
    Device.objects.update(battery_status="low", battery_level=0.15)
    minutes(0, 5)
    assert subjects() == ["North House: battery low: Cellar door"]
    assert "Cellar door: battery 15 % low" in mail.outbox[0].body
    Device.objects.update(battery_status="", battery_level=None)  # Seam says nothing of it any more
    minutes(6, 8)
    Device.objects.update(battery_status="full", battery_level=1.0)
    a_minute(NOW + 10 * MINUTE)
    a_minute(NOW + 71 * MINUTE)
    assert subjects()[1:] == ["North House: battery is well again: Cellar door"]


def test_repeated_failures_are_told_once_and_over_when_none_is_left(
    reader: User, door: Device, clerk: User
) -> None:
    for number in range(3):
        assert mail.outbox == []
        at = NOW - (5 - number) * MINUTE
        unlock_at(at, door, clerk, status=Status.FAILED)
        a_minute()
    assert subjects() == ["North House: unlocks fail again and again: Cellar door"]
    assert f"3 unlocks failed or stayed unknown, last at {NOW - 3 * MINUTE:%Y-}" in (
        mail.outbox[0].body
    )
    minutes(1, 10)
    a_minute(NOW + 50 * MINUTE)
    assert len(mail.outbox) == 1
    a_minute(NOW + 58 * MINUTE)
    assert subjects()[1:] == ["North House: unlocks no longer fail: Cellar door"]
    assert Alert.objects.open().count() == 0


def test_a_thousand_failures_are_one_notice(reader: User, door: Device, clerk: User) -> None:
    first = past_unlock(door, clerk, status=Status.FAILED)
    copies = []
    for number in range(999):
        copy = UnlockRequest.objects.get(pk=first.pk)
        copy.pk, copy.requested_at = None, NOW - number * dt.timedelta(seconds=2)
        copies.append(copy)
    UnlockRequest.objects.bulk_create(copies)
    minutes(0, 5)
    assert Notice.objects.count() == 1
    assert len(mail.outbox) == 1
    assert Alert.objects.get().count == 1000


def test_a_burst_by_one_person_names_nobody_unless_managers_chose_so(
    reader: User, north: Building, clerk: User
) -> None:
    doors = [make_device(north) for _ in range(5)]
    for number in range(10):
        unlock_at(NOW - number * dt.timedelta(seconds=20), doors[number % 5], clerk)
    minutes(0, 3)
    [sent] = mail.outbox
    assert subjects() == ["North House: many doors unlocked by one person"]
    assert "10 unlocks at several doors" in sent.body
    assert "Clerk" not in sent.body
    assert AuditEvent.objects.get(kind=Kind.ALERT_RAISED).told()["subject_id"] == clerk.pk
    minutes(8, 25)
    assert len(mail.outbox) == 1  # its end is nobody's mail
    assert raised(Kind.ALERT_OVER) == 1
    want(north, reader, names_people=True)
    for number in range(10):
        unlock_at(NOW + 60 * MINUTE, doors[number % 5], clerk)
    a_minute(NOW + 60 * MINUTE)
    assert "Clerk" in mail.outbox[1].body


def test_a_group_at_one_door_is_no_burst(reader: User, door: Device, clerk: User) -> None:
    for number in range(30):
        unlock_at(NOW - number * dt.timedelta(seconds=10), door, clerk)
    a_minute()
    assert mail.outbox == []


def test_an_off_hours_unlock_of_a_private_door_is_told_where_managers_want_it(
    reader: User, north: Building, clerk: User
) -> None:
    room, gate = make_device(north, label="Room 7"), make_device(north, label="Gate")
    Building.objects.update(quiet_from=dt.time(0), quiet_until=dt.time(23, 59, 59))

    def unlock(at: dt.datetime) -> None:
        for each, identified in ((room, Identified.KNOWN), (gate, "")):
            request = unlock_at(at, each, clerk, identified_by=identified)
            UnlockRequest.objects.filter(pk=request.pk).update(out_of_hours=True)

    unlock(NOW - MINUTE)
    a_minute()
    assert mail.outbox == []  # off unless a building asks for it
    want(north, reader, off_hours={"on": True})
    minutes(1, 3)
    assert subjects() == ["North House: private door unlocked within quiet hours: Room 7"]
    Building.objects.update(quiet_from=None, quiet_until=None)
    minutes(4, 10)
    assert len(mail.outbox) == 1
    assert raised(Kind.ALERT_OVER) == 1
    unlock(NOW + 20 * MINUTE)
    minutes(20, 22)
    assert len(mail.outbox) == 2


def test_a_silent_receiver_is_told_and_when_it_is_heard_again(
    reader: User, settings: Settings
) -> None:
    settings.SEAM_WEBHOOK_SECRETS = [SECRET]
    EventsRead.objects.create(webhook_at=NOW - 20 * MINUTE)
    a_minute()
    assert mail.outbox == []  # nothing was missed
    with recorded_at(NOW), transaction.atomic():
        record(Kind.EVENTS_CAUGHT_UP, building=None, missed=3)
    minutes(1, 10)
    assert subjects() == ["North House: Seam's webhooks do not arrive"]
    EventsRead.objects.update(webhook_at=NOW + 11 * MINUTE)
    minutes(11, 20)
    assert subjects()[1:] == ["North House: Seam's webhooks arrive again"]


def test_a_receiver_that_is_not_set_up_is_not_missed(reader: User) -> None:
    with transaction.atomic():
        record(Kind.EVENTS_CAUGHT_UP, building=None, missed=3)
    a_minute(NOW + 60 * MINUTE)
    assert mail.outbox == []


@pytest.mark.django_db(transaction=True)
def test_a_broken_record_is_told_to_its_own_managers_and_when_it_is_whole(
    reader: User, north: Building, south: Building
) -> None:
    make_reader(south, "other")
    for building in (north, south):
        with transaction.atomic():
            record(Kind.BUILDING_CHANGED, building=building)
    prove_record()
    minutes(0, 1)
    assert mail.outbox == []
    event = AuditEvent.objects.get(chain=north.chain)
    tamper("UPDATE locks_auditevent SET kind = 'role.granted' WHERE id = %s", event.pk)
    prove_record()
    minutes(2, 5)
    assert subjects() == ["North House: RECORD NOT WHOLE"]
    assert mail.outbox[0].to == ["reader@example.com"]
    tamper("UPDATE locks_auditevent SET kind = 'building.changed' WHERE id = %s", event.pk)
    prove_record()
    minutes(6, 7)
    assert subjects()[1:] == ["North House: record whole again"]


def test_a_door_that_leaves_the_building_is_not_called_back(
    reader: User, north: Building, south: Building, door: Device
) -> None:
    goes(door, online=False, at=NOW)
    minutes(10, 10)
    Device.objects.update(building=south, label="South's word")
    minutes(11, 30)
    assert len(mail.outbox) == 1
    alert = Alert.objects.get(building=north)
    assert (alert.ending, alert.door_label) == (Alert.Ending.LEFT, "Cellar door")


def test_a_kind_that_is_switched_off_ends_without_a_word(
    reader: User, north: Building, door: Device
) -> None:
    goes(door, online=False, at=NOW)
    minutes(10, 10)
    want(north, reader, offline={"on": False})
    minutes(11, 12)
    assert len(mail.outbox) == 1
    assert Alert.objects.get().ending == Alert.Ending.OFF


def test_thresholds_are_the_buildings_own(
    reader: User, north: Building, south: Building, door: Device
) -> None:
    make_reader(south, "other")
    want(north, reader, offline={"minutes": 2})
    goes(door, online=False, at=NOW)
    goes(make_device(south, label="Attic"), online=False, at=NOW)
    minutes(1, 3)
    assert subjects() == ["North House: lock offline: Cellar door"]


def test_mail_goes_to_managers_now_with_an_address_who_want_it(
    reader: User, north: Building, south: Building, door: Device, manager: User, clerk: User
) -> None:
    make_reader(south, "stranger")
    former, muted = make_reader(north, "former"), make_reader(north, "muted")
    former.assignments.update(revoked_at=NOW)
    mute(person=muted, building=north, muted=True)
    User.objects.filter(pk=clerk.pk).update(email="clerk@example.com")
    goes(door, online=False, at=NOW)
    minutes(10, 10)
    assert [each.to for each in mail.outbox] == [["reader@example.com"]]


def test_mail_may_be_off_for_a_kind_and_the_alert_still_raised(
    reader: User, north: Building, door: Device
) -> None:
    want(north, reader, offline={"mail": False})
    goes(door, online=False, at=NOW)
    minutes(10, 10)
    assert mail.outbox == []
    assert Alert.objects.visible_to(reader).open().count() == 1


def test_a_name_with_a_line_break_makes_no_header(reader: User, north: Building) -> None:
    door = make_device(north, label="Cellar\r\nBcc: all@example.com\x07\u2028x")
    Building.objects.filter(pk=north.pk).update(name="North\nHouse")
    goes(door, online=False, at=NOW)
    minutes(10, 10)
    assert subjects() == ["North House: lock offline: Cellar Bcc: all@example.com x"]


def test_it_asks_the_database_as_often_for_many_buildings(
    reader: User, django_assert_max_num_queries
) -> None:
    for _ in range(30):
        make_device(make_building())
    make_user()
    with django_assert_max_num_queries(20):
        a_minute()
