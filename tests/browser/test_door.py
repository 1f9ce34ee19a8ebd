"""One log-in in Debian's Chromium: it opens every service, and logging out closes them all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.conftest import DEADLINE, cookies, log_in, unfold_to
from tests.stack import ADMIN_EMAIL, Stack, wait_until

pytestmark = [pytest.mark.stack, pytest.mark.browser]

# Where each service is, and what only it shows.
SERVICES = {
    "/pgadmin/": "Object Explorer",
    "/flower/": "Worker",
    "/traefik/": "Entrypoints",
}


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(ignore_https_errors=True, viewport={"width": 1440, "height": 1800})
    made.set_default_timeout(DEADLINE)
    yield made
    made.close()


def test_one_log_in_opens_every_service_and_logging_out_closes_them(
    stack: Stack, context: BrowserContext, screenshots: Path
) -> None:
    assert stack.http.get("/account").status_code == 200, "the first password is changed"
    page = context.new_page()
    page.goto(f"{stack.url}/pgadmin/")
    page.screenshot(path=screenshots / "log-in.png")
    log_in(page, ADMIN_EMAIL)
    unfold_to(page, "readings")
    page.screenshot(path=screenshots / "door-tables.png")
    for path, words in SERVICES.items():
        page.goto(f"{stack.url}{path}")
        page.get_by_text(words).first.wait_for()
        page.screenshot(path=screenshots / f"door-{path.strip('/')}.png")

    page.goto(stack.url)
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("link", name="Log in").first.wait_for()
    for path in SERVICES:
        page.goto(f"{stack.url}{path}")
        expect(page).to_have_url(re.compile(r"/login\?next="))
        expect(page.get_by_label("E-mail")).to_be_visible()


def test_the_proxys_dashboard_asks_nobody_but_this_server(
    stack: Stack, context: BrowserContext
) -> None:
    context.add_cookies(cookies(stack))
    asked: list[str] = []
    errors: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    context.on("console", lambda line: line.type == "error" and errors.append(line.text))
    page = context.new_page()
    page.goto(f"{stack.url}/traefik/")
    page.get_by_text("Entrypoints").first.wait_for()
    # By what this script answers it decides whether to show what it would load elsewhere.
    wait_until(
        lambda: page.wait_for_timeout(100) or [url for url in asked if "scriptVerification" in url],
        "the dashboard has asked whether it may",
    )
    page.wait_for_load_state("networkidle")
    ours = (f"https://localhost:{stack.https_port}/", "data:", "blob:")
    assert [url for url in asked if not url.startswith(ours)] == []
    assert errors == []


def test_a_viewer_reads_why_the_door_stays_shut(
    stack: Stack, context: BrowserContext, screenshots: Path
) -> None:
    assert stack.viewer.get("/account").status_code == 200
    page = context.new_page()
    page.goto(f"{stack.url}/flower/")
    log_in(page, "viewer@example.org")
    expect(page.get_by_text("role admin")).to_be_visible()
    page.screenshot(path=screenshots / "door-403.png")
    page.goto(f"{stack.url}/")
    assert page.get_by_role("link", name="Database").count() == 0


def test_a_dashboard_says_that_another_tab_logged_out(
    stack: Stack, context: BrowserContext
) -> None:
    assert stack.viewer.get("/account").status_code == 200
    page = context.new_page()
    page.goto(f"{stack.url}/dash/sensors")
    log_in(page, "viewer@example.org")
    page.locator(".js-plotly-plot").first.wait_for()
    other = context.new_page()
    other.goto(stack.url)
    other.get_by_role("button", name="Log out").click()
    other.get_by_role("link", name="Log in").first.wait_for()
    page.get_by_text("7 d", exact=True).first.click()
    expect(page.get_by_role("alert").filter(has_text="You are logged out")).to_be_visible()
    page.get_by_role("link", name="Log in").click()
    expect(page).to_have_url(re.compile(r"/login\?next="))
