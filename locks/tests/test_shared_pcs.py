"""A shared PC: who enrols it, who takes their turn there by PIN, and what such a session may do."""

import datetime as dt
import re
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from locks.models import AuditEvent, Building, Kind, Pin, Press, Role, SharedPC, SharedPCVisit, User
from locks.services.errors import NotAllowed
from locks.services.inviting import invite_person
from locks.services.pins import remove_pin, set_pin
from locks.services.shared_pcs import enrol_pc, remove_pc, switch_to
from locks.services.tokens import issue_token
from locks.tests.conftest import signed_in
from locks.tests.factories import PASSWORD, grant, make_device, make_user
from locks.tests.proofs import code_of
from locks.tests.visitors import Visitor, field, marked

pytestmark = pytest.mark.django_db
PIN = "8305"
COOKIE = "accessdesk_pc"


@pytest.fixture
def colleague(north: Building) -> User:
    """Another front desk of North House."""
    person = make_user("colleague", name="Colleague")
    grant(person, north, Role.FRONT_DESK)
    return person


@pytest.fixture
def desk_pc(north: Building, manager: User) -> Client:
    """The browser of a PC of North House that its manager has enrolled, where nobody is signed in."""
    client = signed_in(manager)
    client.post("/accounts/shared_pc/", {"name": "Front desk 1", "building": north.pk})
    client.post("/accounts/switch/")
    return client


def sign_in(client: Client, person: User) -> None:
    answer = client.post("/accounts/login/", {"username": person.username, "password": PASSWORD})
    assert answer.status_code == 302


def known(client: Client, *people: User) -> None:
    """They have set a PIN, and signed in on this PC."""
    for person in people:
        set_pin(person=person, pin=PIN)
        sign_in(client, person)
        client.post("/accounts/switch/")


def names(client: Client) -> list[str]:
    page = client.get("/accounts/switch/").content.decode()
    return re.findall(r'class="person".*?<span>(.*?)</span>', page)


def enter(client: Client, person: User, pin: str = PIN, **data: str) -> Any:
    return client.post(f"/accounts/switch/{person.pk}/", {"pin": pin, **data})


def who(client: Client) -> str:
    found = re.search(r'class="me-name"[^>]*>([^<]*)<', client.get("/history/").content.decode())
    return found[1] if found else ""


def told(kind: Kind) -> list[tuple[str, Any, dict[str, Any]]]:
    events = AuditEvent.objects.filter(kind=kind).order_by("id")
    return [(event.chain.key, event.actor, event.told()) for event in events]


def way(answer: Any) -> tuple[str, str]:
    """Where an answer leads, and to what that leads on."""
    parts = urlsplit(answer.headers["Location"])
    return parts.path, parse_qs(parts.query).get("next", [""])[0]


# --- Enrolling --------------------------------------------------------------------------------


