"""The Lock button of a card: where it is, what a press on it says, and what is said afterwards."""

import datetime as dt
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from locks.models import (
    Building,
    Device,
    Press,
    SeamEvent,
    Source,
    Status,
    UnlockRequest,
    User,
    Verdict,
)
from locks.tests.conftest import signed_in
from locks.tests.factories import make_device, request_of
from locks.tests.test_door_card import card, html_of, words

HTMX = {"HX-Request": "true"}


@pytest.fixture
def door(north: Building) -> Device:
    return make_device(north, label="Main entrance")


def token_of(html: str) -> str:
    """The token of the Lock button; empty where there is none."""
    form = re.search(r'<form class="lock-again.*?</form>', html, re.DOTALL)
    return re.search(r'name="token" value="([^"]+)"', form[0])[1] if form else ""


def has_button(person: User, door: Device) -> bool:
    return f'id="lock-{door.pk}"' in html_of(signed_in(person), door)


def test_it_stands_where_the_lock_can_be_locked_remotely(door: Device, clerk: User) -> None:
    assert has_button(clerk, door)
    Device.objects.update(can_remotely_lock=False)
    assert not has_button(clerk, door)


def test_it_needs_the_role_that_unlocks(door: Device, viewer: User, manager: User) -> None:
    assert not has_button(viewer, door)
    assert not has_button(manager, door)


def test_freeze_and_weekly_hours_leave_it_there(door: Device, clerk: User) -> None:
    Building.objects.update(frozen=True, frozen_reason="fire drill")
    assert has_button(clerk, door)
    assert f'id="unlock-{door.pk}"' not in html_of(signed_in(clerk), door)


@pytest.mark.parametrize("action", ["unlock", "lock"])
def test_it_is_gone_while_anything_is_under_way(door: Device, clerk: User, action: str) -> None:
    request_of(door, clerk, Status.PENDING, action=action)
    assert not has_button(clerk, door)
    assert "Under way" in card(clerk, door)


def test_it_stands_out_where_the_door_was_not_seen_to_lock(door: Device, clerk: User) -> None:
    assert "is-wanted" not in html_of(signed_in(clerk), door)
    Device.objects.update(unlocked_since=timezone.now())
    assert "is-wanted" in html_of(signed_in(clerk), door)


@pytest.mark.parametrize(
    ("status", "fields", "expected"),
    [
        (Status.SENDING, {}, ["Sending “lock”…"]),
        (Status.PENDING, {}, ["Waiting for the lock to lock…"]),
        (Status.LOCKED, {"confirmed_by_device": True}, ["Locked, confirmed"]),
        (
            Status.LOCKED,
            {"confirmed_by_device": False},
            ["this lock does not confirm", "is locked"],
        ),
        (Status.LOCKED, {}, ["“Lock” accepted, the lock has not said"]),
        (Status.LOCKED, {"inferred": True}, ["Locked, inferred", "one locking of this door"]),
        (Status.FAILED, {"code": "not_sent"}, ["Not locked", "or lock it at the door"]),
        (
            Status.FAILED,
            {"code": "lock_error", "error_type": "lock_jammed", "may_still_act": True},
            ["Not locked, it may still act", "The lock is jammed.", "Next: Check the door."],
        ),
        (
            Status.UNKNOWN,
            {"code": "no_answer", "action_attempt_id": ""},
            [
                "May have locked, or may still lock",
                "Treat the door as unlocked until someone has looked.",
            ],
        ),
        (
            Status.LOCKED,
            {"confirmed_by_device": True, "pressed_again": True},
            ["Locked, confirmed", "The unlock before it had no known outcome then"],
        ),
    ],
)
def test_the_card_says_what_came_of_it(
    door: Device, clerk: User, status: Status, fields: dict, expected: list[str]
) -> None:
    request_of(door, clerk, status, action="lock", **fields)
    text = card(clerk, door)
    assert [sentence for sentence in expected if sentence not in text] == []
    assert "Unlocked" not in text
    assert "What was seen at the door?" not in text


def test_its_ring_knows_how_long_locking_usually_takes(door: Device, clerk: User) -> None:
    done = {"confirmed_by_device": True}
    for number in range(4):
        request_of(door, clerk, Status.UNLOCKED, ago=9_000 + number, took_ms=4_000, **done)
        locked = {**done, "action": "lock", "took_ms": 7_000}
        request_of(door, clerk, Status.LOCKED, ago=8_000 + number, **locked)
    request_of(door, clerk, Status.PENDING, action="lock", ago=2)
    assert "Waiting for the lock to lock… (usually 7 s)" in card(clerk, door)
    assert 'data-usual="7000"' in html_of(signed_in(clerk), door)


