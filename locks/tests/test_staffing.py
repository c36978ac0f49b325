"""services.staffing: who may give, change and take roles and accounts."""

import datetime as dt
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from locks.models import Assignment, AuditEvent, Building, Device, Kind, Role, User
from locks.services import staffing
from locks.services.errors import NotAllowed
from locks.services.rights import why_not
from locks.services.staffing import Terms
from locks.tests.conftest import signed_in
from locks.tests.factories import PASSWORD, grant, make_device, make_user
from locks.tests.visitors import marked

NEW = "quite-another-password"
NIGHTS = [{"days": [1, 2, 3, 4, 5, 6, 7], "from": "22:00", "until": "06:00"}]


def told(kind: Kind) -> list[tuple[str | None, dict[str, Any]]]:
    """Building and detail of each event of a kind, oldest first."""
    events = AuditEvent.objects.filter(kind=kind).select_related("chain__building", "detail")
    return [
        (event.chain.building.name if event.chain.building else None, event.detail.content)
        for event in events.order_by("id")
    ]


def give(actor: User, person: User, building: Building, **more: Any) -> Assignment:
    role = more.pop("role", Role.FRONT_DESK)
    return staffing.grant_role(actor=actor, person=person, building=building, role=role, **more)


def test_a_manager_grants_a_role_that_unlocks_and_the_record_says_who_gave_it(
    manager: User, north: Building
) -> None:
    newcomer, door = make_user("newcomer", name="New Comer"), make_device(north)
    until = timezone.now() + dt.timedelta(days=1)

    give(manager, newcomer, north, terms=Terms(valid_until=until))

    assert why_not(person=newcomer, device=door, at=timezone.now()) == ""
    [(where, detail)] = told(Kind.ROLE_GRANTED)
    assert where == "North House"
    assert (detail["person"], detail["username"]) == ("Manager", "manager")
    assert (detail["subject"], detail["subject_username"]) == ("New Comer", "newcomer")
    assert (detail["role"], detail["valid_until"]) == ("front_desk", until.isoformat())
    assert "self_grant" not in detail


def test_a_manager_cannot_grant_in_another_building(
    manager: User, south: Building, clerk: User
) -> None:
    with pytest.raises(NotAllowed):
        give(manager, clerk, south)
    assert not clerk.assignments.filter(building=south).exists()
    assert told(Kind.ROLE_GRANTED) == []


@pytest.mark.parametrize("role", ["clerk", "viewer", "outsider"])
def test_who_is_no_manager_cannot_grant(
    role: str, request: pytest.FixtureRequest, north: Building
) -> None:
    with pytest.raises(NotAllowed):
        give(request.getfixturevalue(role), make_user(), north)


def test_a_manager_whose_role_is_over_cannot_grant(manager: User, north: Building) -> None:
    manager.assignments.update(valid_until=timezone.now() - dt.timedelta(seconds=1))
    with pytest.raises(NotAllowed):
        give(manager, make_user(), north)


def test_a_manager_cannot_decide_on_their_own_roles(manager: User, north: Building) -> None:
    own = manager.assignments.get()
    with pytest.raises(NotAllowed, match="own roles"):
        give(manager, manager, north)
    with pytest.raises(NotAllowed, match="own roles"):
        staffing.change_role(actor=manager, assignment=own, terms=Terms(weekly_hours=NIGHTS))
    with pytest.raises(NotAllowed, match="own roles"):
        staffing.revoke_role(actor=manager, assignment=own)
    assert manager.assignments.in_force().get() == own


def test_a_superuser_grants_to_themselves_and_the_record_flags_it(
    superuser: User, north: Building
) -> None:
    give(superuser, superuser, north)
    [(_where, detail)] = told(Kind.ROLE_GRANTED)
    assert detail["self_grant"] is True


def test_a_role_is_not_held_twice_but_granted_anew_after_it_was_revoked(
    manager: User, clerk: User, north: Building
) -> None:
    with pytest.raises(ValidationError, match="already holds"):
        give(manager, clerk, north)
    staffing.revoke_role(actor=manager, assignment=clerk.assignments.get())
    assert not Device.objects.visible_to(clerk).exists()

    give(manager, clerk, north)

    assert clerk.assignments.in_force().count() == 1
    assert [len(told(kind)) for kind in (Kind.ROLE_REVOKED, Kind.ROLE_GRANTED)] == [1, 1]


