"""More of the desk, to be looked at: many doors and the search, locking, the log, and the hand-over."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from django.utils import timezone
from playwright.sync_api import Page, expect

from locks.models import (
    Attestation,
    Building,
    Device,
    Favourite,
    Press,
    Role,
    Status,
    User,
    Verdict,
)
from locks.services.follow_ups import close_follow_up, open_follow_up
from locks.services.handing_over import take_over
from locks.tests.conftest import signed_in
from locks.tests.deliveries import tell
from locks.tests.desks import SCROLL, SIZES
from locks.tests.factories import grant, make_building, make_device, make_user, request_of
from locks.tests.gallery import Scene, asks, later, shown
from locks.tests.history import past_refusal

HOUR = 3600.0  # seconds
JAMMED = {"code": "lock_error", "error_type": "lock_jammed"}
_attempts = itertools.count(1)


def ends_of(done: Status) -> list[tuple[Status, dict[str, Any]]]:
    """What comes of a press, once it has come to something; `done` is what it was made for."""
    return [
        (done, {"confirmed_by_device": True}),
        (done, {"confirmed_by_device": False}),
        (done, {}),
        (done, {"inferred": True}),
        (Status.FAILED, {"code": "not_sent"}),
        (Status.FAILED, {**JAMMED, "may_still_act": True}),
        (Status.UNKNOWN, {"code": "no_answer"}),
    ]


UNLOCKING, LOCKING = ends_of(Status.UNLOCKED), ends_of(Status.LOCKED)


def clerk_of(*houses: Building, name: str, role: str = Role.FRONT_DESK) -> User:
    """Somebody who works there."""
    person = make_user(name.lower(), name=name)
    for house in houses:
        grant(person, house, role)
    return person


# --- Many doors, and the search -------------------------------------------------------------------


def of_finding() -> Iterator[Scene]:
    """A building of more doors than a page shows, with what its clerk wants of it; and the search."""
    tower = make_building("Harbour Tower", help_line="tower 100")
    suites = {
        number: make_device(tower, label=f"Suite {number}", area=f"Floor {number // 100}")
        for floor in (1, 2, 3, 4)
        for number in range(100 * floor + 1, 100 * floor + 17)
    }
    tower.devices.filter(label__gt="Suite 112").update(access=Device.Access.PRIVATE)
    gates = ("Annex", "Boathouse", "Mill", "Park House", "Quay", "Station")
    others = [make_building(name) for name in gates]
    for house in others:
        make_device(house, label="Suite 112")
    cleo, rover = clerk_of(tower, name="Cleo"), clerk_of(tower, *others, name="Rover")
    for number in (204, 308):
        Favourite.objects.keep(cleo, suites[number])
    for number in (112, 401, 416):
        pressed = {"person": cleo, "device": suites[number], "verdict": Verdict.SENT}
        made = shown(suites[number], cleo, Status.UNLOCKED, confirmed_by_device=True)
        Press.objects.add(request=made, **pressed)
    shown(suites[302], rover, Status.PENDING)
    shown(suites[303], rover, Status.UNKNOWN, code="no_answer")
    client, everywhere = signed_in(cleo), signed_in(rover)
    yield Scene("a large building", "/", client)
    yield Scene("a floor of it", f"/buildings/{tower.pk}/?area=Floor+2", client)
    yield Scene("doors found", "/?q=suite+10", client, types)
    yield Scene("no door found", "/?q=zebra", client, types)
    yield Scene("doors found in many buildings", "/?q=112", everywhere, types)
    yield Scene("no door found in any building", "/?q=zebra", everywhere)
    yield Scene("no door found in this one", f"/buildings/{tower.pk}/?q=zebra", everywhere)
    yield Scene("asks for a number", "/", client, asks("Suite 112"))
    yield Scene("another number", "/", client, mistakes("Suite 112"))
    yield Scene("asks for a number, and why", "/", client, asks("Suite 401"))
    yield Scene("asks for the building", f"/doors/{suites[112].pk}/", everywhere)


def types(page: Page) -> None:
    """The keyboard is in the search, so that the first door is marked."""
    page.locator("#q").focus()


def mistakes(label: str) -> Callable[[Page], None]:
    """Type another number into a look-alike's question."""

    def mistake(page: Page) -> None:
        asks(label)(page)
        dialog = page.get_by_role("dialog")
        dialog.locator("#named").fill("9")
        dialog.locator("#named").press("Enter")
        expect(dialog.locator("[role=alert]")).to_be_visible()

    return mistake


