"""The Finance page in the browser: built by Vite, drawn by React, its figures from the database."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests import frontend
from tests.browser.conftest import barriers, log_in, watched
from tests.integration.db.conftest import Database
from tests.served import WEB, Web, serving

pytestmark = [pytest.mark.database, pytest.mark.browser]

FILL = """
insert into companies (name) values ('Acme'), ('Bolt <b>&'), ('Crate'), ('Drum'),
  ('Long' || repeat('x', 250));
insert into finances (company_id, year, q1, q2, q3, q4) values
  (1, 2015, 700000, 820000.50, 650000, 910000), (1, 2016, 720000, 870000, 640000, 990000),
  (1, 2017, 810000, 900000, 730000, 1050000), (1, 2018, 890000, 960000, 810000, 1130000),
  (1, 2019, 920000, 990000, 850000, 1210000), (1, 2020, 510000, 380000, 640000, 930000),
  (1, 2021, 980000, 1100000, 970000, 1390000), (1, 2022, 1120000, 1234567.89, 1010000, 1510000),
  (1, 2023, 1190000, 1310000, 1090000, 1600000), (1, 2024, 1250000, 1390000, null, null),
  (2, 2023, 123456789012345.67, -98765432109876.54, 0, 999999999999999.99),
  (2, 2024, -5000.01, 12000, -3000, 100),
  (4, 2024, null, null, null, null), (5, 2024, 1, 2, 3, 4);
