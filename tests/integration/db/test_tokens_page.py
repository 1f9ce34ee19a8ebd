"""Tokens on the account page, in the browser: made, shown once, copied, revoked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy.orm import Session

from tests.browser.conftest import barriers, watched
from tests.integration.db.conftest import SCHEMA_FILE, Database
from tests.served import Web
from timestack.domains import tokens, users
from timestack.series import catalog

pytestmark = [pytest.mark.database, pytest.mark.browser]

EMAIL = "editor@example.org"


@pytest.fixture
def role() -> str:
    return "editor"


@pytest.fixture
def scripts() -> bool:
    return True


@pytest.fixture
def page(
    new_context: Callable[..., BrowserContext], provisioned: Database, scripts: bool
) -> Iterator[Page]:
    """The account page of an editor without tokens."""
    provisioned.sql("truncate tokens")
    context = new_context(
        java_script_enabled=scripts, permissions=["clipboard-read", "clipboard-write"]
    )
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


def asked(served: Web, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{served.url}/api/v1/tokens", headers=headers).status_code


def test_a_token_is_made_shown_once_copied_and_revoked(page: Page, served: Web) -> None:
    text = make(page)
    assert tokens.is_text(text)
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == text
    assert asked(served, text) == 200
    page.reload()
    expect(page.locator("#new-token")).to_have_count(0)
    row = page.locator(".ts-tokens li")
    for part in ("telegraf", "write", "readings", "last used", "from 127.0.0.1", "until"):
        expect(row).to_contain_text(part)
    row.get_by_text("Revoke telegraf").first.click()
    row.get_by_role("button", name="Revoke telegraf").click()
    expect(page.get_by_role("status")).to_contain_text("The token telegraf was revoked")
    expect(row).to_have_count(0)
    assert asked(served, text) == 401


@pytest.mark.parametrize("scripts", [False])
def test_it_needs_no_script_but_for_copying(page: Page, served: Web) -> None:
    text = make(page)
    expect(page.get_by_role("button", name="Copy")).to_have_count(0)
    assert asked(served, text) == 200


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
def test_it_keeps_nobody_out(
    page: Page, provisioned: Database, width: int, scheme: str, screenshots: Path
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    with Session(provisioned.engine()) as session, session.begin():
        owner = users.find(session, EMAIL)
        soon = datetime.now(UTC) + timedelta(days=30)
        tokens.make(session, owner, "a-name-without-a-blank-" * 4, "read", expires_at=soon)
        some = {"tables": ["prices_daily", "readings"], "declared": catalog.load(SCHEMA_FILE)}
        _, old = tokens.make(session, owner, "old", "write", **some)
        session.flush()
        old.expires_at = datetime.now(UTC) - timedelta(days=1)
    make(page)
    page.get_by_text("Make a token").click()
    assert barriers(page) == []
    page.screenshot(path=screenshots / f"tokens-{width}-{scheme}.png", full_page=True)
