"""The outbox: what was committed leaves, once, also after a mail server was down or a process died."""

import datetime as dt
import threading
from typing import Any

import pytest
from django.core import mail
from django.db import connection, transaction
from pytest_django.fixtures import Settings

from locks.models import Alert, AuditEvent, Building, Device, Kind, Lease, Notice, User
from locks.services import alerting, delivering, leases
from locks.services.alert_settings import set_webhook
from locks.services.alerting import find_alerts
from locks.services.delivering import CLAIMED_FOR, TRIED_FOR, deliver, prune
from locks.services.telling import tell_managers
from locks.tasks import alert as four_times_a_minute
from locks.tests.factories import make_device, make_superuser
from locks.tests.servers import RecordingServer, replies
from locks.tests.telling import MINUTE, NO_SERVER, NOW, a_minute, goes, make_reader, minutes

pytestmark = pytest.mark.django_db
LOCMEM = "django.core.mail.backends.locmem.EmailBackend"


@pytest.fixture
def reader(north: Building) -> User:
    return make_reader(north, "reader")


@pytest.fixture
def door(north: Building) -> Device:
    return make_device(north, label="Cellar door")


def test_managers_are_told_something_at_once(reader: User, north: Building) -> None:
    make_superuser(email="root@example.com")
    told = tell_managers(north, "Break-glass at Room 7", ["Clerk, 02:14", "  https://x.example/"])
    assert told == 1
    assert mail.outbox == []  # it never waits for a mail server
    assert deliver().as_dict() == {"sent": 1, "failed": 0, "dropped": 0}
    [sent] = mail.outbox
    assert sent.to == ["reader@example.com"]
    assert sent.subject == "[accessdesk] North House: Break-glass at Room 7"
    assert "Clerk, 02:14\n  https://x.example/" in sent.body
    deliver()
    assert len(mail.outbox) == 1


def test_what_was_rolled_back_is_not_told(reader: User, north: Building) -> None:
    with transaction.atomic():
        tell_managers(north, "Nothing", [])
        transaction.set_rollback(True)
    assert deliver().sent == 0


