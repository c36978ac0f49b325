"""Events, requests and presses in the admin: for reading, searching and filtering only."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from locks.models import AuditEvent, Building, Kind, Press, Status, UnlockRequest, User
from locks.services.audit import record
from locks.tests.factories import grant, make_device, make_user
from locks.tests.history import past_refusal, past_unlock

RECORD = ["auditevent", "unlockrequest", "press"]


def listed(client: Client, name: str, **query: Any) -> list[Any]:
    """The rows that a list shows."""
    page = client.get(f"/admin/locks/{name}/", query)
    assert page.status_code == 200
    return list(page.context["cl"].result_list)


@pytest.fixture
def courier(north: Building, clerk: User) -> UnlockRequest:
    return past_unlock(
        make_device(north, label="Main entrance"),
        clerk,
        reason="Courier for José",
        action_attempt_id="attempt-1",
        seam_request_id="seam-request-1",
        confirmed_by_device=True,
    )


@pytest.mark.parametrize("name", RECORD)
@pytest.mark.parametrize("who", ["manager_client", "superuser_client"])
def test_nobody_adds_changes_or_deletes_by_any_address(
    name: str, who: str, courier: UnlockRequest, request: pytest.FixtureRequest
) -> None:
    client = request.getfixturevalue(who)
    row = {
        "auditevent": courier.events.first(),
        "unlockrequest": courier,
        "press": courier.presses.get(),
    }[name]
    before = type(row)._default_manager.filter(pk=row.pk).values().get()
    forged = {"reason": "forged", "status": "failed", "kind": "x", "repeats": 5, "sequence": 99}

    assert client.get(f"/admin/locks/{name}/add/").status_code == 403
    assert client.post(f"/admin/locks/{name}/add/", forged).status_code == 403
    page = f"/admin/locks/{name}/{row.pk}/change/"
    assert client.get(page).status_code == 200
    assert "_save" not in client.get(page).content.decode()
    assert client.post(page, forged).status_code == 403
    assert client.post(page, {**forged, "_saveasnew": "1"}).status_code == 403
    assert client.post(f"/admin/locks/{name}/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    edit = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": row.pk, "_save": "1"}
    client.post(f"/admin/locks/{name}/", {**edit, "form-0-reason": "forged"})

    assert type(row)._default_manager.filter(pk=row.pk).values().get() == before
    assert (UnlockRequest.objects.count(), Press.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    "term",
    ["Main entrance", "clerk", "courier", "josé", "JOSÉ", "attempt-1", "seam-request-1"],
)
def test_it_finds_events_and_requests_by_what_people_know(
    term: str, courier: UnlockRequest, north: Building, manager: User, manager_client: Client
) -> None:
    past_unlock(make_device(north, label="Cellar"), make_user("other"), reason="Delivery")
    assert listed(manager_client, "unlockrequest", q=term) == [courier]
    assert {event.request for event in listed(manager_client, "auditevent", q=term)} == {courier}


def test_it_filters_by_building_door_person_outcome_and_kind(
    courier: UnlockRequest, clerk: User, north: Building, manager_client: Client
) -> None:
    other = past_unlock(make_device(north), clerk, status=Status.FAILED, error_type="lock_jammed")
    door = courier.device_id
    assert listed(manager_client, "unlockrequest", door=door) == [courier]
    assert set(listed(manager_client, "unlockrequest", building=north.pk)) == {courier, other}
    assert set(listed(manager_client, "unlockrequest", person=clerk.pk)) == {courier, other}
    assert listed(manager_client, "unlockrequest", outcome="unlocked_confirmed") == [courier]
    assert listed(manager_client, "unlockrequest", outcome="failed_may_act") == [other]
    assert listed(manager_client, "unlockrequest", outcome="failed") == []
    assert listed(manager_client, "unlockrequest", outcome="unlocked_unsaid") == []
    assert len(listed(manager_client, "auditevent", door=door)) == 2
    assert len(listed(manager_client, "auditevent", person=clerk.pk)) == 4
    assert len(listed(manager_client, "auditevent", kind=Kind.UNLOCK_FAILED)) == 1
    assert len(listed(manager_client, "auditevent", request=courier.pk)) == 2
    past_refusal(courier.device, clerk)
    assert len(listed(manager_client, "press", verdict="refused")) == 1


def test_presses_are_found_by_door_person_and_what_came_of_their_request(
    courier: UnlockRequest, clerk: User, north: Building, manager_client: Client
) -> None:
    [sent] = courier.presses.all()
    failed = past_unlock(make_device(north, label="Cellar"), clerk, status=Status.FAILED)
    other = make_user("other", name="José Vale")
    grant(other, north)
    refused = past_refusal(courier.device, other)
    assert listed(manager_client, "press", person=other.pk) == [refused]
    assert listed(manager_client, "press", door=courier.device_id) == [refused, sent]
    assert listed(manager_client, "press", outcome="unlocked_confirmed") == [sent]
    assert listed(manager_client, "press", outcome="unlocked_unsaid") == []
    assert listed(manager_client, "press", outcome="failed_may_act") == [failed.presses.get()]
    # What a refused press says stands in the record.
    (event,) = listed(manager_client, "auditevent", q="VALE entrance")
    assert (event.kind, event.actor) == (Kind.UNLOCK_REFUSED, other)


def test_a_person_is_found_by_what_was_done_about_them(
    superuser_client: Client, superuser: User, north: Building, clerk: User, role_events: None
) -> None:
    events = listed(superuser_client, "auditevent", person=clerk.pk)
    assert [event.kind for event in events] == [Kind.ROLE_GRANTED]
    assert listed(superuser_client, "auditevent", person=superuser.pk) == events


@pytest.fixture
def role_events(superuser: User, north: Building, clerk: User) -> None:
    """A role event about the clerk, and one about somebody whose id begins alike."""
    for person in (clerk.pk, int(f"{clerk.pk}7")):
        actor = superuser if person == clerk.pk else None
        record(Kind.ROLE_GRANTED, building=north, actor=actor, subject_id=person)


def test_an_event_shows_all_that_it_keeps(courier: UnlockRequest, manager_client: Client) -> None:
    event = courier.events.get(kind=Kind.UNLOCK_UNLOCKED)
    page = manager_client.get(f"/admin/locks/auditevent/{event.pk}/change/").content.decode()
    for shown in (
        "Unlocked, confirmed",
        "Main entrance",
        "Clerk (clerk)",
        "Courier for José",
        "attempt-1",
        "Europe/Lisbon",
        f"{event.at:%H:%M:%S} UTC",
        event.hash,
        event.previous_hash,
    ):
        assert shown in page, shown


def test_a_request_shows_what_happened_in_one_page(
    courier: UnlockRequest, manager_client: Client
) -> None:
    page = manager_client.get(f"/admin/locks/unlockrequest/{courier.pk}/change/").content.decode()
    for event in courier.events.all():
        assert f"/admin/locks/auditevent/{event.pk}/change/" in page
    for shown in ("Unlocked, confirmed", "Courier for José", "attempt-1", "seam-request-1"):
        assert shown in page


def test_the_lists_name_door_person_and_outcome(
    courier: UnlockRequest, manager_client: Client
) -> None:
    for name, shown in (
        ("auditevent", ("Main entrance", "Clerk (clerk)", "Unlocked, confirmed")),
        ("unlockrequest", ("Main entrance", "Clerk", "Unlocked, confirmed")),
        ("press", ("Main entrance", "Clerk", "sent", "Unlocked, confirmed", f"#{courier.pk}")),
    ):
        page = manager_client.get(f"/admin/locks/{name}/").content.decode()
        rows = page[page.index('id="result_list"') : page.index('class="pages"')]
        for word in shown:
            assert word in rows, (name, word)


def test_status_and_confirmation_read_as_one_value(
    north: Building, clerk: User, manager_client: Client
) -> None:
    door = make_device(north)
    for fields, shown in (
        ({"confirmed_by_device": False}, "Accepted, this lock does not confirm"),
        ({"confirmed_by_device": None}, "Accepted, the lock has not said"),
        (
            {"status": Status.FAILED, "error_type": "lock_jammed", "may_still_act": True},
            "Not unlocked, it may still act",
        ),
        ({"status": Status.UNKNOWN}, "May have unlocked, or may still unlock"),
    ):
        request = past_unlock(door, clerk, **fields)
        for address in (
            f"/admin/locks/unlockrequest/{request.pk}/change/",
            f"/admin/locks/auditevent/?request={request.pk}",
        ):
            assert shown in manager_client.get(address).content.decode(), shown


def test_what_came_from_elsewhere_is_escaped(
    north: Building, manager: User, manager_client: Client
) -> None:
    markup = "<script>alert(1)</script>"
    person = make_user("odd", name=markup)
    request = past_unlock(
        make_device(north, label=markup),
        person,
        status=Status.FAILED,
        reason=markup,
        error_message=markup,
        error_type=markup,
        result={markup: markup},
    )
    past_refusal(request.device, person)
    for address in (
        *(f"/admin/locks/{name}/" for name in [*RECORD, "device"]),
        f"/admin/locks/unlockrequest/{request.pk}/change/",
        f"/admin/locks/auditevent/{AuditEvent.objects.first().pk}/change/",
        f"/admin/locks/press/{Press.objects.first().pk}/change/",
        f"/admin/locks/device/{request.device_id}/change/",
    ):
        page = manager_client.get(address).content.decode()
        assert markup not in page, address


def test_seams_own_words_are_marked_as_english(
    north: Building, clerk: User, manager_client: Client
) -> None:
    door = make_device(north)
    request = past_unlock(door, clerk, status=Status.FAILED, error_message="Motor stalled.")
    page = manager_client.get(f"/admin/locks/unlockrequest/{request.pk}/change/").content.decode()
    told = page.count("Motor stalled.")
    assert told >= 1
    assert page.count('<span lang="en">Motor stalled.</span>') == told


@pytest.mark.parametrize("name", [*RECORD, "device", "user", "assignment", "building"])
def test_a_list_asks_no_question_per_row(
    name: str, north: Building, clerk: User, manager_client: Client
) -> None:
    def questions() -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert manager_client.get(f"/admin/locks/{name}/").status_code == 200
        return len(asked)

    def furnish() -> None:
        door, person = make_device(north), make_user(name="Somebody")
        person.assignments.create(building=north, role="front_desk")
        past_unlock(door, person)
        past_refusal(door, person)

    for _each in range(2):
        furnish()
    few = questions()
    for _each in range(8):
        furnish()
    assert questions() <= few


def test_an_event_whose_detail_was_removed_is_still_shown(
    north: Building, manager_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_without_detail(north, monkeypatch)
    event = AuditEvent.objects.get()
    assert manager_client.get("/admin/locks/auditevent/").status_code == 200
    page = manager_client.get(f"/admin/locks/auditevent/{event.pk}/change/").content.decode()
    assert "Removed by a recorded retention run" in page


def record_without_detail(building: Building, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database lets no detail be removed, so this one is never kept."""
    with monkeypatch.context() as patch:
        patch.setattr("locks.models.AuditDetail.save", lambda *args, **kwargs: None)
        record(Kind.BUILDING_CHANGED, building=building)


