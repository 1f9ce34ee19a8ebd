"""Pages as a browser gets them: complete without the database, readable, with nothing foreign."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.served import SCHEMA
from tests.unit.web.conftest import signed_in
from timestack.dash import PAGES as PAGES_OF_DASH
from timestack.dash.page import Page
from timestack.pages import landing
from timestack.series import catalog
from timestack.series.query import Series
from timestack.words import OUTAGE

PACKAGE = Path(__file__).resolve().parents[3] / "services" / "web" / "timestack"
STATIC = PACKAGE / "static"
# A stranger's, and an administrator's.
PAGES = [
    (None, "/timestack/"),
    (None, "/timestack/login"),
    ("admin", "/timestack/"),
    ("admin", "/timestack/account"),
    ("admin", "/timestack/finance"),
    ("admin", "/timestack/no-such-page"),
]
DAY = timedelta(days=1)


class Elements(HTMLParser):
    """Every element of a page with its attributes, in order."""

    def __init__(self, page: str):
        super().__init__()
        self.all: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, dict(attrs)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.all if name == tag]


@pytest.fixture(params=PAGES, ids=lambda page: " ".join(filter(None, page)))
def visit(
    request: pytest.FixtureRequest, make_app: Callable[..., Flask]
) -> tuple[FlaskClient, Elements]:
    """Somebody at a page."""
    who, path = request.param
    app = make_app(URL_PREFIX="/timestack")
    client = signed_in(app) if who else app.test_client()
    return client, Elements(client.get(path).text)


def test_the_start_page_is_there_while_the_database_is_away(prefixed: FlaskClient) -> None:
    answer = prefixed.get("/timestack/")
    assert answer.status_code == 200
    assert f"{OUTAGE.heading}. {OUTAGE.advice}" in answer.text


def test_the_start_page_leads_everywhere(prefixed: FlaskClient) -> None:
    links = {a["href"] for a in Elements(prefixed.get("/timestack/").text).named("a")}
    assert {
        "/timestack/dash/sensors",
        "/timestack/account",
        "/timestack/pgadmin/",
        "/timestack/flower/",
        "/timestack/traefik/",
        "/timestack/api/v1/jobs",
        "/timestack/health/ready",
        "/timestack/version",
    } <= links


def test_every_file_of_a_page_is_served_here(visit: tuple[FlaskClient, Elements]) -> None:
    client, page = visit
    files = [
        attributes.get("href") or attributes.get("src")
        for tag in ("link", "script", "img", "use")
        for attributes in page.named(tag)
    ]
    assert len(files) >= 4
    for file in files:
        assert client.get(file.partition("#")[0]).status_code == 200, file


def test_a_page_needs_no_inline_script_or_style(visit: tuple[FlaskClient, Elements]) -> None:
    _, page = visit
    assert page.named("style") == []
    assert [script for script in page.named("script") if "src" not in script] == []
    inline = [name for _, attributes in page.all for name in attributes if name.startswith("on")]
    assert inline == []
    assert [attributes for _, attributes in page.all if "style" in attributes] == []


def test_a_page_can_be_read_by_everyone(visit: tuple[FlaskClient, Elements]) -> None:
    _, page = visit
    assert page.named("html") == [{"lang": "en"}]
    assert len(page.named("title")) == 1
    assert len(page.named("h1")) == 1
    meta = {each.get("name"): each.get("content") for each in page.named("meta")}
    assert meta["viewport"] == "width=device-width, initial-scale=1"
    assert meta["robots"] == "noindex"
    first_link, main = page.named("a")[0], page.named("main")[0]
    assert first_link["href"] == f"#{main['id']}"
    assert [image for image in page.named("img") if "alt" not in image] == []
    levels = [int(tag[1]) for tag, _ in page.all if re.fullmatch(r"h[1-6]", tag)]
    assert all(below - above <= 1 for above, below in pairwise(levels))


def test_an_icon_that_is_used_exists(visit: tuple[FlaskClient, Elements]) -> None:
    symbols = set(re.findall(r'<symbol id="(\w+)"', (STATIC / "icons.svg").read_text()))
    assert symbols
    assert {use["href"].partition("#")[2] for use in visit[1].named("use")} <= symbols


@pytest.mark.parametrize("page", PAGES_OF_DASH, ids=lambda page: page.path)
def test_a_dashboard_says_what_it_is_for_and_has_an_icon_and_a_table_that_are_there(
    page: Page,
) -> None:
    assert re.fullmatch(r"[A-Z].{20,100}\.", page.about)
    assert f'<symbol id="{page.icon}"' in (STATIC / "icons.svg").read_text()
    assert page.table in ("", *catalog.load(SCHEMA).hypertables)


def test_the_chart_spans_its_box_from_the_oldest_to_the_newest() -> None:
    chart = landing.draw(series(mean=[0, 5, 10], low=[0, 4, 9], high=[1, 6, 10]))
    assert chart.line == "0.0,100.0 200.0,50.0 400.0,0.0"
    assert chart.band == "0.0,90.0 200.0,40.0 400.0,0.0 400.0,10.0 200.0,60.0 0.0,100.0"
    assert (chart.low, chart.high) == ("0", "10")


def test_the_chart_leaves_out_what_is_not_known() -> None:
    nan = float("nan")
    chart = landing.draw(series(mean=[1, nan, 3], low=[1, nan, 3], high=[1, nan, 3]))
    assert chart.line == "0.0,100.0 400.0,0.0"


@pytest.mark.parametrize("values", [[7.0], [7.0, 7.0]])
def test_a_constant_is_a_flat_line(values: list[float]) -> None:
    chart = landing.draw(series(mean=values, low=values, high=values))
    assert chart.line.split()[0] == "0.0,100.0"
    assert chart.low == chart.high == "7"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.01234, "0.0123"), (10.94, "10.9"), (1013.25, "1,013"), (-1234567, "-1,234,567")],
)
def test_numbers_are_written_in_full(value: float, shown: str) -> None:
    assert landing.draw(series(mean=[value], low=[value], high=[value])).low == shown


def test_every_class_and_token_of_the_style_sheets_is_used() -> None:
    rules = "".join(each.read_text() for each in PACKAGE.rglob("*.css"))
    users = [each for kind in ("html", "py", "js") for each in PACKAGE.rglob(f"*.{kind}")]
    text = "".join(each.read_text() for each in users)
    # The colour of a notice goes by the category of a message.
    text = text.replace("ts-notice-{{", "ts-notice-info ts-notice-ok ts-notice-bad {{")
    classes = set(re.findall(r"\.(ts-[\w-]+)", re.sub(r"/\*.*?\*/", "", rules, flags=re.DOTALL)))
    assert len(classes) > 50
    assert {name for name in classes if not re.search(rf"{name}(?![\w-])", text)} == set()
    tokens = set(re.findall(r"--ts-([\w-]+):", rules))
    used = set(re.findall(r"var\(--ts-([\w-]+)", rules))
    used |= set(re.findall(r"token\(\"([\w-]+)\"\)", text)) | {f"chart-{n}" for n in range(1, 7)}
    assert tokens - used == set()


def series(mean: list[float], low: list[float], high: list[float]) -> Series:
    days = np.datetime64("2013-01-01", "us") + np.arange(len(mean)) * np.timedelta64(1, "D")
    arrays = (np.array(values, dtype=np.float64) for values in (low, high, mean))
    return Series((1,), days, *arrays, DAY)
