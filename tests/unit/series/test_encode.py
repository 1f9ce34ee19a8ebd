"""Arrays and tables as bytes, read back by those who get them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import ipc, parquet

from timestack.series import encode
from timestack.series.points import Series

NAN = float("nan")
MANY = np.sin(np.arange(834) / 50) * 100
SCHEMA = pa.schema(
    {
        "time": encode.TIME,
        "id": pa.int64(),
        "value": pa.float64(),
        "price": pa.decimal128(17, 2),
        "day": pa.date32(),
        "note": pa.string(),
        "ok": pa.bool_(),
    }
)
TIMES = [0, 1, None, 1_356_998_400_000_000]
IDS = [2**63 - 1, -(2**63), 2**53 + 1, None]
VALUES = [0.1, None, -1e300, 1 / 3]
PRICES = ["999999999999999.99", "-0.01", None, "1.50"]
NOTES = ['a,"b"\nc', "", None, "é 🌡 \\"]


def series(time: list[int] | np.ndarray, values: np.ndarray) -> Series:
    times = np.array(time, dtype="i8").astype("datetime64[us]")
    return Series((1,), times, values - 1, values + 1, values, timedelta(hours=1))


def sent(*found: Series) -> list[dict]:
    return json.loads(encode.points(found, ["sensor_id"], table="readings"))["series"]


def times(time: dict) -> list[int]:
    """The microseconds that a reader makes of ``time``, as docs/api.md says."""
    if time["start"] is None:
        return []
    factor = {"ms": 1000, "us": 1}[time["unit"]]
    deltas = time.get("deltas") or []
    return [factor * each for each in np.cumsum([time["start"], *deltas])]


def test_points_carry_key_times_and_three_arrays() -> None:
    body = json.loads(
        encode.points([series([0, 10**6], np.array([1.5, 2.5]))], ["sensor_id"], table="readings")
    )
    assert body == {
        "table": "readings",
        "series": [
            {
                "key": {"sensor_id": 1},
                "time": {"unit": "ms", "start": 0, "step": 1000},
                "min": [0.5, 1.5],
                "mean": [1.5, 2.5],
                "max": [2.5, 3.5],
            }
        ],
    }


def test_a_point_without_rows_is_null_and_an_empty_series_has_no_start() -> None:
    [gap] = sent(series([0, 10**6], np.array([NAN, 2.5])))
    assert gap["mean"] == [None, 2.5]
    [empty] = sent(series([], np.array([])))
    assert (empty["time"], empty["mean"]) == ({"unit": "ms", "start": None, "step": 0}, [])


def test_one_point_has_a_start() -> None:
    [one] = sent(series([5_000], np.array([1.0])))
    assert one["time"] == {"unit": "ms", "start": 5, "step": 0}


@given(st.lists(st.integers(-(10**15), 10**15), unique=True, min_size=2).map(sorted))
def test_times_of_any_spacing_are_read_back(given_times: list[int]) -> None:
    [one] = sent(series(given_times, np.zeros(len(given_times))))
    step = one["time"].get("step")
    if step is not None:
        one["time"]["deltas"] = [step] * (len(given_times) - 1)
    assert times(one["time"]) == given_times


@pytest.mark.parametrize(
    "values",
    [
        [39.02, -0.1, NAN],
        [1013.2512, 8388607.0],
        [16777216.0, 0.0],
        [1e-6, 2e-6],
        [],
        [NAN, NAN],
    ],
    ids=str,
)
def test_numbers_are_as_short_as_float32_where_none_changes_for_a_reader(values: list) -> None:
    given_values = np.array(values, dtype=float)
    short = encode.compact(given_values, 0)
    assert short.dtype == np.float32
    read = np.array(json.loads(encode.dumps(short)), dtype=float)
    np.testing.assert_array_equal(read, given_values)


def test_what_was_computed_moves_by_less_than_a_chart_shows() -> None:
    short = encode.compact(MANY, np.ptp(MANY))
    assert short.dtype == np.float32
    assert np.abs(short - MANY).max() < np.ptp(MANY) / 65_536


@pytest.mark.parametrize(
    "values",
    [
        [123456789.0, 1.0],
        [1234567.89, 1.0],
        [16777217.0, NAN],
        # A pressure that hardly changes, and with all digits of a mean.
        [101325 + n / 3e5 for n in range(9)],
        [1e300, 1 / 3],
        [1 / 3, 1 / 3],
    ],
    ids=str,
)
def test_numbers_keep_the_digits_that_show(values: list[float]) -> None:
    kept = encode.compact(np.array(values), np.ptp(np.array(values)[np.isfinite(values)]))
    assert kept.dtype == np.float64
    np.testing.assert_array_equal(kept, np.array(values))


def test_what_hardly_moves_is_as_exact_as_the_axis_that_it_is_drawn_on() -> None:
    low = np.linspace(1 / 3, 1 / 3 + 1e-6, 9)
    assert encode.compact(low, np.ptp(low)).dtype == np.float64
    [one] = sent(series(range(9), low))
    assert one["min"] == json.loads(encode.dumps((low - 1).astype(np.float32)))


def test_834_points_of_any_numbers_take_30_000_bytes() -> None:
    hours = np.arange(834) * 3_600_000_000
    assert len(encode.points([series(hours, MANY)], ["sensor_id"])) < 30_000


def test_a_series_is_a_table_with_its_key_in_each_row() -> None:
    found = encode.batch(series([0, 1], np.array([NAN, 2.5])), {"mean": pa.int32()})
    assert found.schema.names == ["mean", "time", "min", "mean", "max"]
    assert found.column(0).to_pylist() == [1, 1]
    assert found.column(1).type == encode.TIME
    assert found.column(3).to_pylist() == [None, 2.5]


def rows(count: int = 1) -> Iterator[pa.RecordBatch]:
    """Batches of four rows with what is difficult in each type."""
    for _ in range(count):
        columns = [
            pa.array(TIMES, encode.TIME),
            pa.array(IDS, pa.int64()),
            pa.array(VALUES),
            pa.array(PRICES).cast(pa.decimal128(17, 2)),
            pa.array([0, None, 19_000, -1], pa.date32()),
            pa.array(NOTES),
            pa.array([True, False, None, True]),
        ]
        yield pa.record_batch(columns, schema=SCHEMA)


def body(name: str, batches: Iterator[pa.RecordBatch]) -> bytes:
    return b"".join(encode.pieces(encode.FORMATS[name], SCHEMA, batches))


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize(
    ("name", "read"),
    [("parquet", parquet.read_table), ("arrow", lambda file: ipc.open_stream(file).read_all())],
)
def test_binary_formats_keep_every_value_and_type(
    name: str, read: Callable[[io.BytesIO], pa.Table], count: int
) -> None:
    found = read(io.BytesIO(body(name, rows(count))))
    assert found.cast(SCHEMA) == pa.Table.from_batches(rows(count), SCHEMA)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_json_keeps_every_digit(count: int) -> None:
    one_by_one = [json.loads(line) for line in body("ndjson", rows(count)).splitlines()]
    assert json.loads(body("json", rows(count))) == one_by_one
    assert len(one_by_one) == 4 * count
    if count:
        expected = ["1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000001Z", None]
        assert [row["time"] for row in one_by_one[:3]] == expected
        for column, values in (("id", IDS), ("value", VALUES), ("price", PRICES), ("note", NOTES)):
            assert [row[column] for row in one_by_one[:4]] == values
        assert one_by_one[0]["day"] == "1970-01-01"


def test_csv_keeps_every_digit_and_tells_empty_text_from_none() -> None:
    text = body("csv", rows(2)).decode()
    exact = {"id": "Int64", "price": object, "note": object}
    found = pd.read_csv(io.StringIO(text), dtype=exact, parse_dates=["time"])
    assert len(found) == 8
    assert found["id"].tolist()[:3] == IDS[:3]
    assert [Decimal(each) for each in found["price"].dropna()[:3]] == [
        Decimal(each) for each in PRICES if each
    ]
    assert found["time"][3] == pd.Timestamp("2013-01-01", tz="UTC")
    assert found["value"].tolist()[2:4] == VALUES[2:]
    assert found["note"][0] == NOTES[0]
    assert "false,\n" not in text
    assert ',"",' in text
    assert body("csv", rows(0)).decode().splitlines() == [text.splitlines()[0]]


def test_numbers_that_are_none_are_null_in_json() -> None:
    schema = pa.schema({"value": pa.float64()})
    batch = pa.record_batch([pa.array([NAN, float("inf"), -float("inf")])], schema=schema)
    sent = b"".join(encode.pieces(encode.FORMATS["ndjson"], schema, [batch]))
    assert sent == b'{"value":null}\n' * 3


@pytest.mark.parametrize("name", encode.FORMATS)
def test_a_piece_is_small_and_none_is_made_before_it_is_asked_for(name: str) -> None:
    asked = []

    def endless() -> Iterator[pa.RecordBatch]:
        value = np.random.default_rng(1).random(20_000)
        schema_of = pa.schema({"value": pa.float64()})
        while True:
            asked.append(1)
            yield pa.record_batch([pa.array(value)], schema=schema_of)

    made = encode.pieces(encode.FORMATS[name], pa.schema({"value": pa.float64()}), endless())
    first = next(made)
    assert len(asked) <= encode.ROW_GROUP // 20_000
    assert all(0 < len(piece) <= encode.PIECE for piece in (first, next(made), next(made)))


@pytest.mark.parametrize("name", ["json", "parquet", "arrow"])
def test_what_broke_off_does_not_read_as_complete(name: str) -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        yield from rows()
        raise RuntimeError("the database went away")

    made = encode.pieces(encode.FORMATS[name], SCHEMA, broken())
    parts = []
    with pytest.raises(RuntimeError, match="went away"):
        parts.extend(made)
    read = {
        "json": lambda data: json.loads(data),
        "parquet": lambda data: parquet.read_table(io.BytesIO(data)),
        "arrow": lambda data: ipc.open_stream(io.BytesIO(data)).read_all(),
    }
    whole = b"".join(parts)
    if name == "arrow":
        assert not whole.endswith(b"\xff\xff\xff\xff\0\0\0\0")
    else:
        with pytest.raises((ValueError, pa.ArrowInvalid)):
            read[name](whole)