# --- The Lock button ------------------------------------------------------------------------------


def of_locking() -> Iterator[Scene]:
    """A door for each state of the Lock button, and for all that a press on it can come to."""
    house = make_building("Lock House", time_zone="Europe/Lisbon", help_line="locks 100")
    lotte = clerk_of(house, name="Lotte")
    states: list[tuple[Status, dict[str, Any]]] = [
        (Status.SENDING, {}),
        (Status.PENDING, {}),
        *LOCKING,
        (Status.LOCKED, {"confirmed_by_device": True, "contradicted_at": later()}),
    ]
    labels = [
        "Atrium",
        "Bakery",
        "Cellar",
        "Depot",
        "Entrance",
        "Foyer",
        "Garage",
        "Hall",
        "Island",
        "Jetty",
    ]
    for label, (status, fields) in zip(labels, states, strict=True):
        door = make_device(house, label=label, area="Pressed")
        shown(door, lotte, status, action="lock", **fields)
    doubted = make_device(house, label="Kiosk", area="Pressed")
    request_of(doubted, lotte, Status.UNKNOWN, ago=60, code="no_answer")
    settled = {"confirmed_by_device": True, "pressed_again": True}
    shown(doubted, lotte, Status.LOCKED, action="lock", **settled)
    at_rest = {"area": "At rest"}
    make_device(house, label="Offered", **at_rest)
    since = timezone.now() - dt.timedelta(hours=1)
    make_device(house, label="Wanted", locked=False, unlocked_since=since, **at_rest)
    make_device(house, label="Not by remote", can_remotely_lock=False, **at_rest)
    make_device(house, label="Lock alone", can_remotely_unlock=False, **at_rest)
    yield Scene("locking", "/", signed_in(lotte))


# --- The desk log, and a lost connection ----------------------------------------------------------


def of_the_log() -> Iterator[Scene]:
    """A log that is longer than its place: as it is, filtered, and with news while it is read."""
    house = make_building("Night House", time_zone="Europe/Lisbon", help_line="night 100")
    nora, otto = (clerk_of(house, name=name) for name in ("Nora", "Otto"))
    gate, cellar, loft = (make_device(house, label=label) for label in ("Gate", "Cellar", "Loft"))
    for number, (status, fields) in enumerate(2 * (UNLOCKING + UNLOCKING)):
        door, person = (gate, cellar)[number % 2], (nora, otto)[number % 3 == 0]
        request_of(door, person, status, ago=600 + 660 * number, **fields)
    client = signed_in(nora)
    door, person = f"log_door_{house.pk}", f"log_person_{house.pk}"
    yield Scene("the log", "/", client)
    yield Scene("the log, filtered", f"/?{door}={gate.pk}&{person}={otto.pk}", client)
    yield Scene("the log, filtered to nothing", f"/?{door}={loft.pk}", client)

    def news(page: Page) -> None:
        page.evaluate(SCROLL)
        for _each in range(4):
            told = {"confirmed_by_device": True, "action_attempt_id": f"news-{next(_attempts)}"}
            request_of(loft, otto, Status.UNLOCKED, **told)
        page.evaluate("accessdesk.refetch()")
        expect(page.locator(".log-new")).to_be_visible()

    def news_on_a_phone(page: Page) -> None:
        width, height = SIZES["phone"]
        page.set_viewport_size({"width": width, "height": height})
        news(page)

    yield Scene("the log, 4 new", "/", client, news)
    yield Scene("the log, 4 new on a phone", "/", client, news_on_a_phone)
    yield Scene("a lost connection", "/", client, cut_off)
    yield Scene("degraded", "/", client, degraded)


