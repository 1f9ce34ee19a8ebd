"""The Forecast page in the browser: forecasts listed, asked for, looked at and compared.

No model is trained: the forecasts are rows that are made up, of a ticker with 13 years of days and
two of them to be judged by.
"""

from __future__ import annotations

import random
import re
from datetime import date, timedelta
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import delete, select

from tests.browser.conftest import barriers
from tests.integration.db.conftest import Database, fail
from timestack import db
from timestack.domains import jobs
from timestack.domains.forecast.verdict import Course, Importance, Interval, Search, Verdict
from timestack.domains.jobs import control, listing, steps
from timestack.models.forecasts import Forecast
from timestack.models.markets import Ticker

pytestmark = [
    pytest.mark.database,
    pytest.mark.browser,
    pytest.mark.usefixtures("environment"),
]

KIND = "forecast.train"
# Weekdays of 13 years; OLD ends before the others begin their test parts, NIL has no prices.
FILL = """
insert into tickers (symbol, name, industry) values ('AAA', 'Acme Anvils', 'Tools'),
  ('BBB', 'Bolt <b>&', 'Tools'), ('OLD', 'Old Ore', 'Mines'), ('NIL', 'Nil', 'Mines');
insert into prices_daily (time, ticker_id, open, high, low, close, volume, adjusted_close)
select day, id, 100, 103, 98, 100, 1000000, 50
  from tickers, generate_series(timestamptz '2000-01-03Z', '2012-12-31Z', '1 day') as day
 where extract(isodow from day) < 6 and symbol <> 'NIL'
   and (symbol <> 'OLD' or day < '2004-01-01Z');
"""
DAYS = [
    day
    for day in (date(2000, 1, 3) + timedelta(days=number) for number in range(4747))
    if day.isoweekday() < 6
]
SPLIT = DAYS.index(date(2011, 1, 3))
SENTENCE = (
    "No skill shown: over 520 days that it had not seen, the model made 0.02 % a day more than"
    " buy-and-hold after costs (95 % interval −0.08 to 0.11 %). Chance alone explains it."
)
SETTINGS = {"symbol": "AAA", "classifier": "forest", "test_start": "2011-01-03"}
DRAWN = "document.querySelectorAll('#forecast-%s-graph .scatterlayer .trace').length"
GRAPH = "document.querySelector('#forecast-%s-graph .js-plotly-plot')"
# Of the answers to callbacks.
LARGEST = (
    "Math.max(...performance.getEntriesByType('resource')"
    ".filter(each => each.name.includes('_dash-update-component'))"
    ".map(each => each.decodedBodySize / 1000))"
)
SMALL = (
    "[...document.querySelectorAll('main :is(button:not(.modebar-btn), .btn, select, summary)')]"
    ".filter(each => each.checkVisibility() && each.getBoundingClientRect().height < 24).length"
)


@pytest.fixture
def role() -> str:
    return "editor"


@pytest.fixture(scope="module", autouse=True)
def prices(provisioned: Database) -> None:
    provisioned.sql(FILL)


@pytest.fixture(autouse=True)
def nothing(environment: dict[str, str]) -> None:
    """No forecast yet."""
    with db.session() as session:
        session.execute(delete(Forecast))


# Forecasts and jobs, as workers make them


def course(luck: int, split: int, symbol: str) -> Course:
    """A ticker's prices, which wander, and a model that tells the way by chance."""
    chance = random.Random(symbol)
    changes = [chance.gauss(0.0003, 0.012) for _ in DAYS[1:]]
    prices = [40 * factor for factor in accumulate((1 + each for each in changes), _times)]
    prices = [40.0, *prices]
    chance = random.Random(luck)
    told = [1]
    for _ in DAYS[split + 1 :]:
        told.append(told[-1] if chance.random() < 0.6 else 1 - told[-1])
    own = [
        (1 - 0.001 * abs(new - old)) * (1 + new * change)
        for (old, new), change in zip(pairwise([0, *told]), changes[split:], strict=False)
    ]
    return Course(
        days=DAYS,
        prices=prices,
        split=split,
        positions=told,
        profit=[0.0, *(each - 1 for each in accumulate(own, _times))],
        held=[price / prices[split] - 1 for price in prices[split:]],
    )


