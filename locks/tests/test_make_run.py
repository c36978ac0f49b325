"""`make run`, as a person uses it: real processes, a real terminal's signals."""

import os
import re
import secrets
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools import prepared
from tools.processes import ROOT, Process, free_port, wait_for

pytestmark = [pytest.mark.processes, pytest.mark.sqlite_only]
PARTS = ("simulate_seam", "uvicorn", "worker", "beat")
Start = Callable[..., Process]


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def make_run(var: Path, port: int) -> Iterator[Start]:
    """Start `make run` (further environment as keywords) in a folder and on a port of its own.

    A test fails that leaves a process behind. Where it `is_prepared`, a database is there already: to make
    one takes longer than all else.
    """
    started: list[Process] = []

    def start(*, is_prepared: bool = False, **environment: str) -> Process:
        env = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        env |= {"ACCESSDESK_ENV_FILE": os.devnull, "ACCESSDESK_VAR": str(var), "PORT": str(port)}
        # The usual port is for the one test that is about it: others may run beside it.
        env["SEAM_ENDPOINT"] = f"http://127.0.0.1:{free_port()}"
        if is_prepared:
            furnish(Path((env | environment)["ACCESSDESK_VAR"]), env)
        started.append(Process("make run", ["make", "run"], env=env | environment))
        return started[-1]

    yield start
    for process in started:
        process.stop()
    wait_until_gone(var)


def furnish(var: Path, env: dict[str, str]) -> None:
    """Put a prepared database there."""
    var.mkdir(mode=0o700)
    key = {"SEAM_SIMULATED": "1", "SECRET_KEY": secrets.token_urlsafe(64)}
    make = [sys.executable, "-m", "tools.prepare"]

    def made() -> None:
        subprocess.run(make, cwd=ROOT, env={**env, **key}, check=True, capture_output=True)

    prepared.prepare("", var, kind="simulated", make=made)


def running(var: Path) -> dict[int, str]:
    """The command lines of all processes that work for this folder, whoever their parent is."""
    found = {}
    mark = f"ACCESSDESK_VAR={var}\0".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes():
                words = (folder / "cmdline").read_bytes().split(b"\0")
                found[int(folder.name)] = b" ".join(words).decode().strip()
        except OSError:
            continue
    return {pid: words for pid, words in found.items() if words}


def pid_of(var: Path, part: str) -> int:
    """The process of one part: "uvicorn", "worker", "tools.run", ..."""
    return next(pid for pid, words in running(var).items() if f" {part}" in f"{words} ")


def wait_until_up(process: Process) -> None:
    def is_up() -> bool:
        assert process.exit_code is None, process.output()
        return "accessdesk is up" in process.output()

    wait_for(is_up, seconds=60, what="make run says that it is up")


def wait_until_gone(var: Path) -> None:
    try:
        wait_for(lambda: not running(var), seconds=30, what="every process ends")
    except TimeoutError:
        pytest.fail(f"still running: {running(var)}")


def ended(process: Process) -> str:
    """What a start that fails has said by its end."""
    assert process.wait(30), process.output()
    process.kill()
    assert process.exit_code != 0
    return process.output()


def test_it_says_where_it_is_how_to_sign_in_and_that_no_door_is_real(
    make_run: Start, port: int
) -> None:
    process = make_run()
    wait_until_up(process)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
        assert answer.status == 200
    process.stop()
    said = process.output()
    assert f"http://127.0.0.1:{port}" in said
    assert "SIMULATED: no real door moves" in said
    assert re.search(r"Sign in\s+\S+", said)
    assert "Traceback" not in said
    assert not re.search("warning", said, re.IGNORECASE), said


def test_behind_a_proxy_it_names_the_desks_own_address_and_refuses_no_host(
    make_run: Start, port: int
) -> None:
    process = make_run(is_prepared=True, ALLOWED_HOSTS="desk.example.com")
    wait_until_up(process)
    process.stop()
    said = process.output()
    assert "DisallowedHost" not in said
    assert re.search(r"Address\s+https://desk\.example\.com$", said, re.MULTILINE)
    assert f"http://127.0.0.1:{port}" not in said
    assert f"127.0.0.1:{port}" in said


def test_ctrl_c_ends_every_process_without_noise(make_run: Start, var: Path) -> None:
    process = make_run(is_prepared=True)
    wait_until_up(process)
    assert all(any(part in words for words in running(var).values()) for part in PARTS)
    process.send(signal.SIGINT)
    assert process.wait(30), process.output()
    wait_until_gone(var)
    process.kill()
    assert "Traceback" not in process.output()
    assert "Stopped." in process.output()


@pytest.mark.parametrize("victim", ["make", "tools.run"])
def test_no_process_stays_when_it_is_killed(make_run: Start, var: Path, victim: str) -> None:
    process = make_run(is_prepared=True)
    wait_until_up(process)
    os.kill(process.pid if victim == "make" else pid_of(var, victim), signal.SIGKILL)
    wait_until_gone(var)


