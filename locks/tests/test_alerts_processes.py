"""With broker, worker and beat gone, the web processes tell managers all the same, and each thing once."""

from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path

from locks.simulator import Simulator
from locks.tests.installations import House
from tools.processes import wait_for
from tools.stack import Stack

TROUBLE = """
building = Device.objects.filter(building__isnull=False).first().building
User.objects.filter(pk__in=building.assignments.filter(role="manager").values("person")[:1]).update(
    email="manager@example.com")
building.devices.update(battery_status="low")
print(building.devices.count())
"""


def mails_in(folder: Path) -> list[str]:
    """The subjects of what was mailed, whole mails only."""
    found = []
    for path in sorted(folder.glob("*.log")):
        for part in path.read_bytes().split(b"-" * 79 + b"\n"):
            if part.strip():
                found.append(str(message_from_bytes(part)["Subject"]))
    return found


def test_two_web_processes_tell_once_without_a_worker(
    stack: Callable[..., Stack], simulator: Simulator, tmp_path: Path
) -> None:
    mails = tmp_path / "mails"
    mails.mkdir()
    house = House(
        stack, simulator, parts=("web", "web-2"), environment={"EMAIL_URL": f"filemail:///{mails}"}
    )
    doors = house.shell(TROUBLE)
    told = f"battery low in {doors} locks"
    wait_for(
        lambda: any(told in each.replace("\n", "") for each in mails_in(mails)),
        seconds=120,
        what="a manager is mailed",
    )
    tries = house.shell("print(*Notice.objects.values_list('tries', flat=True))").split()
    assert set(tries) == {"1"}
    assert len(mails_in(mails)) == len(tries)
