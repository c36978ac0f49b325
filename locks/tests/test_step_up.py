"""Doors that ask who is at the keyboard: a press there needs a fresh proof, made with it or before."""

import datetime as dt
import re
import time
from collections.abc import Iterator

import pytest
from allauth.mfa.totp.internal import auth as totp
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from locks.models import (
    AuditEvent,
    Building,
    Device,
    Kind,
    Pin,
    Press,
    Throttle,
    UnlockRequest,
    User,
    Verdict,
)
from locks.services.pins import MOST_WRONG, set_pin
from locks.services.proving_oneself import NotProved, Proved, prove, ways_of
from locks.services.tokens import issue_token
from locks.services.unlocking import PressForm, request_unlock
from locks.simulator import Simulator
from locks.tests.admin_forms import save
from locks.tests.conftest import signed_in
from locks.tests.factories import PASSWORD, grant, make_device, make_user
from locks.tests.test_door_card import words
from locks.tests.visitors import field
from tools.processes import wait_for

MINUTE = dt.timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _no_code_was_used() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def door(north: Building, simulator: Simulator) -> Device:
    simulator.behave("harbour-main-entrance", "instant")
    return make_device(
        north, seam_device_id="harbour-main-entrance", label="Main entrance", step_up_minutes=10
    )


def with_totp(person: User) -> str:
    """Gives the person an authenticator; the secret of it."""
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(person, secret)
    return secret


def code_of(secret: str) -> str:
    """What the authenticator shows now; never in the last moment of a code's half minute."""
    wait_for(lambda: time.time() % 30 < 28, seconds=5, what="a code that lasts")
    counter = next(iter(totp.yield_hotp_counters_from_time()))
    return totp.format_hotp_value(totp.hotp_value(secret, counter))


def press(person: User, door: Device, proof: object = None) -> Press:
    form = PressForm(token=issue_token(person=person, device=door))
    return request_unlock(actor=person, device=door, form=form, proof=proof).press


def post(client: Client, door: Device, **data: str):
    page = client.get(f"/doors/{door.pk}/").content.decode()
    sent = {"token": field(page, "token"), "asked": "1", **data}
    return client.post(f"/doors/{door.pk}/unlock/", sent, headers={"HX-Request": "true"})


def test_without_a_proof_nothing_is_sent_and_the_press_is_on_the_record(
    door: Device, clerk: User, simulator: Simulator
) -> None:
    for _ in range(3):
        assert press(clerk, door).code == "needs_proof"
    assert simulator.posts(door.seam_device_id) == 0
    event = AuditEvent.objects.get()  # asked again and again is one event
    assert (event.kind, event.detail.content["code"]) == (Kind.UNLOCK_REFUSED, "needs_proof")


@pytest.mark.parametrize(
    ("age", "sent"),
    [
        (dt.timedelta(0), True),
        (9 * MINUTE, True),
        (11 * MINUTE, False),
        (-MINUTE, False),  # a clock that was set back makes no proof younger
    ],
)
def test_a_proof_counts_for_so_many_minutes(
    door: Device, clerk: User, age: dt.timedelta, sent: bool, simulator: Simulator
) -> None:
    proof = Proved(clerk.pk, "totp", timezone.now() - age)
    assert (press(clerk, door, proof).verdict == Verdict.SENT) is sent
    assert simulator.posts(door.seam_device_id) == int(sent)
    if sent:
        told = AuditEvent.objects.get(kind=Kind.UNLOCK_REQUESTED).detail.content
        assert told["proved"] == "totp"
        assert abs(told["proved_seconds_before"] - age.total_seconds()) <= 2


def test_the_proof_of_another_person_counts_for_nothing(door: Device, clerk: User) -> None:
    proof = Proved(make_user().pk, "totp", timezone.now())
    assert press(clerk, door, proof).code == "needs_proof"


def test_a_door_without_the_policy_asks_for_nothing(north: Building, clerk: User) -> None:
    assert press(clerk, make_device(north)).verdict == Verdict.SENT


def test_one_post_carries_proof_and_press_and_the_next_press_is_not_asked(
    door: Device, clerk: User, simulator: Simulator
) -> None:
    secret = with_totp(clerk)
    client = signed_in(clerk)
    desk = client.get("/").content.decode()
    assert f'data-ask="{door.pk}"' in desk  # not a button that would be refused
    page = words(client.get(f"/doors/{door.pk}/").content.decode())
    assert "Code from your authenticator app" in page
    assert "does not ask again for 10 minutes" in page

    answer = post(client, door, proof_by="totp", proof=f" {code_of(secret)} ")
    assert answer.headers["HX-Retarget"] == f"#door-{door.pk}"
    assert simulator.posts(door.seam_device_id) == 1
    assert "Code from your authenticator" not in client.get(f"/doors/{door.pk}/").content.decode()
    UnlockRequest.objects.update(ended_at=timezone.now() - MINUTE, status="unlocked")
    assert f'data-press="{door.pk}"' in client.get("/").content.decode()
    assert post(client, door).headers["HX-Retarget"] == f"#door-{door.pk}"
    assert simulator.posts(door.seam_device_id) == 2


