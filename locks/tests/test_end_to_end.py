"""The whole road on real processes: web, worker and beat, over real HTTP, as clerks walk it."""

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import requests

from locks.simulator import Simulator
from locks.tests.deliveries import PATH, SECRET, event_json, signed
from locks.tests.installations import MAIN, OUTCOME, House, card, shows
from locks.tests.visitors import Visitor
from tools.processes import wait_for


@pytest.fixture
def house(stack, simulator: Simulator):
    """A running installation, and a way to sign in to it."""

    return partial(House, stack, simulator)


def test_every_console_of_the_building_follows_a_press(house, simulator) -> None:
    installation = house()
    clerk, colleague = installation.visitor("clerk"), installation.visitor("clerk2")
    stranger = installation.visitor("park-clerk")
    door, _text = card(clerk, "Main entrance")
    with colleague.listening() as ear, stranger.listening() as elsewhere:
        ear.wait_for("beat")
        elsewhere.wait_for("beat")
        assert clerk.press(door, token=clerk.token(door)).status_code == 303
        wait_for(lambda: shows(colleague, OUTCOME), seconds=30, what="the colleague sees it")
        wait_for(
            lambda: any(name.startswith("building-") for name in ear.names),
            seconds=30,
            what="the stream tells of it",
        )
        assert set(elsewhere.names) == {"beat"}
    assert "Main entrance" not in stranger.get("/").text
    assert simulator.posts(MAIN) == 1
    answer = stranger.press(door, token=clerk.token(door))
    assert answer.status_code == 404
    assert simulator.posts(MAIN) == 1
    assert (
        installation.shell("print(AuditEvent.objects.filter(kind='unlock.refused').count())") == "1"
    )
    # A role that ends is gone from page and stream within 5 s, here: everything the colleague had.
    with colleague.listening() as ear:
        ear.wait_for("beat")
        ended = installation.shell(
            "import time; from django.utils import timezone;"
            "Assignment.objects.filter(person__username='clerk2').update(revoked_at=timezone.now());"
            "print(time.monotonic())"  # of this machine's one clock
        )
        assert ear.wait_for("roles") - float(ended) < 5
    assert colleague.get(f"/doors/{door}/").status_code == 404
    # Signing out ends the stream; so does a deactivated account.
    with clerk.listening() as ear:
        ear.wait_for("beat")
        ended = installation.shell(
            "import time; User.objects.filter(username='clerk').update(is_active=False);"
            "print(time.monotonic())"
        )
        assert ear.wait_for("gone", seconds=30) - float(ended) < 5
        assert ear.ended.wait(30)


@pytest.mark.parametrize("behaviour", ["instant", "slow"])
def test_presses_at_the_same_time_are_sent_once(house, simulator, behaviour) -> None:
    installation = house(parts=("web", "worker"))
    simulator.behave(MAIN, behaviour)
    clerk, colleague = installation.visitor("clerk"), installation.visitor("clerk2")
    door, _text = card(clerk, "Main entrance")
    csrf = {each: each.csrf() for each in (clerk, colleague)}

    def post(visitor: Visitor, token: str) -> int:
        data = {"token": token}
        return visitor.post(f"/doors/{door}/unlock/", data, csrf=csrf[visitor]).status_code

    # One token eight times: a double click, a browser that retries, the back button.
    token = clerk.token(door)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _n: post(clerk, token), range(8))) == {303}
    assert simulator.posts(MAIN) == 1
    installation.shell("from locks.services import following; following.follow()")
    wait_for(lambda: shows(clerk, OUTCOME), seconds=30, what="the outcome")
    installation.shell(
        "import datetime as dt; from django.utils import timezone;"
        "UnlockRequest.objects.update(ended_at=timezone.now() - dt.timedelta(seconds=9))"
    )
    # Eight tabs of one clerk and one of another.
    simulator.hold(MAIN)
    presses = [(clerk, clerk.token(door)) for _tab in range(8)]
    presses.append((colleague, colleague.token(door)))
    with ThreadPoolExecutor(9) as pool:
        assert set(pool.map(lambda each: post(*each), presses)) == {303}
    assert simulator.posts(MAIN) == 2
    joined = "Press.objects.filter(request=UnlockRequest.objects.latest('pk'), verdict='joined')"
    assert installation.shell(f"print({joined}.count())") == "8"


def test_it_works_without_broker_and_worker(house, simulator) -> None:
    installation = house(parts=("web",), environment={"CELERY_BROKER_URL": "redis://127.0.0.1:9/0"})
    clerk = installation.visitor("clerk")
    door, _text = card(clerk, "Main entrance")
    assert clerk.press(door, token=clerk.token(door)).status_code == 303
    wait_for(lambda: shows(clerk, OUTCOME), seconds=30, what="the outcome")
    assert clerk.get("/readyz").text == "degraded\n"


