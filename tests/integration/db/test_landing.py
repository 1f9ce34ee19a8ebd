"""The start page in the browser: what there is for each role, on an empty stack and a full one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.conftest import barriers
from tests.integration.db.conftest import Database

pytestmark = [pytest.mark.database, pytest.mark.browser]

NOW = """
insert into alerts (rule, digest, source, keys, label, severity, state, since, seen_at, fired_at)
values ('heat', '', 'readings', '{"sensor_id": 1}', 'cellar', 'warning', 'firing', now(), now(),
        now());
insert into jobs (id, kind, params, state, finished_at)
values (gen_random_uuid(), 'jobs.probe', '{}', 'failed', now());
"""
FIRST = {
    "viewer": ["Ask for data.", "See it.", "Take it with you."],
    "editor": ["Make a token", "Write rows.", "See it."],
    "admin": ["Load data.", "See it.", "Let somebody else in."],
}


@pytest.fixture
def filled(provisioned: Database) -> Iterator[Database]:
    provisioned.sql(
        "insert into sensors (id, type, location, name, unit) overriding system value"
        " values (1, 'temperature', 'cellar', 'north wall', '°C');"
        "insert into readings (time, sensor_id, value)"
        " select generate_series(timestamptz '2026-03-01', '2026-03-31', '1 hour'), 1, 20;"
        "analyze readings"
    )
    yield provisioned
    provisioned.truncate("readings", "readings_1h", "readings_1d", "sensors", "alerts", "jobs")


def section(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name)


@pytest.mark.parametrize("role", FIRST)
def test_an_empty_stack_shows_the_first_three_steps_of_a_role(
    page: Page, provisioned: Database, role: str, screenshots: Path
) -> None:
    # What it notes of itself each hour is not what somebody put there.
    provisioned.sql("insert into operations (time) values (now()) on conflict do nothing")
    page.goto("/")
    steps = section(page, "First steps").get_by_role("listitem")
    expect(steps.locator("strong")).to_have_text(FIRST[role])
    page.set_viewport_size({"width": 390, "height": 844})
    assert barriers(page) == []
    page.screenshot(path=screenshots / f"landing-empty-{role}.png", full_page=True)


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("role", "pages", "figures"),
    [
        ("viewer", ["Sensors", "Alerts", "Test results"], 3),
        ("editor", ["Sensors", "Alerts", "Test results", "Jobs"], 6),
    ],
)
def test_a_role_sees_the_pages_that_it_may_open_and_what_they_show(
    page: Page, pages: list[str], figures: int
) -> None:
    page.goto("/")
    cards = section(page, "Dashboards").get_by_role("listitem")
    names = cards.get_by_role("heading").all_inner_texts()
    # A page of somebody's own comes in between.
    assert [name for name in names if name in pages] == pages
    expect(cards.first).to_contain_text("Newest: 31 Mar 2026")
    expect(section(page, "At a glance").locator("dt")).to_have_count(figures)
    expect(section(page, "At a glance")).to_contain_text("31 Mar 2026")
    row = section(page, "In the database").get_by_role("row", name="readings")
    expect(row).to_contain_text("721")
    expect(row).to_contain_text("1 Mar 2026")
    expect(page.get_by_text("No alert fires")).to_be_visible()
    expect(section(page, "Administration")).to_have_count(0)


@pytest.mark.parametrize("role", ["admin"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_administrator_sees_what_needs_a_look(
    page: Page, filled: Database, scheme: str, screenshots: Path
) -> None:
    page.emulate_media(color_scheme=scheme)
    filled.sql(NOW)
    page.goto("/")
    looks = section(page, "Needs a look")
    # What it finds is a test of its own; here nobody makes its samples.
    expect(looks.locator("a[href$='/dash/operations']")).to_have_count(1)
    expect(looks.get_by_role("link", name="1 alert fires")).to_be_visible()
    for width in (390, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert barriers(page) == [], width
        page.screenshot(path=screenshots / f"landing-{width}-{scheme}.png", full_page=True)
    looks.get_by_role("link", name="1 job failed in the last 24 hours").click()
    page.wait_for_url("**/dash/jobs?state=failed")
    expect(page.locator(".ts-job")).to_have_count(1)


@pytest.mark.parametrize("role", ["admin"])
def test_a_phones_menu_opens_and_closes_by_keyboard_and_without_scripts(
    new_context: Callable[..., BrowserContext],
) -> None:
    with new_context(java_script_enabled=False, viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        page.goto("/account")
        bar = page.get_by_role("navigation", name="Main")
        expect(bar.get_by_role("link", name="Sensors")).to_be_hidden()
        bar.get_by_role("button", name="Menu").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(bar.get_by_role("link", name="Sensors")).to_be_focused()
        expect(bar.get_by_role("link", name="Proxy")).to_be_in_viewport()
        page.keyboard.press("Escape")
        expect(bar.get_by_role("link", name="Sensors")).to_be_hidden()
        bar.get_by_role("button", name="Menu").click()
        bar.get_by_role("link", name="Alerts").click()
        page.wait_for_url("**/dash/alerts")
        bar.get_by_role("button", name="Menu").click()
        expect(bar.get_by_role("link", name="Alerts")).to_have_attribute("aria-current", "page")


@pytest.mark.parametrize("role", ["admin"])
def test_every_page_and_the_administrators_menu_fit_into_one_line(page: Page) -> None:
    page.goto("/")
    bar = page.get_by_role("navigation", name="Main")
    # The narrowest window that has no menu, and a usual one.
    for width in (1400, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        expect(bar.locator("#places > li")).to_have_count(11)
        boxes = [each.bounding_box() for each in bar.locator("li:visible").all()]
        assert len({box["y"] + box["height"] / 2 for box in boxes}) == 1, width
        ends = [box["x"] + box["width"] for box in boxes]
        assert all(box["x"] >= end for box, end in zip(boxes[1:], ends, strict=False)), width
    bar.get_by_role("button", name="Administration").click()
    for name in ("Database", "Workers", "Proxy"):
        expect(bar.get_by_role("link", name=name)).to_be_in_viewport()
    assert barriers(page) == []


def test_nothing_moves_for_who_asked_for_that(page: Page) -> None:
    moving = """
        [...document.querySelectorAll('*')].filter((each) => {
          const style = getComputedStyle(each);
          return style.transitionProperty !== 'none' && parseFloat(style.transitionDuration) > 0
            || style.animationName !== 'none' && parseFloat(style.animationDuration) > 0.001;
        }).map((each) => each.className)
    """
    page.goto("/")
    assert page.evaluate(moving) == []
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate(moving) != []


@pytest.mark.usefixtures("filled")
def test_charts_and_words_are_as_wide_as_paper_and_the_navigation_stays_on_the_screen(
    page: Page, screenshots: Path
) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto("/dash/sensors")
    chart = page.locator("#daily-chart .js-plotly-plot .main-svg").first
    expect(chart).to_be_visible()
    screen = chart.bounding_box()["width"]
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print", color_scheme="dark")
    # A4 without its margins.
    page.set_viewport_size({"width": 718, "height": 1000})
    assert chart.bounding_box()["width"] < 718
    assert page.evaluate("document.documentElement.scrollWidth") <= 718
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()
    for pressed in page.locator(".ts-tools, .modebar").all():
        expect(pressed).to_be_hidden()
    expect(page.get_by_role("heading", name="Sensors")).to_have_css("color", "rgb(22, 33, 43)")
    page.screenshot(path=screenshots / "sensors-paper.png", full_page=True)
    page.emulate_media(media="screen")
    page.set_viewport_size({"width": 1440, "height": 1000})
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(chart).to_have_js_property("clientWidth", round(screen))
