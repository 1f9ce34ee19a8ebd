"""Numbers as a file has them, and as they are sent to PostgreSQL."""

from __future__ import annotations

import re
from decimal import Decimal

WHOLE = ("int2", "int4", "int8")
NUMBERS = ("float4", "float8", "numeric")
# A float or numeric column would accept these, but they would spoil every sum.
NOT_NUMBERS = {"nan", "inf", "infinity", "+inf", "+infinity", "-inf", "-infinity"}

PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?")
DIGITS = re.compile(r"[+-]?\d+")
COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
# PostgreSQL reads these as SQL literals, other readers of the file as something else.
CODE = re.compile(r"[+-]?0[xXoObB][0-9a-fA-F_]+|[+-]?[\d_]*_[\d_.]*")


def read(cell: str, decimal: str, *, whole: bool) -> str:
    """Return a number as PostgreSQL reads it; text that it refuses itself is returned as it is.

    ``decimal`` is the point or the comma before the fraction. Of a ``whole`` number that is written
    with one (``1.0``), the fraction must be zero. Raises ValueError for what PostgreSQL would take
    and the file cannot mean.
    """
    text = cell.strip()
    if text.lower() in NOT_NUMBERS:
        raise ValueError(f"{cell!r} is not a number: leave the cell empty for no value")
    if CODE.fullmatch(text):
        raise ValueError(f"{cell!r} is not a decimal number")
    if decimal == ",":
        if "." in text:
            raise ValueError(
                f"{cell!r} has a point, and --decimal , says that fractions follow a comma"
            )
        text = text.replace(",", ".")
    elif COMMA.fullmatch(text):
        raise ValueError(
            f"{cell!r} is not a number: where fractions follow a comma, use --decimal ,"
        )
    if whole and PLAIN.fullmatch(text) and not DIGITS.fullmatch(text):
        number = Decimal(text)
        if not number or (number.adjusted() < 30 and number == number.to_integral_value()):
            return str(int(number))
    return text if decimal == "," else cell