def test_a_wrong_code_sends_nothing_and_keeps_what_was_typed(
    door: Device, clerk: User, simulator: Simulator
) -> None:
    with_totp(clerk)
    Device.objects.update(access="private")
    client = signed_in(clerk)
    typed = {"reason": "Lost key", "identified_by": "id_seen"}
    answer = post(client, door, proof_by="totp", proof="not-a-code", **typed)
    assert answer.headers["HX-Retarget"] == "#confirm-body"
    page = answer.content.decode()
    assert "was not right" in page
    assert 'value="Lost key"' in page
    assert "checked" in page
    assert "not-a-code" not in page
    assert simulator.posts(door.seam_device_id) == 0
    told = AuditEvent.objects.get().detail
    assert told.content["code"] == "wrong_proof"
    assert "not-a-code" not in told.body


def test_the_old_token_of_a_refused_proof_is_used_up(
    door: Device, clerk: User, simulator: Simulator
) -> None:
    """What follows a wrong code is a new press with a new token, never the held-back old one."""
    secret = with_totp(clerk)
    client = signed_in(clerk)
    token = field(client.get(f"/doors/{door.pk}/").content.decode(), "token")
    send = {"token": token, "asked": "1", "proof_by": "totp"}
    url = f"/doors/{door.pk}/unlock/"
    client.post(url, {**send, "proof": "000"}, headers={"HX-Request": "true"})
    client.post(url, {**send, "proof": code_of(secret)}, headers={"HX-Request": "true"})
    assert simulator.posts(door.seam_device_id) == 0


def test_a_proof_does_not_make_an_old_press_young(
    door: Device, clerk: User, simulator: Simulator, settings
) -> None:
    secret = with_totp(clerk)
    client = signed_in(clerk)
    settings.UNLOCK_SEND_TIMEOUT = 0  # any press comes too late
    token = field(client.get(f"/doors/{door.pk}/").content.decode(), "token")
    answer = client.post(
        f"/doors/{door.pk}/unlock/", {"token": token, "proof_by": "totp", "proof": code_of(secret)}
    )
    assert simulator.posts(door.seam_device_id) == 0
    page = answer.content.decode()
    assert "took too long" in page
    # The proof was made all the same: the press that follows needs no other.
    assert "Code from your authenticator" not in page


def test_a_code_is_good_for_once_in_whichever_process(clerk: User) -> None:
    secret = with_totp(clerk)
    code = code_of(secret)
    assert prove(person=clerk, method="totp", secret=code).method == "totp"
    cache.clear()  # another process, which has not seen it
    with pytest.raises(NotProved):
        prove(person=clerk, method="totp", secret=code)


def test_wrong_tries_make_the_next_ones_wait_longer_and_a_right_one_ends_that(clerk: User) -> None:
    waits = []
    for _ in range(7):
        Throttle.objects.update(free_at=None)  # that time has passed
        with pytest.raises(NotProved, match="wrong_proof"):
            prove(person=clerk, method="password", secret="guess")
        free_at = max(row.free_at for row in Throttle.objects.exclude(free_at=None))
        waits.append(round((free_at - timezone.now()).total_seconds()))
    assert waits == [0, 0, 0, 0, 5, 10, 20]
    with pytest.raises(NotProved, match="proof_later") as told:
        prove(person=clerk, method="password", secret=PASSWORD)  # right, and too early
    assert told.value.retry_at is not None
    Throttle.objects.update(free_at=None)
    prove(person=clerk, method="password", secret=PASSWORD)
    with pytest.raises(NotProved, match="wrong_proof"):  # begins anew
        prove(person=clerk, method="password", secret="guess")


def test_who_must_wait_reads_until_when(door: Device, clerk: User) -> None:
    until = timezone.now() + 4 * MINUTE
    for _ in range(5):
        post(signed_in(clerk), door, proof_by="password", proof="guess")
    Throttle.objects.update(free_at=until)
    answer = post(signed_in(clerk), door, proof_by="password", proof=PASSWORD)
    said = words(answer.content.decode())
    local = timezone.localtime(until, door.building.zone)
    assert "Too many wrong tries. The next one counts at" in said
    assert f"{local:%H:%M:%S}" in said


def test_the_password_proves_nothing_for_who_has_an_authenticator(
    door: Device, clerk: User, simulator: Simulator
) -> None:
    assert ways_of(clerk) == ["password"]
    with_totp(clerk)
    assert ways_of(clerk) == ["totp"]
    post(signed_in(clerk), door, proof_by="password", proof=PASSWORD)
    assert simulator.posts(door.seam_device_id) == 0


