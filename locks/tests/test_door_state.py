"""What a card knows of a door's past, of a press that runs, and of one that was settled late."""

import datetime as dt
import re

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.translation import override

from locks.models import (
    Attestation,
    AuditChain,
    Building,
    Device,
    Kind,
    Press,
    SeamEvent,
    Source,
    Status,
    UnlockRequest,
    User,
    Verdict,
)
from locks.seam import Lock, Problem
from locks.services.audit import record
from locks.services.mirroring import save_lock
from locks.services.tokens import issue_token
from locks.tests.conftest import signed_in
from locks.tests.deliveries import tell
from locks.tests.factories import make_device, make_user, request_of, seconds
from locks.tests.history import recorded_at
from locks.tests.test_door_card import card, html_of, words
from locks.views.own import Own, own_doors
from locks.views.past import SAMPLE, in_seconds, pasts_of


@pytest.fixture
def door(north: Building) -> Device:
    return make_device(north, label="Main entrance")


def unlocks(
    door: Device, person: User, times: list[float], *, hours: float = 3, **fields: object
) -> None:
    """Unlocks of some hours ago that took so many seconds each."""
    for number, took in enumerate(times):
        told = {"took_ms": round(took * 1000), "confirmed_by_device": True, **fields}
        request_of(door, person, Status.UNLOCKED, ago=hours * 3600 + number, **told)


# --- The past ---------------------------------------------------------------------------------


def test_it_says_how_soon_a_door_usually_answers_and_at_most_where_that_is_notably_later(
    north, door, clerk
) -> None:
    even, new = make_device(north), make_device(north)
    unlocks(door, clerk, [4, 4, 4, 4, 11])
    unlocks(even, clerk, [0.8, 0.8, 0.9])
    unlocks(new, clerk, [4, 4])
    request_of(new, clerk, Status.FAILED, ago=8000, took_ms=60_000, code="not_sent")
    assert "Usually answers in 4 s, rarely longer than 11 s" in card(clerk, door)
    assert "Usually answers in 0.8 s" in card(clerk, even)
    assert "longer than" not in card(clerk, even)
    assert "Usually" not in card(clerk, new)


def test_a_door_that_was_moved_brings_no_past_along(south, door, clerk) -> None:
    unlocks(door, clerk, [4, 4, 4, 4])
    UnlockRequest.objects.update(building=south)
    assert "Usually" not in card(clerk, door)


def test_it_says_that_a_lock_rarely_confirms_and_only_where_enough_is_known(
    north, door, clerk
) -> None:
    never, few = make_device(north), make_device(north)
    unlocks(door, clerk, [4] * 10, confirmed_by_device=None)
    unlocks(never, clerk, [4] * 10, confirmed_by_device=False)
    unlocks(few, clerk, [4] * 9, confirmed_by_device=False)
    request_of(door, clerk, Status.UNLOCKED, ago=8000, confirmed_by_device=True)
    assert "This lock rarely confirms" in card(clerk, door)
    assert "This lock has not confirmed any of its last 10 unlocks" in card(clerk, never)
    assert "has not confirmed" not in card(clerk, few)
    unlocks(door, clerk, [4] * 9, hours=1)
    assert "rarely" not in card(clerk, door)


def test_it_says_so_of_a_door_that_is_locked_after_every_unlock_too(door, clerk) -> None:
    for number in range(12):
        request_of(door, clerk, Status.UNLOCKED, ago=9_000 + number, confirmed_by_device=False)
        request_of(door, clerk, Status.LOCKED, ago=9_000 + number - 0.5, action="lock")
    request_of(door, clerk, Status.FAILED, ago=8_000, code="not_sent")
    assert "This lock has not confirmed any of its last 12 unlocks" in card(clerk, door)


