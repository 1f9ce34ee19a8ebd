"""A time chart in the browser: what it asks the API for, when, and what becomes of the answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, Request, Route, expect

from tests.browser.conftest import barriers, watched
from tests.integration.db.conftest import Database

pytestmark = [pytest.mark.database, pytest.mark.browser]

# Of one type three that measure one thing, and one in another unit; of another type one.
SENSORS = """
insert into sensors (id, type, location, name, unit) values
  (1, 'temperature', 'hall', 'air', '°C'), (2, 'temperature', 'roof', 'air', '°C'),
  (3, 'temperature', 'yard', 'soil', '°C'), (4, 'temperature', 'yard', 'air', '°F'),
  (5, 'wind', 'roof', 'speed', 'm/s'), (6, 'wind', 'yard', 'speed', 'm/s')
"""
# A year of a reading an hour; the last one has a single reading.
READINGS = """
insert into readings (time, sensor_id, value)
select time, sensor, 5 * sensor + 10 * sin(extract(epoch from time) / 80000)
  from generate_series(timestamptz '2013-01-01Z', '2013-12-30 23:00Z', '1 hour') as time,
       generate_series(1, 5) as sensor
union all select timestamptz '2013-06-01 12:00Z', 6, 3
"""
GRAPH = "document.querySelector('#detail-graph .js-plotly-plot')"
DRAWN = f"() => {GRAPH}?.data?.length > 0"
VIEW = f"{GRAPH}.layout.xaxis.range.join('/')"
HALL = "/dash/sensors?type=temperature&location=hall&sensor=air"
WEEK = f"{HALL}&range=7d"
SERIES = "**/api/v1/series?*"
# In the address of a request for the last day, and not in that for what is beside it.
DAY = "start=2013-12-29"


# The place of each drawing, of each chart, by the Plotly that comes.
NOTED = """
let plotly;
window.drawn = [];
Object.defineProperty(window, "Plotly", {get: () => plotly, set: given => {
  plotly = {...given};
  for (const name of ["newPlot", "react", "redraw"]) {
    plotly[name] = (chart, ...more) => {
      drawn.push(chart.parentElement.id);
      return given[name](chart, ...more);
    };
  }
}});
"""
# What of a picture is text, beside the download itself.
TAPPED = """
() => {
  const { downloadImage } = Plotly;
  Plotly.downloadImage = (figure, options) => {
    window.svg = Plotly.toImage(figure, {...options, format: "svg"}).then(decodeURIComponent);
    return downloadImage(figure, options);
  };
}
"""


@pytest.fixture(scope="module", autouse=True)
def readings(provisioned: Database) -> Database:
    provisioned.sql(SENSORS)
    provisioned.sql(READINGS)
    return provisioned


@pytest.fixture
def unwatched(new_context: Callable[..., BrowserContext]) -> Iterator[Page]:
    """A page whose console may report that an answer is an error."""
    context = new_context()
    yield context.new_page()
    context.close()


def opens(page: Page, address: str = WEEK) -> list[str]:
    """Open a chart; the list gets the address of each request for points from then on."""
    page.goto(address)
    page.wait_for_function(DRAWN)
    page.wait_for_load_state("networkidle")
    asked: list[str] = []

    def note(request: Request) -> None:
        if "/api/v1/series" in request.url:
            asked.append(request.url)

    page.on("request", note)
    return asked


def press(page: Page, label: str) -> None:
    page.get_by_text(label, exact=True).click()


def caption(page: Page, text: str) -> None:
    expect(page.locator("#detail-caption")).to_have_text(re.compile(text))


def test_a_zoom_is_one_request_for_what_is_in_view_as_wide_as_the_chart(page: Page) -> None:
    asked = opens(page)
    page.locator("#detail-graph").hover()
    page.locator("#detail-graph [data-title='Zoom in']").click()
    page.wait_for_url(re.compile(r"range=2013-12-25T[\d:]+Z/2013-12-29T[\d:]+Z"))
    caption(page, "^85 hourly readings, 25 Dec 2013")
    page.wait_for_load_state("networkidle")
    # Other than the whole history, which is asked for when there is time.
    [address] = [each for each in asked if "start=2013-01-01" not in each]
    query = parse_qs(urlsplit(address).query)
    assert query["start"] == ["2013-12-25T17:00:00Z"]
    assert query["end"] == ["2013-12-29T05:00:00.001Z"]
    width = page.evaluate(f"{GRAPH}._fullLayout.xaxis._length")
    assert abs(int(query["points"][0]) - width) <= 1


def test_a_button_that_a_hand_is_on_stays_when_the_chart_is_drawn_again(page: Page) -> None:
    opens(page)
    page.locator("#detail-graph").hover()
    [pressed] = page.locator("#detail-graph [data-title='Zoom in']").element_handles()
    press(page, "1 d")
    caption(page, "^25 hourly readings, 29 Dec 2013")
    pressed.click()
    page.wait_for_url(re.compile(r"range=2013-12-30T05:00:00Z/2013-12-30T17:00:00Z"))


def test_there_are_at_most_twice_as_many_points_as_pixels(page: Page) -> None:
    opens(page, f"{HALL}&range=all")
    width = page.evaluate(f"{GRAPH}._fullLayout.xaxis._length")
    points = page.evaluate(f"{GRAPH}.data[1].y.filter(each => each !== null).length")
    assert width / 2 < points <= 2 * width


def test_the_last_request_wins_and_one_that_is_aborted_changes_nothing(page: Page) -> None:
    opens(page)
    held: list[Route] = []
    # The first one is held back until the second one has been answered.
    page.route(re.compile("api/v1/series.*start=2013-12-29"), lambda route: held.append(route))
    with page.expect_request(re.compile("start=2013-12-29")) as first:
        press(page, "1 d")
    page.wait_for_function("() => document.querySelector('#detail-busy:not([hidden])')")
    press(page, "1 m")
    caption(page, "^721 hourly readings, 30 Nov 2013")
    expect(page.locator("#detail-busy")).to_be_hidden()
    view = page.evaluate(VIEW)
    assert first.value.failure == "net::ERR_ABORTED"
    held[0].abort()
    expect(page.locator("#detail-fault")).to_be_hidden()
    assert page.evaluate(VIEW) == view


def test_an_answer_that_takes_more_than_200_ms_shows_a_spinner_and_a_faster_one_never_does(
    page: Page,
) -> None:
    page.clock.install()
    opens(page)
    busy = page.locator("#detail-busy")
    held: list[Route] = []
    page.route(SERIES, lambda route: held.append(route))
    page.clock.pause_at(page.evaluate("Date.now() + 10_000"))
    # Of the module itself: with its clock stopped, no button of the page does anything.
    ask = """() => {
      window.drawn = window.seen = false;
      const note = () => (seen ||= !document.querySelector("#detail-busy").hidden);
      new MutationObserver(note).observe(document.body, {attributes: true, subtree: true});
      timestack.ask("detail", "/api/v1/series?table=readings", () => (drawn = true));
    }"""
    with page.expect_request(SERIES):
        page.evaluate(ask)
    page.clock.run_for(199)
    expect(busy).to_be_hidden()
    page.clock.run_for(2)
    expect(busy).to_be_visible()
    held.pop().continue_()
    expect(busy).to_be_hidden()
    assert page.evaluate("[drawn, seen]") == [True, True]
    with page.expect_request(SERIES):
        page.evaluate(ask)
    page.clock.run_for(199)
    with page.expect_response(SERIES):
        held.pop().continue_()
    page.wait_for_function("() => drawn")
    page.clock.run_for(1000)
    assert page.evaluate("seen") is False


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (429, "", "Too many requests. Wait a moment, then try again."),
        (500, "<html>no</html>", "The server failed to answer."),
        (503, '{"detail": "The database does not answer.", "request_id": "abc"}',
         "The database does not answer. Request id: abc"),
        (0, "", "The server does not answer. It may be starting, or the connection broke."),
    ],
)  # fmt: skip
def test_a_failure_is_shown_at_the_chart_and_leaves_it_as_it_was(
    unwatched: Page, status: int, body: str, sentence: str, screenshots: Path
) -> None:
    page = unwatched
    asked = opens(page)
    view = page.evaluate(VIEW)

    def fail(route: Route) -> None:
        route.fulfill(status=status, body=body) if status else route.abort("connectionreset")

    page.route(SERIES, fail)
    press(page, "1 d")
    fault = page.locator("#detail-fault")
    expect(fault).to_contain_text(sentence)
    expect(page.locator("#trouble")).to_be_hidden()
    page.screenshot(path=screenshots / f"chart-fault-{status}.png")
    # Its values are those of the week, which its button and the address say; nothing is asked again
    # by itself.
    expect(page.get_by_role("radio", name="7 d")).to_be_checked()
    page.wait_for_url(re.compile("range=7d$"))
    assert page.evaluate(VIEW) == view
    assert sum(DAY in each for each in asked) == 1
    page.unroute(SERIES)
    fault.get_by_role("button", name="Try again").click()
    caption(page, "^25 hourly readings")
    expect(page.get_by_role("radio", name="1 d")).to_be_checked()
    page.wait_for_url(re.compile("range=1d$"))
    expect(fault).to_be_hidden()
    assert sum(DAY in each for each in asked) == 2


def test_each_chart_is_drawn_once_when_the_page_comes(page: Page) -> None:
    page.add_init_script(NOTED)
    opens(page, f"{HALL}&range=all")
    page.wait_for_function("() => document.querySelector('#daily-graph .js-plotly-plot')")
    page.wait_for_load_state("networkidle")
    assert sorted(page.evaluate("drawn")) == ["daily-graph", "detail-graph"]


def test_whoever_has_logged_out_is_asked_to_log_in(unwatched: Page) -> None:
    opens(unwatched)
    unwatched.context.clear_cookies()
    press(unwatched, "1 d")
    expect(unwatched.locator("#detail-fault")).to_contain_text("log")
    panel = unwatched.get_by_role("alert").filter(has_text="You are logged out")
    expect(panel.get_by_role("link", name="Log in")).to_be_visible()


@pytest.mark.parametrize("span", ["2y", "2013-03-08T00:00:00Z/2013-03-01T00:00:00Z", "1d'--"])
def test_a_range_in_an_address_that_is_none_is_named_and_all_is_shown(
    page: Page, span: str
) -> None:
    opens(page, f"{HALL}&range={span}")
    expect(page.locator("#detail-alert")).to_contain_text(f"“{span}” is not a range: use one of")
    caption(page, "1 Jan 2013 00:00 to 30 Dec 2013 23:00 UTC$")


def test_a_single_reading_is_a_dot_within_a_day(page: Page) -> None:
    opens(page, "/dash/sensors?type=wind&location=yard&sensor=speed")
    caption(page, "^1 reading, 1 Jun 2013 00:00 to 2 Jun 2013 00:00 UTC$")
    assert page.evaluate(f"{GRAPH}.data[1].marker.size[0]") == 5


def test_moving_shows_the_whole_history_to_both_sides(page: Page) -> None:
    address = f"{HALL}&range=2013-06-01T00:00:00Z/2013-06-03T00:00:00Z"
    opens(page, address)
    page.wait_for_function(f"() => {GRAPH}.data[1].x[0] === '2013-01-01 00:00:00'")
    assert page.evaluate(f"{GRAPH}.data[1].x.at(-2).slice(0, 10)") == "2013-12-30"
    assert page.evaluate(VIEW) == "2013-06-01 00:00:00/2013-06-03 00:00:00"


# Several lines


def choose(page: Page, option: str) -> None:
    page.locator("#sensor-beside").click()
    page.get_by_role("option", name=option, exact=True).click()
    page.keyboard.press("Escape")


def test_others_of_its_type_and_unit_are_drawn_beside_a_sensor(
    page: Page, screenshots: Path
) -> None:
    asked = opens(page)
    page.locator("#sensor-beside").click()
    expect(page.get_by_role("option")).to_have_text(["roof · air", "yard · soil"])
    page.keyboard.press("Escape")
    choose(page, "roof · air")
    page.wait_for_url(re.compile("&compare=2$"))
    choose(page, "yard · soil")
    page.wait_for_url(re.compile("&compare=2,3$"))
    page.wait_for_function(f"() => {GRAPH}?.data?.length === 6")
    expect(page.locator("#detail-title")).to_have_text("Air, hall and 2 more °C")
    # All of them by one request.
    keys = "key.sensor_id=1&key.sensor_id=2&key.sensor_id=3"
    assert sum(keys in each and "start=2013-12-23" in each for each in asked) == 1
    lines = f"[1, 3, 5].map(place => {GRAPH}._fullData[place].line"
    colours = page.evaluate(f"{lines}.color)")
    tokens = page.evaluate(
        "[1, 2, 3].map(n => getComputedStyle(document.documentElement)"
        ".getPropertyValue(`--ts-chart-${n}`).trim())"
    )
    assert colours == tokens
    assert page.evaluate(f"{lines}.dash)") == ["solid", "9px,4px", "2px,3px"]
    names = page.locator("#detail-lines li")
    expect(names).to_have_text(["Air, hall", "Air, roof", "Soil, yard"])
    drawn = names.locator("line")
    shown = drawn.evaluate_all("all => all.map(each => getComputedStyle(each).strokeDasharray)")
    assert shown == ["none", "9px, 4px", "2px, 3px"]
    for width in (390, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            assert barriers(page) == []
            page.screenshot(path=screenshots / f"compared-{width}-{scheme}.png", full_page=True)


def test_a_link_restores_what_is_compared_and_another_type_drops_it(page: Page) -> None:
    opens(page, f"{WEEK}&compare=3,2")
    assert page.evaluate(f"{GRAPH}.data.length") == 6
    page.locator("#sensor-type").click()
    page.get_by_role("option", name="wind", exact=True).click()
    page.wait_for_function(f"() => {GRAPH}?.data?.length === 2")
    page.wait_for_url(re.compile(r"type=wind&location=roof&sensor=speed&range=7d$"))
    page.go_back()
    page.wait_for_function(f"() => {GRAPH}?.data?.length === 6")
    for key in ("99", "4", "1", "x"):
        page.goto(f"{WEEK}&compare={key}")
        sentence = f"There is no sensor “{key}” to compare this one with."
        expect(page.get_by_role("alert")).to_contain_text(sentence)


def test_a_picture_names_what_it_shows_and_each_of_several_lines(
    page: Page, screenshots: Path
) -> None:
    for query, title, lines in (
        ("", "Air, hall (°C)", []),
        ("&compare=2,3", "Air, hall and 2 more (°C)", ["Air, hall", "Air, roof", "Soil, yard"]),
    ):
        opens(page, f"{WEEK}{query}")
        page.evaluate(TAPPED)
        page.locator("#detail-graph").hover()
        with page.expect_download() as download:
            page.locator("#detail-graph [data-title='Download as a picture']").click()
        download.value.save_as(screenshots / f"picture-{len(lines)}.png")
        svg = page.evaluate("svg")
        legend = re.findall(r'class="legendtext"[^>]*>([^<]*)<', svg)
        assert title in svg
        assert legend == lines
        # On the page they are beside the chart.
        assert not page.evaluate(f"{GRAPH}._fullLayout.showlegend")


# The zone and the link


@pytest.fixture
def berlin(new_context: Callable[..., BrowserContext]) -> Iterator[Page]:
    context = new_context(timezone_id="Europe/Berlin")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    with watched(context) as page:
        yield page


def test_times_are_utc_until_the_reader_s_zone_is_chosen_which_is_remembered(
    berlin: Page,
) -> None:
    opens(berlin)
    utc, local = "23 Dec 2013 23:00 to 30 Dec 2013 23:00 UTC$", "24 Dec 2013 00:00 to 31 Dec 2013"
    caption(berlin, utc)
    first = f"{GRAPH}.data[1].x[0]"
    assert berlin.evaluate(VIEW).startswith("2013-12-23 23:00:00")
    press(berlin, "Europe/Berlin")
    caption(berlin, f"{local} 00:00 Europe/Berlin$")
    assert berlin.evaluate(VIEW) == "2013-12-24 00:00:00/2013-12-31 00:00:00"
    expect(berlin.locator("footer")).to_contain_text("Times in charts are Europe/Berlin")
    csv = berlin.locator("#detail-download-csv").get_attribute("href")
    assert "start=2013-12-23T23%3A00%3A00Z" in csv
    # Zooming asks for the time that is meant.
    with berlin.expect_request(re.compile("start=2013-12-25T17%3A00%3A00Z")):
        berlin.locator("#detail-graph").hover()
        berlin.locator("#detail-graph [data-title='Zoom in']").click()
    berlin.wait_for_url(re.compile("range=2013-12-25T17:00:00Z/"))
    opens(berlin)
    caption(berlin, "Europe/Berlin$")
    assert berlin.evaluate(first) is not None
    press(berlin, "UTC")
    caption(berlin, utc)
    expect(berlin.locator("footer")).to_contain_text("All times are UTC")


def test_the_button_copies_the_link_of_what_is_shown(berlin: Page) -> None:
    opens(berlin)
    press(berlin, "1 d")
    berlin.wait_for_url(re.compile("range=1d"))
    berlin.get_by_role("button", name="Copy link").click()
    expect(berlin.get_by_role("button", name="Copied")).to_be_visible()
    assert berlin.evaluate("navigator.clipboard.readText()") == berlin.url
    expect(berlin.get_by_role("button", name="Copy link")).to_be_visible()
