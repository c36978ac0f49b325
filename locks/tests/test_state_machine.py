"""G1 to G7 under random interleavings: a state machine against real services, database and server."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from pytest_django.fixtures import Settings

from locks.clients import seam_client
from locks.tests.deliveries import SECRET
from locks.tests.machine import FrontDesk
from locks.tests.machine_checks import witness
from locks.tests.machine_seam import KnowingSeam
from locks.tests.servers import RecordingServer
from tools import prepared

SHARDS = 8
ALONE = "ACCESSDESK_SHARD_ALONE"  # set in the process of one shard
# No power is cut here, so nothing waits for the disk.
PRAGMAS = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
# A shard; LIVES=2 lives twice as many.
EXAMPLES = int(os.environ.get("LIVES", 1)) * (18 if connection.vendor == "sqlite" else 5)
# SHRINK=1 pytest -n 0 -o faulthandler_timeout=0 -k promises_hold: the shortest life that breaks a promise.
PHASES = (Phase.generate, Phase.shrink) if os.environ.get("SHRINK") else (Phase.generate,)


@pytest.fixture
def database(
    transactional_db: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """On SQLite a file in WAL mode, as people run it: other threads see what is committed, no more.

    (The tests' usual database lives in memory, where a reader collides with an open transaction.)
    """
    if connection.vendor != "sqlite":
        yield
        return
    connection.ensure_connection()
    memory, name = connection.connection, connection.settings_dict["NAME"]
    file = tmp_path / "machine.sqlite3"
    with closing(sqlite3.connect(file)) as target:
        memory.backup(target)
    connection.connection, connection.settings_dict["NAME"] = None, str(file)
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "init_command", PRAGMAS)
    try:
        yield
    finally:
        connection.close()
        connection.connection, connection.settings_dict["NAME"] = memory, name


@pytest.fixture
def seam(database: None, settings: Settings) -> Iterator[KnowingSeam]:
    with KnowingSeam(witness) as running:
        settings.SEAM_ENDPOINT = running.endpoint
        settings.SEAM_WEBHOOK_SECRETS = [SECRET]
        yield running
        seam_client().close()


@pytest.fixture
def nowhere() -> Iterator[str]:
    with RecordingServer(listening=False) as server:
        yield server.endpoint


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_the_promises_hold_whatever_happens(request: pytest.FixtureRequest, shard: int) -> None:
    """Each shard in a process of its own on SQLite: what the lives of one leave in a process would
    make those of the next go on otherwise than hypothesis saw them begin.
    """
    if connection.vendor != "sqlite" or os.environ.get(ALONE):
        live(request.getfixturevalue("seam"), request.getfixturevalue("nowhere"), shard)
        return
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider"]
    theirs = ("PYTEST_", "ACCESSDESK_")  # of this process: its folder, its tests
    ours = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
    done = subprocess.run(
        [*command, request.node.nodeid],
        cwd=request.config.rootpath,
        env={**ours, ALONE: "1", prepared.FOLDER: os.environ.get(prepared.FOLDER, "")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5_000:]


def live(seam: KnowingSeam, nowhere: str, shard: int) -> None:
    """The random lives of one shard."""
    machine = seed(shard)(type("Desk", (FrontDesk,), {"seam": seam, "nowhere": nowhere}))
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=10,
            database=None,
            deadline=None,
            phases=PHASES,
            suppress_health_check=list(HealthCheck),
        ),
    )
