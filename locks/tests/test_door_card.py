"""What a door's card says: every state in its words, and nothing that is not known."""

import datetime as dt
import re
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from locks.models import Building, Device, Press, Status, UnlockRequest, User, Verdict
from locks.models.unlocks import OPEN_STATUSES
from locks.services.mirroring import note_locked
from locks.tests.conftest import signed_in
from locks.tests.factories import make_device, make_user, request_of, seconds
from locks.tests.history import past_refusal
from locks.views.moments import last_moves
from locks.views.states import clock

HELP = "Help line: north 100"


@pytest.fixture
def door(north: Building) -> Device:
    return make_device(north, label="Main entrance")


def words(html: str) -> str:
    """The text that a person reads, white space folded."""
    html = re.sub('</?bdi>|<span class="unseen">(?=[,،、，])', "", html)  # they part no words
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def html_of(client: Client, door: Device) -> str:
    page = client.get("/").content.decode()
    return re.search(rf'<article id="door-{door.pk}".*?</article>', page, re.DOTALL)[0]


def card(person: User, door: Device) -> str:
    return words(html_of(signed_in(person), door))


def spoken(html: str) -> str:
    """What a screen reader is told of the door of a card."""
    return unescape(re.search(r'data-spoken="([^"]*)"', html)[1])


@pytest.mark.parametrize(
    ("status", "fields", "expected"),
    [
        (Status.SENDING, {}, ["Sending…"]),
        (Status.PENDING, {}, ["Waiting for the lock…"]),
        (Status.UNLOCKED, {"confirmed_by_device": True}, ["Unlocked, confirmed"]),
        (
            Status.UNLOCKED,
            {"confirmed_by_device": False},
            ["Accepted, this lock does not confirm", "Check whether the door unlocked.", HELP],
        ),
        (Status.UNLOCKED, {}, ["Accepted, the lock has not said", HELP]),
        (
            Status.FAILED,
            {"code": "not_sent"},
            ["Not unlocked", "nothing was sent. Next: Try again, or use a key.", HELP],
        ),
        (
            Status.FAILED,
            {"code": "lock_error", "error_type": "lock_jammed", "may_still_act": True},
            ["Not unlocked, it may still act", "The lock is jammed. Next: Check the door.", HELP],
        ),
        (
            Status.UNKNOWN,
            {"code": "no_answer"},
            [
                "May have unlocked, or may still unlock",
                "Treat the door as unlocked until someone has looked.",
                HELP,
            ],
        ),
    ],
)
def test_it_says_each_state_in_its_words_with_who_and_when(
    north, door, clerk, status, fields, expected
) -> None:
    ago = 0 if status in OPEN_STATUSES else 5
    request = request_of(door, make_user("ana", name="Ana Lima"), status, ago=ago, **fields)
    text = card(clerk, door)
    assert all(sentence in text for sentence in expected), text
    assert "Ana Lima" in text
    assert timezone.localtime(request.requested_at, north.zone).strftime("%H:%M:%S") in text
    assert "opened" not in text.lower()


@pytest.mark.parametrize("confirmed", [True, False, None])
def test_it_calls_only_a_confirmed_unlock_confirmed(door, clerk, confirmed) -> None:
    request_of(door, clerk, Status.UNLOCKED, confirmed_by_device=confirmed)
    assert ("Unlocked, confirmed" in card(clerk, door)) is (confirmed is True)


def test_it_shows_the_help_line_beside_all_but_a_confirmed_unlock(door, clerk) -> None:
    request_of(door, clerk, Status.UNLOCKED, confirmed_by_device=True)
    assert HELP not in card(clerk, door)


def test_the_help_line_is_said_with_what_went_wrong(north, clerk) -> None:
    done, lost, off = (make_device(north) for _ in range(3))
    request_of(done, clerk, Status.UNLOCKED, confirmed_by_device=True)
    request_of(lost, clerk, Status.FAILED, **NOT_SENT)
    Press.objects.add(device=off, person=clerk, verdict=Verdict.REFUSED, code="too_late")
    heard = [spoken(html_of(signed_in(clerk), door)) for door in (done, lost, off)]
    assert [said.endswith(HELP) for said in heard] == [False, True, True]
    Building.objects.update(help_line="")
    assert "Help line" not in spoken(html_of(signed_in(clerk), lost))


