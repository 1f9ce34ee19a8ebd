"""A chart that is live, in the browser: rows come by SQL, and nobody reloads the page."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect

from tests.browser.conftest import barriers
from tests.integration.db.conftest import Database
from tests.served import serving

pytestmark = [pytest.mark.database, pytest.mark.browser]

# A sensor that measures now, each minute since six hours ago, and one that does not any more.
SENSORS = """
insert into sensors (id, type, location, name, unit) values
  (1, 'temperature', 'hall', 'air', '°C'), (2, 'temperature', 'roof', 'air', '°C')
"""
READINGS = """
insert into readings (time, sensor_id, value)
select time, 1, 20 + sin(extract(epoch from time) / 2000)
  from generate_series(now() - interval '6 hours', now(), '1 minute') as time
union all
select time, 2, 5 + 10 * sin(extract(epoch from time) / 80000)
  from generate_series(timestamptz '2013-11-01Z', '2013-12-30 23:00Z', '1 hour') as time
"""
GRAPH = "document.querySelector('#detail-graph .js-plotly-plot')"
# What the line ends with, without the nulls behind each of its parts.
LAST = f"() => {GRAPH}?.data?.[1]?.y?.findLast(each => each !== null)"
VIEW = f"() => {GRAPH}.layout.xaxis.range.join('/')"
HALL = "/dash/sensors?type=temperature&location=hall&sensor=air"
ROOF = HALL.replace("hall", "roof")
SERIES = re.compile("/api/v1/series")
HIDDEN = """
isHidden => {
  Object.defineProperty(document, 'hidden', {get: () => isHidden, configurable: true});
  document.dispatchEvent(new Event('visibilitychange'));
}
"""


@pytest.fixture(scope="module")
def sensors(provisioned: Database) -> Database:
    provisioned.sql(SENSORS)
    return provisioned


@pytest.fixture(autouse=True)
def readings(sensors: Database) -> Database:
    sensors.truncate("readings", "readings_1h", "readings_1d")
    sensors.sql(READINGS)
    return sensors


def insert(database: Database, value: float, when: str = "now()") -> None:
    database.sql(f"insert into readings (time, sensor_id, value) values ({when}, 1, {value})")


def drawn(page: Page) -> None:
    page.wait_for_function(f"() => {GRAPH}?.data?.length > 0")


def ends_with(page: Page, value: float) -> None:
    page.wait_for_function(f"value => ({LAST})() === value", arg=value)


def says(page: Page, connection: str, news: str = "") -> None:
    expect(page.locator("#detail-connection")).to_have_text(connection)
    text = re.compile(news) if news else re.compile("^$|reading")
    expect(page.locator("#detail-news")).to_have_text(text)


def opens(page: Page, address: str) -> None:
    """Open a chart that is live."""
    page.goto(address)
    drawn(page)
    says(page, "Live")


def test_a_row_is_shown_without_a_reload_once_the_switch_is_on(
    page: Page, readings: Database, screenshots: Path
) -> None:
    page.goto(f"{HALL}&range=1d")
    drawn(page)
    page.evaluate("window.loaded = 'once'")
    page.get_by_role("checkbox", name="Live").check()
    page.wait_for_url(re.compile(r"range=1d&live=1$"))
    says(page, "Live", "^newest reading .+ UTC$")
    insert(readings, 25.5)
    ends_with(page, 25.5)
    page.screenshot(path=screenshots / "live.png", full_page=True)
    insert(readings, 26.5)
    ends_with(page, 26.5)
    assert page.evaluate("window.loaded") == "once"


def test_a_bucket_that_fills_and_a_value_that_is_corrected_are_drawn_again(
    page: Page, readings: Database
) -> None:
    # Three months of a row a minute: the chart shows buckets.
    readings.sql(
        "insert into readings select time, 1, 10 from generate_series(now() - interval '80 days',"
        " now() - interval '7 hours', '1 minute') as time"
    )
    opens(page, f"{HALL}&range=all&live=1")
    expect(page.locator("#detail-caption")).to_contain_text("from the hourly rollup")
    band = f"() => Math.max(...{GRAPH}.data[0].y.filter(each => each !== null))"
    assert page.evaluate(band) < 22
    loops = f"() => {GRAPH}.data[0].x.filter(each => each === null).length"
    before = page.evaluate(loops)
    insert(readings, 45)
    page.wait_for_function(f"() => ({band})() === 45")
    readings.sql("update readings set value = 35 where value = 45")
    page.wait_for_function(f"() => ({band})() === 35")
    # It grew by what is new, in one piece with what was there.
    assert page.evaluate(loops) == before
    width = f"{GRAPH}.data[0].x.length === new Set({GRAPH}.data[0].x).size * 2 - ({loops})()"
    assert page.evaluate(width)


def test_a_view_of_the_past_is_not_moved_and_a_button_leads_back(
    page: Page, readings: Database
) -> None:
    opens(page, f"{HALL}&range=all&live=1")
    page.locator("#detail-graph").hover()
    page.locator("#detail-graph [data-title='Zoom in']").click()
    page.wait_for_url(re.compile(r"range=[^P/]+/.+&live=1"))
    says(page, "Paused while you look at the past", "newest reading")
    seen, end = page.evaluate(VIEW), f"{GRAPH}.layout.xaxis.maxallowed"
    known = page.evaluate(end)
    insert(readings, 25.5)
    # The slider reaches what is new; the view stays.
    page.wait_for_function(f"known => {end} > known", arg=known)
    assert page.evaluate(VIEW) == seen
    page.get_by_role("button", name="Show the newest").click()
    says(page, "Live")
    ends_with(page, 25.5)
    page.wait_for_url(re.compile(r"range=PT\d+S&live=1$"))
    # A part that ends at the newest row goes on to do so.
    insert(readings, 26.5)
    ends_with(page, 26.5)
    assert page.evaluate(VIEW).split("/")[1] == page.evaluate(end)


def test_a_hidden_tab_asks_nothing_and_catches_up_when_it_is_seen(
    page: Page, readings: Database
) -> None:
    opens(page, f"{HALL}&range=1d&live=1")
    with page.expect_response(SERIES):
        pass
    page.evaluate(HIDDEN, True)
    asked: list[str] = []

    def note(request: Request) -> None:
        # What else the page asks while it begins may be late.
        if SERIES.search(request.url):
            asked.append(request.url)

    page.on("request", note)
    insert(readings, 25.5)
    # By then the next request would have been made.
    hidden = page.evaluate("performance.now()")
    page.wait_for_function("hidden => performance.now() > hidden + 6000", arg=hidden)
    assert asked == []
    page.evaluate(HIDDEN, False)
    ends_with(page, 25.5)
    says(page, "Live")


def test_a_server_that_was_away_is_found_again(
    new_context: Callable[..., BrowserContext],
    jobs_variables: dict[str, str],
    readings: Database,
    tmp_path: Path,
) -> None:
    with serving(tmp_path / "log", jobs_variables) as web:
        context = new_context(base_url=web.url)
        page = context.new_page()
        opens(page, f"{HALL}&range=1d&live=1")
        page.evaluate("window.loaded = 'once'")
    says(page, "Reconnecting", "reading")
    # What passes by itself is not shown twice.
    expect(page.locator("#trouble")).to_be_hidden()
    insert(readings, 25.5)
    with serving(tmp_path / "again", jobs_variables, port=web.port):
        ends_with(page, 25.5)
        says(page, "Live")
        assert page.evaluate("window.loaded") == "once"
        context.close()


def test_whoever_has_logged_out_is_asked_to_log_in_and_comes_back_to_a_live_chart(
    new_context: Callable[..., BrowserContext],
) -> None:
    context = new_context()
    page = context.new_page()
    opens(page, f"{HALL}&range=1d&live=1")
    context.clear_cookies()
    says(page, "Stopped")
    panel = page.get_by_role("alert").filter(has_text="You are logged out")
    expect(panel.get_by_role("link", name="Log in")).to_have_attribute(
        "href", re.compile("live%3D1$")
    )
    context.close()


def test_where_nothing_arrives_it_says_since_when_and_shows_the_end_of_what_there_is(
    page: Page,
) -> None:
    page.goto(f"{ROOF}&range=7d&live=1")
    says(page, "Live", "^no new readings since 30 Dec 2013 23:00 UTC$")
    drawn(page)
    assert page.evaluate(VIEW) == "2013-12-23 23:00:00/2013-12-30 23:00:00"


def test_it_is_off_until_it_is_switched_on_and_a_link_keeps_it(
    page: Page, readings: Database
) -> None:
    page.goto(f"{HALL}&range=1d")
    drawn(page)
    switch = page.get_by_role("checkbox", name="Live")
    expect(switch).not_to_be_checked()
    says(page, "")
    # By keyboard.
    switch.focus()
    page.keyboard.press("Space")
    page.wait_for_url(re.compile("live=1"))
    says(page, "Live")
    page.keyboard.press("Space")
    page.wait_for_url(re.compile("range=1d$"))
    says(page, "")


def test_many_new_rows_are_read_at_the_resolution_of_the_screen(
    page: Page, readings: Database
) -> None:
    opens(page, f"{HALL}&range=1d&live=1")
    readings.sql(
        "insert into readings select now() + time * interval '100 ms', 1, 30"
        " from generate_series(1, 20000) as time"
    )
    ends_with(page, 30)
    expect(page.locator("#detail-caption")).to_contain_text("points")
    assert page.evaluate(f"{GRAPH}.data[1].x.length") < 4000


def test_the_menu_downloads_the_rows_of_what_is_shown(page: Page) -> None:
    page.goto(f"{ROOF}&range=7d")
    drawn(page)
    menu = page.locator("#detail-download")
    csv = page.locator("#detail-download-csv")
    expect(csv).to_be_hidden()
    menu.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(csv).to_be_visible()
    page.keyboard.press("Tab")
    expect(csv).to_be_focused()
    for name, format in (("CSV", "csv"), ("Parquet", "parquet"), ("JSON one", "json")):
        address = menu.get_by_role("link", name=name).get_attribute("href")
        assert address.startswith("/api/v1/export/readings?key.sensor_id=2&start=2013-12-23T23")
        assert address.endswith(f"&format={format}")
    page.keyboard.press("Escape")
    expect(menu.locator("summary")).to_be_focused()
    expect(csv).to_be_hidden()
    page.get_by_text("1 d", exact=True).click()
    expect(csv).to_have_attribute("href", re.compile("start=2013-12-29T23%3A00%3A00Z"))
    assert csv.get_attribute("download") == ""
    rows = page.request.get(csv.get_attribute("href"))
    assert rows.ok
    # A row an hour, both ends, below their names.
    assert len(rows.text().splitlines()) == 1 + 25
    # The rows of another choice.
    page.locator("#sensor-location").click()
    page.get_by_role("option", name="hall", exact=True).click()
    expect(csv).to_have_attribute("href", re.compile(r"key\.sensor_id=1&"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_its_tools_fit_a_phone_and_a_desk_and_keep_nobody_out(
    page: Page, scheme: str, screenshots: Path
) -> None:
    page.set_viewport_size({"width": 390, "height": 900})
    # Without the colours half-way to others, in which axe-core finds too little contrast.
    page.emulate_media(color_scheme=scheme)
    opens(page, f"{HALL}&range=1d&live=1")
    for width in (390, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        for chart in ("detail", "daily"):
            page.locator(f"#{chart}-download summary").click()
            box = page.locator(f"#{chart}-download ul").bounding_box()
            assert box
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            assert barriers(page) == []
            page.screenshot(path=screenshots / f"live-{chart}-{width}-{scheme}.png")
