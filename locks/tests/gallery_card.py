"""The rarer things that a card says, each on a door of its own; and what is said beside the cards."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from django.utils import timezone
from playwright.sync_api import Page, expect

from locks.models import (
    Attestation,
    Building,
    Device,
    Kind,
    Press,
    Status,
    User,
    Verdict,
)
from locks.services.rights import BLOCKING
from locks.tests.conftest import signed_in
from locks.tests.factories import grant, make_building, make_device, make_user, request_of
from locks.tests.gallery import Scene, asks, later, shown
from locks.tests.gallery_desk import HOUR, JAMMED, clerk_of, cut_off
from locks.tests.history import past_event, unlocks_that_took

ROOM = {"access": Device.Access.PRIVATE}
NOT_REMOTE = {"can_remotely_unlock": False, "can_remotely_lock": False}
# What a press came to that is not told in three words, by its door.
OUTCOMES: dict[str, tuple[Status, dict[str, Any]]] = {
    "Unsaid": (Status.UNLOCKED, {}),
    "Failed after all": (
        Status.UNLOCKED,
        {"confirmed_by_device": True, "contradicted_at": "later"},
    ),
    "Unlocked after all": (Status.FAILED, {"code": "not_sent", "contradicted_at": "later"}),
    "Learned late": (Status.UNLOCKED, {"confirmed_by_device": True, "took_ms": None}),
    "By breaking glass": (Status.UNLOCKED, {"confirmed_by_device": True, "overridden": "frozen"}),
    "Watched": (
        Status.UNKNOWN,
        {"code": "no_answer", "next_look_at": "later", "nothing_listed_at": "later"},
    ),
    "An error of the maker's": (
        Status.FAILED,
        {"code": "lock_error", "error_type": "of_the_maker", "error_message": "E17 motor stall"},
    ),
    "Too soon": (Status.FAILED, {"code": "rate_limited", "retry_at": "later"}),
}


def of_the_card() -> Iterator[Scene]:
    """All of it in one building, then where nothing can be unlocked, and each kind of notice."""
    house = make_building("Card House", time_zone="Europe/Lisbon", help_line="cards 100")
    carla, colleague = (clerk_of(house, name=name) for name in ("Carla", "Colin"))
    outcomes(house, carla)
    under_way(house, carla, colleague)
    health(house, carla)
    client, doors = signed_in(carla), f"/buildings/{house.pk}/"
    yield Scene("what a card can say", doors, client, seen_otherwise)
    yield Scene("nothing can be unlocked", "/", signed_in(shut_out()))
    yield Scene("a notice", doors, client, notice)
    yield Scene("offline, in a question", doors, client, offline)


def outcomes(house: Building, clerk: User) -> None:
    """A door for each; and two of which somebody said what they saw."""
    for label, (status, fields) in OUTCOMES.items():
        door = make_device(house, label=label, area="Outcomes")
        known = {name: later() if each == "later" else each for name, each in fields.items()}
        shown(door, clerk, status, **known)
    for label, status in (("Seen, and unknown", Status.UNKNOWN), ("Seen", Status.UNLOCKED)):
        told = {"code": "no_answer"} if status == Status.UNKNOWN else {"confirmed_by_device": False}
        made = shown(make_device(house, label=label, area="Outcomes"), clerk, status, **told)
        seen = {"person": clerk, "person_name": clerk.get_full_name(), "seen": "not_unlocked"}
        Attestation.objects.create(request=made, **seen)


def under_way(house: Building, clerk: User, colleague: User) -> None:
    """Slower than the door's past, slow at a door that has none, and joined, each at its own."""
    doors = [make_device(house, label=each, area="Under way") for each in ("Slower", "Slow")]
    unlocks_that_took(doors[0], clerk, *(5 * [1_000]), requested_at=ago(2 * HOUR))
    for door in doors:
        request_of(door, clerk, Status.PENDING, ago=HOUR)
    for label, person in (("Joined", colleague), ("Pressed twice", clerk)):
        door = make_device(house, label=label, area="Under way")
        made = request_of(door, person, Status.PENDING)
        joined: dict[str, Any] = {"verdict": Verdict.JOINED, "request": made}
        Press.objects.add(person=clerk, device=door, pressed_at=later(), **joined)


