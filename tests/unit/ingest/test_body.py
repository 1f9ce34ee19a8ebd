"""Bodies: decompressed up to a bound, and cut into lines wherever their pieces end."""

from __future__ import annotations

import gzip
import io
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timestack.ingest import body
from timestack.ingest.errors import TooLargeError, UnsupportedError, WriteError

MIB = body.MIB


def unpacked(data: bytes, encoding: str | None = "gzip") -> bytes:
    return body.Stream(io.BytesIO(data), encoding).read()


@given(st.lists(st.binary(max_size=2000), max_size=4))
def test_what_was_compressed_comes_out_also_in_several_members(parts: list[bytes]) -> None:
    packed = b"".join(gzip.compress(part, mtime=0) for part in parts)
    assert unpacked(packed) == b"".join(parts)
    assert unpacked(b"".join(parts), None) == b"".join(parts)


@pytest.mark.parametrize("end", [-1, -9, 10, 1])
def test_what_was_cut_off_or_is_not_compressed_is_refused(end: int) -> None:
    packed = gzip.compress(b"some text" * 100)
    with pytest.raises(WriteError, match="gzip"):
        unpacked(packed[:end])
    with pytest.raises(WriteError, match="gzip"):
        unpacked(packed + b"more")
    with pytest.raises(WriteError, match="gzip"):
        unpacked(b"t v=1")


def test_another_compression_is_named() -> None:
    with pytest.raises(UnsupportedError, match="'br' is not read here"):
        unpacked(b"", "br")


def test_a_bomb_is_stopped_before_it_takes_memory() -> None:
    bomb = gzip.compress(bytes(2 * body.LARGEST_TEXT), 9)
    tracemalloc.start()
    with pytest.raises(TooLargeError, match="64 MiB"):
        for _ in body.blocks(body.Stream(io.BytesIO(bomb), "gzip")):
            pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * MIB


@given(st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"")), max_size=60))
def test_lines_are_whole_wherever_the_pieces_end(lines: list[bytes]) -> None:
    class Dripping(io.BytesIO):
        def read(self, size: int = -1) -> bytes:
            return super().read(7)

    found = list(body.blocks(body.Stream(Dripping(b"\n".join(lines)))))
    read = [(block.line + n, line) for block in found for n, line in enumerate(block.lines)]
    # A text that ends in a line feed has no line after it.
    expected = lines[:-1] if lines and not lines[-1] else lines
    assert read == list(enumerate(expected, 1))
