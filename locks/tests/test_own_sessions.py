"""One's own sessions: listed, and ended; pages and streams of an ended one are gone at once."""

import datetime as dt
import re
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models.signals import post_save
from django.test import Client
from django.utils import timezone

from locks.listening import admit, rights_of
from locks.models import AuditEvent, Building, Kind, Role, User
from locks.services.sessions import end_session
from locks.services.sweeping import sweep
from locks.tests.factories import PASSWORD, grant, make_user
from locks.tests.proofs import is_signed_in, sign_in

pytestmark = pytest.mark.django_db(transaction=True)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
COOKIE = settings.SESSION_COOKIE_NAME
NEW = "entirely-another-phrase"
EDGE = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/130.0 Safari/537.36 Edg/130.0"


@pytest.fixture
def dora(north: Building) -> User:
    person = make_user("dora", name="Dora")
    grant(person, north, Role.FRONT_DESK)
    return person


def rows(client: Client) -> list[dict[str, Any]]:
    return list(client.get("/accounts/sessions/").context["sessions"])


def test_each_is_listed_with_time_address_and_browser_and_this_one_is_marked(dora: User) -> None:
    sign_in(dora, REMOTE_ADDR="10.0.0.9", HTTP_USER_AGENT=EDGE)
    here = sign_in(dora, REMOTE_ADDR="10.0.0.5", HTTP_USER_AGENT=FIREFOX)
    mine, other = rows(here)
    assert (mine["current"], mine["address"], mine["browser"]) == (
        True,
        "10.0.0.5",
        "Firefox on Linux",
    )
    assert (other["current"], other["address"], other["browser"]) == (
        False,
        "10.0.0.9",
        "Edge on Windows",
    )
    page = here.get("/accounts/sessions/").content.decode()
    assert "this one" in page
    assert page.count("<time") >= 2


def test_times_are_told_as_everywhere_on_the_clock_of_ones_buildings(
    dora: User, north: Building, south: Building
) -> None:
    here = sign_in(dora)
    began = dt.datetime(2026, 1, 5, 0, 44, tzinfo=dt.UTC)
    UserSession.objects.update(created_at=began)
    Building.objects.filter(pk=north.pk).update(time_zone="Asia/Tokyo")
    page = here.get("/accounts/sessions/").content.decode()
    assert "Times are those of Asia/Tokyo." in page
    assert re.search(r">[^<]*\b0?9:44</time>", page)
    grant(dora, south, Role.FRONT_DESK)
    page = here.get("/accounts/sessions/").content.decode()
    assert "Times are those of UTC." in page
    assert re.search(r">[^<]*\b0?0:44</time>", page)


def test_one_that_is_ended_is_gone_from_pages_and_streams_and_on_the_record(
    dora: User, north: Building
) -> None:
    elsewhere, here = sign_in(dora, HTTP_USER_AGENT=EDGE), sign_in(dora)
    admitted = admit(elsewhere.session.session_key)
    assert admitted is not None
    (other,) = [row for row in rows(here) if not row["current"]]
    here.post(f"/accounts/sessions/{other['id']}/end/")
    assert rights_of([admitted.listener]) == {}
    assert not is_signed_in(elsewhere)
    assert is_signed_in(here)
    assert len(rows(here)) == 1
    event = AuditEvent.objects.get(kind=Kind.SESSION_ENDED)
    assert (event.actor, event.chain.building) == (dora, north)
    assert event.detail.content["address"] == "127.0.0.1"


def test_all_others_end_at_once(dora: User) -> None:
    others = [sign_in(dora) for _ in range(3)]
    here = sign_in(dora)
    here.post("/accounts/sessions/others/end/")
    assert [is_signed_in(client) for client in (*others, here)] == [False, False, False, True]
    assert AuditEvent.objects.get(kind=Kind.SESSION_ENDED).detail.content["sessions"] == 3
    here.post("/accounts/sessions/others/end/")
    assert AuditEvent.objects.filter(kind=Kind.SESSION_ENDED).count() == 1  # there were none


