"""Reasons and ways of identifying: chosen from the building's lists, kept as chosen, set by its managers."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from locks.models import (
    AuditEvent,
    Building,
    Device,
    Kind,
    PickListEntry,
    Press,
    Status,
    UnlockRequest,
    User,
)
from locks.services import places
from locks.services.errors import NotAllowed
from locks.services.pick_lists import add_entry, add_usual, change_entry
from locks.simulator import Simulator
from locks.tests.admin_forms import messages_of, save
from locks.tests.conftest import signed_in
from locks.tests.factories import grant, make_device, request_of
from locks.tests.test_desk import press, text, token_in
from locks.tests.visitors import marked

LIST = "/admin/locks/picklistentry/"


@pytest.fixture
def room(north: Building) -> Device:
    add_usual(north)
    return make_device(north, label="Room 101", access="private", seam_device_id="harbour-room-101")


@pytest.fixture
def desk(clerk: User, simulator: Simulator) -> Client:
    """The clerk's browser; the doors of North House are simulated."""
    return signed_in(clerk)


def entry(building: Building, words: str) -> PickListEntry:
    return PickListEntry.objects.get(building=building, text=words)


def chosen(building: Building, reason: str, way: str) -> dict[str, Any]:
    ids = {"reason_id": entry(building, reason).pk, "way_id": entry(building, way).pk}
    return {**ids, "asked": "1"}


def checked(client: Client, door: Device) -> list[str]:
    """What the confirmation of a door has chosen already."""
    question = client.get(f"/doors/{door.pk}/").context["question"]
    return [each.text for each in (*question.reasons, *question.ways) if each.is_chosen]


def test_a_press_keeps_what_was_chosen_and_typed_on_its_row_and_the_record(
    desk: Client, room: Device, north: Building
) -> None:
    own = PickListEntry.objects.create(
        building=north, kind="identified", text="Room card shown", meaning="booking_matched"
    )
    words = {**chosen(north, "Arrival", "ID seen"), "way_id": own.pk}
    press(desk, room, **words, note="Late train", reference="B-20417")
    request = UnlockRequest.objects.get()
    said = {
        "reason": "Arrival",
        "identified_by": "booking_matched",
        "identified_as": "Room card shown",
        "note": "Late train",
        "reference": "B-20417",
    }
    assert request.said == said
    told = AuditEvent.objects.get(kind=Kind.UNLOCK_REQUESTED).detail.content
    assert said.items() <= told.items()


def test_one_of_the_four_ways_needs_no_words_of_its_own(
    desk: Client, room: Device, north: Building
) -> None:
    press(desk, room, **chosen(north, "Courier", "Known to me"))
    request = UnlockRequest.objects.get()
    assert (request.identified_by, request.identified_as) == ("known", "")


@pytest.mark.parametrize("change", ["retired", "of another building", "gone"])
def test_what_the_building_does_not_offer_counts_as_left_empty(
    desk: Client, room: Device, north: Building, south: Building, change: str
) -> None:
    words = chosen(north, "Courier", "Known to me")
    reason = PickListEntry.objects.filter(pk=words["reason_id"])
    if change == "gone":
        words["reason_id"] = 999_999
    else:
        reason.update(**({"retired": True} if change == "retired" else {"building": south}))
    assert "needs a reason" in text(press(desk, room, **words))
    assert not UnlockRequest.objects.exists()


def test_a_reason_that_is_typed_still_counts_and_a_way_that_is_hidden_does_not(
    desk: Client, room: Device, north: Building
) -> None:
    PickListEntry.objects.filter(text="Known to me").update(retired=True)
    press(desk, room, reason="Lost key", identified_by="known")
    assert not UnlockRequest.objects.exists()
    press(desk, room, reason="Lost key", identified_by="id_seen")
    request = UnlockRequest.objects.get()
    assert (request.reason, request.identified_by) == ("Lost key", "id_seen")


