"""A PIN is few digits: it is kept hashed, tried seldom, and never shown, logged or told."""

import datetime as dt
import logging
from urllib.parse import unquote

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from locks.models import AuditDetail, AuditEvent, Kind, Noise, Pin, User
from locks.services import pins, staffing, sweeping
from locks.services.errors import NotAllowed
from locks.services.pins import TooManyTries, prove_pin, remove_pin, set_pin
from locks.tests.conftest import signed_in
from locks.tests.factories import PASSWORD
from locks.tests.proofs import code_of, give_app, sign_in, time_passes
from locks.tests.visitors import marked

pytestmark = pytest.mark.django_db
RIGHT, WRONG = "8305", "7214"
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
LATER = dt.timedelta(minutes=2)


def kinds() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("kind", flat=True))


def all_that_is_kept() -> str:
    kept = [*AuditDetail.objects.values_list("body", flat=True)]
    kept += [*Noise.objects.values_list("what", flat=True)]
    kept += [*Pin.objects.values_list("pin_hash", flat=True)]
    return " ".join(kept)


def wrong_tries(person: User, *, times: int, at: dt.datetime = NOON) -> None:
    for number in range(times):
        assert prove_pin(person=person, pin=WRONG, at=at + number * LATER) is False


@pytest.mark.parametrize(
    "pin",
    ["0000", "1111111", "1234", "4321", "7890", "0987", "34567", "1212", "123123", "1984", "2027"],
)
def test_it_refuses_a_pin_that_is_easily_guessed(clerk: User, pin: str) -> None:
    with pytest.raises(ValidationError, match="easily guessed"):
        set_pin(person=clerk, pin=pin)
    assert not Pin.objects.exists()


@pytest.mark.parametrize("pin", ["", "830", "830512345", "83O5", "83 5", "-305", "٨٣٠٥", "83.5"])
def test_it_refuses_what_is_no_pin(clerk: User, pin: str) -> None:
    with pytest.raises(ValidationError, match="4 to 8 digits"):
        set_pin(person=clerk, pin=pin)


def test_it_proves_a_person_by_their_own_pin_alone(clerk: User, viewer: User) -> None:
    set_pin(person=clerk, pin=RIGHT)
    set_pin(person=viewer, pin="6194")
    assert prove_pin(person=clerk, pin=RIGHT, at=NOON)
    assert not prove_pin(person=clerk, pin="6194", at=NOON)
    assert not prove_pin(person=viewer, pin=RIGHT, at=NOON)


