"""The Usage page in the browser: months, accounts, and what names of projects may be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Response, expect
from sqlalchemy.orm import Session

from tests.browser.conftest import barriers, watched
from tests.integration.db.conftest import Database
from tests.usage import CLONE, DRAWN, FITS, NAMES, SCRIPT, fill, row, some
from timestack.domains import users

pytestmark = [pytest.mark.database, pytest.mark.browser]

PATH = "/dash/usage"
WIDTHS = (390, 1440)
BERTS = "Bert’s own"


@pytest.fixture(autouse=True)
def usage(provisioned: Database, log_ins: Callable[[str], dict]) -> None:
    """anna, whose user is the viewer, and bert, whose is the editor; the administrator has none."""
    for role in users.ROLES:
        log_ins(role)
    give(provisioned, viewer="anna", editor="bert")
    fill(provisioned, [*some(), row("bert", BERTS, "2026-07-05", ingested_seconds=7200)])


@pytest.fixture
def page(new_context: Callable[..., BrowserContext]) -> Iterator[Page]:
    with watched(new_context(), CLONE) as page:
        yield page


def give(database: Database, **accounts: str | None) -> None:
    with Session(database.engine()) as session, session.begin():
        for role, account in accounts.items():
            users.find(session, f"{role}@example.org").account = account


def drawn(page: Page, path: str = PATH) -> None:
    page.goto(path)
    page.wait_for_function(DRAWN)


def cells(page: Page, name: str = "projects") -> list[list[str]]:
    rows = page.locator(f"[data-name={name}] tbody tr").all()
    return [each.locator("th, td").all_inner_texts() for each in rows]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_figures_are_drawn_beside_their_numbers_and_keep_nobody_out(
    new_context: Callable[..., BrowserContext], screenshots: Path, scheme: str
) -> None:
    with watched(new_context(color_scheme=scheme)) as page:
        dialogs: list[str] = []
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        drawn(page)
        shown = [each[0] for each in cells(page)]
        assert shown == [*(name.strip() for name in NAMES[:5]), "Others (4 projects)"]
        expect(page.locator("#projects-plot")).to_contain_text("321.8")
        expect(page.locator("#storage-plot")).to_contain_text("</script><script>…")
        expect(page.locator("#volumes-plot")).to_contain_text("Aug 2026")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_function(FITS)
            page.screenshot(path=screenshots / f"usage-{scheme}-{width}.png", full_page=True)
            assert barriers(page) == []
        assert dialogs == []


def test_no_name_of_a_project_is_a_link_or_a_script(page: Page) -> None:
    drawn(page)
    assert page.locator("main a[href*='example.org']").count() == 0
    assert (
        page.evaluate("[...document.scripts].filter(e => e.text.includes('alert(1)')).length") == 0
    )
    expect(page.get_by_role("rowheader", name=SCRIPT).first).to_be_visible()


def test_months_are_chosen_by_links_and_by_the_list_and_are_in_the_address(page: Page) -> None:
    drawn(page)
    expect(page.get_by_label("Month", exact=True)).to_have_value("2026-10")
    expect(page.get_by_role("link", name="Next month")).to_have_count(0)
    page.get_by_role("link", name="Previous month, September 2026").click()
    expect(page).to_have_url(re.compile(r"/dash/usage\?month=2026-09$"))
    expect(page.get_by_text("hours in September 2026")).to_be_visible()
    # Who goes on by keyboard stays where they are.
    expect(page.get_by_role("link", name="Previous month, August 2026")).to_be_focused()
    page.get_by_label("Month", exact=True).select_option("August 2026")
    expect(page).to_have_url(re.compile(r"\?month=2026-08$"))
    expect(page.get_by_text("hours in August 2026")).to_be_visible()
    expect(page.locator("#volumes-plot")).to_contain_text("Jun 2026")
    expect(page.get_by_text("No usage in Jun 2026 and Jul 2026: shown as 0.")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("hours in September 2026")).to_be_visible()
    page.reload()
    expect(page.get_by_text("hours in September 2026")).to_be_visible()


@pytest.mark.parametrize("month", ["2026-13", "2099-01", "2025-10", "<script>"])
def test_a_month_that_is_not_there_is_a_sentence_and_the_list_still_works(
    page: Page, screenshots: Path, month: str
) -> None:
    page.goto(f"{PATH}?month={month}")
    told = page.get_by_role("status").filter(has_text="There is usage from August 2026")
    expect(told).to_be_visible()
    assert barriers(page) == []
    page.screenshot(path=screenshots / "usage-no-such-month.png")
    page.get_by_label("Month", exact=True).select_option("September 2026")
    page.wait_for_function(DRAWN)
    expect(page.get_by_text("hours in September 2026")).to_be_visible()


def test_the_report_is_a_link_away_and_leads_back(page: Page) -> None:
    drawn(page, f"{PATH}?month=2026-09")
    page.get_by_role("link", name="Printable report").click()
    expect(page).to_have_url(re.compile(r"/report\?month=2026-09$"))
    page.get_by_role("link", name="Usage page").click()
    expect(page).to_have_url(re.compile(r"/dash/usage\?month=2026-09$"))


@pytest.mark.parametrize("role", ["editor"])
def test_another_s_account_in_the_address_is_refused_and_none_of_its_projects_shows(
    new_context: Callable[..., BrowserContext], role: str, screenshots: Path
) -> None:
    with new_context() as context:
        page = context.new_page()
        seen: list[str] = []

        def keep(answer: Response) -> None:
            if "_dash-update-component" in answer.url:
                seen.append(answer.text())

        page.on("response", keep)
        page.goto(f"{PATH}?account=anna")
        expect(page.get_by_role("alert")).to_contain_text("Only administrators")
        assert barriers(page) == []
        page.screenshot(path=screenshots / "usage-refused.png")
        assert seen
        asked = context.request
        for path in ("/report", "/api/v1/usage/figures/projects", "/api/v1/usage/figures/storage"):
            answer = asked.get(f"{path}?account=anna")
            assert answer.status == 403
            seen.append(answer.text())
        assert [name for name in NAMES for text in seen if name.strip() in text] == []
        # Their own is theirs to name.
        for path in ("/report", "/api/v1/usage/figures/projects"):
            answer = asked.get(f"{path}?account=bert")
            assert (answer.status, BERTS in answer.text()) == (200, True)


@pytest.mark.parametrize("role", ["admin"])
def test_an_administrator_chooses_an_account(page: Page, role: str, screenshots: Path) -> None:
    drawn(page)
    account = page.get_by_label("Account", exact=True)
    expect(account).to_have_value("anna")
    account.select_option("bert")
    expect(page).to_have_url(re.compile(r"\?account=bert$"))
    expect(page.get_by_role("rowheader", name=BERTS)).to_be_visible()
    expect(page.get_by_label("Month", exact=True)).to_have_value("2026-07")
    # It stores nothing.
    expect(page.get_by_text("Nothing stored on 5 July 2026.")).to_be_visible()
    page.screenshot(path=screenshots / "usage-admin.png", full_page=True)
    assert barriers(page) == []
    page.goto(f"{PATH}?account=gone")
    expect(page.get_by_text("There is no usage of the account “gone”.")).to_be_visible()
    page.get_by_label("Account", exact=True).select_option("anna")
    page.wait_for_function(DRAWN)
    page.get_by_role("link", name="Printable report").click()
    expect(page).to_have_url(re.compile(r"/report\?month=2026-10&account=anna$"))
    expect(page.get_by_label("Account", exact=True)).to_have_value("anna")


def test_who_has_no_usage_or_no_account_is_told_where_it_comes_from(
    page: Page, provisioned: Database, screenshots: Path
) -> None:
    fill(provisioned, [])
    for path in (PATH, "/report"):
        page.goto(path)
        expect(page.get_by_role("heading", name="No usage yet")).to_be_visible()
        expect(page.get_by_text("comes from the media platform")).to_be_visible()
        assert barriers(page) == []
    page.screenshot(path=screenshots / "usage-empty.png")
    give(provisioned, viewer=None)
    for path in (PATH, "/report"):
        page.goto(path)
        expect(page.get_by_role("heading", name="You have no account")).to_be_visible()
