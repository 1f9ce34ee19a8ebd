"""The Markets page in the browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect
from sqlalchemy.orm import Session

from tests.browser.conftest import barriers
from tests.integration.db.conftest import SCHEMA_FILE, Database
from timestack.series import catalog, rollups

pytestmark = [pytest.mark.database, pytest.mark.browser]

# Weekdays of three years, without the days after Christmas; BBB begins in 2012, CCC has one day.
FILL = """
insert into tickers (symbol, name, industry) values ('AAA', 'Acme Anvils', 'Tools'),
  ('BBB', 'Bolt <b>&', 'Tools'), ('CCC', 'Crate', 'Boxes'), ('DDD', 'Drum', 'Boxes');
insert into prices_daily (time, ticker_id, open, high, low, close, volume, adjusted_close)
select day, id, 100 + n * 0.1, 103 + n * 0.1, 98 + n * 0.1, 100 + n * 0.1 + 2 * sin(n),
       1000000 + n, 50 + n * 0.05
  from tickers,
       generate_series(timestamptz '2010-01-04Z', '2012-12-31Z', '1 day')
         with ordinality as days (day, n)
 where extract(isodow from day) < 6 and to_char(day, 'MMDD') <> '1226'
   and (symbol = 'AAA' or symbol = 'BBB' and day >= '2012-01-01Z'
        or symbol = 'CCC' and day = '2012-12-31Z');
