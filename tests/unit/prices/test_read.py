"""Prices as sources and spreadsheets write them, and what is wrong with those that are refused."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timestack.domains.prices import read as reading
from timestack.domains.prices.dialect import EXAMPLE
from timestack.domains.prices.read import PricesError, read

HEADER = EXAMPLE
FIRST = "2013-05-01,44,45.5,43,45,22.5,120000"
SECOND = "2013-05-02,45,46,44.25,44.5,22.25,98000"
VALUES = (date(2013, 5, 1), 44, 45.5, 43, 45, 120000, 22.5)


def text(*lines: str, header: str = HEADER, end: str = "\n") -> bytes:
    return end.join([header, *lines, ""]).encode()


def refused(data: bytes) -> str:
    with pytest.raises(PricesError) as caught:
        read(data, "ACME")
    return str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        text(FIRST, SECOND),
        text(SECOND, FIRST),
        text(FIRST, SECOND).rstrip(),
        text(FIRST, "", SECOND, "  ", ",,,,,,"),
        text(FIRST, SECOND, end="\r\n"),
        text(FIRST, SECOND, end="\r"),
        b"\xef\xbb\xbf" + text(FIRST, SECOND),
        text(FIRST, SECOND).replace(b",", b"\t"),
        text(FIRST, SECOND).replace(b",", b";"),
        text(FIRST, SECOND).replace(b",", b";").replace(b".", b","),
        text(FIRST, SECOND, header=HEADER.upper()),
        text(FIRST, SECOND, header="date,open,high,low,close,adjusted_close,volume"),
        text(FIRST, SECOND, header='"Date","Open","High","Low","Close","Adj. Close","Vol"'),
        text(FIRST, SECOND, header="timestamp, open, high, low, close, adjClose, volume"),
        text(FIRST.replace("44,", '"44",'), SECOND),
        text(FIRST.replace("-01,", "-01 00:00:00-04:00,"), SECOND),
        text(FIRST.replace("-01,", "-01T00:00:00Z,"), SECOND),
        text(FIRST.replace("120000", "120000.0"), SECOND),
        text(FIRST.replace("120000", "1.2e5"), SECOND),
        text(f"acme,{FIRST}", f"ACME,{SECOND}", header=f"Ticker,{HEADER}"),
    ],
    ids=str,
)
def test_the_ways_of_other_programs_are_read_alike(data: bytes) -> None:
    found = read(data, "ACME")
    assert [each.day for each in found.days] == [date(2013, 5, 1), date(2013, 5, 2)]
    assert found.days[0][1:] == VALUES
    assert (found.duplicates, list(found.ignored), found.adjusted) == (0, [], True)


def test_columns_come_in_any_order_and_those_that_are_not_known_are_named() -> None:
    header = "Volume,Dividends,Close,Low,High,Open,Date,Stock Splits"
    found = read(text("120000,0.1,45,43,45.5,44,2013-05-01,0", header=header), "ACME")
    assert list(found.ignored) == ["Dividends", "Stock Splits"]
    assert not found.adjusted
    assert found.days[0][1:] == (*VALUES[:-1], 45)


def test_a_line_that_repeats_a_day_counts_once() -> None:
    found = read(text(FIRST, SECOND, FIRST, FIRST.replace("45.5", "45.50")), "ACME")
    assert (len(found.days), found.duplicates) == (2, 2)


def test_a_day_with_two_prices_is_refused_by_both_lines() -> None:
    said = refused(text(FIRST, SECOND, FIRST.replace("120000", "120001")))
    assert said == "line 4 has other values for 2013-05-01 than line 2"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is empty"),
        (b"\xef\xbb\xbf \r\n\r\n", "it is empty"),
        (text(), "there is a header and no row below it"),
        (b"<!doctype html><title>Log in</title>", "it is a web page (HTML or XML), and not CSV"),
        (b"\n  <html>", "it is a web page (HTML or XML), and not CSV"),
        (b'{"error": "unknown"}', "it is JSON, and not CSV"),
        (b"[]", "it is JSON, and not CSV"),
        (gzip.compress(text(FIRST), mtime=0), "it is compressed with gzip, and was not said to be"),
        (b"PK\x03\x04\x14\0", "it is a spreadsheet or a ZIP archive: save it as CSV"),
        (text(FIRST).decode().encode("utf-16"), "it is in UTF-16: save it as CSV in UTF-8"),
        (text(FIRST, "\xe9").decode().encode("latin-1"), "it is not UTF-8: line 3 has the byte"),
        (text(FIRST, "\0"), "it is not text: it holds NUL characters"),
        (FIRST.encode(), "line 1 names no column date, open, high, low, close, volume:"),
        (b"No data\n", "line 1 names no column date, open, high, low, close, volume:"),
        (text(FIRST, header="Date,Open,High,Low,Close,Close,Volume"), "line 1 names the column"),
        (text(header=HEADER.replace("Volume", "Price")), "line 1 names no column volume:"),
        (text('2013-05-01,"44,45'), "line 2 is not sound CSV: unexpected end of data"),
    ],
    ids=str,
)
def test_what_is_not_such_csv_is_named(data: bytes, why: str) -> None:
    assert refused(data).startswith(why)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (FIRST[:17], "has 3 of 7 cells, as if it were cut off"),
        (f"{FIRST},1", "has 8 of 7 cells"),
        ("05/01/2013,44,45,43,45,45,1", "has the date “05/01/2013”: write it as year-month-day"),
        ("20130501,44,45,43,45,45,1", "has the date “20130501”: write it as year-month-day"),
        ("2013-02-30,44,45,43,45,45,1", "has the date “2013-02-30”: write it as year-month-day"),
        ("2013-05-01T09:30:00,44,45,43,45,45,1", "has the date “2013-05-01T09:30:00”:"),
        (",44,45,43,45,45,1", "has the date “”:"),
        ("1799-12-31,44,45,43,45,45,1", "is of 1799-12-31, which is not from 1800-01-01 to today"),
        ("2013-05-01,,45,43,45,45,1", "has no open"),
        ("2013-05-01,null,45,43,45,45,1", "has “null” as open, which is not a number"),
        ("2013-05-01,NaN,45,43,45,45,1", "has “NaN” as open, which is not a number"),
        ("2013-05-01,44,inf,43,45,45,1", "has “inf” as high, which is not a number"),
        ("2013-05-01,44,0x2D,43,45,45,1", "has “0x2D” as high, which is not a number"),
        ("2013-05-01,44,1e999,43,45,45,1", "has “1e999” as high: a price is above 0"),
        ("2013-05-01,44,45,-43,45,45,1", "has “-43” as low: a price is above 0"),
        ("2013-05-01,0,45,43,45,45,1", "has “0” as open: a price is above 0"),
        ("2013-05-01,44,45,43,$45,45,1", "has “$45” as close, which is not a number"),
        ("2013-05-01,44,45,43,45,,1", "has no adjusted close"),
        ("2013-05-01,44,45,43,45,45,1.5", "has “1.5” as volume: it is a whole number"),
        ("2013-05-01,44,45,43,45,45,-1", "has “-1” as volume: it is a whole number"),
        ("2013-05-01,44,45,43,45,45,1e300", "has “1e300” as volume: it is a whole number"),
        ("2013-05-01,44,45,43,45,45,1e19", "has “1e19” as volume, which is too large"),
        ("2013-05-01,44,43,45,44,45,1", "has a high of 43 below its low of 45"),
        ("2013-05-01,42,45,43,44,45,1", "has its open, 42, outside of 43 to 45"),
        ("2013-05-01,44,45,43,45.01,45,1", "has its close, 45.01, outside of 43 to 45"),
        (f"2013-05-01,{'9' * 99},45,43,45,45,1", f"has “{'9' * 30}…” as open: a price is above 0"),
    ],
)
def test_a_row_that_cannot_be_is_named_by_its_line(row: str, why: str) -> None:
    assert refused(text(SECOND, row)).startswith(f"line 3 {why}")


def test_another_ticker_in_the_file_is_named() -> None:
    lines = [f"ACME,{FIRST}", f"BOLT,{SECOND}"]
    said = refused(text(*lines, header=f"Symbol,{HEADER}"))
    assert said == "line 3 is of “BOLT”, and not of ACME"


def test_a_day_that_has_not_come_is_refused() -> None:
    later = datetime.now(UTC).date() + timedelta(days=2)
    assert refused(text(FIRST.replace("2013-05-01", str(later)))).startswith(
        f"line 2 is of {later}"
    )


def test_every_fault_is_counted_and_the_first_ones_are_shown() -> None:
    rows = [f"2013-05-01,{number},1,2,1,1,1" for number in range(150)]
    with pytest.raises(PricesError) as caught:
        read(text(*rows), "ACME")
    assert (caught.value.count, len(caught.value.faults)) == (150, reading.MOST_FAULTS)
    assert str(caught.value).endswith("; and 147 more")


def test_there_are_not_more_rows_than_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_ROWS", 3)
    assert len(read(text(FIRST, FIRST, FIRST), "ACME").days) == 1
    assert refused(text(FIRST, FIRST, FIRST, FIRST)) == "there are more than 3 rows"


DAYS = st.lists(st.dates(date(1800, 1, 1), date(2025, 12, 31)), unique=True, max_size=20)
PRICES = st.floats(0.01, 1e6)


@settings(max_examples=100)
@given(DAYS, st.lists(PRICES, min_size=4, max_size=4), st.integers(0, 2**62))
def test_what_is_written_is_read_as_it_was(
    days: Sequence[date], prices: list[float], volume: int
) -> None:
    low, open, close, high = sorted(prices)
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(HEADER.split(","))
    rows.writerows([day, open, high, low, close, close / 2, volume] for day in days)
    if not days:
        assert refused(out.getvalue().encode()) == "there is a header and no row below it"
        return
    found = read(out.getvalue().encode(), "ACME")
    assert [each.day for each in found.days] == sorted(days)
    assert {each[2:] for each in found.days} == {(open, high, low, close, volume, close / 2)}


@settings(max_examples=200)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_whatever_comes_is_read_or_refused_by_a_sentence(rest: bytes) -> None:
    for data in (rest, text(FIRST) + rest):
        with suppress(PricesError):
            assert read(data, "ACME").days
