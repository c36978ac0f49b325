"""Behind a proxy: TRUSTED_PROXIES alone may name the client's address and the scheme."""

import http.client

import pytest

from locks.simulator import Simulator
from locks.tests.visitors import DEMO_PASSWORD, Visitor, card
from tools.stack import Stack

pytestmark = pytest.mark.sqlite_only  # the same on any database

HOST, CLIENT = "desk.example.com", "203.0.113.7"
FORWARDED = {
    "Host": HOST,
    "Referer": f"https://{HOST}/",
    "X-Forwarded-For": CLIENT,
    "X-Forwarded-Proto": "https",
}
ADDRESSES = (
    "from locks.models import AuditDetail;"
    "print(*(d.content.get('address') for d in AuditDetail.objects.filter("
    "event__kind='unlock.requested')))"
)


def ask(running: Stack, path: str, **headers: str) -> http.client.HTTPResponse:
    """A GET without redirects and cookies."""
    link = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
    try:
        link.request("GET", path, headers={"Host": HOST, **headers})
        answer = link.getresponse()
        answer.read()
        return answer
    finally:
        link.close()


@pytest.fixture
def behind(stack, simulator: Simulator):
    """Start the web process with these TRUSTED_PROXIES, under a name that means HTTPS."""

    def start(proxies: str) -> Stack:
        environment = {"ALLOWED_HOSTS": f"{HOST},127.0.0.1", "TRUSTED_PROXIES": proxies}
        return stack(endpoint=simulator.endpoint, environment=environment, parts=("web",))

    return start


@pytest.mark.parametrize("proxies", ["127.0.0.1", "10.0.0.5,127.0.0.0/24"])
def test_a_trusted_proxy_is_believed(behind, proxies: str) -> None:
    running = behind(proxies)
    clerk = Visitor(running.url, "clerk", DEMO_PASSWORD, headers=FORWARDED)
    page = clerk.get("/")
    assert page.status_code == 200
    assert page.headers["Strict-Transport-Security"] == "max-age=31536000"
    cookies = {cookie.name: cookie for cookie in clerk.session.cookies}
    assert set(cookies) == {"__Host-sessionid", "__Host-csrftoken"}
    for cookie in cookies.values():
        assert (cookie.secure, cookie.path, cookie.domain_specified) == (True, "/", False)
        assert cookie.has_nonstandard_attr("HttpOnly")
    door, _text = card(clerk, "Main entrance")
    assert clerk.press(door, token=clerk.token(door)).status_code == 303
    assert running.manage("shell", "-v0", "-c", ADDRESSES).split() == [CLIENT]
    with clerk.listening() as ear:
        ear.wait_for("beat")


def test_a_client_cannot_put_an_address_in_front_of_its_own(behind) -> None:
    """What a proxy appends counts, not what the client had written into the header before."""
    running = behind("127.0.0.1")
    headers = {**FORWARDED, "X-Forwarded-For": f"198.51.100.1, {CLIENT}"}
    clerk = Visitor(running.url, "clerk", DEMO_PASSWORD, headers=headers)
    door, _text = card(clerk, "Main entrance")
    clerk.press(door, token=clerk.token(door))
    assert running.manage("shell", "-v0", "-c", ADDRESSES).split() == [CLIENT]


@pytest.mark.parametrize("proxies", ["", "10.0.0.5"])
def test_anybody_else_is_not(behind, proxies: str) -> None:
    running = behind(proxies)
    answer = ask(running, "/accounts/login/", **FORWARDED)
    assert answer.status == 301
    assert answer.headers["Location"] == f"https://{HOST}/accounts/login/"
    assert "Strict-Transport-Security" not in answer.headers
    assert answer.headers.get_all("Set-Cookie") is None
    assert ask(running, "/healthz").status == 200  # asked by the machine itself


def test_a_forwarded_address_from_anybody_else_is_not_on_the_record(
    stack, simulator: Simulator
) -> None:
    running = stack(endpoint=simulator.endpoint, parts=("web",))
    clerk = Visitor(running.url, "clerk", DEMO_PASSWORD, headers={"X-Forwarded-For": CLIENT})
    door, _text = card(clerk, "Main entrance")
    clerk.press(door, token=clerk.token(door))
    assert running.manage("shell", "-v0", "-c", ADDRESSES).split() == ["127.0.0.1"]
