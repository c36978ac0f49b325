"""The desk over HTTP: who sees what, what a press answers, and the same without JavaScript."""

import datetime as dt
import re
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from locks.models import (
    Attestation,
    Building,
    Device,
    Press,
    SeamEvent,
    Source,
    Status,
    UnlockRequest,
    Verdict,
)
from locks.simulator import Simulator
from locks.tests.conftest import signed_in
from locks.tests.factories import grant, make_building, make_device, make_user
from locks.tests.history import past_refusal, past_unlock
from locks.tests.test_door_card import request_of, words

HTMX = {"HX-Request": "true"}
MAIN = "harbour-main-entrance"


@pytest.fixture
def door(north: Building) -> Device:
    return make_device(north, label="Main entrance", seam_device_id=MAIN)


@pytest.fixture
def room(north: Building) -> Device:
    return make_device(
        north, label="Room 101", access=Device.Access.PRIVATE, seam_device_id="harbour-room-101"
    )


@pytest.fixture
def desk(clerk, simulator: Simulator) -> Client:
    """The clerk's browser; the doors of North House are simulated."""
    return signed_in(clerk)


def token_in(html: str, door: Device) -> str:
    form = re.search(rf'action="/doors/{door.pk}/unlock/".*?</form>', html, re.DOTALL)[0]
    return re.search(r'name="token" value="([^"]+)"', form)[1]


def token_for(client: Client, door: Device) -> str:
    """The token that the page holds now: the card's, or the confirmation's."""
    path = f"/doors/{door.pk}/" if door.is_private else "/"
    return token_in(client.get(path).content.decode(), door)


def press(client: Client, door: Device, *, htmx: bool = False, **data):
    data = {"token": token_for(client, door), **data}
    headers = HTMX if htmx else {}
    return client.post(f"/doors/{door.pk}/unlock/", data, headers=headers)


def text(response) -> str:
    return words(response.content.decode())


# --- Who sees what ------------------------------------------------------------------------------


def test_a_clerk_sees_the_doors_of_their_buildings_and_no_others(north, south, clerk) -> None:
    make_device(north, label="North door")
    make_device(south, label="South door")
    make_device(None, label="Unassigned door")
    make_device(north, label="Gone door", gone_at=timezone.now())
    page = text(signed_in(clerk).get("/"))
    assert "North House" in page
    assert "North door" in page
    assert not re.search("South|Unassigned|Gone door", page)


def test_an_outsider_gets_404_for_every_address_of_another_building(north, door, outsider) -> None:
    stranger = signed_in(outsider)
    for path in (
        f"/buildings/{north.pk}/",
        f"/?building={north.pk}",
        f"/doors/{door.pk}/",
        "/buildings/9223372036854775808/",
        "/doors/99999999999999999999/",
        "/?building=99999999999999999999",
        "/?building=north",
    ):
        for headers in ({}, HTMX):
            answer = stranger.get(path, headers=headers)
            assert answer.status_code == 404, path
            assert "North House" not in text(answer)


def test_an_outsiders_press_is_recorded_and_answered_404(door, outsider, simulator) -> None:
    answer = signed_in(outsider).post(f"/doors/{door.pk}/unlock/", {"token": "x"})
    assert answer.status_code == 404
    assert Press.objects.get().code == "not_yours"
    missing = signed_in(outsider).post("/doors/99999999999999999999/unlock/")
    assert missing.status_code == 404
    assert text(answer) == text(missing)
    assert simulator.calls == []


def test_a_viewer_gets_no_button_and_a_refusal_when_posting_anyway(door, viewer, simulator) -> None:
    client = signed_in(viewer)
    page = client.get("/").content.decode()
    assert "Main entrance" in page
    assert f"/doors/{door.pk}/unlock/" not in page
    assert "It takes the role front desk, which a manager of North House can give." in words(page)
    client.post(f"/doors/{door.pk}/unlock/", {"token": "x"})
    assert "Your role in North House does not unlock doors" in text(client.get("/"))
    assert simulator.calls == []


A_MINUTE = {"from": "08:00", "until": "08:01"}


def _day_before_last(building: Building) -> int:
    return (timezone.localtime(timezone.now(), building.zone) - dt.timedelta(days=2)).isoweekday()


