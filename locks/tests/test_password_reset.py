"""A new password by mail: once, within an hour; it tells nobody who has an account, and ends sessions."""

import datetime as dt
import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client, RequestFactory

from locks.models import AuditEvent, Building, Kind, Noise, Role, Throttle, User
from locks.services import staffing, throttling
from locks.services.errors import NotAllowed
from locks.tests.factories import PASSWORD, grant, make_user
from locks.tests.proofs import code_of, give_app, is_signed_in, sign_in
from locks.tests.visitors import marked
from locks.views.resetting import AskForReset

pytestmark = pytest.mark.django_db(transaction=True)
NEW = "entirely-another-phrase"


@pytest.fixture
def dora(north: Building) -> User:
    person = make_user("dora", name="Dora", email="dora@example.com")
    grant(person, north, Role.FRONT_DESK)
    return person


def ask(email: str = "dora@example.com", **options: Any):
    return Client(**options).post("/accounts/password/reset/", {"email": email})


def link() -> str:
    (message,) = mail.outbox
    return re.search(r"http://127.0.0.1:8000(/accounts/password/reset/\S+)", message.body)[1]


def follow(path: str, password: str = NEW) -> tuple[Client, Any]:
    client = Client()
    form = client.get(path, follow=True)
    if not form.redirect_chain:
        return client, form
    where = form.redirect_chain[-1][0]
    return client, client.post(where, {"new_password1": password, "new_password2": password})


def may_sign_in(person: User, password: str) -> bool:
    client = Client()
    client.post("/accounts/login/", {"username": person.username, "password": password})
    return is_signed_in(client)


def test_the_link_sets_a_new_password_once_and_the_record_says_so(dora: User) -> None:
    before = sign_in(dora)
    assert ask().status_code == 302
    (message,) = mail.outbox
    assert message.to == ["dora@example.com"]
    assert "Dora" in message.body
    client, answer = follow(link())
    assert answer.headers["Location"] == "/accounts/password/reset/done/"
    assert not is_signed_in(client)  # it signs nobody in
    assert not is_signed_in(before)
    assert may_sign_in(dora, NEW)
    event = AuditEvent.objects.get(kind=Kind.PERSON_CHANGED)
    assert event.detail.content["password"] == "set anew by a link in a mail"
    assert event.detail.content["subject"] == "Dora"
    _client, again = follow(link(), "a-third-long-phrase")
    assert "no longer good" in again.content.decode()
    assert may_sign_in(dora, NEW)


def test_the_token_leaves_the_address_at_once(dora: User) -> None:
    ask()
    answer = Client().get(link())
    assert answer.status_code == 302
    assert answer.headers["Location"].endswith("/set-password/")


def test_a_link_left_open_is_not_of_who_signs_in_there_next(dora: User) -> None:
    give_app(make_user("next"))
    ask()
    browser = Client()
    where = browser.get(link()).headers["Location"]
    browser.post("/accounts/login/", {"username": "next", "password": PASSWORD})
    browser.post("/accounts/2fa/sign-in/", {"code": code_of()})
    assert is_signed_in(browser)
    assert "no longer good" in browser.get(where).content.decode()
    browser.post(where, {"new_password1": NEW, "new_password2": NEW})
    assert may_sign_in(dora, PASSWORD)


def test_a_closed_account_gets_no_password_by_a_link_and_the_link_is_over_for_good(
    dora: User, superuser: User
) -> None:
    ask()
    staffing.deactivate_person(actor=superuser, person=dora)
    _client, answer = follow(link())
    assert "no longer good" in answer.content.decode()
    with pytest.raises(NotAllowed):  # closed while the page was open
        staffing.reset_own_password(person=dora, password=NEW)

    staffing.change_person(actor=superuser, person=dora, changes={"is_active": True})

    _client, answer = follow(link())
    assert "no longer good" in answer.content.decode()
    assert may_sign_in(dora, PASSWORD)
    mail.outbox.clear()
    ask()
    follow(link())
    assert may_sign_in(dora, NEW)


def test_after_an_hour_the_link_is_no_longer_good(dora: User, settings) -> None:
    assert settings.PASSWORD_RESET_TIMEOUT == 3600
    ask()
    settings.PASSWORD_RESET_TIMEOUT = -1  # as if it were that much later
    _client, answer = follow(link())
    assert "no longer good" in answer.content.decode()


def test_it_does_not_go_around_the_second_factor(dora: User) -> None:
    give_app(dora)
    ask()
    follow(link())
    assert not may_sign_in(dora, NEW)
    client = Client()
    client.post("/accounts/login/", {"username": "dora", "password": NEW})
    client.post("/accounts/2fa/sign-in/", {"code": code_of()})
    assert is_signed_in(client)


def test_a_weak_password_is_refused_with_its_reason(dora: User) -> None:
    ask()
    _client, answer = follow(link(), "short")
    wrong = marked(answer.content.decode())
    assert "at least 12 characters" in " ".join(wrong.values())
    assert not AuditEvent.objects.filter(kind=Kind.PERSON_CHANGED).exists()


def test_an_address_without_an_account_is_answered_alike_and_gets_no_mail(dora: User) -> None:
    User.objects.create_user("closed", email="closed@example.com", is_active=False)
    make_user("without")
    answers = [
        ask(each) for each in ("dora@example.com", "nobody@example.com", "closed@example.com")
    ]
    assert len({(each.status_code, each.headers["Location"]) for each in answers}) == 1
    assert [message.to for message in mail.outbox] == [["dora@example.com"]]


def test_the_mail_goes_out_after_the_answer_so_that_its_time_tells_nothing(dora: User) -> None:
    request = RequestFactory().post("/accounts/password/reset/", {"email": "dora@example.com"})
    request._dont_enforce_csrf_checks = True  # as Django's own test client does
    answer = AskForReset.as_view()(request)
    assert (answer.status_code, mail.outbox) == (302, [])
    answer.close()
    assert len(mail.outbox) == 1


def test_a_mailbox_is_not_flooded_whoever_asks(dora: User) -> None:
    for number in range(6):
        assert ask(REMOTE_ADDR=f"10.9.0.{number}").status_code == 302
    assert len(mail.outbox) == throttling.BY_MAILBOX.free


def test_one_address_asks_so_often_and_is_told_until_when(dora: User) -> None:
    for number in range(throttling.BY_ADDRESS.free):
        ask(f"nobody-{number}@example.com")
    answer = ask()
    assert answer.status_code == 429
    assert "Try again in 1 second." in answer.content.decode()
    Throttle.objects.update(free_at=Throttle.objects.latest("last_at").last_at - dt.timedelta(1))
    assert ask().status_code == 302


def test_the_link_begins_with_the_desk_s_own_address_whatever_host_was_asked(dora: User) -> None:
    ask(HTTP_HOST="localhost")
    assert "http://127.0.0.1:8000/accounts/password/reset/" in mail.outbox[0].body


def test_a_mail_that_cannot_be_sent_is_the_operators_to_know(
    dora: User, settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    assert ask().status_code == 302
    assert "reset" in caplog.text
    assert "dora@example.com" not in caplog.text
    assert not Noise.objects.exists()


def test_the_sign_in_leads_there() -> None:
    assert 'href="/accounts/password/reset/"' in Client().get("/accounts/login/").content.decode()
