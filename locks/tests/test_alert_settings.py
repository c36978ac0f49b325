"""A building's page of alerts: which there are, to whom, and its webhook; and the list of what is wrong."""

from typing import Any

import pytest
from django.core import mail
from django.test import Client

from locks.models import Alert, AlertRoute, AlertSetting, AuditEvent, Building, Device, Kind, User
from locks.services.alert_settings import (
    Choice,
    change_alerts,
    choices_of,
    is_muted,
    remove_webhook,
    renew_secret,
    set_webhook,
)
from locks.services.delivering import deliver
from locks.services.errors import NotAllowed
from locks.services.telling_alerts import send_test
from locks.tests.conftest import signed_in
from locks.tests.factories import make_device, make_superuser
from locks.tests.history import unlock_at
from locks.tests.servers import RecordingServer, replies
from locks.tests.telling import MINUTE, NOW, a_minute, goes, make_reader, minutes

pytestmark = pytest.mark.django_db
LIST = "/admin/locks/alert/"


@pytest.fixture
def reader(north: Building) -> User:
    return make_reader(north, "reader")


@pytest.fixture
def door(north: Building) -> Device:
    return make_device(north, label="Cellar door")


@pytest.fixture
def browser_of(reader: User) -> Client:
    return signed_in(reader)


@pytest.fixture
def stranger(south: Building) -> Client:
    """A manager of another building."""
    return signed_in(make_reader(south, "stranger"))


def page_of(building: Building) -> str:
    return f"{LIST}settings/{building.pk}/"


def sent_form(client: Client, building: Building, **changes: Any) -> dict[str, Any]:
    """The form as the page shows it, with some fields changed; None unticks."""
    form = client.get(page_of(building)).context["form"]
    sent = {name: form[name].value() for name in form.fields}
    sent = {name: "on" if value is True else value for name, value in sent.items() if value}
    sent |= {name.replace("__", "-"): value for name, value in changes.items()}
    return {"do": "alerts", **{k: v for k, v in sent.items() if v is not None}}


def told(building: Building) -> dict[str, Any]:
    """What the last event about settings tells."""
    events = AuditEvent.objects.filter(kind=Kind.ALERTS_CHANGED, chain__building=building)
    return dict(events.latest("id").told())


def test_a_manager_sets_which_alerts_there_are(
    browser_of: Client, reader: User, north: Building
) -> None:
    sent = sent_form(browser_of, north, offline__minutes=3, burst__on=None, off_hours__on="on")
    assert browser_of.post(page_of(north), sent).status_code == 302
    chosen = choices_of(north)
    assert chosen["offline"] == Choice(minutes=3)
    assert not chosen["burst"].on
    assert chosen["off_hours"].on
    assert AlertSetting.objects.count() == 3  # the rest are as usual
    event = told(north)
    assert event["person"] == "reader"
    assert event["changed"] == {
        "burst.on": [True, False],
        "off_hours.on": [False, True],
        "offline.minutes": [10, 3],
    }


def test_what_changes_nothing_is_not_recorded(browser_of: Client, north: Building) -> None:
    browser_of.post(page_of(north), sent_form(browser_of, north))
    assert not AuditEvent.objects.filter(kind=Kind.ALERTS_CHANGED).exists()


@pytest.mark.parametrize("value", ["0", "-5", "99999999999999999999", "many", "", "1e3", "\x00"])
def test_a_number_that_makes_no_sense_changes_nothing(
    browser_of: Client, north: Building, value: str
) -> None:
    sent = sent_form(browser_of, north, offline__minutes=value, burst__on=None)
    answer = browser_of.post(page_of(north), sent)
    assert answer.status_code in (200, 400)
    if answer.status_code == 200:
        assert answer.context["form"].errors
    assert not AlertSetting.objects.exists()


def test_a_manager_of_another_building_sees_gets_and_changes_nothing(
    stranger: Client, reader: User, north: Building, south: Building, door: Device
) -> None:
    goes(door, online=False, at=NOW)
    minutes(10, 10)
    alert = Alert.objects.get()
    sent = sent_form(stranger, south, offline__minutes=3)
    for do in ("alerts", "mute", "webhook", "secret", "remove", "test"):
        url = "https://example.com/"
        assert stranger.post(page_of(north), {**sent, "do": do, "url": url}).status_code == 404
    assert stranger.get(page_of(north)).status_code == 404
    assert stranger.get(f"{LIST}{alert.pk}/change/").status_code == 404
    for url in (LIST, f"{LIST}?state=all", f"{LIST}?building={north.pk}", "/admin/"):
        assert "Cellar door" not in stranger.get(url).content.decode()
    assert not AlertSetting.objects.exists()
    assert not AlertRoute.objects.exclude(url="").exists()
    assert [each.to for each in mail.outbox] == [["reader@example.com"]]


def test_the_services_refuse_whoever_does_not_manage_the_building(
    north: Building, south: Building, clerk: User
) -> None:
    for person in (clerk, make_reader(south)):
        for refused in (
            lambda who: change_alerts(actor=who, building=north, choices={}, names_people=True),
            lambda who: set_webhook(actor=who, building=north, url="https://example.com/"),
            lambda who: renew_secret(actor=who, building=north),
            lambda who: remove_webhook(actor=who, building=north),
            lambda who: send_test(actor=who, building=north),
        ):
            with pytest.raises(NotAllowed):
                refused(person)
    assert not AlertRoute.objects.exists()


