"""Figures for Plotly: names are text, months have their year, sectors of one name stay two."""

from __future__ import annotations

import json

import pytest

from timestack.domains.usage import plots
from timestack.domains.usage.months import Month


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("<b>x</b>", "&lt;b&gt;x&lt;/b&gt;"),
        ("A & B", "A &amp; B"),
        ("&lt;", "&amp;lt;"),
        ("x" * 19, "x" * 17 + "…"),
        ("x" * 18, "x" * 18),
    ],
)
def test_a_name_is_text_and_not_markup(name: str, written: str) -> None:
    assert plots.plain(name, 18) == written


def test_two_sectors_of_one_name_stay_two() -> None:
    labels = ["Others (2 projects)", "Others (2 projects)"]
    made = plots.donut(labels, ["1.0", "2.0"], ["33.3%", "66.7%"], [1, 0], "3.0")
    [trace] = made["data"]
    assert len(set(trace["labels"])) == 2
    assert trace["values"] == [1.0, 2.0]
    assert [each["text"] for each in made["layout"]["annotations"]] == ["3.0", "hours"]


def test_a_month_of_the_bars_is_a_name_with_its_year_and_not_a_time() -> None:
    hours = [["1.0", "2.0"], ["1,000.0", "4.0"]]
    made = plots.bars(["Dec 2025", "Jan 2026"], ("Ingested", "Translated"), hours, [1, 2])
    assert made["layout"]["xaxis"]["type"] == "category"
    assert [each["x"] for each in made["data"]] == [["Dec 2025", "Jan 2026"]] * 2
    assert [each["y"] for each in made["data"]] == [[1.0, 1000.0], [2.0, 4.0]]


def test_no_figure_has_a_colour() -> None:
    made = [
        plots.donut(["a"], ["1.0"], ["100.0%"], [1], "1.0"),
        plots.treemap([("a", "video")], ["1.0"], ["100.0%"], [1], "1.0"),
        plots.bars(["Jan 2026"], ("Ingested",), [["1.0"]], [1]),
    ]
    assert "#" not in json.dumps(made)
    assert "color" not in json.dumps(made)


@pytest.mark.parametrize(
    "text",
    [
        *("2026-13", "2026-00", "2026-1", "2026-10-01", " 2026-10", "2026-10\n", "２０２６-10"),
        *("0000-01", "1899-12", "2200-01", "9999-12", "Feb ", "", "x" * 500),
    ],
)
def test_what_is_no_month_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"(?s)^“.{0,40}” is not a month such as 2026-10\.$"):
        Month.parse(text)


def test_months_go_over_the_year() -> None:
    january = Month.parse("2026-01")
    assert [january.after(number).title for number in (-2, -1, 0, 12)] == [
        "Nov 2025", "Dec 2025", "Jan 2026", "Jan 2027",
    ]  # fmt: skip
    assert str(january.after(-1)) == "2025-12"
    assert (january.first.isoformat(), january.name) == ("2026-01-01", "January 2026")
    assert january.after(-1) < january
