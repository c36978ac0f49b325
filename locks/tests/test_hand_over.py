"""Shift hand-over: what the sheet tells whom, taking over, and follow-ups that stay until they are done."""

import datetime as dt
import json
import re
import threading
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from locks.models import (
    AuditChain,
    AuditEvent,
    Building,
    Device,
    FollowUp,
    HandOver,
    Kind,
    SeamEvent,
    Status,
    User,
)
from locks.services import events
from locks.services.attesting import attest
from locks.services.errors import NotAllowed
from locks.services.follow_ups import (
    MOST_NOTES,
    MOST_OPEN,
    add_note,
    close_follow_up,
    open_follow_up,
)
from locks.services.handing_over import TakenAlready, latest_of, take_over
from locks.services.shifts import Noted
from locks.services.verifying import verify_chains
from locks.tests.conftest import signed_in
from locks.tests.deliveries import tell
from locks.tests.factories import grant, make_device, make_user
from locks.tests.history import past_refusal, past_unlock, unlock_at
from locks.tests.test_door_card import words

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
NO_MORE_MOVES = "older ones are no longer counted or listed here, and stand in the record"


@pytest.fixture
def entrance(north: Building) -> Device:
    return make_device(north, label="Main entrance")


@pytest.fixture
def room(north: Building) -> Device:
    return make_device(north, label="Room 101", access=Device.Access.PRIVATE)


@pytest.fixture
def ana(north: Building) -> User:
    person = make_user("ana", name="Ana Lima")
    grant(person, north)
    return person


def sheet(person: User, building: Building, number: int | None = None) -> str:
    path = f"/hand-over/{building.pk}/" + (f"{number}/" if number else "")
    answer = signed_in(person).get(path)
    assert answer.status_code == 200
    return words(answer.content.decode())


def part(text: str, begin: str, end: str) -> str:
    """What stands between two headings."""
    return text.partition(begin)[2].partition(end)[0]


def taken(building: Building, person: User, *, ago: dt.timedelta = dt.timedelta()) -> HandOver:
    latest = building.hand_overs.first()
    after = latest.number if latest else 0
    return take_over(actor=person, building=building, after=after, at=timezone.now() - ago)


def told(kind: Kind) -> list[dict[str, Any]]:
    events = AuditEvent.objects.filter(kind=kind).order_by("id")
    return [event.detail.content for event in events]


# --- What the sheet tells -------------------------------------------------------------------------


def test_it_tells_what_came_of_each_press_since_the_last_hand_over(
    north, entrance, room, clerk, ana
) -> None:
    unlock_at(timezone.now() - 5 * HOUR, room, ana, confirmed_by_device=True)
    taken(north, ana, ago=4 * HOUR)
    past_unlock(entrance, clerk, confirmed_by_device=True)
    past_unlock(entrance, clerk, confirmed_by_device=True)
    past_unlock(room, clerk, confirmed_by_device=False)
    past_unlock(room, clerk, status=Status.FAILED, error_type="lock_jammed")
    past_unlock(room, clerk, status=Status.UNKNOWN, code="no_answer")
    past_unlock(entrance, clerk, contradicted_at=timezone.now(), confirmed_by_device=True)
    tell("lock.unlocked", entrance, method="keycode")
    text = sheet(clerk, north)
    figures = part(text, "times of Europe/Lisbon", "Not unlocked, or")
    for figure in (
        "3 Unlocked, confirmed",
        "1 Accepted, this lock does not confirm",
        "1 Not unlocked, it may still act",
        "1 May have unlocked, or may still unlock",
        "1 Unlocked by code, by hand, or from elsewhere",
    ):
        assert figure in figures
    assert figures.index("1 May have unlocked") < figures.index("3 Unlocked, confirmed")
    troubles = part(text, "Not unlocked, or not certain", "Doors to look after")
    assert "Not unlocked, it may still act error of the lock · The lock is jammed" in troubles
    assert "May have unlocked, or may still unlock no clear answer from Seam" in troubles
    assert "Unlocked, confirmed · contradicted" in troubles
    assert "does not confirm" not in troubles
    listed = part(text, "Every press", "Read by")
    assert listed.count("Main entrance") == 4
    assert "Unlocked by code" in listed
    assert "Ana Lima" not in listed


