"""Fixtures that start real things: servers, processes, a browser. A missing part is an error."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError, connection
from django.test.utils import setup_databases, teardown_databases
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright
from pytest_django.fixtures import Settings
from servestatic.middleware import ServeStaticMiddleware

from locks import append_only
from locks.simulator import Simulator
from tools import parts, prepared
from tools.processes import wait_for
from tools.servers import FakeSeam, PostgresServer, RedisServer, new_database
from tools.stack import Stack

# A test that uses one of these touches the database, and so runs on PostgreSQL, too.
DATABASE_FIXTURES = {"db", "transactional_db", "live_server", "stack"}
# Markers that follow from the fixtures.
STARTERS = {
    "browser": {"browser"},
    "processes": {"postgres_server", "redis_server", "fake_seam", "stack"},
}
IN_MEMORY = "file:tests?mode=memory&cache=shared"  # for all threads of a process
PATIENCE = 30_000  # milliseconds that a page has for what a test expects of it
CHROMIUM_OPTIONS = (
    "--no-sandbox",  # root and containers have none, and it opens nothing but our own pages
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-gpu-rasterization",  # Debian turns it on; without a GPU it costs a third of all time
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)


def find_static_files_once() -> None:
    """A process finds its static files once: each new test client would look for all of them (0.08 s)."""
    find = ServeStaticMiddleware.add_files_from_finders
    found: dict[Any, tuple[dict[Any, Any], list[Any]]] = {}

    def once(self: ServeStaticMiddleware) -> None:
        key = (self.static_prefix, self.autorefresh, self.max_age)
        if key not in found:
            find(self)
            found[key] = dict(self.files), list(self.directories)
        files, folders = found[key]
        self.files.update(files)
        self.directories[:] = folders

    ServeStaticMiddleware.add_files_from_finders = once


find_static_files_once()


def on_postgres() -> bool:
    """Whether this run's database is PostgreSQL (DATABASE_URL)."""
    return str(django_settings.DATABASES["default"]["ENGINE"]).endswith("postgresql")


