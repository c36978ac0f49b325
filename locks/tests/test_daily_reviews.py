"""The daily mail about the review queue: once a day, to whoever wants it, of their own buildings."""

import datetime as dt
import json
import threading
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from locks.models import Building, DailyReviewMail, Review, Role, User
from locks.services.daily_reviews import send_daily_reviews, want_daily_mail, wants_daily_mail
from locks.services.finding_reviews import find_reviews
from locks.services.reviewing import mark_reviewed
from locks.tasks import send_daily_reviews as every_quarter_of_an_hour
from locks.tests.factories import grant, make_device, make_superuser, make_user
from locks.tests.history import past_unlock

pytestmark = pytest.mark.django_db
PAGE = "/admin/locks/review/daily-mail/"
EARLY = dt.datetime(2026, 1, 15, 6, 59, tzinfo=dt.UTC)
MORNING = dt.datetime(2026, 1, 15, 7, 0, tzinfo=dt.UTC)  # Lisbon keeps UTC in winter
DAY = dt.timedelta(days=1)


class NoServer(BaseEmailBackend):
    """A mail server that cannot be reached."""

    def send_messages(self, email_messages: Any) -> int:
        raise ConnectionRefusedError("manager@example.com")


NO_SERVER = f"{__name__}.NoServer"


@pytest.fixture
def reader(manager: User) -> User:
    """The manager of North House, who wants the mail."""
    User.objects.filter(pk=manager.pk).update(email="manager@example.com")
    want_daily_mail(person=manager, wanted=True)
    return manager


def late_press(building: Building, *people: User) -> None:
    for person in people:
        past_unlock(
            make_device(building, label="Cellar door"),
            person,
            reason="for Mrs Vale",
            confirmed_by_device=True,
            out_of_hours=True,
        )
    find_reviews()


def test_it_tells_what_is_open_by_rule_with_links_and_names_nobody(
    reader: User, clerk: User, north: Building, settings: Settings
) -> None:
    settings.DESK_URL = "https://desk.example.com"
    late_press(north, clerk, make_user())
    report = send_daily_reviews(now=MORNING)
    assert report.as_dict() == {"sent": 1, "empty": 0, "failed": 0, "without_address": 0}
    [sent] = mail.outbox
    assert sent.to == ["manager@example.com"]
    assert sent.subject == "[accessdesk] 2 items to review"
    queue = f"https://desk.example.com/admin/locks/review/?building={north.pk}"
    for line in ("North House", "2 × within quiet hours", queue, f"{queue}&rule=out_of_hours"):
        assert line in sent.body
    assert f"https://desk.example.com{PAGE}" in sent.body
    for name in ("Clerk", "clerk", "Cellar", "Vale", "Manager"):
        assert name not in sent.body


def test_its_links_lead_to_what_it_counts(
    reader: User, clerk: User, north: Building, manager_client: Client, settings: Settings
) -> None:
    late_press(north, clerk, make_user())
    send_daily_reviews(now=MORNING)
    links = [word for word in mail.outbox[0].body.split() if word.startswith(settings.DESK_URL)]
    assert len(links) == 3
    for link in links[:2]:
        page = manager_client.get(link.removeprefix(settings.DESK_URL))
        assert len(page.context["cl"].result_list) == 2


def test_it_is_silent_when_nothing_is_open(reader: User, clerk: User, north: Building) -> None:
    late_press(north, clerk)
    mark_reviewed(actor=reader, review=Review.objects.get(), verdict="Known")
    assert send_daily_reviews(now=MORNING).empty == 1
    assert mail.outbox == []


def test_it_comes_once_a_day_and_not_before_seven(
    reader: User, clerk: User, north: Building
) -> None:
    late_press(north, clerk)
    send_daily_reviews(now=EARLY)
    assert mail.outbox == []
    for minutes in (0, 1, 15, 600, 1019):
        send_daily_reviews(now=MORNING + dt.timedelta(minutes=minutes))
    assert len(mail.outbox) == 1
    send_daily_reviews(now=EARLY + DAY)
    assert len(mail.outbox) == 1
    send_daily_reviews(now=MORNING + DAY)
    assert len(mail.outbox) == 2


def test_seven_is_seven_in_the_first_building(clerk: User, reader: User) -> None:
    Building.objects.update(time_zone="America/New_York")
    late_press(Building.objects.get(), clerk)
    send_daily_reviews(now=MORNING)
    assert mail.outbox == []
    send_daily_reviews(now=MORNING + dt.timedelta(hours=5))
    assert len(mail.outbox) == 1


def test_it_tells_of_own_buildings_only(
    reader: User, clerk: User, outsider: User, north: Building, south: Building
) -> None:
    late_press(south, outsider, make_user(), make_user())
    assert send_daily_reviews(now=MORNING).empty == 1
    late_press(north, clerk)
    send_daily_reviews(now=MORNING + DAY)
    [sent] = mail.outbox
    assert sent.subject == "[accessdesk] 1 item to review"
    assert "South" not in sent.body


def test_a_superuser_is_told_of_all(
    clerk: User, outsider: User, north: Building, south: Building
) -> None:
    want_daily_mail(person=make_superuser(email="root@example.com"), wanted=True)
    late_press(north, clerk)
    late_press(south, outsider)
    send_daily_reviews(now=MORNING)
    [sent] = mail.outbox
    assert "North House" in sent.body
    assert "South Tower" in sent.body