def test_nothing_that_is_kept_or_logged_holds_the_pin(
    clerk: User, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        row = set_pin(person=clerk, pin=RIGHT)
        wrong_tries(clerk, times=1)
    assert kinds() == [Kind.PIN_SET]
    kept = all_that_is_kept() + caplog.text + repr(row) + str(row)
    assert RIGHT not in kept.replace(row.pin_hash, "")
    assert WRONG not in kept.replace(row.pin_hash, "")


def test_two_people_with_the_same_pin_do_not_look_alike(clerk: User, viewer: User) -> None:
    assert set_pin(person=clerk, pin=RIGHT).pin_hash != set_pin(person=viewer, pin=RIGHT).pin_hash


def test_who_has_the_database_alone_cannot_try_all_pins_out(clerk: User, settings) -> None:
    set_pin(person=clerk, pin=RIGHT)
    settings.SECRET_KEY = "another-installation" * 4
    assert not prove_pin(person=clerk, pin=RIGHT, at=NOON)


def test_each_wrong_try_makes_the_next_wait_longer(clerk: User) -> None:
    set_pin(person=clerk, pin=RIGHT)
    at, waits = NOON, []
    for _ in range(4):
        assert not prove_pin(person=clerk, pin=WRONG, at=at)
        with pytest.raises(TooManyTries, match="Wait a minute, or sign in") as refusal:
            prove_pin(person=clerk, pin=RIGHT, at=at)
        assert refusal.value.until is not None
        waits.append(refusal.value.until - at)
        at = refusal.value.until
    assert waits == sorted(set(waits))
    assert prove_pin(person=clerk, pin=RIGHT, at=at)
    assert Pin.objects.get().wrong_in_a_row == 0


def test_after_five_wrong_in_a_row_no_time_helps_but_a_full_sign_in_does(clerk: User) -> None:
    set_pin(person=clerk, pin=RIGHT)
    wrong_tries(clerk, times=5)
    much_later = NOON + dt.timedelta(days=300)
    with pytest.raises(TooManyTries, match="Sign in with your password") as refusal:
        prove_pin(person=clerk, pin=RIGHT, at=much_later)
    assert refusal.value.until is None
    assert Client().login(username="clerk", password=PASSWORD)
    assert prove_pin(person=clerk, pin=RIGHT, at=much_later)


def test_a_locked_pin_locks_nobody_out(clerk: User) -> None:
    set_pin(person=clerk, pin=RIGHT)
    wrong_tries(clerk, times=5)
    answer = Client().post("/accounts/login/", {"username": "clerk", "password": PASSWORD})
    assert answer.status_code == 302


def test_a_right_try_ends_the_row_of_wrong_ones(clerk: User) -> None:
    set_pin(person=clerk, pin=RIGHT)
    for round_number in range(3):
        at = NOON + dt.timedelta(hours=round_number)
        wrong_tries(clerk, times=4, at=at)
        assert prove_pin(person=clerk, pin=RIGHT, at=at + 5 * LATER)


def test_of_two_tries_at_the_same_time_one_is_not_looked_at(clerk: User, monkeypatch) -> None:
    """The second comes while the first is being judged: each counts before that."""
    set_pin(person=clerk, pin=RIGHT)
    judge, seen = pins.check_password, []

    def meanwhile(*args: str) -> bool:
        if not seen:
            seen.append(True)
            with pytest.raises(TooManyTries):
                prove_pin(person=clerk, pin=RIGHT, at=NOON)
        return judge(*args)

    monkeypatch.setattr(pins, "check_password", meanwhile)
    assert prove_pin(person=clerk, pin=RIGHT, at=NOON)
    assert seen


@pytest.mark.parametrize("how", ["removed", "changed"])
def test_a_pin_that_ends_while_it_is_judged_proves_nothing(
    clerk: User, monkeypatch, how: str
) -> None:
    set_pin(person=clerk, pin=RIGHT)
    judge = pins.check_password

    def meanwhile(*args: str) -> bool:
        if how == "removed":
            remove_pin(actor=clerk, person=clerk)
        else:
            set_pin(person=clerk, pin="6194")
        return judge(*args)

    monkeypatch.setattr(pins, "check_password", meanwhile)
    assert not prove_pin(person=clerk, pin=RIGHT, at=NOON)


def test_without_a_pin_or_an_active_account_nothing_is_proved(clerk: User) -> None:
    assert not prove_pin(person=clerk, pin=RIGHT, at=NOON)
    set_pin(person=clerk, pin=RIGHT)
    User.objects.update(is_active=False)
    assert not prove_pin(person=clerk, pin=RIGHT, at=NOON)


def test_wrong_tries_are_told_by_the_hour(clerk: User, north) -> None:
    set_pin(person=clerk, pin=RIGHT)
    wrong_tries(clerk, times=5)
    with pytest.raises(TooManyTries):
        prove_pin(person=clerk, pin=WRONG, at=NOON)
    sweeping.sweep(for_seconds=0)
    assert Kind.PIN_REFUSED not in kinds()
    Noise.objects.update(hour=timezone.now() - dt.timedelta(hours=2))
    sweeping.sweep(for_seconds=0)
    sweeping.sweep(for_seconds=0)
    event = AuditEvent.objects.get(kind=Kind.PIN_REFUSED)
    assert (event.chain.building, event.actor) == (north, None)
    assert (event.told()["subject"], event.told()["times"]) == ("Clerk", 6)
    assert Kind.NOISE not in kinds()


def test_only_oneself_or_an_administrator_removes_a_pin(
    clerk: User, manager: User, superuser: User
) -> None:
    set_pin(person=clerk, pin=RIGHT)
    with pytest.raises(NotAllowed):
        remove_pin(actor=manager, person=clerk)
    remove_pin(actor=clerk, person=clerk)
    remove_pin(actor=clerk, person=clerk)  # there is none any more: nothing to tell
    assert kinds() == [Kind.PIN_SET, Kind.PIN_REMOVED]
    set_pin(person=clerk, pin=RIGHT)
    remove_pin(actor=superuser, person=clerk)
    assert not Pin.objects.exists()


@pytest.mark.parametrize("whose", ["clerk", "superuser"])
def test_a_password_that_an_administrator_set_ends_the_pin_their_own_too(
    clerk: User, superuser: User, whose: str
) -> None:
    person = {"clerk": clerk, "superuser": superuser}[whose]
    set_pin(person=person, pin=RIGHT)
    staffing.set_password(actor=superuser, person=person, password="another-long-one-7")
    assert not Pin.objects.exists()
    assert AuditEvent.objects.filter(kind=Kind.PIN_REMOVED).exists()


# --- The page ---------------------------------------------------------------------------------


def post(client: Client, **data: str):
    given = {"password": PASSWORD, "pin": RIGHT, "again": RIGHT, **data}
    return client.post("/accounts/pin/", given)


def test_a_person_sets_changes_and_removes_their_pin(clerk: User) -> None:
    client = signed_in(clerk)
    assert post(client).status_code == 303
    page = client.get("/accounts/pin/").content.decode()
    assert "Your PIN is set." in page
    assert RIGHT not in page
    assert post(client, pin="6194", again="6194").status_code == 303
    assert prove_pin(person=clerk, pin="6194", at=NOON)
    assert client.post("/accounts/pin/", {"remove": "1"}).status_code == 303
    assert not Pin.objects.exists()
    assert kinds() == [Kind.PIN_SET, Kind.PIN_SET, Kind.PIN_REMOVED]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"password": "wrong"}, "This is not your password."),
        ({"again": "6194"}, "The two PINs differ."),
        ({"pin": "1234", "again": "1234"}, "This PIN is easily guessed"),
        ({"pin": "12", "again": "12"}, "A PIN has 4 to 8 digits."),
        ({"pin": ""}, "This field is required."),
        ({"pin": "8305\x00"}, "Null characters are not allowed."),
    ],
)
def test_what_cannot_be_a_pin_is_one_sentence_and_nothing_is_set(
    clerk: User, data: dict[str, str], sentence: str
) -> None:
    answer = post(signed_in(clerk), **data)
    assert answer.status_code == 400
    assert sentence in " ".join(marked(answer.content.decode()).values())
    for typed in (RIGHT, "6194", PASSWORD):
        assert typed not in answer.content.decode()
    assert not Pin.objects.exists()


