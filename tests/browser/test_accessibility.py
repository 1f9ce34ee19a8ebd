"""axe-core finds nothing wrong with our pages, on a phone and on a desk, light and dark."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import DEADLINE, at_a_desk, barriers, cookies, watched
from tests.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.browser]

STRANGERS = ["/", "/login", "/register", "/recover"]
ADMINISTRATORS = [
    *("/", "/account", "/account/password", "/docs", "/finance", "/report", "/no-such-page"),
]
WIDTHS = [390, 1440]
SCHEMES = ["light", "dark"]
DRAWN = """
() => ['detail', 'daily'].every(
  name => document.querySelector(`#${name}-chart .js-plotly-plot`)?.data?.length > 0)
"""
# The page is there, and each of its charts is drawn.
SHOWN = """
() => document.querySelector('#page > *') && [...document.querySelectorAll('.ts-plot')].every(
  graph => graph.querySelector('.js-plotly-plot')?._fullLayout)
"""


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    ("visitor", "path"),
    [("stranger", path) for path in STRANGERS] + [("admin", path) for path in ADMINISTRATORS],
)
def test_no_page_keeps_anybody_out(
    stack: Stack, browser: Browser, visitor: str, path: str, scheme: str
) -> None:
    known = cookies(stack) if visitor == "admin" else []
    with at_a_desk(browser, ignore_https_errors=True, color_scheme=scheme) as context:
        context.add_cookies(known)
        page = context.new_page()
        page.goto(stack.url + path)
        if path == "/docs":
            page.locator(".opblock").first.wait_for()
        if path == "/finance":
            page.locator("#finance [aria-busy=false]").wait_for()
        assert found(page) == {}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_dashboard_of_the_navigation_bar_keeps_anybody_out(
    stack: Stack, browser: Browser, scheme: str
) -> None:
    with at_a_desk(browser, ignore_https_errors=True, color_scheme=scheme) as context:
        context.add_cookies(cookies(stack))
        with watched(context) as page:
            page.goto(stack.url)
            links = page.get_by_role("navigation", name="Main").locator("a[href*='/dash/']").all()
            dashboards = [str(link.get_attribute("href")) for link in links]
            assert len(dashboards) >= 4
            faults = {}
            for path in dashboards:
                page.goto(stack.url + path)
                page.wait_for_function(SHOWN)
                faults |= {f"{path} {width}": each for width, each in found(page).items()}
            assert faults == {}


def found(page: Page) -> dict[int, list[str]]:
    """What keeps somebody out, by the width of the window.

    Loaded once: how wide it is, the page's own rules follow.
    """
    faults = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        faults |= {width: each} if (each := barriers(page)) else {}
    return faults


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
