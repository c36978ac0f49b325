"""A page learns from the server how long its session lasts, and asking does not prolong it."""

import time

import pytest
from django.test import Client

from locks.models import Building, Favourite, Press, User
from locks.services.tokens import issue_token
from locks.tests.conftest import signed_in
from locks.tests.factories import make_device


@pytest.fixture
def client(clerk: User) -> Client:
    client = signed_in(clerk)
    client.get("/")
    return client


def idle_since(client: Client, seconds: float) -> None:
    session = client.session
    session["seen_at"] = time.time() - seconds
    session.save()


def test_asking_is_no_act_and_staying_is_one(client: Client) -> None:
    idle_since(client, 14.5 * 60)
    for _ in range(2):
        told = client.get("/accounts/session/").json()
        assert 28 <= told["left"] <= 30
        assert told["may_stay"] is True
    told = client.post("/accounts/session/").json()
    assert 890 <= told["left"] <= 900
    assert client.get("/accounts/session/").json()["left"] > 890


def test_staying_counts_however_short_ago_the_last_act_was(client: Client) -> None:
    idle_since(client, 10)
    assert client.post("/accounts/session/").json()["left"] > 895


def test_nobody_stays_longer_than_a_shift(client: Client) -> None:
    session = client.session
    session["began_at"] = time.time() - 12 * 3600 + 40
    session.save()
    for answer in (client.post("/accounts/session/"), client.get("/accounts/session/")):
        assert 38 <= answer.json()["left"] <= 40
        assert answer.json()["may_stay"] is False


def test_a_session_that_is_over_is_not_brought_back(client: Client) -> None:
    idle_since(client, 15 * 60 + 1)
    nobody = {"mark": "", "left": 0, "may_stay": False}
    assert client.post("/accounts/session/").json() == nobody
    assert client.get("/accounts/session/").json() == nobody
    assert client.get("/").headers["Location"].startswith("/accounts/login/")


def test_each_session_has_a_mark_of_its_own_which_is_on_its_pages(client: Client, clerk) -> None:
    mark = client.get("/accounts/session/").json()["mark"]
    assert f'data-mark="{mark}"' in client.get("/").content.decode()
    assert f'data-mark="{mark}"' in client.get("/history/").content.decode()
    assert client.session.session_key not in client.get("/").content.decode()
    other = signed_in(clerk).get("/accounts/session/").json()["mark"]
    assert len({mark, other, ""}) == 3
    assert 'data-mark=""' in Client().get("/accounts/login/").content.decode()


def test_the_admins_pages_say_it_too(manager_client: Client) -> None:
    mark = manager_client.get("/accounts/session/").json()["mark"]
    assert f'data-mark="{mark}"' in manager_client.get("/admin/").content.decode()


def test_a_page_of_another_session_is_told_so_and_nothing_is_done_in_its_readers_name(
    client: Client, north: Building, viewer: User
) -> None:
    door = make_device(north)
    mark = client.get("/accounts/session/").json()["mark"]
    theirs = {"X-Session-Mark": signed_in(viewer).get("/accounts/session/").json()["mark"]}
    keep = {"keep": str(door.pk)}
    assert "X-Session-Other" not in client.get("/", headers={"X-Session-Mark": mark})
    assert client.get("/", headers=theirs)["X-Session-Other"] == "1"
    answer = client.post("/favourites/", keep, headers=theirs)
    assert (answer.status_code, answer["X-Session-Other"]) == (409, "1")
    assert not Favourite.objects.exists()
    assert client.post("/favourites/", keep, headers={"X-Session-Mark": mark}).status_code != 409
    assert Favourite.objects.exists()
    # A press is refused on the record, as it always was.
    token = issue_token(person=viewer, device=door)
    answer = client.post(f"/doors/{door.pk}/unlock/", {"token": token}, headers=theirs)
    assert answer["X-Session-Other"] == "1"
    assert Press.objects.get().code == "bad_token"
