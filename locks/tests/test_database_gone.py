"""The database stopped under open browsers: nothing unrecorded is sent, no answer is lost, it heals."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from playwright.sync_api import Locator, Page, expect

from locks.simulator import Simulator
from locks.tests.servers import until
from locks.tests.visitors import DEMO_PASSWORD, Visitor
from tools.servers import PostgresServer
from tools.stack import Stack

MAIN, UNLOCK = "harbour-main-entrance", "/locks/unlock_door"


@pytest.fixture(scope="module")
def simulated() -> Iterator[Simulator]:
    with Simulator(api_key="seam_simulated_key", port=0) as running:
        yield running


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A server of this module's own, to be stopped."""
    with PostgresServer() as running:
        yield running


@pytest.fixture(scope="module")
def house(
    simulated: Simulator, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("var", numbered=True)
    where = {"DATABASE_URL": postgres.new_database()}
    with Stack(folder, endpoint=simulated.endpoint, parts=("web",), environment=where) as running:
        yield running


@pytest.fixture
def clerk(house: Stack, new_page: Callable[..., Page]) -> Page:
    page = new_page(viewport={"width": 1280, "height": 800})
    page.goto(house.url)
    page.get_by_label("User name").fill("clerk")
    page.get_by_label("Password").fill(DEMO_PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#connection")).to_have_text("Live")
    return page


def card(page: Page, label: str) -> Locator:
    return page.locator(f'.card[data-label="{label}"]')


def unlock(page: Page, label: str) -> Locator:
    return card(page, label).get_by_role("button", name=re.compile(r"Unlock\b"))


def rows(house: Stack, seam_id: str) -> list[str]:
    """Status of every request of a door, oldest first."""
    code = (
        f"print(*UnlockRequest.objects.filter(device__seam_device_id='{seam_id}')"
        ".order_by('pk').values_list('status', flat=True))"
    )
    return house.manage("shell", "-v0", "-c", code).split()


def test_nothing_is_sent_without_a_record_and_the_page_heals_by_itself(
    house: Stack, clerk: Page, postgres: PostgresServer, simulated: Simulator
) -> None:
    postgres.stop()
    unlock(clerk, "Main entrance").click()
    told = "The desk's database cannot be reached. Nothing was sent."
    expect(clerk.locator("body")).to_contain_text(told, timeout=30_000)
    assert simulated.posts(MAIN) == 0
    expect(clerk.locator("#connection")).not_to_have_text("Live")
    postgres.start()
    expect(clerk.locator("#connection")).to_have_text("Live", timeout=60_000)
    unlock(clerk, "Main entrance").click()
    expect(card(clerk, "Main entrance")).to_contain_text("Unlocked, confirmed")
    assert simulated.posts(MAIN) == 1
    assert rows(house, MAIN) == ["unlocked"]


def test_an_answer_is_recorded_where_the_database_is_back_in_time(
    house: Stack, clerk: Page, postgres: PostgresServer, simulated: Simulator
) -> None:
    door = "harbour-bike-cellar"
    simulated.behave(door, "prompt")
    simulated.withhold(door)
    unlock(clerk, "Bike cellar").click()
    until(lambda: simulated.posts(door) == 1)
    postgres.stop()
    simulated.release(door)
    postgres.start()
    # Where the server takes longer to start than the answer is kept for, Seam's records have it still.
    came = re.compile("Unlocked, (confirmed|inferred)")
    expect(card(clerk, "Bike cellar")).to_contain_text(came, timeout=90_000)
    assert rows(house, door) == ["unlocked"]
    assert simulated.posts(door) == 1


def test_what_could_not_be_recorded_is_told_and_settled_later(
    house: Stack, clerk: Page, postgres: PostgresServer, simulated: Simulator
) -> None:
    door = "harbour-loading-dock"
    simulated.behave(door, "prompt")
    simulated.withhold(door)
    unlock(clerk, "Loading dock").click()
    until(lambda: simulated.posts(door) == 1)
    postgres.stop()
    simulated.release(door)
    told = "what came of it could not be recorded"
    expect(clerk.locator("body")).to_contain_text(told, timeout=30_000)
    postgres.start()
    expect(card(clerk, "Loading dock")).to_contain_text(
        re.compile("Unlocked|May have unlocked"), timeout=90_000
    )
    until(lambda: rows(house, door) == ["unlocked"], 90)  # found in Seam's own records
    assert simulated.posts(door) == 1
    assert "BROKEN" not in house.manage("verify_audit")


def test_a_cut_of_all_connections_fails_one_request_and_not_one_for_each(
    house: Stack, clerk: Page, simulated: Simulator
) -> None:
    """As a restart of the database does, or a firewall that drops what is idle."""
    door = "harbour-parking-gate"
    simulated.behave(door, "prompt")
    visitor = Visitor(house.url, "clerk2", DEMO_PASSWORD)
    with ThreadPoolExecutor(30) as crowd:
        assert set(crowd.map(lambda _n: visitor.get("/").status_code, range(90))) == {200}
    simulated.withhold(door)
    unlock(clerk, "Parking gate").click()
    until(lambda: simulated.posts(door) == 1)
    assert cut_all(house) > 10
    simulated.release(door)
    expect(card(clerk, "Parking gate")).to_contain_text("Unlocked, confirmed")
    with ThreadPoolExecutor(30) as crowd:
        list(crowd.map(lambda _n: visitor.get("/"), range(90)))
    assert cut_all(house) > 10
    answers = [visitor.get("/").status_code for _ in range(20)]
    assert answers.count(503) <= 2, answers


def cut_all(house: Stack) -> int:
    """End all connections of the house; how many there were."""
    with psycopg.connect(house.environment["DATABASE_URL"], autocommit=True) as cutter:
        cut = cutter.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
        return int(cut.fetchone()[0])
