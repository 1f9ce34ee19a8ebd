"""Numbers: what a file means by them, cell by cell and a block at a time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timestack.domains.load.columnar import Checked, Columnar
from timestack.domains.load.layout import Layout, Omitted
from timestack.domains.load.numbers import read
from timestack.domains.load.records import Block
from timestack.domains.load.table import Column
from timestack.domains.load.times import EARLIEST, Rules

RULES = Rules(None, EARLIEST, datetime(2036, 1, 1, tzinfo=UTC))
KEY = Column("key", "bigint", "int8", False, False, False)
VALUE = Column("value", "double precision", "float8", False, False, False)


def check(text: str, fields: tuple, decimal: str = ".") -> Checked | None:
    layout = Layout(fields, ";", RULES, None, decimal)
    return Columnar(layout).check(Block(1, 0, text.encode(), text.count("\n")))


@pytest.mark.parametrize(
    ("cell", "sent"), [("1.0", "1"), ("1e10", "10000000000"), ("-2.", "-2"), ("7", "7"), ("", "")]
)
def test_a_whole_number_is_sent_as_one(cell: str, sent: str) -> None:
    assert read(cell, ".", whole=True) == sent


@pytest.mark.parametrize("cell", ["1.5", "x", "1e400", "99999999999999999999"])
def test_what_is_not_whole_is_left_to_postgresql(cell: str) -> None:
    assert read(cell, ".", whole=True) == cell


@pytest.mark.parametrize("cell", ["1_0", "0x10", "0b1", "-0o7", "1_000.5", "NaN", "-inf"])
def test_what_only_postgresql_takes_for_a_number_is_refused(cell: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        read(cell, ".", whole=False)
    assert check(f"1;{cell}\n", (KEY, VALUE)) is None


@given(st.integers(-(2**63), 2**63 - 1))
@settings(deadline=None)
def test_an_integer_means_the_same_to_both(number: int) -> None:
    assert check(f"{number};1\n", (KEY, VALUE)).block.sent is None
    checked = check(f"{number}.0;1\n", (KEY, VALUE))
    assert (
        checked is None
        or checked.block.sent == f'{read(f"{number}.0", ".", whole=True)};"1"\n'.encode()
    )


def test_a_block_is_written_again_without_what_is_left_out() -> None:
    checked = check('9;1,5;"a;b";\n8;-2,25;"";\n', (KEY, VALUE, Omitted.ASKED, Omitted.EMPTY), ",")
    assert checked.block.sent == b'"9";"1.5"\n"8";"-2.25"\n'
    assert [record.data for record in checked.block.records()] == [b'9;1,5;"a;b";', b'8;-2,25;"";']


@pytest.mark.parametrize("rows", ["x;1\n", "1;x\n", "1;1\n2;2;3\n"])
def test_what_cannot_be_left_out_needs_a_closer_look(rows: str) -> None:
    assert check(rows, (Omitted.ROW_NUMBERS, KEY)) is None