def test_it_tells_of_doors_what_is_known_and_says_what_is_not(north, clerk) -> None:
    make_device(north, label="Fine", battery_level=0.9)
    since = (timezone.now() - HOUR).astimezone(north.zone)
    make_device(north, label="Propped", unlocked_since=since)
    long_ago = timezone.now() - dt.timedelta(days=8)
    make_device(north, label="Forgotten", unlocked_since=long_ago)
    make_device(north, label="Dark", online=False)
    make_device(north, label="Weak", battery_level=0.1)
    make_device(north, label="Silent", online=None, locked=None)
    doors = part(sheet(clerk, north), "Doors to look after", "Follow-ups")
    assert re.search(rf"Propped Unlocked since (\w+ )?{since:%H:%M}, not seen to lock", doors)
    then = long_ago.astimezone(north.zone)
    assert f"Forgotten Unlocked since {then.day} {then:%b %Y, %H:%M}, not seen" in doors
    assert "Dark Offline" in doors
    assert "Weak Battery low · 10 %" in doors
    assert "Nobody knows of one door whether its lock is online." in doors
    assert not re.search("Fine|Silent", doors)


def test_what_nobody_knows_stays_on_the_next_sheets_until_somebody_saw_it_unlocked(
    north, entrance, room, clerk, ana
) -> None:
    unknown = {"status": Status.UNKNOWN, "code": "no_answer"}
    lost = unlock_at(timezone.now() - 5 * HOUR, entrance, clerk, **unknown)
    unlock_at(timezone.now() - 5 * HOUR, room, clerk, **unknown)
    taken(north, ana, ago=4 * HOUR)
    taken(north, clerk, ago=3 * HOUR)
    assert (
        sheet(clerk, north).count("Still not known") == sheet(clerk, north, 2).count("Still") == 2
    )
    past_unlock(room, clerk, confirmed_by_device=True)  # whoever came then went in
    assert sheet(clerk, north).count("Still not known") == 1
    for seen in ("unlocked", "nobody", "not_unlocked"):  # the newest word counts
        attest(actor=clerk, request=lost, seen=seen, at=timezone.now())
    told = sheet(clerk, north)
    assert told.count("Still not known") == 1  # it may still unlock
    assert "Seen at the door: did not unlock" in told
    attest(actor=clerk, request=lost, seen="unlocked", at=timezone.now())
    assert "Still not known" not in sheet(clerk, north)
    assert sheet(clerk, north, 2).count("Still not known") == 2  # as it was then


def test_a_lock_that_is_offline_says_since_when_on_the_sheet(north, room, clerk) -> None:
    tell("device.disconnected", room)
    since = timezone.now().astimezone(north.zone)
    assert re.search(rf"Room 101 Offline since (\w+ )?{since:%H}:\d\d", sheet(clerk, north))


def test_an_empty_shift_says_so(north, clerk) -> None:
    make_device(north, label="Fine")
    text = sheet(clerk, north)
    for sentence in (
        "First hand-over here: this covers the last 12 hours.",
        "No door was unlocked, and nobody pressed.",
        "Nothing is open.",
        "None is known to be unlocked, offline or low on battery.",
        "No press failed, and no outcome is in doubt.",
    ):
        assert sentence in text


def test_somebodys_code_at_a_private_door_is_for_managers(north, room, clerk, manager) -> None:
    tell("lock.unlocked", room, method="keycode")
    Device.objects.filter(pk=room.pk).update(unlocked_since=timezone.now() - HOUR)
    mine, theirs = sheet(clerk, north), sheet(manager, north)
    assert "Unlocked by code" not in mine
    assert "No door was unlocked, and nobody pressed." in mine
    assert "Room 101 Unlocked, not seen to lock" in mine
    assert "Room 101 Unlocked by code" in theirs
    assert "Room 101 Unlocked since" in theirs
    # In the past the same.
    taken(north, clerk)
    assert "Unlocked since" not in sheet(clerk, north, 1)
    assert "Room 101 Unlocked since" in sheet(manager, north, 1)


