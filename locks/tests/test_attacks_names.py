"""Nothing tells a stranger which accounts there are, nor a clerk which doors: no word, status or effort.

Effort is counted, not timed: rounds of hashing a password, and questions to the database.
"""

import re
from typing import Any

import pytest
from django.contrib.auth import hashers
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from locks.models import Building, User
from locks.tests import test_access_matrix as matrix
from locks.tests.attacks import addresses, sign_in
from locks.tests.factories import PASSWORD, make_user

cast, ids = matrix.cast, matrix.ids
pytestmark = pytest.mark.sqlite_only  # the same on any database


class Counted(hashers.PBKDF2PasswordHasher):
    """As quick as tests need; counts how often it is asked to hash."""

    algorithm = "counted"
    iterations = 2
    asked = 0

    def encode(self, *args: Any, **kwargs: Any) -> str:
        Counted.asked += 1
        return str(super().encode(*args, **kwargs))


@pytest.fixture
def counted(settings) -> type[Counted]:
    settings.PASSWORD_HASHERS = [f"{__name__}.Counted"]
    Counted.asked = 0
    return Counted


def told(answer: Any, *names: str) -> tuple[int, str, str]:
    """An answer without what differs from page to page (tokens), and without what was typed."""
    body = re.sub(
        r'((?:name="(?:csrfmiddlewaretoken|token)" value|data-left)=")[^"]*',
        r"\1",
        answer.content.decode(),
    )
    for name in names:
        body = body.replace(name, "NAME")
    return answer.status_code, answer.headers.get("Location", ""), body


def attempt(username: str, password: str) -> tuple[Any, int, list[str]]:
    """A sign-in: its answer, how often a password was hashed, and what the database was asked."""
    Counted.asked = 0
    client = Client()
    client.get("/accounts/login/")
    with CaptureQueriesContext(
        connection,
    ) as asked:
        answer = sign_in(client, username, password)
    kinds = [re.sub(r"'[^']*'|\b\d+\b", "?", query["sql"])[:60] for query in asked.captured_queries]
    return told(answer, username), Counted.asked, kinds


def test_a_refused_sign_in_tells_nothing_of_the_account(counted, north: Building) -> None:
    """Unknown, known with a wrong password, closed (even with the right one): one answer, one effort."""
    make_user("known.person")
    make_user("closed.person", is_active=False)
    make_user("no.password").set_unusable_password()
    attempt("a.first.one", "wrong")  # what is counted by the hour begins with a row
    attempt("known.person", "wrong")
    attempt("closed.person", "wrong")
    attempt("no.password", "wrong")
    attempt("unknown.person", "wrong")
    unknown = attempt("unknown.person", "wrong")
    for name, password in (
        ("known.person", "wrong"),
        ("closed.person", "wrong"),
        ("closed.person", PASSWORD),
        ("no.password", "wrong"),
    ):
        answer, rounds, queries = attempt(name, password)
        assert answer == unknown[0], name
        assert rounds == unknown[1], name
        assert len(queries) == len(unknown[2]), (name, queries, unknown[2])
    assert unknown[1] == 1


def test_the_case_of_a_name_tells_nothing(counted, db) -> None:
    make_user("known.person")
    assert attempt("Known.Person", "wrong")[0] == attempt("Other.Person", "wrong")[0]


@pytest.mark.parametrize("who", ["clerk", "manager"])
def test_an_object_of_another_building_answers_byte_for_byte_like_none(cast, ids, who: str) -> None:
    """Asked by South Tower's people of North House's objects, and of a number that nothing has."""
    client: Client = cast[f"other {who}"]
    for path in addresses(ids).values():
        if not re.search(r"/[0-9]+/", path):
            continue
        missing = re.sub(r"/[0-9]+/", "/987654321/", path)
        for method, headers in (("get", {}), ("post", {}), ("get", {"HX-Request": "true"})):
            if headers and path.startswith("/admin/"):
                continue
            real = getattr(client, method)(path, headers=headers)
            none = getattr(client, method)(missing, headers=headers)
            real_told = told(real, path, re.findall(r"/[0-9]+/", path)[0])
            none_told = told(none, missing, "/987654321/")
            assert _plain(real_told) == _plain(none_told), (method, path)


def _plain(answer: tuple[int, str, str]) -> tuple[int, str, str]:
    status, location, body = answer
    return status, re.sub(r"(/|%2F)[0-9]+(/|%2F)", "/N/", location), body


def test_a_door_of_another_building_costs_no_more_questions_than_none(cast, ids) -> None:
    client = cast["other clerk"]
    client.get("/")  # it notes that its person was here
    for path in (f"/doors/{ids['doors']}/", f"/buildings/{ids['buildings']}/"):
        counts = []
        for address in (path, re.sub(r"[0-9]+", "987654321", path)):
            with CaptureQueriesContext(connection) as asked:
                client.get(address)
            counts.append(len(asked))
        assert counts[0] == counts[1], path


def test_the_form_for_roles_tells_no_manager_which_accounts_exist_elsewhere(cast, ids) -> None:
    """It names a person exactly and nobody by a part; what cannot be granted is said before names are."""
    boss: User = cast["manager"].person
    make_user("somebody.elsewhere")
    for building in ("987654321", "", Building.objects.get(name="South Tower").pk):
        answers = [
            told(
                cast["manager"].post(
                    "/admin/locks/assignment/add/",
                    {"username": name, "building": building, "role": "viewer"},
                ),
                name,
            )
            for name in ("somebody.elsewhere", "nobody.at.allllllll", boss.username)
        ]
        assert answers[0] == answers[1]
        assert "no active account" not in answers[0][2]
