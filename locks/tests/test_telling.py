"""A superuser's own role is told to the building's managers at once, and waits in review."""

import pytest
from django.core import mail

from locks.models import Building, Review, Role, Rule, User
from locks.services import staffing
from locks.services.delivering import deliver
from locks.services.finding_reviews import find_reviews
from locks.services.staffing import Terms
from locks.tests.factories import grant, make_superuser, make_user

NIGHTS = [{"days": [1], "from": "22:00", "until": "06:00"}]


@pytest.fixture
def addressed(north: Building, south: Building, manager: User) -> None:
    """Managers of North House: one with an address, one without; and others who are not to be told."""
    User.objects.filter(pk=manager.pk).update(email="manager@example.com")
    grant(make_user(), north, Role.MANAGER)
    grant(make_user(email="other@example.com"), south, Role.MANAGER)
    grant(make_user(email="clerk@example.com"), north)
    grant(make_user(email="closed@example.com", is_active=False), north, Role.MANAGER)


def test_managers_hear_of_it_at_once_and_it_waits_in_review(
    addressed: None,
    north: Building,
    superuser: User,
) -> None:
    role = staffing.grant_role(
        actor=superuser, person=superuser, building=north, role=Role.FRONT_DESK
    )
    deliver()
    [told] = mail.outbox
    assert told.to == ["manager@example.com"]
    assert "North House" in told.subject
    assert "Superuser has granted themselves the role “front desk”" in told.body
    assert "/admin/locks/review/" in told.body

    staffing.change_role(actor=superuser, assignment=role, terms=Terms(weekly_hours=NIGHTS))
    deliver()
    assert "has changed their own role" in mail.outbox[1].body

    find_reviews()
    assert Review.objects.filter(rule=Rule.SELF_GRANT, building=north).count() == 2


def test_a_role_for_somebody_else_is_nothing_special(
    addressed: None,
    north: Building,
    superuser: User,
) -> None:
    staffing.grant_role(actor=superuser, person=make_user(), building=north, role=Role.FRONT_DESK)
    deliver()
    assert mail.outbox == []
    find_reviews()
    assert not Review.objects.exists()


def test_a_superuser_who_is_the_only_manager_tells_the_other_administrators(
    north: Building, superuser: User
) -> None:
    User.objects.filter(pk=superuser.pk).update(email="root@example.com")
    make_superuser(email="other-root@example.com")
    staffing.grant_role(actor=superuser, person=superuser, building=north, role=Role.MANAGER)
    deliver()
    assert [each.to for each in mail.outbox] == [["other-root@example.com"]]
