"""Messages as files: whoever is killed while writing one, or reads one half written, ends no worker."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection

from accessdesk.embedded_broker import Transport
from locks.simulator import Simulator
from locks.tests.installations import MAIN, OUTCOME, House, press, shows
from tools.processes import wait_for
from tools.stack import Stack

MESSAGES = 400


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    queue = tmp_path / "queue"
    queue.mkdir()
    options = {
        "data_folder_in": str(queue),
        "data_folder_out": str(queue),
        "control_folder": str(tmp_path / "control"),
    }
    with Connection("filesystem://localhost", transport=Transport, transport_options=options) as it:
        yield it


def test_a_message_is_seen_whole_or_not_at_all(connection: Connection) -> None:
    """Each is read as soon as it can be seen, while the next is written."""
    writer, reader = connection.channel(), connection.channel()
    text = "x" * 5_000

    def write() -> None:
        for number in range(MESSAGES):
            writer._put("celery", {"number": number, "text": text})

    thread = threading.Thread(target=write)
    thread.start()
    found: list[int] = []
    while thread.is_alive() or len(found) < MESSAGES:
        try:
            found.append(reader._get("celery")["number"])
        except Empty:
            if not thread.is_alive() and reader._size("celery") == 0:
                break
    thread.join()
    assert sorted(found) == list(range(MESSAGES))
    assert list(Path(reader.data_folder_in).iterdir()) == []


def test_what_cannot_be_read_is_left_out_and_said(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    channel = connection.channel()
    folder = Path(channel.data_folder_in)
    (folder / "0_a.celery.msg").write_text("")
    (folder / "0_b.celery.msg").write_text('{"half": ')
    channel._put("celery", {"whole": True})
    assert channel._get("celery") == {"whole": True}
    assert caplog.messages == ["A message of celery could not be read, and was left out."] * 2
    with pytest.raises(Empty):
        channel._get("celery")


def test_a_list_of_queues_that_was_left_half_written_is_written_anew(
    connection: Connection,
) -> None:
    channel = connection.channel()
    channel.control_folder.mkdir()
    (channel.control_folder / "celery.exchange").write_text("")
    assert channel.get_table("celery") == []
    channel._queue_bind("celery", "celery", "", "celery")
    assert [each.queue for each in channel.get_table("celery")] == ["celery"]


@pytest.mark.sqlite_only  # the same on any database
def test_a_worker_outlives_what_others_left_half_written(
    stack: Callable[..., Stack], simulator: Simulator
) -> None:
    simulator.behave(MAIN, "instant")
    house = House(stack, simulator)
    (queue,) = house.stack.var.glob("broker*/queue")
    (queue / "0_left.celery.msg").write_text("")
    clerk = house.visitor()
    assert press(clerk) == 303
    wait_for(lambda: shows(clerk, OUTCOME), seconds=20, what="the outcome shows")
    wait_for(lambda: not list(queue.glob("*.msg")), seconds=20, what="the messages are read")
    assert house.stack.processes["worker"].exit_code is None
