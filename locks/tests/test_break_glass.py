"""Break-glass: an unlock beyond one's rights, where a manager allows it; told at once, and reviewed."""

import datetime as dt
from collections.abc import Callable

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from locks.models import (
    Assignment,
    AuditEvent,
    Building,
    Device,
    Kind,
    Notice,
    Press,
    Review,
    Role,
    Rule,
    UnlockRequest,
    User,
    Verdict,
)
from locks.services import finding_reviews, freezing, places, reviewing
from locks.services.delivering import deliver
from locks.services.errors import DoorUnknown, NotAllowed
from locks.services.proving_oneself import Proved
from locks.services.tokens import issue_token
from locks.services.unlocking import PressForm, request_unlock
from locks.simulator import Simulator
from locks.tests.admin_forms import save
from locks.tests.conftest import signed_in
from locks.tests.factories import PASSWORD, grant, make_device, make_user
from locks.tests.test_door_card import words
from locks.tests.visitors import field

TOMORROW = dt.timedelta(days=1)


@pytest.fixture
def door(north: Building, simulator: Simulator) -> Device:
    simulator.behave("harbour-main-entrance", "instant")
    return make_device(
        north, seam_device_id="harbour-main-entrance", label="Main entrance", break_glass=True
    )


@pytest.fixture
def boss(manager: User) -> User:
    manager.email = "manager@north.example"
    manager.save()
    return manager


def out_of_hours(_boss: User, _door: Device) -> None:
    day = timezone.now().isoweekday() % 7 + 1
    hours = [{"days": [day], "from": "12:00", "until": "12:01"}]
    Assignment.objects.filter(role=Role.FRONT_DESK).update(weekly_hours=hours)


def no_longer_the_desk(_boss: User, _door: Device) -> None:
    Assignment.objects.filter(role=Role.FRONT_DESK).update(role=Role.VIEWER)


def freeze_building(boss: User, door: Device) -> None:
    freezing.freeze_building(actor=boss, building=door.building, reason="Fire drill")


def freeze_door(boss: User, door: Device) -> None:
    freezing.freeze_door(actor=boss, device=door, reason="Lock broken")


OBSTACLES: dict[str, Callable[[User, Device], None]] = {
    "out_of_hours": out_of_hours,
    "no_role": no_longer_the_desk,
    "frozen": freeze_building,
    "frozen_door": freeze_door,
}
each_obstacle = pytest.mark.parametrize("code", OBSTACLES)


def press(person: User, door: Device, *, proof: object = "made", **form) -> Press:
    """A break-glass press with all that it needs, but for what is given otherwise."""
    if proof == "made":
        proof = Proved(person.pk, "password", timezone.now(), door.pk)
    form = {"reason": "Child locked in", "break_glass": True, **form}
    token = issue_token(person=person, device=door)
    return request_unlock(
        actor=person, device=door, form=PressForm(token=token, **form), proof=proof
    ).press


@each_obstacle
def test_it_goes_over_what_people_forbade_and_the_record_says_over_what(
    code: str, door: Device, clerk: User, boss: User, simulator: Simulator
) -> None:
    OBSTACLES[code](boss, door)
    pressed = press(clerk, door)
    assert pressed.verdict == Verdict.SENT
    assert simulator.posts(door.seam_device_id) == 1
    assert pressed.request.overridden == code
    kinds = AuditEvent.objects.order_by("id").values_list("kind", flat=True)
    assert list(kinds)[-3:-1] == [Kind.UNLOCK_REQUESTED, Kind.UNLOCK_BROKE_GLASS]
    told = AuditEvent.objects.get(kind=Kind.UNLOCK_BROKE_GLASS)
    assert told.detail.content["overridden"] == [code]
    assert told.detail.content["reason"] == "Child locked in"
    assert told.detail.content["proved"] == "password"
    review = Review.objects.get()
    assert (review.rule, review.event, review.is_open) == (Rule.BROKE_GLASS, told, True)