def test_a_mail_server_that_is_down_loses_nothing(
    reader: User, door: Device, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_BACKEND = NO_SERVER
    goes(door, online=False, at=NOW)
    minutes(10, 40, every=2)
    assert mail.outbox == []
    assert Notice.objects.waiting().get().problem == "ConnectionRefusedError"
    assert "reader@example.com" not in caplog.text
    assert 3 < Notice.objects.get().tries < 8  # with back-off
    settings.EMAIL_BACKEND = LOCMEM
    minutes(41, 120)
    assert len(mail.outbox) == 1


def test_it_is_given_up_after_a_day(reader: User, north: Building, settings: Settings) -> None:
    settings.EMAIL_BACKEND = NO_SERVER
    tell_managers(north, "Something", [])
    made = Notice.objects.get().made_at
    deliver(now=made + TRIED_FOR - MINUTE)
    assert Notice.objects.waiting().exists()
    deliver(now=made + TRIED_FOR + 2 * 60 * MINUTE)
    assert Notice.objects.get().failed_at is not None
    prune(now=made + dt.timedelta(days=29))
    assert Notice.objects.exists()
    prune(now=made + dt.timedelta(days=31))
    assert not Notice.objects.exists()


def test_one_that_was_being_sent_when_the_process_died_is_sent_again(
    reader: User, north: Building
) -> None:
    tell_managers(north, "Something", [])
    made = Notice.objects.get().made_at
    # As it stands right after it was claimed.
    Notice.objects.update(tries=1, next_try_at=made + CLAIMED_FOR)
    assert deliver(now=made + MINUTE).sent == 0
    assert deliver(now=made + CLAIMED_FOR).sent == 1


def test_a_manager_whose_role_has_ended_gets_no_more_mail(
    reader: User, north: Building, settings: Settings
) -> None:
    make_reader(north, "other")
    tell_managers(north, "Something", [])
    reader.assignments.update(revoked_at=NOW)
    assert deliver().as_dict() == {"sent": 1, "failed": 0, "dropped": 1}
    assert [each.to for each in mail.outbox] == [["other@example.com"]]
    assert tell_managers(north, "Something else", []) == 1


def test_a_slow_receiver_of_one_building_keeps_nobody_from_their_mail(
    reader: User, north: Building, door: Device
) -> None:
    with RecordingServer(replies(500)) as server:
        set_webhook(actor=reader, building=north, url=server.endpoint)
        for _ in range(10):
            goes(make_device(north), online=False, at=NOW)
        minutes(10, 10)
        assert len(server.requests) == 1  # not once more in the same run
        assert len(mail.outbox) == 1


def test_it_is_looked_for_once_a_minute_however_often_it_is_asked(
    reader: User, door: Device
) -> None:
    Device.objects.update(battery_status="low")
    four_times_a_minute()
    assert len(mail.outbox) == 1
    other = make_device(door.building, battery_status="low")
    four_times_a_minute()
    assert not Alert.objects.filter(device=other).exists()
    Lease.objects.filter(name=alerting.TURN).update(until=leases.LONG_AGO)
    four_times_a_minute()
    assert Alert.objects.filter(device=other).exists()


def test_a_web_process_does_it_while_no_worker_lives(reader: User, door: Device) -> None:
    Device.objects.update(battery_status="low")
    leases.seen("worker")
    alerting.run_where_no_worker_lives()
    assert mail.outbox == []
    Lease.objects.filter(name="worker").delete()
    alerting.run_where_no_worker_lives()
    assert len(mail.outbox) == 1


def test_what_another_process_did_between_our_looking_and_our_doing_is_not_done_twice(
    reader: User, north: Building, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        goes(make_device(north), online=False, at=NOW)
    late, find, following = NOW + 10 * MINUTE, alerting.find, delivering._next
    with monkeypatch.context() as patch:

        def stale_find(*args: Any, **options: Any) -> Any:
            patch.setattr(alerting, "find", find)
            found = list(find(*args, **options))
            find_alerts(now=late)  # the other process
            return found

        patch.setattr(alerting, "find", stale_find)
        find_alerts(now=late)
    assert AuditEvent.objects.filter(kind=Kind.ALERT_RAISED).count() == 3
    with monkeypatch.context() as patch:

        def stale_next(run: Any) -> Any:
            patch.setattr(delivering, "_next", following)
            notice = following(run)
            deliver(now=late)  # the other process
            return notice

        patch.setattr(delivering, "_next", stale_next)
        deliver(now=late)
    assert [each.subject for each in mail.outbox] == ["[accessdesk] North House: 3 locks offline"]


@pytest.mark.postgres_only  # SQLite has one writer
@pytest.mark.django_db(transaction=True)
def test_two_processes_at_the_same_time_tell_once(
    reader: User, north: Building, settings: Settings
) -> None:
    for _ in range(8):
        goes(make_device(north), online=False, at=NOW)
    late = NOW + 10 * MINUTE
    problems: list[Any] = []

    def work(start: threading.Barrier, job: Any) -> None:
        try:
            start.wait(20)
            job(now=late)
        except Exception as error:  # whatever it is: the test tells it
            problems.append(error)
        finally:
            connection.close()

    for job in (find_alerts, deliver):
        start = threading.Barrier(4)
        threads = [threading.Thread(target=work, args=(start, job)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert problems == []
    assert Alert.objects.count() == 8
    assert AuditEvent.objects.filter(kind=Kind.ALERT_RAISED).count() == 8
    assert [each.subject for each in mail.outbox] == ["[accessdesk] North House: 8 locks offline"]
    a_minute(late + MINUTE)
    assert len(mail.outbox) == 1
