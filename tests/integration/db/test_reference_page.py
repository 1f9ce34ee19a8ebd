"""The page of the API in the browser: it shows every endpoint, and calls one with the log-in."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import barriers
from tests.integration.db.conftest import Database

pytestmark = [pytest.mark.database, pytest.mark.browser]

WIDTHS = (390, 1440)


@pytest.fixture
def role() -> str:
    return "editor"


def endpoint(page: Page, method: str, path: str) -> Locator:
    """An endpoint, unfolded."""
    shown = page.locator(f".opblock-{method}").filter(has=page.locator(f'[data-path="{path}"]'))
    shown.locator(".opblock-summary-control").click()
    return shown


def test_an_endpoint_is_called_from_the_page_as_who_is_logged_in(
    page: Page, provisioned: Database
) -> None:
    page.goto("/docs")
    adding = endpoint(page, "post", "/sensors")
    adding.locator("textarea").fill(
        '{"type": "wind", "location": "roof", "name": "speed", "unit": "m/s"}'
    )
    adding.get_by_role("button", name="Execute").click()
    answer = adding.locator(".live-responses-table")
    expect(answer).to_contain_text("201")
    expect(answer).to_contain_text('"location": "roof"')
    assert provisioned.sql("select name from sensors where location = 'roof'") == "speed"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_keeps_nobody_out(page: Page, scheme: str, screenshots: Path) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto("/docs")
    counts = endpoint(page, "get", "/jobs/counts")
    counts.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table")).to_contain_text("200")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 1000})
        page.screenshot(path=screenshots / f"api-{scheme}-{width}.png", full_page=True)
        assert barriers(page) == [], width