def test_the_past_of_many_busy_doors_is_one_query_that_reads_a_few_rows_of_each(
    north, clerk, django_assert_num_queries
) -> None:
    doors = [make_device(north) for _ in range(60)]
    at, rows = timezone.now(), []
    for number in range(60):
        moment = at - dt.timedelta(hours=number)
        rows += [
            UnlockRequest(
                device=door,
                building=north,
                requested_by=clerk,
                status=Status.UNLOCKED,
                requested_at=moment,
                send_by=moment,
                call_deadline=moment,
                resolve_by=moment,
                ended_at=moment,
                took_ms=4_000 if number < SAMPLE else 90_000,
            )
            for door in doors
        ]
    UnlockRequest.objects.bulk_create(rows, batch_size=500)
    with django_assert_num_queries(1):
        pasts = pasts_of(doors)
    assert {past.usual_ms for past in pasts.values()} == {4_000}
    assert len(pasts) == len(doors)
    assert all(past.times.count == SAMPLE for past in pasts.values())


# --- What is known of the lock now ------------------------------------------------------------


@pytest.mark.parametrize(
    ("seams", "code", "why", "then"),
    [
        (
            "device_removed",
            "removed",
            "The lock was removed at its maker's account.",
            "tell a manager",
        ),
        (
            "account_disconnected",
            "disconnected",
            "The lock's account is disconnected at Seam.",
            "tell a manager",
        ),
        ("august_lock_not_authorized", "not_authorized", "Seam may not use this lock.", "manager"),
        ("subscription_required", "not_subscribed", "maker asks for a subscription.", "manager"),
        ("august_lock_missing_bridge", "no_bridge", "no bridge or gateway", "tell a manager"),
        ("hub_disconnected", "hub_offline", "The lock's hub is offline.", "have the hub looked at"),
        ("device_disconnected", "offline", "The lock is offline.", "have the lock looked at"),
    ],
)
def test_an_error_that_no_unlock_gets_past_takes_the_button_away_and_refuses_the_press(
    north, clerk, seams, code, why, then
) -> None:
    door = make_device(north, errors=[{"code": seams, "message": "Seam's words."}])
    html = html_of(signed_in(clerk), door)
    assert "data-press" not in html
    assert words(html).count(why) == 1
    assert "Next: Use a key or another door; " in words(html)
    assert then in words(html)
    signed_in(clerk).post(
        f"/doors/{door.pk}/unlock/", {"token": issue_token(person=clerk, device=door)}
    )
    assert Press.objects.get().code == code
    assert "Nothing was sent. " in card(clerk, door)
    assert why in card(clerk, door)


@pytest.mark.parametrize("seams", ["hub_disconnected", "device_disconnected"])
@pytest.mark.parametrize("online", [True, False])
def test_an_event_that_the_lock_is_back_gives_the_button_back_at_once(
    north, clerk, seams, online
) -> None:
    read = timezone.now() - dt.timedelta(minutes=20)
    removed = {"code": "empty_backup_access_code_pool"}
    errors = [{"code": seams}, removed]
    door = make_device(north, errors=errors, synced_at=read, online=online)
    before = (
        AuditChain.objects.filter(building=north).values_list("changes", flat=True).first() or 0
    )
    # Of two events at once that of the battery may come first, and tells nothing of the errors.
    at = read + dt.timedelta(minutes=5)
    tell("device.battery_status_changed", door, at=at, battery_level=0.5)
    assert "data-press" not in html_of(signed_in(clerk), door)
    tell("device.connected", door, at=at - dt.timedelta(seconds=1))
    assert "data-press" in html_of(signed_in(clerk), door)
    assert "offline" not in card(clerk, door).lower()
    door.refresh_from_db()
    assert (door.online, door.errors) == (True, [removed])
    assert AuditChain.objects.get(building=north).changes > before  # consoles hear of it


def test_an_older_event_brings_back_no_lock_that_was_said_to_be_off_later(north, clerk) -> None:
    now = timezone.now()
    door = make_device(north, online=True, can_remotely_unlock=False)
    tell("device.disconnected", door, at=now - dt.timedelta(minutes=5))
    tell("device.connected", door, at=now - dt.timedelta(minutes=6))
    door.refresh_from_db()
    assert door.online is False


