"""The Usage page in the browser, and the same figures as every face gives them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page
from sqlalchemy.orm import Session

from tests.browser.conftest import barriers, watched
from tests.integration.db.conftest import Database
from tests.usage import fill, row, some
from timestack.domains import users

pytestmark = [pytest.mark.database, pytest.mark.browser]

DRAWN = """
() => ['projects', 'storage', 'volumes'].every(
  name => document.getElementById(`${name}-plot`)?._fullLayout)
"""
WIDTHS, SCHEMES = (390, 1440), ("light", "dark")


@pytest.fixture(autouse=True)
def usage(provisioned: Database, log_ins: Callable[[str], dict]) -> None:
    """anna, whose user is the viewer, and bert, whose is the editor; the administrator has none."""
    for role in ("viewer", "editor", "admin"):
        log_ins(role)
    with Session(provisioned.engine()) as session, session.begin():
        for role, account in (("viewer", "anna"), ("editor", "bert")):
            users.find(session, f"{role}@example.org").account = account
    fill(provisioned, [*some(), row("bert", "Bert’s own", "2026-10-05", ingested_seconds=7200)])


def drawn(page: Page, path: str = "/dash/usage") -> None:
    page.goto(path)
    page.wait_for_function(DRAWN)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_pictures(
    new_context: Callable[..., BrowserContext], screenshots: Path, scheme: str
) -> None:
    with watched(new_context(color_scheme=scheme)) as page:
        drawn(page)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(500)
            page.screenshot(path=screenshots / f"usage-{scheme}-{width}.png", full_page=True)
            assert barriers(page) == []
    with watched(new_context(color_scheme=scheme)) as page:
        drawn(page, "/report")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(500)
            page.screenshot(path=screenshots / f"report-{scheme}-{width}.png", full_page=True)
            assert barriers(page) == []
        page.pdf(path=screenshots / f"report-{scheme}.pdf", prefer_css_page_size=True)