def test_a_revoked_role_cannot_be_changed_or_revoked_again(manager: User, clerk: User) -> None:
    held = clerk.assignments.get()
    staffing.revoke_role(actor=manager, assignment=held)
    with pytest.raises(ValidationError, match="revoked"):
        staffing.revoke_role(actor=manager, assignment=held)
    with pytest.raises(ValidationError, match="revoked"):
        staffing.change_role(actor=manager, assignment=held, terms=Terms(weekly_hours=NIGHTS))
    assert len(told(Kind.ROLE_REVOKED)) == 1


def test_it_records_what_was_changed_of_a_role_and_nothing_where_nothing_was(
    manager: User, clerk: User
) -> None:
    held = clerk.assignments.get()
    staffing.change_role(actor=manager, assignment=held, terms=Terms(weekly_hours=NIGHTS))
    staffing.change_role(actor=manager, assignment=held, terms=Terms(weekly_hours=NIGHTS))
    [(_where, detail)] = told(Kind.ROLE_CHANGED)
    assert detail["changed"] == {"weekly_hours": [[], NIGHTS]}


def test_it_records_until_when_a_role_counts_before_and_after_that_was_changed(
    manager: User, clerk: User
) -> None:
    until = timezone.now() + dt.timedelta(days=1)
    staffing.change_role(
        actor=manager, assignment=clerk.assignments.get(), terms=Terms(valid_until=until)
    )
    [(where, detail)] = told(Kind.ROLE_CHANGED)
    assert (where, detail["username"], detail["subject_username"]) == (
        "North House",
        "manager",
        "clerk",
    )
    assert detail["changed"] == {"valid_until": [None, until.isoformat()]}


@pytest.mark.parametrize(
    "terms",
    [
        Terms(valid_until=timezone.now() - dt.timedelta(days=1)),
        Terms(
            valid_from=timezone.now() + dt.timedelta(days=2),
            valid_until=timezone.now() + dt.timedelta(days=1),
        ),
        Terms(weekly_hours=[{"days": [8], "from": "08:00", "until": "09:00"}]),
    ],
    ids=["over already", "ends before it begins", "no such day"],
)
def test_it_refuses_terms_that_make_no_sense(
    terms: Terms, manager: User, clerk: User, north: Building
) -> None:
    with pytest.raises(ValidationError):
        give(manager, make_user(), north, terms=terms)
    with pytest.raises(ValidationError):
        staffing.change_role(actor=manager, assignment=clerk.assignments.get(), terms=terms)
    assert told(Kind.ROLE_GRANTED) == told(Kind.ROLE_CHANGED) == []


def test_a_closed_account_gets_no_role(manager: User, north: Building) -> None:
    with pytest.raises(ValidationError, match="not active"):
        give(manager, make_user(is_active=False), north)


def test_only_a_superuser_makes_and_changes_accounts(manager: User, clerk: User) -> None:
    values = {"name": "X", "email": "", "password": "a long and odd password"}
    with pytest.raises(NotAllowed):
        staffing.add_person(actor=manager, username="made", **values)
    with pytest.raises(NotAllowed):
        staffing.change_person(actor=manager, person=clerk, changes={"name": "Other"})
    with pytest.raises(NotAllowed):
        staffing.deactivate_person(actor=manager, person=clerk)
    with pytest.raises(NotAllowed):
        staffing.set_password(actor=manager, person=clerk, password="a long and odd password")
    clerk.refresh_from_db()
    assert (clerk.name, clerk.is_active, clerk.check_password(PASSWORD)) == ("Clerk", True, True)


def test_a_superuser_adds_a_person_and_no_password_reaches_the_record(superuser: User) -> None:
    secret = "quite-unguessable-91"
    person = staffing.add_person(
        actor=superuser, username="made", name="Made Up", email="m@example.com", password=secret
    )
    assert person.check_password(secret)
    assert (person.is_superuser, person.is_staff) == (False, False)
    [(where, detail)] = told(Kind.PERSON_ADDED)
    assert where is None
    assert detail["subject_username"] == "made"
    assert secret not in str(detail)
    with pytest.raises(ValidationError):
        staffing.add_person(actor=superuser, username="made", name="", email="", password=secret)
    with pytest.raises(ValidationError):
        staffing.add_person(actor=superuser, username="weak", name="", email="", password="123")