@each_obstacle
def test_without_a_managers_leave_nothing_is_ever_sent(
    code: str, door: Device, clerk: User, boss: User, simulator: Simulator
) -> None:
    Device.objects.update(break_glass=False)
    OBSTACLES[code](boss, door)
    for wish in (True, False):
        assert press(clerk, door, break_glass=wish).code == code
    assert simulator.posts(door.seam_device_id) == 0
    assert not Review.objects.exists()
    assert not Notice.objects.exists()


@each_obstacle
def test_who_does_not_ask_for_it_is_refused_as_ever(
    code: str, door: Device, clerk: User, boss: User, simulator: Simulator
) -> None:
    OBSTACLES[code](boss, door)
    assert press(clerk, door, break_glass=False).code == code
    assert simulator.posts(door.seam_device_id) == 0


def test_without_an_obstacle_it_is_a_press_like_any_other(
    door: Device, clerk: User, boss: User
) -> None:
    assert press(clerk, door).request.overridden == ""
    assert not Review.objects.exists()


@pytest.mark.parametrize(
    "change",
    [{"can_remotely_unlock": False}, {"gone_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)}],
)
def test_it_brings_back_no_lock_that_cannot_be_unlocked(
    change: dict, door: Device, clerk: User, boss: User, simulator: Simulator
) -> None:
    freeze_building(boss, door)
    Device.objects.update(**change)
    assert press(clerk, door).verdict == Verdict.REFUSED
    assert simulator.posts(door.seam_device_id) == 0


def test_outsiders_learn_nothing_and_a_superuser_without_a_role_is_refused(
    door: Device, outsider: User, superuser: User, simulator: Simulator
) -> None:
    with pytest.raises(DoorUnknown):
        press(outsider, door)
    assert press(superuser, door).code == "no_role"
    page = signed_in(superuser).get(f"/doors/{door.pk}/?break_glass=1").content.decode()
    assert "Break glass" not in page
    assert signed_in(outsider).get(f"/doors/{door.pk}/?break_glass=1").status_code == 404
    sent = {"token": "x", "break_glass": "1"}
    assert signed_in(outsider).post(f"/doors/{door.pk}/unlock/", sent).status_code == 404
    assert simulator.posts(door.seam_device_id) == 0


def test_it_needs_a_reason_and_at_a_private_door_how_the_person_was_identified(
    door: Device, viewer: User, simulator: Simulator
) -> None:
    assert press(viewer, door, reason="").code == "break_needs_reason"
    Device.objects.update(access="private")
    assert press(viewer, door).code == "needs_reason"
    assert simulator.posts(door.seam_device_id) == 0
    assert press(viewer, door, identified_by="known").verdict == Verdict.SENT


def test_it_needs_a_proof_of_its_own(
    door: Device, viewer: User, north: Building, simulator: Simulator
) -> None:
    now, other = timezone.now(), make_device(north)
    for proof in (
        None,
        Proved(viewer.pk, "totp", now),  # of a sign-in a moment ago
        Proved(viewer.pk, "totp", now, other.pk),
        Proved(viewer.pk, "totp", now - dt.timedelta(seconds=61), door.pk),
        Proved(make_user().pk, "totp", now, door.pk),
    ):
        assert press(viewer, door, proof=proof).code == "break_needs_proof"
    assert simulator.posts(door.seam_device_id) == 0
    proof = Proved(viewer.pk, "totp", now, door.pk)
    assert press(viewer, door, proof=proof).verdict == Verdict.SENT
    UnlockRequest.objects.update(ended_at=now - TOMORROW, status="unlocked")
    assert press(viewer, door, proof=proof).code == "break_needs_proof"  # it is used up
    assert simulator.posts(door.seam_device_id) == 1


def test_the_proof_made_for_it_counts_at_no_other_door(
    door: Device, north: Building, clerk: User, boss: User, simulator: Simulator
) -> None:
    other = make_device(north, seam_device_id="harbour-office", step_up_minutes=30)
    freeze_door(boss, door)
    client = signed_in(clerk)
    url = f"/doors/{door.pk}/?break_glass=1"
    send = {"break_glass": "1", "proof_by": "password", "proof": PASSWORD, "reason": ""}
    token = field(client.get(url).content.decode(), "token")
    client.post(f"/doors/{door.pk}/unlock/", {"token": token, **send})
    assert 'name="proof"' not in client.get(url).content.decode()  # made, and still to be used
    page = client.get(f"/doors/{other.pk}/").content.decode()
    assert 'name="proof"' in page
    client.post(f"/doors/{other.pk}/unlock/", {"token": field(page, "token")})
    assert Press.objects.get(device=other).code == "needs_proof"
    assert simulator.posts("harbour-office") == 0


def test_where_nothing_forbids_the_press_any_more_its_proof_is_good_for_that_one(
    door: Device, north: Building, clerk: User
) -> None:
    Device.objects.update(step_up_minutes=30)
    other = make_device(north, step_up_minutes=30)
    made = Proved(clerk.pk, "totp", timezone.now(), door.pk)
    assert press(clerk, other, proof=made, break_glass=False).code == "needs_proof"
    assert press(clerk, door, proof=made).verdict == Verdict.SENT
    UnlockRequest.objects.update(ended_at=timezone.now() - TOMORROW, status="unlocked")
    assert press(clerk, door, proof=made).code == "needs_proof"


def test_it_takes_no_other_proof_away(
    door: Device, north: Building, clerk: User, boss: User
) -> None:
    other = make_device(north, step_up_minutes=30)
    freeze_door(boss, door)
    client = Client()
    client.post("/accounts/login/", {"username": clerk.username, "password": PASSWORD})
    page = client.get(f"/doors/{door.pk}/?break_glass=1").content.decode()
    send = {"break_glass": "1", "proof_by": "password", "proof": PASSWORD, "reason": "Fire"}
    client.post(f"/doors/{door.pk}/unlock/", {"token": field(page, "token"), **send})
    assert UnlockRequest.objects.get().overridden
    assert 'name="proof"' not in client.get(f"/doors/{other.pk}/").content.decode()


def test_a_leave_that_is_taken_back_between_page_and_press_holds(
    door: Device, viewer: User, boss: User, simulator: Simulator
) -> None:
    token = issue_token(person=viewer, device=door)
    places.change_door(actor=boss, device=door, changes={"break_glass": False})
    form = PressForm(token=token, reason="x", break_glass=True)
    proof = Proved(viewer.pk, "totp", timezone.now(), door.pk)
    refused = request_unlock(actor=viewer, device=door, form=form, proof=proof).press
    assert refused.code == "no_role"
    assert simulator.posts(door.seam_device_id) == 0


def test_managers_are_told_at_once_and_a_mail_server_that_refuses_delays_it_only(
    door: Device, viewer: User, boss: User, settings
) -> None:
    second = make_user("second", email="second@north.example")
    grant(second, door.building, Role.MANAGER)
    press(viewer, door)
    assert {notice.person for notice in Notice.objects.all()} == {boss, second}

    settings.EMAIL_BACKEND = "no.such.backend"
    assert deliver().sent == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert deliver().sent == 1  # of the other somebody may be at it, for all that we know
    later = timezone.now() + dt.timedelta(minutes=6)
    assert deliver(now=later).sent == 1
    assert deliver(now=later).sent == 0
    assert sorted(to for each in mail.outbox for to in each.to) == [boss.email, second.email]
    told = mail.outbox[0]
    assert told.subject == "[accessdesk] North House: break-glass unlock of Main entrance"
    assert "Viewer unlocks Main entrance by break-glass." in told.body
    assert "What forbade it: their role does not unlock" in told.body
    assert f"/admin/locks/unlockrequest/{UnlockRequest.objects.get().pk}/change/" in told.body
    assert "Child locked in" not in told.body


def test_where_no_manager_has_an_address_the_administrators_are_told(
    door: Device, viewer: User, superuser: User
) -> None:
    superuser.email = "root@example.com"
    superuser.save()
    press(viewer, door)
    assert Notice.objects.get().person == superuser


def test_a_refused_one_tells_nobody(door: Device, viewer: User, boss: User) -> None:
    press(viewer, door, reason="")
    assert not Notice.objects.exists()


def test_nobody_reviews_their_own_and_the_queue_holds_it_once(
    door: Device, north: Building, boss: User
) -> None:
    colleague = make_user("colleague")
    grant(colleague, north, Role.MANAGER)
    press(boss, door)  # a manager does not unlock either
    finding_reviews.fill(now=timezone.now())
    review = Review.objects.get(rule=Rule.BROKE_GLASS)
    with pytest.raises(NotAllowed):
        reviewing.mark_reviewed(actor=boss, review=review, verdict="Fine.")
    reviewing.mark_reviewed(actor=colleague, review=review, verdict="A child was locked in.")


def test_a_manager_allows_it_for_a_door_and_the_record_says_so(
    north: Building, south: Building, superuser: User, manager_client: Client
) -> None:
    door = make_device(north)
    save(manager_client, f"/admin/locks/device/{door.pk}/change/", break_glass="on")
    door.refresh_from_db()
    assert door.break_glass
    [told] = AuditEvent.objects.all()
    assert told.detail.content["changed"] == {"break_glass": [False, True]}
    places.assign_door(actor=superuser, device=door, building=south)
    door.refresh_from_db()
    assert not door.break_glass  # what North's managers allowed is not South's wish
    assert AuditEvent.objects.latest("id").detail.content["break_glass"] is False


def test_the_desk_offers_it_only_where_it_is_allowed_and_needed(
    door: Device, north: Building, clerk: User, viewer: User, boss: User
) -> None:
    make_device(north, label="No glass")
    way = f'href="/doors/{door.pk}/?break_glass=1"'
    assert way not in signed_in(clerk).get("/").content.decode()
    page = signed_in(viewer).get("/").content.decode()
    assert way in page
    assert page.count("Emergency: break glass…") == 1
    freeze_door(boss, door)
    assert way in signed_in(clerk).get("/").content.decode()
    Device.objects.update(can_remotely_unlock=False)
    assert way not in signed_in(clerk).get("/").content.decode()


def test_on_its_page_one_post_proves_and_unlocks(
    door: Device, clerk: User, boss: User, simulator: Simulator, manager_client: Client
) -> None:
    freeze_door(boss, door)
    client = signed_in(clerk)
    url = f"/doors/{door.pk}/?break_glass=1"
    page = client.get(url).content.decode()
    said = words(page)
    assert "Break glass: unlock Main entrance?" in said
    assert "This door is frozen: Lock broken. A manager of North House can lift it." in said
    assert "The managers of North House are told at once" in said
    send = {"break_glass": "1", "asked": "1", "proof_by": "password", "reason": "Child inside"}

    def post(**data: str):
        sent = {"token": field(client.get(url).content.decode(), "token"), **send, **data}
        return client.post(f"/doors/{door.pk}/unlock/", sent, headers={"HX-Request": "true"})

    wrong = words(post(proof="guess").content.decode())
    assert "was not right" in wrong
    assert "Break glass: unlock Main entrance?" in wrong
    assert simulator.posts(door.seam_device_id) == 0
    # A reason that is missing asks for it alone: the proof stands for a minute.
    assert "needs a reason" in words(post(proof=PASSWORD, reason="").content.decode())
    assert 'name="proof"' not in client.get(url).content.decode()
    answer = post()
    assert answer.headers["HX-Retarget"] == f"#door-{door.pk}"
    assert simulator.posts(door.seam_device_id) == 1
    assert "break-glass" in words(client.get("/").content.decode())

    request = UnlockRequest.objects.get()
    history = "/admin/locks/unlockrequest/"
    assert "Main entrance" in manager_client.get(f"{history}?break_glass=yes").content.decode()
    shown = words(manager_client.get(f"{history}{request.pk}/change/").content.decode())
    assert "the door was frozen" in shown
    UnlockRequest.objects.update(overridden="")
    assert (
        "Main entrance"
        not in manager_client.get(f"{history}?break_glass=yes&building={request.building_id}")
        .content.decode()
        .partition("result_list")[2]
    )
