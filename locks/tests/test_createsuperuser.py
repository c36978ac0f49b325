"""`manage.py createsuperuser`: the strongest grant is on the record, or was not made."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from locks.models import AuditEvent, Kind, User
from locks.services import staffing
from locks.tests.factories import make_user

pytestmark = pytest.mark.django_db
SECRET = "a-password-nobody-guesses"


def create(**options: Any) -> str:
    said = io.StringIO()
    asked = {"username": "root", "email": "root@example.com", "interactive": False, **options}
    call_command("createsuperuser", stdout=said, **asked)
    return said.getvalue()


def events() -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(kind=Kind.PERSON_ADDED))


def test_an_administrator_made_on_the_command_line_is_on_the_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", SECRET)
    assert "created" in create()
    root = User.objects.get(username="root")
    assert root.is_superuser
    assert root.check_password(SECRET)
    [event] = events()
    assert event.chain.building is None
    assert event.actor is None
    assert event.detail.content["superuser"] is True
    assert event.detail.content["subject_username"] == "root"
    assert event.detail.content["subject_id"] == root.pk
    assert SECRET not in event.detail.body
    call_command("verify_audit", stdout=io.StringIO())  # raises where the chain is broken


def test_without_an_event_there_is_no_administrator(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError("the record cannot be written")

    monkeypatch.setattr(staffing, "record", broken)
    with pytest.raises(RuntimeError):
        create()
    assert not User.objects.exists()


def test_a_taken_name_is_a_sentence_and_leaves_no_event() -> None:
    make_user("root")
    with pytest.raises(CommandError, match="already taken"):
        create()
    assert not User.objects.get().is_superuser
    assert events() == []