def _times(one: float, other: float) -> float:
    return one * other


def fall(profit: list[float]) -> float:
    """The deepest fall from a high, as a part of it."""
    worth = [1 + each for each in profit]
    return max(1 - each / high for each, high in zip(worth, accumulate(worth, max), strict=True))


def verdict(found: Course, **changes: Any) -> Verdict:
    known = {
        "profit": found.profit[-1],
        "held": found.held[-1],
        "drawdown": fall(found.profit),
        "held_drawdown": fall(found.held),
        "hit_rate": 0.512,
        "up_rate": 0.529,
        "confusion": ((101, 145), (109, 165)),
        "trades": sum(one != other for one, other in pairwise([0, *found.positions[:-1]])),
        "excess": Interval(value=0.0002, low=-0.0008, high=0.0011),
        "edge": Interval(value=-0.017, low=-0.061, high=0.026),
        "skill": False,
        "sentence": SENTENCE,
        "importance": [
            Importance(feature=name, mean=mean, spread=0.004)
            for name, mean in {
                "return, lag 1": 0.012, "return, lag 2": -0.003, "MACD": 0.021,
                "MACD histogram": 0.008, "RSI": 0.001, "CCI": -0.009, "EMV": 0.0,
                "force index": 0.004,
            }.items()
        ],
        "search": Search(
            tried=12,
            of=24,
            settings={"max_depth": 6, "min_samples_leaf": 20, "max_features": None},
            scores=[0.508, 0.521, 0.497, 0.516, 0.503],
        ),
    }  # fmt: skip
    return Verdict(**{**known, **changes})


def made(luck: int = 1, split: int = SPLIT, found: dict | None = None, **settings: Any) -> int:
    """A forecast; returns its id."""
    asked = {**SETTINGS, "test_start": f"{DAYS[split]}", **settings}
    path = course(luck, split, asked["symbol"])
    with db.session() as session:
        ticker = session.scalar(select(Ticker).where(Ticker.symbol == asked["symbol"]))
        forecast = Forecast(
            ticker_id=ticker.id,
            settings=asked,
            data_hash="0123456789abcdef" * 4,
            versions={"scikit-learn": "1.8.0", "numpy": "2.3.5", "python": "3.13.5"},
            first_day=DAYS[0],
            test_day=DAYS[split],
            last_day=DAYS[-1],
            train_rows=split - 40,
            test_rows=len(DAYS) - split - 1,
            seconds=7.25,
            verdict=verdict(path, **(found or {})).model_dump(mode="json"),
            course=path.model_dump(mode="json"),
        )
        session.add(forecast)
        session.flush()
        return forecast.id


def submitted(**params: Any) -> UUID:
    return jobs.submit(KIND, {**SETTINGS, **params}, submitted_by="editor@example.org").id


def running(progress: float, message: str, **params: Any) -> UUID:
    id = submitted(**params)
    with db.session() as session:
        assert steps.claim(session, id)
        steps.progress(session, id, progress, message)
    return id


def fill() -> dict[str, Any]:
    """Forecasts of two tickers and jobs in every state."""
    ids = [
        made(1, tuning=True),
        made(2, classifier="logistic", positions="long-short"),
        made(3, symbol="BBB", classifier="bayes", split=SPLIT + 60, found={"skill": True}),
        made(4, classifier="boosting", tuning=True, cost=0),
    ]
    fail(submitted(seed=7), "AAA has 10 days before its test part: choose a later day")
    cancelled = submitted(seed=8)
    with db.session() as session:
        control.cancel(session, cancelled)
    return {
        "ids": ids,
        "running": running(0.42, "training fold 3 of 5 of settings 4 of 24", tuning=True),
        "queued": submitted(classifier="rbf-svm"),
    }


def state(id: UUID) -> str:
    with db.session() as session:
        return listing.get(session, id).state


def row(page: Page, id: Any) -> Locator:
    return page.locator(f"#forecast-{id}")