def test_one_that_seam_contradicts_says_what_to_do(door: Device, clerk: User) -> None:
    told = {"confirmed_by_device": True, "contradicted_at": timezone.now()}
    request_of(door, clerk, Status.LOCKED, action="lock", **told)
    text = card(clerk, door)
    assert "May be unlocked contradicted: “Locked, confirmed”" in text
    assert "Treat the door as unlocked" in text
    assert 'class="big">May be unlocked<' in html_of(signed_in(clerk), door)


def test_an_unknown_lock_does_not_ask_before_an_unlock(door: Device, clerk: User) -> None:
    request_of(door, clerk, Status.UNKNOWN, action="lock", code="no_answer", action_attempt_id="")
    assert "Unlock again…" not in card(clerk, door)


def test_an_unknown_unlock_still_asks_after_a_lock(door: Device, clerk: User) -> None:
    unknown = {"code": "no_answer", "action_attempt_id": ""}
    lost = request_of(door, clerk, Status.UNKNOWN, ago=60, **unknown)
    locked = {"confirmed_by_device": True, "pressed_again": True}
    request_of(door, clerk, Status.LOCKED, ago=5, action="lock", **locked)
    text = card(clerk, door)
    assert "Unlock again…" in text
    assert "Locked, confirmed" in text
    assert "state outcome tone-good" not in html_of(signed_in(clerk), door)
    question = words(signed_in(clerk).get(f"/doors/{door.pk}/").content.decode())
    assert "May have unlocked, or may still unlock" in question
    assert (
        f'name="again" value="{lost.pk}"'
        in signed_in(clerk).get(f"/doors/{door.pk}/").content.decode()
    )


LATE = {"took_ms": None, "action_attempt_id": "attempt-late"}
IN_DOUBT = "check whether the door stays locked"


def locked_after(door: Device, clerk: User, status: Status, *, ago: float, **fields: Any) -> None:
    """A press on Lock after an unlock of unknown outcome, of which more was learned just now."""
    request_of(door, clerk, status, ago=ago + 60, ended_at=timezone.now(), **LATE, **fields)
    locked = {"confirmed_by_device": True, "pressed_again": True}
    request_of(door, clerk, Status.LOCKED, ago=ago, action="lock", **locked)


@pytest.mark.parametrize("ago", [5, 300])
def test_what_came_of_the_unlock_before_it_is_told_once_it_is_known(
    door: Device, clerk: User, ago: float
) -> None:
    locked_after(door, clerk, Status.UNLOCKED, ago=ago, confirmed_by_device=True)
    moved = timezone.now() - dt.timedelta(seconds=ago + 50)
    SeamEvent.objects.create(
        event_id="event", event_type="lock.unlocked", device=door, building=door.building,
        action_attempt_id="attempt-late", source=Source.WEBHOOK, occurred_at=moved,
    )  # fmt: skip
    html = html_of(signed_in(clerk), door)
    clock = moved.astimezone(door.building.zone).strftime("%H:%M:%S")
    told = rf"The unlock before it: Unlocked, confirmed\. Unlocked at (\w+ )?{clock}; learned at"
    assert re.search(told, words(html))
    assert re.search(rf'data-spoken="Locked, confirmed\. {told}', html)
    assert "state outcome tone-good" in html
    assert IN_DOUBT not in words(html)
    UnlockRequest.objects.filter(status=Status.UNLOCKED).update(
        ended_at=timezone.now() - dt.timedelta(seconds=130)
    )
    assert re.search(told, card(clerk, door))


@pytest.mark.parametrize(
    ("status", "fields", "is_over"),
    [
        (Status.FAILED, {"code": "lock_error"}, True),
        (Status.FAILED, {"code": "lock_error", "may_still_act": True}, False),
        (Status.UNLOCKED, {"confirmed_by_device": True}, False),  # when, nobody knows
    ],
)
def test_the_unlock_before_it_leaves_a_doubt_as_long_as_it_may_have_acted_after_it(
    door: Device, clerk: User, status: Status, fields: dict, is_over: bool
) -> None:
    locked_after(door, clerk, status, ago=5, **fields)
    html = html_of(signed_in(clerk), door)
    assert "The unlock before it:" in words(html)
    assert (IN_DOUBT not in words(html)) is is_over
    assert ("state outcome tone-good" in html) is is_over


