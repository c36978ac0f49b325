"""A manager of North House finds no trace of Zephyr Tower anywhere in the admin.

Everything of Zephyr Tower bears its name, so that one word tells of any leak.
"""

import re
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from django.test import Client

from locks.admin.site import site
from locks.models import (
    Assignment,
    AuditEvent,
    Building,
    Device,
    Press,
    Review,
    Role,
    Status,
    UnlockRequest,
    User,
)
from locks.services import places, staffing
from locks.services.alerting import find_alerts
from locks.services.inviting import invite_person
from locks.services.pick_lists import add_entry
from locks.services.proving import prove_record
from locks.services.reviewing import comment_on, flag_event
from locks.services.shared_pcs import enrol_pc
from locks.tests.conftest import signed_in
from locks.tests.factories import grant, make_building, make_device, make_user
from locks.tests.history import past_refusal, past_unlock

pytestmark = pytest.mark.sqlite_only  # the same on any database
FOREIGN = "zephyr"
MODELS = sorted(model._meta.model_name for model in site._registry)


@dataclass
class World:
    """One row of each kind in either building, by model name."""

    own: dict[str, Any]
    foreign: dict[str, Any]


@pytest.fixture
def world(manager: User, clerk: User, superuser: User, north: Building) -> World:
    own = _furnish(north, clerk, superuser, word="north")
    zephyr = make_building("Zephyr Tower", time_zone="Asia/Tokyo", help_line="zephyr 9")
    foreigner = make_user("zephyr.clerk", name="Zephyr Clerk", email="zephyr@example.com")
    grant(make_user("zephyr.boss", name="Zephyr Boss"), zephyr, Role.MANAGER)
    grant(foreigner, zephyr)
    foreign = _furnish(zephyr, foreigner, superuser, word="zephyr")
    make_device(label="Zephyr unassigned")
    staffing.change_person(actor=superuser, person=foreigner, changes={"name": "Zephyr Night"})
    Device.objects.filter(building__isnull=False).update(battery_status="low")
    find_alerts()
    own["alert"], foreign["alert"] = north.alerts.get(), zephyr.alerts.get()
    # Somebody of both buildings, and a door that has gone from one to the other, each way.
    grant(clerk, zephyr)
    gone, came = make_device(north, label="North annex"), make_device(zephyr, label="Gate")
    past_unlock(gone, clerk, reason="north guest")
    past_unlock(came, foreigner, reason="zephyr guest")
    past_refusal(came, make_user("zephyr.guest"))
    Device.objects.update(battery_status="critical")
    find_alerts()
    for door, target, label in ((gone, zephyr, "Zephyr annex"), (came, north, "North gate")):
        places.assign_door(actor=superuser, device=door, building=target)
        places.change_door(actor=superuser, device=door, changes={"label": label})
    find_alerts()
    prove_record()
    own["chainproof"], foreign["chainproof"] = north.proofs.get(), zephyr.proofs.get()
    return World(own, foreign)


def _furnish(building: Building, person: User, superuser: User, *, word: str) -> dict[str, Any]:
    door = make_device(building, label=f"{word} door", seam_name=f"{word} at Seam")
    request = past_unlock(
        door,
        person,
        reason=f"{word} courier",
        action_attempt_id=f"{word}-attempt",
        seam_request_id=f"{word}-request",
        confirmed_by_device=True,
    )
    past_unlock(door, person, status=Status.FAILED, error_message=f"{word} jammed")
    past_refusal(door, person)
    review = flag_event(actor=superuser, event=request.events.first(), reason=f"{word} odd")
    comment_on(actor=superuser, review=review, text=f"{word} asked")
    given = staffing.grant_role(actor=superuser, person=person, building=building, role=Role.VIEWER)
    invited = invite_person(
        actor=superuser, building=building, role=Role.VIEWER, name=f"{word} invited"
    )
    return {
        "building": building,
        "invitation": invited.way,
        "device": door,
        "user": person,
        "assignment": given,
        "unlockrequest": request,
        "press": request.presses.get(),
        "auditevent": request.events.first(),
        "review": review,
        "picklistentry": add_entry(
            actor=superuser, building=building, kind="reason", text=f"{word} reason"
        ),
        "sharedpc": enrol_pc(actor=superuser, building=building, name=f"{word} PC")[0],
    }


def _links(page: str, html: str) -> set[str]:
    hrefs = re.findall(r'href="([^"#]+)"', html)
    found = (urljoin(page, unescape(href)) for href in hrefs)
    return {
        link
        for link in found
        if link.startswith("/admin/") and urlsplit(link).path != "/admin/logout/"
    }