def drawn(page: Page, name: str, traces: int) -> None:
    """Wait until a chart shows so many lines."""
    page.wait_for_function(f"() => {DRAWN % name} >= {traces}")


def chosen(page: Page, *ids: int) -> None:
    for id in ids:
        row(page, id).get_by_role("checkbox").click()


# The list


def test_an_empty_page_says_how_the_first_forecast_is_made(page: Page) -> None:
    page.goto("/dash/forecast")
    expect(page.get_by_role("heading", name="No forecasts yet")).to_be_visible()
    page.get_by_role("link", name="Make the first one").click()
    expect(page.get_by_role("heading", name="New forecast")).to_be_visible()


def test_forecasts_are_compared_at_a_glance_and_filtered_by_ticker(page: Page) -> None:
    ids = fill()["ids"]
    page.goto("/dash/forecast")
    cells = row(page, ids[2]).get_by_role("cell")
    expect(cells.nth(1)).to_have_text(f"BBB, forecast {ids[2]}")
    expect(cells.nth(2)).to_have_text("Gaussian naive Bayes")
    expect(cells.nth(3)).to_have_text("from 28 Mar 2011, 460 days")
    expect(cells.nth(4)).to_have_text("not tuned")
    expect(cells.nth(11)).to_have_text("shown")
    for number in range(6, 11):
        expect(cells.nth(number)).to_have_text(re.compile(r"^[+−]?\d+\.\d\s%$"))
    newest_first = page.locator(".ts-forecasts tbody tr")
    expect(newest_first.first).to_have_attribute("id", f"forecast-{ids[3]}")
    page.get_by_label("Ticker", exact=True).select_option("BBB")
    page.wait_for_url(re.compile(r"\?ticker=BBB$"))
    expect(newest_first).to_have_count(1)
    page.go_back()
    expect(newest_first).to_have_count(4)
    page.goto("/dash/forecast?ticker=OLD")
    expect(page.get_by_role("heading", name="No forecast of OLD")).to_be_visible()
    page.get_by_role("link", name="show all").click()
    expect(newest_first).to_have_count(4)


def test_jobs_show_how_far_they_are_and_why_they_made_none(page: Page) -> None:
    found = fill()
    page.goto("/dash/forecast")
    bar = page.locator(f"#job-{found['running']}").get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuenow", "42")
    section = page.locator("#forecast-jobs")
    expect(section).to_contain_text("test part from 3 Jan 2011, tuned, long or out")
    expect(section).to_contain_text("Waits for a free worker")
    expect(section).to_contain_text("AAA has 10 days before its test part: choose a later day")
    expect(section).to_contain_text("Cancelled before it started")
    section.get_by_role("link", name="Again").last.click()
    expect(page.get_by_label("Seed")).to_have_value("7")


def test_the_list_moves_by_itself_and_keeps_what_is_chosen(page: Page) -> None:
    first, second = made(1), made(2)
    job = running(0.1, "training fold 1 of 5")
    page.goto("/dash/forecast")
    page.evaluate("window.loaded = 'once'")
    chosen(page, first, second)
    box = row(page, second).get_by_role("checkbox")
    expect(box).to_be_focused()
    third = made(3)
    with db.session() as session:
        steps.succeed(session, job, {"forecast": third})
    expect(row(page, third)).to_be_visible()
    expect(page.locator("#forecast-jobs")).to_be_empty()
    expect(box).to_be_checked()
    expect(box).to_be_focused()
    assert page.evaluate("window.loaded") == "once"


def test_the_first_forecast_comes_with_the_filter_and_the_choice(page: Page) -> None:
    job = running(0.9, "judging")
    page.goto("/dash/forecast")
    page.get_by_role("progressbar").wait_for()
    ticker = page.get_by_label("Ticker", exact=True)
    expect(ticker).to_be_hidden()
    first = made(1)
    with db.session() as session:
        steps.succeed(session, job, {"forecast": first})
    expect(row(page, first).get_by_role("checkbox")).to_be_visible()
    expect(page.get_by_text("Choose up to 6 forecasts to compare.")).to_be_visible()
    ticker.select_option("AAA")
    page.wait_for_url(re.compile(r"\?ticker=AAA$"))


