"""The Alerts page in the browser, and alerts in the chart of their sensor."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import insert, text

from tests.browser.conftest import barriers
from tests.integration.db.conftest import SCHEMA_FILE, Database
from timestack import db
from timestack.domains.alerts import rules
from timestack.domains.alerts.evaluate import evaluate
from timestack.models.sensors import Reading, Sensor
from timestack.series import catalog

pytestmark = [pytest.mark.database, pytest.mark.browser]

RULES = """
rules:
  heat:
    table: readings
    where: {type: temperature}
    above: 30
    clear: 25
    message: Open the windows.
  damp:
    table: readings
    where: {type: humidity}
    above: 80
    for: 30 minutes
    severity: critical
"""
CELLAR = "temperature, cellar, north wall (°C)"
DRAWN = """
() => document.querySelector('#detail-graph .js-plotly-plot')?.layout?.shapes?.length === 4
"""
SHAPES = """
() => document.querySelector('#detail-graph .js-plotly-plot')?.layout?.shapes
        ?.map((each) => [each.name, each.fillcolor?.length])
"""


@pytest.fixture
def role() -> str:
    return "editor"


@pytest.fixture(scope="module")
def jobs_variables(
    jobs_variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """With our rules beside hypertables.yaml."""
    folder = tmp_path_factory.mktemp("schema")
    (folder / "alerts.yaml").write_text(RULES)
    return {**jobs_variables, "SCHEMA_FILE": shutil.copy(SCHEMA_FILE, folder)}


@pytest.fixture(scope="module")
def domain(provisioned: Database) -> Iterator[Database]:
    engine = db.init(provisioned.settings("app"))
    with db.session() as session:
        session.execute(
            insert(Sensor),
            [
                {"type": "temperature", "location": "cellar", "name": "north wall", "unit": "°C"},
                {"type": "humidity", "location": "attic", "name": "floor", "unit": "%"},
            ],
        )
    yield provisioned
    engine.dispose()


@pytest.fixture(autouse=True)
def nothing(domain: Database) -> None:
    domain.truncate("readings", "readings_1h", "readings_1d")
    domain.truncate("alerts", "alert_silences", "alert_faults", "jobs")


def read(name: str, *values: tuple[float, float]) -> None:
    """Readings of a sensor, each a value and how many minutes ago it was; and a look."""
    now = datetime.now(UTC)
    declared = catalog.load(SCHEMA_FILE)
    with db.session() as session:
        id = session.scalar(text("select id from sensors where name = :name"), {"name": name})
        session.execute(
            insert(Reading),
            [
                {"time": now - timedelta(minutes=ago), "sensor_id": id, "value": value}
                for value, ago in values
            ],
        )
    with db.session() as session:
        evaluate(session, rules.parse(RULES, declared), declared)


def fill() -> None:
    """One alert that was, one that fires, one that is pending."""
    read("north wall", (35, 200))
    read("north wall", (20, 150))
    read("north wall", *((34 + ago % 3 / 2, ago) for ago in range(60, 0, -1)))
    read("floor", (90, 20), (91, 1))


@pytest.mark.parametrize("role", ["viewer"])
def test_an_empty_page_shows_the_rules_and_that_nothing_fires(page: Page) -> None:
    page.goto("/dash/alerts")
    expect(page.get_by_text("Nothing fires.")).to_be_visible()
    expect(page.locator("#rule-heat")).to_contain_text("above 30, until 25")
    expect(page.locator("#rule-damp")).to_contain_text("quiet")
    expect(page.get_by_text("Nothing has fired yet.")).to_be_visible()
    # A viewer looks and silences nothing.
    expect(page.locator("#main").get_by_role("button")).to_have_count(0)


@pytest.mark.parametrize("look", ["light", "dark"])
def test_a_rule_that_cannot_be_looked_at_says_why(
    page: Page, domain: Database, look: str, screenshots: Path
) -> None:
    why = 'the database refuses its statement: column "value" does not exist'
    domain.sql(f"insert into alert_faults (rule, reason) values ('heat', '{why}'), ('gone', 'x')")
    page.emulate_media(color_scheme=look)
    page.goto("/dash/alerts")
    rule = page.locator("#rule-heat")
    expect(rule).to_contain_text("not looked at")
    expect(rule).to_contain_text(f"T{why[1:]}.")
    expect(rule).not_to_contain_text("quiet")
    expect(page.locator("#rule-damp")).to_contain_text("quiet")
    for width in (390, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert barriers(page) == [], width
        page.screenshot(path=screenshots / f"alerts-fault-{width}-{look}.png", full_page=True)


def test_the_page_shows_what_fires_is_pending_and_was_and_follows_it(
    page: Page, screenshots: Path
) -> None:
    fill()
    page.goto("/dash/alerts")
    firing = page.get_by_role("region", name="Firing").get_by_role("listitem")
    expect(firing).to_have_count(1)
    expect(firing).to_contain_text(CELLAR)
    expect(firing).to_contain_text("Open the windows.")
    pending = page.get_by_role("region", name="Pending").get_by_role("listitem")
    expect(pending).to_contain_text("humidity, attic, floor (%)")
    history = page.get_by_role("region", name="History").get_by_role("listitem")
    expect(history).to_have_count(2)
    expect(history.nth(0)).to_contain_text("still fires")
    expect(history.nth(1)).to_contain_text("The condition is over")
    page.screenshot(path=screenshots / "alerts.png", full_page=True)
    # The reader stays, and sees that it is over.
    read("north wall", (20, 0))
    page.evaluate("dash_clientside.set_props('alerts-asked', {data: 1})")
    expect(page.get_by_text("Nothing fires.")).to_be_visible()
    page.get_by_role("link", name="damp").first.click()
    page.wait_for_url(re.compile("rule=damp"))
    expect(page.locator("#rule-damp")).to_be_visible()
    expect(page.locator("#rule-heat")).to_have_count(0)
    expect(page.get_by_text("Nothing has fired yet.")).to_be_visible()


def test_an_editor_silences_a_rule_or_one_series_and_lifts_it(page: Page, domain: Database) -> None:
    fill()
    page.goto("/dash/alerts")
    rule, alert = page.locator("#rule-heat"), page.locator("[id^='alert-']").first
    rule.get_by_role("button", name="1 d of silence for heat", exact=True).click()
    expect(rule).to_contain_text("by editor@example.org")
    expect(alert).to_contain_text("All of heat is silenced until")
    alert.get_by_role("button", name=f"1 h of silence for heat, {CELLAR}").click()
    expect(alert.get_by_role("button", name="Lift")).to_be_visible()
    found = domain.sql("select keys, round(extract(epoch from until - now()) / 3600)"
                       " from alert_silences order by until")  # fmt: skip
    assert re.fullmatch(r'\{"sensor_id": \d+\}\|1\n\{\}\|24', found)
    rule.get_by_role("button", name="Lift").click()
    expect(rule.get_by_role("button", name="1 d of silence for heat", exact=True)).to_be_visible()
    assert domain.sql("select count(*) from alert_silences") == "1"


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_keeps_nobody_out_and_needs_no_scrolling_to_the_side(
    page: Page, width: int, scheme: str, screenshots: Path
) -> None:
    fill()
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/dash/alerts")
    expect(page.locator("#rule-heat")).to_be_visible()
    assert barriers(page) == []
    page.screenshot(path=screenshots / f"alerts-{width}-{scheme}.png", full_page=True)


@pytest.mark.parametrize("role", ["viewer"])
def test_the_chart_of_a_sensor_shows_when_its_alerts_fired(page: Page, screenshots: Path) -> None:
    fill()
    page.goto("/dash/alerts")
    page.get_by_role("link", name=CELLAR).first.click()
    page.wait_for_url(re.compile("/dash/sensors"))
    page.wait_for_function(DRAWN)
    shapes = page.evaluate(SHAPES)
    # Each with its threshold, in the colours of the look.
    assert [name for name, _ in shapes] == ["band", "threshold"] * 2
    assert {length for _, length in shapes} == {len("#rrggbbaa")}
    page.screenshot(path=screenshots / "alerts-chart.png")


@pytest.mark.parametrize("role", ["viewer"])
def test_a_viewer_who_asks_to_silence_is_refused(
    new_context: Callable[..., BrowserContext], domain: Database
) -> None:
    # Its console tells of the refusal.
    with new_context() as context:
        page = context.new_page()
        page.goto("/dash/alerts")
        expect(page.locator("#rule-heat")).to_be_visible()
        with page.expect_response(re.compile("_dash-update-component")) as answered:
            page.evaluate(
                "dash_clientside.set_props('alerts-action',"
                " {data: {verb: 'silence', rule: 'heat', span: '1 h', turn: 1}})"
            )
        assert answered.value.status == 403
    assert domain.sql("select count(*) from alert_silences") == "0"
