"""The page of docs/make-it-yours.md, in the browser: the guide followed to the letter, and used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import at_a_desk, barriers, log_in
from tests.guide import GUIDE, Copy, follow
from tests.integration.db.conftest import Broker
from tests.served import Web, serving
from tests.stack import PASSWORD

pytestmark = [pytest.mark.database, pytest.mark.browser]

EMAIL = "ann@example.org"
# Two months of two meters, a row a minute, and none of another one.
ROWS = """
insert into power
select time, meter, 400 + 300 * sin(extract(epoch from time) / 20000)
  from generate_series(timestamptz '2024-01-01Z', '2024-02-29 23:59Z', '1 minute') as time,
       unnest(array['a', 'b']) as meter
"""
GRAPH = "document.querySelector('#power-graph .js-plotly-plot')"
# How many days the chart shows; None while it is not drawn.
SPAN = f"""
() => {{
  const range = {GRAPH}?.data?.length && {GRAPH}.layout.xaxis.range;
  return range ? (new Date(range[1]) - new Date(range[0])) / 86400000 : null;
}}
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory, make_database) -> Copy:
    copy = follow(tmp_path_factory.mktemp("yours"), make_database())
    for verb in ("roles", "migrate", "apply"):
        copy.provision(verb)
    return copy


@pytest.fixture(scope="module")
def served(copy: Copy, broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    environment = {
        **copy.reach,
        "DATABASE_ROLE": "timestack_app",
        "REDIS_PORT": str(broker.port),
    }
    log = tmp_path_factory.mktemp("web") / "log"
    with serving(log, environment, copy.folder / "services" / "web") as running:
        yield running


@pytest.fixture(scope="module")
def first_password(copy: Copy) -> str:
    made = copy.run("-m", "scripts.provision", "user", EMAIL, "--role", "viewer", **copy.reach)
    return re.search(r"first password (\S+)", made)[1]


@pytest.fixture(scope="module")
def known(browser: Browser, served: Web, first_password: str) -> dict:
    """What a browser keeps of somebody who has logged in and chosen a password."""
    with at_a_desk(browser) as context:
        page = context.new_page()
        page.goto(f"{served.url}/dash/power")
        log_in(page, EMAIL, first_password)
        page.wait_for_url(re.compile("/account/password"))
        fields = page.locator("main input[type=password]")
        for number, text in enumerate((first_password, PASSWORD, PASSWORD)):
            fields.nth(number).fill(text)
        page.locator("main button[type=submit]").click()
        page.wait_for_url(re.compile("/account$"))
        return context.storage_state()


@pytest.fixture(scope="module")
def filled(copy: Copy) -> Copy:
    copy.database.sql(ROWS)
    copy.provision("refresh")
    return copy


def shows(page: Page, days: float) -> None:
    page.wait_for_function(f"days => Math.abs(({SPAN})() - days) < days / 10", arg=days)


def caption(page: Page, text: str) -> None:
    expect(page.locator("#power-caption")).to_have_text(re.compile(text))


# First, while there is nothing.


def test_an_empty_table_says_how_it_is_filled(page: Page) -> None:
    page.goto("/dash/power")
    expect(page.get_by_role("heading", name="No data yet")).to_be_visible()
    load = re.search(r"make load FILE=power.csv TABLE=power", GUIDE)[0]
    expect(page.get_by_text(load)).to_be_visible()
    assert page.locator(".js-plotly-plot").count() == 0


def test_the_bar_leads_to_it_and_the_chart_draws(
    filled: Copy, page: Page, screenshots: Path
) -> None:
    page.goto("/")
    page.get_by_role("navigation").get_by_role("link", name="Power").click()
    shows(page, 60)
    expect(page.get_by_role("link", name="Power")).to_have_attribute("aria-current", "page")
    expect(page.locator("#power-title")).to_have_text("Meter a W")
    assert page.evaluate(f"{GRAPH}.layout.yaxis.title.text") == "Power (W)"
    caption(
        page, "^1,440 points from the hourly rollup, 1 Jan 2024 00:00 to 29 Feb 2024 23:59 UTC$"
    )
    page.screenshot(path=screenshots / "power.png", full_page=True)


def test_a_range_button_narrows_it_and_zoom_asks_for_what_is_in_view(
    filled: Copy, page: Page
) -> None:
    page.goto("/dash/power")
    shows(page, 60)
    page.get_by_text("7 d", exact=True).click()
    shows(page, 7)
    caption(page, "every 5 min, from the readings, 22 Feb 2024 23:59")
    page.wait_for_url(re.compile(r"range=7d$"))
    # Each makes the range half as long.
    for days in (3.5, 1.75, 0.875):
        page.locator("#power-graph").hover()
        page.locator("#power-graph [data-title='Zoom in']").click()
        shows(page, days)
    caption(page, r"^1,26\d minutely readings, 26 Feb 2024")
    times = page.evaluate(f"{GRAPH}.data[1].x.filter(each => each?.startsWith('2024-02-26 12:'))")
    assert times == [f"2024-02-26 12:{minute:02}:00" for minute in range(60)]
    page.wait_for_url(re.compile(r"range=2024-02-26T[\d:]+Z/2024-02-26T[\d:]+Z$"))


def test_a_link_restores_the_meter_and_the_range(filled: Copy, page: Page) -> None:
    page.goto("/dash/power")
    shows(page, 60)
    page.locator("#power-meter").click()
    page.get_by_role("option", name="b", exact=True).click()
    page.get_by_text("1 d", exact=True).click()
    page.wait_for_url(re.compile(r"\?meter=b&range=1d$"))
    address = page.url
    page.goto("/")
    page.goto(address)
    shows(page, 1)
    expect(page.locator("#power-title")).to_have_text("Meter b W")
    expect(page.locator("#power-meter")).to_have_text("b")
    caption(page, "^1,441 minutely readings, 28 Feb 2024 23:59 to 29 Feb 2024 23:59 UTC$")
    page.goto("/dash/power?meter=c")
    expect(page.get_by_role("alert")).to_contain_text("asks for meter “c”")


def test_it_follows_the_look_of_the_reader(filled: Copy, page: Page) -> None:
    page.goto("/dash/power?meter=a&range=7d")
    shows(page, 7)
    token = "getComputedStyle(document.documentElement).getPropertyValue('--ts-chart-1').trim()"
    seen = set()
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(f"() => {GRAPH}._fullData[1].line.color === {token}")
        shows(page, 7)
        seen.add(page.evaluate(token))
    assert len(seen) == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/dash/power", "/dash/sensors"])
def test_neither_it_nor_an_empty_page_keeps_anybody_out(
    filled: Copy, page: Page, path: str, scheme: str
) -> None:
    page.set_viewport_size({"width": 390, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.goto(path)
    if path == "/dash/power":
        shows(page, 60)
    else:
        expect(page.get_by_role("heading", name="No data yet")).to_be_visible()
    for width in (390, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert barriers(page) == [], width
