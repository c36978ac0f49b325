"""`manage.py simulate_seam` as a process: how it starts, refuses to start, and ends."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def simulate(tmp_path):
    """Start the command with options; whatever still runs at the end of the test is killed."""
    started = []
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "accessdesk.settings",
        "ACCESSDESK_ENV_FILE": os.devnull,
        "ACCESSDESK_VAR": str(tmp_path),
        "SECRET_KEY": "only-for-tests-" + "abcdefghijklmnopqrstuvwxyz0123456789" * 2,
        "SEAM_SIMULATED": "1",
    }

    def start(*options):
        process = subprocess.Popen(
            [sys.executable, "manage.py", "simulate_seam", *options],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_stop_and_ends_quietly(simulate, ending):
    process = simulate("--port", "0")
    endpoint = process.stdout.readline().split()[3]
    headers = {"Authorization": "Bearer seam_simulated_key"}
    with requests.Session() as session:
        answer = session.get(f"{endpoint}/workspaces/get", headers=headers, timeout=5)
        assert answer.json()["workspace"]["is_sandbox"] is True

        process.send_signal(ending)
        output, errors = process.communicate(timeout=5)

    assert (process.returncode, output, errors) == (0, "", "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--host", "192.0.2.1"), "loopback address only, not on '192.0.2.1'"),
        (("--port", "70000"), "a port is a number from 0 to 65535"),
    ],
)
def test_it_refuses_an_option_that_cannot_be(simulate, options, words):
    process = simulate(*options)
    _, errors = process.communicate(timeout=30)

    assert process.returncode == 2
    assert words in errors
    assert "Traceback" not in errors


def test_it_says_when_the_port_is_taken(simulate):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = simulate("--port", str(port))
        _, errors = process.communicate(timeout=30)

    assert process.returncode == 1
    assert errors.strip().endswith(
        f"Cannot listen on 127.0.0.1 port {port}: Address already in use."
    )
    assert len(errors.splitlines()) == 1
