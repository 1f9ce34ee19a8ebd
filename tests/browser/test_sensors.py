"""The Sensors page in Debian's Chromium, as a person uses it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import cookies, unfold_to, watched
from tests.stack import ADMIN_EMAIL, Stack
from timestack.dash import PAGES

pytestmark = [pytest.mark.stack, pytest.mark.browser]

# Whether the upper chart shows so many days, give or take a tenth.
SPANS = """
days => {
  const graph = document.querySelector('#detail-chart .js-plotly-plot');
  if (!graph?.data?.length) return false;
  const range = graph.layout.xaxis.range;
  const shown = (new Date(range[1]) - new Date(range[0])) / 86400000;
  return Math.abs(shown - days) <= days / 10;
}
"""


@pytest.fixture
def page(browser: Browser, stack: Stack) -> Iterator[Page]:
    """The administrator's desktop page."""
    yield from opened(browser, cookies(stack), width=1440, height=1000)


@pytest.fixture
def phone(browser: Browser, stack: Stack) -> Iterator[Page]:
    yield from opened(browser, cookies(stack), width=390, height=844)


def opened(browser: Browser, known: list[dict], width: int, height: int) -> Iterator[Page]:
    # Chromium keeps its own trust store; that the certificate is right is test_edge's subject.
    context = browser.new_context(
        ignore_https_errors=True, viewport={"width": width, "height": height}
    )
    context.add_cookies(known)
    with watched(context) as page:
        yield page


def choose(page: Page, dropdown: str, option: str) -> None:
    """Pick `option` in the drop-down with the id `dropdown`, with the mouse."""
    page.locator(f"#{dropdown}").click()
    page.get_by_role("option", name=option, exact=True).click()


def drawn(page: Page, chart: str) -> str:
    """What the chart shows: its traces' times and values as one comparable text."""
    page.wait_for_function(
        "id => document.querySelector(`#${id} .js-plotly-plot`)?.data?.length > 0", arg=chart
    )
    return page.evaluate(
        "id => JSON.stringify(document.querySelector(`#${id} .js-plotly-plot`).data"
        ".map(t => [t.name, Array.from(t.x ?? []).length, String(t.x?.[0]), Array.from(t.y ?? [])"
        ".slice(0, 50)]))",
        chart,
    )


def test_a_reader_picks_a_sensor_and_a_range_and_sees_both_charts_change(
    stack: Stack, page: Page, screenshots: Path
) -> None:
    page.goto(f"{stack.url}/dash/sensors")
    first = drawn(page, "detail-chart"), drawn(page, "daily-chart")

    choose(page, "sensor-type", "wind")
    choose(page, "sensor-location", "JFK")
    choose(page, "sensor-name", "speed")
    page.wait_for_url(re.compile(r"location=JFK"))
    page.wait_for_function(
        "() => document.querySelector('#detail-chart').innerText.includes('mph')"
    )
    second = drawn(page, "detail-chart"), drawn(page, "daily-chart")
    assert second[0] != first[0]
    assert second[1] != first[1]

    for button, days in (("1 d", 1), ("7 d", 7)):
        page.get_by_text(button, exact=True).first.click()
        page.wait_for_function(SPANS, arg=days)
    for graph in ("detail-graph", "daily-graph"):
        box = page.locator(f"#{graph}").bounding_box()
        assert box
        assert box["height"] > 200, f"#{graph} has folded, and its chart covers what is below"
    page.screenshot(path=screenshots / "sensors-desktop.png", full_page=True)