def crawl(client: Client, *, most: int = 400) -> dict[str, str]:
    """Every page of the admin that links lead to, by address."""
    seen: dict[str, str] = {}
    waiting = ["/admin/"]
    while waiting and len(seen) < most:
        address = waiting.pop()
        if address in seen:
            continue
        answer = client.get(address, follow=True)
        assert answer.status_code == 200, address
        seen[address] = answer.content.decode()
        # Filters of filters, another order, and the way back to a list show nothing new.
        waiting += [
            link
            for link in _links(answer.request["PATH_INFO"], seen[address])
            if urlsplit(link).query.count("=") < 2
            and not re.search(r"_changelist_filters|[?&](o|kind)=", link)
        ]
    assert len(seen) < most
    return seen


def test_no_page_that_a_manager_reaches_names_the_other_building(
    world: World, manager_client: Client, superuser_client: Client
) -> None:
    pages = crawl(manager_client)
    for address, html in pages.items():
        assert FOREIGN not in html.lower(), address
        assert FOREIGN not in address.lower()
    read = " ".join(pages.values())
    for name in MODELS:
        row = world.own[name]
        assert f"/admin/locks/{name}/{row.pk}/change/" in read, name
        assert f"/admin/locks/{name}/{world.foreign[name].pk}/change/" not in read, name
    assert FOREIGN in superuser_client.get("/admin/locks/building/").content.decode().lower()


def test_a_manager_who_is_clerk_elsewhere_reviews_nothing_there(
    world: World, manager: User, manager_client: Client
) -> None:
    grant(manager, world.foreign["building"], Role.FRONT_DESK)
    for name in MODELS:
        html = manager_client.get(f"/admin/locks/{name}/").content.decode().lower()
        assert FOREIGN not in html, name
    device = world.foreign["device"].pk
    assert manager_client.get(f"/admin/locks/device/{device}/change/").status_code == 404


