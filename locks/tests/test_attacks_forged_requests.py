"""Another site's page in a clerk's browser: nothing is done in the clerk's name."""

import re

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from locks.models import User
from locks.tests import test_access_matrix as matrix
from locks.tests.attacks import addresses, rows, sign_in
from locks.tests.factories import PASSWORD

cast, ids = matrix.cast, matrix.ids
pytestmark = pytest.mark.sqlite_only  # the same on any database
SIGNED = {"/webhooks/seam/"}  # by Seam instead
PEOPLE = ("clerk", "manager", "superuser")


def watched(person: User | None) -> Client:
    """A browser as real ones are: forged forms are looked for."""
    client = Client(enforce_csrf_checks=True)
    if person:
        client.force_login(person)
    return client


def token_of(client: Client) -> str:
    html = client.get("/accounts/password_change/").content.decode()
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', html)
    assert found
    return found[1]


def test_no_post_counts_without_its_token_or_with_that_of_another_session(cast, ids) -> None:
    stranger_token = token_of(watched(cast["nobody"].person))
    before = rows()
    for name in PEOPLE:
        client = watched(cast[name].person)
        own = token_of(client)
        for path in addresses(ids).values():
            if path in SIGNED:
                continue
            assert refused(client.post(path)), (name, path)
            forged = client.post(path, {"csrfmiddlewaretoken": stranger_token})
            assert refused(forged), (name, path)
            elsewhere = client.post(
                path, {"csrfmiddlewaretoken": own}, headers={"Origin": "https://evil.example"}
            )
            assert refused(elsewhere), (name, path)
    assert rows() == before


def refused(answer: HttpResponse) -> bool:
    """Or led to the desk, where the page only asked who is to work here: somebody does already."""
    return answer.status_code == 403 or (answer.status_code, answer.headers.get("Location")) == (
        303,
        "/",
    )


def exempt(resolver: URLResolver, prefix: str = "/") -> set[str]:
    found: set[str] = set()
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLPattern):
            found |= {route} if getattr(entry.callback, "csrf_exempt", False) else set()
        else:
            found |= exempt(entry, route)
    return found


def test_only_what_is_signed_otherwise_is_let_past() -> None:
    assert exempt(get_resolver()) == SIGNED


def test_nobody_is_signed_in_by_another_sites_form(clerk: User) -> None:
    client = watched(None)
    answer = sign_in(client, "clerk", PASSWORD, csrfmiddlewaretoken="")
    assert answer.status_code == 403
    assert settings.SESSION_COOKIE_NAME not in client.cookies
    assert client.get("/").status_code == 302


def test_a_picture_or_link_of_another_site_changes_nothing(cast, ids) -> None:
    """GET and HEAD write nothing, and sign nobody out."""
    before = rows()
    for name in ("manager", "superuser"):
        for path in addresses(ids).values():
            cast[name].get(path)
            if name == "superuser":
                cast[name].head(path)
        assert cast[name].get("/").status_code == 200, name
    assert rows() == before


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://testserver.evil.example"]
)
def test_a_press_from_another_sites_page_is_refused_though_its_cookie_came_along(
    cast, ids, origin: str
) -> None:
    client = watched(cast["clerk"].person)
    sent = {"csrfmiddlewaretoken": token_of(client), "token": "x"}
    path = f"/doors/{ids['doors']}/unlock/"
    assert client.post(path, sent, headers={"Origin": origin}).status_code == 403
