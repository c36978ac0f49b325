"""A right that ends while its pages are open: every form on them is dead, whatever it was."""

import datetime as dt
from collections.abc import Callable

import pytest
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from locks.models import Assignment, Device, Press, UnlockRequest, User
from locks.services.tokens import issue_token
from locks.tests import test_access_matrix as matrix
from locks.tests.attacks import forms_of, rows

cast, ids = matrix.cast, matrix.ids
pytestmark = pytest.mark.sqlite_only  # the same on any database


def revoked(person: User) -> None:
    Assignment.objects.filter(person=person).update(revoked_at=timezone.now())


def out_of_date(person: User) -> None:
    moment = timezone.now() - dt.timedelta(seconds=1)
    Assignment.objects.filter(person=person).update(valid_until=moment)


def made_a_viewer(person: User) -> None:
    Assignment.objects.filter(person=person).update(role="viewer")


def account_closed(person: User) -> None:
    User.objects.filter(pk=person.pk).update(is_active=False)


def session_ended(person: User) -> None:
    Session.objects.all().delete()


def no_superuser_any_more(person: User) -> None:
    User.objects.filter(pk=person.pk).update(is_superuser=False)


ENDS = (revoked, out_of_date, made_a_viewer, account_closed, session_ended)


@pytest.mark.parametrize(
    ("who", "ends"),
    [("clerk", ENDS), ("manager", ENDS), ("superuser", (no_superuser_any_more, account_closed))],
)
def test_no_form_of_an_open_page_counts_any_more(
    cast, ids, who: str, ends: tuple[Callable[[User], None], ...], simulator
) -> None:
    client = cast[who]
    forms = forms_of(client, ids)
    assert len(forms) >= 2
    for end in ends:
        kept = transaction.savepoint()
        client.force_login(client.person)
        end(client.person)
        before, sent = rows(besides=client.person), simulator.posts("harbour-main-entrance")
        for form in forms:
            if form.action != "/accounts/password_change/":  # who has an account has a password
                assert client.post(form.action, form.filled()).status_code < 500, form.action
        after = rows(besides=client.person)
        changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        assert changed == set(), end.__name__
        assert simulator.posts("harbour-main-entrance") == sent
        transaction.savepoint_rollback(kept)


@pytest.mark.parametrize("end", ENDS)
def test_the_button_of_an_open_card_unlocks_nothing_any_more(
    cast, ids, end: Callable[[User], None], simulator
) -> None:
    """With the very token that was good a moment ago; the refusal of a person is on the record."""
    clerk, door = cast["clerk"], Device.objects.get(pk=ids["doors"])
    token = issue_token(person=clerk.person, device=door)
    UnlockRequest.objects.update(status="failed", ended_at=timezone.now() - dt.timedelta(minutes=1))
    sent = simulator.posts("harbour-main-entrance")
    end(clerk.person)
    known = Press.objects.count()
    clerk.post(f"/doors/{door.pk}/unlock/", {"token": token})
    assert simulator.posts("harbour-main-entrance") == sent
    assert not Press.objects.filter(verdict="sent")[1:].exists()
    refused = Press.objects.filter(verdict="refused").count()
    assert Press.objects.count() - known == refused
    assert refused == (end in (revoked, out_of_date, made_a_viewer))
