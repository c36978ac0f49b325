"""What is chosen in a browser: light, dark or as the system has it, and whether single keys count."""

from playwright.sync_api import Page, expect

from locks.tests.desks import unlock

PARTS = ("web",)
LIGHT, DARK = "rgb(245, 244, 240)", "rgb(16, 21, 20)"


def paper(page: Page) -> str:
    return page.evaluate("getComputedStyle(document.documentElement).backgroundColor")


def test_what_is_chosen_holds_on_every_page_whatever_the_system_has(house, sign_in, take) -> None:
    page = sign_in("manager")
    page.emulate_media(color_scheme="dark")
    assert paper(page) == DARK
    page.goto(f"{house.url}/accounts/")
    expect(page.get_by_role("radio", name="Match the system")).to_be_checked()
    page.get_by_text("Light", exact=True).click()
    assert paper(page) == LIGHT
    take(page, "appearance-light")
    for path in ("/", "/no/such/page/"):
        page.goto(f"{house.url}{path}")
        assert paper(page) == LIGHT
    page.goto(f"{house.url}/admin/")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.emulate_media(color_scheme="light")
    page.goto(f"{house.url}/accounts/")
    page.get_by_role("radio", name="Dark").check()
    assert paper(page) == DARK
    take(page, "appearance-dark")
    # Where a turn on a shared PC gets to, too.
    page.goto(f"{house.url}/history/")
    page.get_by_role("radio", name="Match the system").check()
    assert paper(page) == LIGHT
    take(page, "appearance-my-presses")
    page.reload()
    expect(page.get_by_role("radio", name="Match the system")).to_be_checked()


def test_single_keys_can_be_turned_off_where_something_else_types(house, sign_in, take) -> None:
    page = sign_in("clerk")
    box, hint = page.get_by_label("Find a door"), page.locator(".finder-hint")
    expect(hint).to_be_visible()
    page.goto(f"{house.url}/history/")
    keys = page.get_by_role("radiogroup", name="Single keys")
    expect(keys.get_by_role("radio", name="On")).to_be_checked()
    keys.get_by_role("radio", name="Off").check()
    take(page, "keys-off")
    page.goto(house.url)
    expect(hint).to_be_hidden()
    page.keyboard.type("1")
    expect(box).not_to_be_focused()
    expect(box).to_have_value("")
    unlock(page, "Room 102").press("Enter")
    dialog = page.get_by_role("dialog")
    first = dialog.get_by_role("radio").first
    first.focus()
    page.keyboard.press("2")
    expect(dialog.get_by_role("radio", checked=True)).to_have_count(0)
    expect(dialog.locator("kbd").first).to_be_hidden()
    page.keyboard.press("Escape")
    box.fill("102")  # the search itself stays
    expect(page.locator(".card")).to_have_count(1)