def test_a_secret_is_shown_once(browser_of: Client, north: Building) -> None:
    sent = {"do": "webhook", "url": "https://hooks.example.com/x"}
    first = browser_of.post(page_of(north), sent)
    assert first.status_code == 200
    assert "no-store" in first.headers["Cache-Control"]
    [secret] = [word for word in first.content.decode().split("code>") if "whsec_" in word]
    assert "whsec_" not in browser_of.get(page_of(north)).content.decode()
    again = browser_of.post(page_of(north), sent, follow=True)
    assert "whsec_" not in again.content.decode()
    new = browser_of.post(page_of(north), {"do": "secret"}).content.decode()
    assert "whsec_" in new
    assert secret.removesuffix("</") not in new
    browser_of.post(page_of(north), {"do": "remove"})
    assert AlertRoute.objects.get().url == ""
    assert AlertRoute.objects.get().nonce == ""


def test_an_address_within_our_own_network_is_refused_with_a_sentence(
    browser_of: Client, north: Building
) -> None:
    for url in ("https://169.254.169.254/", "http://example.com/", "nonsense"):
        sent = {"do": "webhook", "url": url}
        page = browser_of.post(page_of(north), sent, follow=True)
        assert 'class="error"' in page.content.decode()
    assert not AlertRoute.objects.exclude(url="").exists()


def test_a_manager_turns_their_own_mail_off_and_on(
    browser_of: Client, reader: User, north: Building
) -> None:
    browser_of.post(page_of(north), {"do": "mute"})
    assert is_muted(reader, north)
    browser_of.post(page_of(north), {"do": "mute", "wanted": "on"})
    assert not is_muted(reader, north)


def test_a_test_alert_reaches_mail_and_webhook_once_a_minute(
    browser_of: Client, north: Building, reader: User
) -> None:
    make_reader(north, "other")
    with RecordingServer(replies(204)) as server:
        browser_of.post(page_of(north), {"do": "webhook", "url": server.endpoint})
        page = browser_of.post(page_of(north), {"do": "test"}, follow=True)
        assert "mail, webhook" in page.content.decode()
        page = browser_of.post(page_of(north), {"do": "test"}, follow=True)
        assert "Try again in a minute" in page.content.decode()
        deliver()
        assert [each.subject for each in mail.outbox] == ["[accessdesk] North House: test alert"]
        assert mail.outbox[0].to == ["reader@example.com"]
        assert len(server.requests) == 1
        assert server.requests[0].json()["type"] == "alert.test"
    assert "Last delivered" in browser_of.get(page_of(north)).content.decode()


def test_the_page_says_that_the_webhook_fails_and_so_does_the_first_page(
    browser_of: Client, north: Building
) -> None:
    with RecordingServer(replies(500)) as server:
        browser_of.post(page_of(north), {"do": "webhook", "url": server.endpoint})
        browser_of.post(page_of(north), {"do": "test"})
        deliver()
    for url in (page_of(north), "/admin/"):
        assert "HTTP 500" in browser_of.get(url).content.decode()


def test_open_alerts_stand_on_the_first_page_and_in_the_list_with_links(
    browser_of: Client, north: Building, door: Device
) -> None:
    goes(door, online=False, at=NOW)
    minutes(10, 10)
    first = browser_of.get("/admin/").content.decode()
    assert "Lock offline" in first
    assert "Cellar door" in first
    assert f"/admin/locks/device/{door.pk}/change/" in first
    assert "Cellar door" in browser_of.get(LIST).content.decode()
    goes(door, online=True, at=NOW + 11 * MINUTE)
    minutes(11, 25)
    assert "No alert is open." in browser_of.get("/admin/").content.decode()
    assert "Cellar door" not in browser_of.get(LIST).content.decode()
    over = browser_of.get(f"{LIST}?state=over").content.decode()
    assert "over, lasted" in over
    page = browser_of.get(f"{LIST}{Alert.objects.get().pk}/change/")
    assert page.status_code == 200


def test_every_link_of_the_mails_opens(
    browser_of: Client, north: Building, clerk: User, settings: Any
) -> None:
    for _ in range(10):
        door = make_device(north, online=False, battery_status="low")
        unlock_at(NOW - MINUTE, door, clerk, status="failed")
    a_minute()
    a_minute(NOW + 10 * MINUTE)
    links = {word for each in mail.outbox for word in each.body.split() if "://" in word}
    assert len(links) > 12
    for link in links:
        assert browser_of.get(link.removeprefix(settings.DESK_URL)).status_code == 200, link


def test_a_superuser_without_a_role_sees_all_and_gets_no_mail(
    reader: User, door: Device, north: Building
) -> None:
    client = signed_in(make_superuser(email="root@example.com"))
    goes(door, online=False, at=NOW)
    minutes(10, 10)
    assert "Cellar door" in client.get(LIST).content.decode()
    assert client.get(page_of(north)).status_code == 200
    assert [each.to for each in mail.outbox] == [["reader@example.com"]]


def test_no_secret_of_an_address_gets_into_the_record(north: Building, manager: User) -> None:
    set_webhook(actor=manager, building=north, url="https://hooks.example.com?token=hush-hush")
    (event,) = AuditEvent.objects.filter(kind=Kind.ALERTS_CHANGED)
    assert event.told()["changed"] == {"webhook": [None, "hooks.example.com"]}