@pytest.mark.parametrize("what", ["change", "history", "delete"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_foreign_row_answers_like_a_missing_one(
    what: str, method: str, world: World, manager_client: Client
) -> None:
    for name in MODELS:

        def answer(pk: int, name: str = name) -> tuple[int, str, str]:
            got = getattr(manager_client, method)(f"/admin/locks/{name}/{pk}/{what}/")
            return got.status_code, got.get("Location", ""), _body(got)

        foreign = answer(world.foreign[name].pk)
        assert foreign == answer(987_654_321), name
        assert foreign[0] in (403, 404), name


def test_nothing_is_deleted_by_anyone(
    world: World, manager_client: Client, superuser_client: Client
) -> None:
    for name in MODELS:
        row = world.own[name]
        for client in (manager_client, superuser_client):
            page = f"/admin/locks/{name}/{row.pk}/delete/"
            assert client.get(page).status_code == 403, name
            assert client.post(page, {"post": "yes"}).status_code == 403, name
            bulk = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
            client.post(f"/admin/locks/{name}/", bulk)
            client.post(f"/admin/locks/{name}/", {**bulk, "index": "0"})
        assert type(row)._default_manager.filter(pk=row.pk).exists(), name


LOOKUPS = (
    "password__startswith",
    "name__startswith",
    "building__id__exact",
    "building__name__startswith",
    "person__password__startswith",
    "person__assignments__building__name__startswith",
    "assignments__building",
    "requested_by__password__startswith",
    "chain__building__name",
    "actor__password__startswith",
    "device__building__name",
    "device__label__startswith",
    "detail__body__contains",
    "id__in",
    "pk",
    "is_superuser__exact",
    "at__gte",
)


@pytest.mark.parametrize("name", MODELS)
def test_an_address_filters_by_nothing_but_the_filters(
    name: str, world: World, manager_client: Client, superuser_client: Client
) -> None:
    for lookup in LOOKUPS:
        for client in (manager_client, superuser_client):
            assert client.get(f"/admin/locks/{name}/", {lookup: "z"}).status_code == 400, lookup


@pytest.mark.parametrize(
    ("parameter", "model"),
    [
        ("building", "building"),
        ("door", "device"),
        ("person", "user"),
        ("request", "unlockrequest"),
    ],
)
def test_a_filter_by_a_foreign_row_answers_like_one_by_a_missing_row(
    parameter: str, model: str, world: World, manager_client: Client
) -> None:
    row = world.foreign[model]
    for name in MODELS:

        def answer(value: str, name: str = name) -> tuple[int, str]:
            got = manager_client.get(f"/admin/locks/{name}/", {parameter: value})
            shown = rf"({parameter}=|{parameter}%3D|name=\"{parameter}\" value=\"|#){value}\b"
            body = _body(got).replace(
                f'<option value="{value}" selected', "<option value=N selected"
            )
            return got.status_code, re.sub(shown, "N", body)

        assert answer(str(row.pk)) == answer("987654321"), name


def _body(got: Any) -> str:
    body = re.sub(r'data-left="[0-9]*"', "seconds", got.content.decode())
    return re.sub(r"\b[A-Za-z0-9]{64}\b", "CSRF token", body)


@pytest.mark.parametrize(
    "term", ["zephyr", "zephyr-attempt", "zephyr-request", "zephyr.clerk", "Night"]
)
def test_a_search_finds_nothing_of_others(term: str, world: World, manager_client: Client) -> None:
    for name in MODELS:
        if name == "press":  # has no search
            continue
        rows = manager_client.get(f"/admin/locks/{name}/", {"q": term}).context["cl"].result_list
        assert list(rows) == [], name


ODD = (
    "o=1",
    "o=-1.2.3",
    "o=99",
    "o=x",
    "o=-",
    "p=0",
    "p=9999",
    "p=-1",
    "p=x",
    "all=",
    "e=1",
    "_popup=1",
    "_popup=1&_to_field=id",
    "_facets=True",
    "_changelist_filters=building%3D1",
    "q=%00",
    "q=" + "x" * 3000,
    "building=%00",
    "building=99999999999999999999999",
    "building=organisation",
    "request=9223372036854775808",
    "request=²",
    "at__year=2026",
    "at__year=0",
    "at__year=9999",
    "at__year=x",
    "at__year=2026&at__month=13",
    "requested_at__year=2026&requested_at__month=2&requested_at__day=31",
    "_to_field=username",
    "_to_field=password",
    "_to_field=seam_device_id",
)


@pytest.mark.parametrize("name", MODELS)
def test_odd_addresses_break_nothing_and_tell_nothing(
    name: str, world: World, manager_client: Client
) -> None:
    for query in ODD:
        got = manager_client.get(f"/admin/locks/{name}/?{query}", follow=True)
        assert got.status_code in (200, 400), query
        assert FOREIGN not in got.content.decode().lower(), query


@pytest.mark.parametrize(
    "pk", ["0", "-1", "x", "%00", "99999999999999999999999", "1_5F1", "%2e%2e"]
)
def test_odd_ids_are_not_found(pk: str, manager_client: Client) -> None:
    for name in MODELS:
        for what in ("change", "history"):
            assert manager_client.get(f"/admin/locks/{name}/{pk}/{what}/").status_code == 404


def test_a_field_other_than_the_id_names_no_row(world: World, manager_client: Client) -> None:
    for name, field, value in (
        ("user", "username", "clerk"),
        ("building", "name", "North House"),
        ("device", "seam_device_id", world.own["device"].seam_device_id),
    ):
        got = manager_client.get(f"/admin/locks/{name}/{value}/change/?_to_field={field}")
        assert got.status_code == 400


def test_a_press_of_before_a_door_came_stays_with_its_building(
    world: World, manager_client: Client
) -> None:
    shown = set(manager_client.get("/admin/locks/press/").context["cl"].queryset)
    assert {press for press in Press.objects.all() if press.person.username == "clerk"} == shown


def test_a_door_that_has_gone_keeps_the_name_that_it_had(
    world: World, manager_client: Client
) -> None:
    request = UnlockRequest.objects.get(reason="north guest")
    page = manager_client.get(f"/admin/locks/unlockrequest/{request.pk}/change/")
    assert "North annex" in page.content.decode()


def test_the_index_shows_no_log_of_the_admins_own(
    world: World, superuser_client: Client, manager_client: Client
) -> None:
    assert "Recent actions" not in manager_client.get("/admin/").content.decode()


def test_a_superuser_reviews_everything(world: World, superuser_client: Client) -> None:
    for name in MODELS:
        for row in (world.own[name], world.foreign[name]):
            page = superuser_client.get(f"/admin/locks/{name}/{row.pk}/change/")
            assert page.status_code == 200, name
    for model in (Assignment, AuditEvent, Building, Device, Press, Review, UnlockRequest, User):
        listed = superuser_client.get(f"/admin/locks/{model._meta.model_name}/").context["cl"]
        assert listed.queryset.count() == model._default_manager.count()


def test_who_manages_both_buildings_sees_both(world: World, manager: User) -> None:
    grant(manager, world.foreign["building"], Role.MANAGER)
    client = signed_in(manager)
    for name in MODELS:
        pk = world.foreign[name].pk
        assert client.get(f"/admin/locks/{name}/{pk}/change/").status_code == 200, name