def test_out_of_hours_there_is_no_button_and_a_sentence_who_can_change_it(north, door) -> None:
    person = make_user("night")
    grant(person, north, weekly_hours=[{"days": [_day_before_last(north)], **A_MINUTE}])
    page = signed_in(person).get("/").content.decode()
    assert f"/doors/{door.pk}/unlock/" not in page
    assert "does not unlock at this hour. A manager of North House can change" in words(page)


def test_a_frozen_building_says_so_with_its_reason_and_has_no_buttons(north, door, clerk) -> None:
    north.frozen, north.frozen_reason = True, "Fire drill <until> 15:00."
    north.save()
    page = signed_in(clerk).get("/").content.decode()
    assert "North House is frozen: Fire drill <until> 15:00." in words(page)
    assert "<until>" not in page
    assert f"/doors/{door.pk}/unlock/" not in page
    [described] = re.findall(rf'<article id="door-{door.pk}"[^>]* aria-describedby="([^"]+)"', page)
    [standing] = re.findall(rf'<p id="{described}".*?</p>', page)
    assert words(standing).startswith("North House is frozen: Fire drill")


def test_the_desk_gives_the_reason_that_a_press_would_be_refused_for(
    north, door, viewer, simulator
) -> None:
    """A viewer of a frozen building waits in vain for the end of the freeze."""
    north.frozen, north.frozen_reason = True, "Fire drill."
    north.save()
    client = signed_in(viewer)
    page = text(client.get("/"))
    assert "Your role in North House sees doors and does not unlock them." in page
    assert "frozen" not in page
    client.post(f"/doors/{door.pk}/unlock/", {"token": "x"})
    assert Press.objects.get().code == "no_role"


def test_a_manager_is_not_sent_to_themselves_for_what_they_may_not(north, door) -> None:
    boss = make_user("boss")
    grant(boss, north, "manager")
    page, question = (text(signed_in(boss).get(path)) for path in ("/", f"/doors/{door.pk}/"))
    for told in (page, question):
        assert "Managing North House does not unlock its doors: the role “Front desk” does." in told
        assert "Another manager or an administrator can give it to you." in told
        assert "A manager of North House" not in told
    grant(boss, north, weekly_hours=[{"days": [_day_before_last(north)], **A_MINUTE}])
    page = words(signed_in(boss).get("/").content.decode())
    assert "does not unlock at this hour. Another manager or an administrator can change" in page


def test_without_any_role_the_page_says_what_to_do(db) -> None:
    page = text(signed_in(make_user("new")).get("/"))
    assert "You hold no role in any building at the moment" in page


def test_a_building_without_doors_says_so(north, clerk) -> None:
    assert "No door is assigned to this building yet" in text(signed_in(clerk).get("/"))


def test_the_page_names_who_is_signed_in_and_lets_another_take_over(clerk, north) -> None:
    client = signed_in(clerk)
    assert "Clerk Not you? Switch" in text(client.get("/"))
    client.post("/accounts/logout/")
    assert client.get("/").status_code == 302


def test_ones_account_signs_out_and_the_sign_in_says_so(clerk, north) -> None:
    client = signed_in(clerk)
    page = client.get("/accounts/").content.decode()
    assert re.search(r'method="post" action="/accounts/logout/".*?>Sign out<', page, re.DOTALL)
    signed_out = client.post("/accounts/logout/", follow=True)
    assert "You are signed out." in text(signed_out)
    assert client.get("/").status_code == 302
    assert "You are signed out." not in text(client.get("/accounts/login/"))
    wrong = {"username": "clerk", "password": "x"}
    assert "You are signed out." not in text(client.post("/accounts/login/?signed_out=1", wrong))
    assert "You are signed out." not in text(signed_in(clerk).get("/accounts/login/?signed_out=1"))


def test_every_page_says_that_doors_are_simulated(clerk, north, settings) -> None:
    client = signed_in(clerk)
    paths = ("/", "/history/", "/accounts/password_change/", "/no-such-page/")
    for path in paths:
        assert "SIMULATED: no real door moves" in text(client.get(path)), path
    settings.SEAM_SIMULATED = False
    for path in paths:
        assert "SIMULATED" not in text(client.get(path)), path


def test_doors_stand_by_area_and_in_the_order_that_people_count(north, clerk) -> None:
    for label in ("Room 10", "Room 9", "Room 101"):
        make_device(north, label=label, area="First floor", access=Device.Access.PRIVATE)
    make_device(north, label="Gate", area="")
    page = text(signed_in(clerk).get("/"))
    found = [page.index(part) for part in ("Gate", "First floor", "Room 9", "Room 10 ", "Room 101")]
    assert found == sorted(found)


