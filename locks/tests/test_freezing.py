"""A freeze of a building or of one door: who sets it, whom it stops, and how it ends."""

import datetime as dt
import threading
import zoneinfo
from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.utils import timezone

from locks.models import AuditChain, AuditEvent, Building, Device, Kind, Press, User, Verdict
from locks.services import freezing, places, unlocking
from locks.services.errors import NotAllowed
from locks.services.rights import why_not
from locks.services.sweeping import sweep
from locks.services.tokens import issue_token
from locks.services.unlocking import PressForm, request_unlock
from locks.simulator import Simulator
from locks.tests.admin_forms import filled, save
from locks.tests.conftest import signed_in
from locks.tests.factories import grant, make_building, make_device, make_user
from locks.tests.test_door_card import words

HOUR = dt.timedelta(hours=1)
FREEZES: dict[str, Callable[..., object]] = {
    "frozen": lambda boss, door, **how: freezing.freeze_building(
        actor=boss, building=door.building, reason="Fire drill", **how
    ),
    "frozen_door": lambda boss, door, **how: freezing.freeze_door(
        actor=boss, device=door, reason="Fire drill", **how
    ),
}
both = pytest.mark.parametrize("code", FREEZES)


@pytest.fixture
def door(north: Building, simulator: Simulator) -> Device:
    simulator.behave("harbour-main-entrance", "instant")
    return make_device(north, seam_device_id="harbour-main-entrance", label="Main entrance")


def press(person: User, door: Device) -> Press:
    form = PressForm(token=issue_token(person=person, device=door))
    return request_unlock(actor=person, device=door, form=form).press


def may(person: User, door: Device, *, at: dt.datetime | None = None) -> str:
    fresh = Device.objects.select_related("building").get(pk=door.pk)
    return why_not(person=person, device=fresh, at=at or timezone.now())


@both
def test_it_stops_presses_at_once_also_of_an_open_page(
    code: str, door: Device, clerk: User, manager: User, simulator: Simulator
) -> None:
    token = issue_token(person=clerk, device=door)
    FREEZES[code](manager, door)
    pressed = request_unlock(actor=clerk, device=door, form=PressForm(token=token)).press
    assert (pressed.verdict, pressed.code) == (Verdict.REFUSED, code)
    assert pressed.freeze_reason == "Fire drill"
    assert simulator.posts(door.seam_device_id) == 0


def test_a_frozen_door_leaves_the_others_alone(door: Device, clerk: User, manager: User) -> None:
    other = make_device(door.building)
    FREEZES["frozen_door"](manager, door)
    assert (may(clerk, door), may(clerk, other)) == ("frozen_door", "")
    freezing.release_door(actor=manager, device=door)
    assert may(clerk, door) == ""
    kinds = AuditEvent.objects.order_by("id").values_list("kind", "device")
    assert list(kinds) == [(Kind.DOOR_FROZEN, door.pk), (Kind.DOOR_RELEASED, door.pk)]


@both
def test_its_end_lifts_it_by_the_clock_and_the_sweep_records_it(
    code: str, door: Device, clerk: User, manager: User
) -> None:
    until = timezone.now() + HOUR
    FREEZES[code](manager, door, until=until)
    assert may(clerk, door) == code
    assert may(clerk, door, at=until - dt.timedelta(seconds=1)) == code
    assert may(clerk, door, at=until) == ""  # nothing has run meanwhile

    assert freezing.lift_ended(at=until - dt.timedelta(seconds=1)) == 0
    before = AuditChain.objects.get(building=door.building).changes
    assert freezing.lift_ended(at=until) == 1
    assert freezing.lift_ended(at=until) == 0
    assert AuditChain.objects.get(building=door.building).changes > before  # consoles are told
    event = AuditEvent.objects.latest("id")
    assert event.kind in (Kind.BUILDING_RELEASED, Kind.DOOR_RELEASED)
    assert event.actor is None
    assert event.detail.content["reason"] == "Fire drill"
    assert may(clerk, door) == ""


def test_the_sweep_lifts_what_is_over(door: Device, manager: User) -> None:
    FREEZES["frozen_door"](manager, door, until=timezone.now() + HOUR)
    Device.objects.update(frozen_until=timezone.now() - HOUR)
    sweep(for_seconds=0)
    door.refresh_from_db()
    assert not door.frozen


@both
def test_a_freeze_needs_a_reason_and_an_end_in_the_future(
    code: str, door: Device, manager: User
) -> None:
    with pytest.raises(ValidationError, match="future"):
        FREEZES[code](manager, door, until=timezone.now() - HOUR)
    with pytest.raises(ValidationError, match="reason"):
        freezing.freeze_door(actor=manager, device=door, reason=" ")
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("who", ["clerk", "viewer", "outsider"])
def test_who_is_no_manager_freezes_and_lifts_nothing(
    who: str, request: pytest.FixtureRequest, door: Device, manager: User
) -> None:
    person = request.getfixturevalue(who)
    for act in (
        lambda: freezing.freeze_door(actor=person, device=door, reason="x"),
        lambda: freezing.release_door(actor=person, device=door),
        lambda: FREEZES["frozen"](person, door),
    ):
        with pytest.raises(NotAllowed):
            act()


def test_a_frozen_door_is_not_moved(door: Device, superuser: User, south: Building) -> None:
    FREEZES["frozen_door"](superuser, door)
    with pytest.raises(NotAllowed, match="Lift its freeze"):
        places.assign_door(actor=superuser, device=door, building=south)


