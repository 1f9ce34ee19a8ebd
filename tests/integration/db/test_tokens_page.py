"""Tokens on the account page, in the browser: made, shown once, copied, revoked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import browser, watched
from tests.integration.db.conftest import SCHEMA_FILE, Database
from tests.served import Web, serving
from tests.stack import PASSWORD
from timestack import db
from timestack.domains import tokens, users
from timestack.series import catalog

__all__ = ["browser"]

pytestmark = [pytest.mark.database, pytest.mark.browser]

EMAIL = "editor@example.org"
# Milliseconds; for a machine that has much else to do.
DEADLINE = 60_000


@pytest.fixture(scope="module", autouse=True)
def patience() -> Iterator[None]:
    expect.set_options(timeout=DEADLINE)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture(scope="module")
def web(
    provisioned: Database, jobs_variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Web]:
    engine = db.init(provisioned.settings("app"))
    with db.session() as session:
        users.put(session, EMAIL, "editor", password=PASSWORD)
    with serving(tmp_path_factory.mktemp("web") / "log", jobs_variables) as running:
        yield running
    engine.dispose()


@pytest.fixture(scope="module")
def log_in(browser: Browser, web: Web) -> dict:
    """What the browser keeps of the log-in."""
    with browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(DEADLINE)
        page.goto(f"http://localhost:{web.port}/account")
        page.get_by_label("E-mail").fill(EMAIL)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(re.compile("/account$"))
        return context.storage_state()


@pytest.fixture
def scripts() -> bool:
    return True


@pytest.fixture
def page(
    browser: Browser, web: Web, log_in: dict, provisioned: Database, scripts: bool
) -> Iterator[Page]:
    """The account page of an editor without tokens."""
    provisioned.sql("truncate tokens")
    context = browser.new_context(
        base_url=f"http://localhost:{web.port}",
        storage_state=log_in,
        java_script_enabled=scripts,
        permissions=["clipboard-read", "clipboard-write"],
    )
    context.set_default_timeout(DEADLINE)
    with watched(context) as page:
        page.goto("/account")
        yield page


def make(page: Page, name: str = "telegraf") -> str:
    """Fill in the form and return the token that is shown."""
    page.get_by_text("Make a token").click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("It may").select_option("write")
    page.get_by_label("readings").check()
    page.get_by_role("button", name="Make the token").click()
    page.wait_for_url(re.compile("/account#tokens$"))
    return page.locator("#new-token").inner_text()


def asked(web: Web, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"http://localhost:{web.port}/api/v1/tokens", headers=headers).status_code


def test_a_token_is_made_shown_once_copied_and_revoked(page: Page, web: Web) -> None:
    text = make(page)
    assert tokens.is_text(text)
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == text
    assert asked(web, text) == 200
    page.reload()
    expect(page.locator("#new-token")).to_have_count(0)
    row = page.locator(".ts-tokens li")
    for part in ("telegraf", "write", "readings", "last used", "from 127.0.0.1", "until"):
        expect(row).to_contain_text(part)
    row.get_by_text("Revoke telegraf").first.click()
    row.get_by_role("button", name="Revoke telegraf").click()
    expect(page.get_by_role("status")).to_contain_text("The token telegraf was revoked")
    expect(row).to_have_count(0)
    assert asked(web, text) == 401


@pytest.mark.parametrize("scripts", [False])
def test_it_needs_no_script_but_for_copying(page: Page, web: Web) -> None:
    text = make(page)
    expect(page.get_by_role("button", name="Copy")).to_have_count(0)
    assert asked(web, text) == 200


def test_what_is_wrong_is_said_beside_the_field_and_what_was_typed_stays(page: Page) -> None:
    page.get_by_text("Make a token").click()
    page.get_by_label("Name").fill("kept")
    page.get_by_label("usage").check()
    page.get_by_label("Until the end of").fill("2020-01-01")
    page.get_by_role("button", name="Make the token").click()
    expect(page.get_by_role("alert")).to_contain_text("days ahead")
    expect(page.get_by_label("Name")).to_have_value("kept")
    expect(page.get_by_label("usage")).to_be_checked()


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light")])
def test_it_keeps_nobody_out(page: Page, width: int, scheme: str, screenshots: Path) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    with db.session() as session:
        owner = users.find(session, EMAIL)
        soon = datetime.now(UTC) + timedelta(days=30)
        tokens.make(session, owner, "a-name-without-a-blank-" * 4, "read", expires_at=soon)
        some = {"tables": ["prices_daily", "readings"], "declared": catalog.load(SCHEMA_FILE)}
        _, old = tokens.make(session, owner, "old", "write", **some)
        session.flush()
        old.expires_at = datetime.now(UTC) - timedelta(days=1)
    make(page)
    page.get_by_text("Make a token").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert [each["id"] for each in Axe().run(page).response["violations"]] == []
    page.screenshot(path=screenshots / f"tokens-{width}-{scheme}.png", full_page=True)