def cut_off(page: Page) -> None:
    """The network is gone, and the desk has just noticed."""
    page.context.set_offline(True)
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator("#lost")).to_be_visible()


def degraded(page: Page) -> None:
    """Background work has stopped, and somebody asks what that means."""
    page.locator("#degraded").evaluate("each => { each.hidden = false; each.open = true; }")


# --- The hand-over --------------------------------------------------------------------------------


def of_handing_over() -> Iterator[Scene]:
    """A shift with a row of every kind, the one before it, and what a second who takes it over reads."""
    house = make_building("Quay House", time_zone="Europe/Lisbon", help_line="quay 100")
    hanna, ivo = (clerk_of(house, name=name) for name in ("Hanna", "Ivo"))
    vera = clerk_of(house, name="Vera", role=Role.VIEWER)
    now = timezone.now()
    gate = make_device(house, label="Gate", unlocked_since=now - dt.timedelta(hours=6))
    make_device(house, label="Boiler room", locked=False, synced_at=now)
    make_device(house, label="Roof", online=False)
    make_device(house, label="Studio", battery_status="critical", battery_level=0.04)
    make_device(house, label="Workshop", battery_status="low")
    make_device(house, label="Attic", online=None, locked=None)
    before = now - dt.timedelta(hours=5)
    parcel, _battery = (
        open_follow_up(actor=hanna, building=house, text=text, door=door, at=before)
        for text, door in (("A parcel for Ms Lima is in the safe", None), ("Change it", gate))
    )
    a_shift(house, hanna, ago=5 * HOUR)
    at = now - dt.timedelta(hours=3)
    take_over(actor=ivo, building=house, after=0, note="All quiet, but for the gate", at=at)
    close_follow_up(actor=ivo, follow_up=parcel, note="Fetched at noon", at=now)
    a_shift(house, ivo, ago=HOUR)
    shown(make_device(house, label="Yard"), ivo, Status.PENDING)
    past_refusal(gate, vera, repeats=3)
    tell("lock.unlocked", gate, method="keycode")
    sheet = f"/hand-over/{house.pk}/"
    yield Scene("a hand-over", sheet, signed_in(hanna))
    yield Scene("a hand-over, to read", sheet, signed_in(vera))
    yield Scene("a past sheet", f"{sheet}1/", signed_in(hanna))
    yield Scene("just taken over", f"{sheet}1/", signed_in(ivo))

    def too_late(page: Page) -> None:
        page.locator(".take [name=after]").evaluate("field => { field.value = 0 }")
        page.locator(".take button").click()
        expect(page.locator(".standing[role=alert]:visible")).to_have_count(1)

    yield Scene("taken over already", sheet, signed_in(hanna), too_late)

    def unsaved(page: Page) -> None:
        page.route("**/hand-over/**", lambda route: route.abort())
        page.locator(".take button").click()
        expect(page.locator("#unsaved")).to_be_visible()
        page.unroute("**/hand-over/**")

    yield Scene("not saved", sheet, signed_in(hanna), unsaved)


def a_shift(house: Building, person: User, *, ago: float) -> None:
    """A press for each outcome, a minute apart; what was seen at the door after the one in doubt."""
    outcomes = [("unlock", *each) for each in UNLOCKING] + [("lock", *each) for each in LOCKING]
    doors = list(house.devices.order_by("pk"))
    for number, (action, status, fields) in enumerate(outcomes):
        door = doors[number % len(doors)]
        made = request_of(door, person, status, ago=ago - 60 * number, action=action, **fields)
        if (action, status) == ("unlock", Status.UNKNOWN):
            told = {"person": person, "person_name": person.get_full_name(), "seen": "unlocked"}
            Attestation.objects.create(request=made, **told)
