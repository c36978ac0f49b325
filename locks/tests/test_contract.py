"""One contract, two servers: Seam's published fake, unmodified, and our simulator."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests

from locks.seam import SeamClient, SeamOutcomeUnknown, SeamRejected, SeamUnauthorized, SendBy
from locks.services import following, inventory
from locks.services.tokens import issue_token
from locks.services.unlocking import PressForm, request_lock, request_unlock
from locks.simulator import Simulator
from locks.simulator.shapes import THERMOSTAT_ID
from locks.tests.factories import grant, make_building, make_device, make_user
from tools.processes import wait_for


@dataclass
class Server:
    endpoint: str
    api_key: str
    lock: str
    other_devices: set[str]

    @property
    def client(self) -> SeamClient:
        return SeamClient(api_key=self.api_key, endpoint=self.endpoint)

    def device_ids(self) -> set[str]:
        """All devices that the server has, locks or not."""
        headers = {"Authorization": f"Bearer {self.api_key}"}
        answer = requests.post(
            f"{self.endpoint}/devices/list", json={}, headers=headers, timeout=10
        )
        return {device["device_id"] for device in answer.json()["devices"]}


@pytest.fixture(params=["fake", "simulator"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    if request.param == "fake":
        fake = request.getfixturevalue("fake_seam")
        yield Server(fake.endpoint, fake.api_key, "august_device_1", {"ecobee_device_1"})
        return
    with Simulator(api_key="seam_simulated_key") as simulator:
        simulator.behave("harbour-main-entrance", "instant")
        yield Server(
            simulator.endpoint, "seam_simulated_key", "harbour-main-entrance", {THERMOSTAT_ID}
        )


def soon() -> SendBy:
    return SendBy.within(10)


def test_an_unlock_is_pending_and_then_succeeds(server: Server) -> None:
    attempt = server.client.unlock_door(server.lock, send_by=soon())
    assert attempt.status == "pending"
    assert attempt.action_type == "UNLOCK_DOOR"
    assert attempt.request_id

    def looked() -> list:
        return server.client.list_action_attempts([attempt.action_attempt_id])

    wait_for(lambda: looked()[0].status == "success", seconds=5, what="the attempt succeeds")
    again = server.client.get_action_attempt(attempt.action_attempt_id)
    assert (again.status, again.action_attempt_id) == ("success", attempt.action_attempt_id)


def test_a_lock_is_pending_and_then_succeeds(server: Server) -> None:
    attempt = server.client.lock_door(server.lock, send_by=soon())
    assert (attempt.status, attempt.action_type) == ("pending", "LOCK_DOOR")

    def looked() -> list:
        return server.client.list_action_attempts([attempt.action_attempt_id])

    wait_for(lambda: looked()[0].status == "success", seconds=5, what="the attempt succeeds")


def test_an_unknown_lock_is_a_rejection_to_a_lock_command_too(server: Server) -> None:
    with pytest.raises(SeamRejected) as caught:
        server.client.lock_door("no-such-lock", send_by=soon())
    assert (caught.value.status, caught.value.code) == (404, "device_not_found")


def test_a_list_of_unknown_attempts_is_empty(server: Server) -> None:
    assert server.client.list_action_attempts(["no-such-attempt"]) == []


def test_a_list_tells_of_the_known_attempts_among_unknown_ones(server: Server) -> None:
    attempt = server.client.unlock_door(server.lock, send_by=soon())
    found = server.client.list_action_attempts(["no-such-attempt", attempt.action_attempt_id])
    assert [each.action_attempt_id for each in found] == [attempt.action_attempt_id]


def test_an_unknown_attempt_is_a_rejection(server: Server) -> None:
    with pytest.raises(SeamRejected) as caught:
        server.client.get_action_attempt("no-such-attempt")
    assert caught.value.status == 404


def test_an_unknown_lock_is_a_rejection_that_names_it_so(server: Server) -> None:
    with pytest.raises(SeamRejected) as caught:
        server.client.unlock_door("no-such-lock", send_by=soon())
    assert (caught.value.status, caught.value.code) == (404, "device_not_found")
    assert caught.value.request_id


def test_a_wrong_key_is_unauthorized(server: Server) -> None:
    client = SeamClient(api_key="seam_wrong_key", endpoint=server.endpoint)
    with pytest.raises(SeamUnauthorized) as caught:
        client.unlock_door(server.lock, send_by=soon())
    assert "seam_wrong_key" not in f"{caught.value!r}{caught.value}"


def test_the_locks_are_listed_and_nothing_else(server: Server) -> None:
    assert server.other_devices <= server.device_ids(), "the server has nothing else to leave out"
    locks = [lock for page in server.client.iter_lock_pages() for lock in page.locks]
    assert server.lock in {lock.device_id for lock in locks}
    assert not server.other_devices & {lock.device_id for lock in locks}
    mine = next(lock for lock in locks if lock.device_id == server.lock)
    assert mine.can_remotely_unlock
    assert mine.can_remotely_lock
    assert mine.name
    assert mine.workspace_id == server.client.get_workspace().workspace_id


@pytest.fixture
def door_at(db, settings):
    """A common door of a server, and its clerk."""

    def make(server: Server):
        settings.SEAM_ENDPOINT, settings.SEAM_API_KEY = server.endpoint, server.api_key
        house, clerk = make_building(), make_user()
        grant(clerk, house)
        return clerk, make_device(house, seam_device_id=server.lock)

    return make


def press(clerk, door):
    form = PressForm(token=issue_token(person=clerk, device=door))
    return request_unlock(actor=clerk, device=door, form=form).press.request


def test_a_press_is_followed_to_unlocked(server: Server, door_at) -> None:
    request = press(*door_at(server))
    following.follow()
    request.refresh_from_db()
    assert request.status == "unlocked"


def test_a_press_on_lock_is_followed_to_locked(server: Server, door_at) -> None:
    clerk, door = door_at(server)
    token = issue_token(person=clerk, device=door, action="lock")
    request = request_lock(actor=clerk, device=door, form=PressForm(token=token)).press.request
    following.follow()
    request.refresh_from_db()
    assert request.status == "locked"


def test_a_sync_brings_the_locks_in_unassigned_and_private(server: Server, door_at) -> None:
    _clerk, known = door_at(server)
    known.delete()
    report = inventory.sync_devices()
    from locks.models import Device

    door = Device.objects.get(seam_device_id=server.lock)
    assert report.added >= 1
    assert door.building is None
    assert door.is_private
    assert door.can_remotely_lock


def fake_door(fake_seam, door_at):
    return door_at(Server(fake_seam.endpoint, fake_seam.api_key, "august_device_1", set()))


def test_seams_fake_has_the_lock_unlocked_after_the_press(fake_seam, door_at) -> None:
    request = press(*fake_door(fake_seam, door_at))
    following.follow()
    request.refresh_from_db()
    assert request.status == "unlocked"
    lock = fake_seam.call("/locks/get", device_id="august_device_1")
    assert (lock.get("lock") or lock["device"])["properties"]["locked"] is False


def test_seams_fake_has_the_lock_locked_after_a_press_on_lock(fake_seam, door_at) -> None:
    clerk, door = fake_door(fake_seam, door_at)
    unlocking = press(clerk, door)
    following.follow()
    token = issue_token(person=clerk, device=door, action="lock")
    locking = request_lock(actor=clerk, device=door, form=PressForm(token=token)).press.request
    following.follow()
    unlocking.refresh_from_db()
    locking.refresh_from_db()
    assert (unlocking.status, locking.status) == ("unlocked", "locked")
    lock = fake_seam.call("/locks/get", device_id="august_device_1")
    assert (lock.get("lock") or lock["device"])["properties"]["locked"] is True


def test_an_error_at_seams_fake_reads_not_unlocked_with_its_reason(fake_seam, door_at) -> None:
    request = press(*fake_door(fake_seam, door_at))
    fake_seam.update_action_attempt(
        request.action_attempt_id,
        status="error",
        error={"type": "device_disconnected", "message": "Bridge is offline"},
    )
    following.follow()
    request.refresh_from_db()
    assert (request.outcome, request.error_type) == ("failed", "device_disconnected")
    assert request.error_message == "Bridge is offline"


def test_an_outage_at_seams_fake_reads_unknown(fake_seam, door_at) -> None:
    clerk, door = fake_door(fake_seam, door_at)
    fake_seam.simulate_outage("/locks/unlock_door")
    assert press(clerk, door).outcome == "unknown"


def test_the_fakes_client_error_tells_that_the_lock_may_have_moved(fake_seam) -> None:
    fake_seam.simulate_outage("/locks/unlock_door")
    client = SeamClient(api_key=fake_seam.api_key, endpoint=fake_seam.endpoint)
    with pytest.raises(SeamOutcomeUnknown) as caught:
        client.unlock_door("august_device_1", send_by=soon())
    assert caught.value.can_have_moved
