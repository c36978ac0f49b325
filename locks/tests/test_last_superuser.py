"""Nobody locks out the last administrator, not even two at the same moment."""

import threading
from typing import Any

import pytest
from django.db import connection

from locks.models import AuditEvent, Kind, User
from locks.services import staffing
from locks.services.errors import NotAllowed
from locks.tests.factories import make_superuser


def test_one_of_two_may_go_and_then_the_last_may_not(superuser: User) -> None:
    other = make_superuser("other")
    staffing.deactivate_person(actor=superuser, person=other)
    with pytest.raises(NotAllowed):
        staffing.deactivate_person(actor=superuser, person=superuser)
    with pytest.raises(NotAllowed):
        staffing.deactivate_person(actor=other, person=superuser)
    assert User.objects.filter(is_superuser=True, is_active=True).get() == superuser
    assert AuditEvent.objects.filter(kind=Kind.PERSON_CHANGED).count() == 1


@pytest.mark.postgres_only  # a SQLite database in memory has one writer at a time anyway
@pytest.mark.django_db(transaction=True)
def test_two_who_deactivate_each_other_at_once_leave_one() -> None:
    people = [make_superuser("one"), make_superuser("two")]
    together = threading.Barrier(2, timeout=30)
    refused: list[Any] = []

    def close(actor: User, person: User) -> None:
        try:
            together.wait()
            staffing.deactivate_person(actor=actor, person=person)
        except NotAllowed as refusal:
            refused.append(refusal)
        finally:
            connection.close()

    pairs = [tuple(people), tuple(reversed(people))]
    threads = [threading.Thread(target=close, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert User.objects.filter(is_superuser=True, is_active=True).count() == 1
    assert len(refused) == 1
