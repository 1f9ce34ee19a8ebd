"""What a dashboard shows when the log-in has ended, or when a part of it does not arrive."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import at_a_desk, cookies, log_in
from tests.stack import TOKEN_FIELD, Stack

pytestmark = [pytest.mark.stack, pytest.mark.browser]

VIEW = "/dash/sensors?type=wind&location=JFK&sensor=speed"
CALLBACKS = "**/_dash-update-component*"
DRAWN = "() => document.querySelector('#detail-chart .js-plotly-plot')?.data?.length > 0"


@contextlib.contextmanager
def opened(browser: Browser, stack: Stack) -> Iterator[Page]:
    """The administrator's page; the tests make it fail on purpose."""
    context = at_a_desk(browser, ignore_https_errors=True)
    context.add_cookies(cookies(stack))
    yield context.new_page()
    context.close()


@pytest.fixture
def page(browser: Browser, stack: Stack) -> Iterator[Page]:
    with opened(browser, stack) as page:
        yield page


@pytest.fixture(scope="module")
def view(browser: Browser, stack: Stack) -> Iterator[Page]:
    """The view as it is drawn, for tests that leave it whole."""
    with opened(browser, stack) as page:
        page.goto(stack.url + VIEW)
        page.wait_for_function(DRAWN)
        yield page


def abort(route: Route) -> None:
    route.abort()


def expect_message(page: Page, heading: str) -> None:
    """Wait for the panel to show it, and for every sign of loading to go away."""
    expect(page.get_by_role("alert").filter(has_text=heading)).to_be_visible()
    for waiting in (".spinner-border", ".ts-bone", "._dash-loading", "._dash-error"):
        expect(page.locator(waiting).filter(visible=True)).to_have_count(0)


def test_a_session_that_ended_elsewhere_is_shown_and_the_log_in_leads_back_to_the_view(
    stack: Stack, page: Page
) -> None:
    client = stack.user("elsewhere@example.org", "viewer")
    page.context.clear_cookies()
    page.context.add_cookies(cookies(stack, client))
    page.goto(stack.url + VIEW)
    page.wait_for_function(DRAWN)
    token = TOKEN_FIELD.search(client.get("/account").text)[1]
    assert client.post("/logout", data={"csrf_token": token}).status_code == 302
    page.get_by_text("7 d", exact=True).click()
    expect_message(page, "You are logged out")
    page.get_by_role("link", name="Log in").click()
    log_in(page, "elsewhere@example.org")
    page.wait_for_url(re.compile(re.escape(f"{stack.url}{VIEW}&range=7d") + "$"))
    page.wait_for_function(DRAWN)


@pytest.mark.parametrize(
    ("file", "heading"),
    [
        ("**/dash_renderer*.js*", "This page did not load completely"),
        ("**/dash_core_components*.js*", "This page did not load completely"),
        ("**/plotly-parts*.js*", "This page did not load completely"),
        ("**/assets/timestack.js*", "This page did not load completely"),
        ("**/assets/timestack.css*", "This page did not load completely"),
        ("**/timestack.css*", "This page did not load completely"),
        ("**/_dash-layout*", "The server does not answer"),
        ("**/_dash-dependencies*", "The server does not answer"),
    ],
)
def test_a_part_that_does_not_arrive_is_shown_with_a_way_to_load_it_again(
    stack: Stack, page: Page, file: str, heading: str
) -> None:
    page.route(file, abort)
    page.goto(stack.url + VIEW)
    expect_message(page, heading)
    page.unroute(file)
    page.get_by_role("alert").get_by_role("link").click()
    page.wait_for_function(DRAWN)
    expect(page.locator("#trouble")).to_be_hidden()


def test_where_no_script_arrives_the_page_does_not_promise_one_forever(
    stack: Stack, page: Page
) -> None:
    page.route("**/*.js*", abort)
    page.goto(stack.url + VIEW)
    late = page.get_by_text("This takes longer than it should.")
    expect(late).to_be_visible()
    expect(late.get_by_role("link", name="Reload the page")).to_be_visible()


@pytest.mark.parametrize(
    ("status", "heading"),
    [
        (400, "This page is not up to date"),
        (403, "You may not see this"),
        (429, "Too many requests"),
        (502, "The server does not answer"),
        (503, "The server does not answer"),
        (None, "The server does not answer"),
    ],
)
def test_a_choice_that_is_not_answered_is_shown_until_one_is(
    view: Page, status: int | None, heading: str
) -> None:
    view.route(CALLBACKS, lambda route: route.fulfill(status=status) if status else route.abort())
    view.get_by_text("7 d", exact=True).click()
    expect_message(view, heading)
    view.unroute(CALLBACKS)
    view.get_by_text("1 d", exact=True).click()
    expect(view.locator("#trouble")).to_be_hidden()