"""
PAGE = "/dash/markets"
GRAPH = "document.querySelector('#markets-graph .js-plotly-plot')"
CAPTION = "#markets-caption"


@pytest.fixture(scope="module", autouse=True)
def markets(provisioned: Database) -> Database:
    provisioned.sql(FILL)
    with Session(provisioned.engine("app")) as session, session.begin():
        rollups.refresh_all(session, declared=catalog.load(SCHEMA_FILE))
    return provisioned


def opens(page: Page, query: str = "") -> None:
    page.goto(f"{PAGE}{query}")
    page.wait_for_function(f"() => {GRAPH}?.layout?.xaxis?.range || {GRAPH}?.layout?.annotations")


def types(page: Page) -> list[str]:
    return page.evaluate(f"{GRAPH}.data.map(each => each.type)")


def shows(page: Page, caption: str) -> None:
    expect(page.locator(CAPTION)).to_have_text(re.compile(caption))


def hover(page: Page, part: float) -> None:
    """Move the mouse to a part of the chart's width."""
    box = page.locator("#markets-graph .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * part, box["y"] + box["height"] / 2)


def test_a_year_of_candles_over_their_volume_leaves_no_hole_at_weekends_and_holidays(
    page: Page, screenshots: Path
) -> None:
    opens(page)
    # The first industry and ticker there are.
    expect(page.get_by_role("heading", level=2)).to_have_text("CCC, Crate US dollars")
    opens(page, "?ticker=AAA")
    shows(page, "^260 trading days, 2 Jan 2012 to 31 Dec 2012$")
    assert types(page) == ["candlestick", "bar"]
    breaks = page.evaluate(f"{GRAPH}.layout.xaxis.rangebreaks")
    assert breaks == [{"bounds": ["sat", "mon"]}, {"bounds": ["2012-12-26", "2012-12-27"]}]
    titles = page.evaluate(f"[{GRAPH}.layout.yaxis, {GRAPH}.layout.yaxis2].map(y => y.title.text)")
    assert titles == ["Price (US dollars)", "Shares"]
    look = page.evaluate(f"[{GRAPH}.data[0].increasing, {GRAPH}.data[0].decreasing]")
    # Told apart without colours: hollow and filled.
    assert look[0]["fillcolor"] != look[0]["line"]["color"]
    assert look[1]["fillcolor"] == look[1]["line"]["color"]
    page.screenshot(path=screenshots / "markets.png", full_page=True)


def test_what_the_reader_chooses_is_in_the_address_and_a_link_shows_it_again(page: Page) -> None:
    opens(page, "?ticker=AAA")
    page.get_by_text("3 m", exact=True).click()
    shows(page, "^65 trading days")
    page.get_by_text("Line", exact=True).click()
    page.get_by_text("50 d", exact=True).click()
    page.get_by_role("checkbox", name="Adjusted").check()
    shows(page, "adjusted for splits and dividends$")
    page.wait_for_url(re.compile(r"range=3m&kind=line&averages=50&adjusted=1$"))
    page.wait_for_function(f"() => {GRAPH}.data.length === 3")
    before = page.evaluate(f"{GRAPH}.data.map(each => [each.type, each.name, each.y.at(-1)])")
    assert [name for _, name, _ in before] == ["AAA", "50-day average", "volume"]
    page.reload()
    page.wait_for_function(f"() => {GRAPH}?.data?.length === 3")
    assert (
        page.evaluate(f"{GRAPH}.data.map(each => [each.type, each.name, each.y.at(-1)])") == before
    )
    expect(page.get_by_role("radio", name="Line")).to_be_checked()


def test_a_long_range_has_longer_bars_and_zooming_in_has_days(page: Page) -> None:
    asked: list[str] = []

    def note(request: Request) -> None:
        if "/api/v1/candles" in request.url:
            asked.append(request.url)

    page.on("request", note)
    opens(page, "?ticker=AAA&range=all")
    shows(page, "^157 weeks, 4 Jan 2010 to 6 Jan 2013$")
    page.evaluate(
        "() => Plotly.relayout(" + GRAPH + ", {'xaxis.range[0]': '2011-03-01 09:00',"
        " 'xaxis.range[1]': '2011-04-29 03:00'})"
    )
    shows(page, "^44 trading days, 1 Mar 2011 to 29 Apr 2011$")
    page.wait_for_url(re.compile("range=2011-03-01/2011-04-30"))
    # Also what is to its left and right, so that moving shows something.
    assert "start=2011-01-30&end=2011-05-30" in asked[-1]
    expect(page.get_by_role("radio", name="all")).not_to_be_checked()
    page.locator("#markets-graph .nsewdrag").first.dblclick()
    shows(page, "^157 weeks")
    page.wait_for_url(re.compile("range=all"))


def test_tickers_are_compared_in_percent_from_the_first_day_of_each(page: Page) -> None:
    opens(page, "?ticker=AAA&range=2011-12-01/2012-03-01")
    page.locator("#markets-compare").click()
    page.get_by_role("option", name="BBB · Bolt <b>&", exact=True).click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", level=2)).to_have_text("AAA, BBB %")
    shows(page, "^1 Dec 2011 to 29 Feb 2012; BBB since 2 Jan 2012$")
    page.wait_for_url(re.compile("compare=BBB"))
    assert page.evaluate(f"{GRAPH}.data.map(each => each.y[0])") == [0, 0]
    assert page.evaluate(f"{GRAPH}.layout.yaxis.title.text") == "Change of the closing price (%)"
    # There are neither candles nor averages of several.
    expect(page.get_by_text("Averages", exact=True)).to_be_hidden()
    page.go_back()
    page.wait_for_function(f"() => {GRAPH}?.data?.[0]?.type === 'candlestick'")


def test_hovering_a_bar_shows_its_prices_and_its_change(page: Page) -> None:
    opens(page, "?ticker=AAA&range=1m&averages=20")
    shows(page, "trading days")
    hover(page, 0.5)
    label = page.locator("#markets-graph .hoverlayer")
    expect(label).to_contain_text(re.compile(r"\w{3} \d+ Dec 2012.*\([+−]\d+\.\d\d %\)"))
    expect(label).to_contain_text(re.compile(r"open .+, high .+, low .+20-day average .+volume"))


def test_the_rows_in_view_can_be_downloaded_and_the_link_copied(page: Page) -> None:
    opens(page, "?ticker=AAA&range=2012-01-09/2012-01-14")
    shows(page, "^5 trading days")
    page.get_by_text("Download", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("CSV")).click()
    rows = Path(download.value.path()).read_text().splitlines()
    assert len(rows) == 6
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.url


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("?ticker=XYZ", "The address asks for ticker “XYZ”, and there is no such ticker."),
        ("?ticker=AAA&industry=Boxes", "there is no such ticker"),
        ("?ticker=AAA&compare=XYZ", "There is no ticker “XYZ” to compare this one with."),
        ("?ticker=AAA&range=2012-02-01/2012-01-01", "is not a range: use one of 7d, 14d"),
        ("?ticker=AAA&range=2012-02-01/10000-01-01", "is not a range"),
        ("?ticker=AAA&range=2012-02-01/2012-02-01", "is not a range"),
        ("?ticker=AAA&kind=pie", "“pie” is not a kind of chart: use candles or line."),
        ("?ticker=AAA&averages=7", "“7” is not a list of averages"),
        ("?ticker=AAA&range=1999-01-01/1999-02-01", "No trading days in this range"),
        ("?ticker=DDD", "No prices yet"),
        ("?ticker=CCC", "1 trading day, 31 Dec 2012"),
        ("?ticker=AAA&range=0001-01-01/9999-12-31", "157 weeks, 4 Jan 2010 to 31 Dec 2012"),
    ],
)
def test_an_address_that_cannot_be_shown_says_why(page: Page, query: str, sentence: str) -> None:
    page.goto(PAGE + query)
    expect(page.locator("#main")).to_contain_text(sentence)