@pytest.mark.parametrize("why", ["off", "revoked", "deactivated", "clerk"])
def test_who_does_not_want_it_or_manages_nothing_gets_none(
    why: str, reader: User, clerk: User, north: Building
) -> None:
    late_press(north, clerk)
    if why == "off":
        want_daily_mail(person=reader, wanted=False)
    elif why == "revoked":
        reader.assignments.update(revoked_at=timezone.now())
    elif why == "deactivated":
        User.objects.filter(pk=reader.pk).update(is_active=False)
    else:
        reader.assignments.update(role=Role.FRONT_DESK)
    assert send_daily_reviews(now=MORNING).as_dict() == {
        "sent": 0,
        "empty": 0,
        "failed": 0,
        "without_address": 0,
    }
    assert mail.outbox == []


def test_it_is_off_until_somebody_turns_it_on(clerk: User, north: Building, manager: User) -> None:
    late_press(north, clerk)
    send_daily_reviews(now=MORNING)
    assert mail.outbox == []
    assert not wants_daily_mail(manager)


def test_who_has_no_address_gets_none_and_has_it_once_there_is_one(
    reader: User, clerk: User, north: Building
) -> None:
    late_press(north, clerk)
    User.objects.filter(pk=reader.pk).update(email="")
    assert send_daily_reviews(now=MORNING).without_address == 1
    User.objects.filter(pk=reader.pk).update(email="manager@example.com")
    assert send_daily_reviews(now=MORNING + dt.timedelta(hours=1)).sent == 1


def test_a_mail_server_that_fails_is_logged_and_tried_again_for_this_person_alone(
    reader: User, clerk: User, north: Building, settings: Settings, caplog: Any
) -> None:
    other = make_user(email="other@example.com")
    grant(other, north, Role.MANAGER)
    late_press(north, clerk)
    working, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, NO_SERVER
    assert send_daily_reviews(now=MORNING).failed == 1
    assert "could not be sent: ConnectionRefusedError" in caplog.text
    assert "example.com" not in caplog.text
    with pytest.raises(CommandError, match="Not every mail"):
        call_command("send_daily_reviews", "--early", stdout=StringIO())
    settings.EMAIL_BACKEND = working
    want_daily_mail(person=other, wanted=True)
    assert send_daily_reviews(now=MORNING + dt.timedelta(minutes=15)).sent == 2
    assert send_daily_reviews(now=MORNING + dt.timedelta(minutes=30)).sent == 0
    assert len(mail.outbox) == 2


@pytest.mark.postgres_only  # SQLite has one writer
@pytest.mark.django_db(transaction=True)
def test_two_beats_at_once_send_one_mail(reader: User, clerk: User, north: Building) -> None:
    late_press(north, clerk)
    together, sent = threading.Barrier(4), []

    def beat() -> None:
        try:
            together.wait(10)
            sent.append(send_daily_reviews(now=MORNING).sent)
        finally:
            connection.close()

    threads = [threading.Thread(target=beat) for _each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(sent) == [0, 0, 0, 1]
    assert len(mail.outbox) == 1


def test_the_day_that_another_process_claimed_is_not_sent_again(
    reader: User, clerk: User, north: Building, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process is quicker between our looking and our claim."""
    late_press(north, clerk)
    claim = "locks.services.daily_reviews._claim"
    from locks.services import daily_reviews

    ours = daily_reviews._claim

    def second(row: DailyReviewMail, day: dt.date) -> bool:
        assert ours(row, day)  # the other process
        return ours(row, day)

    monkeypatch.setattr(claim, second)
    assert send_daily_reviews(now=MORNING).sent == 0
    assert mail.outbox == []


def test_the_command_and_beat_send_what_is_due(reader: User, clerk: User, north: Building) -> None:
    late_press(north, clerk)
    said = StringIO()
    call_command("send_daily_reviews", "--early", "--json", stdout=said)
    assert json.loads(said.getvalue())["sent"] == 1
    said = StringIO()
    call_command("send_daily_reviews", "--early", stdout=said)
    assert said.getvalue().startswith("0 sent, 0 failed")
    every_quarter_of_an_hour()
    assert len(mail.outbox) == 1


def test_a_person_turns_their_own_mail_on_and_off(
    manager: User, manager_client: Client, superuser: User, superuser_client: Client
) -> None:
    assert "no e-mail address" in manager_client.get(PAGE).content.decode()
    User.objects.filter(pk=manager.pk).update(email="manager@example.com")
    assert "manager@example.com" in manager_client.get(PAGE).content.decode()
    manager_client.post(PAGE, {"wanted": "on"})
    assert wants_daily_mail(manager)
    assert not wants_daily_mail(superuser)
    assert " checked" in manager_client.get(PAGE).content.decode()
    superuser_client.post(PAGE, {})
    assert wants_daily_mail(manager)
    manager_client.post(PAGE, {})
    assert not wants_daily_mail(manager)


def test_a_mail_server_that_stands_still_does_not_hold_up_a_worker(settings: Settings) -> None:
    server = get_connection("django.core.mail.backends.smtp.EmailBackend")
    assert server.timeout == 20