@pytest.hookimpl(tryfirst=True)  # before -m looks at the markers
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Choose what this run's database calls for; what is left out counts as deselected."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        for marker, starters in STARTERS.items():
            if fixtures & starters:
                item.add_marker(marker)
    chosen = [item for item in items if belongs_here(item)]
    left_out = [item for item in items if item not in set(chosen)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = chosen


def belongs_here(item: pytest.Item) -> bool:
    """Whether the test says something about this run's database that the other run does not."""
    if not on_postgres():
        return item.get_closest_marker("postgres_only") is None
    if item.get_closest_marker("postgres_only"):
        return True  # whatever it uses: the other run leaves it out
    if item.get_closest_marker("sqlite_only") or item.get_closest_marker("browser"):
        return False
    fixtures = set(getattr(item, "fixturenames", ()))
    return bool(item.get_closest_marker("django_db") or fixtures & DATABASE_FIXTURES)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run that skipped something did not test it: it fails."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder that accessdesk.test_settings made for this run.

    A worker of xdist has it from the one that started it, and others still serve files from it.
    """
    if hasattr(config, "workerinput"):
        return
    folder = Path(django_settings.VAR_DIR)
    if folder.parent == Path(tempfile.gettempdir()) and folder.name.startswith("accessdesk-tests-"):
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def django_db_setup(django_db_modify_db_settings: None, django_db_blocker: Any) -> Iterator[None]:
    """The tests' database: migrated by the first process of a run, and copied by the others."""
    with django_db_blocker.unblock():
        if not prepared.is_shared():
            made = setup_databases(verbosity=0, interactive=False)
            yield
            teardown_databases(made, verbosity=0)
        elif on_postgres():
            _set_up_postgres()
            yield  # the run's server is thrown away
        else:
            _set_up_sqlite()
            yield  # it is in memory


def _set_up_postgres() -> None:
    url = os.environ["DATABASE_URL"]
    with prepared.kept_database(url, "tests") as (kept, is_there):
        if is_there:
            connection.settings_dict["TEST"]["TEMPLATE"] = kept
        setup_databases(verbosity=0, interactive=False)
        if not is_there:
            connection.close()
            connection.close_pool()
            prepared.copy_database(url, connection.settings_dict["NAME"], kept)


def _set_up_sqlite() -> None:
    with prepared.kept_file("tests") as (folder, kept):
        if not kept:
            setup_databases(verbosity=0, interactive=False)
            prepared.keep(connection.connection, folder / "tests.sqlite3")
            return
    connection.close()
    connection.settings_dict["NAME"] = django_settings.DATABASES["default"]["NAME"] = IN_MEMORY
    connection.ensure_connection()
    with closing(sqlite3.connect(kept)) as source:
        source.backup(connection.connection)


@pytest.fixture(autouse=True)
def unguarded_flush(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that commits is followed by emptying all tables, which the triggers would refuse.

    They go right before, and come back with the migrate signal that ends the emptying.
    """
    marker = request.node.get_closest_marker("django_db")
    names = {"transactional_db", "live_server"} & set(request.fixturenames)
    commits = bool(names) or bool(marker and marker.kwargs.get("transaction"))
    if commits:
        request.getfixturevalue("transactional_db")
    yield
    if commits:  # a page that was closed may still be answered
        wait_for(_uninstalled, seconds=20, what="what the server still answers ends")


def _uninstalled() -> bool:
    try:
        append_only.uninstall()
    except OperationalError:  # SQLite: "database table is locked"
        return False
    return True


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server of this test process's own; `.new_database()` gives a URL."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """An empty Redis server: `.url`, `.stop()`, `.start()`, `.freeze()`, `.thaw()`."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def fake_seam() -> Iterator[FakeSeam]:
    """Seam's published fake, freshly seeded: `.endpoint`, `.api_key`, see tools.servers."""
    with FakeSeam() as server:
        yield server


@pytest.fixture
def simulator(settings: Settings) -> Iterator[Simulator]:
    """The simulated Seam in a thread; SEAM_ENDPOINT points at it during the test."""
    with Simulator(api_key=settings.SIMULATED_KEY, port=0) as running:
        settings.SEAM_ENDPOINT = running.endpoint
        yield running


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Callable[..., Stack]]:
    """Start accessdesk as real processes: `stack(endpoint=…, api_key=…)`, see tools.stack.Stack.

    Its database is of the kind that this run is about; all processes are gone after the test.
    """
    with ExitStack() as running:
        made = 0

        def start(**options: Any) -> Stack:
            nonlocal made
            made += 1
            environment = dict(options.pop("environment", {}))
            if on_postgres() and "DATABASE_URL" not in environment:
                environment["DATABASE_URL"] = new_database(os.environ["DATABASE_URL"])
            folder = tmp_path / f"var-{made}"
            folder.mkdir(mode=0o700)
            return running.enter_context(Stack(folder, environment=environment, **options))

        yield start


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. One per module: while it is open, this thread has a running event loop.

    So a module with browser tests has no async tests. Django must not mind the loop.
    """
    path = parts.find(parts.CHROMIUM)
    if path is None:
        pytest.fail(f"Chromium is missing: {parts.HOW_TO_GET}.", pytrace=False)
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        # A busy machine is no failure: a test that is about a time names its own.
        expect.set_options(timeout=PATIENCE)
        running = playwright.chromium.launch(executable_path=path, args=CHROMIUM_OPTIONS)
        yield running
        running.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open a page in a browser profile of its own: `new_page(java_script_enabled=False)`.

    The test fails when a page of it broke the Content-Security-Policy or left an error uncaught.
    """
    problems: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            problems.append(message.text)

    with ExitStack() as opened:

        def open_page(**options: Any) -> Page:
            context = browser.new_context(**options)
            opened.callback(context.close)
            context.set_default_timeout(PATIENCE)
            context.on("console", note)
            context.on("weberror", lambda error: problems.append(str(error.error)))
            return context.new_page()

        yield open_page
    assert problems == []


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """A page of 1280 × 800 in a fresh browser profile."""
    return new_page(viewport={"width": 1280, "height": 800})
