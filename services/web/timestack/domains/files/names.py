"""Names of files as text: a name is bytes, and may hold whatever is not UTF-8, or a line break."""

from __future__ import annotations

import re

SHORT = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
LONG = {short: char for char, short in SHORT.items()}
ESCAPE = re.compile(r"\\(?:x[0-9a-f]{2}|.)")


def escaped(name: bytes) -> str:
    r"""Return a name in one line of printable text: ``a\nb``, ``\xff``; a backslash is doubled.

    >>> escaped(b"a\nb \xff\\")
    'a\\nb \\xff\\\\'
    """
    return "".join(each if _is_plain(each) else _escape(each) for each in as_text(name))


def original(text: str) -> bytes:
    """Return the name that ``escaped`` wrote as ``text``."""
    return as_bytes(ESCAPE.sub(lambda found: _unescape(found[0]), text))


def as_bytes(text: str) -> bytes:
    """Return a path as it is on the disk, in whatever locale this runs."""
    return text.encode("utf-8", "surrogateescape")


def as_text(raw: bytes) -> str:
    """Return a path as text that ``as_bytes`` turns back."""
    return raw.decode("utf-8", "surrogateescape")


def _is_plain(char: str) -> bool:
    return char.isprintable() and char != "\\"


def _escape(char: str) -> str:
    return SHORT.get(char) or "".join(f"\\x{byte:02x}" for byte in as_bytes(char))


def _unescape(escape: str) -> str:
    if len(escape) < 4:
        return LONG.get(escape, escape)
    # The bytes of one character come together when all are encoded.
    return as_text(bytes([int(escape[2:], 16)]))