def test_the_areas_with_the_most_common_doors_come_first_and_these_first_in_them(
    north, clerk
) -> None:
    make_device(north, label="Office", area="Attic", access=Device.Access.PRIVATE)
    make_device(north, label="Bike cellar", area="Basement")
    make_device(north, label="Luggage room", area="Ground floor", access=Device.Access.PRIVATE)
    make_device(north, label="Staff entrance", area="Ground floor")
    make_device(north, label="Main entrance", area="Ground floor")
    make_device(north, label="Yard gate", area="Yard")
    page = text(signed_in(clerk).get("/"))
    doors = (
        "Main entrance",
        "Staff entrance",
        "Luggage room",
        "Bike cellar",
        "Yard gate",
        "Office",
    )
    found = [page.index(label) for label in doors]
    assert found == sorted(found)


def test_areas_that_differ_in_case_alone_stay_apart(north, clerk) -> None:
    for label, area in (("Gate 1", "Yard"), ("Gate 2", "yard"), ("Gate 3", "Yard")):
        make_device(north, label=label, area=area)
    page = signed_in(clerk).get("/").content.decode()
    assert len(re.findall("<h2>[Yy]ard</h2>", page)) == 2


# --- The press ----------------------------------------------------------------------------------


def test_a_press_with_htmx_answers_with_the_card_aimed_at_its_place(desk, door, simulator) -> None:
    answer = press(desk, door, htmx=True)
    assert answer.status_code == 200
    assert answer.headers["HX-Retarget"] == f"#door-{door.pk}"
    assert answer.headers["HX-Reswap"] == "outerHTML"
    assert answer.content.decode().strip().startswith(f'<article id="door-{door.pk}"')
    assert "Waiting for the lock…" in text(answer)
    assert simulator.posts(MAIN) == 1


def test_the_live_refetch_shows_the_same_card_as_the_answer(desk, door) -> None:
    answer = press(desk, door, htmx=True).content.decode()
    section = desk.get(f"/buildings/{door.building_id}/", headers=HTMX).content.decode()
    card = re.search(rf'<article id="door-{door.pk}".*?</article>', section, re.DOTALL)[0]
    assert words(card) == words(answer)


def test_a_press_without_javascript_goes_on_by_a_get(desk, door, simulator) -> None:
    answer = press(desk, door)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/?door={door.pk}#door-{door.pk}"
    assert "Waiting for the lock…" in text(desk.get(answer.headers["Location"]))
    assert simulator.posts(MAIN) == 1


def test_a_press_is_made_by_post_alone(desk, door) -> None:
    assert desk.get(f"/doors/{door.pk}/unlock/").status_code == 405
    assert not Press.objects.exists()


@pytest.mark.parametrize("htmx", [True, False])
def test_a_used_button_answers_with_its_old_result_and_sends_nothing(
    desk, door, simulator, htmx
) -> None:
    token = token_for(desk, door)
    path, headers = f"/doors/{door.pk}/unlock/", HTMX if htmx else {}
    desk.post(path, {"token": token}, headers=headers)
    answer = desk.post(path, {"token": token}, headers=headers)
    shown = text(answer if htmx else desk.get("/"))
    assert "Main entrance: Waiting for the lock… (result of the press at " in shown
    assert "nothing was sent now)." in shown
    assert simulator.posts(MAIN) == 1


@pytest.mark.parametrize("htmx", [True, False])
def test_a_private_door_without_a_reason_asks_again_and_keeps_what_was_typed(
    desk, room, simulator, htmx
) -> None:
    answer = press(desk, room, htmx=htmx, reason="Guest locked out", asked="1")
    html = answer.content.decode()
    assert answer.status_code == 200
    assert "needs a reason and how the person was identified" in words(html)
    assert 'value="Guest locked out"' in html
    assert simulator.calls == []
    data = {"token": token_in(html, room), "reason": "Guest locked out", "identified_by": "id_seen"}
    again = desk.post(f"/doors/{room.pk}/unlock/", data, headers=HTMX if htmx else {})
    assert again.status_code == (200 if htmx else 303)
    request = UnlockRequest.objects.get()
    assert (request.reason, request.identified_by) == ("Guest locked out", "id_seen")


