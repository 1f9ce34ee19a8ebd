"""The page of the API in the browser: it shows every endpoint, and calls one with the log-in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.conftest import browser, watched
from tests.integration.db.conftest import Database
from tests.served import Web, serving
from tests.stack import PASSWORD
from timestack import db
from timestack.domains import users

__all__ = ["browser"]

pytestmark = [pytest.mark.database, pytest.mark.browser]

# Milliseconds; for a machine that has much else to do.
DEADLINE = 60_000
EDITOR = "editor@example.org"
WIDTHS = (390, 1440)


@pytest.fixture(scope="module")
def web(
    provisioned: Database, jobs_variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Web]:
    engine = db.init(provisioned.settings("app"))
    with db.session() as session:
        users.put(session, EDITOR, "editor", password=PASSWORD)
    engine.dispose()
    with serving(tmp_path_factory.mktemp("web") / "log", jobs_variables) as running:
        yield running


@pytest.fixture(scope="module")
def known(browser: Browser, web: Web) -> dict:
    """What the editor's browser keeps of the log-in, which leads to the page that was asked for."""
    with browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(DEADLINE)
        page.goto(f"http://localhost:{web.port}/docs")
        page.get_by_label("E-mail").fill(EDITOR)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(re.compile("/docs$"))
        return context.storage_state()


def opened(context: BrowserContext, page: Page) -> Page:
    context.set_default_timeout(DEADLINE)
    page.goto("/docs")
    return page


def endpoint(page: Page, method: str, path: str) -> Locator:
    """An endpoint, unfolded."""
    shown = page.locator(f".opblock-{method}").filter(has=page.locator(f'[data-path="{path}"]'))
    shown.locator(".opblock-summary-control").click()
    return shown


def test_an_endpoint_is_called_from_the_page_as_who_is_logged_in(
    browser: Browser, web: Web, known: dict, provisioned: Database
) -> None:
    context = browser.new_context(base_url=f"http://localhost:{web.port}", storage_state=known)
    with watched(context) as page:
        opened(context, page)
        adding = endpoint(page, "post", "/sensors")
        adding.locator("textarea").fill(
            '{"type": "wind", "location": "roof", "name": "speed", "unit": "m/s"}'
        )
        adding.get_by_role("button", name="Execute").click()
        answer = adding.locator(".live-responses-table")
        expect(answer).to_contain_text("201", timeout=DEADLINE)
        expect(answer).to_contain_text('"location": "roof"')
    assert provisioned.sql("select name from sensors where location = 'roof'") == "speed"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_keeps_nobody_out(
    browser: Browser, web: Web, known: dict, scheme: str, screenshots: Path
) -> None:
    context = browser.new_context(
        base_url=f"http://localhost:{web.port}", storage_state=known, color_scheme=scheme
    )
    with watched(context) as page:
        opened(context, page)
        counts = endpoint(page, "get", "/jobs/counts")
        counts.get_by_role("button", name="Execute").click()
        expect(page.locator(".live-responses-table")).to_contain_text("200", timeout=DEADLINE)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 1000})
            page.screenshot(path=screenshots / f"api-{scheme}-{width}.png", full_page=True)
            found = [
                f"{each['id']}: {[node['target'] for node in each['nodes']]}"
                for each in Axe().run(page).response["violations"]
            ]
            assert found == [], width
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, "it scrolls sideways"