def test_it_tells_how_long_the_door_usually_takes_once_it_knows(door, clerk) -> None:
    for number in range(2):
        request_of(door, clerk, Status.UNLOCKED, ago=9000 + number)
    request_of(door, clerk, Status.PENDING, ago=0)
    assert "usually" not in card(clerk, door)
    request_of(door, clerk, Status.UNLOCKED, ago=9003)
    assert "Waiting for the lock… (usually 4 s)" in card(clerk, door)


def test_an_older_outcome_shrinks_to_one_line_and_an_unknown_one_does_not(north, clerk) -> None:
    done, lost = make_device(north), make_device(north)
    request_of(done, clerk, Status.UNLOCKED, ago=600, confirmed_by_device=True)
    request_of(lost, clerk, Status.UNKNOWN, ago=600, code="no_outcome")
    assert "Last: Unlocked, confirmed" in card(clerk, done)
    assert "Last:" not in card(clerk, lost)
    assert "Treat the door as unlocked" in card(clerk, lost)


def test_it_offers_no_second_press_while_one_is_under_way(door, clerk) -> None:
    request_of(door, clerk, Status.PENDING)
    html = html_of(signed_in(clerk), door)
    assert "data-press" not in html
    assert "Under way" in html


def test_after_an_unknown_outcome_it_asks_before_a_second_press(door, clerk) -> None:
    request_of(door, clerk, Status.UNKNOWN, code="no_answer")
    html = html_of(signed_in(clerk), door)
    assert "data-press" not in html
    assert "Unlock again…" in html


def test_a_private_door_asks_first(north, clerk) -> None:
    room = make_device(north, label="Room 101", access=Device.Access.PRIVATE)
    html = html_of(signed_in(clerk), room)
    assert "data-press" not in html
    assert f'href="/doors/{room.pk}/"' in html
    assert "Private" in words(html)


def test_a_lock_that_cannot_be_unlocked_remotely_has_its_button_off_and_says_why(
    north, clerk
) -> None:
    offline = make_device(north, online=False, locked=None, can_remotely_unlock=False)
    remote = make_device(north, can_remotely_unlock=False)
    for door, why in (
        (offline, "The lock is offline. Next: Use a key or another door"),
        (remote, "cannot be unlocked"),
    ):
        html = html_of(signed_in(clerk), door)
        assert "data-press" not in html
        assert "disabled" in html
        assert why in words(html)
        assert HELP in words(html)


def test_a_button_that_cannot_be_pressed_names_its_door_too(north, clerk) -> None:
    busy = make_device(north, label="Gate")
    off = make_device(north, label="Roof door", can_remotely_unlock=False)
    request_of(busy, clerk, Status.PENDING)
    for door, name in ((busy, "Under way Gate"), (off, "Unlock Roof door")):
        html = html_of(signed_in(clerk), door)
        [button] = re.findall(r'<button class="unlock"[^>]* disabled>.*?</button>', html)
        assert words(button) == name


def test_a_lock_that_is_only_said_to_be_offline_is_offered_with_a_doubt(north, clerk) -> None:
    door = make_device(north, online=False, locked=None, can_remotely_unlock=True)
    html = html_of(signed_in(clerk), door)
    assert "<form" in html
    assert "Offline Said to be offline: it may not answer." in words(html)


def test_it_tells_what_is_known_of_the_lock_and_since_when(north, clerk) -> None:
    now = timezone.now()
    fresh = make_device(north, battery_level=0.14, battery_status="low", synced_at=now)
    old = make_device(north, battery_level=0.8, synced_at=now - dt.timedelta(hours=5))
    bare = make_device(north, online=None, locked=None)
    assert "Online Locked Battery low 14 %" in card(clerk, fresh)
    assert "last heard" not in card(clerk, fresh)
    assert re.search(r"Battery 80 % last heard \S+", card(clerk, old))
    assert "Not known whether it is online" in card(clerk, bare)
    assert "Online" not in card(clerk, bare)
    assert "Battery" not in card(clerk, bare)


def test_what_an_event_told_later_is_not_dated_back_to_the_last_reading(north, clerk) -> None:
    read, told = (timezone.now() - dt.timedelta(hours=hours) for hours in (5, 2))
    door = make_device(north, synced_at=read, lock_told_at=told)
    assert f"last heard {clock(told, zone=north.zone, at=timezone.now(), seconds=False)}" in card(
        clerk, door
    )
    Device.objects.update(lock_told_at=timezone.now())
    assert "last heard" not in card(clerk, door)