def test_refused_presses_are_counted_with_their_repeats_and_outsiders_are_not_named(
    north, entrance, clerk, viewer, manager, outsider
) -> None:
    past_refusal(entrance, viewer, repeats=3)
    past_refusal(entrance, viewer)
    past_refusal(entrance, outsider, code="not_yours")
    text = sheet(clerk, north)
    assert "6 Refused, nothing was sent" in text
    assert "Main entrance Viewer · role does not unlock · 5 times" in text
    assert "somebody · no role in this building" in text
    assert "Outsider" not in text
    assert "Outsider · no role in this building" in sheet(manager, north)


def test_it_ends_with_who_reads_it_and_where_the_record_stands(north, entrance, clerk) -> None:
    past_unlock(entrance, clerk)
    text = sheet(clerk, north)
    chain = AuditChain.objects.get(building=north)
    head = " ".join(chain.head[at : at + 4] for at in range(0, 64, 4))
    assert "Read by Clerk, " in text
    assert f"The record of this building had {chain.length} events at " in text
    assert f"the hash of the last is {head} ." in text


def test_who_does_not_manage_reads_a_day_back_and_no_further(north, room, clerk, manager) -> None:
    taken(north, clerk, ago=80 * HOUR)
    unlock_at(timezone.now() - 30 * HOUR, room, clerk, confirmed_by_device=True)
    assert "What is older than 24 hours is for managers" in sheet(clerk, north)
    assert "1 Unlocked, confirmed" not in sheet(clerk, north)
    assert "1 Unlocked, confirmed" in sheet(manager, north)
    assert signed_in(clerk).get(f"/hand-over/{north.pk}/1/").status_code == 404
    assert signed_in(manager).get(f"/hand-over/{north.pk}/1/").status_code == 200
    # Nor who had which shift before.
    assert "Past hand-overs" not in sheet(clerk, north)
    assert "Past hand-overs" in sheet(manager, north)


def test_a_past_sheet_is_no_way_around_it(north, entrance, room, clerk, manager) -> None:
    taken(north, clerk, ago=44 * HOUR)
    unlock_at(timezone.now() - 30 * HOUR, room, clerk, confirmed_by_device=True)
    unlock_at(timezone.now() - 22 * HOUR, entrance, clerk, confirmed_by_device=True)
    taken(north, clerk, ago=20 * HOUR)
    mine, theirs = sheet(clerk, north, 2), sheet(manager, north, 2)
    assert "What is older than 24 hours is for managers" in mine
    assert "1 Unlocked, confirmed" in mine
    assert "Room 101" not in mine
    assert "2 Unlocked, confirmed" in theirs
    assert "Room 101" in theirs


def test_a_late_word_against_a_press_is_told_to_whom_may_read_of_the_press(
    north, clerk, viewer, manager
) -> None:
    now = timezone.now()
    pressed = {"Gate": 6 * HOUR, "Pool": 20 * HOUR, "Cellar": 30 * HOUR, "Attic": 40 * DAY}
    for label, ago in pressed.items():
        door = make_device(north, label=label)
        unlock_at(now - ago, door, clerk, confirmed_by_device=True, contradicted_at=now - HOUR)
    taken(north, clerk, ago=3 * HOUR)

    def told_to(person: User) -> str:
        return part(sheet(person, north), "Not unlocked, or not certain", "Doors to look after")

    theirs = told_to(manager)
    assert theirs.index("Gate") < theirs.index("Pool") < theirs.index("Cellar")
    assert "Unlocked, confirmed · contradicted" in theirs
    assert "Attic" not in theirs  # no word of Seam's comes so late, and nobody reads years for it
    for person in (clerk, viewer):
        mine = told_to(person)
        assert mine.index("Gate") < mine.index("Pool")
        assert not re.search("Cellar|Attic", mine)


