"""Who guesses wrong waits, longer each time, and is told until when; nobody can lock anybody out."""

import datetime as dt
import re
import threading

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from locks.models import Building, Noise, Role, Throttle, User
from locks.services import throttling
from locks.tests.factories import PASSWORD, grant, make_user

pytestmark = pytest.mark.django_db(transaction=True)
DESK, ELSEWHERE = "10.0.0.5", "203.0.113.7"
NOON = dt.datetime(2026, 5, 4, 12, tzinfo=dt.UTC)


@pytest.fixture
def dora(north: Building) -> User:
    person = make_user("dora", name="Dora")
    grant(person, north, Role.FRONT_DESK)
    return person


def guess(name: str, password: str | None = None, *, address: str = DESK):
    password = "wrong" if password is None else password
    client = Client(REMOTE_ADDR=address)
    return client.post("/accounts/login/", {"username": name, "password": password})


def sentence(answer) -> str:
    return re.search(r"Too many attempts[^<]*", answer.content.decode())[0]


def wait_is_over() -> None:
    Throttle.objects.update(free_at=timezone.now() - dt.timedelta(seconds=1))


def wait_is_long() -> None:
    """However slow this machine is."""
    Throttle.objects.exclude(free_at=None).update(free_at=timezone.now() + dt.timedelta(hours=1))


def waits(count: int, *, at: dt.datetime = NOON) -> list[float]:
    """How long one has to wait before each of so many guesses in a row, in seconds."""
    found = []
    for _ in range(count):
        again = throttling.try_password("dora", address=DESK, at=at)
        found.append((again - at).total_seconds() if again else 0)
        if again:
            at = again
            assert throttling.try_password("dora", address=DESK, at=at) is None
    return found


def test_five_guesses_are_free_then_it_says_when_to_try_again(dora: User) -> None:
    assert [guess("dora").status_code for _ in range(5)] == [200] * 5
    refused = guess("dora")
    assert refused.status_code == 429
    assert sentence(refused) == "Too many attempts. Try again in 5 seconds."
    assert 1 <= int(refused.headers["Retry-After"]) <= 6


def test_the_right_password_gets_in_once_the_wait_is_over_and_not_before(dora: User) -> None:
    for _ in range(5):
        guess("dora")
    assert guess("dora", PASSWORD).status_code == 429
    wait_is_over()
    assert guess("dora", PASSWORD).status_code == 302
    assert [guess("dora").status_code for _ in range(5)] == [200] * 5  # all is forgiven


def test_each_further_failure_doubles_the_wait_up_to_a_quarter_of_an_hour() -> None:
    assert waits(14) == [0, 0, 0, 0, 0, 5, 10, 20, 40, 80, 160, 320, 640, 900]


def test_asking_again_during_a_wait_does_not_lengthen_it() -> None:
    waits(5)
    for second in (1, 2, 3, 4):
        at = NOON + dt.timedelta(seconds=second)
        again = throttling.try_password("dora", address=DESK, at=at)
        assert again == NOON + dt.timedelta(seconds=5)


def test_failures_are_forgotten_after_a_day() -> None:
    waits(8)
    tomorrow = NOON + dt.timedelta(days=1, minutes=5)
    assert waits(4, at=tomorrow) == [0, 0, 0, 0]


def test_a_stranger_elsewhere_delays_nobody_at_the_desk(dora: User) -> None:
    for _ in range(5):
        guess("dora", address=ELSEWHERE)
    assert guess("dora", PASSWORD, address=ELSEWHERE).status_code == 429
    assert guess("dora", PASSWORD, address=DESK).status_code == 302


def test_unknown_names_are_answered_exactly_as_known_ones(dora: User) -> None:
    def seen(name: str) -> list[tuple[int, str]]:
        answers = [guess(name, address=f"10.1.{len(name)}.1") for _ in range(6)]
        pages = [re.sub(r'value="[^"]*"', "", each.content.decode()) for each in answers]
        return [(each.status_code, page) for each, page in zip(answers, pages, strict=True)]

    assert seen("dora") == seen("nobody-here")


def test_a_wrong_password_costs_as_many_questions_as_an_unknown_name(dora: User) -> None:
    costs = []
    for name in ("dora", "nobody"):
        guess(name)  # what is made once, is made
        with CaptureQueriesContext(connection) as asked:
            guess(name)
        costs.append(len(asked))
    assert costs[0] == costs[1]


def test_a_name_in_another_writing_has_no_further_guesses(dora: User) -> None:
    for name in ("dora", " dora ", "ｄｏｒａ", "dora", "dora"):
        assert guess(name).status_code == 200
    assert guess("dora").status_code == 429


def test_many_names_from_one_address_are_slowed_but_not_for_who_is_known_there(dora: User) -> None:
    colleague = make_user("colleague")
    assert guess("dora", PASSWORD).status_code == 302
    for number in range(throttling.BY_ADDRESS.free):
        guess(f"name-{number}")
    wait_is_long()
    assert guess("colleague", PASSWORD).status_code == 429  # never seen here
    assert guess("dora", PASSWORD).status_code == 302
    wait_is_over()
    assert guess(colleague.username, PASSWORD).status_code == 302


def test_an_account_of_ones_own_does_not_end_the_wait_of_an_address(dora: User) -> None:
    guess("dora", PASSWORD)
    for number in range(throttling.BY_ADDRESS.free):
        guess(f"name-{number}")
    wait_is_long()
    Throttle.objects.exclude(known_at=None).update(free_at=None)
    assert guess("dora", PASSWORD).status_code == 302
    assert guess("another name").status_code == 429


def test_one_network_of_ipv6_counts_as_one_address() -> None:
    for number in range(5):
        throttling.try_password("dora", address=f"2001:db8::{number}", at=NOON)
    assert throttling.try_password("dora", address="2001:db8::99", at=NOON) is not None
    assert throttling.try_password("dora", address="2001:db8:0:1::1", at=NOON) is None


def test_what_was_typed_and_from_where_is_kept_nowhere(dora: User) -> None:
    guess("hunter2-secret")
    kept = " ".join(Throttle.objects.values_list("key", flat=True))
    assert re.fullmatch(r"[0-9a-f ]+", kept)


def test_throttled_sign_ins_are_counted_as_refused_and_an_empty_form_costs_nothing(
    dora: User,
) -> None:
    guess("", "")
    guess("dora", "")
    assert not Throttle.objects.exists()
    Noise.objects.all().delete()
    for _ in range(7):
        guess("dora")
    assert Noise.objects.get().times == 7


@pytest.mark.postgres_only  # SQLite in a test has one connection; there each begins with the lock
def test_attempts_at_the_same_moment_do_not_slip_through_together() -> None:
    let_through, together = [], threading.Barrier(4)

    def many() -> None:
        try:
            together.wait(20)
            for _ in range(5):
                if throttling.try_password("dora", address=DESK, at=NOON) is None:
                    let_through.append(1)
        finally:
            connection.close()

    threads = [threading.Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(let_through) == throttling.BY_NAME.free


def test_rows_that_say_nothing_any_more_go_as_new_ones_come() -> None:
    throttling.try_password("dora", address=DESK, at=NOON)
    throttling.try_password("someone", address=ELSEWHERE, at=NOON + dt.timedelta(days=32))
    assert Throttle.objects.filter(last_at=NOON).count() == 0