def test_a_manager_enrols_the_pc_at_which_they_sit(north: Building, manager: User) -> None:
    client = signed_in(manager)
    assert "Make this a shared PC" in client.get("/accounts/shared_pc/").content.decode()
    answer = client.post("/accounts/shared_pc/", {"name": " Front desk 1 ", "building": north.pk})
    assert answer.status_code == 303
    cookie = client.cookies[COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert len(cookie.value) >= 43  # 256 bits
    pc = SharedPC.objects.get()
    assert (pc.name, pc.building, pc.enrolled_by) == ("Front desk 1", north, manager)
    assert cookie.value not in (pc.token_hash, str(told(Kind.PC_ENROLLED)))
    ((chain, actor, detail),) = told(Kind.PC_ENROLLED)
    assert (chain, actor, detail["pc"]) == (f"building-{north.pk}", manager, "Front desk 1")
    assert "This is a shared PC" in client.get("/accounts/shared_pc/").content.decode()


def test_it_is_enrolled_for_nobody_elses_building_and_under_no_name_twice(
    north: Building, south: Building, manager: User, clerk: User
) -> None:
    client = signed_in(manager)
    for data, wrong in [
        ({"name": "PC", "building": south.pk}, {"building"}),
        ({"name": " ", "building": north.pk}, {"name"}),
        ({"name": "x" * 81, "building": north.pk}, {"name"}),
        ({"name": "PC\x00", "building": north.pk}, {"name"}),
        ({}, {"name", "building"}),
    ]:
        answer = client.post("/accounts/shared_pc/", data)
        assert answer.status_code == 400
        assert set(marked(answer.content.decode())) == wrong
    for person, building in ((clerk, north), (manager, south)):
        with pytest.raises(NotAllowed):
            enrol_pc(actor=person, building=building, name="PC")
    assert not SharedPC.objects.exists()
    enrol_pc(actor=manager, building=north, name="PC")
    with pytest.raises(ValidationError, match="of this name"):
        enrol_pc(actor=manager, building=north, name="PC")
    assert signed_in(clerk).get("/accounts/shared_pc/").status_code == 403


def test_a_manager_of_another_building_learns_nothing_of_it(desk_pc: Client, south) -> None:
    other = make_user("other-manager")
    grant(other, south, Role.MANAGER)
    sign_in(desk_pc, other)
    page = desk_pc.get("/accounts/shared_pc/").content.decode()
    assert "of another building" in page
    assert "North House" not in page
    desk_pc.post("/accounts/shared_pc/", {"remove": "1"})
    desk_pc.post("/accounts/shared_pc/", {"name": "PC", "building": south.pk})
    assert SharedPC.objects.in_use().get().name == "Front desk 1"


def test_a_removed_pc_is_worth_nothing_at_once(
    desk_pc: Client, clerk: User, manager: User, manager_client: Client
) -> None:
    known(desk_pc, clerk)
    enter(desk_pc, clerk)
    assert who(desk_pc) == "Clerk"
    pc = SharedPC.objects.get()
    page = manager_client.get("/admin/locks/sharedpc/").content.decode()
    assert "Front desk 1" in page
    action = {"action": "remove", "_selected_action": pc.pk}
    manager_client.post("/admin/locks/sharedpc/", action)
    assert desk_pc.get("/").headers["Location"].startswith("/accounts/login/")  # its session ended
    assert desk_pc.get("/accounts/switch/").headers["Location"] == "/accounts/login/"
    assert enter(desk_pc, clerk).headers["Location"] == "/accounts/switch/"
    ((_, actor, detail),) = told(Kind.PC_REMOVED)
    assert (actor, detail["pc"]) == (manager, "Front desk 1")
    manager_client.post("/admin/locks/sharedpc/", action)
    remove_pc(actor=manager, pc=pc)
    assert len(told(Kind.PC_REMOVED)) == 1  # not twice
    with pytest.raises(NotAllowed):
        switch_to(pc=pc, person=clerk, pin=PIN, at=timezone.now(), address="")


def test_a_manager_removes_it_at_the_pc_itself(desk_pc: Client, manager: User) -> None:
    sign_in(desk_pc, manager)
    desk_pc.post("/accounts/shared_pc/", {"remove": "1"})
    assert desk_pc.cookies[COOKIE].value == ""
    assert not SharedPC.objects.in_use().exists()


def test_managers_of_other_buildings_cannot_remove_it(desk_pc: Client, south) -> None:
    other = make_user("other-manager")
    grant(other, south, Role.MANAGER)
    pc = SharedPC.objects.get()
    with pytest.raises(NotAllowed):
        remove_pc(actor=other, pc=pc)
    action = {"action": "remove", "_selected_action": pc.pk}
    assert "Front desk" not in str(signed_in(other).post("/admin/locks/sharedpc/", action).content)
    assert SharedPC.objects.in_use().exists()


@pytest.mark.parametrize("cookie", ["", "x", "a" * 5000, "%00\x00", "ünïcode"])
def test_a_cookie_of_no_pc_is_an_ordinary_pcs(db, cookie: str) -> None:
    client = Client()
    client.cookies[COOKIE] = cookie
    assert client.get("/accounts/switch/").headers["Location"] == "/accounts/login/"


# --- Taking turns -----------------------------------------------------------------------------


def test_a_colleague_takes_their_turn_by_name_and_pin(
    desk_pc: Client, north: Building, clerk: User, colleague: User
) -> None:
    known(desk_pc, clerk, colleague)
    assert names(desk_pc) == ["Colleague", "Clerk"]
    enter(desk_pc, clerk)
    first = desk_pc.session.session_key
    answer = desk_pc.post("/accounts/switch/", {"next": f"/buildings/{north.pk}/"}, follow=True)
    assert not Session.objects.filter(pk=first).exists()
    assert names(desk_pc) == ["Clerk", "Colleague"]
    link = re.search(rf'href="(/accounts/switch/{colleague.pk}/[^"]*)"', answer.content.decode())
    pad = desk_pc.get(link[1]).content.decode()
    assert 'inputmode="numeric"' in pad
    answer = enter(desk_pc, colleague, next=f"/buildings/{north.pk}/")
    assert answer.headers["Location"] == f"/buildings/{north.pk}/"
    assert who(desk_pc) == "Colleague"
    assert desk_pc.session.session_key != first
    events = told(Kind.PERSON_SWITCHED)
    assert [actor for _, actor, _ in events] == [clerk, colleague]
    chain, _, detail = events[-1]
    assert (chain, detail["method"]) == (f"building-{north.pk}", "pin")
    assert (detail["pc"], detail["address"]) == ("Front desk 1", "127.0.0.1")
    assert told(Kind.SIGNED_OUT)[-1][1] == clerk
    assert PIN not in str(told(Kind.PERSON_SWITCHED))


def test_the_pc_is_named_on_no_other_buildings_record(
    desk_pc: Client, south: Building, clerk: User
) -> None:
    grant(clerk, south)
    known(desk_pc, clerk)
    enter(desk_pc, clerk)
    details = {chain: detail.get("pc") for chain, _, detail in told(Kind.PERSON_SWITCHED)}
    assert details[f"building-{south.pk}"] is None
    assert set(details.values()) == {"Front desk 1", None}


def test_only_people_of_the_building_who_signed_in_here_lately_are_named(
    desk_pc: Client, north: Building, clerk: User, colleague: User, outsider: User, viewer: User
) -> None:
    known(desk_pc, clerk, outsider)  # who holds no role here
    sign_in(desk_pc, viewer)  # who has no PIN
    desk_pc.post("/accounts/switch/")
    set_pin(person=colleague, pin=PIN)  # who never signed in here
    assert names(desk_pc) == ["Clerk"]
    for person in (outsider, viewer, colleague):
        assert enter(desk_pc, person).headers["Location"] == "/accounts/switch/"
    assert who(desk_pc) == ""
    visits = SharedPCVisit.objects.filter(person=clerk)
    at = timezone.now()
    for change in (
        {"signed_in_at": at - dt.timedelta(days=14)},
        {"password_mark": "of another password"},
    ):
        visits.update(**change)
        assert names(desk_pc) == []
        visits.update(signed_in_at=at, password_mark=clerk.get_session_auth_hash())
        assert names(desk_pc) == ["Clerk"]
    for change in ({"valid_until": at}, {"revoked_at": at}):
        clerk.assignments.update(**change)
        assert names(desk_pc) == []
        clerk.assignments.update(valid_until=None, revoked_at=None)
    User.objects.filter(pk=clerk.pk).update(is_active=False)
    assert names(desk_pc) == []
    assert enter(desk_pc, clerk).headers["Location"] == "/accounts/switch/"


def test_a_pin_opens_nothing_on_a_pc_that_is_not_enrolled(desk_pc: Client, clerk: User) -> None:
    known(desk_pc, clerk)
    elsewhere = Client()
    answer = elsewhere.get(f"/accounts/switch/{clerk.pk}/")
    assert answer.headers["Location"] == "/accounts/switch/"
    assert enter(elsewhere, clerk).headers["Location"] == "/accounts/switch/"
    assert elsewhere.get("/accounts/switch/").headers["Location"] == "/accounts/login/"
    login = {"username": "clerk", "password": PIN}
    assert elsewhere.post("/accounts/login/", login).status_code == 200
    assert who(elsewhere) == ""


def test_a_wrong_pin_is_one_sentence_and_opens_nothing(desk_pc: Client, clerk: User) -> None:
    known(desk_pc, clerk)
    at = timezone.now()
    said = set()
    for typed in ("7214", "", "abcd", "1\x002", "9" * 50):
        Pin.objects.update(free_at=at - dt.timedelta(hours=1))
        answer = enter(desk_pc, clerk, typed)
        assert answer.status_code == 403
        page = answer.content.decode()
        said.add(re.search(r'role="alert"><svg.*?<span>(.*?)</span>', page)[1])
        assert typed == "" or typed not in page
    assert said == {"That PIN did not work. Try again, or sign in with your password."}
    Pin.objects.update(wrong_in_a_row=5)
    assert "Too many wrong tries" in enter(desk_pc, clerk).content.decode()
    assert who(desk_pc) == ""
    sign_in(desk_pc, clerk)
    desk_pc.post("/accounts/switch/")
    assert enter(desk_pc, clerk).status_code == 303


def test_nothing_that_somebody_else_began_there_goes_on(
    desk_pc: Client, clerk: User, settings
) -> None:
    known(desk_pc, clerk)
    session = desk_pc.session
    session["half"] = "a sign-in that waits for its second factor"
    session.save()
    before = session.session_key
    desk_pc.cookies[settings.SESSION_COOKIE_NAME] = before
    enter(desk_pc, clerk)
    assert "half" not in desk_pc.session
    assert desk_pc.session.session_key != before
    assert not Session.objects.filter(pk=before).exists()


def test_a_session_that_is_already_open_is_not_asked_for_a_pin(
    desk_pc: Client, clerk: User, colleague: User
) -> None:
    known(desk_pc, clerk, colleague)
    enter(desk_pc, clerk)
    assert enter(desk_pc, colleague).headers["Location"] == "/"
    assert desk_pc.get("/accounts/switch/").headers["Location"] == "/"
    assert who(desk_pc) == "Clerk"


def test_on_an_ordinary_pc_switching_signs_out_and_leads_to_the_sign_in(
    clerk: User, outsider: User, north: Building
) -> None:
    client = signed_in(clerk)
    here = f"/buildings/{north.pk}/"
    page = client.get(here).content.decode()
    assert f'<input type="hidden" name="next" value="{here}">' in page
    answer = client.post("/accounts/switch/", {"next": here})
    assert told(Kind.SIGNED_OUT)[-1][1] == clerk
    answer = client.get(answer.headers["Location"])
    path, after = way(answer)
    assert path == "/accounts/login/"
    for person, place in ((clerk, here), (outsider, "/")):
        sign_in(client, person)
        assert client.get(after).headers["Location"] == place
        client.post("/accounts/switch/")


def test_after_an_idle_sign_out_the_people_of_the_pc_are_shown(
    desk_pc: Client, clerk: User, north: Building
) -> None:
    known(desk_pc, clerk)
    enter(desk_pc, clerk)
    desk_pc.get("/")
    session = desk_pc.session
    session["seen_at"] = time.time() - 16 * 60
    session.save()
    answer = desk_pc.get(f"/buildings/{north.pk}/")
    assert way(answer) == ("/accounts/switch/", f"/buildings/{north.pk}/")
    answer = desk_pc.get("/", headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == "/accounts/switch/"


# --- What a session by PIN may do -------------------------------------------------------------


def test_a_session_by_pin_presses_and_the_record_names_its_person(
    desk_pc: Client, simulator, clerk: User, colleague: User, north: Building
) -> None:
    door = make_device(north, seam_device_id="harbour-main-entrance")
    known(desk_pc, clerk, colleague)
    enter(desk_pc, clerk)
    left_open = issue_token(person=clerk, device=door)  # on a page that nobody closed
    desk_pc.post("/accounts/switch/")
    enter(desk_pc, colleague)
    address = f"/doors/{door.pk}/unlock/"
    desk_pc.post(address, {"token": left_open})
    refused = Press.objects.get()
    assert (refused.person, refused.code) == (colleague, "bad_token")
    assert simulator.posts("harbour-main-entrance") == 0
    ((_, actor, _),) = told(Kind.UNLOCK_REFUSED)
    assert actor == colleague
    desk_pc.post(address, {"token": issue_token(person=colleague, device=door)})
    ((_, actor, _),) = told(Kind.UNLOCK_REQUESTED)
    assert actor == colleague
    assert simulator.posts("harbour-main-entrance") == 1


@pytest.mark.django_db(transaction=True)
def test_a_page_from_before_the_switch_breaks_into_no_error(
    live_server: Any, north: Building, manager: User, clerk: User, colleague: User
) -> None:
    door = make_device(north)
    desk = Visitor(live_server.url, "manager", PASSWORD)
    desk.post("/accounts/shared_pc/", {"name": "PC", "building": north.pk}, csrf=desk.csrf())
    for person in (colleague, clerk):
        desk.post("/accounts/switch/", {}, csrf=desk.csrf())
        typed = {"username": person.username, "password": PASSWORD}
        page = desk.get("/accounts/login/").text
        desk.post("/accounts/login/", typed, csrf=field(page, "csrfmiddlewaretoken"))
        typed = {"password": PASSWORD, "pin": PIN, "again": PIN}
        assert desk.post("/accounts/pin/", typed, csrf=desk.csrf()).status_code == 303
    before, token = desk.csrf(), issue_token(person=clerk, device=door)
    desk.post("/accounts/switch/", {"next": f"/doors/{door.pk}/"}, csrf=before)
    # Between the two: to the page of names, and from there to the door.
    answer = desk.post(f"/doors/{door.pk}/unlock/", {"token": token}, csrf=before)
    assert urlsplit(answer.headers["Location"]).path == "/accounts/switch/"
    pad = f"/accounts/switch/{colleague.pk}/"
    page = desk.get(f"{pad}?next=/doors/{door.pk}/").text
    typed = {"pin": PIN, "next": field(page, "next")}
    answer = desk.post(pad, typed, csrf=field(page, "csrfmiddlewaretoken"))
    assert answer.headers["Location"] == f"/doors/{door.pk}/"
    assert "Colleague" in desk.get("/").text
    # A page of the clerk that nobody closed: who is to work here has been settled meanwhile.
    for path in ("/accounts/switch/", pad, "/accounts/logout/", "/accounts/login/"):
        answer = desk.post(path, {"pin": PIN}, csrf=before)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    answer = desk.post(f"/doors/{door.pk}/unlock/", {"token": token}, csrf=before)
    assert answer.status_code == 403
    assert "Nothing was sent" in answer.text
    assert "Colleague" in desk.get("/").text
    assert not Press.objects.exists()


def test_a_pin_opens_neither_the_admin_nor_ones_account(
    desk_pc: Client, manager: User, simulator
) -> None:
    known(desk_pc, manager)
    enter(desk_pc, manager)
    assert who(desk_pc) == "Manager"
    for path in (
        "/admin/",
        "/admin/locks/auditevent/?building=1",
        "/accounts/pin/",
        "/accounts/password_change/",
        "/accounts/shared_pc/",
    ):
        assert way(desk_pc.get(path)) == ("/accounts/full/", path)
    for path in ("/admin/locks/auditevent/export/", "/accounts/pin/", "/accounts/shared_pc/"):
        assert way(desk_pc.post(path, {"remove": "1"}))[0] == "/accounts/full/"
    assert Pin.objects.exists()
    assert SharedPC.objects.in_use().exists()
    assert "takes more than a PIN" in desk_pc.get("/accounts/full/?next=/admin/").content.decode()
    answer = desk_pc.post("/accounts/full/", {"next": "/admin/"})
    path, after = way(answer)
    assert path == "/accounts/login/"
    assert told(Kind.SIGNED_OUT)[-1][1] == manager
    sign_in(desk_pc, manager)
    assert desk_pc.get(after).headers["Location"] == "/admin/"
    assert desk_pc.get("/admin/").status_code == 200
    assert desk_pc.get("/accounts/full/?next=/admin/").headers["Location"] == "/admin/"


def test_a_clerk_by_pin_is_refused_the_admin_like_any_clerk(desk_pc: Client, clerk: User) -> None:
    known(desk_pc, clerk)
    enter(desk_pc, clerk)
    assert desk_pc.get("/admin/").status_code == 403
    assert desk_pc.post("/accounts/logout/").status_code == 302


# --- The way back -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example/",
        "javascript:alert(1)",
        "/accounts/login/?next=//evil.example/",
        "/accounts/back/?next=//evil.example/",
        "/accounts/switch/",
        "/no-such-page/",
        "/buildings/99999999999999999999/",
        "/doors/99999999/",
        "/?building=x",
        "/\x00",
        "/history\r\nSet-Cookie: a=b",
        "x" * 5000,
    ],
)
def test_the_way_back_leads_to_the_desk_where_it_is_no_place_of_ours(
    clerk: User, wanted: str
) -> None:
    answer = signed_in(clerk).get("/accounts/back/", {"next": wanted})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