def test_an_event_of_before_the_list_was_read_gives_no_button_back(north, clerk) -> None:
    read = timezone.now() - dt.timedelta(minutes=1)
    errors = [{"code": "hub_disconnected"}]
    door = make_device(north, online=False, errors=errors, synced_at=read)
    tell("device.connected", door, at=read - dt.timedelta(minutes=5))
    door.refresh_from_db()
    assert (door.online, door.errors) == (False, errors)
    assert "data-press" not in html_of(signed_in(clerk), door)


def test_a_reading_of_before_does_not_undo_that_the_lock_is_back(north, clerk) -> None:
    read = timezone.now() - dt.timedelta(seconds=30)
    door = make_device(north, online=False, errors=[{"code": "hub_disconnected"}])
    tell("device.connected", door)
    known = {"can_remotely_unlock": True, "online": False}
    problems = (Problem("hub_disconnected", ""), Problem("subscription_required", ""))
    lock = Lock(device_id=door.seam_device_id, name=door.label, errors=problems, **known)
    save_lock(lock, workspace_id="", read_at=read)
    door.refresh_from_db()
    assert door.online
    assert door.error_codes == {"subscription_required"}


def test_old_errors_of_a_list_that_nobody_reads_any_more_are_a_doubt(north, clerk) -> None:
    long_ago = timezone.now() - dt.timedelta(hours=2, minutes=1)
    errors = [{"code": "hub_disconnected"}]
    door = make_device(north, errors=errors, synced_at=long_ago)
    gone = make_device(north, errors=[*errors, {"code": "device_removed"}], synced_at=long_ago)
    assert "data-press" in html_of(signed_in(clerk), door)
    assert "The lock's hub is offline" in card(clerk, door)
    assert "data-press" not in html_of(signed_in(clerk), gone)


def test_it_says_how_many_problems_it_leaves_out(north, clerk) -> None:
    errors = [{"code": f"made_up_{number}", "message": f"Problem {number}."} for number in range(6)]
    text = card(clerk, make_device(north, errors=errors))
    assert "Problem 3." in text
    assert "Problem 4." not in text
    assert "and 2 more problems" in text


def test_a_refusal_is_old_news_once_the_lock_is_back(north, clerk) -> None:
    door = make_device(north, errors=[{"code": "hub_disconnected"}])
    token = issue_token(person=clerk, device=door)
    signed_in(clerk).post(f"/doors/{door.pk}/unlock/", {"token": token})
    assert "Nothing was sent. The lock's hub is offline." in card(clerk, door)
    tell("device.connected", door)
    assert "Nothing was sent" not in card(clerk, door)


def test_what_only_makes_a_press_doubtful_warns_and_lets_one_try(north, clerk) -> None:
    door = make_device(
        north,
        online=False,
        battery_status="low",
        errors=[
            {"code": "from_tomorrow", "message": "Seam's own words."},
            {"code": "empty_backup_access_code_pool"},
        ],
        warnings=[{"code": "device_has_flaky_connection"}, {"code": "power_saving_mode"}],
    )
    html = html_of(signed_in(clerk), door)
    assert "data-press" in html
    for doubt in ("it may not answer", "Battery low", "own words", "comes and goes", "saves power"):
        assert doubt in words(html).replace("&#x27;", "'")
    # At most four are said; what concerns codes alone only where there is room.
    assert "no spare codes" not in words(html)


def test_what_concerns_codes_alone_is_said_last(north, clerk) -> None:
    door = make_device(
        north,
        errors=[{"code": "empty_backup_access_code_pool"}],
        warnings=[{"code": "power_saving_mode"}],
    )
    html = html_of(signed_in(clerk), door)
    assert words(html).index("no spare codes") > words(html).index("saves power")


