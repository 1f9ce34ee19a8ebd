"""COPY from an iterator of lines."""

from __future__ import annotations

import io
from collections.abc import Iterator

from psycopg2.extensions import cursor as Cursor

# A piece of the stream: large enough that a round trip costs nothing, small in memory.
PIECE = 1 << 20


class _Stream(io.RawIOBase):
    """Lines as a file to read from, so that COPY takes them without holding them all."""

    def __init__(self, lines: Iterator[str]):
        self.lines = lines
        self.rest = b""
        self.count = 0

    def read(self, size: int = PIECE) -> bytes:
        pieces, length = [self.rest], len(self.rest)
        while length < size and (line := next(self.lines, None)) is not None:
            self.count += 1
            pieces.append(line.encode())
            length += len(pieces[-1])
        data = b"".join(pieces)
        self.rest = data[size:]
        return data[:size]


def copy(cursor: Cursor, statement: str, lines: Iterator[str]) -> int:
    """Run ``copy ... from stdin`` over the lines; returns how many there were."""
    stream = _Stream(lines)
    cursor.copy_expert(statement, stream, PIECE)
    return stream.count
