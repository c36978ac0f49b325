"""Every page, and the desk in every state, to be looked at one after the other in one browser page.

The pages come from the resolver and the access matrix: a new one is among them at once. More of the
desk is in gallery_desk.py and gallery_card.py; scenes.py has all of them, by kind.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import OperationalError
from django.test import Client, RequestFactory
from django.urls import resolve
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from locks.models import Building, Device, Role, Status, UnlockRequest, User
from locks.models.unlocks import ENDED_STATUSES
from locks.services.errors import BadInput
from locks.services.pins import set_pin
from locks.services.resetting import give_reset
from locks.tests import test_access_matrix as matrix
from locks.tests.conftest import signed_in
from locks.tests.factories import grant, make_building, make_device, make_user, request_of
from locks.tests.history import past_refusal
from locks.tests.proofs import code_of, give_app, give_passkey, sign_in
from locks.views import errors as views

# Whose view of a page is looked at, where several see it.
PREFERRED = ("manager", "superuser", "clerk", "stranger")
# They answer machines and scripts, and are no page.
DATA = {"healthz", "readyz", "accounts/session/", "admin/jsi18n/", "history/open/"}
# They lead elsewhere, whoever asks.
ONWARDS = {
    *("admin/login/", "admin/logout/", "admin/password_change/", "admin/password_change/done/"),
    *("accounts/back/", "accounts/logout/"),
}
# Pages of people in the middle of something, whom the matrix does not have: see `of_accounts`.
ON_THE_WAY = {
    *("accounts/invitation/open/", "accounts/switch/", "accounts/switch/<int:person_id>/"),
    *("accounts/full/", "accounts/2fa/sign-in/", "accounts/2fa/code/", "accounts/2fa/app/add/"),
    *("accounts/2fa/app/remove/", "accounts/2fa/recovery-codes/"),
    *("accounts/2fa/recovery-codes/new/", "accounts/2fa/passkeys/add/"),
    *("accounts/2fa/passkeys/use/", "accounts/2fa/passkeys/<int:pk>/remove/"),
}


def nothing(page: Page) -> None:
    """For a page that is looked at as it comes."""


@dataclass(frozen=True)
class Scene:
    """A page as somebody sees it; `then` is what is done there before looking."""

    name: str
    path: str
    client: Client
    then: Callable[[Page], None] = nothing


def undecided() -> set[str]:
    """Routes of which nothing says who sees them as a page, or that they are none."""
    refusals = {"403", "404", "405"}
    return {
        route
        for route, (get, _post) in matrix.decisions().items()
        if route not in DATA | ONWARDS | ON_THE_WAY
        and "200" not in get
        and not set(get[1:]) <= refusals
        and not route.endswith(("<path:object_id>/", "<path:object_id>/history/"))
    }


def pages(cast: dict[str, Client], ids: dict[str, int]) -> Iterator[Scene]:
    """Each page of the resolver, as one who may see it."""
    for route, (get, _post) in matrix.decisions().items():
        seen_by = [matrix.COLUMNS[at] for at, answer in enumerate(get) if answer == "200"]
        who = next((name for name in PREFERRED if name in seen_by), None)
        if who and route not in DATA:
            yield Scene(route or "desk", matrix.path_of(route, ids), cast[who])


def errors(cast: dict[str, Client], ids: dict[str, int]) -> Iterator[Scene]:
    """What people see of a mistake, of theirs or ours."""
    yield Scene("no such page", "/no/such/page/", cast["clerk"])
    yield Scene("a stranger's", f"/buildings/{ids['building']}/", cast["other clerk"])
    yield Scene("not theirs to do", "/accounts/shared_pc/", cast["clerk"])
    yield Scene("no invitation", "/accounts/invitation/ABCD-EFGH-JKMN-PQRS/", cast["stranger"])

    def post(page: Page) -> None:
        with page.expect_navigation():
            page.evaluate(
                "const form = document.createElement('form'); form.method = 'post';"
                " form.action = '/accounts/pin/'; document.body.append(form); form.submit()"
            )

    yield Scene("an old page", "/accounts/", cast["clerk"], post)
    for error in (RuntimeError("broken"), OperationalError("gone"), BadInput("Say which.")):
        yield Scene(type(error).__name__, "/history/", cast["clerk"], breaks(error))

    def wrong(page: Page) -> None:
        password = page.locator("[name=password]")  # by no label: in any language
        page.locator("[name=username]").fill("nobody-here")
        password.fill("wrong")
        password.press("Enter")
        expect(page.locator("[role=alert] span").first).to_be_visible()

    yield Scene("a wrong password", "/accounts/login/", cast["stranger"], wrong)


def breaks(error: Exception) -> Callable[[Page], None]:
    """Have the page answer with what people see of that error."""
    request = RequestFactory().get("/history/")
    request.resolver_match = resolve("/history/")
    try:
        raise error
    except BadInput:
        answer = views.bad_request(request, error)
    except Exception:
        answer = views.server_error(request)

    def load(page: Page) -> None:
        status, body = answer.status_code, answer.content

        def fail(route: Route) -> None:
            if route.request.is_navigation_request():
                route.fulfill(status=status, body=body)
            else:  # the page itself asks for news
                route.fallback()

        page.route("**/history/", fail)
        page.reload()
        page.unroute("**/history/", fail)
        expect(page.locator("[data-sentence]")).to_be_visible()

    return load


def of_accounts(superuser: User, north: Building) -> Iterator[Scene]:
    """Pages of people in the middle of signing in, of changing what protects them, or of a turn."""
    dora = make_user("dora", name="Dora")
    fresh = sign_in(dora)
    for path in ("app/add/", "passkeys/add/"):
        yield Scene(f"2fa {path}", f"/accounts/2fa/{path}", fresh)
    emil = make_user("emil", name="Emil")
    grant(emil, north)
    give_app(emil)
    yield Scene("second step", "/accounts/2fa/sign-in/", sign_in(emil))
    proved = sign_in(emil, code_of())
    for path in ("", "code/", "app/remove/", "recovery-codes/", "recovery-codes/new/"):
        yield Scene(f"2fa {path}", f"/accounts/2fa/{path}", proved)
    gita = make_user("gita", name="Gita")
    give_app(gita)
    key = give_passkey(gita, "Gita")
    yield Scene("second step, or a passkey", "/accounts/2fa/sign-in/", sign_in(gita))
    proved = sign_in(gita, code_of())
    for path in ("", "passkeys/use/", f"passkeys/{key.pk}/remove/"):
        yield Scene(f"2fa {path} of a passkey", f"/accounts/2fa/{path}", proved)
    opened = Client()
    link = give_reset(actor=superuser, person=dora, drop_factors=False).link
    opened.get(link[link.index("/accounts/") :])
    yield Scene("a link", "/accounts/invitation/open/", opened)
    pc = signed_in(superuser)
    pc.post("/accounts/shared_pc/", {"name": "Front desk 1", "building": north.pk})
    pc.post("/accounts/switch/")
    frida = make_user("frida", name="Frida")
    grant(frida, north)
    set_pin(person=frida, pin="8305")
    pc.post("/accounts/login/", {"username": "frida", "password": "a-password-for-tests"})
    pc.post("/accounts/switch/")
    yield Scene("turns", "/accounts/switch/", pc)
    yield Scene("a turn", f"/accounts/switch/{frida.pk}/", pc)
    by_pin = Client()
    by_pin.cookies.update(pc.cookies)
    by_pin.post(f"/accounts/switch/{frida.pk}/", {"pin": "8305"})
    yield Scene("by PIN alone", "/accounts/full/?next=/accounts/", by_pin)


def of_the_desk() -> Iterator[Scene]:
    """The desk in each of its states, and each question that it asks."""
    house, clerk, viewer = every_state()
    client = signed_in(clerk)
    yield Scene("every state", "/", client)
    yield Scene("one building", f"/buildings/{house.pk}/", client)
    yield Scene("own presses", "/history/", client)
    yield Scene("a viewer's desk", "/", signed_in(viewer))
    yield Scene("no role", "/", signed_in(make_user("newcomer", name="Newcomer")))
    for label in ("Room 1", "Door 5", "Vault", "Frozen gate"):
        yield Scene(f"asks {label}", "/", client, asks(label))
    door = Device.objects.get(label="Room 1")
    yield Scene("asks on a page", f"/doors/{door.pk}/", client)
    grant(make_user("late", name="Late"), make_building("Empty House"))
    yield Scene("no doors", "/", signed_in(User.objects.get(username="late")))

    def ending(page: Page) -> None:
        page.route("**/accounts/session/", lambda route: route.abort(), times=3)  # it knows better
        page.evaluate(
            "const now = Date.now; Date.now = () => now() + 850_000;"
            "document.dispatchEvent(new Event('visibilitychange'))"
        )
        expect(page.locator("#session button")).to_be_visible()

    yield Scene("a session that ends", "/", client, ending)


def asks(label: str) -> Callable[[Page], None]:
    """Open a door's question."""

    def ask(page: Page) -> None:
        card = page.locator(f'.card[data-label="{label}"]')
        card.locator("[data-ask]").first.click()
        expect(page.get_by_role("dialog").get_by_role("heading").first).to_be_visible()

    return ask


