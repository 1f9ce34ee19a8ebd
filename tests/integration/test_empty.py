"""An empty database in Debian's Chromium, on the stack that has one."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import browser, cookies, watched
from tests.stack import Stack
from timestack.words import EMPTY

__all__ = ["browser"]

pytestmark = [pytest.mark.stack, pytest.mark.browser]


def test_an_empty_database_shows_an_empty_state(
    stack: Stack, prefixed_stack: Stack, browser: Browser
) -> None:
    # Of both stacks, which one host name has: their cookies have names of their own.
    known = cookies(stack) + cookies(prefixed_stack)
    context = browser.new_context(ignore_https_errors=True)
    context.add_cookies(known)
    with watched(context) as page:
        page.goto(f"{prefixed_stack.url}/dash/sensors")
        expect(page.get_by_role("heading", name=EMPTY.heading)).to_be_visible()
        expect(page.get_by_text("make load FILE=sensors.csv TABLE=sensors")).to_be_visible()
        assert page.locator(".js-plotly-plot").count() == 0
