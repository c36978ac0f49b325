"""A press where TLS fails: nothing of it is written, and the key least of all."""

import logging
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from locks.models import Building, Device, User
from locks.models.unlocks import Outcome
from locks.seam import SeamUnreachable, SendBy, Transport
from locks.tests.factories import make_device
from locks.tests.lied_to import HURRY, allow, assert_clean, in_time, lied_to, press
from locks.tests.lies import NASTY
from locks.tests.lying import LyingSeam
from locks.tests.servers import (
    HOST,
    KEY,
    RecordingServer,
    calls_under_way,
    clients,
    http,
    make_certificate,
    until,
)


@pytest.fixture
def seam(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[LyingSeam]:
    with lied_to(settings, monkeypatch) as told:
        yield told


@pytest.fixture
def doors(north: Building) -> list[Device]:
    return [make_device(north) for _number in range(3)]


# What speaks at a https:// address, and what is proven of a press that meets it.
TLS_LIES: dict[str, tuple[Callable[[ssl.SSLContext], dict[str, Any]], set[str]]] = {
    "self-signed": (lambda context: {"tls": context}, {"not_sent"}),
    "plain HTTP": (lambda _c: {"greeting": http(400, b"no TLS here")}, {"not_sent"}),
    "garbage": (lambda _c: {"greeting": NASTY.encode(errors="replace") * 99}, {"not_sent"}),
    "a stalled handshake": (lambda _c: {"silent": True}, {"sent_too_late"}),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", TLS_LIES)
def test_nothing_is_sent_where_tls_fails(
    seam: LyingSeam,
    clerk: User,
    doors: list[Device],
    settings: Settings,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    options, codes = TLS_LIES[name]
    _file, context = make_certificate(tmp_path)
    if "sent_too_late" in codes:
        settings.UNLOCK_SEND_TIMEOUT = 2.5
    with RecordingServer(**options(context)) as server:
        settings.SEAM_ENDPOINT = f"https://{HOST}:{server.port}"
        with in_time(settings):
            request = press(clerk, doors[0])
        assert request.outcome == Outcome.FAILED
        assert request.code in codes
        assert b"POST" not in server.bytes_read
        assert KEY.encode() not in server.bytes_read
        assert_clean(request)
        until(lambda: not calls_under_way())
    assert KEY not in caplog.text


def test_nothing_is_sent_where_the_certificate_is_of_another_host(tmp_path: Path) -> None:
    """It is trusted, and still it is not Seam's."""
    certificate, context = make_certificate(tmp_path, host="127.1.1.1")
    with clients() as connect, RecordingServer(tls=context) as server:
        client = connect(server, transport=Transport(ca_file=str(certificate)))
        with pytest.raises(SeamUnreachable, match="not trusted"):
            client.unlock_door("device-1", send_by=SendBy.within(5))
    assert not server.bytes_read


@pytest.mark.django_db
def test_a_press_that_meets_tls_where_there_should_be_none_is_unknown(
    seam: LyingSeam, clerk: User, doors: list[Device], settings: Settings, tmp_path: Path
) -> None:
    """It was written to a connection: what read it is not known."""
    allow(settings, HURRY)
    with RecordingServer(tls=make_certificate(tmp_path)[1]) as server:
        settings.SEAM_ENDPOINT = f"http://{HOST}:{server.port}"
        request = press(clerk, doors[0])
        assert (request.outcome, server.connections) == (Outcome.UNKNOWN, 1)