def test_a_wrong_password_at_the_pin_page_counts_like_a_refused_sign_in(clerk: User) -> None:
    post(signed_in(clerk), password="wrong")
    assert Noise.objects.get().what == f"sign_in.refused:{clerk.pk}"


def test_who_signs_in_without_a_password_has_to_have_done_so_just_now(clerk: User) -> None:
    clerk.set_unusable_password()
    clerk.save()
    client = signed_in(clerk)
    client.get("/")
    session = client.session
    session["began_at"] -= 601
    session.save()
    assert "sign in again to set your PIN" in client.get("/accounts/pin/").content.decode()
    post(client)
    assert not Pin.objects.exists()
    fresh = signed_in(clerk)
    fresh.get("/")
    assert post(fresh, password="").status_code == 303
    assert Pin.objects.exists()


def test_who_has_a_second_factor_sets_a_pin_after_a_fresh_one_only(clerk: User) -> None:
    """The password alone would else get past it at doors that ask who is at the keyboard."""
    give_app(clerk)
    client = sign_in(clerk, code_of())
    time_passes(client, minutes=6)
    for answer in (client.get("/accounts/pin/"), post(client)):
        assert unquote(answer.headers["Location"]) == "/accounts/2fa/code/?next=/accounts/pin/"
    client.post("/accounts/password/again/", {"password": PASSWORD})
    assert post(client).status_code == 302  # the password is not enough
    assert not Pin.objects.exists()
    code = {"code": code_of(steps=1), "next": "/accounts/pin/"}
    assert client.post("/accounts/2fa/code/", code).headers["Location"] == "/accounts/pin/"
    assert post(client).status_code == 303
    assert post(client, pin="6194", again="6194").status_code == 303
    assert prove_pin(person=clerk, pin="6194", at=NOON)
    time_passes(client, minutes=6)
    for answer in (post(client), client.post("/accounts/pin/", {"remove": "1"})):
        assert answer.status_code == 302
    assert prove_pin(person=clerk, pin="6194", at=NOON)


def test_without_a_second_factor_the_password_sets_a_pin_however_old_the_sign_in(
    clerk: User,
) -> None:
    client = sign_in(clerk)
    time_passes(client, minutes=60)
    assert post(client).status_code == 303
    assert Pin.objects.exists()
