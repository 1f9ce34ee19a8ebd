"""Columns as PostgreSQL's array literals, written by Arrow."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


def literal(column: pa.Array) -> str:
    """Return ``{1,2,NULL}``, to be bound as one value.

    A whole statement's worth of numbers so takes one string, instead of a Python object for each.
    """
    if pa.types.is_string(column.type):
        escaped = pc.replace_substring(column, "\\", "\\\\")
        escaped = pc.replace_substring(escaped, '"', '\\"')
        column = pc.binary_join_element_wise('"', escaped, '"', "")
    else:
        column = column.cast(pa.string())
    column = column.fill_null("NULL")
    offsets = pa.array([0, len(column)], pa.int32())
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, column), ",")
    return f"{{{joined[0].as_py()}}}"
