"""How much a file is as text, by which its room in the database is estimated."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from timestack.domains.datasets import room

ROWS = 20_000
TEXT = "time,v\n" + "".join(f"2026-01-01T00:00:{n % 60:02d}Z,{n * 7919}\n" for n in range(ROWS))


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_packed_or_not_a_file_has_the_same_text(tmp_path: Path, pack) -> None:
    file = tmp_path / "file"
    file.write_bytes(pack(TEXT.encode()))
    assert room._text(file) == pytest.approx(len(TEXT), rel=0.1)


def test_parquet_is_counted_by_its_cells(tmp_path: Path) -> None:
    file = tmp_path / "file"
    # A column of one value is next to nothing as Parquet.
    parquet.write_table(pa.table({"time": range(ROWS), "v": [1.0] * ROWS}), file)
    assert room._text(file) == ROWS * 2 * room.CELL


@pytest.mark.parametrize("data", [b"\x1f\x8bnot gzip", b"PAR1 and no more", b""])
def test_what_is_broken_counts_as_it_is(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(data)
    assert room._text(file) == len(data)