def test_the_way_back_leads_to_a_place_only_where_the_person_may_see_it(
    clerk: User, outsider: User, manager: User, north: Building
) -> None:
    door = make_device(north)
    places = {
        f"/doors/{door.pk}/": f"/doors/{door.pk}/",
        f"/doors/{door.pk}/?asked=1": f"/?door={door.pk}#door-{door.pk}",
        f"/doors/{door.pk}/unlock/": f"/?door={door.pk}#door-{door.pk}",
        f"/doors/{door.pk}/lock/": f"/?door={door.pk}#door-{door.pk}",
        f"/buildings/{north.pk}/": f"/buildings/{north.pk}/",
        f"/?building={north.pk}": f"/buildings/{north.pk}/",
    }
    for wanted, place in places.items():
        for person, expected in ((clerk, place), (outsider, "/")):
            answer = signed_in(person).get("/accounts/back/", {"next": wanted})
            assert answer.headers["Location"] == expected, (person, wanted)
    for person, expected in ((clerk, "/"), (manager, "/admin/locks/press/?p=1")):
        answer = signed_in(person).get("/accounts/back/", {"next": "/admin/locks/press/?p=1"})
        assert answer.headers["Location"] == expected
    kept = {
        "/history/?page=2": "/history/?page=2",
        "/?q=roof+door&page=2": "/?q=roof+door",
        f"/hand-over/{north.pk}/take-over/": f"/hand-over/{north.pk}/",
        f"/hand-over/{north.pk}/follow-ups/": f"/hand-over/{north.pk}/",
        f"/?building={north.pk}&q=roof": f"/buildings/{north.pk}/?q=roof",
        f"/buildings/{north.pk}/?area=First+floor": f"/buildings/{north.pk}/?area=First+floor",
    }
    for wanted, place in kept.items():
        answer = signed_in(clerk).get("/accounts/back/", {"next": wanted})
        assert answer.headers["Location"] == place