def test_what_the_shift_before_left_unknown_and_was_settled_since_is_told_on_both_sheets(
    north, clerk
) -> None:
    now = timezone.now()
    cellar, gate, pool = (make_device(north, label=each) for each in ("Cellar", "Gate", "Pool"))
    settled_at = now - HOUR
    unlock_at(now - 4 * HOUR, cellar, clerk, inferred=True, ended_at=settled_at)
    unlock_at(now - 4 * HOUR, gate, clerk, status=Status.UNKNOWN, code="no_answer")
    unlock_at(now - 3 * HOUR - dt.timedelta(seconds=1), pool, clerk, confirmed_by_device=True)
    taken(north, clerk, ago=3 * HOUR)
    clock = settled_at.astimezone(north.zone).strftime("%H:%M")
    mine = part(sheet(clerk, north), "Not unlocked, or not certain", "Doors to look after")
    assert re.search(rf"Cellar .*Known only since (\w+ )?{clock}:\d\d", mine)
    assert re.search("Gate .*Still not known", mine)
    assert "Pool" not in mine  # that was in time
    past = part(sheet(clerk, north, 1), "Not unlocked, or not certain", "Doors to look after")
    assert re.search(rf"Cellar .*Known only at (.+ )?{clock}", past)
    assert "Gate" in past


def test_of_a_shift_that_nobody_ended_the_last_month_is_told(north, room, clerk, manager) -> None:
    taken(north, clerk, ago=60 * DAY)
    for days in (40, 20):
        unlock_at(timezone.now() - days * DAY, room, clerk, confirmed_by_device=True)
    text = sheet(manager, north)
    assert "The shift began earlier. What was before is in the records." in text
    assert "1 Unlocked, confirmed" in text


def test_a_sheet_of_long_ago_says_that_unlocks_by_code_are_no_longer_listed(
    north, entrance, manager
) -> None:
    now = timezone.now()
    taken(north, manager, ago=40 * DAY)
    tell("lock.unlocked", entrance, method="keycode", at=now - 39 * DAY - HOUR)
    SeamEvent.objects.update(received_at=now - 39 * DAY)
    taken(north, manager, ago=39 * DAY)
    events.prune()
    text = sheet(manager, north, 2)
    assert f"are listed for 31 days: {NO_MORE_MOVES}" in text
    assert "Nobody pressed." in text
    assert "No door was unlocked" not in text
    assert "No press." in part(text, "Every press", "Read by")
    # What is kept whole does not say so.
    taken(north, manager, ago=30 * DAY)
    taken(north, manager, ago=29 * DAY)
    for number in (4, None):
        text = sheet(manager, north, number)
        assert NO_MORE_MOVES not in text
        assert "No door was unlocked, and nobody pressed." in text


# --- Taking over ----------------------------------------------------------------------------------


def post(client: Client, path: str, **data: object) -> str:
    """Where it leads, followed, as text; or the sheet that says why it was refused."""
    answer = client.post(path, data, follow=True)
    assert answer.redirect_chain or answer.status_code == 422, path
    return words(answer.content.decode())


def test_one_click_begins_the_next_shift_and_stands_on_the_record(
    north, entrance, clerk, ana, manager
) -> None:
    past_unlock(entrance, clerk, confirmed_by_device=True)
    page = signed_in(ana).get(f"/hand-over/{north.pk}/").content.decode()
    assert "Taken over by Ana Lima" in words(page)
    text = post(signed_in(ana), f"/hand-over/{north.pk}/take-over/", after=0, note=" All quiet\n")
    assert "Taken over by Ana Lima at " in text
    assert "All quiet" in text
    assert "1 Unlocked, confirmed" in text
    assert "Taken over by Ana Lima at " in sheet(clerk, north, 1)
    now = sheet(clerk, north)
    assert "Ana Lima took over at " in now
    assert "All quiet" in now
    assert "No door was unlocked, and nobody pressed." in now
    (event,) = told(Kind.TAKEN_OVER)
    row = HandOver.objects.get()
    assert (event["number"], event["note"], event["person"]) == (1, "All quiet", "Ana Lima")
    assert dt.datetime.fromisoformat(event["until"]) == row.until
    second = taken(north, clerk)
    assert (second.number, second.since) == (2, row.until)
    assert all(report.is_sound for report in verify_chains())