def test_it_says_since_when_a_lock_is_offline_where_an_event_told(north, clerk) -> None:
    told, untold = (make_device(north, online=False, locked=None) for _ in range(2))
    since = timezone.now() - dt.timedelta(minutes=50)
    for kind, ago in ((Kind.LOCK_OFFLINE, 9), (Kind.LOCK_ONLINE, 5), (Kind.LOCK_OFFLINE, 0)):
        with recorded_at(since - dt.timedelta(minutes=ago)):
            at = (since - dt.timedelta(minutes=ago + 1)).isoformat()
            record(kind, building=north, device=told, online=False, occurred_at=at)
    clock = (since - dt.timedelta(minutes=1)).astimezone(north.zone).strftime("%H:%M")
    assert re.search(rf"Offline since (\w+ )?{clock}", card(clerk, told))
    assert "Offline" in card(clerk, untold)
    assert "since" not in card(clerk, untold)


def read_as(door: Device, *, online: bool, at: dt.datetime) -> None:
    """Seam's list says so of the door, read then."""
    known = {"errors": (), "can_remotely_unlock": True, "online": online}
    lock = Lock(device_id=door.seam_device_id, name=door.label, **known)
    save_lock(lock, workspace_id="", read_at=at)


def test_a_lock_that_a_reading_of_the_list_found_offline_says_when_it_was_last_seen(
    north, clerk
) -> None:
    door, now = make_device(north, locked=None), timezone.now()

    def minutes(count: int) -> dt.datetime:
        return now - dt.timedelta(minutes=count)

    def clock(moment: dt.datetime) -> str:
        return moment.astimezone(north.zone).strftime("%H:%M")

    # That it was off once, of which an event told, is not since when it is off now.
    tell("device.disconnected", door, at=minutes(200))
    assert re.search(rf"Offline since (\w+ )?{clock(minutes(200))}", card(clerk, door))
    read_as(door, online=True, at=minutes(120))
    read_as(door, online=True, at=minutes(60))
    read_as(door, online=False, at=minutes(1))
    seen = rf"Offline, last seen online (\w+ )?{clock(minutes(60))}"
    assert re.search(seen, card(clerk, door))
    tell("device.connected", door, at=minutes(45))
    read_as(door, online=False, at=now)
    assert re.search(rf"last seen online (\w+ )?{clock(minutes(45))}", card(clerk, door))


def test_a_time_of_more_than_a_week_ago_keeps_its_minutes(north, clerk) -> None:
    since = timezone.now() - dt.timedelta(days=8)
    door = make_device(north, online=False, locked=None)
    with recorded_at(since):
        at = since.isoformat()
        record(Kind.LOCK_OFFLINE, building=north, device=door, online=False, occurred_at=at)
    then = since.astimezone(north.zone)
    assert f"Offline since {then.day} {then:%b %Y, %H:%M}" in card(clerk, door)


def test_lengths_have_the_decimal_sign_of_the_language() -> None:
    assert in_seconds(800) == "0.8"
    with override("de"):
        assert in_seconds(800) == "0,8"
        assert in_seconds(12_300) == "12"


# --- A press that runs ------------------------------------------------------------------------


def pace(client: Client, door: Device) -> dict[str, str]:
    """What the ring is told."""
    box = re.search(r"<div [^>]*data-pace[^>]*>", html_of(client, door))[0]
    return dict(re.findall(r'data-([\w-]+)="([^"]*)"', box))


def test_the_ring_gets_the_servers_time_of_the_press_and_the_doors_usual_time(door, clerk) -> None:
    unlocks(door, clerk, [4, 4, 4, 4, 30])
    request = request_of(door, clerk, Status.PENDING, ago=2)
    told = pace(signed_in(clerk), door)
    assert 2_000 <= int(told["age"]) < 30_000
    assert (told["pace"], told["usual"], told["slow-after"]) == (str(request.pk), "4000", "30000")
    assert told["slow-big"] == "Slower than usual:"
    assert told["slow-rest"] == "Waiting for the lock… (usually 4\N{NO-BREAK SPACE}s)"