@pytest.mark.parametrize("part", ["make", "tools.prepare", "uvicorn"])
def test_it_ends_when_it_is_stopped_while_starting(make_run: Start, var: Path, part: str) -> None:
    process = make_run(is_prepared=part == "uvicorn")
    wait_for(
        lambda: any(part in words for words in running(var).values()),
        seconds=20,
        what=f"make run starts {part}",
    )
    process.send(signal.SIGTERM)
    assert process.wait(30), process.output()
    wait_until_gone(var)


@pytest.mark.parametrize("part", PARTS)
def test_it_names_the_part_that_ended_and_stops_the_others(
    make_run: Start, var: Path, part: str
) -> None:
    process = make_run(is_prepared=True)
    wait_until_up(process)
    os.kill(pid_of(var, part), signal.SIGKILL)
    assert process.wait(45), process.output()
    wait_until_gone(var)
    process.kill()
    assert process.exit_code != 0
    assert "ended by itself (SIGKILL)" in process.output()


def test_it_says_when_its_port_is_taken_and_starts_nothing(
    make_run: Start, port: int, var: Path
) -> None:
    with socket.create_server(("127.0.0.1", port)):
        said = ended(make_run())
    assert f"Port {port} is taken by another program" in said
    assert "Traceback" not in said
    assert not var.exists()


def test_it_says_when_the_named_port_of_the_simulator_is_taken(make_run: Start, var: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        said = ended(make_run(SEAM_ENDPOINT=f"http://127.0.0.1:{number}"))
    assert f"Port {number} is taken by another program" in said
    assert not var.exists()


def test_two_installations_run_side_by_side_each_with_its_own_simulator(
    make_run: Start, var: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    wait_until_up(make_run(is_prepared=True, SEAM_ENDPOINT=""))
    elsewhere = {"ACCESSDESK_VAR": str(other), "PORT": str(free_port())}
    wait_until_up(make_run(is_prepared=True, SEAM_ENDPOINT="", **elsewhere))
    ports = {
        running(folder)[pid_of(folder, "simulate_seam")].split()[-1] for folder in (var, other)
    }
    assert len(ports) == 2


def test_it_refuses_a_second_start_from_the_same_folder(make_run: Start) -> None:
    wait_until_up(make_run(is_prepared=True))
    said = ended(make_run(PORT=str(free_port())))
    assert "already runs from" in said


@pytest.mark.parametrize("word", ["abc", "0", "70000"])
def test_it_says_when_the_port_is_no_port(make_run: Start, word: str) -> None:
    assert "PORT must be a number from 1 to 65535" in ended(make_run(PORT=word))


def test_it_makes_a_secret_key_once_that_only_this_account_can_read(
    make_run: Start, var: Path
) -> None:
    first = make_run()
    wait_until_up(first)
    made = (var / "secret_key").read_text()
    assert stat.S_IMODE((var / "secret_key").stat().st_mode) == 0o600
    assert stat.S_IMODE(var.stat().st_mode) == 0o700
    assert len(made.strip()) >= 50
    assert made.strip() not in first.output()
    first.stop()
    wait_until_up(make_run())
    assert (var / "secret_key").read_text() == made


def test_a_wrong_setting_stops_it_with_one_line(make_run: Start, var: Path) -> None:
    said = ended(make_run(UNLOCK_SEND_TIMEOUT="soon"))
    assert "accessdesk cannot start: UNLOCK_SEND_TIMEOUT must be a number." in said
    assert "Traceback" not in said
    wait_until_gone(var)


def test_without_a_key_it_leaves_a_database_that_somebody_named_alone(
    make_run: Start, var: Path, tmp_path: Path
) -> None:
    named = tmp_path / "named.sqlite3"
    said = ended(make_run(DATABASE_URL=f"sqlite:///{named}"))
    [line] = [line for line in said.splitlines() if "DATABASE_URL" in line]
    assert "SEAM_API_KEY" in line
    assert "SEAM_SIMULATED=1" in line
    assert "Traceback" not in said
    assert not named.exists()
    assert not var.exists()


def test_a_key_in_the_env_file_means_real_doors(make_run: Start, tmp_path: Path, var: Path) -> None:
    key = "seam_" + "k" * 20
    env_file = tmp_path / "env"
    env_file.write_text(f"SEAM_API_KEY={key}\nSEAM_ENDPOINT=http://127.0.0.1:{free_port()}\n")
    process = make_run(ACCESSDESK_ENV_FILE=str(env_file))
    wait_until_up(process)
    said = process.output()
    assert "REAL DOORS" in said
    assert "createsuperuser" in said
    assert "SIMULATED" not in said
    assert key not in said
    assert not any("simulate_seam" in words for words in running(var).values())