def test_a_reason_that_is_too_long_is_refused_rather_than_cut(desk, room, simulator) -> None:
    answer = press(desk, room, reason="x" * 201, identified_by="id_seen")
    assert "At most 200 characters" in text(answer)
    assert simulator.calls == []


def test_what_the_record_gets_is_escaped_where_it_comes_back(desk, room) -> None:
    html = press(desk, room, reason='"><script>alert(1)</script>').content.decode()
    assert "<script>alert" not in html
    assert '"><script>alert(1)</script>' in unescape(html)


def test_the_confirmation_names_door_building_and_person(desk, room) -> None:
    page = text(desk.get(f"/doors/{room.pk}/"))
    for part in ("Unlock Room 101", "North House", "Recorded as pressed by Clerk", "ID seen"):
        assert part in page
    assert "No ID or card numbers" in page
    assert "times of" not in page  # there are none


def test_the_confirmation_names_the_zone_of_the_times_that_it_tells(desk, room) -> None:
    Device.objects.update(battery_level=0.1)
    page = text(desk.get(f"/doors/{room.pk}/"))
    assert "Battery low 10 %" in page
    assert "times of" not in page
    past = timezone.now() - dt.timedelta(hours=1)
    Device.objects.update(online=False, online_seen_at=past)
    page = text(desk.get(f"/doors/{room.pk}/"))
    assert "Offline, last seen online" in page
    assert "times of Europe/Lisbon" in page


def test_after_an_unknown_outcome_the_server_asks_too(desk, clerk, door, simulator) -> None:
    token = token_for(desk, door)
    request_of(door, clerk, Status.UNKNOWN, code="no_answer")
    answer = desk.post(f"/doors/{door.pk}/unlock/", {"token": token}, headers=HTMX)
    assert answer.headers["HX-Retarget"] == "#confirm-body"
    html = answer.content.decode()
    assert "Press Main entrance again anyway?" in words(html)
    assert "Treat the door as unlocked until someone has looked." in words(html)
    assert simulator.calls == []
    unknown = UnlockRequest.objects.get(status=Status.UNKNOWN)
    data = {"token": token_in(html, door), "again": unknown.pk, "asked": "1"}
    desk.post(f"/doors/{door.pk}/unlock/", data, headers=HTMX)
    assert simulator.posts(MAIN) == 1
    assert UnlockRequest.objects.get(status=Status.PENDING).pressed_again
    assert "pressed again" in text(desk.get("/"))


def test_a_question_that_the_door_has_outlived_is_asked_with_what_came_meanwhile(
    desk, clerk, room, simulator
) -> None:
    html = desk.get(f"/doors/{room.pk}/", headers=HTMX).content.decode()
    shown = re.search(r'name="shown" value="([^"]+)"', html)[1]
    colleague = make_user("colleague", name="Ana")
    request_of(room, colleague, Status.UNLOCKED, ago=9, confirmed_by_device=True)
    said = {"reason": "Guest locked out", "identified_by": "id_seen", "asked": "1"}
    data = {"token": token_in(html, room), "shown": shown, **said}
    answer = desk.post(f"/doors/{room.pk}/unlock/", data, headers=HTMX)
    told = text(answer)
    assert "something has happened at this door since the question came" in told
    assert re.search(r"Unlocked, confirmed Ana \d\d:\d\d:\d\d", told)
    assert simulator.calls == []
    html = answer.content.decode()
    data |= {
        "token": token_in(html, room),
        "shown": re.search(r'name="shown" value="([^"]+)"', html)[1],
    }
    desk.post(f"/doors/{room.pk}/unlock/", data, headers=HTMX)
    assert len(simulator.calls) == 1


def test_a_press_that_came_too_late_is_asked_again_with_a_fresh_button(
    desk, door, simulator, settings
) -> None:
    token = token_for(desk, door)
    settings.UNLOCK_SEND_TIMEOUT = 0.0
    answer = desk.post(f"/doors/{door.pk}/unlock/", {"token": token})
    assert "the press took too long to get here. Press again." in text(answer)
    assert "Help line: north 100" in text(answer)
    assert simulator.calls == []
    settings.UNLOCK_SEND_TIMEOUT = 10.0
    fresh = token_in(answer.content.decode(), door)
    assert desk.post(f"/doors/{door.pk}/unlock/", {"token": fresh}).status_code == 303


