"""The admin in a browser: under the strict Content-Security-Policy, its own scripts at work."""

from collections.abc import Callable
from typing import Any

from django.db import transaction
from playwright.sync_api import Page, expect

from locks.models import Building, Kind, User
from locks.services.audit import record
from locks.services.proving import prove_record
from locks.tests.factories import PASSWORD, make_device


def test_a_manager_signs_in_and_sets_up_a_building_and_a_door(
    page: Page, live_server: Any, north: Building, manager: User
) -> None:
    door = make_device(north, label="Gate", seam_name="GATE 7", reviewed_seam_name="Gate")
    page.goto(f"{live_server.url}/admin/")
    page.locator("[name=username]").fill("manager")
    page.locator("[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Records and settings")).to_be_visible()

    page.goto(f"{live_server.url}/admin/locks/building/{north.pk}/change/")
    page.get_by_label("Frozen").check()
    page.get_by_label("Reason of the freeze").fill("Fire drill")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()

    page.goto(f"{live_server.url}/admin/locks/device/")
    page.get_by_label("Select this object for an action - Gate").check()
    page.get_by_label("Action:").select_option("take_over_name")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_text("1 door decided on.")).to_be_visible()

    page.goto(f"{live_server.url}/admin/locks/auditevent/")
    expect(page.get_by_role("cell", name="building frozen")).to_be_visible()
    north.refresh_from_db()
    door.refresh_from_db()
    assert (north.frozen, north.frozen_reason, door.label) == (True, "Fire drill", "GATE 7")


def test_a_manager_reads_on_the_first_page_that_the_record_was_proven(
    page: Page, live_server: Any, north: Building, manager: User, take: Callable[..., None]
) -> None:
    with transaction.atomic():
        record(Kind.BUILDING_CHANGED, building=north)
    prove_record()
    page.goto(f"{live_server.url}/admin/")
    page.locator("[name=username]").fill("manager")
    page.locator("[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    proof = page.get_by_role("region", name="Nightly proof of the record")
    line = proof.get_by_role("listitem")
    expect(line).to_contain_text("whole. ")
    assert line.evaluate("line => getComputedStyle(line).backgroundColor") != "rgba(0, 0, 0, 0)"
    take(page, "records", everywhere=True)
    proof.get_by_role("link", name="All nightly proofs").click()
    expect(page.get_by_role("cell", name="Whole")).to_be_visible()