def test_a_reason_that_says_nothing_by_itself_needs_a_note(
    desk: Client, room: Device, north: Building, simulator: Simulator
) -> None:
    words = chosen(north, "Other", "Escorted")
    answer = press(desk, room, **words, reference="W-7", note=" ")
    assert "This reason needs a note" in text(answer)
    assert Press.objects.get().code == "needs_note"
    assert 'value="W-7"' in answer.content.decode()
    assert simulator.calls == []
    press(desk, room, **words, note="Window cleaner")
    assert UnlockRequest.objects.get().note == "Window cleaner"


@pytest.mark.parametrize("field", ["note", "reference", "reason"])
def test_a_card_number_is_refused_recorded_nowhere_and_comes_back_cut(
    desk: Client, room: Device, north: Building, simulator: Simulator, field: str
) -> None:
    words = chosen(north, "Courier", "ID seen")
    words = {"identified_by": "id_seen"} if field == "reason" else {**words, "reference": "B-1"}
    answer = press(desk, room, **{**words, field: "4111 1111 1111 1111"})
    html = answer.content.decode()
    assert "looks like a card number" in text(answer)
    assert "1111 1111" not in html
    assert 'value="…1111"' in html
    assert field == "reason" or checked_in(answer) == ["Courier", "ID seen"]
    assert simulator.calls == []
    assert not any("1111 1111" in event.detail.body for event in AuditEvent.objects.all())


def checked_in(answer: Any) -> list[str]:
    question = answer.context["question"]
    return [each.text for each in (*question.reasons, *question.ways) if each.is_chosen]


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("reference", "x" * 41, "At most 40 characters"),
        ("note", "x" * 201, "At most 200 characters"),
        ("reference", "B-1\u202egnp", "Only what can be printed"),
        ("note", "a\nb", "Only what can be printed"),
    ],
)
def test_what_cannot_be_kept_is_refused_rather_than_lost(
    desk: Client, room: Device, north: Building, simulator: Simulator, field, typed, sentence
) -> None:
    words = {**chosen(north, "Courier", "ID seen"), field: typed}
    answer = press(desk, room, htmx=True, **words)
    assert "cannot be kept as it is" in text(answer)
    wrong = marked(answer.content.decode())
    assert list(wrong) == [field]
    assert sentence in wrong[field]
    assert simulator.calls == []
    data = {**words, "token": token_in(answer.content.decode(), room), field: "B-1"}
    desk.post(f"/doors/{room.pk}/unlock/", data)
    assert getattr(UnlockRequest.objects.get(), field) == "B-1"


# --- Remembered within a shift ----------------------------------------------------------------


def test_what_was_chosen_is_chosen_the_next_time_but_nothing_that_was_typed(
    desk: Client, room: Device, north: Building
) -> None:
    assert checked(desk, room) == []
    press(desk, room, **chosen(north, "Courier", "ID seen"), note="Parcel", reference="B-1")
    question = desk.get(f"/doors/{room.pk}/").context["question"]
    assert checked(desk, room) == ["Courier", "ID seen"]
    assert (question.note, question.reference, question.reason) == ("", "", "")
    assert desk.get(f"/doors/{room.pk}/").context["focus"] == "press"


def carried(client: Client) -> bool:
    """Whether the newest request, its event and its page in the records say that the way was carried over."""
    request = UnlockRequest.objects.latest("pk")
    event = AuditEvent.objects.filter(request=request).earliest("pk")
    page = text(client.get(f"/admin/locks/unlockrequest/{request.pk}/change/"))
    told = {request.way_carried_over, bool(event.detail.content.get("way_carried_over"))}
    assert told == {"ID seen, carried over" in page}
    return request.way_carried_over


def test_the_record_says_of_a_way_that_stayed_as_it_was_that_it_was_carried_over(
    desk: Client, room: Device, north: Building, manager_client: Client
) -> None:
    other, third = (make_device(north, access="private") for _ in range(2))
    before = {"way_before": entry(north, "ID seen").pk}
    press(desk, room, **chosen(north, "Courier", "ID seen"))
    assert not carried(manager_client)
    page = text(desk.get(f"/doors/{other.pk}/"))
    assert "How was the person identified? · as at your last press" in page
    press(desk, other, **chosen(north, "Courier", "ID seen"), **before)
    assert carried(manager_client)
    press(desk, third, **chosen(north, "Courier", "Known to me"), **before)
    assert not carried(manager_client)