def test_the_time_since_the_page_came_counts_where_the_browser_measured_it(
    desk, door, simulator, settings
) -> None:
    settings.UNLOCK_SEND_TIMEOUT = 5.0
    old = _aged(token_for(desk, door), desk, seconds=60)
    path = f"/doors/{door.pk}/unlock/"
    fields = {"token": old, "elapsed_wall": "60", "elapsed_mono": "20"}
    assert "took too long" in text(desk.post(path, fields, headers=HTMX))  # it slept 40 s
    old = _aged(token_for(desk, door), desk, seconds=60)
    broken = {"token": old, "elapsed_wall": "nan", "elapsed_mono": "x"}
    assert "took too long" in text(desk.post(path, broken, headers=HTMX))
    old = _aged(token_for(desk, door), desk, seconds=60)
    desk.post(path, {"token": old, "elapsed_wall": "60", "elapsed_mono": "60"}, headers=HTMX)
    assert simulator.posts(MAIN) == 1


def _aged(token: str, client: Client, *, seconds: float) -> str:
    """The same token, made earlier."""
    from django.core import signing

    content = signing.loads(token, salt="locks.press")
    content["t"] -= seconds
    return signing.dumps(content, salt="locks.press")


def test_a_404_of_a_form_leads_back_to_the_page_it_was_on_and_to_no_other(door, outsider) -> None:
    client, path = signed_in(outsider), f"/doors/{door.pk}/unlock/"
    back = '<a class="button" href="/?q=101&amp;door=7">Back to where you were</a>'
    here = client.post(path, HTTP_REFERER="http://testserver/?q=101&door=7").content.decode()
    assert back in here
    elsewhere = client.post(path, HTTP_REFERER="http://example.com/?q=101").content.decode()
    assert "Back to where you were" not in elsewhere
    assert "Go to the desk" in elsewhere


def test_a_door_that_was_taken_out_of_its_building_is_404_for_everybody(
    door, superuser, simulator
) -> None:
    Device.objects.update(building=None)
    client = signed_in(superuser)
    assert client.post(f"/doors/{door.pk}/unlock/", {"token": "x"}).status_code == 404
    assert client.get(f"/doors/{door.pk}/").status_code == 404


# --- The desk log and one's own presses -----------------------------------------------------------


def test_the_desk_log_tells_who_which_door_when_and_what_came_of_it(north, door, clerk) -> None:
    ana = make_user("ana", name="Ana Lima")
    request = past_unlock(door, ana, confirmed_by_device=True)
    Press.objects.add(device=door, person=clerk, verdict=Verdict.JOINED, request=request)
    page = signed_in(clerk).get("/").content.decode()
    log = words(re.search(r'<aside class="log".*?</aside>', page, re.DOTALL)[0])
    when = request.requested_at.astimezone(north.zone).strftime("%H:%M:%S")
    for part in (when, "Main entrance", "Unlocked, confirmed", "Ana Lima", "1 joined"):
        assert part in log


def test_the_desk_log_reaches_back_twelve_hours(door, clerk) -> None:
    request_of(door, clerk, Status.UNLOCKED, ago=12 * 3600 + 60)
    assert "Nothing to show from the last 12 hours." in text(signed_in(clerk).get("/"))
    request_of(door, clerk, Status.UNLOCKED, ago=12 * 3600 - 60)
    assert "Nothing to show from the last 12 hours." not in text(signed_in(clerk).get("/"))


def test_what_happened_in_another_building_does_not_come_along_with_a_door(
    north, south, door, clerk, outsider
) -> None:
    past_unlock(door, clerk, confirmed_by_device=True)
    past_refusal(door, outsider)
    Device.objects.filter(pk=door.pk).update(building=south)
    page = signed_in(outsider).get("/").content.decode()
    shown = words(re.search(r"<main.*</main>", page, re.DOTALL)[0])
    assert "Main entrance" in shown
    assert not re.search("Clerk|Unlocked|Nothing was sent", shown)


def test_my_presses_are_mine_and_only_where_i_still_hold_a_role(north, south, clerk) -> None:
    here = make_device(north, label="North door")
    there = make_device(south, label="South door")
    other = make_device(north, label="Other door")
    past_unlock(here, clerk)
    past_unlock(there, clerk)
    past_unlock(other, make_user("ana"))
    past_refusal(here, clerk, code="out_of_hours")
    page = text(signed_in(clerk).get("/history/"))
    assert "North door" in page
    assert "does not unlock at this hour" in page
    assert not re.search("South|Other door", page)


