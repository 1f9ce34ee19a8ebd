"""CSV text in the spellings of other programs, turned into the one that PostgreSQL reads.

Each class is a stream of bytes over another one.
"""

from __future__ import annotations

import re
from typing import BinaryIO

import numpy as np

FIRST_END = re.compile(rb'(?:[^"\r\n]|"[^"]*")*(\r\n?|\n)')
# Excel's first line, which names the delimiter and holds no data.
SEPARATOR = re.compile(rb'"?sep=([^"\r\n])"?\Z', re.IGNORECASE)


class LineFeeds:
    """Text whose records end in line feeds, also where they ended in carriage returns alone."""

    def __init__(self, stream: BinaryIO):
        self._stream = stream
        self._returns: bool | None = None
        self._quoted = False

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        if self._returns is None:
            first = FIRST_END.match(data)
            self._returns = bool(first) and first[1] == b"\r"
        return self._translate(data) if self._returns else data

    def _translate(self, data: bytes) -> bytes:
        text = np.frombuffer(data, np.uint8).copy()
        returns = np.flatnonzero(text == ord("\r"))
        quotes = np.flatnonzero(text == ord('"'))
        inside = (np.searchsorted(quotes, returns) + self._quoted) % 2 == 1
        text[returns[~inside]] = ord("\n")
        self._quoted = (len(quotes) + self._quoted) % 2 == 1
        return text.tobytes()


class Unescaped:
    """Text whose quotes are doubled within quoted cells, where ``escape`` preceded them.

    The escape also precedes itself and a line feed. Elsewhere, and outside quoted
    cells, it is an ordinary character.
    """

    def __init__(self, stream: BinaryIO, escape: str):
        self._stream = stream
        self._escape = escape.encode()
        self._marks = re.compile(re.escape(self._escape) + rb'(?s:.)|"')
        self._plain = {b'"': b'""', self._escape: self._escape, b"\n": b"\n"}
        self._quoted = False

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        # What is escaped must not be cut from its escape.
        while (len(data) - len(data.rstrip(self._escape))) % 2 and (more := self._stream.read(1)):
            data += more
        return self._marks.sub(self._translate, data)

    def _translate(self, match: re.Match[bytes]) -> bytes:
        mark = match[0]
        if mark == b'"':
            self._quoted = not self._quoted
        elif self._quoted:
            return self._plain.get(mark[1:], mark)
        return mark
