"""What the browser draws a chart by: what its lines are called, and where their points are.

assets/chart.js reads it. Times leave in ISO 8601 and UTC, widths of rollups in seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

from flask import url_for

from timestack.dash.timechart.line import Band, Line


def skeleton(lines: Sequence[Line]) -> dict[str, Any]:
    """Return the skeleton of a chart of one line or several.

    Raises ValueError unless they are series of one value of one table, in one unit.
    """
    first = lines[0]
    if len({(each.table, each.value, each.over_keys, each.unit) for each in lines}) > 1:
        raise ValueError("the lines of a chart are series of one value of one table, in one unit")
    quantities = {each.quantity or each.title for each in lines}
    extents = [each.extent for each in lines if each.extent]
    keys = [
        (f"key.{column}", value)
        for column in first.keys
        # Each once, in the order of the lines.
        for value in dict.fromkeys(each.keys[column] for each in lines)
    ]
    asked = [("table", first.table), *keys, ("over_keys", first.over_keys)]
    asked += [("value", first.value)] if first.value else []
    return {
        "title": title(lines),
        "lines": [{"label": each.label or each.title, "key": dict(each.keys)} for each in lines],
        "unit": first.unit,
        "axis": _axis(quantities, first.unit),
        "series": f"{url_for('api.series.index')}?{urlencode(asked)}",
        "rows": f"{url_for('api.export.show', table=first.table)}?{urlencode(keys)}",
        "extent": [
            min(each.first for each in extents).isoformat(),
            max(each.last for each in extents).isoformat(),
        ]
        if extents
        else None,
        "levels": sorted({level.total_seconds() for each in lines for level in each.levels}),
        "bands": any(each.bands for each in lines),
    }


def _axis(quantities: set[str], unit: str) -> str:
    """What the vertical axis is called; without a unit, by the quantity alone."""
    if len(quantities) > 1:
        return unit
    [quantity] = quantities
    return f"{quantity} ({unit})" if unit else quantity


def title(lines: Sequence[Line]) -> str:
    """Return what a chart of these lines is called."""
    more = len(lines) - 1
    return f"{lines[0].title} and {more} more" if more else lines[0].title


def sent(bands: Iterable[Band]) -> list[dict[str, Any]]:
    """Return what stands out as the browser draws it."""
    return [
        {
            "start": each.start.isoformat(),
            "end": each.end and each.end.isoformat(),
            "label": each.label,
            "levels": [level for level in (each.low, each.high) if level is not None],
        }
        for each in bands
    ]
