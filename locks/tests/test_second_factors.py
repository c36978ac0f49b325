"""Second factors: asked for after the password, good once, on the record, and hard to guess."""

import re
from typing import Any
from urllib.parse import unquote

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command
from django.test import Client

from locks.models import AuditDetail, AuditEvent, Building, Kind, Role, Throttle, User
from locks.services.staffing import set_password
from locks.tests.factories import PASSWORD, grant, make_user
from locks.tests.proofs import (
    code_of,
    give_app,
    is_signed_in,
    recovery_codes_of,
    said,
    sign_in,
    time_passes,
)

pytestmark = pytest.mark.django_db(transaction=True)
SECOND_STEP = "/accounts/2fa/sign-in/"


@pytest.fixture
def dora(north: Building) -> User:
    person = make_user("dora", name="Dora")
    grant(person, north, Role.FRONT_DESK)
    return person


def told(kind: Kind) -> list[dict[str, Any]]:
    return [event.detail.content for event in AuditEvent.objects.filter(kind=kind).order_by("id")]


def set_up(client: Client) -> str:
    """Add an authenticator app by its pages; the key that it holds."""
    page = client.get("/accounts/2fa/app/add/").content.decode()
    secret = re.search(r"data-secret>([A-Z2-7]+)<", page)[1]
    added = client.post("/accounts/2fa/app/add/", {"code": code_of(secret)})
    assert added.headers["Location"] == "/accounts/2fa/recovery-codes/"
    return secret


def test_an_app_is_set_up_with_its_code_and_the_record_says_so(dora: User, north: Building) -> None:
    client = sign_in(dora)
    set_up(client)
    assert [detail["factor"] for detail in told(Kind.FACTOR_ADDED)] == ["recovery_codes", "totp"]
    event = AuditEvent.objects.filter(kind=Kind.FACTOR_ADDED).first()
    assert (event.actor, event.chain.building) == (dora, north)
    assert "Remove" in client.get("/accounts/2fa/").content.decode()


def test_the_code_that_set_the_app_up_signs_nobody_in(dora: User) -> None:
    secret = set_up(sign_in(dora))
    assert not is_signed_in(sign_in(dora, code_of(secret)))


def test_a_wrong_code_sets_nothing_up(dora: User) -> None:
    client = sign_in(dora)
    client.get("/accounts/2fa/app/add/")
    assert client.post("/accounts/2fa/app/add/", {"code": "000000"}).status_code == 200
    assert not Authenticator.objects.exists()
    assert told(Kind.FACTOR_ADDED) == []


def test_recovery_codes_are_shown_once(dora: User) -> None:
    client = sign_in(dora)
    set_up(client)
    codes = recovery_codes_of(dora)
    first, second = (client.get("/accounts/2fa/recovery-codes/").content.decode() for _ in "12")
    assert all(code in first for code in codes)
    assert not any(code in second for code in codes)


def test_the_password_alone_no_longer_signs_in_and_leaves_no_trace_of_having(dora: User) -> None:
    give_app(dora)
    client = sign_in(dora)
    assert not is_signed_in(client)
    assert told(Kind.SIGNED_IN) == []
    answer = client.post(SECOND_STEP, {"code": code_of()})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert is_signed_in(client)
    assert told(Kind.SIGNED_IN)[0]["proved_by"] == "password, totp"


def test_after_the_second_step_one_is_where_one_wanted_to_be_and_never_at_a_press(
    dora: User,
) -> None:
    give_app(dora)
    for step, (wanted, reached) in enumerate(
        [("/doors/7/unlock/", "/?door=7#door-7"), ("https://evil.example/", "/")]
    ):
        client = Client()
        form = {"username": "dora", "password": PASSWORD, "next": wanted}
        client.post("/accounts/login/", form)
        answer = client.post(f"{SECOND_STEP}?next={wanted}", {"code": code_of(steps=step)})
        assert answer.headers["Location"] == reached


def test_a_wrong_code_stays_outside_and_counts_as_a_refused_sign_in(dora: User) -> None:
    give_app(dora)
    client = sign_in(dora)
    answer = client.post(SECOND_STEP, {"code": "000000"})
    assert said(answer) == "This code is not right, or it was used before."
    assert not is_signed_in(client)


def test_a_code_is_good_once_in_whatever_browser(dora: User) -> None:
    give_app(dora)
    code = code_of()
    assert is_signed_in(sign_in(dora, code))
    again = sign_in(dora)
    answer = again.post(SECOND_STEP, {"code": code})
    assert "was used before" in said(answer)
    assert not is_signed_in(again)
    assert is_signed_in(sign_in(dora, code_of(steps=1)))  # within the minute that clocks may differ


def test_a_recovery_code_is_good_once(dora: User) -> None:
    give_app(dora)
    code = recovery_codes_of(dora)[3]
    assert is_signed_in(sign_in(dora, code))
    assert not is_signed_in(sign_in(dora, code))


def test_codes_are_throttled_and_the_answer_says_until_when(dora: User) -> None:
    give_app(dora)
    client = sign_in(dora)
    assert [client.post(SECOND_STEP, {"code": "000000"}).status_code for _ in range(5)] == [200] * 5
    answer = client.post(SECOND_STEP, {"code": code_of()})
    assert answer.status_code == 429
    assert said(answer) == "Too many attempts. Try again in 5 seconds."
    assert not is_signed_in(client)
    Throttle.objects.update(free_at=None)
    assert client.post(SECOND_STEP, {"code": code_of()}).status_code == 302


def test_going_back_to_the_sign_in_gives_up_what_was_half_done(dora: User) -> None:
    give_app(dora)
    client = sign_in(dora)
    client.get("/accounts/login/")
    assert client.post(SECOND_STEP, {"code": code_of()}).headers["Location"] == "/accounts/login/"
    assert not is_signed_in(client)


