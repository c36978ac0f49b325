"""The review queue in the admin: what managers see of it and do about it."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from locks.models import AuditEvent, Building, Device, Kind, Review, Role, Rule, Status, User
from locks.services import reviewing, staffing
from locks.services.finding_reviews import find_reviews
from locks.tests.admin_forms import messages_of
from locks.tests.conftest import signed_in
from locks.tests.factories import grant, make_device, make_user
from locks.tests.history import past_refusal, past_unlock

pytestmark = pytest.mark.django_db
PAGE = "/admin/locks/review/"


@pytest.fixture
def door(north: Building) -> Device:
    return make_device(north, label="Main entrance")


@pytest.fixture
def late(door: Device, clerk: User) -> Review:
    """A press within quiet hours, in the queue."""
    past_unlock(door, clerk, reason="Courier", confirmed_by_device=True, out_of_hours=True)
    find_reviews()
    return Review.objects.get()


def listed(client: Client, **query: Any) -> list[Review]:
    page = client.get(PAGE, query)
    assert page.status_code == 200
    return list(page.context["cl"].result_list)


def do(client: Client, review: Review, what: str, text: str = "") -> Any:
    return client.post(f"{PAGE}{review.pk}/{what}/", {"text": text}, follow=True)


def test_the_list_says_when_why_where_who_and_what(late: Review, manager_client: Client) -> None:
    page = manager_client.get(PAGE).content.decode()
    rows = page[page.index('id="result_list"') : page.index('id="changelist-filter"')]
    for words in ("WET", "within quiet hours", "Main entrance", "Clerk (clerk)", "requested"):
        assert words in rows, words


def test_open_items_are_shown_unless_others_are_asked_for(
    late: Review, door: Device, clerk: User, manager: User, manager_client: Client
) -> None:
    past_unlock(door, clerk, confirmed_by_device=True, out_of_hours=True)
    find_reviews()
    reviewing.mark_reviewed(actor=manager, review=late, verdict="Booked")
    [other] = Review.objects.open()
    assert listed(manager_client) == [other]
    assert listed(manager_client, state="reviewed") == [late]
    assert listed(manager_client, state="all") == [other, late]
    assert listed(manager_client, rule="out_of_hours") == [other]
    assert listed(manager_client, rule="unknown") == []
    assert listed(manager_client, state="all", q="courier CLERK") == [late]
    assert listed(manager_client, state="all", q="nobody") == []


def test_a_search_of_many_words_is_one_plain_condition_each(
    late: Review, manager_client: Client
) -> None:
    with CaptureQueriesContext(connection) as few:
        assert listed(manager_client, q="courier") == [late]
    with CaptureQueriesContext(connection) as many:
        assert listed(manager_client, q=" ".join(["courier", "clerk"] * 5)) == [late]
    longest = [max(len(query["sql"]) for query in queries) for queries in (few, many)]
    assert longest[1] < 4 * longest[0]
    assert listed(manager_client, q=" ".join(["courier"] * 9 + ["nobody"])) == []


def test_a_search_reads_so_many_words_and_letters_and_no_more(
    late: Review, manager_client: Client
) -> None:
    assert listed(manager_client, q=" ".join(["courier"] * 10 + ["nobody"])) == [late]
    assert listed(manager_client, q="courier" + " " * 200 + "nobody") == [late]
    assert listed(manager_client, q="x" * 100_000) == []


def test_state_and_building_are_columns_where_they_differ(
    late: Review, manager: User, south: Building, manager_client: Client
) -> None:
    def columns(**query: Any) -> list[str]:
        return list(manager_client.get(PAGE, query).context["cl"].list_display)

    assert "state" not in columns()
    assert "state" in columns(state="all")
    assert "place" not in columns()
    grant(manager, south, Role.MANAGER)
    assert "place" in columns()


def test_a_page_shows_the_event_and_leads_to_it(late: Review, manager_client: Client) -> None:
    page = manager_client.get(f"{PAGE}{late.pk}/change/").content.decode()
    for words in (
        "within quiet hours",
        "Main entrance",
        "Clerk (clerk)",
        "Courier",
        "Unlocked, confirmed",
        f"/admin/locks/auditevent/{late.event_id}/change/",
        f"/admin/locks/unlockrequest/{late.event.request_id}/change/",
    ):
        assert words in page, words


def test_a_manager_comments_reviews_and_reopens(
    late: Review, manager: User, manager_client: Client
) -> None:
    shown = do(manager_client, late, "comment", "Asked <b>the courier</b>").content.decode()
    assert "Asked &lt;b&gt;the courier" in shown
    assert "Reviewed." in messages_of(do(manager_client, late, "reviewed", "Booked"))
    late.refresh_from_db()
    assert (late.reviewed_by, late.verdict) == (manager, "Booked")
    again = do(manager_client, late, "reviewed", "Booked, too")
    assert "Manager has reviewed it already." in messages_of(again)
    assert "Open again." in messages_of(do(manager_client, late, "reopen"))
    late.refresh_from_db()
    assert late.is_open
    page = manager_client.get(f"{PAGE}{late.pk}/change/").content.decode()
    assert "Booked" in page
    assert "reopened" in page


def test_what_is_done_keeps_the_way_back_to_the_filtered_list(
    late: Review, manager_client: Client
) -> None:
    kept = "?_changelist_filters=rule%3Dout_of_hours"
    page = manager_client.get(f"{PAGE}{late.pk}/change/{kept}").content.decode()
    assert f"/comment/{kept}" in page
    answer = manager_client.post(f"{PAGE}{late.pk}/comment/{kept}", {"text": "x"})
    assert answer["Location"] == f"{PAGE}{late.pk}/change/{kept}"


def test_an_empty_verdict_is_refused_with_a_sentence(late: Review, manager_client: Client) -> None:
    assert "Write what the review came to." in messages_of(do(manager_client, late, "reviewed"))
    assert "Write a comment first." in messages_of(do(manager_client, late, "comment"))
    late.refresh_from_db()
    assert late.is_open


def test_who_did_it_is_told_that_somebody_else_has_to(
    north: Building, manager: User, manager_client: Client, door: Device
) -> None:
    grant(manager, north)
    past_unlock(door, manager, confirmed_by_device=True, out_of_hours=True)
    find_reviews()
    [review] = Review.objects.all()
    page = manager_client.get(f"{PAGE}{review.pk}/change/").content.decode()
    assert "somebody else has to review it" in page
    assert "/reviewed/" not in page
    assert "somebody else" in messages_of(do(manager_client, review, "reviewed", "Fine"))
    review.refresh_from_db()
    assert review.is_open


def test_several_are_reviewed_at_once_and_own_ones_left_out_and_named(
    north: Building, manager: User, clerk: User, manager_client: Client, door: Device
) -> None:
    grant(manager, north)
    for person in (clerk, make_user(), manager):
        past_unlock(door, person, confirmed_by_device=True, out_of_hours=True)
    find_reviews()
    own = Review.objects.get(event__actor=manager)
    chosen = {
        "action": "mark_reviewed",
        "_selected_action": [each.pk for each in Review.objects.all()],
        "index": "0",
    }
    said = messages_of(manager_client.post(PAGE, chosen, follow=True))
    assert "Write the verdict beside the action." in said
    assert Review.objects.open().count() == 3
    chosen["verdict"] = "Night shift"
    said = messages_of(manager_client.post(PAGE, chosen, follow=True))
    assert "2 items reviewed." in said
    assert f"Left out: #{own.pk}: within quiet hours · Main entrance" in said
    assert list(Review.objects.open()) == [own]
    assert set(Review.objects.exclude(pk=own.pk).values_list("verdict", flat=True)) == {
        "Night shift"
    }


def test_items_of_others_are_not_reviewed_by_a_forged_selection(
    late: Review, south: Building
) -> None:
    stranger = make_user()
    grant(stranger, south, Role.MANAGER)
    chosen = {"action": "mark_reviewed", "_selected_action": [late.pk], "verdict": "x", "index": 0}
    signed_in(stranger).post(PAGE, {**chosen, "select_across": "1"}, follow=True)
    late.refresh_from_db()
    assert late.is_open


def test_an_event_is_flagged_from_its_page(
    door: Device, clerk: User, manager_client: Client
) -> None:
    event = past_refusal_event(door, clerk)
    address = f"{PAGE}flag/{event.pk}/"
    assert address in manager_client.get(f"/admin/locks/auditevent/{event.pk}/change/").text
    page = manager_client.get(address).content.decode()
    for words in ("press refused", "Main entrance", "Clerk (clerk)"):
        assert words in page
    empty = manager_client.post(address, {"text": " "})
    assert "Say why it should be reviewed." in messages_of(empty)
    flagged = manager_client.post(address, {"text": "Third time this week"}, follow=True)
    assert "It is in the review queue." in messages_of(flagged)
    [review] = Review.objects.all()
    assert (review.rule, review.event) == (Rule.FLAGGED, event)
    assert "flagged by hand by Manager: Third time this week" in manager_client.get(PAGE).text
    assert "In the queue already" in manager_client.get(address).text
    again = manager_client.post(address, {"text": "And again"})
    assert "flagged already" in messages_of(again)


def past_refusal_event(door: Device, person: User) -> AuditEvent:
    past_refusal(door, person)
    return AuditEvent.objects.get(kind=Kind.UNLOCK_REFUSED)


@pytest.mark.parametrize("number", [0, 1, 2**40, 2**63, 10**30])
def test_an_event_that_is_not_there_is_not_found(
    number: int, late: Review, manager_client: Client
) -> None:
    assert manager_client.get(f"{PAGE}flag/{number}/").status_code == 404


def test_a_foreign_manager_sees_nothing_of_it_anywhere(late: Review, south: Building) -> None:
    stranger = make_user()
    grant(stranger, south, Role.MANAGER)
    client = signed_in(stranger)
    for query in ({}, {"state": "all"}, {"q": "Courier"}, {"building": late.building_id}):
        page = client.get(PAGE, query)
        assert list(page.context["cl"].result_list) == []
        assert page.context["cl"].result_count == 0
        for name in ("North House", "Main entrance", "Clerk"):
            assert name not in page.content.decode()
    for what in ("change", "history", "comment", "reviewed", "reopen"):
        assert client.get(f"{PAGE}{late.pk}/{what}/").status_code == 404, what
    for what in ("comment", "reviewed", "reopen"):
        assert client.post(f"{PAGE}{late.pk}/{what}/", {"text": "x"}).status_code == 404, what
    assert client.get(f"{PAGE}flag/{late.event_id}/").status_code == 404
    assert client.post(f"{PAGE}flag/{late.event_id}/", {"text": "x"}).status_code == 404
    assert "Nothing is waiting for a review." in client.get("/admin/").content.decode()
    assert not late.remarks.exists()


def test_the_index_says_how_many_are_open_by_rule(
    late: Review, door: Device, clerk: User, manager: User, manager_client: Client
) -> None:
    past_unlock(door, clerk, confirmed_by_device=True, out_of_hours=True)
    find_reviews()
    page = manager_client.get("/admin/").content.decode()
    assert f"{PAGE}?rule=out_of_hours" in page
    assert "2 open" in page
    assert "rule=unknown" not in page
    reviewing.mark_reviewed(actor=manager, review=late, verdict="x")
    assert "1 open" in manager_client.get("/admin/").content.decode()


def test_a_series_shows_each_of_its_events(
    door: Device, clerk: User, manager_client: Client
) -> None:
    requests = [past_unlock(door, clerk, status=Status.FAILED) for _each in range(3)]
    find_reviews()
    [review] = Review.objects.filter(rule=Rule.FAILURES)
    page = manager_client.get(f"{PAGE}{review.pk}/change/").content.decode()
    assert "one door failed again and again (3 times)" in page
    for request in requests:
        assert f"/admin/locks/unlockrequest/{request.pk}/change/" in page


def test_a_role_names_who_gave_it_and_to_whom(
    superuser: User, north: Building, manager_client: Client
) -> None:
    staffing.grant_role(
        actor=superuser, person=make_user(name="Ana"), building=north, role="viewer"
    )
    event = AuditEvent.objects.get(kind=Kind.ROLE_GRANTED)
    reviewing.flag_event(actor=superuser, event=event, reason="Who is that?")
    assert "Superuser (superuser) → Ana" in manager_client.get(PAGE).content.decode()


def test_the_list_asks_no_question_per_row(door: Device, manager_client: Client) -> None:
    def questions() -> int:
        find_reviews()
        with CaptureQueriesContext(connection) as asked:
            assert manager_client.get(PAGE).status_code == 200
        return len(asked)

    for _each in range(2):
        past_unlock(door, make_user(), confirmed_by_device=True, out_of_hours=True)
    few = questions()
    for _each in range(8):
        past_unlock(door, make_user(), confirmed_by_device=True, out_of_hours=True)
    assert questions() <= few
    assert Review.objects.count() == 10


def test_nobody_adds_or_edits_an_item_by_djangos_own_forms(
    late: Review, manager_client: Client, superuser_client: Client
) -> None:
    before = Review.objects.filter(pk=late.pk).values().get()
    for client in (manager_client, superuser_client):
        assert client.get(f"{PAGE}add/").status_code == 403
        assert client.post(f"{PAGE}{late.pk}/change/", {"verdict": "x"}).status_code == 403
    assert Review.objects.filter(pk=late.pk).values().get() == before
