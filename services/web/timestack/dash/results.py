"""Test results: how a suite's runs come out over time, and which of its tests need care."""

from __future__ import annotations

import re

from dash import html
from sqlalchemy.orm import Session

from timestack.dash import states
from timestack.dash.choice import Choice, DropDown
from timestack.dash.page import ChartPage
from timestack.dash.table import Cell, Table
from timestack.dash.timechart import DailyChart, Line, TimeChart, hypertable_line
from timestack.domains.results import statistics, summary
from timestack.models.results import Result, Run, Statistic

LATEST, MOST = 15, 10
# Characters of a failure's message.
LONGEST_WHY = 160
# Where a name has parts: `tests.unit.test_a`, `a.py::test_b[c]`.
PART = re.compile(r"(?<=[./])|(?=::|_|\[)")
SOON = (
    "Nothing yet. What follows from a scan is worked out every quarter of an hour;"
    " then reload this page."
)

EMPTY = states.empty(
    html.Li(
        [
            "Files of JUnit XML, TAP or pytest's JSON lines, from the host that they are on: ",
            html.Code("python -m scripts.scan --production --schedule-file schedule.yaml"),
            ". ",
            html.Code("docs/test-results.md"),
            " shows such a file.",
        ]
    )
)

Suite = tuple[str, str]


def offers(session: Session) -> dict[Suite, Suite]:
    """Every suite of every host."""
    return {each: each for each in summary.suites(session)}


def pass_rate(session: Session, chosen: Suite) -> Line:
    """How much of each of a suite's runs passed."""
    return _line(session, chosen, "pass_rate", "Pass rate", "%")


def duration(session: Session, chosen: Suite) -> Line:
    """How long the tests of each of a suite's runs took."""
    return _line(session, chosen, "seconds", "Duration", "s")


def runs(session: Session, chosen: Suite) -> list[list[Cell]]:
    """A row for each of the latest runs."""
    return [_run(each) for each in summary.runs(session, *chosen, limit=LATEST)]


def failing(session: Session, chosen: Suite) -> list[list[Cell]]:
    """A row for each test that failed in the latest run."""
    latest = summary.runs(session, *chosen, limit=1)
    failed = summary.failures(session, latest[0], limit=MOST) if latest else []
    return [[_name(each.name), _why(each)] for each in failed]


def slowest(session: Session, chosen: Suite) -> list[list[Cell]]:
    """A row for each of the slowest tests."""
    return [
        [_name(each.name), _seconds(each.seconds_mean), _seconds(each.seconds_max)]
        for each in summary.slowest(session, *chosen, limit=MOST)
    ]


def flakiest(session: Session, chosen: Suite) -> list[list[Cell]]:
    """A row for each of the flakiest tests."""
    return [
        [_name(each.name), f"{each.flips:,}", _share(each)]
        for each in summary.flakiest(session, *chosen, limit=MOST)
    ]


def _line(session: Session, chosen: Suite, value: str, quantity: str, unit: str) -> Line:
    host, suite = chosen
    return hypertable_line(
        session,
        "test_runs",
        {"host": host, "suite": suite},
        title=f"{suite} on {host}",
        quantity=quantity,
        unit=unit,
        value=value,
        # Each run, while there are few.
        over_keys="each",
    )


def _run(run: Run) -> list[Cell]:
    bad = run.failed + run.errors
    ran = run.passed + bad
    rate = "all skipped" if run.pass_rate is None else f"{_floor(run.pass_rate)} %"
    colour = "ts-chip-warn" if run.pass_rate is None else "ts-chip-bad" if bad else "ts-chip-ok"
    return [
        html.Time(f"{run.time:%-d %b %Y %H:%M}", dateTime=f"{run.time:%Y-%m-%dT%H:%M:%SZ}"),
        _name(run.run if run.run_tag in ("", run.run) else f"{run.run} ({run.run_tag})"),
        html.Span(rate, className=f"ts-chip {colour}"),
        f"{bad:,} of {ran:,}",
        f"{run.skipped:,}",
        _seconds(run.seconds),
    ]


def _floor(rate: float) -> str:
    """Such as 99.9 of 99.99: only what is all of it is 100."""
    return f"{int(rate * 10) / 10:g}"


def _why(result: Result) -> str:
    first = result.message.strip().partition("\n")[0]
    return first if len(first) <= LONGEST_WHY else f"{first[:LONGEST_WHY]}…"


def _share(test: Statistic) -> str:
    return f"{test.failures:,} of {test.runs:,}"


def _name(text: str) -> html.Span:
    """A name that may be broken before each of its parts."""
    parts = PART.split(text)
    broken = [each for part in parts for each in (html.Wbr(), part)]
    return html.Span(broken[1:], className="ts-long")


def _seconds(value: float | None) -> str:
    """Such as "12 ms", "3.4 s", "2 min 5 s" or "1 h 2 min"."""
    if value is None:
        return ""
    if value < 1:
        return f"{value * 1000:.3g} ms"
    if value < 60:
        return f"{value:.3g} s"
    minutes, seconds = divmod(round(value), 60)
    hours, rest = divmod(minutes, 60)
    return f"{hours:,} h {rest} min" if hours else f"{minutes} min {seconds} s"


PAGE = ChartPage(
    path="results",
    title="Test results",
    about="How the runs of a test suite came out over time, and which of its tests need care.",
    icon="checks",
    table="test_runs",
    choice=Choice(
        "suite",
        [
            DropDown("results-host", "Host", "host"),
            DropDown("results-suite", "Suite", "suite"),
        ],
        offers,
    ),
    charts=[
        TimeChart("results-rate", pass_rate, label="Pass rate of the runs"),
        DailyChart("results-duration", duration, label="How long they took, day by day"),
    ],
    tables=[
        Table(
            "results-runs",
            "Latest runs",
            ["Begun (UTC)", "Run", "Passed", "Failed", "Skipped", "Took"],
            runs,
            nothing="No run yet.",
            numbers=(3, 4, 5),
            wide=True,
        ),
        Table(
            "results-failing",
            "Failed in the latest run",
            ["Test", "Why"],
            failing,
            nothing="None: every test of the latest run passed or was skipped.",
            wide=True,
        ),
        Table(
            "results-slowest",
            "Slowest tests",
            ["Test", "Mean", "Longest"],
            slowest,
            nothing=SOON,
            note=f"By the mean of the latest {statistics.RUNS} runs.",
            numbers=(1, 2),
        ),
        Table(
            "results-flakiest",
            "Flakiest tests",
            ["Test", "Changes", "Failed"],
            flakiest,
            nothing="None: no test failed, passed and failed again.",
            note=f"Failed after they had passed, or the other way, most often in the latest"
            f" {statistics.RUNS} runs.",
            numbers=(1, 2),
        ),
    ],
    empty=EMPTY,
)