def test_six_at_most_are_chosen_and_lead_to_their_comparison(page: Page) -> None:
    ids = [made(number) for number in range(7)]
    page.goto("/dash/forecast")
    compare = page.get_by_role("link", name="Compare")
    chosen(page, ids[0])
    expect(compare).to_be_hidden()
    chosen(page, *ids[1:6])
    expect(page.locator("#forecast-picked")).to_have_text("6 are chosen. That is the most.")
    seventh = row(page, ids[6]).get_by_role("checkbox")
    expect(seventh).to_be_disabled()
    chosen(page, ids[0])
    expect(seventh).to_be_enabled()
    seventh.press("Space")
    expect(seventh).to_be_checked()
    compare.click()
    page.wait_for_url(re.compile(rf"\?id={','.join(map(str, ids[1:]))}$"))
    expect(page.get_by_role("heading", name="6 forecasts compared")).to_be_visible()
    drawn(page, "profit", 7)
    # Whoever comes back finds what was chosen, and can begin again.
    page.go_back()
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(6)
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(0)
    expect(compare).to_be_hidden()


def test_a_long_list_has_pages(page: Page) -> None:
    ids = [made(1) for _ in range(27)][::-1]
    page.goto("/dash/forecast?ticker=AAA")
    rows = page.locator(".ts-forecasts tbody tr")
    expect(rows).to_have_count(25)
    page.get_by_role("link", name="Older").click()
    page.wait_for_url(re.compile(rf"\?ticker=AAA&before={ids[24]}$"))
    expect(rows).to_have_count(2)
    expect(row(page, ids[26])).to_be_visible()
    page.get_by_role("link", name="Newest").click()
    expect(row(page, ids[0])).to_be_visible()


def test_a_job_is_cancelled_where_it_stands(page: Page) -> None:
    waiting, at_it = submitted(), running(0.3, "", seed=2)
    page.goto("/dash/forecast")
    page.locator(f"#job-{waiting}").get_by_role("button", name="Cancel").click()
    expect(page.locator(f"#job-{waiting}")).to_contain_text("Cancelled before it started")
    assert state(waiting) == "cancelled"
    page.locator(f"#job-{at_it}").get_by_role("button", name="Cancel").click()
    expect(page.locator(f"#job-{at_it}")).to_contain_text("Cancelling")
    expect(page.locator(f"#job-{at_it}").get_by_role("button")).to_have_count(0)


# The form


def test_the_form_proposes_the_last_two_years_of_the_ticker(page: Page) -> None:
    page.goto("/dash/forecast?start=1")
    ticker, start = page.get_by_label("Ticker"), page.get_by_label("First day of the test part")
    expect(ticker.get_by_role("option")).to_have_text(
        ["AAA · Acme Anvils", "BBB · Bolt <b>&", "OLD · Old Ore"]
    )
    expect(start).to_have_value("2011-01-01")
    ticker.select_option("OLD")
    expect(start).to_have_value("2002-09-01")
    expect(page.locator("#start-test_start-field")).to_contain_text("3 Jan 2000 to 31 Dec 2003")
    # What the reader has chosen stays.
    start.fill("2003-06-02")
    ticker.select_option("AAA")
    expect(page.locator("#start-test_start-field")).to_contain_text("31 Dec 2012")
    expect(start).to_have_value("2003-06-02")