def test_signing_in_is_a_proof_and_an_authenticator_set_up_later_makes_it_none(
    door: Device, clerk: User, simulator: Simulator
) -> None:
    client = Client()
    client.post("/accounts/login/", {"username": clerk.username, "password": PASSWORD})
    assert f'data-press="{door.pk}"' in client.get("/").content.decode()
    with_totp(clerk)
    assert f'data-ask="{door.pk}"' in client.get("/").content.decode()
    assert post(client, door).headers["HX-Retarget"] == "#confirm-body"
    assert simulator.posts(door.seam_device_id) == 0


@pytest.mark.parametrize(
    ("record", "counts"),
    [
        ({"method": "mfa", "type": "totp"}, True),
        ({"method": "mfa", "type": "webauthn"}, True),
        ({"method": "password"}, False),
        ({"method": "socialaccount"}, False),
        ({"method": "mfa", "type": "totp", "at": "yesterday"}, False),
    ],
)
def test_of_a_sign_in_with_a_second_factor_that_factor_is_the_proof(
    door: Device, clerk: User, record: dict, counts: bool
) -> None:
    with_totp(clerk)
    client = signed_in(clerk)
    session = client.session
    session["account_authentication_methods"] = [{"at": time.time(), **record}]
    session["account_authentication_methods_user"] = str(clerk.pk)
    session.save()
    assert (f'data-press="{door.pk}"' in client.get("/").content.decode()) is counts


def test_the_next_person_at_the_desk_inherits_no_proof(
    door: Device, north: Building, clerk: User
) -> None:
    colleague = make_user("colleague")
    grant(colleague, north)
    client = Client()
    client.post("/accounts/login/", {"username": clerk.username, "password": PASSWORD})
    proved = Proved(clerk.pk, "password", timezone.now())
    kept = {"person": clerk.pk, "method": "password", "at": proved.at.timestamp(), "door": None}
    client.post("/accounts/logout/")
    client.force_login(colleague)
    assert f'data-ask="{door.pk}"' in client.get("/").content.decode()
    session = client.session
    session["proved"] = kept  # even if it had stayed
    session.save()
    assert f'data-ask="{door.pk}"' in client.get("/").content.decode()


def test_a_pin_is_a_proof_and_so_is_the_turn_taken_by_it(
    door: Device, clerk: User, simulator: Simulator
) -> None:
    set_pin(person=clerk, pin="7294")
    assert ways_of(clerk) == ["pin", "password"]
    with_totp(clerk)
    assert ways_of(clerk) == ["totp", "pin"]
    post(signed_in(clerk), door, proof_by="pin", proof="7295")
    assert simulator.posts(door.seam_device_id) == 0
    Pin.objects.update(free_at=None)  # that second has passed
    post(signed_in(clerk), door, proof_by="pin", proof="7294")
    assert simulator.posts(door.seam_device_id) == 1


def test_a_pin_that_was_wrong_too_often_says_so(door: Device, clerk: User) -> None:
    set_pin(person=clerk, pin="7294")
    client = signed_in(clerk)
    Pin.objects.update(wrong_in_a_row=MOST_WRONG)
    answer = post(client, door, proof_by="pin", proof="7294")
    assert "after you have signed in fully" in words(answer.content.decode())


def test_an_outsider_tries_no_secrets_and_learns_nothing(
    door: Device, outsider: User, simulator: Simulator
) -> None:
    sent = {"token": "x", "proof_by": "password", "proof": "guess"}
    assert signed_in(outsider).post(f"/doors/{door.pk}/unlock/", sent).status_code == 404
    assert not Throttle.objects.exists()


def test_who_can_prove_nothing_here_is_told_what_to_do(door: Device, clerk: User) -> None:
    clerk.set_unusable_password()
    clerk.save()
    page = signed_in(clerk).get(f"/doors/{door.pk}/").content.decode()
    heard = re.search(r'id="confirm-known">(.*)</div>\s*<div class="buttons">', page, re.DOTALL)
    assert "sign out behind your name, sign in again, and press" in heard[1]


def test_a_manager_sets_within_how_many_minutes_and_the_record_says_so(
    door: Device, manager_client: Client
) -> None:
    url = f"/admin/locks/device/{door.pk}/change/"
    save(manager_client, url, step_up_minutes="5")
    assert (
        "less than or equal to 720"
        in save(manager_client, url, step_up_minutes="721").content.decode()
    )
    door.refresh_from_db()
    assert door.step_up_minutes == 5
    save(manager_client, url, step_up_minutes="")
    door.refresh_from_db()
    assert door.step_up_minutes is None
    told = [e.detail.content["changed"] for e in AuditEvent.objects.order_by("id")]
    assert told == [{"step_up_minutes": [10, 5]}, {"step_up_minutes": [5, None]}]
