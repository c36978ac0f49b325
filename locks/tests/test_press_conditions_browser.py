"""A freeze, a door that asks who is there, and break-glass, as a clerk sees them in a browser."""

import re
import time

from allauth.mfa.totp.internal import auth as totp
from playwright.sync_api import expect

from locks.tests.desks import card, name_it, unlock
from locks.tests.visitors import DEMO_PASSWORD
from tools.processes import wait_for
from tools.stack import Stack


def change(house: Stack, label: str, what: str) -> str:
    """Have the demo's manager do something to a door; what the last line comes to is returned."""
    code = (
        "from datetime import timedelta; from django.utils import timezone\n"
        "from locks.services import freezing, places\n"
        "boss = User.objects.get(username='manager')\n"
        f"door = Device.objects.get(label='{label}', building__name='Harbour House')\n"
        f"{what}"
    )
    return house.manage("shell", "-v0", "-c", code).strip()


def test_a_freeze_shows_live_stops_an_old_page_and_ends_by_itself(
    house, sign_in, take, simulated
) -> None:
    clerk, stale = (sign_in(each, reduced_motion="reduce") for each in ("clerk", "clerk2"))
    stale.route(re.compile("/(buildings|live)/"), lambda route: route.abort())
    freeze = "freezing.freeze_door(actor=boss, device=door, reason='The lock is being changed'{})"
    change(house, "Main entrance", freeze.format(""))
    frozen = (
        "This door is frozen: The lock is being changed."
        " Next: A manager of Harbour House can lift it."
    )
    expect(card(clerk, "Main entrance")).to_contain_text(frozen)
    expect(unlock(clerk, "Main entrance")).to_be_disabled()
    expect(unlock(clerk, "Parking gate")).to_be_enabled()
    take(clerk, "frozen-door", everywhere=True)

    unlock(stale, "Main entrance").click()
    expect(card(stale, "Main entrance")).to_contain_text(f"Nothing was sent. {frozen}")
    expect(card(stale, "Main entrance")).to_contain_text("Help line:")
    take(stale, "frozen-refused", everywhere=True)
    assert simulated.posts("harbour-main-entrance") == 0

    soon = ", until=timezone.now() + timedelta(seconds=4)"
    change(house, "Main entrance", freeze.format(soon))
    expect(card(clerk, "Main entrance")).to_contain_text("It ends by itself at")
    expect(unlock(clerk, "Main entrance")).to_be_enabled(timeout=30_000)
    told = change(house, "Main entrance", "print(AuditEvent.objects.latest('at').actor)")
    assert told == "None"

    manager = sign_in("manager", "/admin/locks/device/", reduced_motion="reduce")
    manager.get_by_role("link", name="Main entrance").click()
    take(manager, "admin-door", everywhere=True)


def test_a_door_that_asks_who_is_there_asks_once_and_keeps_what_was_typed(
    house, sign_in, take, simulated
) -> None:
    clerk = sign_in("clerk", reduced_motion="reduce")
    secret = change(
        house,
        "Room 101",
        "from allauth.mfa.totp.internal import auth as totp\n"
        "clerk, secret = User.objects.get(username='clerk'), totp.generate_totp_secret()\n"
        "totp.TOTP.activate(clerk, secret)\n"
        "places.change_door(actor=boss, device=door, changes={'step_up_minutes': 10})\n"
        "print(secret)",
    )
    unlock(clerk, "Room 101").click()
    dialog = clerk.get_by_role("dialog")
    dialog.get_by_role("radio", name="ID seen").check()
    dialog.get_by_role("radio", name="Guest locked out").check()
    name_it(clerk, "101")
    take(clerk, "proof", everywhere=True)
    dialog.get_by_label("Code from your authenticator app").fill("12345")
    dialog.get_by_label("Code from your authenticator app").press("Enter")
    expect(dialog).to_contain_text("was not right")
    expect(dialog.get_by_label("Code from your authenticator app")).to_be_focused()
    expect(dialog.get_by_role("radio", name="Guest locked out")).to_be_checked()
    expect(dialog.get_by_role("radio", name="ID seen")).to_be_checked()
    take(clerk, "proof-wrong", everywhere=True)
    assert simulated.posts("harbour-room-101") == 0

    wait_for(lambda: time.time() % 30 < 25, seconds=10, what="a code that lasts")
    counter = next(iter(totp.yield_hotp_counters_from_time()))
    code = totp.format_hotp_value(totp.hotp_value(secret, counter))
    dialog.get_by_label("Code from your authenticator app").fill(code)
    dialog.get_by_role("button", name="Unlock Room 101").click()
    expect(card(clerk, "Room 101")).to_contain_text("Unlocked, confirmed")
    assert simulated.posts("harbour-room-101") == 1

    change(
        house, "Room 101", "places.change_door(actor=boss, device=door, changes={'label': 'R 1'})"
    )
    unlock(clerk, "R 1").click()
    expect(dialog).to_contain_text("Unlock R 1?")
    expect(dialog.get_by_label("Code from your authenticator app")).to_have_count(0)


def test_breaking_glass_is_no_casual_button_and_says_what_follows(
    house, sign_in, take, simulated
) -> None:
    clerk = sign_in("clerk2", reduced_motion="reduce")
    change(
        house,
        "Staff entrance",
        "places.change_door(actor=boss, device=door, changes={'break_glass': True})\n"
        "freezing.freeze_door(actor=boss, device=door, reason='Cleaning')",
    )
    way = card(clerk, "Staff entrance").get_by_role("button", name="break glass")
    expect(way).to_be_visible()
    expect(clerk.get_by_role("button", name="break glass")).to_have_count(1)
    take(clerk, "glass-offered", everywhere=True)
    way.click()
    dialog = clerk.get_by_role("dialog")
    expect(dialog).to_contain_text("The managers of Harbour House are told at once")
    take(clerk, "glass-dialog", everywhere=True)
    for choice in dialog.get_by_role("radio", name="Escorted").all():
        choice.check()
    dialog.get_by_role("radio", name="Emergency services").check()
    dialog.get_by_label("Your password").fill(DEMO_PASSWORD)
    dialog.get_by_role("button", name="Break glass and unlock").click()
    expect(card(clerk, "Staff entrance")).to_contain_text("break-glass")
    expect(card(clerk, "Staff entrance")).to_contain_text("Unlocked")
    take(clerk, "glass-outcome", everywhere=True)
    assert simulated.posts("harbour-staff-entrance") == 1