def test_a_forecast_is_asked_for_by_a_form_that_says_what_is_wrong_with_it(page: Page) -> None:
    page.goto("/dash/forecast?start=1&symbol=OLD&classifier=boosting&features=rsi,emv&tuning=1")
    features = page.get_by_role("group", name="Features")
    expect(features.get_by_role("checkbox", checked=True)).to_have_count(2)
    # The browser's own check would not let this through.
    page.evaluate("document.querySelector('[data-start]').noValidate = true")
    start = page.get_by_label("First day of the test part")
    start.fill("2012-01-02")
    page.get_by_label("Gap").fill("61")
    page.get_by_label("Seed").fill("1.5")
    features.get_by_label("Relative strength index").uncheck()
    features.get_by_label("Ease of movement").uncheck()
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#start-gap-field")).to_contain_text("less than or equal to 60")
    expect(page.locator("#start-seed-field")).to_contain_text("valid integer")
    expect(page.locator("#start-features-field")).to_contain_text("Choose one at least.")
    expect(page.locator("#start-test_start-field")).to_contain_text(
        "Choose a day within the prices of OLD, 3 Jan 2000 to 31 Dec 2003"
    )
    expect(start).to_be_focused()
    expect(start).to_have_value("2012-01-02")
    expect(page.get_by_label("Gap")).to_have_value("61")
    expect(page.get_by_label("Tune its settings")).to_be_checked()
    with db.session() as session:
        assert listing.latest(session) == []
    start.fill("2003-01-02")
    page.get_by_label("Gap").fill("5")
    page.get_by_label("Seed").fill("9")
    features.get_by_label("Force index").check()
    page.get_by_role("button", name="Start").dblclick()
    page.wait_for_url(re.compile(r"/dash/forecast$"))
    expect(page.locator("#forecast-jobs")).to_contain_text("OLD, Gradient boosting")
    with db.session() as session:
        [job] = listing.latest(session)
    assert (job.kind, job.submitted_by) == (KIND, "editor@example.org")
    assert job.params == {
        "symbol": "OLD", "classifier": "boosting", "test_start": "2003-01-02", "tuning": True,
        "gap": 5, "features": ["force"], "seed": 9,
    }  # fmt: skip
    assert job.request_id


# One forecast


def test_a_forecast_shows_what_it_did_and_what_that_comes_to(page: Page) -> None:
    id = made(1, tuning=True)
    trades = verdict(course(1, SPLIT, "AAA")).trades
    page.goto(f"/dash/forecast?id={id}")
    expect(page.get_by_role("heading", level=1)).to_have_text("AAA, Random forest")
    expect(page.locator("#forecast-verdict")).to_have_text(SENTENCE)
    drawn(page, "price", 3)
    graph = GRAPH % "price"
    marks = page.evaluate(f"{graph}.data.slice(1).map(each => each.x.filter(Boolean).length)")
    assert marks[0] + marks[2] == trades > 200
    split = page.evaluate(f"{graph}.layout.shapes[0]")
    assert (split["x0"], split["label"]["text"]) == ("2011-01-03", "test part from 3 Jan 2011")
    # The test part with some days before it, until all are asked for.
    assert page.evaluate(f"{graph}.layout.xaxis.range[0]") > "2010"
    page.get_by_text("All days").click()
    page.wait_for_function(f"() => {graph}.layout.xaxis.range[0] === '2000-01-03'")
    # Its height follows what is in view.
    page.evaluate(f"Plotly.relayout({graph}, {{'xaxis.range': ['2004-01-01', '2005-01-01']}})")
    seen = [
        price
        for day, price in zip(DAYS, course(1, SPLIT, "AAA").prices, strict=True)
        if day.year == 2004
    ]
    page.wait_for_function(f"() => {graph}.layout.yaxis.range[0] > {min(seen) * 0.9}")
    bottom, top = page.evaluate(f"{graph}.layout.yaxis.range")
    assert bottom < min(seen) < max(seen) < top < max(seen) * 1.3
    expect(page.get_by_role("radio", checked=True)).to_have_count(0)
    drawn(page, "profit", 2)
    drawn(page, "fall", 2)
    last = page.evaluate(f"{GRAPH % 'fall'}.data.map(each => each.name)")
    assert re.fullmatch(r"Random forest −\d+\.\d\s%", last[0].replace("&#37;", "%"))
    page.get_by_text("All trades in a table").click()
    table = page.locator("#forecast-trades")
    expect(table.locator("tbody tr")).to_have_count(trades)
    expect(table.locator("tbody tr").first).to_contain_text("3 Jan 2011outlong")


