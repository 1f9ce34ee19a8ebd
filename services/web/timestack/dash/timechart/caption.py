"""The caption of a chart: how many points there are, of what, and from when to when."""

from __future__ import annotations

from datetime import datetime, timedelta

from timestack.dash.timechart.figure import usual_step
from timestack.series.query import Series

NAMED = {
    timedelta(minutes=1): "minutely",
    timedelta(hours=1): "hourly",
    timedelta(days=1): "daily",
}
UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "min": timedelta(minutes=1)}


def caption(series: Series, levels: tuple[timedelta, ...], start: datetime, end: datetime) -> str:
    """Return such as "365 points from the daily rollup, 1 Jan 2013 06:00 to ... UTC"."""
    return f"{points(series, levels)}, {between(start, end)}"


def between(start: datetime, end: datetime) -> str:
    """Return "1 Jan 2013 06:00 to 30 Dec 2013 23:00 UTC"; with seconds, of less than an hour."""
    clock = "%H:%M" if end - start >= UNITS["h"] else "%H:%M:%S"
    return f"{start:%-d %b %Y} {start:{clock}} to {end:%-d %b %Y} {end:{clock}} UTC"


def points(series: Series, levels: tuple[timedelta, ...]) -> str:
    """Return how many points there are of what: "168 hourly readings"."""
    return f"{len(series):,} {noun(series, levels)}"


def noun(series: Series, levels: tuple[timedelta, ...]) -> str:
    """Return what the points are: "hourly readings", "points from the daily rollup".

    ``levels`` are the widths of the rollups that a bucket may have been read from.
    """
    if series.bucket is None:
        step = usual_step(series)
        if step is None:
            return "reading" if len(series) == 1 else "readings"
        # "hourly" precedes the noun, "every 3 h" follows it.
        how = every(step)
        return f"readings, {how}" if how.startswith("every") else f"{how} readings"
    fitting = [level for level in levels if not series.bucket % level]
    if not fitting:
        return f"points, {every(series.bucket)}, from the readings"
    source = f"from the {every(max(fitting))} rollup"
    if series.bucket in fitting:
        return f"points {source}"
    return f"points, {every(series.bucket)}, {source}"


def every(step: timedelta) -> str:
    """Return "hourly" and the like where there is a word, else "every 3 h"."""
    if step in NAMED:
        return NAMED[step]
    for unit, size in UNITS.items():
        if step >= size:
            return f"every {step / size:.3g} {unit}"
    return f"every {step.total_seconds():.3g} s"