def test_the_history_of_a_row_is_the_record(
    courier: UnlockRequest, clerk: User, manager_client: Client
) -> None:
    role = clerk.assignments.get()
    for address, query in (
        (f"unlockrequest/{courier.pk}", f"request={courier.pk}"),
        (f"press/{courier.presses.get().pk}", f"request={courier.pk}"),
        (f"device/{courier.device_id}", f"door={courier.device_id}"),
        (f"building/{courier.building_id}", f"building={courier.building_id}"),
        (f"user/{clerk.pk}", f"person={clerk.pk}"),
        (f"assignment/{role.pk}", f"person={clerk.pk}&building={courier.building_id}"),
    ):
        answer = manager_client.get(f"/admin/locks/{address}/history/")
        assert answer["Location"] == f"/admin/locks/auditevent/?{query}"


def test_organisation_events_are_for_superusers(
    superuser: User, superuser_client: Client, manager_client: Client, north: Building
) -> None:
    record(Kind.PERSON_ADDED, building=None, actor=superuser, subject="Somebody")
    assert listed(manager_client, "auditevent") == []
    [event] = listed(superuser_client, "auditevent", building="organisation")
    assert json.loads(event.detail.body)["subject"] == "Somebody"
    assert manager_client.get(f"/admin/locks/auditevent/{event.pk}/change/").status_code == 404
