"""JSON, lines of JSON, CSV and Parquet: the same rows whichever way they come."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.ingest.reading import EVENTS, READINGS, Found, read
from timestack.ingest import records, tables
from timestack.ingest.errors import WriteError
from timestack.ingest.sensors import Series

T = "2026-01-31T12:00:00Z"
MICROS = 1_769_860_800_000_000


def gather(lines: bool) -> Callable:
    def run(stream, target, clock, names, refused):
        gatherer = records.Gatherer(target, clock, names, refused)
        if lines:
            records.read_lines(stream, gatherer, refused)
        else:
            records.read_array(stream, gatherer)
        return gatherer.batches()

    return run


def as_array(rows: list[dict], target=EVENTS) -> Found:
    return read(gather(lines=False), json.dumps(rows), target, None)


def as_lines(rows: list[dict], target=EVENTS) -> Found:
    return read(gather(lines=True), "\n".join(map(json.dumps, rows)), target, None)


def as_csv(rows: list[dict], target=EVENTS) -> Found:
    names = list(rows[0])

    def cell(value: object) -> str:
        if value is None:
            return ""
        text = str(value).lower() if isinstance(value, bool) else str(value)
        quoted = isinstance(value, str) and (not value or any(c in value for c in ',"\n\r'))
        return '"' + text.replace('"', '""') + '"' if quoted else text

    text = "\n".join(
        ",".join(map(cell, row)) for row in [names, *([r[n] for n in names] for r in rows)]
    )
    return read(tables.read_csv, text, target, None)


def as_parquet(rows: list[dict], target=EVENTS) -> Found:
    typed = [
        {**row, "time": datetime.fromisoformat(row["time"])} if "time" in row else row
        for row in rows
    ]
    return read(tables.read_parquet, parquet(pa.Table.from_pylist(typed)), target, None)


def parquet(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


WAYS = [as_array, as_lines, as_csv, as_parquet]
ways = pytest.mark.parametrize("way", WAYS)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso(micros: int) -> str:
    return (EPOCH + timedelta(microseconds=micros)).isoformat()


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            # Of 1950 to 2030.
            "time": st.integers(-63 * 10**13, 189 * 10**13).map(iso),
            "key": st.integers(-(2**31), 2**31 - 1),
            "level": st.none() | st.floats(-1e300, 1e300),
            "count": st.none() | st.integers(-(2**63), 2**63 - 1),
            "note": st.none() | TEXT,
            "good": st.none() | st.booleans(),
        }
    ),
    min_size=1,
    max_size=6,
)


@given(ROWS)
def test_the_same_rows_are_read_from_every_format(rows: list[dict]) -> None:
    values = [
        [{name: row[name] for name in rows[0]} for row in found.rows]
        for found in (way(rows) for way in WAYS)
    ]
    expected = [
        {
            **row,
            "time": (datetime.fromisoformat(row["time"]) - EPOCH) // timedelta.resolution,
        }
        for row in rows
    ]
    assert values == [expected] * len(WAYS)


@ways
def test_a_reading_names_its_sensor_by_id_or_by_what_it_is(way: Callable) -> None:
    by_id = way([{"time": T, "sensor_id": 3, "value": 1.5}], READINGS)
    assert by_id.rows[0]["sensor_id"] == 3
    named = {"time": T, "type": "t", "location": "JFK", "name": "air"}
    found = way([{**named, "unit": "F", "value": 1.5}, {**named, "unit": "", "value": 2}], READINGS)
    assert [row["series"].unit for row in found.rows] == ["F", None]
    found = way([{**named, "value": 1.5}, {**named, "name": "dew", "value": 2.5}], READINGS)
    assert [row["series"] for row in found.rows] == [
        Series("t", "JFK", "air", None),
        Series("t", "JFK", "dew", None),
    ]
    assert [row["time"] for row in found.rows] == [MICROS] * 2


@ways
def test_a_row_with_a_fault_is_named_and_the_others_are_read(way: Callable) -> None:
    rows = [{"time": T, "sensor_id": n, "value": v} for n, v in ((1, 1.0), (2, 1e13), (3, 3.0))]
    found = way(rows, READINGS)
    assert [row["sensor_id"] for row in found.rows] == [1, 3]
    # The header of CSV is its first line.
    [(line, reason)] = found.refused.items()
    assert line == 2 + (way is as_csv)
    assert reason.startswith("value: ")
    assert "out of bounds" in reason


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"time": "2026-01-31T12:00:00"}, "has no zone: add Z"),
        ({"time": "31.1.2026"}, "is not a time in ISO 8601"),
        ({"time": "10000-01-01T00:00:00Z"}, "is not a time"),
        ({"time": "2226-01-01T00:00:00Z"}, "is not from 1900-01-01 to"),
        ({"time": 1769860800}, "is a number: write it in ISO 8601"),
        ({"time": None}, "is empty and must have a value"),
        ({"time": True}, "is a boolean"),
        ({"key": "1"}, "key: '1' is text, and the column is integer"),
        ({"key": 2**31}, "beyond what the column holds"),
        ({"key": 1.5}, "is not an integer"),
        ({"count": 2**63}, "count: "),
        ({"level": "1"}, "is text"),
        ({"note": 1}, "note: 1 is an integer, and the column is text"),
        ({"note": "a\0b"}, "NUL"),
        ({"good": 1}, "good: 1 is an integer, and the column is boolean"),
        ({"cost": [1]}, "cost: [1] is a list"),
        ({"day": {"a": 1}}, "is an object"),
        ({"extra": 1}, "'extra' is not a column: events has: time, key"),
    ],
)
def test_what_is_wrong_with_a_value_is_named(row: dict, reason: str) -> None:
    for way in (as_array, as_lines):
        found = way([{"time": T, "key": 1, **row}])
        assert found.rows == []
        assert reason in found.refused[1], found.refused


def test_every_fault_of_a_row_is_named() -> None:
    found = as_array([{"key": "a", "level": "b", "x": 1}])
    assert all(part in found.refused[1] for part in ("key: ", "level: ", "'x'", "time: is missing"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'{"time": NaN}', "is not JSON"),
        (b'{"value": 1e400}', "is not JSON"),
        (b'{"note": "\\ud800"}', "is not JSON"),
        (b'{"a": ' + b"[" * 5000, "is not JSON"),
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"5", "5 is an integer and not an object"),
        (b"[]", "is a list and not an object"),
    ],
)
def test_a_line_that_is_no_object_is_named(text: bytes, reason: str) -> None:
    good = json.dumps({"time": T, "key": 1}).encode()
    found = read(gather(lines=True), text + b"\n" + good, EVENTS, None)
    assert [row["line"] for row in found.rows] == [2]
    assert reason in found.refused[1]


def test_a_body_that_is_not_json_is_refused() -> None:
    for body in ("[", "[NaN]", "{]", "[1e400]"):
        with pytest.raises(WriteError, match="not JSON"):
            read(gather(lines=False), body, EVENTS, None)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("2026-01-31T12:00:00Z,x,1", "key: 'x' is not an integer"),
        ("2026-01-31T12:00:00Z,,1", "key: is empty"),
        ("2026-01-31T12:00:00Z,1,nan", "is not a number"),
        ("2026-01-31T12:00:00Z,1,1e400", "not a finite number"),
        ("2026-01-31T12:00:00Z,1,x", "level: 'x' is not a number"),
        ("2026-01-31T12:00:00Z,1", "2 cells, and the header has 3"),
        ('2026-01-31T12:00:00Z,1,"2', "quote"),
        ('2026-01-31T12:00:00Z,1,2"', "quote"),
        ("2026-01-31 12:00,1,2", "no zone"),
    ],
)
def test_what_is_wrong_with_a_cell_is_named(line: str, reason: str) -> None:
    found = read(tables.read_csv, f"time,key,level\n{T},1,1\n{line}\n", EVENTS, None)
    assert [row["line"] for row in found.rows] == [2]
    assert list(found.refused) == [3]
    assert reason in found.refused[3]


def test_numbers_of_lines_count_those_in_quotes_and_empty_ones() -> None:
    text = f'time,key,note\n{T},1,"a\nb"\n\n{T},x,c\n{T},3,d'
    found = read(tables.read_csv, text, EVENTS, None)
    assert [row["line"] for row in found.rows] == [2, 6]
    assert list(found.refused) == [5]


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("time,key,x", "'x' is not one"),
        ("time,level", "'key' is missing"),
        ("time,key,key", "'key' is there twice"),
        (f"{T},1", "is not one"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(header: str, reason: str) -> None:
    with pytest.raises(WriteError, match=reason):
        read(tables.read_csv, f"{header}\n", EVENTS, None)


def test_numbers_are_times_where_their_unit_is_given() -> None:
    for way, body in (
        (gather(lines=False), json.dumps([{"time": 1769860800, "key": 1}])),
        (gather(lines=False), json.dumps([{"time": 1769860800.0, "key": 1}])),
        (tables.read_csv, "time,key\n1769860800,1\n"),
        (tables.read_parquet, parquet(pa.table({"time": [1769860800], "key": [1]}))),
    ):
        assert read(way, body, EVENTS, "s").rows[0]["time"] == MICROS
        found = read(way, body, EVENTS, "ms")
        assert "is in 1970: is the precision right?" in next(iter(found.refused.values()))


@pytest.mark.parametrize(
    "times",
    [
        pa.array([MICROS * 1000 + 400], pa.timestamp("ns", "Europe/Paris")),
        pa.array([MICROS // 1000], pa.timestamp("ms", "UTC")),
        pa.array(["2026-01-31T13:00:00+01:00"]),
        pa.array([T]).dictionary_encode(),
        pa.array([T], pa.large_string()),
    ],
)
def test_times_of_parquet_are_read_in_each_of_its_types(times: pa.Array) -> None:
    keys = pa.array([1], pa.int16())
    found = read(tables.read_parquet, parquet(pa.table({"time": times, "key": keys})), EVENTS, None)
    assert found.rows[0]["time"] == MICROS


def test_values_of_parquet_that_do_not_fit_are_named_by_row() -> None:
    time = pa.array([MICROS] * 2, pa.timestamp("us", "UTC"))
    for values, reason in (
        (pa.array([1, 2], pa.timestamp("us")), "time: "),
        (pa.array([[1], [2]]), "level: "),
        (pa.array([True, False]), "is a boolean"),
        (pa.array([b"a", b"b"]), "level: "),
        (pa.array([1.0, float("nan")]), "level: nan is not a finite number"),
    ):
        table = {"time": time, "key": pa.array([1, 2]), "level": values}
        if pa.types.is_timestamp(values.type):
            table = {"time": values, "key": pa.array([1, 2])}
        found = read(tables.read_parquet, parquet(pa.table(table)), EVENTS, None)
        assert reason in found.refused[2], (values, found.refused)


def test_decimals_keep_their_digits() -> None:
    table = pa.table(
        {
            "time": pa.array([MICROS], pa.timestamp("us", "UTC")),
            "key": pa.array([1]),
            "cost": pa.array([Decimal("0.10")]),
        }
    )
    found = read(tables.read_parquet, parquet(table), EVENTS, None)
    assert found.rows[0]["cost"] == "0.10"


def test_a_damaged_file_is_refused() -> None:
    whole = parquet(pa.table({"time": [T] * 1000, "key": list(range(1000))}))
    for body in (b"PAR1", whole[:-20], b"x" * 100, whole[:50] + b"\xff" * 200 + whole[250:]):
        with pytest.raises(WriteError, match="not a sound Parquet file"):
            read(tables.read_parquet, body, EVENTS, None)