def test_a_reason_that_needs_a_note_is_never_chosen_already(
    desk: Client, room: Device, north: Building
) -> None:
    press(desk, room, **chosen(north, "Other", "ID seen"), note="Window cleaner")
    assert checked(desk, room) == ["ID seen"]


def test_it_is_remembered_for_one_building_and_as_long_as_it_is_offered(
    desk: Client, room: Device, north: Building, south: Building, clerk: User
) -> None:
    grant(clerk, south)
    add_usual(south)
    there = make_device(south, access="private")
    press(desk, room, **chosen(north, "Courier", "ID seen"))
    assert checked(desk, there) == []
    entry(north, "Courier")
    PickListEntry.objects.filter(building=north, text="Courier").update(retired=True)
    assert checked(desk, room) == ["ID seen"]


def test_it_is_remembered_for_a_shift_over_signing_out_and_is_nobody_elses(
    desk: Client, room: Device, north: Building, clerk: User
) -> None:
    other = User.objects.create_user("other", password="another-long-word")
    grant(other, north)
    press(desk, room, **chosen(north, "Courier", "ID seen"))
    desk.force_login(other)
    assert checked(desk, room) == []
    desk.force_login(clerk)
    assert checked(desk, room) == ["Courier", "ID seen"]
    yesterday = timezone.now() - dt.timedelta(hours=12, minutes=1)
    UnlockRequest.objects.update(requested_at=yesterday)
    assert checked(desk, room) == []


def test_it_is_remembered_over_any_number_of_presses_that_were_asked_nothing(
    desk: Client, room: Device, north: Building, clerk: User
) -> None:
    press(desk, room, **chosen(north, "Courier", "ID seen"))
    entrance = make_device(north)
    for _ in range(21):
        request_of(entrance, clerk, Status.UNLOCKED, ago=0, action_attempt_id="")
    assert checked(desk, room) == ["Courier", "ID seen"]


# --- The lists themselves ---------------------------------------------------------------------


def test_a_new_building_begins_with_lists(superuser: User) -> None:
    building = places.add_building(actor=superuser, name="Third", time_zone="UTC")
    offered = PickListEntry.objects.offered_in(building)
    assert {"Guest locked out", "Courier", "Emergency services", "Other", "ID seen"} <= {
        each.text for each in offered
    }
    ways = [each.meaning for each in offered if each.kind == "identified"]
    assert ways == ["id_seen", "booking_matched", "known", "escorted"]


def test_a_manager_adds_rewords_and_retires_on_the_record(
    manager_client: Client, north: Building, room: Device
) -> None:
    page = save(
        manager_client, f"{LIST}add/", building=north.pk, kind="reason", text="Lift alarm", place=5
    )
    assert page.status_code == 200
    added = entry(north, "Lift alarm")
    save(manager_client, f"{LIST}{added.pk}/change/", text="Lift stuck")
    save(manager_client, f"{LIST}{added.pk}/change/", retired="on")
    added.refresh_from_db()
    assert (added.text, added.retired) == ("Lift stuck", True)
    told = [
        event.detail.content
        for event in AuditEvent.objects.filter(kind=Kind.PICK_LIST_CHANGED).order_by("sequence")
    ]
    assert told[0]["changed"]["text"] == [None, "Lift alarm"]
    assert told[1]["changed"] == {"text": ["Lift alarm", "Lift stuck"]}
    assert told[2]["changed"] == {"retired": [False, True]}
    assert {each["list"] for each in told} == {"reason"}
    assert "Lift stuck" in manager_client.get(LIST).content.decode()