@pytest.mark.parametrize("access", ["common", "private"])
def test_news_of_the_battery_makes_an_old_reading_of_the_bolt_no_newer(
    north, clerk, access
) -> None:
    read, now = (timezone.now() - dt.timedelta(hours=hours) for hours in (2, 0))
    door = make_device(north, access=access, synced_at=read, health_told_at=now)
    dated = f"last heard {clock(read, zone=north.zone, at=now, seconds=False)}"
    assert dated in card(clerk, door)
    Device.objects.update(locked=None)
    assert "last heard" not in card(clerk, door)
    Device.objects.update(locked=True, lock_told_at=now)
    assert (dated in card(clerk, door)) is (access == "private")


def test_it_claims_no_lock_state_from_before_a_press(north, clerk) -> None:
    door = make_device(north, synced_at=timezone.now() - seconds(60))
    assert "Locked" in card(clerk, door)
    request_of(door, clerk, Status.UNLOCKED, confirmed_by_device=True)
    assert "Locked" not in card(clerk, door)


JAMMED = {"code": "lock_error", "error_type": "lock_jammed", "may_still_act": True}
NOT_SENT = {"code": "not_sent"}


@pytest.mark.parametrize(
    "fields", [JAMMED, {**NOT_SENT, "contradicted_at": timezone.now() + seconds(600)}]
)
def test_a_failed_press_that_may_have_moved_the_lock_hides_what_was_read_before(
    north, clerk, fields
) -> None:
    door = make_device(north, synced_at=timezone.now() - seconds(60))
    request_of(door, clerk, Status.FAILED, **fields)
    text = card(clerk, door)
    assert "Not unlocked" in text
    assert "Locked" not in text


def test_one_that_moved_nothing_brings_no_reading_back_from_before_another_press(
    north, clerk
) -> None:
    door = make_device(north, synced_at=timezone.now() - seconds(60))
    request_of(door, clerk, Status.FAILED, ago=5, **NOT_SENT)
    assert "Locked" in card(clerk, door)
    request_of(door, clerk, Status.UNLOCKED, ago=30, confirmed_by_device=True)
    assert "Locked" not in card(clerk, door)
    Device.objects.update(synced_at=timezone.now() - seconds(20))
    assert "Locked" in card(clerk, door)


@pytest.mark.parametrize(
    ("status", "fields", "read", "claim"),
    [
        (Status.PENDING, {}, 0, "Locked"),
        (Status.UNLOCKED, {"confirmed_by_device": True}, 58, "Locked"),
        (Status.UNKNOWN, {"code": "no_outcome"}, 58, "Locked"),
        (Status.LOCKED, {"action": "lock"}, 58, "Unlocked"),
    ],
)
def test_it_claims_no_lock_state_that_was_read_while_a_press_ran(
    north, clerk, status, fields, read, claim
) -> None:
    read_at = timezone.now() - seconds(read)
    door = make_device(north, synced_at=read_at, locked=claim == "Locked")
    request_of(door, clerk, status, ago=60, **fields)
    assert f"Online {claim}" not in card(clerk, door)
    if status != Status.PENDING:
        Device.objects.update(synced_at=timezone.now())
        told = card(clerk, door)
        assert f"Online {claim}" in told
        # One that may still unlock may be so no longer in a moment.
        assert ("Locked, last heard" in told) is (status == Status.UNKNOWN)


def test_a_lock_that_said_that_it_locked_is_called_locked_until_seam_says_otherwise(
    north, clerk
) -> None:
    door = make_device(north, synced_at=timezone.now() - seconds(60))
    done = {"confirmed_by_device": True, "action": "lock"}
    request = request_of(door, clerk, Status.LOCKED, **done)
    note_locked(door.pk, since=request.requested_at)
    assert "Online Locked" in card(clerk, door)
    UnlockRequest.objects.update(contradicted_at=timezone.now())
    assert "Online Locked" not in card(clerk, door).replace("Locked, confirmed", "")


