"""Invitations: made by a manager, taken by whoever has the link or code, once, within a day."""

import datetime as dt
import re
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from locks.models import (
    Assignment,
    AuditDetail,
    AuditEvent,
    Building,
    Invitation,
    Kind,
    Noise,
    Role,
    User,
)
from locks.services import inviting, one_time, staffing
from locks.services.errors import NotAllowed
from locks.services.inviting import Handed, invite_person, withdraw_invitation
from locks.services.staffing import Terms
from locks.services.throttling import BY_GUESSER
from locks.tests.admin_forms import filled, messages_of, save
from locks.tests.conftest import signed_in
from locks.tests.factories import PASSWORD
from locks.tests.visitors import marked

GOOD = "a-good-long-secret-7"
ADD = "/admin/locks/invitation/add/"
OPENED = "/accounts/invitation/open/"
CODE = "/accounts/invitation/"
SECRET = re.compile(r"(?:[A-HJKMNP-TV-Z2-9]{4}-){3}[A-HJKMNP-TV-Z2-9]{4}")


@pytest.fixture(autouse=True)
def nobody_has_guessed_yet() -> Any:
    cache.clear()
    yield
    cache.clear()


def invited(manager: User, building: Building, **more: Any) -> Handed:
    values = {"role": Role.FRONT_DESK, "name": "New Comer", **more}
    return invite_person(actor=manager, building=building, **values)


def opened(secret: str) -> Client:
    """The browser of somebody who has opened the link."""
    client = Client()
    answer = client.get(f"/accounts/invitation/{secret}/")
    assert answer.headers.get("Location") == OPENED, answer.status_code
    return client


def accept(client: Client, **more: str) -> Any:
    return client.post(OPENED, {"password1": GOOD, "password2": GOOD, **more})


def kinds() -> list[tuple[str, str]]:
    events = AuditEvent.objects.order_by("at", "id").select_related("chain")
    return [(str(event.chain), event.kind) for event in events]


def sentence(answer: Any) -> str:
    found = re.search(r"<h1 data-sentence>(.*?)</h1>", answer.content.decode())
    return found[1] if found else ""


def test_a_manager_invites_and_the_person_chooses_name_and_password(
    north: Building, manager: User, manager_client: Client
) -> None:
    page = save(manager_client, ADD, name="New Comer", building=north.pk, role="front_desk")
    assert page.status_code == 200
    [secret] = set(SECRET.findall(page.content.decode()))

    answer = accept(opened(secret), username="newcomer")

    assert "account is ready" in sentence(answer)
    person = User.objects.get(username="newcomer")
    assert (person.name, person.check_password(GOOD)) == ("New Comer", True)
    assert (person.is_superuser, person.is_staff) == (False, False)
    role = person.assignments.get()
    assert (role.building, role.role, role.granted_by) == (north, "front_desk", manager)
    assert sorted(kinds()) == sorted(
        [
            (f"building-{north.pk}", Kind.PERSON_INVITED),
            (f"building-{north.pk}", Kind.INVITATION_ACCEPTED),
            (f"building-{north.pk}", Kind.ROLE_GRANTED),
            ("organisation", Kind.PERSON_ADDED),
        ]
    )
    browser = Client()
    assert browser.login(username="newcomer", password=GOOD)
    assert "North House" in browser.get("/").content.decode()


def test_the_secret_is_shown_once_and_kept_nowhere(north: Building, manager_client: Client) -> None:
    page = save(manager_client, ADD, name="New Comer", building=north.pk, role="viewer")
    [secret] = set(SECRET.findall(page.content.decode()))
    invitation = Invitation.objects.get()
    plain = secret.replace("-", "")
    kept = [str(row) for row in Invitation.objects.values()]
    kept += list(AuditDetail.objects.values_list("body", flat=True))
    for text in kept:
        assert secret not in text
        assert plain not in text
    for address in ("", "add/", f"{invitation.pk}/change/"):
        again = manager_client.get(f"/admin/locks/invitation/{address}").content.decode()
        assert secret not in again
    assert page.headers["Cache-Control"] == "no-store"