def test_it_works_with_redis(house, simulator, redis_server) -> None:
    installation = house(environment={"CELERY_BROKER_URL": redis_server.url})
    clerk = installation.visitor("clerk")
    door, _text = card(clerk, "Main entrance")
    clerk.press(door, token=clerk.token(door))
    wait_for(lambda: shows(clerk, OUTCOME), seconds=30, what="the outcome")
    wait_for(lambda: clerk.get("/readyz").text == "yes\n", seconds=60, what="a worker is seen")


def test_a_restart_ends_streams_at_once_and_lets_a_press_finish(house, simulator) -> None:
    installation = house(parts=("web",))
    clerk = installation.visitor("clerk")
    door, _text = card(clerk, "Main entrance")
    token = clerk.token(door)
    simulator.withhold(MAIN)
    with clerk.listening() as ear, ThreadPoolExecutor(1) as pool:
        ear.wait_for("beat")
        pressing = pool.submit(clerk.press, door, token=token)
        assert simulator.wait_for_calls("/locks/unlock_door", timeout=30)
        stopping = ThreadPoolExecutor(1).submit(installation.stack.stop, "web")
        assert ear.ended.wait(5), "the stream outlived the request to stop"
        simulator.release(MAIN)
        assert pressing.result(30).status_code == 303
        stopping.result(40)
    states = "print(*UnlockRequest.objects.values_list('status', flat=True))"
    assert installation.shell(states) in {"pending", "unlocked"}


def test_a_webhook_shows_on_every_console_and_has_the_attempt_looked_at_now(
    house, simulator
) -> None:
    installation = house(parts=("web",), environment={"SEAM_WEBHOOK_SECRET": SECRET})
    clerk, svix = installation.visitor("clerk"), requests.Session()
    simulator.behave(MAIN, "instant")
    simulator.hold(MAIN)
    door, _text = card(clerk, "Main entrance")
    clerk.press(door, token=clerk.token(door))
    (attempt_id,) = installation.shell(
        "print(*UnlockRequest.objects.values_list('action_attempt_id', flat=True))"
    ).split()

    def tell(event_type: str, seam_id: str, **facts: str) -> int:
        event = {**event_json(event_type), "device_id": seam_id, **facts}
        body = json.dumps(event)
        address = installation.stack.url + PATH
        return svix.post(address, body, headers=signed(body), timeout=20).status_code

    with clerk.listening() as ear:
        ear.wait_for("beat")
        assert tell("lock.unlocked", "harbour-parking-gate", method="keycode") == 204
        wait_for(
            lambda: "Unlocked by code" in clerk.get("/").text, seconds=30, what="the log tells"
        )
        wait_for(
            lambda: any(name.startswith("building-") for name in ear.names),
            seconds=30,
            what="the stream tells of it",
        )
    put_off = "timezone.now() + dt.timedelta(minutes=5)"
    installation.shell(
        "import datetime as dt; from django.utils import timezone;"
        f"UnlockRequest.objects.update(next_look_at={put_off})"
    )
    simulator.release(MAIN)
    finished = "action_attempt.unlock_door.succeeded"
    assert tell(finished, MAIN, action_attempt_id=attempt_id, status="success") == 204
    wait_for(lambda: shows(clerk, OUTCOME), seconds=60, what="the attempt was looked at")
    assert simulator.posts(MAIN) == 1


def test_the_key_appears_nowhere(stack, fake_seam) -> None:
    running = stack(
        endpoint=fake_seam.endpoint, api_key=fake_seam.api_key, parts=("web", "worker", "beat")
    )
    running.manage(
        "shell",
        "-c",
        "from locks.tests.factories import *; house = make_building('House');"
        "clerk = make_user('clerk'); grant(clerk, house);"
        "make_device(house, label='Main entrance', seam_device_id='august_device_1');"
        "make_device(house, label='Ghost', seam_device_id='no-such-device')",
    )
    clerk = Visitor(running.url, "clerk", "a-password-for-tests")
    texts = []
    for label in ("Main entrance", "Ghost"):
        door, _text = card(clerk, label)
        clerk.press(door, token=clerk.token(door))
        texts.append(clerk.get("/", headers={"HX-Request": "true"}).text)
    wait_for(lambda: shows(clerk, "Accepted"), seconds=30, what="the outcome")
    fake_seam.simulate_outage("/locks/unlock_door")
    door, _text = card(clerk, "Ghost")
    texts.append(clerk.press(door, token=clerk.token(door)).text)
    texts += [clerk.get(path).text for path in ("/", "/history/", "/no-such-page/", "/readyz")]
    running.stop("web")
    assert all(fake_seam.api_key not in text for text in (*texts, running.output()))
    lock = fake_seam.call("/locks/get", device_id="august_device_1")
    assert (lock.get("lock") or lock["device"])["properties"]["locked"] is False