def test_my_presses_name_the_clock_and_the_help_line_where_it_is_needed(north, clerk) -> None:
    door = make_device(north, label="North door")
    past_unlock(door, clerk, confirmed_by_device=True)
    page = text(signed_in(clerk).get("/history/"))
    assert "North House · Europe/Lisbon" in page
    assert "north 100" not in page
    past_unlock(door, clerk, status=Status.FAILED)
    assert "Help line: north 100" in text(signed_in(clerk).get("/history/"))


def test_my_presses_say_when_one_that_was_learned_late_was_and_what_was_seen(
    north, clerk, django_assert_num_queries
) -> None:
    client = signed_in(clerk)

    def learned_late() -> None:
        door = make_device(north)
        request = past_unlock(door, clerk, took_ms=None, action_attempt_id=f"late-{door.pk}")
        SeamEvent.objects.create(
            event_id=f"event-{door.pk}", event_type="lock.unlocked", device=door, building=north,
            action_attempt_id=request.action_attempt_id, source=Source.WEBHOOK,
            occurred_at=request.requested_at,
        )  # fmt: skip
        Attestation.objects.create(
            request=request, person=clerk, person_name="Ana Lima", seen="unlocked"
        )

    learned_late()
    page = text(client.get("/history/"))
    assert re.search(
        r"Unlocked at \S+; learned at \S+\. Seen at the door: unlocked · Ana Lima", page
    )
    with CaptureQueriesContext(connection) as asked:
        client.get("/history/")
    for _ in range(3):
        learned_late()
    with django_assert_num_queries(len(asked)):
        client.get("/history/")


# --- Cost, and the way in ---------------------------------------------------------------------


def test_it_asks_the_database_the_same_however_many_doors(
    north, clerk, django_assert_num_queries
) -> None:
    client = signed_in(clerk)
    path = f"/buildings/{north.pk}/"

    def fill(number: int) -> None:
        for _door in range(number):
            door = make_device(north)
            past_unlock(door, clerk)
            past_refusal(door, clerk)
            request_of(make_device(north), clerk, Status.PENDING, ago=door.pk)

    fill(13)  # more than the log shows at first
    client.get(path, headers=HTMX)
    with django_assert_num_queries(23):
        client.get(path, headers=HTMX)
    fill(15)
    with django_assert_num_queries(23):
        client.get(path, headers=HTMX)


def test_signing_in_leads_to_where_the_person_was_and_never_to_a_press(door, clerk) -> None:
    credentials = {"username": "clerk", "password": "a-password-for-tests"}
    for wanted, leads_to in (
        ("/history/", "/history/"),
        (f"/doors/{door.pk}/unlock/", f"/?door={door.pk}#door-{door.pk}"),
        ("https://elsewhere.example/", "/"),
        ("/no-such-page/", "/"),
        ("", "/"),
    ):
        answer = Client().post("/accounts/login/", {**credentials, "next": wanted})
        assert answer.headers["Location"] == leads_to


def test_a_wrong_password_is_told_without_telling_which_half_was_wrong(clerk) -> None:
    wrong = {"username": "clerk", "password": "x"}
    nobody = {"username": "nobody", "password": "x"}
    answers = [Client().post("/accounts/login/", data) for data in (wrong, nobody)]
    assert all("User name or password is wrong." in text(a) for a in answers)
    assert all(re.search(r'id="id_password"[^>]* autofocus', a.content.decode()) for a in answers)
    assert text(answers[0]) == text(answers[1])


def test_a_person_changes_their_own_password(clerk, north) -> None:
    client = signed_in(clerk)
    fields = {
        "old_password": "a-password-for-tests",
        "new_password1": "another-long-phrase",
        "new_password2": "another-long-phrase",
    }
    answer = client.post("/accounts/password_change/", fields, follow=True)
    assert "Your password is changed" in text(answer)
    assert client.login(username="clerk", password="another-long-phrase")


def test_several_buildings_stand_together_or_alone(north, clerk) -> None:
    annex = make_building("Annex")
    grant(clerk, annex)
    client = signed_in(clerk)
    both = client.get("/").content.decode()
    assert both.count("<section") == 2
    alone = client.get(f"/buildings/{annex.pk}/").content.decode()
    assert alone.count("<section") == 1
    assert "All buildings" in alone
