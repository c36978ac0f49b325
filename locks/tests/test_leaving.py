"""Somebody leaves: all that they may in the actor's buildings ends in one action."""

import asyncio
import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from locks.models import AuditEvent, Building, Invitation, Kind, PasswordReset, Role, User
from locks.services.errors import NotAllowed
from locks.services.inviting import invite_person
from locks.services.leaving import end_work
from locks.services.pins import prove_pin, set_pin
from locks.services.resetting import give_reset
from locks.services.staffing import change_person, deactivate_person
from locks.tests.admin_forms import messages_of
from locks.tests.conftest import signed_in
from locks.tests.consoles import open_consoles
from locks.tests.factories import grant

DAY = dt.timedelta(days=1)


def page_of(person: User) -> str:
    return f"/admin/locks/user/{person.pk}/leave/"


def told(kind: Kind) -> list[tuple[str, dict[str, Any]]]:
    events = AuditEvent.objects.filter(kind=kind).select_related("chain__building", "detail")
    return [(str(event.chain.building), event.detail.content) for event in events.order_by("id")]


def test_one_action_ends_roles_sessions_and_the_account(
    clerk: User, north: Building, manager: User, manager_client: Client
) -> None:
    grant(clerk, north, Role.VIEWER, valid_from=timezone.now() + DAY)
    over = grant(clerk, north, Role.MANAGER, valid_until=timezone.now() - DAY)
    browser = signed_in(clerk)
    page = manager_client.get(page_of(clerk)).content.decode()
    assert "front desk" in page
    assert "End all this now" in page
    assert manager_client.post(page_of(clerk)).status_code == 200, "an empty post only asks"
    assert clerk.assignments.in_force().exists()

    answer = manager_client.post(page_of(clerk), {"leave": "yes"}, follow=True)

    assert "no longer works here" in messages_of(answer)
    assert browser.get("/").status_code == 302
    clerk.refresh_from_db()
    assert not clerk.is_active
    assert set(clerk.assignments.filter(revoked_at=None)) == {over}
    assert {role.revoked_by for role in clerk.assignments.exclude(revoked_at=None)} == {manager}
    [(where, detail)] = told(Kind.PERSON_LEFT)
    assert (where, detail["subject_username"]) == ("North House", "clerk")
    assert sorted(detail["ended"]) == ["front_desk", "viewer"]
    assert len(told(Kind.ROLE_REVOKED)) == 2
    [(where, detail)] = told(Kind.PERSON_CHANGED)
    assert (where, detail["changed"]) == ("None", {"is_active": [True, False]})


@pytest.mark.parametrize("ahead", [False, True], ids=["in force", "ahead"])
def test_a_role_elsewhere_keeps_the_account_and_ends_the_sessions_all_the_same(
    ahead: bool, clerk: User, south: Building, manager: User
) -> None:
    kept = grant(clerk, south, valid_from=timezone.now() + DAY if ahead else None)
    browser = signed_in(clerk)
    end_work(actor=manager, person=clerk)
    clerk.refresh_from_db()
    kept.refresh_from_db()
    assert clerk.is_active
    assert kept.revoked_at is None
    assert browser.get("/").status_code == 302
    assert told(Kind.PERSON_CHANGED) == []
    assert "South" not in str(told(Kind.PERSON_LEFT))


def test_each_building_is_told_of_its_own(
    clerk: User, north: Building, south: Building, manager: User
) -> None:
    grant(manager, south, Role.MANAGER)
    grant(clerk, south, Role.VIEWER)
    end_work(actor=manager, person=clerk)
    ended = {where: detail["ended"] for where, detail in told(Kind.PERSON_LEFT)}
    assert ended == {"North House": ["front_desk"], "South Tower": ["viewer"]}


def test_a_superuser_who_leaves_a_building_keeps_the_account(
    north: Building, manager: User, superuser: User
) -> None:
    grant(superuser, north)
    end_work(actor=manager, person=superuser)
    superuser.refresh_from_db()
    assert superuser.is_active
    assert not superuser.assignments.in_force().exists()


def test_invitations_by_a_leaver_and_ways_to_a_password_end(
    north: Building, south: Building, manager: User, superuser: User, clerk: User
) -> None:
    by_them = invite_person(actor=manager, building=north, role=Role.VIEWER, name="A").way
    for_them = invite_person(
        actor=superuser, building=north, role=Role.VIEWER, name="B", username="manager"
    ).way
    others = invite_person(actor=superuser, building=north, role=Role.VIEWER, name="C").way
    reset = give_reset(actor=superuser, person=manager, drop_factors=False).way

    left = end_work(actor=superuser, person=manager)

    states = {each.pk: each.state for each in Invitation.objects.all()}
    assert states == {by_them.pk: "withdrawn", for_them.pk: "withdrawn", others.pk: "open"}
    assert {each.pk for each in left.invitations} == {by_them.pk, for_them.pk}
    assert len(told(Kind.INVITATION_WITHDRAWN)) == 2
    assert PasswordReset.objects.get(pk=reset.pk).state == "withdrawn"


def test_nobody_ends_their_own_work_or_that_of_people_of_others(
    manager: User, superuser: User, outsider: User, clerk: User, north: Building
) -> None:
    grant(superuser, north)
    for actor, person in (
        (manager, manager),
        (superuser, superuser),
        (manager, outsider),
        (clerk, manager),
        (outsider, clerk),
    ):
        with pytest.raises(NotAllowed):
            end_work(actor=actor, person=person)
    assert told(Kind.PERSON_LEFT) == []


def test_who_left_is_not_ended_twice(clerk: User, manager_client: Client) -> None:
    manager_client.post(page_of(clerk), {"leave": "yes"})
    answer = manager_client.post(page_of(clerk), {"leave": "yes"}, follow=True)
    assert "holds no role" in messages_of(answer)
    assert len(told(Kind.PERSON_LEFT)) == 1
    assert "/leave/" not in answer.content.decode(), "offered all the same"


@pytest.mark.django_db(transaction=True)
def test_a_leavers_streams_end(clerk: User, manager: User) -> None:
    key = signed_in(clerk).session.session_key

    def end() -> None:
        try:
            end_work(actor=manager, person=clerk)
        finally:
            connection.close()

    async def watch() -> None:
        async with open_consoles(clerk=key) as consoles:
            await asyncio.to_thread(end)
            await consoles["clerk"].hears("gone", seconds=10)

    asyncio.run(watch())


@pytest.mark.parametrize("by", ["leaving", "an administrator"])
def test_a_pin_and_a_way_to_a_password_do_not_count_again_when_the_account_is_reopened(
    clerk: User, manager: User, superuser: User, north: Building, by: str
) -> None:
    set_pin(person=clerk, pin="830519")
    reset = give_reset(actor=manager, person=clerk, drop_factors=False).way
    if by == "leaving":
        end_work(actor=manager, person=clerk)
    else:
        deactivate_person(actor=superuser, person=clerk)
    change_person(actor=superuser, person=clerk, changes={"is_active": True})
    assert not prove_pin(person=clerk, pin="830519", at=timezone.now())
    assert PasswordReset.objects.get(pk=reset.pk).state == "withdrawn"
    [(where, detail)] = told(Kind.PIN_REMOVED)
    assert (where, detail["subject_username"]) == ("North House", "clerk")