@both
def test_the_desk_says_why_until_when_and_who_can_lift_it(
    code: str, door: Device, clerk: User, manager: User
) -> None:
    lisbon = zoneinfo.ZoneInfo("Europe/Lisbon")
    until = (timezone.now() + 2 * dt.timedelta(days=1)).astimezone(lisbon).replace(second=0)
    FREEZES[code](manager, door, until=until)
    client = signed_in(clerk)
    page = words(client.get("/").content.decode())
    what = {"frozen": "North House", "frozen_door": "This door"}[code]
    ends = f"{until.day} {until:%b} {until.year}, {until:%H:%M}"
    frozen = f"{what} is frozen: Fire drill."
    lifts = f"A manager of North House can lift it. It ends by itself at {ends}."
    assert f"{frozen} {lifts}" in page.replace("Next: ", "")
    assert 'class="unlock" id="unlock' not in client.get("/").content.decode()
    assert "Help line: north 100" in page

    refused = client.post(
        f"/doors/{door.pk}/unlock/", {"token": issue_token(person=clerk, device=door)}, follow=True
    )
    said = words(refused.content.decode())
    assert f"Nothing was sent. {frozen} Next: {lifts}" in said
    assert said.count("Fire drill.") == (2 if code == "frozen" else 1)  # once above the doors
    assert "Help line: north 100" in said


@pytest.mark.postgres_only
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("moment", ["before it is written", "before it is committed"])
@both
def test_of_a_press_and_a_freeze_at_once_the_record_says_which_came_first(
    code: str, moment: str, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The freeze comes while the press has looked at the right and is not on the record yet.

    On SQLite one waits for the other from its first statement on; test_state_machine has them at once.
    """
    house, clerk, boss = make_building(), make_user(), make_user()
    grant(clerk, house)
    grant(boss, house, "manager")
    door = make_device(house, seam_device_id="harbour-main-entrance")
    simulator.behave("harbour-main-entrance", "instant")
    name = {"before it is written": "_open", "before it is committed": "_still_may"}[moment]
    real, freezes = getattr(unlocking, name), []

    def freeze() -> None:
        try:
            FREEZES[code](boss, door)
        finally:
            connection.close()

    def meanwhile(*args, **kwargs):
        result = real(*args, **kwargs) if moment == "before it is committed" else None
        if not freezes:
            freezes.append(threading.Thread(target=freeze))
            freezes[0].start()
            freezes[0].join(1.0)  # it commits, or it waits for the press
        return result or real(*args, **kwargs)

    monkeypatch.setattr(unlocking, name, meanwhile)
    pressed = press(clerk, door)
    freezes[0].join(20)
    kinds = list(AuditEvent.objects.order_by("id").values_list("kind", flat=True))
    froze = next(kind for kind in kinds if kind.endswith(".frozen"))
    if pressed.verdict == Verdict.SENT:
        assert kinds.index(Kind.UNLOCK_REQUESTED) < kinds.index(froze)
        assert simulator.posts(door.seam_device_id) == 1
    else:
        assert pressed.code == code
        assert kinds[:2] == [froze, Kind.UNLOCK_REFUSED]
        assert simulator.posts(door.seam_device_id) == 0
    if (code, moment) == ("frozen", "before it is written"):
        assert pressed.verdict == Verdict.REFUSED  # nothing held the freeze up


def test_a_manager_freezes_a_door_with_an_end_in_building_time(
    door: Device, north: Building, manager_client: Client
) -> None:
    url = f"/admin/locks/device/{door.pk}/change/"
    save(
        manager_client,
        url,
        frozen="on",
        frozen_reason="Lock broken",
        frozen_until="2099-07-01T18:30:00",
    )
    door.refresh_from_db()
    assert (door.frozen, door.frozen_reason) == (True, "Lock broken")
    assert door.frozen_until == dt.datetime(2099, 7, 1, 17, 30, tzinfo=dt.UTC)  # Lisbon's summer
    shown = manager_client.get(url)
    assert "2099-07-01T18:30:00" in shown.content.decode()
    save(manager_client, url, frozen_until="2099-07-02T18:30:00")
    door.refresh_from_db()
    assert (door.frozen_reason, door.frozen_until.day) == ("Lock broken", 2)

    manager_client.post(url, filled(shown, label="Gate"))  # a page that has been open for long
    door.refresh_from_db()
    assert (door.label, door.frozen_until.day) == ("Gate", 2)

    save(manager_client, url, frozen=None)
    door.refresh_from_db()
    assert (door.frozen, door.frozen_reason, door.frozen_until) == (False, "", None)
    past = save(
        manager_client, url, frozen="on", frozen_reason="x", frozen_until="2001-01-01T00:00:00"
    )
    assert "must lie in the future" in past.content.decode()
    door.refresh_from_db()
    assert not door.frozen
    assert (
        "Main entrance"
        not in manager_client.get("/admin/locks/device/?state=frozen").content.decode()
    )


def test_a_manager_sets_and_moves_the_end_of_a_buildings_freeze(
    north: Building, manager_client: Client
) -> None:
    url = f"/admin/locks/building/{north.pk}/change/"
    end = {"frozen_until": "2099-01-01T08:00:00"}
    save(manager_client, url, frozen="on", frozen_reason="Holiday", **end)
    north.refresh_from_db()
    assert north.frozen_until == dt.datetime(2099, 1, 1, 8, tzinfo=dt.UTC)
    save(manager_client, url, frozen_until="")
    north.refresh_from_db()
    assert (north.frozen, north.frozen_reason, north.frozen_until) == (True, "Holiday", None)
    told = [e.detail.content for e in AuditEvent.objects.filter(kind=Kind.BUILDING_FROZEN)]
    assert sorted(each.get("until", "") for each in told) == ["", "2099-01-01T08:00:00+00:00"]