def shown(door: Device, person: User, status: Status, **fields: Any) -> UnlockRequest:
    """A press whose outcome the card still tells at length, however late it is looked at."""
    if status in ENDED_STATUSES:
        fields = {"ended_at": later(), **fields}
    return request_of(door, person, status, **fields)


def later() -> dt.datetime:
    """A time that is after all looking."""
    return timezone.now() + dt.timedelta(hours=1)


def every_state() -> tuple[Building, User, User]:
    """A building whose doors have come to everything that can be; its clerk and its viewer."""
    house = make_building("Harbour House", time_zone="Europe/Lisbon", help_line="harbour 100")
    clerk, viewer = make_user("ada", name="Ada"), make_user("vic", name="Vic")
    grant(clerk, house)
    grant(viewer, house, Role.VIEWER)
    set_pin(person=clerk, pin="8305")
    states: list[tuple[Status, dict[str, Any]]] = [
        (Status.SENDING, {}),
        (Status.PENDING, {}),
        (Status.UNLOCKED, {"confirmed_by_device": True}),
        (Status.UNLOCKED, {"confirmed_by_device": False}),
        (Status.UNKNOWN, {"code": "no_outcome"}),
        (Status.FAILED, {"code": "lock_error", "error_type": "lock_jammed", "may_still_act": True}),
        (Status.FAILED, {"code": "not_sent"}),
        (Status.UNLOCKED, {"inferred": True}),
    ]
    for number, (status, fields) in enumerate(states, 1):
        door = make_device(house, label=f"Door {number}", area="Ground floor")
        shown(door, clerk, status, **fields)
    refused = make_device(house, label="Door 9", area="Ground floor")
    past_refusal(refused, clerk, code="too_late", pressed_at=later())
    old = make_device(house, label="Door 10", area="Ground floor", battery_status="low")
    request_of(old, clerk, Status.UNLOCKED, ago=1800, confirmed_by_device=True)
    private = {"access": Device.Access.PRIVATE, "area": "First floor"}
    make_device(house, label="Room 1", battery_level=0.7, **private)
    make_device(house, label="Room 2", online=False, can_remotely_unlock=False, **private)
    make_device(house, label="Room 3", warnings=[{"code": "salto_ks_privacy_mode"}], **private)
    make_device(house, label="Vault", area="Cellar", step_up_minutes=10)
    frozen = {"frozen": True, "frozen_reason": "Fire drill", "break_glass": True}
    make_device(house, label="Frozen gate", area="Cellar", **frozen)
    return house, clerk, viewer


class Gallery:
    """One browser page that becomes whoever a scene is about."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.client: Client | None = None

    def show(self, scene: Scene) -> Page:
        """Go there as its person, and do what is done there."""
        self.page.context.set_offline(False)
        if scene.client is not self.client:
            self.become(scene.client)
        self.page.goto(self.url + scene.path)
        led = urlsplit(self.page.url).path
        assert led == urlsplit(scene.path).path, f"{scene.name} leads to {led}"
        scene.then(self.page)
        return self.page

    def become(self, client: Client) -> None:
        """Have the cookies of that browser."""
        self.client, context = client, self.page.context
        self.page.goto("about:blank")  # a page notices that its session is gone, and leaves
        context.clear_cookies()
        for name in (settings.SESSION_COOKIE_NAME, settings.SHARED_PC_COOKIE_NAME):
            if name in client.cookies:
                cookie = {"name": name, "value": client.cookies[name].value, "url": self.url}
                context.add_cookies([cookie])  # type: ignore[list-item]