def test_a_failure_stays_at_the_chart_and_is_over_when_it_is_tried_again(
    new_context: Callable[..., BrowserContext],
) -> None:
    # Not watched: the console reports the failure.
    context = new_context()
    page = context.new_page()
    opens(page, "?ticker=AAA")
    shows(page, "260 trading days")
    page.route("**/api/v1/candles**", lambda route: route.fulfill(status=503, json={}))
    page.get_by_text("3 m", exact=True).click()
    fault = page.locator("#markets-fault")
    expect(fault).to_contain_text("The server does not answer.")
    shows(page, "260 trading days")
    # So do the button and the address.
    expect(page.get_by_role("radio", name="1 y")).to_be_checked()
    page.wait_for_url(re.compile("range=1y"))
    page.unroute("**/api/v1/candles**")
    fault.get_by_role("button", name="Try again").click()
    shows(page, "65 trading days")
    expect(fault).to_be_hidden()
    context.close()


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles"])
def test_a_day_is_the_same_day_wherever_the_reader_is(
    new_context: Callable[..., BrowserContext], zone: str
) -> None:
    context = new_context(timezone_id=zone)
    page = context.new_page()
    opens(page, "?ticker=AAA&range=7d")
    shows(page, "^5 trading days, 24 Dec 2012 to 31 Dec 2012$")
    hover(page, 0.9)
    expect(page.locator("#markets-graph .hoverlayer")).to_contain_text("Mon 31 Dec 2012")
    ends = page.evaluate(f"{GRAPH}._fullLayout.xaxis.range")
    assert ends == ["2012-12-24 00:00", "2013-01-01 00:00"]
    context.close()


@pytest.mark.parametrize("look", ["light", "dark"])
def test_nothing_is_in_the_way_on_a_phone(
    new_context: Callable[..., BrowserContext], look: str, screenshots: Path
) -> None:
    context = new_context(color_scheme=look)
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    for query in ("?ticker=AAA&averages=20,50", "?ticker=AAA&compare=BBB"):
        opens(page, query)
        shows(page, "201[12]")
        assert barriers(page) == []
        # Never more than one bar in four pixels.
        assert len(page.evaluate(f"{GRAPH}.data[0].x")) <= 390 / 2
    page.screenshot(path=screenshots / f"markets-{look}.png", full_page=True)
    context.close()


@pytest.mark.parametrize("typed", ["K7", "seventh"])
def test_a_ticker_is_found_by_its_symbol_and_by_the_name_of_the_company(
    page: Page, markets: Database, typed: str
) -> None:
    markets.sql(
        "insert into tickers (symbol, name, industry) select 'K' || n, 'Row ' || n ||"
        " case n when 7 then ', Seventh Street' else '' end, 'Rows' from generate_series(1, 9) n"
        " on conflict do nothing"
    )
    opens(page, "?ticker=AAA")
    expect(page.locator("#markets-ticker")).to_contain_text("AAA · Acme Anvils")
    page.locator("#markets-industry").click()
    page.get_by_role("option", name="Rows", exact=True).click()
    expect(page.locator("#markets-ticker")).to_contain_text("K1 · ")
    page.locator("#markets-ticker").click()
    page.locator(".dash-dropdown-search").fill(typed)
    expect(page.get_by_role("option")).to_have_count(1)
    page.get_by_role("option", name="K7 · ").click()
    page.wait_for_url(re.compile("ticker=K7"))


def test_an_empty_stack_says_how_to_load_some(page: Page, markets: Database) -> None:
    markets.truncate("prices_daily", "tickers")
    page.goto(PAGE)
    expect(page.locator("#main")).to_contain_text("make load FILE=tickers.csv TABLE=tickers")
