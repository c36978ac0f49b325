"""Nobody is led off this site, neither by an address in a link nor by a made-up host."""

import re
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from django.core import mail
from django.test import Client

from locks.models import User
from locks.tests import test_access_matrix as matrix
from locks.tests.attacks import addresses, sign_in
from locks.tests.conftest import signed_in
from locks.tests.factories import PASSWORD

cast, ids = matrix.cast, matrix.ids
pytestmark = pytest.mark.sqlite_only  # the same on any database

ELSEWHERE = (
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "////evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "\\/\\/evil.example/",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "http://testserver@evil.example/",
    "https://testserver:80@evil.example/",
    "//testserver.evil.example/",
    "http://testserver.evil.example/",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "\tjavascript:alert(1)",
    " //evil.example/",
    "/\t/evil.example/",
    "/\n/evil.example/",
    "/\r/evil.example/",
    "\x00//evil.example/",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "ftp://evil.example/",
    "%2f%2fevil.example/",
    "/%2f%2fevil.example",
    "/%5cevil.example",
    "//evil.example/%2f..",
    "/.evil.example\\@evil.example",
    "http://[::1]/",
    "http://[evil",
    "．．//evil.example",
    "／／evil.example/",
    "/\u2028/evil.example",
    "history/@evil.example",
    "/history/\r\nSet-Cookie: a=b",
)


def leads_home(location: str) -> bool:
    """Whether a browser that follows this stays here (WHATWG: backslashes are slashes, tabs are nothing)."""
    plain = re.sub(r"[\t\r\n\x00]", "", location).strip().replace("\\", "/")
    parts = urlsplit(plain)
    within = parts.scheme in {"", "http"} and parts.netloc in {"", "testserver"}
    return within and not plain.startswith("//") and "\n" not in location


def test_after_the_sign_in_nobody_is_led_elsewhere(clerk: User) -> None:
    for wanted in ELSEWHERE:
        client = Client()
        landed = sign_in(client, "clerk", PASSWORD, next=wanted)
        assert landed.status_code == 302, wanted
        assert leads_home(landed.headers["Location"]), wanted
        assert "Set-Cookie: a" not in landed.headers["Location"]


@pytest.mark.parametrize("who", ["stranger", "superuser"])
def test_no_address_leads_elsewhere_by_what_is_asked_in_it(cast, ids, who: str) -> None:
    names = ("next", "continue", "url", "return_to", "redirect_to", "success_url", "to")
    for wanted in ("//evil.example/", "/\\evil.example/"):
        query = urlencode(dict.fromkeys(names, wanted))
        for path in addresses(ids).values():
            answer = cast[who].get(f"{path}?{query}")
            location = answer.headers.get("Location", "/")
            assert leads_home(location), (path, location)


def test_signing_out_leads_to_the_sign_in_whatever_is_asked_for(clerk: User) -> None:
    for wanted in ELSEWHERE[::4]:
        client = signed_in(clerk)
        answer = client.post(f"/accounts/logout/?{urlencode({'next': wanted})}", {"next": wanted})
        assert leads_home(answer.headers["Location"]), wanted


@pytest.mark.parametrize("who", ["stranger", "manager", "superuser"])
def test_the_records_own_sign_in_leads_nowhere_else(cast, who: str) -> None:
    for wanted in ELSEWHERE:
        answer = cast[who].get(f"/admin/login/?{urlencode({'next': wanted})}")
        assert leads_home(answer.headers["Location"]), wanted
        landed = cast[who].get(answer.headers["Location"])
        assert leads_home(landed.headers.get("Location", "/")), wanted


def test_what_htmx_says_of_its_page_leads_nowhere_else(db) -> None:
    for wanted in ELSEWHERE:
        if re.search(r"[\r\n]", wanted):
            continue  # no server takes such a header
        for value in (wanted, quote(wanted)):
            headers = {"HX-Request": "true", "HX-Current-URL": value}
            answer = Client().get("/history/", headers=headers)
            target = urlsplit(answer.headers["HX-Redirect"])
            assert (target.netloc, target.path) == ("", "/accounts/login/"), wanted
            assert leads_home(dict(parse_qsl(target.query)).get("next", "/")), wanted


def test_a_sign_in_never_ends_in_a_press(cast, ids) -> None:
    name = cast["clerk"].person.username
    for button in ("unlock", "lock"):  # nor at the other button's question
        landed = sign_in(Client(), name, PASSWORD, next=f"/doors/{ids['doors']}/{button}/")
        assert landed.headers["Location"] == f"/?door={ids['doors']}#door-{ids['doors']}"


# --- Hosts ------------------------------------------------------------------------------------

FALSE_HOSTS = (
    "evil.example",
    "evil.example:80",
    "testserver.evil.example",
    "testserver@evil.example",
    "testserver:80@evil.example",
    "evil.example#testserver",
    "testserver:x",
    "testserver, evil.example",
    "testserver evil.example",
    "[::1",
    "",
)


@pytest.mark.parametrize("host", FALSE_HOSTS)
def test_a_host_that_is_not_ours_is_refused_on_every_address(cast, ids, host: str) -> None:
    some = addresses(ids) if host == "evil.example" else dict(list(addresses(ids).items())[::12])
    for path in some.values():
        if path in {"/healthz", "/readyz"}:
            continue
        for who in ("stranger", "superuser"):
            answer = cast[who].get(path, headers={"host": host})
            assert answer.status_code == 400, (path, who)
            assert "evil" not in str(answer.headers)
            assert b"evil" not in answer.content


@pytest.mark.parametrize(
    "header", ["X-Forwarded-Host", "X-Host", "Forwarded", "X-Original-URL", "X-Rewrite-URL"]
)
def test_no_other_header_names_the_host_or_the_path(cast, ids, header: str) -> None:
    for value in ("evil.example", "host=evil.example", "/admin/"):
        for path in ("/", "/accounts/login/", "/admin/", "/no/such/"):
            plain = cast["manager"].get(path)
            answer = cast["manager"].get(path, headers={header: value})
            assert answer.status_code == plain.status_code
            assert b"evil" not in answer.content


def test_no_mail_is_made_from_the_host_that_a_request_names(cast, ids, settings) -> None:
    """Every form that sends a mail, from whoever asks, under a name that is ours but not the desk's."""
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "other.example"]
    sent = {"email": "clerk@example.com", "username": "clerk", "login": "clerk"}
    for who in ("stranger", "manager"):
        for path in addresses(ids).values():
            cast[who].post(path, sent, headers={"host": "other.example"})
    for letter in mail.outbox:
        assert "other.example" not in str(letter.message()), letter.subject
