"""The page of test results in the browser: empty, and filled by the scanner."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy.orm import Session

from tests.browser.conftest import barriers
from tests.integration.db.conftest import SCHEMA_FILE, Database
from timestack import db
from timestack.domains.files import queue
from timestack.domains.files.scan import scan
from timestack.domains.files.schedule import Source
from timestack.series import catalog, rollups
from timestack.shared.roles import SCANNER

pytestmark = [pytest.mark.database, pytest.mark.browser]

GRAPH = "document.querySelector('#results-rate-graph .js-plotly-plot')"
RUNS = 80
LAST = datetime(2026, 3, 31, 4, tzinfo=UTC)
TESTS = [
    "tests.unit.test_records.test_a_quote_that_stays_open_is_named_by_its_line",
    "tests.unit.test_times.test_the_hour_that_comes_twice",
    "tests.integration.test_upload.test_a_broken_line_leaves_nothing[100 MB-tls-through-the-proxy]",
    "tests.integration.test_login.test_a_form_that_is_sent_twice_is_one_log_in",
    *(f"tests.unit.test_numbers.test_rounding[{number}]" for number in range(20)),
]
FLAKY, SLOW = TESTS[1], TESTS[2]


@pytest.fixture(scope="module")
def filled(provisioned: Database, tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Eighty nightly runs of one suite and a few of another, scanned and worked out."""
    folder, chance = tmp_path_factory.mktemp("results"), random.Random(1)
    for number in range(RUNS):
        write(folder / f"nightly-{number + 401}" / "unit.xml", number, chance)
    (folder / "bench" / "speed.tap").parent.mkdir()
    (folder / "bench" / "speed.tap").write_text("1..1\nok 1 - fast enough # time=900ms\n")
    engine = db.init(provisioned.settings(SCANNER.short))
    source = Source(directory=str(folder), owner="qa", site="lab", host="runner-1")
    counts = scan([source], lambda *_: None, production=True)
    assert (counts["new"], counts["failed"]) == (RUNS + 1, 0)
    assert queue.drain()["done"] == RUNS + 1
    engine.dispose()
    with Session(provisioned.engine()) as session, session.begin():
        rollups.refresh_all(session, declared=catalog.load(SCHEMA_FILE))
    return provisioned


def write(path: Path, number: int, chance: random.Random) -> None:
    began = LAST - timedelta(days=RUNS - 1 - number)
    cases = []
    for name in TESTS:
        group, _, test = name.rpartition(".test_")
        seconds = chance.uniform(40, 90) if name == SLOW else chance.uniform(0.001, 2)
        fails = (name == FLAKY and chance.random() < 0.3) or chance.random() < 0.01
        # The latest run has something to show in every table.
        fails = fails or (number == RUNS - 1 and name == TESTS[3])
        what = '<failure message="assert 302 == 200&#10;more"/>' if fails else ""
        cases.append(
            f"<testcase classname={quoteattr(group)} name={quoteattr('test_' + test)}"
            f' time="{seconds:.3f}">{what}</testcase>'
        )
    path.parent.mkdir()
    path.write_text(
        f'<testsuite name="unit" timestamp="{began:%Y-%m-%dT%H:%M:%S}">{"".join(cases)}</testsuite>'
    )


def shows(part: Locator, text: str) -> None:
    expect(part).to_contain_text(text)


def drawn(page: Page) -> None:
    page.wait_for_function(f"() => {GRAPH}?.data?.length > 0")


# First, while there is nothing.


def test_without_results_the_page_says_how_they_come(page: Page, screenshots: Path) -> None:
    page.goto("/dash/results")
    expect(page.get_by_role("heading", name="No data yet")).to_be_visible()
    expect(page.get_by_text("python -m scripts.scan --production")).to_be_visible()
    page.screenshot(path=screenshots / "results-empty.png", full_page=True)


def test_the_bar_leads_to_runs_pass_rate_and_the_tests_that_need_care(
    filled: Database, page: Page
) -> None:
    page.goto("/")
    page.get_by_role("navigation").get_by_role("link", name="Test results").click()
    drawn(page)
    page.locator("#results-suite").click()
    page.get_by_role("option", name="unit", exact=True).click()
    page.wait_for_url(re.compile(r"host=runner-1&suite=unit"))
    shows(page.locator("#results-rate-title"), "unit on runner-1 %")
    shows(page.locator("#results-duration-title"), "unit on runner-1 s")
    rows = page.locator("#results-runs-body tbody tr")
    expect(rows).to_have_count(15)
    shows(rows.first, "31 Mar 2026 04:00")
    shows(rows.first, "nightly-480")
    failing = page.locator("#results-failing-body tbody tr")
    shows(failing.filter(has_text=TESTS[3]), "assert 302 == 200")
    shows(page.locator("#results-slowest-body tbody tr").first, SLOW)
    shows(page.locator("#results-flakiest-body tbody tr").first, FLAKY)
    page.get_by_text("7 d", exact=True).click()
    page.wait_for_url(re.compile("range=7d"))
    caption = "8 daily readings, 24 Mar 2026 04:00 to 31 Mar 2026 04:00 UTC"
    shows(page.locator("#results-rate-caption"), caption)


def test_a_link_restores_the_suite_and_another_suite_changes_every_part(
    filled: Database, page: Page
) -> None:
    page.goto("/dash/results?host=runner-1&suite=speed")
    drawn(page)
    expect(page.locator("#results-runs-body tbody tr")).to_have_count(1)
    shows(page.locator("#results-slowest-body tbody tr"), "fast enough900 ms900 ms")
    shows(page.locator("#results-failing-body"), "None: every test")
    shows(page.locator("#results-flakiest-body"), "None: no test")
    page.goto("/dash/results?host=runner-1&suite=none")
    shows(page.get_by_role("alert"), "asks for host “runner-1”, suite “none”")


@pytest.mark.parametrize("width", [390, 1440])
def test_it_fits_a_phone_and_a_desk_and_keeps_nobody_out(
    filled: Database, page: Page, width: int, screenshots: Path
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/dash/results?host=runner-1&suite=unit")
    drawn(page)
    for table in ("runs", "failing", "slowest", "flakiest"):
        expect(page.locator(f"#results-{table}-body")).to_be_visible()
    token = "getComputedStyle(document.documentElement).getPropertyValue('--ts-chart-1').trim()"
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(f"() => {GRAPH}._fullData[1].line.color === {token}")
        assert barriers(page) == []
        page.screenshot(path=screenshots / f"results-{width}-{scheme}.png", full_page=True)