def test_who_had_opened_the_sheet_a_while_ago_reads_how_much_has_come_since(
    north, entrance, room, clerk, ana, manager
) -> None:
    path = f"/hand-over/{north.pk}/take-over/"
    unlock_at(timezone.now() - 3 * HOUR, entrance, clerk, confirmed_by_device=True)
    page = signed_in(ana).get(f"/hand-over/{north.pk}/").content.decode()
    read_at = re.search(r'name="read_at" value="([^"]+)"', page)[1]
    assert "since you opened" not in post(signed_in(ana), path, after=0, read_at=read_at)

    read_at = (timezone.now() - HOUR).isoformat()
    HandOver.objects.update(until=timezone.now() - 2 * HOUR, since=timezone.now() - 6 * HOUR)
    past_unlock(entrance, clerk, confirmed_by_device=True)
    assert "One more press, unlock or note has come since you opened" in post(
        signed_in(ana), path, after=1, read_at=read_at
    )

    HandOver.objects.filter(number=2).update(until=timezone.now() - 2 * HOUR)
    late = {"ended_at": timezone.now(), "confirmed_by_device": True}
    unlock_at(timezone.now() - 1.5 * HOUR, entrance, clerk, **late)
    open_follow_up(actor=clerk, building=north, text="A lamp", door=None, at=timezone.now())
    tell("lock.unlocked", room, method="keycode")  # for managers
    past_refusal(entrance, clerk)
    unlock_at(timezone.now() - 8 * HOUR, entrance, clerk, **late)  # another shift's, settled now
    assert "5 more presses, unlocks or notes have come since" in post(
        signed_in(clerk), path, after=2, read_at=read_at
    )
    for odd in ("", "yesterday", "2026-01-01T00:00:00", "9999-12-31T23:59:59+00:00"):
        latest = latest_of(north)
        told = post(signed_in(clerk), path, after=latest.number, read_at=odd)
        assert "Taken over by Clerk at " in told
        assert "since you opened" not in told


def test_of_two_clerks_the_second_reads_who_was_first(north, clerk, ana) -> None:
    post(signed_in(ana), f"/hand-over/{north.pk}/take-over/", after=0)
    path = f"/hand-over/{north.pk}/take-over/"
    assert "Ana Lima took over at " in (text := post(signed_in(clerk), path, after=0))
    assert "before you" in text
    assert "You have taken over already, at " in post(signed_in(ana), path, after=0)
    assert HandOver.objects.count() == 1
    post(signed_in(clerk), path, after=1)
    assert HandOver.objects.count() == 2


