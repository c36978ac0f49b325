"""The start: every missing or unsafe value ends it with one clear line that repeats no secret."""

import subprocess

import pytest

from locks.tests.starting import GOOD, run_with_settings

SHOW = "from django.conf import settings as s; print(*(repr(getattr(s, n)) for n in {names}))"


def start(tmp_path, *names: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Load the settings in a process of their own and print the values of some."""
    return run_with_settings(tmp_path, SHOW.format(names=names or ("DEBUG",)), **environment)


@pytest.mark.parametrize(
    ("environment", "names"),
    [
        ({"SECRET_KEY": "-"}, "SECRET_KEY"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"SECRET_KEY": "x" * 60}, "SECRET_KEY"),
        ({"SECRET_KEY_FILE": "/no/such/file"}, "SECRET_KEY"),
        ({"SEAM_API_KEY": "-"}, "SEAM_API_KEY"),
        ({"SEAM_API_KEY": "mistyped_key"}, "SEAM_API_KEY"),
        ({"SEAM_API_KEY": "seam_simulated_key"}, "SEAM_API_KEY"),
        ({"SEAM_SIMULATED": "1"}, "SEAM_SIMULATED"),
        ({"SEAM_SIMULATED": "maybe"}, "SEAM_SIMULATED"),
        (
            {"SEAM_SIMULATED": "1", "SEAM_API_KEY": "-", "SEAM_ENDPOINT": "https://seam.example"},
            "SEAM_ENDPOINT",
        ),
        ({"SEAM_ENDPOINT": "http://seam.example"}, "SEAM_ENDPOINT"),
        ({"SEAM_ENDPOINT": "https://user:pw@seam.example"}, "SEAM_ENDPOINT"),
        ({"SEAM_ENDPOINT": "https://[broken"}, "SEAM_ENDPOINT"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": "desk.example.com", "DEBUG": "1"}, "DEBUG"),
        ({"CSRF_TRUSTED_ORIGINS": "desk.example.com"}, "CSRF_TRUSTED_ORIGINS"),
        ({"TRUSTED_PROXIES": "*"}, "TRUSTED_PROXIES"),
        ({"DATABASE_URL": "mysql://root@127.0.0.1/x"}, "DATABASE_URL"),
        ({"CELERY_BROKER_URL": "memory://"}, "CELERY_BROKER_URL"),
        ({"UNLOCK_SEND_TIMEOUT": "soon"}, "UNLOCK_SEND_TIMEOUT"),
        ({"UNLOCK_SEND_TIMEOUT": "0"}, "UNLOCK_SEND_TIMEOUT"),
        ({"UNLOCK_SEND_TIMEOUT": "20.1"}, "UNLOCK_SEND_TIMEOUT"),
        ({"UNLOCK_RESOLVE_TIMEOUT": "nan"}, "UNLOCK_RESOLVE_TIMEOUT"),
        ({"SESSION_IDLE_MINUTES": "-5"}, "SESSION_IDLE_MINUTES"),
        ({"DESK_URL": "desk.example.com"}, "DESK_URL"),
        ({"DESK_URL": "https://desk.example.com/admin/?x=1"}, "DESK_URL"),
        ({"DESK_URL": "https://[broken"}, "DESK_URL"),
        ({"EMAIL_URL": "carrier-pigeon://x"}, "EMAIL_URL"),
    ],
)
def test_an_unsafe_value_stops_the_start_with_one_line(tmp_path, environment, names) -> None:
    ended = start(tmp_path, **environment)
    assert ended.returncode == 1
    line = ended.stderr.strip()
    assert line.startswith("accessdesk cannot start: ")
    assert names in line
    assert "\n" not in line
    assert "0123456789" not in line  # both secrets hold it


def test_a_good_environment_starts_with_safe_defaults(tmp_path) -> None:
    ended = start(
        tmp_path, "DEBUG", "SEAM_SIMULATED", "UNLOCK_SEND_TIMEOUT", "UNLOCK_RESOLVE_TIMEOUT"
    )
    assert (ended.stdout.split(), ended.stderr) == (["False", "False", "10.0", "30.0"], "")


def test_values_come_from_files_and_fractions_are_taken(tmp_path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(GOOD["SECRET_KEY"] + "\n")
    ended = start(
        tmp_path,
        "SECRET_KEY",
        "UNLOCK_SEND_TIMEOUT",
        SECRET_KEY="-",
        SECRET_KEY_FILE=str(secret),
        UNLOCK_SEND_TIMEOUT="2.5",
    )
    assert ended.stdout.split() == [repr(GOOD["SECRET_KEY"]), "2.5"]


def test_any_name_beyond_this_machine_turns_https_on(tmp_path) -> None:
    names = (
        "SESSION_COOKIE_NAME",
        "SESSION_COOKIE_SECURE",
        "CSRF_COOKIE_SECURE",
        "SECURE_SSL_REDIRECT",
        "SECURE_HSTS_SECONDS",
    )
    ended = start(tmp_path, *names, ALLOWED_HOSTS="desk.example.com,127.0.0.1")
    assert ended.stdout.split() == ["'__Host-sessionid'", "True", "True", "True", "31536000"]
    ended = start(tmp_path, *names)
    assert ended.stdout.split() == ["'accessdesk_session'", "False", "False", "False", "0"]


@pytest.mark.parametrize(
    ("environment", "links"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"PORT": "8222"}, "http://127.0.0.1:8222"),
        ({"ALLOWED_HOSTS": "127.0.0.1,.example.com", "PORT": "8222"}, "https://example.com"),
        ({"DESK_URL": "https://desk.example.com:8443/"}, "https://desk.example.com:8443"),
    ],
)
def test_links_in_mails_begin_where_people_reach_the_desk(tmp_path, environment, links) -> None:
    assert start(tmp_path, "DESK_URL", **environment).stdout.split() == [repr(links)]


def test_simulated_doors_have_a_database_of_their_own(tmp_path) -> None:
    real = start(tmp_path, "DATABASES").stdout
    practice = start(tmp_path, "DATABASES", SEAM_API_KEY="-", SEAM_SIMULATED="1").stdout
    assert "accessdesk.sqlite3" in real
    assert "simulated.sqlite3" in practice