"""
PICTURES = ".fin-chart svg[role=img]"


@pytest.fixture(scope="module")
def served(
    jobs_variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Web]:
    """The web with the files that its image has in the static folder."""
    folder = tmp_path_factory.mktemp("built")
    shutil.copytree(
        WEB, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("frontend", "__pycache__")
    )
    frontend.build("frontend", folder / "timestack" / "static" / "frontend")
    with serving(folder / "log", jobs_variables, folder) as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def companies(provisioned: Database) -> None:
    provisioned.sql(FILL)


def opens(page: Page, query: str = "?company=1&year=2023") -> None:
    page.goto(f"/finance{query}")
    expect(page.locator(PICTURES)).to_have_count(4)


def test_a_year_is_drawn_and_every_amount_is_in_the_table(page: Page) -> None:
    opens(page)
    expect(page.get_by_role("heading", level=2)).to_have_text("Acme, 2023")
    bars = page.get_by_role("img", name="Quarters of 2023", exact=True)
    expect(bars).to_contain_text("$1.31M")
    row = page.get_by_role("row", name="2022")
    expect(row).to_contain_text("$1,234,567.89")
    expect(row).to_contain_text("$4,874,567.89")


def test_its_files_are_this_site_s_by_hashed_names_and_kept_for_a_year(page: Page) -> None:
    seen: dict[str, dict[str, str]] = {}
    page.on("response", lambda answer: seen.update({answer.url: answer.all_headers()}))
    opens(page)
    origin = re.match(r"https?://[^/]+/", page.url)[0]
    # What is in the document itself, such as the arrow of a drop-down, was asked of nobody.
    assert {url for url in seen if not url.startswith((origin, "data:"))} == set()
    ours = {url: each for url, each in seen.items() if "/frontend/" in url}
    names = [re.search(r"/([^/?]+)\?", url)[1] for url in ours]
    hashed = sorted(re.sub(r"-[\w-]{8}\.", "-HASH.", name) for name in names)
    assert hashed == ["finance-HASH.css", "finance-HASH.js"]
    for headers in ours.values():
        assert headers["cache-control"] == "public, max-age=31536000, immutable"
    assert page.evaluate("window._dash_dash_renderer ?? window.dash_clientside ?? null") is None
    assert page.locator("style").count() == 0


def test_choosing_changes_the_address_and_the_way_back_the_choice(page: Page) -> None:
    opens(page)
    # By keyboard alone.
    page.get_by_label("Year", exact=True).focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("heading", level=2)).to_have_text("Acme, 2022")
    page.get_by_label("Company").select_option("Bolt <b>&")
    expect(page.get_by_role("heading", level=2)).to_have_text("Bolt <b>&, 2024")
    expect(page.get_by_text("has no finances of 2022: this is 2024")).to_be_visible()
    assert page.url.endswith("/finance?company=2&year=2022")
    page.go_back()
    expect(page.get_by_role("heading", level=2)).to_have_text("Acme, 2022")
    page.reload()
    expect(page.get_by_role("heading", level=2)).to_have_text("Acme, 2022")


def test_the_start_page_and_the_bar_lead_to_it(page: Page) -> None:
    page.goto("/")
    page.get_by_role("main").get_by_role("link", name="Finance").click()
    expect(page.get_by_role("heading", level=2)).to_have_text("Acme, 2024")
    expect(page.get_by_role("navigation").get_by_role("link", name="Finance")).to_have_attribute(
        "aria-current", "page"
    )
    # What was chosen for the reader is in the address, and is not a step back.
    page.wait_for_url(re.compile(r"/finance\?company=1&year=2024$"))
    page.go_back()
    expect(page).to_have_title("Timestack")


def test_refreshing_brings_what_was_changed_and_loads_nothing_else_again(
    page: Page, provisioned: Database
) -> None:
    opens(page, "?company=1&year=2024")
    page.evaluate("window.sameDocument = true")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    provisioned.sql("update finances set q3 = 1234567.89 where company_id = 1 and year = 2024")
    try:
        page.get_by_role("button", name="Refresh").click()
        row = page.get_by_role("row", name="2024")
        expect(row).to_contain_text("$1,234,567.89")
    finally:
        provisioned.sql("update finances set q3 = null where company_id = 1 and year = 2024")
    assert page.evaluate("window.sameDocument") is True
    assert {re.search(r"/api/v1/([a-z/0-9]+)", url)[1] for url in asked} == {
        "companies",
        "companies/1/finances",
    }


def test_a_quarter_that_is_missing_is_a_gap(page: Page) -> None:
    opens(page, "?company=1&year=2024")
    bars = page.get_by_role("img", name="Quarters of 2024", exact=True)
    expect(bars.get_by_text("reported", exact=True)).to_have_count(2)
    expect(page.get_by_text("Quarters that are not reported are left out.")).to_be_visible()


def test_losses_and_huge_amounts_are_exact_and_no_pie_is_drawn_of_a_loss(page: Page) -> None:
    page.goto("/finance?company=2&year=2023")
    row = page.get_by_role("row", name="2023")
    for amount in ("$123,456,789,012,345.67", "−$98,765,432,109,876.54", "$999,999,999,999,999.99"):
        expect(row).to_contain_text(amount)
    # 123456789012345.67 - 98765432109876.54 + 999999999999999.99, to the cent.
    expect(row).to_contain_text("$1,024,691,356,902,469.12")
    expect(page.get_by_text("A pie cannot show a loss, and there is one in Q2")).to_be_visible()
    expect(page.locator(PICTURES)).to_have_count(3)
    page.get_by_label("Year", exact=True).select_option("2024")
    expect(page.get_by_text("A pie cannot show a loss, and there is one in Q1, Q3")).to_be_visible()


@pytest.mark.parametrize(
    ("query", "heading"),
    [
        ("?company=3", "Crate has no finances yet"),
        ("?company=4", "Drum, 2024"),
        ("?company=99", "There is no such company"),
        ("?company=9999999999", "There is no such company"),
    ],
)
def test_a_company_with_nothing_to_draw_says_so(
    new_context: Callable[..., BrowserContext], screenshots: Path, query: str, heading: str
) -> None:
    # Chromium reports a status above 399 as an error in the console.
    context = new_context()
    page = context.new_page()
    page.goto(f"/finance{query}")
    expect(page.get_by_role("heading", level=2)).to_have_text(heading)
    assert page.locator(PICTURES).count() == 0
    assert barriers(page) == []
    page.screenshot(path=screenshots / f"finance-{query[1:].replace('=', '-')}.png")
    page.get_by_label("Company").select_option("Acme")
    expect(page.get_by_role("heading", level=2)).to_have_text("Acme, 2024")
    context.close()


def broken(page: Page, how: str) -> None:
    """Have the next answers about a company fail in some way."""
    place = re.compile("/api/v1/companies/1/finances$")

    def answer(route: Route) -> None:
        if how == "down":
            route.abort("connectionrefused")
        elif how == "malformed":
            route.fulfill(body='{"success": true, "content": {"items": [{"year": "2024"}]}}')
        else:
            route.fulfill(status=int(how), body="Bad Gateway")

    page.route(place, answer)


@pytest.mark.parametrize(
    ("how", "heading", "sentence"),
    [
        ("down", "The server does not answer", "the connection broke"),
        ("502", "The server does not answer", "It may be starting"),
        ("429", "Too many requests", "Wait a moment"),
        ("malformed", "The answer cannot be read", "content.items[0].year is not a whole number"),
    ],
)
def test_what_goes_wrong_is_a_sentence_and_trying_again_helps(
    new_context: Callable[..., BrowserContext],
    screenshots: Path,
    how: str,
    heading: str,
    sentence: str,
) -> None:
    context = new_context()
    page = context.new_page()
    broken(page, how)
    page.goto("/finance?company=1&year=2024")
    alert = page.get_by_role("alert")
    expect(alert.get_by_role("heading")).to_have_text(heading)
    expect(alert).to_contain_text(sentence)
    assert barriers(page) == []
    page.screenshot(path=screenshots / f"finance-{how}.png")
    page.unroute_all()
    alert.get_by_role("button", name="Try again").press("Enter")
    expect(page.get_by_role("heading", level=2)).to_have_text("Acme, 2024")
    context.close()


def test_while_it_loads_there_are_outlines(
    new_context: Callable[..., BrowserContext], screenshots: Path
) -> None:
    with watched(new_context()) as page:
        held: list[Route] = []
        page.route(re.compile("/finances$"), lambda route: held.append(route))
        page.goto("/finance?company=1&year=2024")
        expect(page.locator(".fin-bone")).to_have_count(4)
        expect(page.get_by_role("region", name="Finance")).to_have_attribute("aria-busy", "true")
        assert barriers(page) == []
        page.screenshot(path=screenshots / "finance-loading.png")
        held[0].continue_()
        expect(page.locator(PICTURES)).to_have_count(4)


def test_who_was_logged_out_meanwhile_is_led_to_the_log_in_and_back(
    new_context: Callable[..., BrowserContext], screenshots: Path
) -> None:
    context = new_context()
    page = context.new_page()
    opens(page, "?company=1&year=2022")
    context.clear_cookies()
    page.get_by_role("button", name="Refresh").click()
    alert = page.get_by_role("alert")
    expect(alert.get_by_role("heading")).to_have_text("You are logged out")
    page.screenshot(path=screenshots / "finance-logged-out.png")
    alert.get_by_role("link", name="Log in").click()
    log_in(page, "viewer@example.org")
    page.wait_for_url(re.compile(r"/finance\?company=1&year=2022$"))
    expect(page.get_by_role("heading", level=2)).to_have_text("Acme, 2022")
    context.close()


def test_of_thousands_of_companies_the_others_are_found_by_name(
    page: Page, provisioned: Database, screenshots: Path
) -> None:
    provisioned.sql(
        "insert into companies (name) select 'Many ' || n from generate_series(1000, 3499) n;"
        "insert into finances (company_id, year, q1)"
        " select id, 2024, 5 from companies where name = 'Many 3456'"
    )
    try:
        opens(page)
        expect(page.get_by_label("Company").locator("option")).to_have_count(1000)
        page.get_by_label("Name contains").fill("3456")
        page.get_by_label("Name contains").press("Enter")
        # The chosen one stays among them.
        expect(page.get_by_label("Company").locator("option")).to_have_count(2)
        page.get_by_label("Company").select_option("Many 3456")
        expect(page.get_by_role("heading", level=2)).to_have_text("Many 3456, 2024")
        assert barriers(page) == []
        page.screenshot(path=screenshots / "finance-many.png")
        page.get_by_label("Name contains").fill("no such thing")
        page.get_by_role("button", name="Find").click()
        expect(page.get_by_text("No company’s name contains “no such thing”.")).to_be_visible()
        # A link shows a company that is not among the first thousand.
        page.reload()
        expect(page.get_by_role("heading", level=2)).to_have_text("Many 3456, 2024")
    finally:
        provisioned.sql("delete from companies where name like 'Many %'")


def test_without_companies_it_says_what_to_do(
    page: Page, provisioned: Database, screenshots: Path
) -> None:
    provisioned.truncate("companies")
    try:
        page.goto("/finance")
        expect(page.get_by_role("heading", level=2)).to_have_text("No companies yet")
        expect(page.get_by_role("link", name="API").first).to_be_visible()
        assert barriers(page) == []
        page.screenshot(path=screenshots / "finance-none.png")
        provisioned.sql(FILL)
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("heading", level=2)).to_have_text("Acme, 2024")
    finally:
        provisioned.truncate("companies")
        provisioned.sql(FILL)


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_it(
    new_context: Callable[..., BrowserContext], screenshots: Path, width: int, scheme: str
) -> None:
    look = {"viewport": {"width": width, "height": 1000}, "color_scheme": scheme}
    with watched(new_context(**look)) as page:
        for name, query in (
            ("usual", "?company=1&year=2024"),
            ("loss", "?company=2&year=2023"),
            ("long", "?company=5"),
        ):
            page.goto(f"/finance{query}")
            expect(page.locator(PICTURES).first).to_be_visible()
            assert barriers(page) == []
            picture = f"finance-{name}-{width}-{scheme}.png"
            page.screenshot(path=screenshots / picture, full_page=True)
