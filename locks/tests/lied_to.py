"""The desk of a house whose Seam lies: pressing, following, and what may be left behind."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from locks import clients
from locks.models import AuditDetail, AuditEvent, Device, Press, UnlockRequest, User
from locks.seam import client, reading
from locks.seam.transport import shared_transport
from locks.services import following
from locks.services.tokens import issue_token
from locks.tests.factories import make_superuser
from locks.tests.lies import MARKUP
from locks.tests.lying import LyingSeam
from locks.tests.servers import KEY, calls_under_way, until

BUSY = 4.0  # seconds by which a busy machine may miss a bound; what has none takes far longer
HURRY, PATIENT = 0.4, 5.0  # seconds that Seam has for an answer, where it will not come, and else


@contextmanager
def lied_to(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[LyingSeam]:
    """A Seam that the settings point at; honest until told otherwise."""
    monkeypatch.setattr(reading, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(client, "FIRST_PAUSE", 60.0)  # too long to try again
    with LyingSeam() as told:
        settings.SEAM_ENDPOINT, settings.SEAM_API_KEY = told.server.endpoint, KEY
        allow(settings, PATIENT)
        yield told
        shared_transport().close()
    clients._client.cache_clear()
    until(lambda: not calls_under_way())
    assert told.elsewhere.connections == 0


@cache
def _client() -> Client:
    return Client()  # one for all tests: to make it takes longer than a page


def browser(person: User) -> Client:
    """A browser in which `person`, and nobody else, has signed in."""
    _client().cookies.clear()
    _client().force_login(person)
    return _client()


def press(person: User, door: Device) -> UnlockRequest:
    """Press the button of a door on the desk; the card that comes back is sound."""
    token = issue_token(person=person, device=door)
    answer = browser(person).post(
        f"/doors/{door.pk}/unlock/", {"token": token}, headers={"HX-Request": "true"}
    )
    sound(answer)
    assert f'id="door-{door.pk}"' in answer.content.decode()
    request = Press.objects.select_related("request").latest("pk").request
    assert request is not None
    return request


def sound(answer: Any) -> None:
    """A page, with nothing of a liar's in it that a browser would take for ours."""
    page = answer.content.decode()
    assert answer.status_code == 200
    assert not [text for text in (MARKUP, KEY, "\x00", "\u202e", "\x1b") if text in page]


def look(door: Device | None = None) -> None:
    """Let the follower look once, at what is due and what is not."""
    UnlockRequest.objects.filter(next_look_at__isnull=False).update(next_look_at=timezone.now())
    following.follow(for_seconds=0)


@contextmanager
def in_time(settings: Settings) -> Iterator[None]:
    """What Seam is asked for here comes to an end within the time that it has for an answer."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    assert took < settings.UNLOCK_ANSWER_TIMEOUT + BUSY, f"It took {took:.1f} s."


def allow(settings: Settings, seconds: float) -> None:
    """The time that Seam has for an answer."""
    settings.UNLOCK_ANSWER_TIMEOUT = seconds
    clients._client.cache_clear()


def texts(value: object) -> Iterator[str]:
    """Every string in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, entry in value.items():
            yield from (name, *texts(entry))
    elif isinstance(value, list):
        for entry in value:
            yield from texts(entry)


def assert_clean(request: UnlockRequest) -> None:
    """Row and record hold bounded text on one line; the pages of both can be read."""
    kept: list[object] = [request.result, request.error_type, request.error_message]
    kept += [request.action_attempt_id, request.seam_request_id]
    for detail in AuditDetail.objects.filter(event__request=request):
        assert len(detail.body) < 20_000
        kept.append(json.loads(detail.body))
    for text in texts(kept):
        assert len(text) <= 2000
        assert text.isprintable() or not set(text) & set("\x00\n\r\x1b\u202e\u2066\u2028\ud800")
        assert KEY not in text
    desk = browser(request.requested_by)
    sound(desk.get("/"))
    sound(desk.get("/history/"))
    admin = browser(make_superuser())
    event = AuditEvent.objects.filter(request=request).latest("sequence")
    sound(admin.get(f"/admin/locks/unlockrequest/{request.pk}/change/"))
    sound(admin.get(f"/admin/locks/auditevent/{event.pk}/change/"))
