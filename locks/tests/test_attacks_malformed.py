"""Whatever is sent to any address or form, by anyone, is answered with a sentence: never with a 500.

The addresses come from the resolver, the forms from the pages. What hypothesis finds is the same each run.
"""

import json
import os
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from locks.tests import test_access_matrix as matrix
from locks.tests.attacks import Form, addresses, forms_of
from locks.tests.deliveries import SECRET, event_json, signed

cast, ids = matrix.cast, matrix.ids

TIMES = int(os.environ.get("ATTACKS", "1"))
PEOPLE = ("stranger", "nobody", "clerk", "manager", "superuser")
METHODS = ("GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "X")
NASTY = (
    "", " ", "0", "-1", "1", "1.5", "1e309", "nan", "²", "٣", "10" * 40, str(2**63), str(-(2**63) - 1),
    "\x00", "a\x00b", "\ufeff", "\u202e\u2066", "\u2028", "\n", "\r\nX: y", "\x1b[31m", "%", "%00", "%zz",
    "'", '"', "' OR 1=1 --", "<script>alert(1)</script>", "{{ 7|add:7 }}", "{% debug %}", "../../etc/passwd",
    "on", "true", "null", "[]", "{}", "[[]]", '{"a":1}', "9999-12-31T23:59:59", "0001-01-01", "2026-02-31",
    "2026-01-01T00:00:00+99:99", "24:00", "Mon-Fri 08:00-16:00", "Mon-Sun", "é" * 400, "x" * 5000, "\U0001f511",
    "__class__", "password", "id__in", "-pk", "~", "2026-01-01T00:00:00Z~1", "organisation",
)  # fmt: skip
NAMES = (
    "q", "o", "p", "e", "all", "_popup", "_to_field", "_facets", "_changelist_filters", "building", "door",
    "person", "kind", "state", "since", "until", "older", "newer", "next", "days", "sort", "request", "outcome",
    "action", "_selected_action", "select_across", "index", "_save", "form", "text", "verdict", "wanted",
    "token", "again", "elapsed_wall", "elapsed_mono", "reason", "username", "password", "email", "login",
)  # fmt: skip
KINDS = (
    "application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=",
    "multipart/form-data; boundary=x", "multipart/form-data; boundary=" + "x" * 300, "application/json",
    "text/plain", "", "x", "application/x-www-form-urlencoded; charset=utf-16", "multipart/mixed; boundary=x",
)  # fmt: skip
BODIES = (
    b"", b"\x00", b"\xff\xfe", b"\xed\xa0\x80=%ED%A0%80", b"a=%&b=%zz&%=%", b"&" * 2000, b"a=1&" * 1500, b"[" * 20000,
    b'{"a":' * 3000, b"--x\r\n", b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--\r\n",
    b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--", b"--x\r\nContent-Disposition: form-data; name=\"f\"; "
    b"filename=\"../../x\"\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!\r\n--x--\r\n",
    b"--x\r\nContent-Disposition: form-data; name*=utf-9''%zz\r\n\r\n1\r\n--x--\r\n", b"csrfmiddlewaretoken=" + b"x" * 9000,
)  # fmt: skip
LOOK = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
texts = st.one_of(st.sampled_from(NASTY), st.text(max_size=20))
pairs = st.lists(st.tuples(st.sampled_from(NAMES), texts), max_size=5)


def bounded(examples: int) -> Callable[[Any], Any]:
    """The same examples each run, and so many; with ATTACKS=10 ten times as many, others each time."""
    return settings(
        max_examples=examples * TIMES,
        derandomize=TIMES == 1,
        database=None,
        deadline=None,
        suppress_health_check=LOOK,
    )


def encoded(fields: list[tuple[str, str]]) -> str:
    return urlencode([(name, value.encode("utf-8", "surrogatepass")) for name, value in fields])


@pytest.fixture
def sent(cast, ids) -> Callable[..., int]:
    """Send a request as somebody; the status of its answer, which is none of 5xx."""

    def send(who: str, method: str, path: str, body: bytes = b"", kind: str = "", **headers) -> int:
        client: Client = cast[who]
        if who != "stranger":
            client.force_login(client.person)
        kind = kind or "application/x-www-form-urlencoded"
        answer = client.generic(method, path, body, content_type=kind, headers=headers or None)
        if getattr(answer, "streaming", False):
            assert b"".join(answer.streaming_content) is not None
        assert answer.status_code < 500, (who, method, path)
        return answer.status_code

    return send


def test_no_address_breaks_by_method_query_or_id(ids, sent) -> None:
    paths = list(addresses(ids).values())
    numbers = st.sampled_from(
        ("", "0", "-1", "10" * 20, "1_5F", "%00", "%FF", "1%2F2", "x", "é", "..")
    )

    @bounded(250)
    @given(
        st.sampled_from(PEOPLE),
        st.sampled_from(METHODS),
        st.sampled_from(paths),
        pairs,
        st.one_of(st.none(), numbers),
    )
    def attack(who: str, method: str, path: str, query: list[Any], number: str | None) -> None:
        if number is not None:
            path = "/".join(number if part.isdigit() else part for part in path.split("/"))
        # The client decodes what is percent-encoded once, as a server does.
        sent(who, method, quote(path, safe="/%") + "?" + encoded(query))

    attack()


def test_no_address_breaks_by_a_body_that_is_no_form(ids, sent) -> None:
    paths = list(addresses(ids).values())

    @bounded(150)
    @given(
        st.sampled_from(PEOPLE),
        st.sampled_from(paths),
        st.sampled_from(KINDS),
        st.one_of(st.sampled_from(BODIES), st.binary(max_size=60)),
        st.sampled_from(("", "true")),
        st.sampled_from(NASTY),
    )
    def attack(who: str, path: str, kind: str, body: bytes, htmx: str, page: str) -> None:
        latin = page.encode("latin-1", "ignore").decode("latin-1")
        headers = {"HX-Request": htmx, "HX-Current-URL": latin, "HX-Prompt": latin} if htmx else {}
        sent(who, "POST", path, body, kind, **headers)

    attack()


@pytest.mark.parametrize("who", ["stranger", "clerk", "manager"])
def test_no_form_breaks_by_what_is_put_into_its_fields(cast, ids, sent, who: str) -> None:
    forms: list[Form] = forms_of(cast[who], ids)

    @bounded(80)
    @given(st.sampled_from(forms), st.data())
    def attack(form: Form, data: st.DataObject) -> None:
        fields = form.filled()
        for name in data.draw(st.lists(st.sampled_from(sorted(fields) or NAMES), max_size=4)):
            fields[name] = data.draw(texts)
        for name in data.draw(st.lists(st.sampled_from(sorted(fields) or NAMES), max_size=1)):
            fields.pop(name, None)
        sent(who, "POST", urlsplit(form.action).path, encoded(list(fields.items())).encode())

    attack()


# --- The webhook ------------------------------------------------------------------------------

leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts
json_values = (
    leaves
    | st.lists(leaves, max_size=3)
    | st.dictionaries(texts, leaves | st.lists(leaves), max_size=3)
)
KEYS = (
    "event_id", "event_type", "device_id", "occurred_at", "created_at", "workspace_id", "action_attempt_id",
    "method", "access_code_id", "battery_level", "error_code", "error_message", "connected_account_id",
)  # fmt: skip


def deliver(client: Client, body: bytes, text: str) -> int:
    answer = client.post(
        "/webhooks/seam/", data=body, content_type="application/json", headers=signed(text)
    )
    return int(answer.status_code)


def test_no_signed_event_breaks_the_receiver(ids, settings) -> None:
    settings.SEAM_WEBHOOK_SECRETS = [SECRET]
    types = ("lock.unlocked", "lock.locked", "device.connected", "device.low_battery", "x")
    client = Client()

    @bounded(100)
    @given(st.sampled_from(types), st.dictionaries(st.sampled_from(KEYS), json_values, max_size=4))
    def attack(event_type: str, changes: dict[str, Any]) -> None:
        event = event_json(event_type, device_id="harbour-main-entrance") | changes
        text = json.dumps(event)
        assert deliver(client, text.encode(), text) in {204, 400}

    attack()


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 50_000,
        '{"event_id":"\\ud800","event_type":"lock.unlocked"}',
        '{"event_id":"\\u0000","event_type":"lock.unlocked","occurred_at":"2026-01-01T00:00:00Z"}',
        "1e999",
        "9" * 6000,
        '"' + "x" * 400_000 + '"',
        "nonsense",
        "",
    ],
    ids=range(9),
)
def test_no_signed_nonsense_breaks_the_receiver(db, settings, text: str) -> None:
    settings.SEAM_WEBHOOK_SECRETS = [SECRET]
    assert deliver(Client(), text.encode(), text) in {204, 400, 413}


def test_an_unsigned_delivery_is_refused_however_it_is_made(db, settings) -> None:
    settings.SEAM_WEBHOOK_SECRETS = [SECRET]
    headers = st.fixed_dictionaries(
        {name: st.sampled_from(NASTY) for name in ("svix-id", "svix-timestamp", "svix-signature")}
    )

    @bounded(40)
    @given(st.sampled_from(BODIES), headers, st.sampled_from(KINDS))
    def attack(body: bytes, told: dict[str, str], kind: str) -> None:
        latin = {name: value.encode("utf-8").decode("latin-1") for name, value in told.items()}
        answer = Client().generic("POST", "/webhooks/seam/", body, kind or "x", headers=latin)
        assert answer.status_code == 400

    attack()