def test_the_code_may_be_typed_as_people_type(north: Building, manager: User) -> None:
    secret = invited(manager, north).secret
    client = Client()
    typed = f"  {secret.lower().replace('-', ' ')} "
    answer = client.post(CODE, {"code": typed})
    assert answer.headers["Location"] == OPENED
    assert "New Comer" in client.get(OPENED).content.decode()


def test_a_link_works_once(north: Building, manager: User) -> None:
    secret = invited(manager, north).secret
    first, second = opened(secret), opened(secret)
    accept(first, username="one")

    late = accept(second, username="two")

    assert (late.status_code, sentence(late)) == (410, "This link has been used. It works once.")
    again = Client().get(f"/accounts/invitation/{secret}/")
    assert (again.status_code, sentence(again)) == (410, sentence(late))
    assert not User.objects.filter(username="two").exists()


def test_a_link_runs_out_after_a_day(north: Building, manager: User) -> None:
    secret = invited(manager, north).secret
    client = opened(secret)
    assert Invitation.objects.get().expires_at - timezone.now() <= dt.timedelta(hours=24)
    Invitation.objects.update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    for answer in (accept(client, username="late"), Client().get(f"{CODE}{secret}/")):
        assert answer.status_code == 410
        assert "has run out" in sentence(answer)
    answer = Client().post(CODE, {"code": secret})
    assert answer.status_code == 410
    assert "has run out" in answer.content.decode()
    assert not User.objects.filter(username="late").exists()


def test_a_withdrawn_invitation_leads_nowhere(
    north: Building, manager: User, manager_client: Client
) -> None:
    handed = invited(manager, north)
    client = opened(handed.secret)
    page = f"/admin/locks/invitation/{handed.way.pk}/"
    assert "/withdraw/" in manager_client.get(f"{page}change/").content.decode()

    done = manager_client.post(f"{page}withdraw/", follow=True)

    assert "withdrawn" in messages_of(done)
    assert "/withdraw/" not in done.content.decode()
    answer = accept(client, username="late")
    assert answer.status_code == 410
    assert "withdrawn" in sentence(answer)
    assert AuditEvent.objects.filter(kind=Kind.INVITATION_WITHDRAWN).count() == 1
    again = manager_client.post(f"{page}withdraw/", follow=True)
    assert "withdrawn" in messages_of(again)
    assert AuditEvent.objects.filter(kind=Kind.INVITATION_WITHDRAWN).count() == 1


def test_a_role_is_given_under_what_the_inviter_may_at_that_moment(
    north: Building, manager: User, superuser: User
) -> None:
    client = opened(invited(manager, north).secret)
    own = manager.assignments.get()
    staffing.revoke_role(actor=superuser, assignment=own)

    answer = accept(client, username="newcomer")

    assert answer.status_code == 410
    assert "Ask a manager for a new one" in sentence(answer)
    assert not User.objects.filter(username="newcomer").exists()
    assert Invitation.objects.get().is_open
    assert not AuditEvent.objects.filter(kind=Kind.INVITATION_ACCEPTED).exists()


@pytest.mark.parametrize("how", ["expired role", "closed account"])
def test_an_inviter_who_is_gone_invites_nobody(how: str, north: Building, manager: User) -> None:
    client = opened(invited(manager, north).secret)
    if how == "closed account":
        User.objects.filter(pk=manager.pk).update(is_active=False)
    else:
        manager.assignments.update(valid_until=timezone.now())
    assert accept(client, username="newcomer").status_code == 410
    assert not User.objects.filter(username="newcomer").exists()


def test_a_role_that_was_over_before_it_was_taken_is_not_given(
    north: Building, manager: User
) -> None:
    soon = timezone.now() + dt.timedelta(hours=1)
    client = opened(invited(manager, north, terms=Terms(valid_until=soon)).secret)
    Invitation.objects.update(valid_until=timezone.now())
    assert accept(client, username="newcomer").status_code == 410
    assert not User.objects.filter(username="newcomer").exists()


