"""A door and a person keep, in all that is told of a past press, the names that they had then.

A door that moves from one building to the other is renamed there; neither may read it by the
other's name.
"""

import re

import pytest
from django.test import Client

from locks.models import Building, Device, Press, Role, UnlockRequest, User
from locks.services import places, staffing
from locks.tests.conftest import signed_in
from locks.tests.factories import grant, make_device, make_user
from locks.tests.history import past_refusal, past_unlock
from locks.tests.test_door_card import words


@pytest.fixture
def south_manager(south: Building) -> User:
    person = make_user("south-manager", name="South Manager")
    grant(person, south, Role.MANAGER)
    return person


def press(door: Device, person: User) -> tuple[UnlockRequest, Press]:
    """A press that was sent, and one that was refused."""
    return past_unlock(door, person, confirmed_by_device=True), past_refusal(door, person)


def move(door: Device, superuser: User, to: Building, *, label: str) -> Device:
    """As an administrator moves it, and its new manager then names it."""
    door = places.assign_door(actor=superuser, device=door, building=to)
    return places.change_door(actor=superuser, device=door, changes={"label": label})


def texts(client: Client, *paths: str) -> dict[str, str]:
    answers = {path: client.get(path) for path in paths}
    assert {answer.status_code for answer in answers.values()} == {200}
    return {path: words(answer.content.decode()) for path, answer in answers.items()}


def presses_read_by(manager: User, request: UnlockRequest, refused: Press) -> dict[str, str]:
    sent = request.presses.get()
    pages = (f"unlockrequest/{request.pk}", f"press/{sent.pk}", f"press/{refused.pk}")
    return texts(
        signed_in(manager),
        "/admin/locks/unlockrequest/",
        "/admin/locks/press/",
        *(f"/admin/locks/{page}/change/" for page in pages),
    )


@pytest.fixture
def door(north: Building) -> Device:
    return make_device(north, label="North lobby")


def test_neither_building_reads_presses_by_the_name_that_the_other_gave_the_door(
    door, north, south, clerk, outsider, superuser, manager, south_manager
) -> None:
    of_north = press(door, clerk)
    door = move(door, superuser, south, label="South vault")
    of_south = press(door, outsider)
    move(door, superuser, north, label="North attic")
    for person, reader, rows, own, others in (
        (clerk, manager, of_north, "North lobby", "South vault"),
        (outsider, south_manager, of_south, "South vault", "North attic"),
    ):
        read = presses_read_by(reader, *rows) | texts(signed_in(person), "/history/")
        for path, page in read.items():
            assert own in page, path
            assert others not in page, path


def test_the_building_that_a_door_has_left_hears_no_more_of_it(
    door, south, clerk, outsider, superuser, manager
) -> None:
    press(door, clerk)
    door = move(door, superuser, south, label="South vault")
    press(door, outsider)
    pages = texts(signed_in(clerk), "/", "/history/")
    pages |= texts(signed_in(manager), "/", "/admin/locks/auditevent/", "/admin/locks/device/")
    for path, page in pages.items():
        assert "South vault" not in page, path
    assert "North lobby" in pages["/"]  # in the desk log
    for name in ("auditevent", "unlockrequest"):
        for term, found in (("lobby", 1), ("vault", 0)):
            answer = signed_in(manager).get(f"/admin/locks/{name}/", {"q": term})
            rows = list(answer.context["cl"].result_list)
            assert bool(rows) is bool(found), (name, term)


def test_the_building_that_a_door_has_come_to_reads_nothing_of_before(
    door, south, clerk, outsider, superuser, south_manager
) -> None:
    press(door, clerk)
    move(door, superuser, south, label="South vault")
    pages = texts(signed_in(outsider), "/", "/history/")
    pages |= texts(signed_in(south_manager), "/admin/locks/press/", "/admin/locks/unlockrequest/")
    assert "South vault" in pages["/"]
    for path, page in pages.items():
        assert "North lobby" not in page, path
        assert "Clerk" not in page, path


def test_a_person_keeps_the_name_that_they_had_at_the_press(
    door, clerk, superuser, manager
) -> None:
    rows = press(door, clerk)
    staffing.change_person(actor=superuser, person=clerk, changes={"name": "Married Name"})
    pages = presses_read_by(manager, *rows)
    pages |= texts(signed_in(manager), "/")
    for path, page in pages.items():
        # The filter offers people by their name of now.
        said = re.sub(r"Person All .*? (Outcome|What happened|Verdict) All", "", page)
        assert "Clerk" in said, path
        assert "Married" not in said, path