def test_its_figures_are_in_tables_that_say_what_they_are(page: Page) -> None:
    page.goto(f"/dash/forecast?id={made(1, tuning=True)}")
    matrix = page.get_by_role("region", name="What was told, and what came").get_by_role("table")
    expect(matrix.get_by_role("columnheader")).to_have_text(
        ["Days that", "told down", "told up", "all"]
    )
    expect(matrix.get_by_role("row", name="fell")).to_have_text("fell101145246")
    expect(matrix.get_by_role("row", name="rose")).to_have_text("rose109165274")
    sure = page.get_by_role("region", name="How sure it is")
    expect(sure.get_by_role("row", name="Return")).to_contain_text("+0.02 %−0.08 to +0.11 %")
    expect(sure.get_by_role("row", name="Hit rate")).to_contain_text("−6.1 to +2.6 points")
    mattered = page.get_by_role("region", name="What mattered").locator("tbody tr")
    expect(mattered.first).to_have_text("MACD+2.1 ± 0.4")
    expect(mattered.last).to_have_text("CCI−0.9 ± 0.4")
    search = page.get_by_role("region", name="Cross-validation")
    expect(search).to_contain_text("12 of 24 settings were tried before the time was over.")
    expect(search.get_by_role("row", name="Fold 2")).to_have_text("Fold 252.1 %")
    expect(search).to_contain_text("max_featuresnone")
    how = page.get_by_role("region", name="How it was made")
    for text in ("Seed1", "0123456789ab", "scikit-learn 1.8.0", "2,830 to learn from", "7.2 s"):
        expect(how).to_contain_text(text)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    how.get_by_role("button", name="Copy all of it").click()
    expect(how.get_by_role("button")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "0123456789abcdef" * 4


def test_thirteen_years_travel_light(page: Page) -> None:
    page.goto(f"/dash/forecast?id={made(1)}")
    drawn(page, "fall", 2)
    kilobytes = page.evaluate(LARGEST)
    assert 40 < kilobytes < 90


def test_other_settings_begin_with_those_of_a_forecast(page: Page) -> None:
    id = made(1, classifier="neighbours", positions="long-short", cost=2.5, features=["cci"])
    page.goto(f"/dash/forecast?id={id}")
    page.get_by_role("link", name="Again with other settings").click()
    expect(page.get_by_label("Classifier")).to_have_value("neighbours")
    expect(page.get_by_label("Positions")).to_have_value("long-short")
    expect(page.get_by_label("Cost of a trade")).to_have_value("2.5")
    expect(page.get_by_label("First day of the test part")).to_have_value("2011-01-03")
    ticked = page.get_by_role("group", name="Features").get_by_role("checkbox", checked=True)
    expect(ticked).to_have_count(1)


def test_a_forecast_is_deleted_when_that_is_confirmed(page: Page) -> None:
    id, other = made(1), made(2)
    page.goto(f"/dash/forecast?id={id}")
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete it").click()
    page.wait_for_url(re.compile(r"/dash/forecast$"))
    expect(row(page, other)).to_be_visible()
    expect(row(page, id)).to_have_count(0)
    with db.session() as session:
        assert session.get(Forecast, id) is None
    # And whoever comes later is told.
    page.goto(f"/dash/forecast?id={id}")
    expect(page.get_by_role("alert")).to_contain_text(f"There is no forecast {id}. It may have")
    page.get_by_role("link", name="Show the forecasts there are").click()
    expect(row(page, other)).to_be_visible()


# Several


def test_forecasts_are_compared_over_the_same_days(page: Page) -> None:
    first, second = made(1), made(2, classifier="bayes", seed=5)
    page.goto(f"/dash/forecast?id={first},{second}")
    # Buy-and-hold is one and the same.
    drawn(page, "profit", 3)
    table = page.get_by_role("region", name="Table of settings and figures")
    expect(table.get_by_role("columnheader").nth(2)).to_have_text(
        f"{second}: AAA, Gaussian naive Bayes"
    )
    expect(table.get_by_role("row", name="Seed")).to_have_text("Seed15")
    expect(table.get_by_role("row", name="Seed")).to_have_class("ts-differs")
    expect(table.get_by_role("row", name="Folds")).not_to_have_class("ts-differs")


def test_forecasts_are_compared_over_different_days_and_what_is_gone_is_named(page: Page) -> None:
    first, second = made(1), made(2, symbol="BBB", split=SPLIT + 100)
    page.goto(f"/dash/forecast?id={first},{second},999")
    drawn(page, "profit", 2)
    starts = page.evaluate(f"{GRAPH % 'profit'}.data.map(each => each.x[0])")
    assert starts == ["2011-01-03", "2011-05-23"]
    expect(page.get_by_role("alert")).to_contain_text("There is no forecast 999.")
    expect(page.locator("#forecast-profit-caption")).to_contain_text("Buy-and-hold is in the table")


# What cannot be


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("id=999", "There is no forecast 999."),
        ("id=997,998", "There are no forecasts 997 and 998."),
        ("id=first", "“first” is not the number of a forecast."),
        ("id=1,2,3,4,5,6,7", "6 forecasts are compared at most, and these are 7."),
        ("before=999", "There is no forecast 999."),
    ],
    ids=["gone", "all-gone", "no-number", "too-many", "no-beginning"],
)
def test_an_address_that_asks_for_what_is_not_there_leads_to_what_is(
    page: Page, query: str, sentence: str
) -> None:
    page.goto(f"/dash/forecast?{query}")
    expect(page.get_by_role("alert")).to_contain_text("Unknown forecast")
    expect(page.get_by_role("alert")).to_contain_text(sentence)
    page.get_by_role("link", name="Show the forecasts there are").click()
    expect(page.get_by_role("heading", name="No forecasts yet")).to_be_visible()