# --- What others do meanwhile -----------------------------------------------------------------


def test_a_session_by_pin_is_on_the_list_of_ones_sessions(desk_pc: Client, clerk: User) -> None:
    known(desk_pc, clerk)
    enter(desk_pc, clerk)
    assert UserSession.objects.filter(session_key=desk_pc.session.session_key, user=clerk).exists()


@pytest.mark.parametrize("how", ["another", "none"])
def test_another_pin_or_none_ends_the_sessions_begun_by_the_one_before(
    how: str, desk_pc: Client, clerk: User
) -> None:
    known(desk_pc, clerk)
    enter(desk_pc, clerk)
    full = signed_in(clerk)
    if how == "another":
        set_pin(person=clerk, pin="8306")
    else:
        remove_pin(actor=clerk, person=clerk)
    assert who(desk_pc) == ""
    assert who(full) == "Clerk"


def test_with_the_first_second_factor_nothing_begun_with_the_password_alone_counts_there(
    desk_pc: Client, clerk: User
) -> None:
    known(desk_pc, clerk)
    enter(desk_pc, clerk)
    own = Client()
    sign_in(own, clerk)
    page = own.get("/accounts/2fa/app/add/").content.decode()
    secret = re.search(r"data-secret>([A-Z2-7]+)<", page)[1]
    own.post("/accounts/2fa/app/add/", {"code": code_of(secret)})
    assert who(desk_pc) == ""
    assert "Set a PIN" in own.get("/accounts/pin/").content.decode()  # the one before has ended
    set_pin(person=clerk, pin=PIN)
    assert names(desk_pc) == []
    assert enter(desk_pc, clerk).headers["Location"] == "/accounts/switch/"
    sign_in(desk_pc, clerk)
    assert names(desk_pc) == []  # the code is still to come
    desk_pc.post("/accounts/2fa/sign-in/", {"code": code_of(secret, steps=1)})
    desk_pc.post("/accounts/switch/")
    assert names(desk_pc) == ["Clerk"]


