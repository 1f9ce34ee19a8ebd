"""The Finance page in the browser: built by Vite, drawn by React, its figures from the database."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests import frontend
from tests.browser.conftest import barriers, watched
from tests.integration.db.conftest import Database
from tests.served import WEB, Web, serving

pytestmark = [pytest.mark.database, pytest.mark.browser]

FILL = """
insert into companies (name) values ('Acme'), ('Bolt <b>&'), ('Crate'), ('Drum');
insert into finances (company_id, year, q1, q2, q3, q4) values
  (1, 2015, 700000, 820000.50, 650000, 910000), (1, 2016, 720000, 870000, 640000, 990000),
  (1, 2017, 810000, 900000, 730000, 1050000), (1, 2018, 890000, 960000, 810000, 1130000),
  (1, 2019, 920000, 990000, 850000, 1210000), (1, 2020, 510000, 380000, 640000, 930000),
  (1, 2021, 980000, 1100000, 970000, 1390000), (1, 2022, 1120000, 1234567.89, 1010000, 1510000),
  (1, 2023, 1190000, 1310000, 1090000, 1600000), (1, 2024, 1250000, 1390000, null, null),
  (2, 2023, 123456789012345.67, -98765432109876.54, 0, 999999999999999.99),
  (2, 2024, -5000.01, 12000, -3000, 100),
  (4, 2024, null, null, null, null);
"""
PICTURES = ".fin-chart svg[role=img]"


@pytest.fixture(scope="module")
def served(
    jobs_variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Web]:
    """The web with the files that its image has in the static folder."""
    folder = tmp_path_factory.mktemp("built")
    shutil.copytree(
        WEB, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("frontend", "__pycache__")
    )
    frontend.build("frontend", folder / "timestack" / "static" / "frontend")
    with serving(folder / "log", jobs_variables, folder) as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def companies(provisioned: Database) -> None:
    provisioned.sql(FILL)


def opens(page: Page, query: str = "?company=1&year=2023") -> None:
    page.goto(f"/finance{query}")
    expect(page.locator(PICTURES)).to_have_count(4)


def answers(page: Page, part: str, status: int, body: str) -> None:
    """Have a part of the API answer something else."""

    def fulfil(route: Route) -> None:
        route.fulfill(status=status, body=body, content_type="application/json")

    page.route(re.compile(part), fulfil)


def test_a_year_is_drawn_and_every_amount_is_in_the_table(page: Page, screenshots: Path) -> None:
    opens(page)
    expect(page.get_by_role("heading", level=2)).to_have_text("Acme, 2023")
    bars = page.get_by_role("img", name="Quarters of 2023", exact=True)
    expect(bars).to_contain_text("$1.31M")
    row = page.get_by_role("row", name="2022")
    expect(row).to_contain_text("$1,234,567.89")
    expect(row).to_contain_text("$4,874,567.89")
    page.screenshot(path=screenshots / "finance.png", full_page=True)


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_it(
    new_context: Callable[..., BrowserContext], screenshots: Path, width: int, scheme: str
) -> None:
    look = {"viewport": {"width": width, "height": 1000}, "color_scheme": scheme}
    with watched(new_context(**look)) as page:
        for name, query in {
            "usual": "?company=1&year=2024",
            "loss": "?company=2&year=2023",
        }.items():
            page.goto(f"/finance{query}")
            expect(page.locator(PICTURES).first).to_be_visible()
            assert barriers(page) == []
            page.screenshot(
                path=screenshots / f"finance-{name}-{width}-{scheme}.png", full_page=True
            )
