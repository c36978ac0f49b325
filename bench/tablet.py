"""How soon the desk can be used on a slow tablet: when it is painted, and when its scripts have run.

Real web process, SQLite, the demo's building of ten doors, then of forty and of sixty, and an area of 120,
with the log of a busy night (100 rows); Chromium on a line of 10 Mbit/s with 40 ms delay, slowed down to
the middle of what Lighthouse calls a mid-tier mobile device
(https://github.com/GoogleChrome/lighthouse/blob/main/docs/throttling.md).
How fast this machine is, is measured before each visit: it varies from minute to minute.
"""

import statistics
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from conftest import CHROMIUM_OPTIONS
from locks.simulator import Simulator
from locks.tests.desks import SIZES
from locks.tests.visitors import DEMO_PASSWORD
from tools import parts
from tools.stack import Stack

ROUNDS = 10
# Of the tablet, as Lighthouse's BenchmarkIndex: mid-tier mobile devices have 125 to 800.
SPEED = 450
LINE = {"offline": False, "latency": 40, "downloadThroughput": 1.25e6, "uploadThroughput": 6e5}
FILL = """
home = Building.objects.get(name='Harbour House')
Device.objects.bulk_create(Device(building=home, seam_device_id=f'made-up-{number}',
    label=f'Room {number}', area=f'Floor {number // 10}', online=True, can_remotely_unlock=True)
    for number in range(120 + Device.objects.filter(building=home).count(), 120 + %d))
"""
# Of a large building an area is opened, whole; of more doors in one than these nothing is promised.
AREA = """
home = Building.objects.get(name='Harbour House')
Device.objects.bulk_create(Device(building=home, seam_device_id=f'annex-{number}',
    label=f'Annex {number}', area='Annex', online=True, can_remotely_unlock=True) for number in range(120))
print(f'buildings/{home.pk}/?area=Annex')
"""
LOG = """
from locks.tests.factories import request_of
home, clerk = Building.objects.get(name='Harbour House'), User.objects.get(username='clerk2')
doors = list(home.devices.order_by('pk'))
for number in range(100):
    request_of(doors[number % len(doors)], clerk, 'unlocked', ago=200 + 60 * number, confirmed_by_device=True)
"""
# That index: how many hundred strings of 10,000 letters are put together in a second, and how many tens of
# times 100,000 numbers are copied; the mean of both, each for half a second.
INDEX = """() => {
    const rate = (work, parts) => {
        const begun = performance.now();
        let [rounds, spent] = [0, 0];
        for (; rounds % parts || spent < 500; spent = performance.now() - begun) work(rounds++);
        return rounds / (spent / 100);
    };
    const lists = [0, 1].map(() => Array.from({ length: 100_000 }, (_, number) => number));
    const letters = () => {
        let text = "";
        for (let at = 0; at < 10_000; at++) text += "a";
        return text.length;
    };
    const copy = (round) => {
        const [from, to] = [lists[round % 2], lists[(round + 1) % 2]];
        for (let at = 0; at < from.length; at++) to[at] = from[at];
    };
    return (rate(letters, 1) + rate(copy, 10)) / 2;
}"""
# Milliseconds from the click: painted, and the deferred scripts have run.
TIMES = """() => new Promise((done) => {
    const [page] = performance.getEntriesByType("navigation");
    new PerformanceObserver((seen) => {
        const paint = seen.getEntriesByName("first-contentful-paint")[0];
        if (paint) done([paint.startTime, page.domContentLoadedEventEnd]);
    }).observe({ type: "paint", buffered: true });
})"""


def measure() -> dict[str, float]:
    """Milliseconds, by name."""
    figures: dict[str, float] = {}
    with (
        Simulator(api_key="seam_simulated_key") as seam,
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder), endpoint=seam.endpoint, parts=("web",)) as stack,
        sync_playwright() as playwright,
    ):
        chromium = parts.find(parts.CHROMIUM)
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_OPTIONS)
        for doors, fill in ((10, LOG), (40, FILL % 40), (60, FILL % 60), (120, AREA)):
            path = stack.manage("shell", "-v0", "-c", fill).strip()
            visits = (_visit(browser, stack.url, path) for _ in range(ROUNDS))
            first, again = zip(*visits, strict=True)
            for name, times in (("first visit", first), ("with its files kept", again)):
                painted, usable = (statistics.median(each) for each in zip(*times, strict=True))
                figures[f"slow tablet, desk of {doors} doors, {name}: painted"] = painted
                figures[f"slow tablet, desk of {doors} doors, {name}: usable"] = usable
        browser.close()
    return figures


def _visit(browser: Browser, url: str, path: str) -> tuple[Any, Any]:
    """A browser that knows nothing opens the desk, or what is at `path`, and opens it again."""
    width, height = SIZES["tablet"]
    context = browser.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    page.goto(f"{url}/accounts/login/")
    page.get_by_label("User name").fill("clerk")
    page.get_by_label("Password").fill(DEMO_PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{url}/")
    line = context.new_cdp_session(page)
    line.send("Network.enable")
    line.send("Network.clearBrowserCache")
    line.send("Network.emulateNetworkConditions", LINE)
    line.send("Emulation.setCPUThrottlingRate", {"rate": max(1, page.evaluate(INDEX) / SPEED)})
    times = tuple(_opened(page, f"{url}/{path}") for _ in range(2))
    context.close()
    return times


def _opened(page: Page, url: str) -> Any:
    page.goto("about:blank")
    page.goto(url, wait_until="load")
    return page.evaluate(TIMES)