@pytest.mark.parametrize(("fields", "tone"), [({}, "good"), ({"may_still_act": True}, "warn")])
def test_logs_and_own_presses_doubt_a_lock_exactly_as_long_as_its_card(
    door: Device, clerk: User, fields: dict, tone: str
) -> None:
    request_of(door, clerk, Status.UNLOCKED, ago=900, confirmed_by_device=True)
    locked_after(door, clerk, Status.FAILED, ago=300, code="lock_error", **fields)
    lock = UnlockRequest.objects.get(action="lock")
    Press.objects.create(
        person=clerk, device=door, building=door.building, request=lock, action="lock",
        pressed_at=lock.requested_at, verdict=Verdict.SENT, door_label=door.label,
    )  # fmt: skip
    client = signed_in(clerk)
    assert f"state outcome tone-{tone}" in html_of(client, door)
    request_of(door, clerk, Status.UNKNOWN, ago=100)  # settles nothing of before
    for path in ("/", "/history/", f"/hand-over/{door.building_id}/"):
        rows = re.findall("<li .*?</li>", client.get(path).content.decode(), re.DOTALL)
        (told,) = (row for row in rows if "Locked, confirmed" in row and door.label in row)
        assert f"tone-{tone}" in told, path
    assert (IN_DOUBT in words(client.get("/history/").content.decode())) == (tone == "warn")


def test_after_a_failed_lock_the_card_does_not_say_locked(door: Device, clerk: User) -> None:
    """What was told before the unlock is told no more because a later locking failed."""
    told = timezone.now() - dt.timedelta(minutes=1)
    Device.objects.update(locked=True, lock_told_at=told, synced_at=told)
    request_of(door, clerk, Status.UNLOCKED, ago=30, confirmed_by_device=True)
    request_of(door, clerk, Status.FAILED, ago=5, action="lock", code="not_sent")
    assert "Locked" not in card(clerk, door).replace("Not locked", "")


def test_a_press_answers_with_the_card_and_the_log_tells_it(
    door: Device, clerk: User, simulator
) -> None:
    Device.objects.update(seam_device_id="harbour-main-entrance")
    client = signed_in(clerk)
    told = {"token": token_of(html_of(client, door))}
    answer = client.post(f"/doors/{door.pk}/lock/", told, headers=HTMX)
    assert answer.status_code == 200
    assert answer.headers["HX-Retarget"] == f"#door-{door.pk}"
    assert "Waiting for the lock to lock…" in words(answer.content.decode())
    assert simulator.locks_asked("harbour-main-entrance") == 1
    again = client.post(f"/doors/{door.pk}/lock/", told, headers=HTMX)
    assert "nothing was sent now" in words(again.content.decode())
    UnlockRequest.objects.update(status="locked", confirmed_by_device=True, ended_at=timezone.now())
    page = words(client.get("/").content.decode())
    assert page.count("Locked, confirmed") == 2  # the card and the desk log
    assert "Locked, confirmed" in words(client.get("/history/").content.decode())


def test_without_javascript_it_is_a_form_that_leads_back_to_the_door(
    door: Device, clerk: User, simulator
) -> None:
    client = signed_in(clerk)
    answer = client.post(f"/doors/{door.pk}/lock/", {"token": token_of(html_of(client, door))})
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/?door={door.pk}#door-{door.pk}"


def test_a_refusal_is_said_in_words_of_locking(door: Device, viewer: User) -> None:
    client = signed_in(viewer)
    client.post(f"/doors/{door.pk}/lock/")
    assert "Your role in North House does not lock doors" in card(viewer, door)


def test_an_outsider_gets_404_and_is_on_the_record(door: Device, outsider: User) -> None:
    assert signed_in(outsider).post(f"/doors/{door.pk}/lock/").status_code == 404
    assert Press.objects.get().action == "lock"


def test_the_desk_asks_no_more_of_the_database_for_more_doors(
    north: Building, clerk: User, django_assert_max_num_queries
) -> None:
    counts = []
    for _more in range(2):
        for _door in range(3):
            door = make_device(north)
            request_of(door, clerk, Status.LOCKED, action="lock", confirmed_by_device=True)
        with django_assert_max_num_queries(60) as asked:
            client: Client = signed_in(clerk)
            client.get("/")
        counts.append(len(asked))
    assert counts[0] == counts[1]