def test_a_press_that_takes_longer_than_usual_says_so_from_the_server_too(north, clerk) -> None:
    known, unknown = make_device(north), make_device(north)
    unlocks(known, clerk, [4, 4, 4])
    request_of(known, clerk, Status.PENDING, ago=7)
    request_of(unknown, clerk, Status.SENDING, ago=11)
    client = signed_in(clerk)
    assert "Slower than usual: Waiting for the lock… (usually 4 s)" in card(clerk, known)
    assert "Slow: Sending…" in words(html_of(client, unknown))
    assert "usual" not in pace(client, unknown)
    assert 'data-spoken="Slower than usual:' in html_of(client, known)


def test_an_unknown_outcome_says_until_when_the_truth_is_watched_for(north, door, clerk) -> None:
    request = request_of(door, clerk, Status.UNKNOWN, code="no_answer", next_look_at=timezone.now())
    until = (request.requested_at + dt.timedelta(hours=24)).astimezone(north.zone)
    assert f"Still asking Seam until {until:%a %H:%M}." in card(clerk, door)
    UnlockRequest.objects.update(next_look_at=None)
    assert "Seam is no longer asked" in card(clerk, door)


@pytest.mark.parametrize("told", [True, False])
def test_an_unlock_that_was_learned_late_says_when_it_was(north, door, clerk, told) -> None:
    request = request_of(
        door, clerk, Status.UNLOCKED, ago=90, took_ms=None, ended_at=timezone.now(),
        confirmed_by_device=True, action_attempt_id="attempt-late",
    )  # fmt: skip
    moment = request.requested_at + seconds(6)
    if told:
        SeamEvent.objects.create(
            event_id="event", event_type="lock.unlocked", device=door, building=north,
            action_attempt_id="attempt-late", source=Source.WEBHOOK, occurred_at=moment,
        )  # fmt: skip
    for person in (clerk, make_user("colleague")):
        person.assignments.get_or_create(building=north, role="front_desk")
        text = card(person, door)
        then = re.search(r"Unlocked at (?:\w+ )?(\d\d:\d\d:\d\d); learned at ", text)
        assert (then and then[1]) == (f"{moment.astimezone(north.zone):%H:%M:%S}" if told else None)
        assert "earned at" in text
    log = re.search(r"<aside.*?</aside>", signed_in(clerk).get("/").content.decode(), re.DOTALL)
    assert log
    assert "earned at" in words(log[0])
    at = timezone.now() - seconds(600)
    UnlockRequest.objects.update(requested_at=at, ended_at=at + seconds(60))
    assert "Last:" in card(clerk, door)
    assert "earned at" in card(clerk, door)


@pytest.mark.parametrize(
    ("status", "fields", "sentence"),
    [
        (Status.FAILED, {"code": "lock_error"}, "Learned at"),
        (Status.LOCKED, {"action": "lock", "confirmed_by_device": True}, "Locked at"),
    ],
)
def test_what_else_was_learned_late_says_so(north, door, clerk, status, fields, sentence) -> None:
    late = {"took_ms": None, "action_attempt_id": "attempt-late"}
    request = request_of(door, clerk, status, **late, **fields)
    SeamEvent.objects.create(
        event_id="event", event_type="lock.locked", device=door, building=north,
        action_attempt_id="attempt-late", source=Source.WEBHOOK, occurred_at=request.requested_at,
    )  # fmt: skip
    assert sentence in card(clerk, door)
    UnlockRequest.objects.update(took_ms=4_000)
    assert sentence not in card(clerk, door)


# --- The title and the icon -------------------------------------------------------------------


