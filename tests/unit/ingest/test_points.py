"""Line protocol: what a client writes is what is read, and what is wrong with a line is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from influxdb_client import Point, WritePrecision

from tests.unit.ingest.reading import EVENTS, READINGS, Found, read
from timestack.ingest import points
from timestack.ingest.body import LONGEST_LINE
from timestack.ingest.points import place_of
from timestack.ingest.sensors import LONGEST, Series

NOW = 1_770_000_000_000_000_000
GOOD = f"temperature,location=JFK,unit=F air=1 {NOW}"
# What a client's own escaping can carry; blanks alone are no name.
CHARACTERS = st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters="\\")
WORDS = st.text(CHARACTERS, min_size=1, max_size=12).filter(lambda word: word[0] not in "#_")
# The parser reads no number closer to 0 than 2e-308.
NUMBERS = st.floats(-1e12, 1e12, allow_subnormal=False) | st.integers(-(10**12), 10**12)


def readings(body: str | bytes, unit: str = "ns") -> Found:
    return read(points.read, body, READINGS, unit)


def events(body: str) -> Found:
    return read(points.read, body, EVENTS)


def only_fault(body: str | bytes, unit: str = "ns") -> str:
    found = readings(body, unit)
    assert found.rows == []
    assert list(found.refused) == [1]
    return found.refused[1]


@given(
    type=WORDS,
    tags=st.dictionaries(WORDS, WORDS, max_size=4),
    fields=st.dictionaries(WORDS, NUMBERS, min_size=1, max_size=4),
    micros=st.integers(1_000_000_000_000_000, 2_000_000_000_000_000),
)
def test_what_the_client_writes_is_what_is_read(
    type: str, tags: dict[str, str], fields: dict[str, float], micros: int
) -> None:
    point = Point(type).time(micros, WritePrecision.US)
    for name, value in tags.items():
        point = point.tag(name, value)
    for name, value in fields.items():
        point = point.field(name, value)
    found = readings(point.to_line_protocol(), "us")
    assert found.refused == {}
    place = place_of(tags)
    expected = {
        (Series(type, place, name, tags.get("unit")), micros, float(value))
        for name, value in fields.items()
    }
    assert {(row["series"], row["time"], row["value"]) for row in found.rows} == expected


@given(st.dictionaries(WORDS, WORDS, max_size=4), st.dictionaries(WORDS, WORDS, max_size=4))
def test_two_places_are_one_only_where_their_tags_are_the_same(
    one: dict[str, str], other: dict[str, str]
) -> None:
    one, other = ({k: v for k, v in tags.items() if k != "unit"} for tags in (one, other))
    # A location alone is taken as it is, also where it looks like another one with tags.
    if {*one} != {"location"} != {*other} and one and other:
        assert (place_of(one) == place_of(other)) == (one == other)
    assert place_of(one) == place_of(dict(reversed(one.items())))


@pytest.mark.parametrize(
    ("tags", "place"),
    [
        ({}, "-"),
        ({"location": "JFK"}, "JFK"),
        ({"location": "New York, JFK"}, "New York, JFK"),
        ({"rack": "a", "location": "JFK", "host": "web1", "unit": "F"}, "JFK, host=web1, rack=a"),
        ({"host": "a,b=c"}, r"host=a\,b\=c"),
    ],
)
def test_tags_are_a_place_in_whatever_order(tags: dict[str, str], place: str) -> None:
    assert place_of(tags) == place


def test_a_point_is_a_reading_for_each_field_and_a_unit_is_no_place() -> None:
    found = readings(f"wind,location=JFK,unit=mph speed=5i,gust=7.5 {NOW}")
    assert {(row["series"], row["value"], row["time"]) for row in found.rows} == {
        (Series("wind", "JFK", "speed", "mph"), 5.0, NOW // 1000),
        (Series("wind", "JFK", "gust", "mph"), 7.5, NOW // 1000),
    }


def test_blank_lines_and_comments_are_nothing_and_are_counted_as_lines() -> None:
    found = readings(f"# a comment\n\n \r\n{GOOD}\r\nbroken\n")
    assert [row["line"] for row in found.rows] == [4]
    assert list(found.refused) == [5]
    assert readings("").rows == readings("# only a comment\n").rows == []


def test_a_point_without_a_time_is_of_now() -> None:
    found = readings("t v=1", "s")
    assert found.rows[0]["time"] > NOW // 1000
    assert found.rows[0]["time"] % 1_000_000 == 0


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("temperature", "no measurement and fields"),
        (f"t,location=New York v=1 {NOW}", "backslash"),
        (f"t,location=a,b v=1 {NOW}", "backslash"),
        (f"t,location=a,location=b v=1 {NOW}", "given twice"),
        (f"t v=1,v=2 {NOW}", "a field is given twice"),
        (f"t v=nan {NOW}", "NaN"),
        (f"t v=1e400 {NOW}", "not a number"),
        (f"t v=inf {NOW}", "infinities"),
        (f"t v=9223372036854775808i {NOW}", "64 bits"),
        (f't v="21.5" {NOW}', "v: '21.5' is text, and a reading is a number"),
        (f"t v=true {NOW}", "is a boolean"),
        (f"t v=1,w=t {NOW}", "w: "),
        (f"t v=1e13 {NOW}", "out of bounds: from -1000000000000 to 1000000000000"),
        ("t v=1 12:00", "not an integer"),
        ("t v=1 99999999999999999999", "64 bits"),
        (f't v="open {NOW}', "value of a field cannot be read"),
        ("t v=1\0", "NUL"),
        (f"{'x' * (LONGEST + 1)} v=1 {NOW}", "longer than 500"),
        (f"t,location=a\u2028b v=1 {NOW}", "cannot be printed"),
    ],
)
def test_what_is_wrong_with_a_line_is_named(line: str, reason: str) -> None:
    assert reason in only_fault(line)


def test_a_line_that_is_not_text_is_named_and_the_others_are_read() -> None:
    bad = [b"t,location=\xff v=1", b"t,location=\xed\xa0\x80 v=1"]
    found = readings(b"\n".join([*bad, GOOD.encode()]))
    assert [row["line"] for row in found.rows] == [3]
    assert all("not UTF-8" in found.refused[line] for line in (1, 2))


def test_a_line_that_is_too_long_is_named_and_the_others_are_read() -> None:
    long = "x" * (10 * LONGEST_LINE)
    for body, line in ((f"{long}\n{GOOD}", 1), (f"{GOOD}\n{long}", 2), (f"{GOOD}\n{long}\n", 2)):
        found = readings(body)
        assert [row["line"] for row in found.rows] == [3 - line]
        assert "longer than 1024 KiB" in found.refused[line]


@pytest.mark.parametrize(
    ("count", "unit", "hint"),
    [
        (NOW // 10**9, "ns", "precision=s"),
        (NOW // 10**6, "ns", "precision=ms"),
        (NOW // 1000, "ns", "precision=us"),
        (NOW // 10**9, "ms", "precision=s"),
    ],
)
def test_times_in_a_finer_unit_than_they_are_in_are_in_1970(
    count: int, unit: str, hint: str
) -> None:
    fault = only_fault(f"t v=1 {count}", unit)
    assert "is in 1970: is the precision right?" in fault
    assert hint in fault
    assert "2026-02-02" in fault


@pytest.mark.parametrize("unit", ["us", "ms", "s"])
def test_times_in_a_coarser_unit_than_they_are_in_are_no_times(unit: str) -> None:
    fault = only_fault(f"t v=1 {NOW}", unit)
    assert "precision=ns it is 2026-02-02" in fault


@pytest.mark.parametrize("micros", [0, 1, 86_400_000_000, 10**15])
def test_times_of_1970_can_be_written(micros: int) -> None:
    assert readings(f"t v=1 {micros * 1000}").rows[0]["time"] == micros
    assert readings(f"t v=1 {micros // 1_000_000}", "s").refused == {}


def test_a_point_of_another_table_fills_its_columns() -> None:
    found = events(f'events,key=7 level=1i,count=3.0,note="a\n\nb=, ",good=T,cost=1.5 {NOW}')
    assert found.refused == {}
    [row] = found.rows
    assert row == {
        "line": 1, "key": 7, "level": 1.0, "count": 3, "note": "a\n\nb=, ", "good": True,
        "cost": "1.5", "time": NOW // 1000,
    }  # fmt: skip


def test_a_quote_that_is_never_closed_costs_its_own_line_alone() -> None:
    body = f'events,key=7 note="open {NOW}\nevents,key=1 level=1 {NOW}\nevents,key=2 note="x" {NOW}'
    found = events(body)
    assert [row["line"] for row in found.rows] == [2, 3]
    assert list(found.refused) == [1]


@pytest.mark.parametrize(
    ("point", "reason"),
    [
        ("readings,key=1 level=1", "the measurement is 'readings'"),
        ("events level=1", "key: is missing"),
        ("events,key=a level=1", "key: 'a' is not an integer"),
        ("events,key=2147483648 level=1", "beyond what the column holds"),
        ("events,key=1 lever=1", "'lever' is not a column: events has: time, key"),
        ("events,key=1,level=2 level=1", "level: is a tag and a field"),
        ("events,key=1 level=true", "level: True is a boolean"),
        ("events,key=1 count=1.5", "1.5 is not an integer"),
        ('events,key=1 level="1"', "level: '1' is text, and the column is double precision"),
        ("events,key=1 note=1", "note: 1.0 is a number, and the column is text"),
    ],
)
def test_what_does_not_fit_another_table_is_named(point: str, reason: str) -> None:
    found = events(f"{point} {NOW}")
    assert found.rows == []
    assert reason in found.refused[1]


def test_fields_that_come_one_by_one_fill_only_their_columns() -> None:
    found = events(f"events,key=1 level=1 {NOW}\nevents,key=1 count=2i {NOW}\n")
    assert [set(batch.columns) for batch in found.batches] == [
        {"key", "time", "level"},
        {"key", "time", "count"},
    ]
