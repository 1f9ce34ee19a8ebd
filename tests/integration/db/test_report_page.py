"""The report of usage: without Dash, under the strict policy, on paper, without a script."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy.orm import Session

from tests.browser.conftest import barriers, watched
from tests.integration.db.conftest import Database
from tests.served import Web
from tests.usage import CLONE, DRAWN, FITS, NAMES, SCRIPT, fill, row, some
from timestack.domains import users
from timestack.words import SIMULATED

pytestmark = [pytest.mark.database, pytest.mark.browser]

PATH = "/report"
ENDPOINT = re.compile(r"/api/v1/usage/figures/projects\?month=2026-10")
MINUTE = 60_000
REFUSED = rf"{CLONE}|^Failed to load resource: the server responded with a status of"
BREAKS = "line\u2028end\u2029"
# Lets the page believe that its tab is hidden.
HIDE = "Object.defineProperty(document, 'hidden', {configurable: true, get: () => true})"
SEEN = """
Object.defineProperty(document, 'hidden', {configurable: true, get: () => false});
document.dispatchEvent(new Event('visibilitychange'));
"""


@pytest.fixture(autouse=True)
def usage(provisioned: Database, log_ins: Callable[[str], dict]) -> None:
    log_ins("viewer")
    with Session(provisioned.engine()) as session, session.begin():
        users.find(session, "viewer@example.org").account = "anna"
    fill(provisioned, some())


@pytest.fixture
def page(new_context: Callable[..., BrowserContext]) -> Iterator[Page]:
    with watched(new_context(), CLONE) as page:
        yield page


def drawn(page: Page, path: str = PATH) -> None:
    page.goto(path)
    page.wait_for_function(DRAWN)


def hours(page: Page) -> str:
    return page.locator("#projects-table tfoot td").first.inner_text()


def lower(database: Database) -> None:
    """The platform corrects a day: one project is left, with fewer hours."""
    amounts = {"ingested_seconds": 36_000, "storage_text_mb": 1000}
    fill(database, [row("anna", NAMES[0], "2026-10-20", **amounts)])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_figures_are_drawn_under_the_strict_policy_and_keep_nobody_out(
    new_context: Callable[..., BrowserContext], screenshots: Path, scheme: str
) -> None:
    with watched(new_context(color_scheme=scheme), CLONE) as page:
        answer = page.goto(PATH)
        assert "unsafe" not in answer.headers["content-security-policy"]
        page.wait_for_function(DRAWN)
        for width in (390, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_function(FITS)
            page.screenshot(path=screenshots / f"report-{scheme}-{width}.png", full_page=True)
            assert barriers(page) == []


def test_a_project_named_like_a_script_is_text_in_the_page_and_in_its_json(
    page: Page, provisioned: Database
) -> None:
    amounts = {"ingested_seconds": 3600, "storage_video_mb": 1000}
    names = [SCRIPT, "<!--<script>", "' onload='alert(1)", BREAKS]
    fill(provisioned, [row("anna", each, "2026-10-01", **amounts) for each in names])
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    source = page.goto(PATH).text()
    page.wait_for_function(DRAWN)
    assert "<script>alert" not in source
    elements = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', source, re.DOTALL)
    assert len(elements) == 3
    for each in elements:
        assert re.search("[<>&'\u2028\u2029]", each) is None
        json.loads(each)
    assert r"\u2028" in elements[0]
    expect(page.locator("#projects-table bdi", has_text=SCRIPT)).to_have_text(SCRIPT)
    assert dialogs == []
    assert page.evaluate("document.scripts.length") == source.count("<script")


def test_no_request_leaves_the_origin(page: Page, served: Web) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    drawn(page)
    with page.expect_response(ENDPOINT):
        page.get_by_role("button", name="Refresh").click()
    assert len(asked) > 5
    assert [each for each in asked if not each.startswith((f"{served.url}/", "data:"))] == []


def test_a_figure_is_refreshed_by_its_button(page: Page, provisioned: Database) -> None:
    drawn(page)
    assert hours(page) == "321.8"
    lower(provisioned)
    page.get_by_role("button", name="Refresh").click()
    expect(page.locator("#projects-table tfoot td").first).to_have_text("10.0")
    expect(page.locator("#projects-plot")).to_contain_text("10.0")
    expect(page.locator("#projects-about")).to_contain_text("10.0 hours in October 2026")
    expect(page.locator("#projects-updated")).to_have_text(re.compile(r"^Updated [\d:]{8} UTC$"))
    # What was drawn of it anew is what a reload shows.
    shown = page.locator("#projects-table").inner_html()
    drawn(page)
    assert re.sub(r"\s", "", page.locator("#projects-table").inner_html()) == re.sub(
        r"\s", "", shown
    )


def test_it_is_refreshed_each_minute_while_the_page_is_seen(
    page: Page, provisioned: Database
) -> None:
    page.clock.install()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    drawn(page)
    lower(provisioned)
    asked.clear()
    with page.expect_response(ENDPOINT):
        page.clock.run_for(MINUTE)
    expect(page.locator("#projects-table tfoot td").first).to_have_text("10.0")
    assert len(asked) == 1
    page.evaluate(HIDE)
    page.clock.run_for(5 * MINUTE)
    assert len(asked) == 1, "a hidden tab asks nothing"
    with page.expect_response(ENDPOINT):
        page.evaluate(SEEN)
    assert len(asked) == 2


def test_a_failure_is_a_sentence_leaves_what_is_shown_and_is_over_when_it_is(
    new_context: Callable[..., BrowserContext], provisioned: Database, screenshots: Path
) -> None:
    with watched(new_context(), REFUSED) as page:
        drawn(page)
        told, button = page.get_by_role("alert"), page.get_by_role("button", name="Refresh")
        fill(provisioned, [])
        button.click()
        expect(told).to_have_text("Not refreshed. There is no usage of the account “anna”.")
        provisioned.sql("revoke select on usage from timestack_app")
        try:
            button.click()
            expect(told).to_contain_text("Not refreshed. Something went wrong on our side.")
            assert "Traceback" not in page.content()
            page.screenshot(path=screenshots / "report-fault.png")
            assert barriers(page) == []
        finally:
            provisioned.sql("grant select on usage to timestack_app")
        assert hours(page) == "321.8"
        fill(provisioned, some())
        button.click()
        expect(told).to_have_count(0)
        page.context.clear_cookies()
        button.click()
        expect(told).to_contain_text("You are logged out.")


def test_months_are_a_form_without_any_script(page: Page) -> None:
    drawn(page)
    page.get_by_label("Month", exact=True).select_option("September 2026")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile(r"/report\?month=2026-09$"))
    expect(page.get_by_text("hours in September 2026")).to_be_visible()
    page.get_by_role("link", name="Next month, October 2026").click()
    expect(page.get_by_text("hours in October 2026")).to_be_visible()


@pytest.mark.parametrize("month", ["2026-13", "2099-01", SCRIPT])
def test_a_month_that_is_not_there_is_a_sentence_and_the_form_still_works(
    page: Page, month: str
) -> None:
    page.goto(f"{PATH}?month={month}")
    expect(page.get_by_text("There is usage from August 2026 to October 2026.")).to_be_visible()
    assert barriers(page) == []
    page.get_by_label("Month", exact=True).select_option("September 2026")
    page.get_by_role("button", name="Show").click()
    page.wait_for_function(DRAWN)


def test_without_a_script_the_numbers_are_there(
    new_context: Callable[..., BrowserContext],
) -> None:
    with watched(new_context(java_script_enabled=False)) as page:
        page.goto(PATH)
        expect(page.get_by_text("The charts need JavaScript.")).to_be_visible()
        for name in ("projects", "storage", "volumes"):
            expect(page.locator(f"#{name}-table tbody tr").first).to_be_visible()
            expect(page.locator(f"#{name}-plot")).to_be_hidden()
        expect(page.get_by_role("button", name="Refresh")).to_be_hidden()
        expect(page.get_by_role("rowheader", name=SCRIPT).first).to_be_visible()


def test_on_paper_it_is_white_whole_and_without_anything_to_press(
    new_context: Callable[..., BrowserContext], screenshots: Path
) -> None:
    with watched(new_context(color_scheme="dark"), CLONE) as page:
        drawn(page)
        first = page.locator("#projects-plot path.surface").first
        dark = first.evaluate("path => path.style.fill")
        # A4 between its margins.
        page.set_viewport_size({"width": 680, "height": 1000})
        page.emulate_media(media="print")
        expect(first).not_to_have_css("fill", dark)
        expect(first).to_have_css("fill", "rgb(10, 96, 131)")
        for hidden in (
            page.get_by_role("navigation"),
            page.locator("form"),
            page.locator("button"),
        ):
            for each in hidden.all():
                expect(each).to_be_hidden()
        assert (
            page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgba(0, 0, 0, 0)"
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= 680
        for plot in page.locator(".ts-figure-plot").all():
            place, drawing = plot.bounding_box(), plot.locator(".main-svg").first.bounding_box()
            assert drawing["x"] + drawing["width"] <= 680
            assert drawing["height"] <= place["height"] + 1
        page.emulate_media(media="null")
        expect(first).to_have_css("fill", dark)
        kept = page.pdf(path=screenshots / "report.pdf", prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page\b", kept)) <= 3


def test_what_the_stack_s_own_platform_made_is_labelled(
    web: Flask, sign_in: Callable[..., FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sign_in("viewer", account="anna")
    assert SIMULATED not in client.get(PATH).text
    settings = web.config["SETTINGS"].model_copy(update={"compose_profiles": "dev"})
    monkeypatch.setitem(web.config, "SETTINGS", settings)
    assert SIMULATED in client.get(PATH).text


def test_strangers_are_led_to_the_log_in(web: Flask) -> None:
    web.login_manager.request_loader(lambda _: None)
    answer = web.test_client().get(PATH, headers={"Accept": "text/html"})
    assert (answer.status_code, answer.location) == (302, "/login?next=%2Freport")