def health(house: Building, clerk: User) -> None:
    """What is known of a lock that makes a press doubtful, or forbids it."""
    since, known = ago(HOUR), {"area": "Health"}
    make_device(house, label="Left open", unlocked_since=since, can_remotely_lock=False, **known)
    make_device(house, label="Left open, a room", unlocked_since=since, **known, **ROOM)
    for label, fields in (("Offline, perhaps", {}), ("Offline", NOT_REMOTE)):
        door = make_device(house, label=label, online=False, **known, **fields)
        past_event(door, Kind.LOCK_OFFLINE, at=since)
    for code in BLOCKING:
        make_device(house, label=f"Blocked: {code}", errors=[{"code": code}], **known)
    gateway = {"code": "ttlock_lock_gateway_unlocking_not_enabled"}
    make_device(house, label="Gateway", warnings=[gateway], **known, **NOT_REMOTE)
    make_device(house, label="Long ago", synced_at=since, battery_level=0.03, **known)
    make_device(house, label="Silent", online=None, locked=None, **known)
    never = make_device(house, label="Never confirms", battery_status="critical", **known)
    told = {"confirmed_by_device": False, "requested_at": since}
    unlocks_that_took(never, clerk, 1_000, 1_000, 1_000, 1_000, 9_000, **told)
    jammed = make_device(house, label="Failed an hour ago", **known)
    request_of(jammed, clerk, Status.FAILED, ago=HOUR, may_still_act=True, **JAMMED)


def shut_out() -> User:
    """Who works in a building that is frozen, and in one at another hour."""
    until = {"frozen": True, "frozen_reason": "Fire drill", "frozen_until": later()}
    frozen = make_building("Frozen House", help_line="frozen 100", **until)
    quiet = make_building("Quiet House", help_line="quiet 100")
    person = make_user("franz", name="Franz")
    grant(person, frozen)
    hours = {"days": [timezone.now().isoweekday() % 7 + 1], "from": "23:58", "until": "23:59"}
    grant(person, quiet, weekly_hours=[hours])
    for house in (frozen, quiet):
        door = make_device(house, label=f"Gate of {house.name}", break_glass=True)
        request_of(door, person, Status.UNLOCKED, ago=HOUR, confirmed_by_device=True)
        make_device(house, label=f"Room of {house.name}", can_remotely_lock=False, **ROOM)
        open_still = make_device(house, label=f"Still open in {house.name}", locked=False)
        shown(open_still, person, Status.UNLOCKED, confirmed_by_device=False)
    return person


def ago(seconds: float) -> dt.datetime:
    return timezone.now() - dt.timedelta(seconds=seconds)


def seen_otherwise(page: Page) -> None:
    """Each door whose outcome somebody saw asks whether it was seen otherwise."""
    for each in page.locator(".attest summary").all():
        each.click()
    expect(page.locator(".attest[open] fieldset")).to_have_count(2)


def notice(page: Page) -> None:
    """The longest that is said of a door beside its card."""
    # The desk's scripts have run.
    expect(page.locator("#connection")).not_to_have_attribute("data-state", "none")
    page.evaluate(
        "accessdesk.tell(document.querySelector('.card'),"
        " document.getElementById('carriers').dataset.textNoAnswer)"
    )
    expect(page.locator("#notices .notice")).to_be_visible()


def offline(page: Page) -> None:
    """Press in a question while this PC has no network: it says so there."""
    asks("Watched")(page)
    cut_off(page)
    question = page.get_by_role("dialog")
    expect(question).to_be_visible()
    question.locator("[data-press] button").evaluate("button => button.click()")
    expect(question.locator(".notice")).to_be_visible()