@pytest.mark.postgres_only  # SQLite in memory lets one in at a time
@pytest.mark.django_db(transaction=True)
def test_of_two_at_the_same_moment_one_wins(north, clerk, ana) -> None:
    results: list[str] = []
    both = threading.Barrier(2)

    def take(person: User) -> None:
        both.wait(30)
        try:
            take_over(actor=person, building=north, after=0, at=timezone.now())
            results.append("taken")
        except TakenAlready as first:
            results.append(f"told of {first.hand_over.number}")
        finally:
            connection.close()

    threads = [threading.Thread(target=take, args=(person,)) for person in (clerk, ana)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(results) == ["taken", "told of 1"]
    assert len(told(Kind.TAKEN_OVER)) == 1


def test_a_viewer_reads_the_sheet_and_takes_nothing(north, viewer, superuser) -> None:
    for person in (viewer, superuser):  # a superuser without a role works at no desk
        client = signed_in(person)
        page = client.get(f"/hand-over/{north.pk}/").content.decode()
        assert "take-over/" not in page
        assert "follow-ups/" not in page.replace('id="follow-ups', "")
        for path, data in (
            (f"/hand-over/{north.pk}/take-over/", {"after": 0}),
            (f"/hand-over/{north.pk}/follow-ups/", {"text": "x"}),
        ):
            assert "A manager of North House can change that." in post(client, path, **data)
    assert (HandOver.objects.count(), FollowUp.objects.count()) == (0, 0)


@pytest.mark.parametrize("how", ["revoked_at", "valid_until"])
def test_a_role_that_has_ended_takes_nothing_over(north, clerk, how: str) -> None:
    """Nor one that ended after they asked, while others were before them."""
    asked = timezone.now()
    left = open_follow_up(actor=clerk, building=north, text="Parcel", at=asked)
    clerk.assignments.update(**{how: timezone.now()})
    with pytest.raises(NotAllowed):
        take_over(actor=clerk, building=north, after=0, at=asked)
    with pytest.raises(NotAllowed):
        open_follow_up(actor=clerk, building=north, text="Key", at=asked)
    with pytest.raises(NotAllowed):
        close_follow_up(actor=clerk, follow_up=left, at=asked)


def test_the_desk_leads_to_the_sheet_and_says_what_was_left(north, viewer, clerk) -> None:
    page = signed_in(viewer).get("/").content.decode()
    assert f'href="/hand-over/{north.pk}/"' in page
    assert "follow-up" not in words(page)
    open_follow_up(actor=clerk, building=north, text="Parcel", at=timezone.now())
    assert "Shift hand-over 1 follow-up" in words(signed_in(viewer).get("/").content.decode())


# --- What the night knew --------------------------------------------------------------------------


def test_a_past_sheet_tells_what_was_known_then_and_marks_what_came_later(
    north, entrance, room, clerk, manager
) -> None:
    now = timezone.now()
    late = unlock_at(now - 3 * HOUR, entrance, clerk, confirmed_by_device=True)
    Device.objects.filter(pk=room.pk).update(online=False)
    open_follow_up(actor=clerk, building=north, text="Fetch the parcel", at=now - 2 * HOUR)
    type(late).objects.filter(pk=late.pk).update(ended_at=now)
    taken(north, clerk, ago=HOUR)
    Device.objects.update(online=True)
    close_follow_up(actor=clerk, follow_up=FollowUp.objects.get(), at=now)
    text = sheet(manager, north, 1)
    assert "Room 101 Offline" in text
    assert "Fetch the parcel" in text
    assert "Done:" not in text
    troubles = part(text, "Not unlocked, or not certain", "Doors to look after")
    assert "May have unlocked, or may still unlock" in troubles
    assert "Known only at " in troubles
    now_sheet = sheet(manager, north)
    assert "Room 101 Offline" not in now_sheet
    assert "Done: Fetch the parcel" in now_sheet


@pytest.mark.parametrize("noted", [{}, [], "x", None, 7, {"doors": [7, {"code": "x"}], "open": {}}])
def test_a_past_sheet_shows_without_what_was_noted_then(north, manager, noted: Any) -> None:
    row = taken(north, manager)
    HandOver.objects.filter(pk=row.pk).update(noted=json.loads(json.dumps(noted)) or {})
    assert "The end of this building's record could not be read" in sheet(manager, north, 1)


def test_what_is_noted_comes_back_as_it_was(north, room, clerk) -> None:
    Device.objects.filter(pk=room.pk).update(unlocked_since=timezone.now(), battery_level=0.1)
    open_follow_up(actor=clerk, building=north, text="Key 7", door=room, at=timezone.now())
    row = HandOver.objects.get(pk=taken(north, clerk).pk)
    noted = Noted.from_json(row.noted)
    assert [note.code for note in noted.doors] == ["not_locked", "battery_low"]
    assert [(note.text, note.door) for note in noted.open] == [("Key 7", "Room 101")]
    assert noted.as_json() == Noted.from_json(json.loads(json.dumps(noted.as_json()))).as_json()


# --- Follow-ups -----------------------------------------------------------------------------------


def test_a_follow_up_stays_over_hand_overs_until_somebody_says_that_it_is_done(
    north, room, clerk, ana
) -> None:
    path = f"/hand-over/{north.pk}/follow-ups/"
    text = post(signed_in(clerk), path, text="Battery is on order", door=room.pk)
    assert "Room 101: Battery is on order" in text
    taken(north, ana)
    assert "Room 101: Battery is on order" in sheet(ana, north)
    found = FollowUp.objects.get()
    text = post(signed_in(ana), f"/follow-ups/{found.pk}/close/", note="Changed")
    assert "Done: Room 101: Battery is on order Ana Lima · " in text
    assert "Changed" in text
    assert "Clerk" not in part(text, "Done:", "Every press")
    again = post(signed_in(clerk), f"/follow-ups/{found.pk}/close/", note="Me too")
    assert "Ana Lima has done that already, at " in again
    (opened,), (closed,) = told(Kind.FOLLOW_UP_OPENED), told(Kind.FOLLOW_UP_CLOSED)
    assert (opened["text"], opened["door"]) == ("Battery is on order", "Room 101")
    assert (closed["note"], closed["follow_up"], closed["person"]) == (
        "Changed",
        found.pk,
        "Ana Lima",
    )
    taken(north, clerk)
    assert "Battery" not in sheet(clerk, north)


def test_a_double_click_leaves_one_follow_up_and_closes_it_once(
    north, entrance, room, clerk, ana
) -> None:
    path, desk = f"/hand-over/{north.pk}/follow-ups/", signed_in(clerk)
    for door in (room, room, entrance):
        post(desk, path, text="Look at the battery", door=door.pk)
    assert FollowUp.objects.count() == len(told(Kind.FOLLOW_UP_OPENED)) == 2
    # Another's word is their own.
    post(signed_in(ana), path, text="Look at the battery", door=room.pk)
    assert FollowUp.objects.count() == 3
    close = f"/follow-ups/{FollowUp.objects.get(device=entrance).pk}/close/"
    post(desk, close)
    assert "You have done that already, at " in post(desk, close)
    assert len(told(Kind.FOLLOW_UP_CLOSED)) == 1
    # Once it is done, it may come again.
    post(desk, path, text="Look at the battery", door=entrance.pk)
    assert FollowUp.objects.open().count() == 3


def test_a_follow_up_is_refused_with_a_sentence(north, south, clerk) -> None:
    path, desk = f"/hand-over/{north.pk}/follow-ups/", signed_in(clerk)
    there = make_device(south, label="South door")
    assert "Say what the next shift should see to." in post(desk, path, text=" \u200b\n")
    assert "At most 300 characters, please." in post(desk, path, text="x" * 301)
    own = make_device(north, label="Own door")
    answer = desk.post(path, {"text": "y" * 301, "door": own.pk})
    assert answer.status_code == 422
    page = answer.content.decode()  # with what was typed
    assert f'value="{"y" * 301}"' in page
    assert f'<option value="{own.pk}" selected>' in page
    answer = desk.post(f"/hand-over/{north.pk}/take-over/", {"note": "z" * 301})
    assert answer.status_code == 422
    assert f'value="{"z" * 301}"' in answer.content.decode()
    assert not north.hand_overs.exists()
    for door in (there.pk, "x", "9" * 30):
        text = post(desk, path, text="Look", door=door)
        assert "This door is not in the building any more." in text
        assert "South" not in text
    assert FollowUp.objects.count() == 0
    for number in range(MOST_OPEN):
        open_follow_up(actor=clerk, building=north, text=f"No. {number}", at=timezone.now())
    assert f"{MOST_OPEN} follow-ups are open" in post(desk, path, text="One more")


def test_notes_say_how_far_a_follow_up_has_come(north, room, clerk, ana) -> None:
    left = open_follow_up(actor=clerk, building=north, text="Lamp", door=room, at=timezone.now())
    note, desk = f"/follow-ups/{left.pk}/note/", signed_in(ana)
    text = post(desk, note, note=" Called the electrician\n")
    assert "Lamp" in text
    assert re.search(r"Called the electrician Ana Lima · \d\d:\d\d:\d\d", text)
    post(desk, note, note="Called the electrician")  # a double click
    assert "Say how far it has come." in post(desk, note, note=" \u200b")
    assert "At most 300 characters, please." in post(desk, note, note="x" * 301)
    post(signed_in(clerk), note, note="Comes at nine")
    (first, second) = told(Kind.FOLLOW_UP_NOTED)
    assert (first["text"], first["note"], first["person"]) == (
        "Lamp",
        "Called the electrician",
        "Ana Lima",
    )
    assert second["note"] == "Comes at nine"
    taken(north, clerk)
    post(signed_in(clerk), note, note="Is here")
    text = sheet(clerk, north, 1)  # as it was noted then
    assert text.index("Called the electrician") < text.index("Comes at nine")
    assert "Is here" not in text
    close_follow_up(actor=clerk, follow_up=left, note="Shines", at=timezone.now())
    text = sheet(clerk, north)
    assert text.index("Comes at nine") < text.index("Is here") < text.index("Shines")
    text = post(signed_in(clerk), note, note=" Too late ")
    assert re.search("Clerk closed it at .* Your note was not added: “Too late”.", text)
    assert len(told(Kind.FOLLOW_UP_NOTED)) == 3
    assert all(report.is_sound for report in verify_chains())


def test_a_follow_up_takes_a_number_of_notes(north, clerk) -> None:
    left = open_follow_up(actor=clerk, building=north, text="Lamp", at=timezone.now())
    for number in range(MOST_NOTES):
        add_note(actor=clerk, follow_up=left, text=f"No. {number}", at=timezone.now())
    text = post(signed_in(clerk), f"/follow-ups/{left.pk}/note/", note="One more")
    assert f"It has {MOST_NOTES} notes" in text
    assert "Your note was not added: “One more”." in text
    assert left.notes.count() == MOST_NOTES


def test_a_follow_up_of_another_building_is_nobodys(north, clerk, outsider) -> None:
    left = open_follow_up(actor=clerk, building=north, text="Parcel", at=timezone.now())
    stranger = signed_in(outsider)
    assert stranger.post(f"/follow-ups/{left.pk}/close/").status_code == 404
    assert stranger.post(f"/follow-ups/{left.pk}/note/", {"note": "x"}).status_code == 404
    for path in ("", "1/"):
        assert stranger.get(f"/hand-over/{north.pk}/{path}").status_code == 404
    assert FollowUp.objects.open().count() == 1


def test_a_door_that_moved_away_is_not_called_by_its_new_name_on_this_record(
    north, south, room, clerk
) -> None:
    left = open_follow_up(actor=clerk, building=north, text="Key", door=room, at=timezone.now())
    Device.objects.filter(pk=room.pk).update(building=south, label="Vault")
    close_follow_up(actor=clerk, follow_up=left, at=timezone.now())
    (closed,) = told(Kind.FOLLOW_UP_CLOSED)
    assert closed["door"] == "Room 101"
    assert AuditEvent.objects.get(kind=Kind.FOLLOW_UP_CLOSED).device is None


def test_it_asks_the_database_the_same_however_much_happened(
    north, clerk, django_assert_max_num_queries
) -> None:
    def fill(number: int) -> None:
        for _number in range(number):
            door = make_device(north, online=False)
            past_unlock(door, clerk, status=Status.UNKNOWN, code="no_answer")
            past_refusal(door, clerk)
            left = open_follow_up(
                actor=clerk, building=north, text="x", door=door, at=timezone.now()
            )
            add_note(actor=clerk, follow_up=left, text="y", at=timezone.now())

    client = signed_in(clerk)
    for number in (1, 49):
        fill(number)
        with django_assert_max_num_queries(32):
            client.get(f"/hand-over/{north.pk}/")
    told = sheet(clerk, north)
    assert told.count("no clear answer from Seam") == 40
    assert told.count("Only the newest are shown here") == 2  # presses in doubt, and refused ones