def test_nobody_ends_or_sees_another_persons(dora: User) -> None:
    theirs = sign_in(make_user("other"))
    (row,) = rows(theirs)
    here = sign_in(dora)
    assert here.post(f"/accounts/sessions/{row['id']}/end/").status_code == 404
    assert is_signed_in(theirs)
    assert len(rows(here)) == 1


def test_one_that_ran_out_is_listed_no_more(dora: User) -> None:
    elsewhere, here = sign_in(dora), sign_in(dora)
    Session.objects.filter(session_key=elsewhere.session.session_key).delete()
    assert len(rows(here)) == 1


def test_after_a_new_password_this_one_is_still_listed_once_and_the_others_are_gone(
    dora: User,
) -> None:
    elsewhere, here = sign_in(dora), sign_in(dora)
    began = rows(here)[0]["began"]
    form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert here.post("/accounts/password_change/", form).status_code == 302
    assert [(row["current"], row["began"]) for row in rows(here)] == [(True, began)]
    assert not is_signed_in(elsewhere)


@pytest.mark.parametrize("page", ["/accounts/password_change/", "/admin/locks/user/{}/password/"])
@pytest.mark.parametrize("ended_by", ["switching", "the list of sessions"])
def test_one_that_ends_while_its_password_is_changed_does_not_come_back(
    superuser: User, page: str, ended_by: str
) -> None:
    here, other_tab = sign_in(superuser), Client()
    other_tab.cookies[COOKIE] = here.cookies[COOKIE].value
    (row,) = rows(here)

    def end_it(**_signal: Any) -> None:
        if ended_by == "switching":
            other_tab.post("/accounts/switch/")
        else:
            end_session(actor=superuser, session=row["id"])

    form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    form |= {"password1": NEW, "password2": NEW}
    post_save.connect(end_it, sender=User)  # the password is hashed and saved by then
    try:
        answer = here.post(page.format(superuser.pk), form)
    finally:
        post_save.disconnect(end_it, sender=User)

    assert (answer.status_code, answer.headers["Location"]) == (302, "/accounts/login/")
    assert COOKIE not in answer.cookies  # the browser's may be of the next person
    assert not is_signed_in(here)
    superuser.refresh_from_db()
    assert superuser.check_password(NEW)


def test_the_account_page_leads_to_all_of_it_and_hangs_on_the_name(dora: User) -> None:
    client = sign_in(dora)
    assert 'href="/accounts/"' in client.get("/").content.decode()
    page = client.get("/accounts/").content.decode()
    for link in ("/accounts/password_change/", "/accounts/2fa/", "/accounts/sessions/"):
        assert f'href="{link}"' in page


def test_the_session_key_is_another_one_after_signing_in(dora: User) -> None:
    client = Client()
    client.get("/accounts/login/")
    session = client.session
    session["planted"] = True
    session.save()
    planted = session.session_key
    client.cookies["accessdesk_session"] = planted
    client.post("/accounts/login/", {"username": "dora", "password": PASSWORD})
    assert is_signed_in(client)
    assert client.session.session_key != planted
    assert not Session.objects.filter(session_key=planted).exists()


def test_the_sweep_forgets_sessions_that_are_over_once_a_day(dora: User) -> None:
    over, lasting = sign_in(dora), sign_in(dora)
    week_ago = timezone.now() - dt.timedelta(days=7)
    Session.objects.filter(pk=over.session.session_key).update(expire_date=week_ago)
    UserSession.objects.update(created_at=week_ago)
    sweep()
    left = {lasting.session.session_key}
    assert set(Session.objects.values_list("pk", flat=True)) == left
    assert set(UserSession.objects.values_list("session_key", flat=True)) == left
    assert is_signed_in(lasting)

    later = sign_in(dora)
    Session.objects.filter(pk=later.session.session_key).update(expire_date=week_ago)
    sweep()
    assert Session.objects.count() == 2  # not again today
