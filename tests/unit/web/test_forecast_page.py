"""The Forecast page before any database is asked: who may, what is refused, forms, words."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.served import WEB
from tests.unit.web.conftest import person, signed_in
from tests.unit.web.test_dash import UPDATE, body
from timestack.dash.forecast import chart, filled, form, listing, words
from timestack.dash.forecast.address import Address, AskedError, again
from timestack.dash.started import FormError
from timestack.domains.forecast import asked
from timestack.domains.forecast.tickers import Span
from timestack.domains.forecast.verdict import Course, Interval, Search, Verdict
from timestack.domains.jobs.kinds import ForecastParams
from timestack.models.markets import Ticker

JOB = "00000000-0000-0000-0000-000000000001"
SPAN = Span(Ticker(symbol="AAA", name="Acme"), date(2000, 1, 3), date(2012, 12, 31))
FILLED = {
    "symbol": "AAA", "classifier": "forest", "test_start": "2011-01-03", "positions": "long",
    "folds": "5", "gap": "1", "cost": "2.5", "seed": "1", "features-rsi": "on",
}  # fmt: skip

VERDICT = Verdict(
    profit=0.03749, held=0.1, drawdown=0.2, held_drawdown=0.3, hit_rate=0.5, up_rate=0.5,
    confusion=((1, 1), (1, 1)), trades=2, excess=Interval(value=0, low=-1, high=1),
    edge=Interval(value=0, low=-1, high=1), skill=False, sentence="No skill shown.", importance=[],
    search=Search(tried=1, of=1, settings={}, scores=[]),
)  # fmt: skip


def post(client: FlaskClient, output: str, **values: Any) -> int:
    return client.post(UPDATE, json=body(client, output, **values)).status_code


def act(client: FlaskClient, given: Any) -> int:
    return post(client, "forecast-note.data", **{"forecast-action": given})


def start(client: FlaskClient, given: Any) -> int:
    return post(client, "forecast-form.children", **{"forecast-start-asked": given})


# Who may


def test_a_viewer_reads_and_neither_starts_cancels_nor_deletes(
    make_app: Callable[..., Flask],
) -> None:
    viewer = signed_in(make_app(), person("viewer"))
    assert viewer.get("/dash/forecast").status_code == 200
    assert act(viewer, {"verb": "cancel", "job": JOB}) == 403
    assert act(viewer, {"verb": "delete", "forecast": "1"}) == 403
    assert start(viewer, {"filled": FILLED, "id": JOB}) == 403
    route = {"path": "/dash/forecast", "search": "?start=1", "width": 1000}
    assert post(viewer, "page.children", route=route) == 403


def test_the_page_needs_nothing_that_computes() -> None:
    code = "import sys, timestack.dash.forecast; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(WEB)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = done.stdout.split()
    assert not {"sklearn", "scipy"} & {each.partition(".")[0] for each in loaded}
    known = {"asked", "daily", "store", "tickers", "verdict"}
    ours = "timestack.domains.forecast."
    assert {each.removeprefix(ours) for each in loaded if each.startswith(ours)} <= known


# What no page sends


@pytest.mark.parametrize(
    "given",
    [
        *(None, 1, "cancel", [], {}),
        *({"verb": "start"}, {"verb": ["cancel"], "job": JOB}, {"verb": "cancel"}),
        *({"verb": "cancel", "job": "1"}, {"verb": "cancel", "job": 1}),
        *({"verb": "delete"}, {"verb": "delete", "forecast": 1}),
        *({"verb": "delete", "forecast": given} for given in ("", "x", "-1", "²", "9" * 30)),
    ],
)
def test_an_action_that_no_button_asks_for_is_refused(client: FlaskClient, given: Any) -> None:
    assert act(client, given) == 400


@pytest.mark.parametrize(
    "given",
    [
        *(None, "x", {}, {"filled": "x", "id": JOB}, {"filled": {"seed": 1}, "id": JOB}),
        *({"filled": FILLED, "id": id} for id in (None, 1, "1")),
        {"filled": {f"f{number}": "x" for number in range(51)}, "id": JOB},
    ],
)
def test_a_form_that_is_not_ours_is_refused(client: FlaskClient, given: Any) -> None:
    assert start(client, given) == 400


@pytest.mark.parametrize(
    "given", [None, [], "x", {"id": "x"}, {"id": ["1"]}, {"before": "x"}, {"ticker": "a\0b"}]
)
def test_a_look_at_what_cannot_be_is_refused(client: FlaskClient, given: Any) -> None:
    assert post(client, "forecast-seen.data", **{"forecast-what": given}) == 400


# Addresses


def test_ids_are_read_once_each_and_six_at_most() -> None:
    assert Address.read({"id": "3,1,3"}).ids == [3, 1]
    for wrong in ("", "x", "1,", "1.5", "-1", "²", "1" * 19):
        if wrong:
            with pytest.raises(AskedError):
                Address.read({"id": wrong})
    with pytest.raises(AskedError, match="6 forecasts are compared at most, and these are 7"):
        Address.read({"id": "1,2,3,4,5,6,7"})


def test_the_link_to_other_settings_fills_in_the_form_with_these() -> None:
    params = ForecastParams(
        symbol="AAA", classifier="bayes", test_start="2011-01-03", tuning=True, cost=2.5,
        features=["rsi", "emv"],
    )  # fmt: skip
    query = dict(each.split("=") for each in again(params).removeprefix("?").split("&"))
    given = {name: value.replace("%2C", ",") for name, value in query.items()}
    address = Address.read(given)
    assert filled.parameters(filled.boxes(address.filled)) == params.model_dump(mode="json")


# The form


def test_what_is_filled_in_becomes_parameters() -> None:
    assert filled.parameters({**FILLED, "tuning": "on", "gap": ""}) == {
        "symbol": "AAA", "classifier": "forest", "test_start": "2011-01-03", "positions": "long",
        "tuning": True, "features": ["rsi"], "folds": 5, "cost": 2.5, "seed": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"symbol": "NIL"}, "symbol: there are no prices of it"),
        ({"symbol": ""}, "symbol: is required"),
        ({"classifier": "oracle"}, "classifier: Input should be"),
        ({"test_start": ""}, "test_start: is required"),
        ({"test_start": "2011-13-01"}, "test_start: write a day as 2012-12-31"),
        ({"test_start": "2000-01-03"}, "test_start: choose a day within the prices of AAA"),
        ({"test_start": "2013-01-01"}, "test_start: choose a day within the prices of AAA"),
        ({"features-rsi": ""}, "features: choose one at least"),
        ({"folds": "1"}, "folds: Input should be greater than or equal to 2"),
        ({"folds": "many"}, "folds: Input should be a valid integer"),
        ({"cost": "-1"}, "cost: Input should be greater than or equal to 0"),
        ({"seed": "1e400"}, "seed: Input should be a valid integer"),
    ],
)
def test_each_fault_is_told_by_the_name_of_its_field(changes: dict, fault: str) -> None:
    with pytest.raises(FormError) as refused:
        filled.check(filled.parameters({**FILLED, **changes}), [SPAN])
    assert [each for each in refused.value.faults if each.startswith(fault)], refused.value.faults


def test_parameters_without_a_fault_pass() -> None:
    # A weekend is a day to begin at as well.
    filled.check(filled.parameters({**FILLED, "test_start": "2011-01-01"}), [SPAN])


def test_the_form_keeps_what_was_filled_in_whatever_it_is() -> None:
    faults = ["folds: no", "somewhere else: no", "all of it"]
    made = form.form([SPAN], {**FILLED, "folds": "many", "symbol": "GONE"}, faults)
    parts = {each.id: each for each in made._traverse() if getattr(each, "id", None)}
    assert (parts["start-folds"].value, parts["start-folds"].invalid) == ("many", True)
    assert (parts["start-symbol"].value, parts["start-seed"].invalid) == ("GONE", False)
    assert [parts[f"start-features-{each}"].value for each in asked.FEATURES].count(True) == 1
    assert "All of it." in str(made)


def test_without_prices_it_says_where_they_come_from() -> None:
    for editor in (True, False):
        assert "href='markets'" in str(listing.nothing(None, editor=editor, prices=False))


@pytest.mark.parametrize(
    ("first", "last", "start"),
    [
        (date(2000, 1, 3), date(2012, 12, 31), date(2011, 1, 1)),
        # Of little, the last third.
        (date(2012, 1, 1), date(2012, 12, 31), date(2012, 8, 31)),
        (date(2012, 1, 1), date(2012, 1, 1), date(2012, 1, 1)),
    ],
)
def test_the_usual_test_part_is_two_years_or_a_third(first: date, last: date, start: date) -> None:
    assert Span(Ticker(), first, last).test_start == start


# Words, and what is drawn


@pytest.mark.parametrize(
    ("write", "part", "text"),
    [
        (words.change, 0.123, "+12.3 %"),
        (words.change, -0.0456, "−4.6 %"),
        (words.change, 12, "+1,200.0 %"),
        *((words.change, part, "0.0 %") for part in (0.0, 0.0004, -0.0004)),
        (words.percent, 0.5, "50.0 %"),
        (words.percent, -0.2, "−20.0 %"),
        (words.points, -0.017, "−1.7 points"),
        (words.daily, 0.0002, "+0.02 %"),
    ],
)
def test_figures_have_signs_and_units(
    write: Callable[[float], str], part: float, text: str
) -> None:
    assert write(part).replace(words.BESIDE, " ") == text


def test_an_interval_has_its_unit_once() -> None:
    found = words.between(Interval(value=0, low=-0.0008, high=0.0011), words.daily)
    assert found.replace(words.BESIDE, " ") == "−0.08 to +0.11 %"


def test_a_course_travels_in_few_digits_and_is_kept_as_it_is() -> None:
    course = Course(
        days=[date(1970, 1, 2), date(1970, 1, 5), date(1970, 1, 6)],
        prices=[1234.5678, 0.0123456, 2.0],
        split=1,
        positions=[1, 0],
        profit=[0.0, 0.123456],
        held=[0.0, -0.2],
    )
    drawn = chart.whole(course, VERDICT, "Random forest", "AAA")
    assert (drawn["allDays"], drawn["days"]) == ([1, 3, 1], [4, 1])
    assert drawn["prices"] == [1234.6, 0.012346, 2.0]
    assert drawn["profit"] == [0.0, 0.1235]
    assert course.prices[0] == 1234.5678
    # What it came to is said by the figures, not by what was rounded.
    assert drawn["profitSaid"].replace(words.BESIDE, " ") == "+3.7 %"