def test_a_chart_is_drawn_by_the_part_of_plotly_that_it_needs(stack: Stack, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{stack.url}/dash/sensors")
    drawn(page, "detail-chart")
    names = {url.rpartition("/")[2].partition("?")[0] for url in asked}
    assert "plotly-parts.min.js" in names
    assert "plotly.min.js" not in names
    # All of it is compiled beside the main thread.
    (file,) = {url for url in asked if "plotly-parts" in url}
    assert stack.http.get(file).text.startswith("//# allFunctionsCalledOnLoad\n")
    kinds = page.evaluate("Object.keys(Plotly.PlotSchema.get().traces)")
    assert {"scatter", "bar", "candlestick"} <= set(kinds)


def test_a_link_restores_the_view(stack: Stack, page: Page) -> None:
    page.goto(f"{stack.url}/dash/sensors?type=humidity&location=LGA&sensor=relative+humidity")
    page.wait_for_function("() => document.querySelector('#detail-chart')?.innerText.includes('%')")
    assert "LGA" in page.locator("#sensor-location").inner_text()


def test_a_sensor_that_does_not_exist_is_said_so(stack: Stack, page: Page) -> None:
    page.goto(f"{stack.url}/dash/sensors?type=wind&location=JFK&sensor=no-such-sensor")
    page.get_by_role("alert").wait_for()
    assert "no-such-sensor" in page.get_by_role("alert").inner_text()


def test_the_bar_leads_everywhere_and_back(stack: Stack, page: Page) -> None:
    page.goto(f"{stack.url}/dash/sensors?type=wind&location=JFK&sensor=speed&range=7d")
    page.wait_for_function(SPANS, arg=7)
    bar = page.get_by_role("navigation", name="Main")
    bar.get_by_role("button", name="Administration").click()
    targets = {str(link.get_attribute("href")) for link in bar.get_by_role("link").all()}
    places = {
        "/",
        *(f"/dash/{dashboard.path}" for dashboard in PAGES),
        "/finance",
        "/account",
        "/pgadmin/",
        "/flower/",
        "/traefik/",
    }
    assert targets == places
    expect(bar.get_by_role("link", name=ADMIN_EMAIL)).to_be_visible()
    page.keyboard.press("Escape")
    expect(bar.get_by_role("link", name="Proxy")).to_be_hidden()
    bar.get_by_role("link", name="Timestack").click()
    assert page.locator("a[href*='/health/']").count() > 0
    page.go_back()
    page.wait_for_function(SPANS, arg=7)
    assert "sensor=speed&range=7d" in page.url


def test_the_skip_link_leads_past_the_bar_and_leaves_the_chart(stack: Stack, page: Page) -> None:
    page.goto(f"{stack.url}/dash/sensors?type=wind&location=JFK&sensor=speed&range=7d")
    page.wait_for_function(SPANS, arg=7)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Copy link")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#sensor-type")).to_be_focused()
    page.wait_for_function(SPANS, arg=7)


@pytest.mark.parametrize("path", ["/", "/dash/sensors"])
def test_a_phone_scrolls_in_one_direction_only(
    stack: Stack, phone: Page, path: str, screenshots: Path
) -> None:
    phone.goto(f"{stack.url}{path}")
    if "dash" in path:
        drawn(phone, "detail-chart")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    name = path.strip("/").replace("/", "-") or "landing"
    phone.screenshot(path=screenshots / f"{name}-phone.png", full_page=True)


def test_the_landing_page_draws_the_last_year_and_leads_to_that_view(
    stack: Stack, page: Page, screenshots: Path
) -> None:
    page.goto(stack.url)
    card = page.locator(".ts-card:has(.ts-spark)")
    expect(card.locator("figcaption")).to_have_text(
        re.compile(r"at \w+, the last year of readings: .+°F$")
    )
    line = card.locator("polyline").get_attribute("points").split()
    assert len(line) > 100
    # From the left end of its box to the right one, and drawn as large as it is to be seen.
    assert (line[0].split(",")[0], line[-1].split(",")[0]) == ("0.0", "400.0")
    box = card.locator(".ts-spark svg").bounding_box()
    assert box["width"] > 300
    assert box["height"] > 60
    page.screenshot(path=screenshots / "landing-desktop.png", full_page=True)
    card.get_by_role("link", name="Sensors").click()
    drawn(page, "detail-chart")
    assert "temperature" in page.locator("#sensor-type").inner_text()


def test_pgadmin_shows_the_tables_without_a_password_typed(
    stack: Stack, browser: Browser, screenshots: Path
) -> None:
    context = browser.new_context(
        ignore_https_errors=True,
        # The tree draws only what is in view.
        viewport={"width": 1440, "height": 1800},
    )
    context.add_cookies(cookies(stack))
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{stack.url}/pgadmin/")
    unfold_to(page, "readings")
    assert page.locator("input[type=password]:visible").count() == 0
    page.screenshot(path=screenshots / "pgadmin.png")
    context.close()
