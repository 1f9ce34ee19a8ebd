"""COPY from an iterator of lines."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg2.extensions import cursor as Cursor

from timestack.domains.load.pieces import Pieces

# A piece of the stream: large enough that a round trip costs nothing, small in memory.
PIECE = 1 << 20


def copy(cursor: Cursor, statement: str, lines: Iterator[str]) -> int:
    """Run ``copy ... from stdin`` over the lines; returns how many rows they were."""
    cursor.copy_expert(statement, Pieces(line.encode() for line in lines), PIECE)
    return cursor.rowcount