def test_what_is_open_of_ones_own_presses_is_counted_until_it_ends_or_somebody_has_looked(
    north, south, clerk
) -> None:
    def pressed(status: Status, person: User = clerk, **fields: object) -> UnlockRequest:
        door = make_device(north)
        request = request_of(door, person, status, **fields)
        Press.objects.add(
            device=door,
            person=person,
            verdict=Verdict.SENT,
            request=request,
            pressed_at=request.requested_at,
        )
        return request

    colleague = make_user("colleague")
    pressed(Status.UNLOCKED, confirmed_by_device=True)
    pressed(Status.PENDING, person=colleague)
    pressed(Status.UNKNOWN, ago=13 * 3600)
    assert own_doors(clerk, [north, south], at=timezone.now()) == {}
    joined = pressed(Status.SENDING, person=colleague)
    Press.objects.add(device=joined.device, person=clerk, verdict=Verdict.JOINED, request=joined)
    pressed(Status.PENDING)
    unknown = pressed(Status.UNKNOWN, ago=3600)
    pressed(Status.UNLOCKED, contradicted_at=timezone.now())
    assert own_doors(clerk, [north, south], at=timezone.now()) == {north.pk: Own(2, 2)}
    page = signed_in(clerk).get("/").content.decode()
    assert 'data-own="doubted" data-count="2"' in page
    Attestation.objects.create(request=unknown, person=colleague, person_name="C", seen="unlocked")
    assert own_doors(clerk, [north], at=timezone.now()) == {north.pk: Own(2, 1)}
    ended = {"status": Status.FAILED, "ended_at": timezone.now()}
    UnlockRequest.objects.filter(pk=unknown.pk).update(**ended)
    assert own_doors(clerk, [north], at=timezone.now()) == {north.pk: Own(2, 1)}
    # What was seen before Seam said otherwise answers nothing now.
    UnlockRequest.objects.filter(pk=unknown.pk).update(contradicted_at=timezone.now())
    assert own_doors(clerk, [north], at=timezone.now()) == {north.pk: Own(2, 2)}
    Attestation.objects.create(request=unknown, person=colleague, person_name="C", seen="nobody")
    assert own_doors(clerk, [north], at=timezone.now()) == {north.pk: Own(2, 1)}
    request_of(joined.device, colleague, Status.UNLOCKED, ago=0)  # the newest press is another
    assert own_doors(clerk, [north], at=timezone.now())[north.pk].waiting == 1


@pytest.mark.parametrize(
    ("status", "fields"),
    [(Status.UNKNOWN, {}), (Status.LOCKED, {"contradicted_at": timezone.now() - seconds(2)})],
)
def test_a_lock_of_unknown_outcome_marks_the_tab_until_the_door_is_seen_to_be_locked(
    north, clerk, status, fields
) -> None:
    read = timezone.now() - dt.timedelta(hours=1)
    door = make_device(north, synced_at=read, lock_told_at=read)
    request = request_of(door, clerk, status, action="lock", ago=60, **fields)
    told = {"verdict": Verdict.SENT, "request": request, "pressed_at": request.requested_at}
    Press.objects.add(device=door, person=clerk, **told)

    def own() -> Own:
        return own_doors(clerk, [north], at=timezone.now()).get(north.pk, Own())

    assert own() == Own(0, 1)
    assert 'data-own="doubted"' in signed_in(clerk).get("/").content.decode()
    Device.objects.update(online=False, synced_at=timezone.now())  # what was known last, once more
    assert own() == Own(0, 1)
    for locked in (False, None):
        Device.objects.update(online=True, locked=locked)
        assert own() == Own(0, 1)
    Device.objects.update(locked=True)
    assert own() == Own(0, 0)
    Device.objects.update(synced_at=None, lock_told_at=timezone.now())
    assert own() == Own(0, 0)
    Device.objects.update(lock_told_at=None)
    assert own() == Own(0, 1)
    request_of(door, clerk, Status.UNLOCKED, ago=0)
    assert own() == Own(0, 0)
