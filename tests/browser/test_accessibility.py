"""axe-core finds nothing wrong with our pages, on a phone and on a desk, light and dark."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import cookies
from tests.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.browser]

STRANGERS = ["/", "/login", "/register", "/recover"]
ADMINISTRATORS = ["/", "/account", "/account/password", "/dash/sensors", "/no-such-page"]
WIDTHS = [390, 1440]
# Milliseconds; for a machine that has much else to do.
DEADLINE = 60_000
DRAWN = """
() => ['detail', 'daily'].every(
  name => document.querySelector(`#${name}-chart .js-plotly-plot`)?.data?.length > 0)
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("visitor", "path"),
    [("stranger", path) for path in STRANGERS] + [("admin", path) for path in ADMINISTRATORS],
)
def test_no_page_keeps_anybody_out(
    stack: Stack, browser: Browser, visitor: str, path: str, scheme: str
) -> None:
    known = cookies(stack) if visitor == "admin" else []
    with browser.new_context(ignore_https_errors=True, color_scheme=scheme) as context:
        context.add_cookies(known)
        page = context.new_page()
        page.set_default_timeout(DEADLINE)
        page.set_viewport_size({"width": WIDTHS[0], "height": 900})
        page.goto(stack.url + path)
        if "/dash/" in path:
            page.wait_for_function(DRAWN)
        # Loaded once: how wide the window is, the page's own rules follow.
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert violations(page) == [], width


def violations(page: Page) -> list[str]:
    """What axe-core finds in a page: the rule, and where."""
    found = Axe().run(page).response["violations"]
    return [f"{each['id']} at {[node['target'] for node in each['nodes']]}" for each in found]


def test_a_drop_down_is_reached_and_changed_by_keyboard_alone(
    stack: Stack, browser: Browser
) -> None:
    known = cookies(stack)
    with browser.new_context(ignore_https_errors=True) as context:
        context.add_cookies(known)
        page = context.new_page()
        page.set_default_timeout(DEADLINE)
        page.goto(f"{stack.url}/dash/sensors?type=wind&location=JFK&sensor=speed")
        page.wait_for_function(DRAWN)
        page.locator("#sensor-type").focus()
        page.keyboard.press("Tab")
        expect(page.locator("#sensor-location")).to_be_focused()
        page.keyboard.press("Shift+Tab")
        expect(page.locator("#sensor-type")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("radio", name="wind", exact=True)).to_be_focused()
        page.keyboard.press("ArrowUp")
        other = page.get_by_role("radio").and_(page.locator(":focus"))
        expect(other).not_to_have_accessible_name("wind")
        page.keyboard.press("Space")
        expect(page.locator("#sensor-type")).not_to_have_text("wind")
