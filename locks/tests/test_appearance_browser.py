"""Light, dark or as the system has it: chosen once, for the desk and the records alike."""

from playwright.sync_api import Page, expect

PARTS = ("web",)
LIGHT, DARK = "rgb(245, 244, 240)", "rgb(16, 21, 20)"


def paper(page: Page) -> str:
    return page.evaluate("getComputedStyle(document.documentElement).backgroundColor")


def test_what_is_chosen_holds_on_every_page_whatever_the_system_has(house, sign_in, take) -> None:
    page = sign_in("manager")
    page.emulate_media(color_scheme="dark")
    assert paper(page) == DARK
    page.goto(f"{house.url}/accounts/")
    expect(page.get_by_role("radio", name="As the system")).to_be_checked()
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
    page.get_by_role("radio", name="As the system").check()
    assert paper(page) == LIGHT
    take(page, "appearance-my-presses")
    page.reload()
    expect(page.get_by_role("radio", name="As the system")).to_be_checked()