# Who may


@pytest.mark.parametrize("role", ["viewer"])
def test_a_viewer_sees_all_and_changes_nothing(page: Page) -> None:
    found = fill()
    page.goto("/dash/forecast")
    page.get_by_role("progressbar").wait_for()
    expect(page.get_by_role("link", name="New forecast")).to_have_count(0)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    expect(page.get_by_role("link", name="Again")).to_have_count(0)
    expect(page.locator("main")).not_to_contain_text("@example.org")
    row(page, found["ids"][0]).get_by_role("link").click()
    drawn(page, "price", 3)
    expect(page.get_by_role("button", name="Delete")).to_have_count(0)
    expect(page.get_by_role("link", name="Again")).to_have_count(0)


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light")])
def test_it_keeps_nobody_out(page: Page, width: int, scheme: str, screenshots: Path) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)

    def look(name: str) -> None:
        page.screenshot(path=screenshots / f"forecast-{name}-{width}-{scheme}.png", full_page=True)
        assert barriers(page) == [], name
        assert page.evaluate(SMALL) == 0, name

    page.goto("/dash/forecast")
    expect(page.get_by_role("heading", name="No forecasts yet")).to_be_visible()
    look("empty")
    ids = fill()["ids"]
    page.goto("/dash/forecast")
    page.get_by_role("progressbar").wait_for()
    row(page, ids[0]).get_by_role("checkbox").click()
    row(page, ids[2]).get_by_role("checkbox").click()
    look("list")
    page.goto("/dash/forecast?start=1&symbol=BBB&folds=9")
    page.get_by_role("button", name="Start").wait_for()
    look("form")
    page.evaluate("document.querySelector('[data-start]').noValidate = true")
    for feature in page.get_by_role("group", name="Features").get_by_role("checkbox").all():
        feature.uncheck()
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#start-folds-field")).to_contain_text("less than or equal to 8")
    look("faults")
    page.goto(f"/dash/forecast?id={ids[0]}")
    drawn(page, "price", 3)
    drawn(page, "fall", 2)
    look("one")
    page.get_by_text("All trades in a table").click()
    expect(page.get_by_role("region", name="Trades")).to_be_visible()
    look("trades")
    page.goto(f"/dash/forecast?id={','.join(map(str, ids))}")
    drawn(page, "profit", 4)
    look("comparison")
    page.goto("/dash/forecast?id=999")
    page.get_by_role("alert").wait_for()
    look("unknown")
