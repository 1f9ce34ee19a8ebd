"""The dialog of the Markets page that adds a ticker, from a file and from the source."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, FilePayload, Locator, Page, Route, expect

from media_platform.faults import ENDPOINTS
from tests.browser.conftest import barriers
from tests.integration.db.conftest import Database
from tests.integration.db.test_prices import FILE
from tests.stack import ROOT, wait_until
from tests.unit.platform.running import Platform, running

pytestmark = [pytest.mark.database, pytest.mark.browser]


@pytest.fixture
def role() -> str:
    return "editor"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with running(tmp_path_factory.mktemp("platform")) as platform:
        yield platform


@pytest.fixture(scope="module")
def jobs_variables(jobs_variables: dict[str, str], platform: Platform) -> dict[str, str]:
    """With a source of prices."""
    return {**jobs_variables, "PRICES_URL": f"{platform.url}/prices/{{symbol}}.csv"}


@pytest.fixture
def order(platform: Platform) -> Iterator[Callable[[object], None]]:
    """Orders a fault of the source."""
    with platform.client() as control:
        yield lambda fault: control.post("/api/faults", json={"prices": fault})
        control.post("/api/faults", json=dict.fromkeys(ENDPOINTS))


@pytest.fixture(scope="module")
def worker(jobs_variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    folder = tmp_path_factory.mktemp("worker")
    path = f"{ROOT}:{ROOT / 'services' / 'web'}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "timestack.tasks.every", "worker"],
            env={**os.environ, **jobs_variables, "PYTHONPATH": path, "TMPDIR": str(folder)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    yield process
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture(autouse=True)
def markets(provisioned: Database) -> Database:
    """One ticker with a day."""
    provisioned.sql(
        "truncate tickers, prices_daily, jobs, uploads, paused_kinds restart identity cascade;"
        " insert into tickers (symbol, name, industry) values ('AAA', 'Acme Anvils', 'Tools');"
        " insert into prices_daily values ('2013-05-01Z', 1, 4, 5, 3, 4, 1000, 4)"
    )
    return provisioned


def opened(page: Page) -> Locator:
    """The dialog on the Markets page, open."""
    page.goto("/dash/markets")
    page.get_by_role("button", name="Add a ticker").click()
    return page.get_by_role("dialog", name="Add a ticker")


def fill(dialog: Locator, symbol: str, file: str | None = None) -> None:
    dialog.get_by_label("Symbol").fill(symbol)
    dialog.get_by_label("Name").fill("Bolt & Sons")
    dialog.get_by_label("Industry").fill("Fasteners")
    if file is not None:
        dialog.get_by_label("From a CSV file").check()
        payload = FilePayload(name="bolt.csv", mimeType="text/csv", buffer=file.encode())
        dialog.get_by_label("CSV file", exact=True).set_input_files(payload)
    dialog.get_by_role("button", name="Add", exact=True).click()


def test_a_file_becomes_a_ticker_that_the_page_knows(
    page: Page, markets: Database, worker: subprocess.Popen
) -> None:
    dialog = opened(page)
    expect(dialog.get_by_label("Symbol")).to_be_focused()
    assert barriers(page) == []
    fill(dialog, " bolt", FILE)
    said = "Bolt & Sons was added as BOLT, in Fasteners."
    expect(dialog).to_contain_text(said)
    kept = "select count(*) from uploads"
    wait_until(lambda: markets.sql(kept) == "0", "the upload is deleted")
    expect(dialog).to_contain_text("3, from 2013-05-01 to 2013-05-03")
    expect(dialog).to_contain_text("2:1 on 2013-05-02")
    expect(dialog).to_contain_text("1, each with the same values")
    assert barriers(page) == []
    dialog.get_by_role("button", name="Show it").click()
    expect(dialog).to_be_hidden()
    expect(page).to_have_url(re.compile(r"industry=Fasteners&ticker=BOLT"))
    expect(page.get_by_role("heading", name="BOLT, Bolt & Sons")).to_be_visible()


def test_a_line_at_fault_is_named_and_leaves_everything_as_it_was(
    new_context: Callable[..., BrowserContext], markets: Database
) -> None:
    before = markets.sql("select t, p from tickers t, prices_daily p")
    # Not watched: the browser notes each 400 in its console.
    page = new_context().new_page()
    dialog = opened(page)
    fill(dialog, "BOLT", FILE.replace("45.5,44,44.5", "43.5,44,44.5"))
    expect(dialog.get_by_role("alert")).to_contain_text("Nothing was written.")
    expect(dialog.get_by_role("listitem")).to_have_text(
        "Line 5 has a high of 43.5 below its low of 44."
    )
    expect(dialog.get_by_label("Symbol")).to_have_value("BOLT")
    assert barriers(page) == []
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("heading", name="AAA, Acme Anvils")).to_be_visible()
    assert markets.sql("select t, p from tickers t, prices_daily p") == before
    kept = "select count(*) from uploads"
    wait_until(lambda: markets.sql(kept) == "0", "the upload is deleted")
    page.context.close()


CANCELLED = "It was cancelled, and nothing was written."


def cancel(page: Page, dialog: Locator) -> None:
    """Cancel, and wait until the server has forgotten the file."""
    with page.expect_response(lambda each: each.request.method == "DELETE") as deleted:
        dialog.get_by_role("button", name="Cancel").click()
    assert deleted.value.status == 204


def hold(route: Route) -> None:
    """Let no part of a file arrive."""
    if route.request.method != "PATCH":
        route.continue_()


def test_a_file_on_its_way_can_be_cancelled_and_leaves_nothing_behind(
    page: Page, markets: Database, screenshots: Path
) -> None:
    page.route("**/api/v1/uploads/*", hold)
    dialog = opened(page)
    with page.expect_request(lambda each: each.method == "PATCH"):
        fill(dialog, "BOLT", FILE)
    expect(dialog).to_contain_text("Uploading bolt.csv")
    for width in (390, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert barriers(page) == [], width
        page.screenshot(path=screenshots / f"add-ticker-busy-{width}.png")
    cancel(page, dialog)
    expect(dialog.get_by_role("alert")).to_have_text(CANCELLED)
    # What was filled in is there still, for another file.
    expect(dialog.get_by_label("Symbol")).to_have_value("BOLT")
    for table, left in {"tickers": "1", "prices_daily": "1", "uploads": "0", "jobs": "0"}.items():
        assert markets.sql(f"select count(*) from {table}") == left, table


def test_a_file_that_waits_for_a_worker_can_be_cancelled_and_leaves_nothing_behind(
    page: Page, markets: Database
) -> None:
    markets.sql("insert into paused_kinds (kind) values ('prices.load')")
    dialog = opened(page)
    fill(dialog, "BOLT", FILE)
    expect(dialog).to_contain_text("Waiting for a worker")
    cancel(page, dialog)
    expect(dialog.get_by_role("alert")).to_have_text(CANCELLED)
    assert markets.sql("select state from jobs where kind = 'prices.load'") == "cancelled"
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="AAA, Acme Anvils")).to_be_visible()
    for table, left in {"tickers": "1", "prices_daily": "1", "uploads": "0"}.items():
        assert markets.sql(f"select count(*) from {table}") == left, table


def test_a_ticker_that_is_there_needs_no_name(page: Page) -> None:
    dialog = opened(page)
    dialog.get_by_label("Symbol").fill("aaa")
    expect(dialog).to_contain_text("Acme Anvils, in Tools, is there already")
    expect(dialog.get_by_label("Name")).to_be_hidden()


def test_prices_are_fetched_and_a_source_that_fails_is_named(
    page: Page,
    platform: Platform,
    order: Callable[[object], None],
    markets: Database,
    worker: subprocess.Popen,
) -> None:
    dialog = opened(page)
    fill(dialog, "NONE")
    alert = dialog.get_by_role("alert")
    expect(alert).to_contain_text("knows no NONE (status 404)")
    order("silent")
    fill(dialog, "ALDR")
    expect(dialog).to_contain_text(f"Asking {platform.url[7:]} for ALDR")
    dialog.get_by_role("button", name="Cancel").click()
    expect(alert).to_have_text("It was cancelled, and nothing was written.")
    assert markets.sql("select count(*) from tickers") == "1"
    order(None)
    fill(dialog, "ALDR")
    expect(dialog).to_contain_text("was added as ALDR")
    expect(dialog).to_contain_text("2,854, from 2015-01-02 to 2025-12-31")
    assert markets.sql("select count(*) from prices_daily") == "2855"


@pytest.mark.parametrize("role", ["viewer"])
def test_a_viewer_is_offered_nothing_to_add(page: Page) -> None:
    page.goto("/dash/markets")
    expect(page.get_by_role("heading", name="AAA, Acme Anvils")).to_be_visible()
    expect(page.get_by_role("button", name="Add a ticker")).to_have_count(0)
    expect(page.locator("dialog")).to_have_count(0)