def test_somebody_with_an_account_takes_the_role_with_it(
    north: Building, manager: User, outsider: User
) -> None:
    client = opened(invited(manager, north, name="Out Sider").secret)
    assert "sign in" in client.get(OPENED).content.decode().lower()
    form = {"username": "outsider", "password": PASSWORD, "next": OPENED}
    assert client.post("/accounts/login/", form).headers["Location"] == OPENED
    assert "Take this role?" in client.get(OPENED).content.decode()
    assert client.post(OPENED).status_code == 400, "an empty post took the role"
    assert not outsider.assignments.filter(building=north).exists()

    answer = client.post(OPENED, {"take": "yes"})

    assert answer.headers["Location"] == "/"
    assert outsider.assignments.in_force().filter(building=north).exists()
    assert not AuditEvent.objects.filter(kind=Kind.PERSON_ADDED).exists()
    assert User.objects.get(pk=outsider.pk).check_password(PASSWORD)


def test_an_invitation_left_open_is_not_of_who_signs_in_there_next(
    north: Building, manager: User, outsider: User
) -> None:
    client = opened(invited(manager, north).secret)
    client.post("/accounts/login/", {"username": "outsider", "password": PASSWORD})
    assert client.get("/accounts/").status_code == 200
    assert client.get(OPENED).headers["Location"] == CODE
    client.post(OPENED, {"take": "yes"})
    assert not outsider.assignments.filter(building=north).exists()


def test_who_holds_the_role_already_is_told_and_the_invitation_stays(
    north: Building, manager: User, clerk: User
) -> None:
    client = opened(invited(manager, north).secret)
    client.force_login(clerk)
    client.get(f"{CODE}{invited(manager, north).secret}/")
    answer = client.post(OPENED, {"take": "yes"})
    assert answer.status_code == 400
    assert "already holds this role" in answer.content.decode()
    assert Invitation.objects.order_by("pk").last().is_open


def test_a_manager_cannot_invite_themselves(north: Building, manager: User) -> None:
    secret = invited(manager, north).secret
    client = signed_in(manager)
    client.get(f"{CODE}{secret}/")
    answer = client.post(OPENED, {"take": "yes"})
    assert answer.status_code == 403
    assert "own roles" in sentence(answer)
    assert manager.assignments.count() == 1


def test_inviting_tells_nothing_about_accounts(
    north: Building, outsider: User, manager_client: Client
) -> None:
    User.objects.filter(pk=outsider.pk).update(email="out@example.com")
    pages = []
    for username, email in (("outsider", "out@example.com"), ("nobody", "no@example.com")):
        page = save(
            manager_client,
            ADD,
            name="Guess",
            username=username,
            email=email,
            building=north.pk,
            role="viewer",
        ).content.decode()
        chance = r"\d\d:\d\d:\d\d|csrfmiddlewaretoken\" value=\"\w+|data-left=\"\d+"
        pages.append(re.sub(chance, "", SECRET.sub("", page)))
    assert pages[0] == pages[1]


def test_only_the_invited_person_hears_that_a_name_is_taken(
    north: Building, manager: User, outsider: User
) -> None:
    client = opened(invited(manager, north, username="outsider").secret)
    answer = accept(client, username="outsider")
    assert answer.status_code == 400
    assert "already exists" in answer.content.decode()
    assert "account is ready" in sentence(accept(client, username="another"))


def test_who_tries_out_names_is_stopped(north: Building, manager: User, outsider: User) -> None:
    client = opened(invited(manager, north).secret)
    for _each in range(BY_GUESSER.free):
        assert accept(client, username="outsider").status_code == 400
    assert accept(client, username="outsider").status_code == 429


