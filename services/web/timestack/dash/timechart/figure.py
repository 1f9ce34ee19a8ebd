"""Series as Plotly figures without a colour: assets/colours.js gives them those of the look.

Nothing here reads data; see line.py. Times are UTC throughout: Plotly shows a time without zone as
it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from timestack.dash.timechart.line import Line
from timestack.dash.timechart.ranges import Window
from timestack.series.query import Series

AXIS = {
    "showline": False,
    "zeroline": False,
    "tickfont": {"size": 12},
    "title": {"font": {"size": 12}, "standoff": 8},
    "automargin": True,
}
TEMPLATE = go.layout.Template(
    layout={
        "font": {"size": 13},
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "showlegend": False,
        "hovermode": "x unified",
        "hoverlabel": {"font": {"size": 13}},
        "dragmode": "pan",
        "xaxis": {
            **AXIS,
            "type": "date",
            "showgrid": False,
            "ticks": "outside",
            "ticklen": 4,
            "hoverformat": "%a %d %b %Y, %H:%M UTC",
            "showspikes": True,
            "spikemode": "across",
            "spikethickness": 1,
            "spikedash": "solid",
        },
        "yaxis": {**AXIS, "fixedrange": True, "nticks": 6},
    }
)
CONFIG = {
    "displaylogo": False,
    "responsive": True,
    "scrollZoom": False,
    "doubleClick": "autosize",
    "modeBarButtons": [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "toImage"]],
}
STILL = {**CONFIG, "displayModeBar": False}

# A step wider than this many usual ones is a hole in the data, and left open.
HOLE = 1.5
# From this many points on, a thinner line keeps them apart.
DENSE = 600
# Room above and below the line, as a part of what it spans.
HEADROOM = 0.06


def detail(line: Line, series: Series, days: Series, window: Window, revision: str) -> go.Figure:
    """Return the chart of the range in view, over a slider of the whole history.

    ``series`` is what is in view; ``days`` is drawn to its left and right, so that moving shows
    something until the finer answer is there. While ``revision`` stays the same, Plotly keeps the
    range that the reader has moved to meanwhile.
    """
    figure = _figure(line, _around(days, series, window))
    low, high = _span(series, window)
    extent = line.extent
    figure.update_layout(
        uirevision=revision,
        xaxis={
            "range": texts(window.start, window.end),
            "minallowed": _text(extent.first),
            "maxallowed": _text(extent.last),
            "rangeslider": {
                "visible": True,
                "thickness": 0.14,
                "borderwidth": 0,
                "range": texts(extent.first, extent.last),
                "yaxis": {"rangemode": "auto"},
            },
        },
        # The height follows the data in view, whatever the reader did to the time axis.
        yaxis={"range": [low, high], "autorange": False, "uirevision": f"{revision} {low} {high}"},
    )
    _draw_bands(figure, line, window)
    return figure


def tail(line: Line, series: Series, step: timedelta | None, window: Window) -> go.Figure:
    """Return what is new of a chart: the traces of ``detail``, of ``series`` alone, and its bands.

    ``step`` is the usual one of what is drawn already, so that a hole among few points is known.
    The height is that of what is new, None where that is nothing.
    """
    figure = _figure(line, [series], step)
    if not np.isnan(series.mean).all():
        figure.update_yaxes(range=_span(series, window))
    _draw_bands(figure, line, window)
    return figure


def daily(line: Line, days: Series) -> go.Figure:
    """Return the whole history as one mean with minimum and maximum per day."""
    figure = _figure(line, [days])
    extent = line.extent
    figure.update_layout(dragmode=False)
    figure.update_xaxes(
        fixedrange=True,
        range=texts(extent.first, extent.last),
        hoverformat="%a %d %b %Y (UTC)",
        title_text="Time (UTC)",
    )
    return figure


def _draw_bands(figure: go.Figure, line: Line, window: Window) -> None:
    """Draw what stands out over the whole height, and its thresholds as lines within it."""
    for band in line.bands(window.start, window.end):
        end = window.end if band.end is None else min(band.end, window.end)
        across = {"x0": _text(max(band.start, window.start)), "x1": _text(end)}
        figure.add_shape(
            type="rect",
            name="band",
            yref="y domain",
            y0=0,
            y1=1,
            layer="below",
            line={"width": 0},
            label={"text": band.label, "textposition": "top left", "font": {"size": 12}},
            **across,
        )
        for level in (band.low, band.high):
            if level is not None:
                drawn = {"width": 1.5, "dash": "dash"}
                figure.add_shape(
                    type="line", name="threshold", y0=level, y1=level, line=drawn, **across
                )


def blank(message: str) -> go.Figure:
    """Return a chart that says why it is empty."""
    figure = go.Figure(layout={"template": TEMPLATE})
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.add_annotation(text=message, showarrow=False, xref="paper", yref="paper", x=0.5, y=0.5)
    return figure


def texts(start: datetime, end: datetime) -> list[str]:
    """Return the ends of a range as an axis has them."""
    return [_text(start), _text(end)]


def _figure(line: Line, parts: Iterable[Series], step: timedelta | None = None) -> go.Figure:
    opened = [_opened(part, step) for part in parts if len(part)]
    figure = go.Figure(layout={"template": TEMPLATE})
    figure.add_trace(_band(part for part in opened if part.bucket))
    figure.add_trace(_line(opened, line.unit))
    figure.update_yaxes(title_text=line.axis)
    return figure


def _line(parts: Iterable[_Opened], unit: str) -> go.Scatter:
    x, y, text = [], [], []
    for time, low, high, mean, bucket in parts:
        # One part does not run on into the next, which is of another resolution.
        x += [*_texts(time), None]
        y += [*_numbers(mean), None]
        text += [_label(*each, unit, bucket) for each in zip(low, mean, high, strict=True)] + [None]
    gap = [None, *y, None]
    alone = [gap[i] is None and gap[i + 2] is None for i in range(len(y))]
    return go.Scatter(
        name=f"mean ({unit})",
        x=x,
        y=y,
        text=text,
        hovertemplate="%{text}<extra></extra>",
        mode="lines+markers",
        line={"width": 1.25 if len(x) > DENSE else 1.75},
        # A reading between two holes has no line to either side: it is a dot.
        marker={"size": [5 if each else 0 for each in alone], "opacity": 1},
    )


def _band(parts: Iterable[_Opened]) -> go.Scatter:
    """Each stretch without a hole as a closed shape: there along the maximum, back along the
    minimum."""
    x, y = [], []
    for time, low, high, _, _ in parts:
        holes = np.flatnonzero(np.isnan(low) | np.isnan(high))
        for stretch in np.split(np.arange(len(time)), holes):
            there = stretch[~np.isnan(low[stretch])]
            x += [*_texts(time[there]), *_texts(time[there[::-1]]), None]
            y += [*_numbers(high[there]), *_numbers(low[there[::-1]]), None]
    return go.Scatter(
        name="minimum to maximum",
        x=x,
        y=y,
        mode="lines",
        line={"width": 0},
        fill="toself",
        hoverinfo="skip",
    )


def _around(days: Series, inner: Series, window: Window) -> list[Series]:
    """The days that end before the window, what is in it, the days that begin after it."""
    start, end = _bare(window.start), _bare(window.end)
    width = np.timedelta64(days.bucket or 0)
    return [_only(days, days.time + width <= start), inner, _only(days, days.time > end)]


def _only(series: Series, chosen: np.ndarray) -> Series:
    return Series(
        series.key,
        series.time[chosen],
        series.min[chosen],
        series.max[chosen],
        series.mean[chosen],
        series.bucket,
    )


def usual_step(series: Series) -> timedelta | None:
    """Return the time from one point to the next; None with less than two points.

    Of readings, the lower quartile: clocks that tremble do not move it, and neither do holes while
    a quarter of the steps has none. The median of hourly gusts with many calm hours is 3 h.
    """
    if series.bucket or len(series) < 2:
        return series.bucket
    steps = np.sort(np.diff(series.time))
    return steps[len(steps) // 4].astype("timedelta64[us]").item()


class _Opened(NamedTuple):
    """A series with a NaN in every hole."""

    time: np.ndarray
    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    bucket: timedelta | None


def _opened(series: Series, step: timedelta | None) -> _Opened:
    """``step`` is the usual one; None for that of the series itself."""
    time, columns = series.time, (series.min, series.max, series.mean)
    step = step or usual_step(series)
    if step:
        width = np.timedelta64(step)
        before = np.flatnonzero(np.diff(time) > HOLE * width)
        time = np.insert(time, before + 1, time[before] + width)
        columns = tuple(np.insert(column, before + 1, np.nan) for column in columns)
    return _Opened(time, *columns, series.bucket)


def _span(series: Series, window: Window) -> tuple[float, float]:
    """The values' lower and upper end in view, with headroom; not below 0 where none is."""
    inside = (series.time >= _bare(window.start)) & (series.time <= _bare(window.end))
    seen = inside & ~np.isnan(series.mean)
    if not seen.any():
        return 0.0, 1.0
    low, high = float(series.min[seen].min()), float(series.max[seen].max())
    room = (high - low or abs(high) or 1.0) * HEADROOM
    return (low - room if low < 0 or low >= room else 0.0), high + room


def _label(low: float, mean: float, high: float, unit: str, bucket: timedelta | None) -> str:
    if np.isnan(mean):
        return ""
    if bucket is None:
        return f"<b>{_number(mean)} {unit}</b>"
    return f"<b>{_number(mean)} {unit}</b> mean, {_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    """Two decimals at most, and four digits of what is smaller than 1."""
    return f"{value:.4g}" if abs(value) < 1 else f"{value:,.2f}".rstrip("0").rstrip(".")


def _bare(time: datetime) -> np.datetime64:
    """The time as numpy has it: UTC without saying so."""
    return np.datetime64(time.replace(tzinfo=None))


def _text(time: datetime) -> str:
    return time.replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")


def _texts(times: np.ndarray) -> list[str]:
    whole = (times == times.astype("datetime64[s]")).all()
    return np.datetime_as_string(times, unit="s" if whole else "ms").tolist()


def _numbers(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(each) else round(each, 4) for each in values.tolist()]
