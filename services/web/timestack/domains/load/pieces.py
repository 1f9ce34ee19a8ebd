"""A stream of bytes from an iterator, for what wants a file to read from, such as COPY."""

from __future__ import annotations

import io
from collections.abc import Iterator


class Pieces(io.RawIOBase):
    """A stream over pieces that an iterator makes; they are never all in memory."""

    def __init__(self, pieces: Iterator[bytes]):
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes, all that are left where it is negative; fewer only at the end."""
        taken, length = [self._rest], len(self._rest)
        while size < 0 or length < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            taken.append(piece)
            length += len(piece)
        data = b"".join(taken)
        size = length if size < 0 else size
        self._rest = data[size:]
        return data[:size]