def test_a_closed_account_stays_out_at_the_second_step_too(dora: User) -> None:
    give_app(dora)
    client = sign_in(dora)
    User.objects.update(is_active=False)
    client.post(SECOND_STEP, {"code": code_of()})
    assert not is_signed_in(client)
    assert told(Kind.SIGNED_IN) == []


def test_a_new_password_ends_a_sign_in_that_is_half_done(dora: User, superuser: User) -> None:
    give_app(dora)
    client = sign_in(dora)
    set_password(actor=superuser, person=dora, password="entirely-another-phrase")
    answer = client.post(SECOND_STEP, {"code": code_of()})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/accounts/login/")
    assert not is_signed_in(client)
    assert told(Kind.SIGNED_IN) == []


def test_the_app_s_key_and_the_codes_are_kept_encrypted_and_recorded_nowhere(dora: User) -> None:
    secret = set_up(sign_in(dora))
    kept = str(list(Authenticator.objects.values_list("data", flat=True)))
    kept += " ".join(AuditDetail.objects.values_list("body", flat=True))
    assert secret not in kept
    assert not any(code in kept for code in recovery_codes_of(dora))


@pytest.mark.parametrize(
    "path", ["app/remove/", "passkeys/add/", "recovery-codes/new/", "recovery-codes/"]
)
def test_what_protects_the_account_is_changed_after_a_fresh_code_only(
    dora: User, path: str
) -> None:
    give_app(dora)
    client = sign_in(dora, code_of())
    assert client.get(f"/accounts/2fa/{path}").status_code == 200
    time_passes(client, minutes=6)
    for answer in (client.get(f"/accounts/2fa/{path}"), client.post(f"/accounts/2fa/{path}")):
        asked = f"/accounts/2fa/code/?next=/accounts/2fa/{path}"
        assert unquote(answer.headers["Location"]) == asked
    assert client.post("/accounts/password/again/", {"password": PASSWORD}).status_code == 302
    assert client.get(f"/accounts/2fa/{path}").status_code == 302  # the password is not enough
    proved = client.post(
        "/accounts/2fa/code/", {"code": code_of(steps=1), "next": "/accounts/2fa/"}
    )
    assert proved.headers["Location"] == "/accounts/2fa/"
    assert client.get(f"/accounts/2fa/{path}").status_code == 200


def test_without_a_factor_the_password_is_asked_for_once_more(dora: User) -> None:
    client = sign_in(dora)
    time_passes(client, minutes=6)
    again = client.get("/accounts/2fa/app/add/").headers["Location"]
    assert again.startswith("/accounts/password/again/")
    wrong = client.post(again, {"password": "wrong"})
    assert said(wrong) == "This is not your password."
    right = client.post(again, {"password": PASSWORD})
    assert right.headers["Location"] == "/accounts/2fa/app/add/"
    assert client.get("/accounts/2fa/app/add/").status_code == 200


def test_the_password_once_more_is_throttled_like_the_sign_in(dora: User) -> None:
    client = sign_in(dora)
    for _ in range(5):
        client.post("/accounts/password/again/", {"password": "wrong"})
    assert client.post("/accounts/password/again/", {"password": PASSWORD}).status_code == 429


def test_removing_the_app_takes_the_codes_along_and_is_on_the_record(dora: User) -> None:
    give_app(dora)
    client = sign_in(dora, code_of())
    client.post("/accounts/2fa/app/remove/")
    assert not Authenticator.objects.exists()
    assert [detail["factor"] for detail in told(Kind.FACTOR_REMOVED)] == ["recovery_codes", "totp"]
    assert is_signed_in(sign_in(dora))


def test_new_recovery_codes_void_the_old_ones(dora: User) -> None:
    give_app(dora)
    old = recovery_codes_of(dora)
    client = sign_in(dora, code_of())
    client.post("/accounts/2fa/recovery-codes/new/")
    assert not is_signed_in(sign_in(dora, old[0]))
    assert is_signed_in(sign_in(dora, recovery_codes_of(dora)[0]))
    assert [detail["factor"] for detail in told(Kind.FACTOR_ADDED)] == ["recovery_codes"]


def test_with_the_first_factor_sessions_begun_without_it_end(dora: User) -> None:
    elsewhere, here = sign_in(dora), sign_in(dora)
    set_up(here)
    assert is_signed_in(here)
    assert not is_signed_in(elsewhere)


def test_nobody_removes_another_persons_passkey(dora: User) -> None:
    other = make_user("other")
    key = Authenticator.objects.create(user=other, type="webauthn", data={"name": "Key"})
    assert sign_in(dora).post(f"/accounts/2fa/passkeys/{key.pk}/remove/").status_code == 404
    assert Authenticator.objects.filter(pk=key.pk).exists()


def test_the_operator_takes_lost_factors_away(
    dora: User, north: Building, capsys: pytest.CaptureFixture[str]
) -> None:
    give_app(dora)
    client = sign_in(dora, code_of())
    call_command("reset_second_factor", "dora")
    assert "dora" in capsys.readouterr().out
    assert not is_signed_in(client)
    assert is_signed_in(sign_in(dora))
    events = AuditEvent.objects.filter(kind=Kind.FACTOR_REMOVED)
    assert {(event.actor, event.chain.building) for event in events} == {(None, north)}
    assert {event.detail.content["subject"] for event in events} == {"Dora"}


@pytest.mark.parametrize("name", ["nobody", "dora"])
def test_the_operator_is_told_where_there_is_nothing_to_take(dora: User, name: str) -> None:
    with pytest.raises(CommandError):
        call_command("reset_second_factor", name)