def test_deactivating_ends_sessions_for_good(superuser: User, clerk: User) -> None:
    browser, other = signed_in(clerk), signed_in(superuser)
    assert browser.get("/admin/").status_code == 403

    staffing.deactivate_person(actor=superuser, person=clerk)

    assert browser.get("/admin/").status_code == 302
    staffing.change_person(actor=superuser, person=clerk, changes={"is_active": True})
    assert browser.get("/admin/").status_code == 302, "the old session came back to life"
    assert other.get("/admin/").status_code == 200
    changes = [detail["changed"] for _where, detail in told(Kind.PERSON_CHANGED)]
    assert changes == [{"is_active": [True, False]}, {"is_active": [False, True]}]


def test_nobody_locks_themselves_out(superuser: User) -> None:
    with pytest.raises(NotAllowed, match="own account"):
        staffing.deactivate_person(actor=superuser, person=superuser)


def test_a_new_password_ends_the_sessions_under_the_old_one(superuser: User, clerk: User) -> None:
    browser = signed_in(clerk)
    staffing.set_password(actor=superuser, person=clerk, password="another-odd-one-5")
    assert browser.get("/admin/").status_code == 302
    assert told(Kind.PERSON_CHANGED)[0][1]["password_set"] is True


def test_what_is_not_a_persons_to_change_is_refused(superuser: User, clerk: User) -> None:
    with pytest.raises(ValueError, match="is_superuser"):
        staffing.change_person(actor=superuser, person=clerk, changes={"is_superuser": True})


def test_a_demoted_superuser_changes_nothing_from_a_page_still_open(
    superuser: User, clerk: User
) -> None:
    User.objects.filter(pk=superuser.pk).update(is_superuser=False)
    with pytest.raises(NotAllowed):
        staffing.change_person(actor=superuser, person=clerk, changes={"name": "Other"})
    with pytest.raises(NotAllowed):
        staffing.revoke_role(actor=superuser, assignment=clerk.assignments.get())


def test_a_manager_of_two_buildings_decides_in_each(
    manager: User, outsider: User, south: Building
) -> None:
    grant(manager, south, Role.MANAGER)
    staffing.revoke_role(actor=manager, assignment=outsider.assignments.get())
    [(where, detail)] = told(Kind.ROLE_REVOKED)
    assert (where, detail["username"], detail["subject_username"], detail["role"]) == (
        "South Tower",
        "manager",
        "outsider",
        "front_desk",
    )


def test_a_person_changes_their_own_password_and_the_record_says_so(clerk: User) -> None:
    here, elsewhere = signed_in(clerk), signed_in(clerk)
    form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}

    answer = here.post("/accounts/password_change/", form)

    assert answer.headers["Location"] == "/accounts/password_change/done/"
    [(where, detail)] = told(Kind.PERSON_CHANGED)
    assert where is None
    assert (detail["username"], detail["subject_username"]) == ("clerk", "clerk")
    assert detail["password"] == "changed by oneself"
    assert NEW not in str(detail)
    assert here.get("/").status_code == 200
    assert elsewhere.get("/").status_code == 302
    clerk.refresh_from_db()
    assert clerk.check_password(NEW)


@pytest.mark.parametrize(
    ("field", "value"), [("old_password", "wrong"), ("new_password1", "clerk"), (None, None)]
)
def test_a_password_that_was_not_changed_leaves_no_event(
    clerk: User, monkeypatch: pytest.MonkeyPatch, field: str | None, value: str | None
) -> None:
    client = signed_in(clerk)
    form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    if field is None:  # the record cannot be written: then nothing happened

        def broken(*_args: Any, **_kwargs: Any) -> None:
            raise RuntimeError

        monkeypatch.setattr(staffing, "record", broken)
        client.raise_request_exception = False
    answer = client.post("/accounts/password_change/", form | ({field: value} if field else {}))
    assert not field or marked(answer.content.decode())
    clerk.refresh_from_db()
    assert clerk.check_password(PASSWORD)
    assert told(Kind.PERSON_CHANGED) == []
