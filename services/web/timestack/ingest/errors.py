"""Why a request is refused as a whole; of one of these, nothing was written."""

from __future__ import annotations


class WriteError(Exception):
    """The body or what was asked for cannot be used; str() says what, where and what to do."""


class TooLargeError(WriteError):
    """It is longer, or has more rows, than one request may have."""


class UnsupportedError(WriteError):
    """It is in a form that is not read here."""


class UnknownTableError(WriteError):
    """There is no such table to write to."""