def test_whether_the_lock_moved_is_asked_once_for_all_doors(
    north, clerk, django_assert_num_queries
) -> None:
    doors = [make_device(north) for _ in range(3)]
    for door in doors:
        request_of(door, clerk, Status.UNLOCKED, ago=60, confirmed_by_device=True)
    latest = {door.pk: request_of(door, clerk, Status.FAILED, **NOT_SENT) for door in doors}
    with django_assert_num_queries(1):
        moves = last_moves(latest)
    assert {door: move.status for door, move in moves.items()} == dict.fromkeys(
        latest, Status.UNLOCKED
    )
    with django_assert_num_queries(0):
        assert last_moves(moves) == moves


def test_it_puts_seams_codes_in_plain_words_and_escapes_what_it_does_not_know(north, clerk) -> None:
    door = make_device(
        north,
        label="<b>Bold</b>",
        errors=[{"code": "hub_disconnected", "message": "x"}, "odd", {"message": None}],
        warnings=[{"code": "new_one", "message": "<script>alert(1)</script>"}],
    )
    request_of(
        door,
        clerk,
        Status.FAILED,
        code="lock_error",
        error_type="provider_word",
        error_message="<img src=x>",
        may_still_act=True,
    )
    html = html_of(signed_in(clerk), door)
    assert "The lock's hub is offline." in words(html)
    assert "<script>" not in html
    assert "<img" not in html
    assert "<b>" not in html
    assert "Seam says: <img src=x>" in words(html)
    # What is not ours is English, whatever the language of the page.
    assert len(re.findall(r'<p class="problem [^>]*lang="en"', html)) == 1
    assert '<span lang="en">&lt;img src=x&gt;</span>' in html


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("too_late", "the press took too long to get here"),
        ("bad_token", "this page was out of date"),
        ("frozen", "North House is frozen: Fire drill."),
    ],
)
def test_it_tells_the_presser_alone_why_nothing_was_sent(
    north, door, clerk, code, sentence
) -> None:
    north.frozen, north.frozen_reason = True, "Fire drill."
    north.save()
    Press.objects.add(device=door, person=clerk, verdict=Verdict.REFUSED, code=code)
    colleague = make_user("colleague")
    colleague.assignments.create(building=north, role="front_desk")
    assert sentence in card(clerk, door)
    assert "Nothing was sent" in card(clerk, door)
    assert HELP in card(clerk, door)
    assert "Nothing was sent" not in card(colleague, door)


def test_a_refusal_is_old_news_once_something_was_sent_or_two_minutes_have_passed(
    door, clerk
) -> None:
    Press.objects.add(
        device=door,
        person=clerk,
        verdict=Verdict.REFUSED,
        code="too_late",
        pressed_at=timezone.now() - seconds(60),
    )
    assert "Nothing was sent" in card(clerk, door)
    request_of(door, clerk, Status.UNLOCKED, ago=30, confirmed_by_device=True)
    assert "Nothing was sent" not in card(clerk, door)
    UnlockRequest.objects.all().delete()
    Press.objects.update(pressed_at=timezone.now() - seconds(121))
    assert "Nothing was sent" not in card(clerk, door)


def test_who_joined_reads_whose_press_counts(door, clerk) -> None:
    request = request_of(door, make_user("ana", name="Ana Lima"), Status.PENDING)
    Press.objects.add(device=door, person=clerk, verdict=Verdict.JOINED, request=request)
    assert "Already under way by Ana Lima; you joined." in card(clerk, door)


def test_times_are_the_buildings_own_with_the_day_where_it_is_another(north, clerk) -> None:
    north.time_zone = "Asia/Tokyo"
    north.save()
    door = make_device(north)
    request = request_of(door, clerk, Status.UNLOCKED, ago=3 * 86400)
    local = request.requested_at.astimezone(north.zone)
    assert local.strftime("%a %H:%M:%S") in card(clerk, door)


def test_a_refused_press_is_not_spoken_of_as_if_the_unlock_before_had_come_of_it(
    clerk, door
) -> None:
    made = request_of(door, clerk, Status.UNLOCKED, ago=30, confirmed_by_device=True)
    past_refusal(door, clerk, code="too_late", pressed_at=timezone.now())
    heard = spoken(html_of(signed_in(clerk), door))
    assert "othing was sent" in heard
    assert "Unlocked, confirmed" not in heard
    made.contradicted_at = timezone.now()
    made.save()
    assert "it failed" in spoken(html_of(signed_in(clerk), door))
