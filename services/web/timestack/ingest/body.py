"""The bytes of a request: decompressed piece by piece up to a bound, and cut into whole lines."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from timestack.ingest.errors import TooLargeError, UnsupportedError, WriteError

KIB, MIB = 1024, 1024 * 1024
# What one request may send, and what that may become when it is decompressed.
LARGEST = 16 * MIB
LARGEST_TEXT = 64 * MIB
# A JSON array is read as a whole, and takes several times its size meanwhile.
LARGEST_ARRAY = 4 * MIB
MOST_ROWS = 1_000_000
# Blank ones and comments among them.
MOST_LINES = 4 * MOST_ROWS
# No line of data is as long: it has a quote or a line feed missing.
LONGEST_LINE = MIB
PIECE = 256 * KIB
BLOCK = 512 * KIB
# zlib's word for gzip with its header.
GZIP = 16 + zlib.MAX_WBITS


class Text(NamedTuple):
    """Whole lines, the first one's number, from 1; one that is too long is None."""

    line: int
    lines: list[bytes | None]


class Stream:
    """What was sent, as it was before it was compressed.

    ``encoding`` is the Content-Encoding. Raises UnsupportedError for one that is not read.
    """

    def __init__(self, raw: BinaryIO, encoding: str | None = None, largest: int = LARGEST_TEXT):
        name = (encoding or "identity").strip().lower()
        if name not in ("identity", "gzip", "x-gzip"):
            raise UnsupportedError(
                f"Content-Encoding {name[:40]!r} is not read here: send the body as it is, or gzip"
            )
        self._largest = largest
        self._left = largest
        self._pieces = self._plain(raw) if name == "identity" else self._unpacked(raw)
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, ``size`` at most, b"" at the end; all of them without a size.

        Raises TooLargeError beyond the bound, WriteError for broken compression.
        """
        if size < 0:
            return self._rest + b"".join(self._pieces)
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = piece
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def within(self, largest: int) -> Stream:
        """Return the same stream, before it is read, with another bound."""
        self._largest = self._left = largest
        return self

    def _plain(self, raw: BinaryIO) -> Iterator[bytes]:
        while piece := raw.read(PIECE):
            yield self._counted(piece)

    def _unpacked(self, raw: BinaryIO) -> Iterator[bytes]:
        # A file of gzip may be several, one after the other.
        unpack, begun = zlib.decompressobj(GZIP), False
        while packed := raw.read(PIECE):
            begun = True
            while packed:
                try:
                    piece = unpack.decompress(packed, PIECE)
                except zlib.error:
                    raise WriteError("The body is not gzip, as its Content-Encoding says") from None
                if piece:
                    yield self._counted(piece)
                if unpack.eof:
                    packed = unpack.unused_data
                    if packed:
                        unpack = zlib.decompressobj(GZIP)
                else:
                    packed = unpack.unconsumed_tail
        if begun and not unpack.eof:
            raise WriteError("The body is gzip that ends too early: it was cut off on its way")

    def _counted(self, piece: bytes) -> bytes:
        self._left -= len(piece)
        if self._left < 0:
            raise TooLargeError(
                f"The body is longer than {self._largest // MIB} MiB once it is decompressed:"
                " send it in parts"
            )
        return piece


def blocks(stream: Stream) -> Iterator[Text]:
    """Yield the lines of a text without their ends, a block at a time.

    Of a line that is longer than LONGEST_LINE, no byte is kept: it is None.
    """
    line, rest, skipping = 1, b"", False
    while piece := stream.read(BLOCK):
        rest += piece
        end = rest.rfind(b"\n")
        if end < 0:
            if len(rest) > LONGEST_LINE:
                rest, skipping = b"", True
            continue
        whole, rest = rest[:end], rest[end + 1 :]
        if line + whole.count(b"\n") > MOST_LINES:
            raise TooLargeError(f"The body has more than {MOST_LINES:,} lines: send it in parts")
        lines: list[bytes | None] = whole.split(b"\n")
        if skipping or len(lines[0]) > LONGEST_LINE:
            lines[0], skipping = None, False
        yield Text(line, lines)
        line += len(lines)
    if skipping or len(rest) > LONGEST_LINE:
        yield Text(line, [None])
    elif rest:
        yield Text(line, [rest])