def test_a_name_that_the_inviter_settled_is_not_changed(north: Building, manager: User) -> None:
    client = opened(invited(manager, north, username="n.comer").secret)
    accept(client, username="administrator")
    assert User.objects.filter(username="n.comer").exists()
    assert not User.objects.filter(username="administrator").exists()


@pytest.mark.parametrize(
    "mistake",
    [
        {"password2": "different"},
        {"password1": "12345678", "password2": "12345678"},
        {"username": ""},
        {"username": "no spaces"},
        {"username": "x" * 151},
        {"username": "n\0l"},
    ],
    ids=["two passwords", "weak", "no name", "odd name", "long name", "NUL"],
)
def test_a_mistake_is_told_and_uses_nothing_up(
    mistake: dict[str, str], north: Building, manager: User
) -> None:
    client = opened(invited(manager, north).secret)
    answer = accept(client, **{"username": "newcomer", **mistake})
    assert answer.status_code == 400
    assert marked(answer.content.decode())
    assert Invitation.objects.get().is_open
    assert not User.objects.filter(name="New Comer").exists()


def test_nothing_more_is_taken_from_the_persons_form(
    north: Building, south: Building, manager: User
) -> None:
    client = opened(invited(manager, north).secret)
    forged = {"is_superuser": "on", "is_staff": "on", "role": "manager", "building": str(south.pk)}
    accept(client, username="newcomer", name="Other", is_active="", **forged)
    person = User.objects.get(username="newcomer")
    assert (person.name, person.is_superuser, person.is_staff) == ("New Comer", False, False)
    role = person.assignments.get()
    assert (role.role, role.building) == ("front_desk", north)


def test_nothing_more_is_taken_from_the_managers_form(
    north: Building, south: Building, manager: User, manager_client: Client
) -> None:
    page = manager_client.get(ADD)
    values = {"name": "New", "building": north.pk, "role": "viewer"}
    far = (timezone.now() + dt.timedelta(days=90)).isoformat()
    forged = {"made_by": "1", "expires_at": far, "secret_hash": "0" * 64, "used_at": far}
    manager_client.post(ADD, filled(page, **values, **forged, accepted_by=manager.pk))
    invitation = Invitation.objects.get()
    assert invitation.made_by == manager
    assert invitation.secret_hash != "0" * 64
    assert invitation.expires_at < timezone.now() + dt.timedelta(hours=25)
    for building in (south.pk, 987_654, ""):
        answer = manager_client.post(ADD, filled(page, **{**values, "building": building}))
        assert answer.context["adminform"].form.errors["building"]
    assert Invitation.objects.count() == 1


def test_dates_and_hours_are_read_on_the_buildings_clock(
    north: Building, manager_client: Client
) -> None:
    year = timezone.now().year + 1
    page = save(
        manager_client,
        ADD,
        name="New",
        building=north.pk,
        role="front_desk",
        valid_until=f"{year}-07-01T20:00",
        weekly_hours="Mon-Fri 22:00-06:00",
    )
    [secret] = set(SECRET.findall(page.content.decode()))
    accept(opened(secret), username="new")
    role = Assignment.objects.get(person__username="new")
    assert role.valid_until == dt.datetime(year, 7, 1, 19, tzinfo=dt.UTC)
    assert role.weekly_hours == [{"days": [1, 2, 3, 4, 5], "from": "22:00", "until": "06:00"}]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("valid_until", "2020-01-01T10:00"),
        ("valid_until", "0001-01-01T00:00"),
        ("weekly_hours", "always"),
        ("email", "nobody"),
        ("role", "owner"),
        ("name", ""),
        ("name", "x" * 151),
    ],
)
def test_a_managers_mistake_is_told_in_the_form(
    field: str, value: str, north: Building, manager_client: Client
) -> None:
    values = {"name": "New", "building": north.pk, "role": "viewer", field: value}
    answer = save(manager_client, ADD, **values)
    assert field in answer.context["adminform"].form.errors
    assert not Invitation.objects.exists()


