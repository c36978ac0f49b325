"""The live stream: who is let in, who hears what, and who is sent away."""

import asyncio
import datetime as dt
import time

import pytest
from asgiref.testing import ApplicationCommunicator
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from locks import listening, live
from locks.listening import Listener, Rights
from locks.live import LiveStream, Stream, Watcher
from locks.models import User
from locks.services.audit import record
from locks.tests.consoles import change, open_consoles
from locks.tests.factories import PASSWORD, make_building


def sign_in(person: User) -> str:
    """The session key of a fresh sign-in."""
    client = Client()
    client.login(username=person.username, password=PASSWORD)
    return client.session.session_key


def admitted(person: User) -> Listener:
    found = listening.admit(sign_in(person))
    assert found is not None
    return found.listener


def may_hear(person: User) -> set[int]:
    found = listening.admit(sign_in(person))
    return set(found.rights.buildings) if found else set()


def test_each_role_hears_its_own_building_only(
    north, south, clerk, viewer, manager, outsider, superuser
) -> None:
    for person in (clerk, viewer, manager):
        assert may_hear(person) == {north.pk}
    assert may_hear(outsider) == {south.pk}
    assert may_hear(superuser) == {north.pk, south.pk}


def test_nobody_gets_in_without_a_living_session(clerk) -> None:
    assert listening.admit("") is None
    assert listening.admit("no-such-session") is None
    key = sign_in(clerk)
    User.objects.filter(pk=clerk.pk).update(is_active=False)
    assert listening.admit(key) is None


@pytest.mark.parametrize("loss", ["session", "expired", "idle", "account", "password"])
def test_who_loses_the_right_to_listen_is_left_out(clerk, loss: str) -> None:
    listener = admitted(clerk)
    session = Session.objects.get(pk=listener.session_key)
    if loss == "session":
        session.delete()
    if loss == "expired":
        Session.objects.update(expire_date=timezone.now() - dt.timedelta(seconds=1))
    if loss == "idle":
        content = {**session.get_decoded(), "seen_at": time.time() - 16 * 60}
        Session.objects.update(session_data=Session.objects.encode(content))
    if loss == "account":
        User.objects.update(is_active=False)
    if loss == "password":
        clerk.set_password("another-password")
        clerk.save(update_fields=["password"])
    assert listening.rights_of([listener]) == {}


def test_a_role_that_ends_takes_its_building_away(clerk, north) -> None:
    listener = admitted(clerk)
    clerk.assignments.update(valid_until=timezone.now())
    assert listening.rights_of([listener])[listener].buildings == frozenset()


def test_the_number_of_queries_does_not_grow_with_the_streams(
    north, clerk, viewer, manager, outsider, superuser, django_assert_num_queries
) -> None:
    listeners = [admitted(each) for each in (clerk, viewer, manager, outsider, superuser)]
    with django_assert_num_queries(4):
        listening.rights_of(listeners[:1])
    with django_assert_num_queries(4):
        listening.rights_of(listeners)


@pytest.mark.django_db(transaction=True)
def test_an_event_of_the_record_counts_as_a_change_of_its_building() -> None:
    house = make_building()
    with transaction.atomic():
        record("building.added", building=house)
    before = listening.changes()[house.pk]
    with transaction.atomic():
        record("building.changed", building=house)
    assert listening.changes()[house.pk] == before + 1


def stream(**told: int) -> Stream:
    rights = Rights(buildings=frozenset({1, 2}), roles=frozenset())
    return Stream(Listener("key", 1, "hash"), rights, {1: 5, 2: 7, **told})


def test_a_stream_is_told_once_of_each_change_and_of_nothing_else() -> None:
    mine = stream()
    assert mine.frames({1: 5, 2: 7, 3: 1}) == []
    assert mine.frames({1: 6, 2: 7, 3: 9}) == ["building-1"]
    assert mine.frames({1: 6, 2: 7, 3: 9}) == []


def test_a_stream_that_lost_its_right_hears_nothing_but_that() -> None:
    mine = stream()
    mine.gone = True
    assert mine.frames({1: 99, 2: 99}) == ["gone"]


def ask(method: str = "GET", **headers: str) -> tuple[int, bytes]:
    """Status and first body of a request to /live/ without a cookie."""
    given = {"host": "127.0.0.1", **{k.replace("_", "-"): v for k, v in headers.items()}}
    scope = {
        "type": "http",
        "method": method,
        "path": "/live/",
        "scheme": "http",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }

    async def run() -> tuple[int, bytes]:
        watcher = Watcher()
        talk = ApplicationCommunicator(LiveStream(watcher), scope)
        await talk.send_input({"type": "http.request", "body": b""})
        start, body = await talk.receive_output(), await talk.receive_output()
        if body.get("more_body"):
            body = await talk.receive_output()
        await watcher.stop()
        return start["status"], body["body"]

    return asyncio.run(run())


def test_a_stranger_is_sent_away() -> None:
    status, body = ask()
    assert status == 200  # anything else would make the browser try again
    assert b"event: gone" in body


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_another_sites_page_cannot_hold_a_stream(headers: dict[str, str]) -> None:
    assert ask(**headers)[0] == 400


def test_it_takes_only_get() -> None:
    assert ask("POST")[0] == 405


def listeners() -> list[int]:
    """PostgreSQL's process ids of the connections that LISTEN in this database."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pid FROM pg_stat_activity"
                " WHERE datname = current_database() AND query LIKE 'LISTEN %' AND state = 'idle'"
            )
            return [pid for (pid,) in cursor.fetchall()]
    finally:
        connection.close()


def cut(pids: list[int]) -> None:
    """End PostgreSQL's side of these connections."""
    with connection.cursor() as cursor:
        for pid in pids:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    connection.close()


@pytest.mark.postgres_only
@pytest.mark.django_db(transaction=True)
def test_postgresql_wakes_the_consoles_and_does_so_again_after_a_cut(clerk, north, monkeypatch):
    monkeypatch.setattr(live, "POLL_BEHIND_NOTIFY", 600)  # nothing is found by looking
    key, event = sign_in(clerk), f"building-{north.pk}"

    async def listener_besides(known: list[int]) -> list[int]:
        wanted: list[int] = []
        async with asyncio.timeout(15):
            while not wanted:
                wanted = [p for p in await asyncio.to_thread(listeners) if p not in known]
        return wanted

    async def hear() -> None:
        async with open_consoles(clerk=key) as consoles:
            first = await listener_besides([])
            await change(north)
            await consoles["clerk"].hears(event)
            await asyncio.to_thread(cut, first)
            await listener_besides(first)
            await change(north)
            await consoles["clerk"].hears(event, times=2)

    asyncio.run(hear())
