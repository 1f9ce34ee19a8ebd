"""The Operations page in the browser, its endpoint, and that both are for administrators alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import barriers, watched
from tests.integration.db.conftest import Database, fail
from tests.stack import wait_until
from timestack.domains import jobs

pytestmark = [
    pytest.mark.database,
    pytest.mark.browser,
    # This process submits jobs, as the web does.
    pytest.mark.usefixtures("environment"),
]

# By its samples the disk, as full as it is, has room for 90 days.
FILLED = """
insert into sensors (type, location, name, unit) values ('t', 'l', 'n', '1');
insert into readings select moment, (select id from sensors), 1
  from generate_series('2020-01-01'::timestamptz, '2020-12-31', '1 hour') as moment;
insert into operations (time, disk_free_gb, database_gb)
select now() - hours * interval '1 hour', free / 1e9 * (1 + hours / (90 * 24.0)), 20 - hours * 0.001
  from generate_series(0, 300) as hours, timestack_server.volume();
analyze readings;
"""
# The tab is seen again, and the page looks at once instead of within its fifteen seconds.
SEEN = "document.dispatchEvent(new Event('visibilitychange'))"


@pytest.fixture
def role() -> str:
    return "admin"


def test_the_page_shows_what_to_look_at_and_keeps_itself_up_to_date(
    page: Page, provisioned: Database, screenshots: Path
) -> None:
    # Here nobody else has the server look at its disk every few seconds.
    assert provisioned.server.healthy()
    provisioned.truncate("readings", "sensors", "operations")
    provisioned.sql(FILLED)
    page.goto("/dash/operations")
    summary = page.get_by_role("region", name="Summary")
    expect(summary.get_by_role("status")).to_contain_text("to look at")
    failed = summary.get_by_role("listitem").filter(has_text="Failed in the last day")
    expect(failed).to_have_count(0)
    row = page.get_by_role("row", name="readings 31 Dec 2020")
    expect(row).to_contain_text("about 8,761")
    expect(row).to_contain_text("12 months behind")
    expect(page.get_by_text("in about 3 months")).to_be_visible()
    for chart in ("Free on the disk", "Size of the database"):
        expect(page.get_by_role("heading", name=chart)).to_be_visible()
    assert barriers(page) == []
    page.screenshot(path=screenshots / "operations.png", full_page=True)
    fail(jobs.submit("jobs.probe", {"mark": "bad"}).id)
    page.evaluate(SEEN)
    expect(failed).to_contain_text("look at it")
    failed.get_by_role("link", name="Open Jobs").click()
    expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile(r"/dash/jobs\?state=failed$"))


def test_on_a_phone_nothing_is_cut_off(
    new_context: Callable[..., BrowserContext], provisioned: Database
) -> None:
    provisioned.truncate("readings", "sensors", "operations")
    provisioned.sql(FILLED)
    with watched(new_context()) as page:
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto("/dash/operations")
        expect(page.get_by_role("heading", name="Hypertables")).to_be_visible()
        expect(page.get_by_role("heading", name="Size of the database")).to_be_visible()
        assert barriers(page) == []


def everything(page: Page) -> dict | None:
    """What the endpoint answers when the database is quick enough for all of it."""
    found = page.context.request.get("/api/v1/operations").json()
    known = all(
        check["value"] != "not known" for part in found["parts"] for check in part["checks"]
    )
    return found if known else None


def test_the_endpoint_answers_what_the_page_shows(page: Page, provisioned: Database) -> None:
    provisioned.truncate("readings", "sensors", "operations")
    provisioned.sql(FILLED)
    found = wait_until(lambda: everything(page), "no part took too long")
    assert found["state"] in ("look", "act")
    parts = {each["name"]: each for each in found["parts"]}
    lag = next(each for each in parts["tables"]["checks"] if each["name"] == "Rollups complete")
    assert (lag["state"], lag["command"]) == ("look", "make refresh")
    assert parts["backups"]["note"].startswith("This database archives nothing")
    readings = next(each for each in found["tables"] if each["name"] == "readings")
    assert (readings["rows"], readings["chunks"]) == (8761, 5)
    assert readings["behind_seconds"] > 300 * 86_400


def test_administrators_alone_read_the_rows_of_a_table_that_is_declared_for_them(
    new_context: Callable[..., BrowserContext], log_ins: Callable[[str], dict]
) -> None:
    paths = ("series?table=operations&value=disk_free_gb", "export/operations?format=csv")
    shown = ("datasets/operations", "datasets/operations/describe")
    for role, rows, known in (("admin", 200, 200), ("editor", 403, 404), ("viewer", 403, 404)):
        with new_context(storage_state=log_ins(role)) as context:
            get = context.request.get
            assert {get(f"/api/v1/{each}").status for each in paths} == {rows}
            assert {get(f"/api/v1/{each}").status for each in shown} == {known}
            listed = {each["name"] for each in get("/api/v1/datasets").json()["items"]}
            assert ("operations" in listed, "readings" in listed) == (role == "admin", True)


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_others_than_administrators_see_neither_page_nor_link_nor_endpoint(
    page: Page, role: str
) -> None:
    for path in ("/dash/operations", "/api/v1/operations"):
        assert page.context.request.get(path).status == 403
    page.goto("/")
    expect(page.get_by_role("navigation").first).to_be_visible()
    expect(page.get_by_role("link", name="Operations")).to_have_count(0)
    page.goto("/dash/datasets?dataset=operations")
    expect(page.get_by_text("There is no dataset “operations”")).to_be_visible()