def test_to_reword_or_retire_changes_nothing_that_was_chosen(
    desk: Client, room: Device, north: Building, manager: User
) -> None:
    press(desk, room, **chosen(north, "Courier", "ID seen"))
    changes = {"text": "Parcels", "retired": True}
    change_entry(actor=manager, entry=entry(north, "Courier"), changes=changes)
    assert UnlockRequest.objects.get().reason == "Courier"


def test_a_manager_neither_sees_nor_changes_the_lists_of_others(
    manager_client: Client, manager: User, north: Building, south: Building
) -> None:
    add_usual(south)
    theirs = entry(south, "Courier")
    assert "Courier" not in manager_client.get(LIST).content.decode()
    assert manager_client.get(f"{LIST}{theirs.pk}/change/").status_code == 404
    page = save(manager_client, f"{LIST}add/", building=south.pk, kind="reason", text="Ours")
    assert "Select a valid choice" in page.content.decode()
    for write in (
        lambda: add_entry(actor=manager, building=south, kind="reason", text="Ours"),
        lambda: change_entry(actor=manager, entry=theirs, changes={"text": "Ours"}),
    ):
        with pytest.raises(NotAllowed):
            write()
    assert not AuditEvent.objects.filter(kind=Kind.PICK_LIST_CHANGED).exists()


def test_a_clerk_changes_no_list(desk: Client, clerk: User, room: Device, north: Building) -> None:
    assert desk.get(LIST).status_code == 403
    with pytest.raises(NotAllowed):
        change_entry(actor=clerk, entry=entry(north, "Courier"), changes={"retired": True})


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "identified", "text": "Seen before"},  # counts as none of the four
        {"kind": "reason", "text": "Courier", "place": 3},  # there already
        {"kind": "reason", "text": "Odd", "meaning": "known"},
        {"kind": "reason", "text": "Odd\u202e"},
    ],
)
def test_an_entry_that_cannot_be_is_refused_in_the_form(
    manager_client: Client, north: Building, room: Device, fields: dict[str, Any]
) -> None:
    before = PickListEntry.objects.count()
    page = save(manager_client, f"{LIST}add/", building=north.pk, **fields)
    assert "errornote" in page.content.decode() or messages_of(page)
    assert PickListEntry.objects.count() == before


def test_a_change_that_cannot_be_is_refused_with_a_sentence(
    manager_client: Client, north: Building, room: Device
) -> None:
    for words, changes in (
        ("Courier", {"text": "Arrival"}),
        ("Courier", {"meaning": "known"}),
        ("ID seen", {"meaning": ""}),
    ):
        row = entry(north, words)
        page = save(manager_client, f"{LIST}{row.pk}/change/", **changes)
        assert "errornote" in page.content.decode() or messages_of(page)
        row.refresh_from_db()
        assert row.text == words
    assert not AuditEvent.objects.filter(kind=Kind.PICK_LIST_CHANGED).exists()


# --- In the history ---------------------------------------------------------------------------


def test_managers_read_note_and_reference_and_find_by_them(
    desk: Client, room: Device, north: Building, manager_client: Client
) -> None:
    press(desk, room, **chosen(north, "Courier", "ID seen"), note="Two parcels", reference="PX-77")
    request = UnlockRequest.objects.get()
    page = text(manager_client.get(f"/admin/locks/unlockrequest/{request.pk}/change/"))
    for words in ("Two parcels", "PX-77", "Courier", "ID seen"):
        assert words in page
    for words in ("PX-77", "Two parcels", "courier"):
        found = manager_client.get("/admin/locks/unlockrequest/", {"q": words})
        assert "Courier · PX-77" in text(found)
    assert "Courier" not in text(manager_client.get("/admin/locks/unlockrequest/", {"q": "PX-78"}))


def test_the_desk_shows_colleagues_neither_reason_nor_reference(
    desk: Client, room: Device, north: Building, viewer: User
) -> None:
    press(desk, room, **chosen(north, "Courier", "ID seen"), note="Two parcels", reference="PX-77")
    for page in (desk.get("/"), signed_in(viewer).get("/"), desk.get("/history/")):
        for words in ("Two parcels", "PX-77", "Courier"):
            assert words not in page.content.decode()
