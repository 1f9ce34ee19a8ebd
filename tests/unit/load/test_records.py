"""CSV text cut into blocks, records and cells."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timestack.domains.load import records
from timestack.domains.load.errors import LoadError
from timestack.domains.load.records import (
    Block,
    Reader,
    cells,
    is_misquoted,
    joined,
    quotes_are_sound,
)

CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=6)
ROWS = st.lists(st.lists(CELL, min_size=2, max_size=4), max_size=30)


def written(rows: list[list[str]], end: str = "\n") -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=end).writerows(rows)
    return text.getvalue().encode()


def blocks_of(data: bytes, size: int, monkeypatch: pytest.MonkeyPatch) -> list[Block]:
    with monkeypatch.context() as patch:
        patch.setattr(records, "BLOCK", size)
        return list(Reader(io.BytesIO(data)).blocks())


@given(rows=ROWS, size=st.integers(1, 40))
def test_blocks_hold_every_byte_and_only_whole_records(rows, size) -> None:
    data = written(rows)
    with pytest.MonkeyPatch.context() as patch:
        blocks = blocks_of(data, size, patch)
    assert b"".join(block.data for block in blocks) == data
    assert sum(block.rows for block in blocks) == len(rows)
    assert [
        len(list(csv.reader(io.StringIO(block.data.decode(), newline="")))) for block in blocks
    ] == [block.rows for block in blocks]


@given(rows=ROWS, size=st.integers(1, 40))
def test_a_record_knows_the_line_and_byte_it_starts_at(rows, size) -> None:
    data = written(rows)
    with pytest.MonkeyPatch.context() as patch:
        blocks = blocks_of(data, size, patch)
    for block in blocks:
        for record in block.records():
            assert data[record.offset :].startswith(record.data)
            assert data[: record.offset].count(b"\n") == record.line - 1


@given(rows=ROWS)
def test_cells_are_those_of_the_csv_module(rows) -> None:
    for record in Block(1, 0, written(rows), len(rows)).records():
        parsed = next(csv.reader(io.StringIO(record.data.decode(), newline="")))
        assert [cell or "" for cell in cells(record.data.decode(), ",")] == parsed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,,b", ["a", None, "b"]),
        ('a,"",b', ["a", "", "b"]),
        (",", [None, None]),
        ("", [None]),
        ('"a,""b""",c', ['a,"b"', "c"]),
        ('a"b,c"d', ["ab,cd"]),
    ],
)
def test_an_unquoted_empty_cell_is_null_and_a_quoted_one_is_not(text, expected) -> None:
    assert cells(text, ",") == expected


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_first_record_can_be_looked_at_and_skipped(end: str) -> None:
    reader = Reader(io.BytesIO(written([["a", "b\nc"], ["1", "2"]], end)))
    first = reader.peek()
    assert first.data == b'a,"b\nc"'
    reader.skip(first)
    (block,) = reader.blocks()
    assert (block.data, block.line) == (f"1,2{end}".encode(), 3)


def test_a_last_line_without_its_end_is_a_row() -> None:
    blocks = list(Reader(io.BytesIO(b"1,2\n3,4")).blocks())
    assert b"".join(block.data for block in blocks) == b"1,2\n3,4\n"
    assert sum(block.rows for block in blocks) == 2


def test_a_record_that_does_not_end_stops_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "LONGEST", 1000)
    with pytest.raises(LoadError, match="line 2"):
        blocks_of(b'a,b\n"' + b"x" * 5000, 100, monkeypatch)


@given(rows=ROWS)
def test_what_the_csv_module_writes_is_quoted_soundly(rows) -> None:
    data = written(rows)
    assert quotes_are_sound(data, ",")
    for record in Block(1, 0, data, len(rows)).records():
        assert not is_misquoted(record.data.decode(), ",")


@given(st.text('",a\n ', max_size=12))
def test_what_is_sound_as_a_block_is_sound_record_by_record(text: str) -> None:
    records = Block(1, 0, text.encode() + b"\n", 0).records()
    if quotes_are_sound(text.encode(), ","):
        assert not any(is_misquoted(record.data.decode(), ",") for record in records)


@given(st.lists(st.none() | CELL, min_size=1))
def test_cells_that_are_joined_are_cut_into_the_same(row) -> None:
    assert cells(joined(row, ",").decode(), ",") == row


@given(rows=ROWS, size=st.integers(1, 40))
def test_an_escape_before_quotes_reads_as_doubled_quotes(rows, size) -> None:
    rows = [[cell.replace("\\", "/") for cell in row] for row in rows]
    text = io.StringIO(newline="")
    form = {"lineterminator": "\n", "quoting": csv.QUOTE_ALL}
    csv.writer(text, doublequote=False, escapechar="\\", **form).writerows(rows)
    escaped = text.getvalue().encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "BLOCK", size)
        blocks = list(Reader(io.BytesIO(escaped), "\\").blocks())
    text = io.StringIO(newline="")
    csv.writer(text, **form).writerows(rows)
    assert b"".join(block.data for block in blocks) == text.getvalue().encode()


def test_carriage_returns_alone_end_records_outside_of_quotes() -> None:
    (block,) = Reader(io.BytesIO(b'a,b\r1,"x\ry"\r')).blocks()
    assert [record.data for record in block.records()] == [b"a,b", b'1,"x\ry"']