def test_a_guesser_is_slowed_and_counted_as_noise(
    north: Building, manager: User, caplog: pytest.LogCaptureFixture
) -> None:
    secret = invited(manager, north).secret
    client = Client()
    for _each in range(BY_GUESSER.free):
        assert client.post(CODE, {"code": "ABCD-EFGH-JKMN-PQRS"}).status_code == 404
    assert client.post(CODE, {"code": "ABCD-EFGH-JKMN-PQRS"}).status_code == 429
    caplog.clear()
    answer = client.get(f"{CODE}{secret}/", follow=True)
    assert answer.status_code == 429
    assert "Wait ten minutes" in sentence(answer)
    assert secret not in caplog.text, "a link that still works was logged"
    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    assert elsewhere.post(CODE, {"code": secret}).headers["Location"] == OPENED
    assert Noise.objects.get(what=one_time.REFUSED).times == BY_GUESSER.free


@pytest.mark.parametrize("code", ["", "   ", "\0", "x" * 5_000, "Ä" * 16, "<script>"])
def test_what_is_no_code_is_a_sentence(code: str, db: Any) -> None:
    answer = Client().post(CODE, {"code": code})
    assert answer.status_code in (400, 404)
    assert 'class="error"' in answer.content.decode()


def test_withdrawing_is_for_managers_of_the_building(
    north: Building, manager: User, outsider: User, clerk: User
) -> None:
    invitation = invited(manager, north).way
    for person in (clerk, outsider):
        with pytest.raises(NotAllowed):
            withdraw_invitation(actor=person, invitation=invitation)
        with pytest.raises(NotAllowed):
            invited(person, north)
    assert Invitation.objects.get().is_open


def test_an_address_gets_the_link_by_mail(
    north: Building, manager: User, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        handed = invited(manager, north, email="new@example.com")
    [sent] = mail.outbox
    assert (sent.to, handed.mailed) == (["new@example.com"], True)
    assert handed.link in sent.body
    assert "North House" in sent.subject
    assert "Europe/Lisbon" in sent.body
    accept(opened(handed.secret), username="newcomer")
    assert User.objects.get(username="newcomer").email == "new@example.com"


@pytest.mark.django_db(transaction=True)
def test_a_mail_server_that_refuses_is_told_to_the_manager(
    north: Building, manager_client: Client, settings: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nobody listens there
    values = {"name": "New", "email": "new@example.com", "building": north.pk, "role": "viewer"}
    page = save(manager_client, ADD, **values).content.decode()
    assert SECRET.search(page)
    assert "The mail could not be sent" in page
    assert Invitation.objects.get().is_open


def test_a_superusers_own_invitation_is_flagged_like_any_self_grant(
    north: Building, superuser: User
) -> None:
    handed = invited(superuser, north)
    inviting.accept_with_account(invitation=handed.way, person=superuser)
    event = AuditEvent.objects.get(kind=Kind.ROLE_GRANTED)
    assert event.detail.content["self_grant"] is True


def test_a_manager_sees_only_the_invitations_of_their_buildings(
    north: Building, south: Building, superuser: User, manager_client: Client
) -> None:
    invited(superuser, north, name="Ours")
    theirs = invited(superuser, south, name="Theirs").way
    listed = manager_client.get("/admin/locks/invitation/").content.decode()
    assert "Ours" in listed
    assert "Theirs" not in listed
    page = f"/admin/locks/invitation/{theirs.pk}"
    assert manager_client.get(f"{page}/change/").status_code == 404
    assert manager_client.post(f"{page}/withdraw/").status_code == 404
    assert Invitation.objects.get(pk=theirs.pk).is_open


def test_an_invitation_takes_no_more_than_one_account_of_two_at_once(
    north: Building, manager: User
) -> None:
    handed = invited(manager, north)
    invitation = Invitation.objects.get()  # both have looked before either has written
    inviting.accept_with_new_account(invitation=invitation, username="one", password=GOOD)
    with pytest.raises(one_time.WayClosed):
        inviting.accept_with_new_account(invitation=handed.way, username="two", password=GOOD)