def test_with_another_password_of_ones_own_the_pin_opens_nothing_any_more(
    desk_pc: Client, clerk: User
) -> None:
    known(desk_pc, clerk)
    own = Client()
    sign_in(own, clerk)
    new = "another-long-one-7"
    typed = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert own.post("/accounts/password_change/", typed).status_code == 302
    assert names(desk_pc) == []
    desk_pc.post("/accounts/login/", {"username": "clerk", "password": new})
    assert who(desk_pc) == "Clerk"
    desk_pc.post("/accounts/switch/")
    assert names(desk_pc) == []  # not after a full sign-in either, before they set another
    assert enter(desk_pc, clerk).headers["Location"] == "/accounts/switch/"
    assert [actor for _, actor, _ in told(Kind.PIN_REMOVED)] == [clerk]


def test_who_needs_a_second_factor_and_came_by_pin_is_led_in_no_circle(
    desk_pc: Client, clerk: User, north: Building, settings: Any
) -> None:
    known(desk_pc, clerk)
    enter(desk_pc, clerk)
    grant(clerk, north, Role.MANAGER)
    settings.MFA_REQUIRED = True
    answer = desk_pc.get("/", follow=True)
    assert answer.status_code == 200
    assert "takes more than a PIN" in answer.content.decode()


def test_a_pin_takes_no_role_that_an_invitation_offers(
    desk_pc: Client, clerk: User, north: Building, manager: User
) -> None:
    known(desk_pc, clerk)
    enter(desk_pc, clerk)
    secret = invite_person(actor=manager, building=north, role=Role.MANAGER, name="Clerk").secret
    desk_pc.get(f"/accounts/invitation/{secret}/")
    answer = desk_pc.post("/accounts/invitation/open/", {"take": "yes"})
    assert way(answer)[0] == "/accounts/full/"
    assert not clerk.assignments.filter(role=Role.MANAGER).exists()
