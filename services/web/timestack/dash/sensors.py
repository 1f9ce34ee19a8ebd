"""Sensors: pick one, see any range of its history at the resolution of the screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dash_bootstrap_components as dbc
import plotly.graph_objects as go
from dash import (
    ClientsideFunction,
    Dash,
    Input,
    Output,
    State,
    ctx,
    dcc,
    html,
    no_update,
    set_props,
)
from dash.development.base_component import Component
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest

from timestack import db
from timestack.dash import charts, states
from timestack.domains import sensors
from timestack.domains.sensors import Extent, Sensor
from timestack.series import catalog
from timestack.series.query import MICROSECOND, Series, query

RANGES = {"1d": "1 d", "7d": "7 d", "1m": "1 m", "all": "all"}
DAYS = {"1d": timedelta(days=1), "7d": timedelta(days=7)}
DEFAULT_RANGE = "all"
DAY = timedelta(days=1)

# A chart is at most this many points wide, on any screen.
FEWEST_POINTS, MOST_POINTS = 200, 2400
# What of a window is not chart: margins, padding, the axis.
FRAME = 120
LONGEST_TEXT = 200


class UnknownRangeError(ValueError):
    """The text is neither a key of RANGES nor two instants."""

    def __init__(self, text: object):
        super().__init__(
            f"“{text}” is no range: use one of {', '.join(RANGES)}, or two instants such as"
            " 2013-03-01T00:00:00Z/2013-03-08T00:00:00Z."
        )


@dataclass(frozen=True)
class View:
    """All that the page says about a sensor and a range."""

    title: list
    figure: go.Figure
    caption: str
    daily_title: list
    daily_figure: go.Figure
    daily_caption: str


def layout(asked: Mapping[str, str], width: int) -> Component:
    """The page for ``?type=&location=&sensor=&range=``; what is missing is the first there is."""
    wanted = [asked.get(part) for part in ("type", "location", "sensor")]
    with db.session() as session:
        known = sensors.catalogue(session)
        if not known:
            return states.no_sensors()
        sensor = known.nearest(*wanted)
        if any(want not in (None, got) for want, got in zip(wanted, _parts(sensor), strict=True)):
            return states.unknown_sensor(_unknown(*wanted), "?")
        span, points = asked.get("range", DEFAULT_RANGE), _points(width - FRAME)
        try:
            view = _view(session, sensor, span, points)
        except UnknownRangeError as error:
            set_props("alert", {"children": dbc.Alert(str(error), color="warning")})
            span = DEFAULT_RANGE
            view = _view(session, sensor, span, points)
    return html.Div(
        [
            html.Div(
                [
                    html.H1("Sensors", className="h3 mb-0"),
                    html.P("All times are UTC.", className="text-body-secondary mb-0"),
                ],
                className="ts-page-head",
            ),
            html.Div(
                [
                    _dropdown("sensor-type", "Type", known.types(), sensor.type),
                    _dropdown(
                        "sensor-location", "Location", known.locations(sensor.type), sensor.location
                    ),
                    _dropdown(
                        "sensor-name",
                        "Sensor",
                        known.names(sensor.type, sensor.location),
                        sensor.name,
                    ),
                ],
                className="ts-card ts-choice",
            ),
            _card(
                "detail",
                "Range in view",
                view.title,
                view.figure,
                view.caption,
                charts.CONFIG,
                [_ranges(span)],
            ),
            _card(
                "daily",
                "The whole history, day by day",
                view.daily_title,
                view.daily_figure,
                view.daily_caption,
                charts.STILL,
                [],
            ),
            dcc.Store(id="sensor-address"),
            dcc.Store(id="sensor-catalogue", data=[_parts(each) for each in known.sensors]),
            dcc.Store(id="sensor-range", data=span),
            dcc.Store(id="detail-points", data=points),
        ],
        className="ts-sensors",
    )


def register(dash: Dash) -> None:
    """Add the callbacks of the page."""
    dash.clientside_callback(
        ClientsideFunction("timestack", "preset"),
        Output("sensor-range", "data"),
        Input("range-preset", "value"),
        prevent_initial_call=True,
    )
    dash.clientside_callback(
        ClientsideFunction("timestack", "zoom"),
        Input("detail-graph", "relayoutData"),
        prevent_initial_call=True,
    )
    dash.clientside_callback(
        ClientsideFunction("timestack", "remember"),
        Output("sensor-address", "data"),
        Input("sensor-type", "value"),
        Input("sensor-location", "value"),
        Input("sensor-name", "value"),
        Input("sensor-range", "data"),
    )
    # In the browser: a drop-down that waited for the server could change under the reader's hand.
    dash.clientside_callback(
        ClientsideFunction("timestack", "cascade"),
        Output("sensor-location", "options"),
        Output("sensor-location", "value"),
        Output("sensor-name", "options"),
        Output("sensor-name", "value"),
        Input("sensor-type", "value"),
        Input("sensor-location", "value"),
        Input("sensor-name", "value"),
        State("sensor-catalogue", "data"),
        prevent_initial_call=True,
    )
    dash.callback(
        Output("detail-title", "children"),
        Output("detail-graph", "figure"),
        Output("detail-caption", "children"),
        Output("daily-title", "children"),
        Output("daily-graph", "figure"),
        Output("daily-caption", "children"),
        Input("sensor-type", "value"),
        Input("sensor-location", "value"),
        Input("sensor-name", "value"),
        Input("sensor-range", "data"),
        State("detail-points", "data"),
        prevent_initial_call=True,
    )(choose)


def choose(type: Any, location: Any, name: Any, span: Any, points: Any) -> tuple:
    """Draw the sensor that was chosen; the lower chart only where it is another one than before.

    Raises BadRequest for whatever the page does not offer; nothing of it reaches the database but
    as a bound value.
    """
    _require_text(type, location, name, span)
    points = _points(points)
    try:
        with db.session() as session:
            sensor = sensors.catalogue(session).find(type, location, name)
            view = _view(session, sensor, span, points)
    except (sensors.UnknownSensorError, UnknownRangeError) as error:
        raise BadRequest(str(error)) from None
    set_props("alert", {"children": None})
    detail = (view.title, view.figure, view.caption)
    if set(ctx.triggered_prop_ids) == {"sensor-range.data"}:
        return detail + (no_update,) * 3
    return *detail, view.daily_title, view.daily_figure, view.daily_caption


def window(span: str, extent: Extent) -> charts.Window:
    """Return the time that a range means, counted back from the last reading, within the extent.

    ``span`` is a key of RANGES or "<start>/<end>" in ISO 8601 with a zone.
    Raises UnknownRangeError.
    """
    if span == "all":
        return charts.Window(extent.first, extent.last)
    if span in RANGES:
        end = extent.last
        start = end - DAYS[span] if span in DAYS else _month_before(end)
        return charts.Window(max(start, extent.first), end)
    try:
        start, end = map(datetime.fromisoformat, span.split("/"))
        within = max(start, extent.first), min(end, extent.last)
    except (ValueError, TypeError):
        raise UnknownRangeError(span) from None
    if end <= start:
        raise UnknownRangeError(span)
    # A range that the sensor has nothing of, such as one of another sensor: all there is.
    if within[1] <= within[0]:
        within = extent.first, extent.last
    return charts.Window(*(each.astimezone(UTC) for each in within))


def _month_before(time: datetime) -> datetime:
    """The same day and hour of the month before, or its last day where it has no such day."""
    last = time.replace(day=1) - DAY
    return last.replace(day=min(time.day, last.day))


def _view(session: Session, sensor: Sensor, span: str, points: int) -> View:
    extent = sensors.extent(session, sensor.id)
    title = _title(sensor)
    if extent is None:
        nothing = charts.blank("No readings yet")
        return View(title, nothing, "No readings yet.", title, nothing, "No readings yet.")
    seen = window(span, extent)
    series = _read(session, sensor, seen.start, seen.end, points)
    # Never more points than whole days, so that a bucket is a day or several.
    count = min(max((extent.last - extent.first) // DAY, 1), MOST_POINTS)
    days = _read(session, sensor, extent.first, extent.last, count)
    revision = f"{sensor.id} {span if span in RANGES else 'moved'}"
    return View(
        title,
        charts.detail(sensor, series, days, seen, extent, revision),
        f"{_told(series)}, {_between(seen.start, seen.end)}",
        title,
        charts.daily(sensor, days, extent),
        f"{_told(days)}, {_between(extent.first, extent.last)}",
    )


def _read(session: Session, sensor: Sensor, start: datetime, end: datetime, points: int) -> Series:
    """Read both ends inclusive."""
    keys = {"sensor_id": sensor.id}
    return query(session, "readings", keys, start, end + MICROSECOND, points)[0]


def _told(series: Series) -> str:
    """What the points are: "168 hourly readings", "365 points from the daily rollup"."""
    if series.bucket is None:
        step = charts.usual_step(series)
        if step is None:
            return f"{len(series):,} readings"
        # "hourly" stands before the noun, "every 3 h" behind it.
        if (how := _every(step)).startswith("every"):
            return f"{len(series):,} readings, {how}"
        return f"{len(series):,} {how} readings"
    levels = [
        level
        for rollup in catalog.current().hypertables["readings"].rollups
        for level in rollup.levels
        if not series.bucket % level
    ]
    if not levels:
        return f"{len(series):,} points, {_every(series.bucket)}, from the readings"
    source = f"from the {_every(max(levels))} rollup"
    if series.bucket in levels:
        return f"{len(series):,} points {source}"
    return f"{len(series):,} points, {_every(series.bucket)}, {source}"


def _every(step: timedelta) -> str:
    named = {timedelta(minutes=1): "minutely", timedelta(hours=1): "hourly", DAY: "daily"}
    if step in named:
        return named[step]
    for unit, size in {"d": DAY, "h": timedelta(hours=1), "min": timedelta(minutes=1)}.items():
        if step >= size:
            return f"every {step / size:.3g} {unit}"
    return f"every {step.total_seconds():.3g} s"


def _between(start: datetime, end: datetime) -> str:
    return f"{start:%-d %b %Y %H:%M} to {end:%-d %b %Y %H:%M} UTC"


def _title(sensor: Sensor) -> list:
    return [
        f"{sensor.heading}, {sensor.location} ",
        html.Span(sensor.unit, className="ts-chip"),
    ]


def _parts(sensor: Sensor) -> tuple[str, str, str]:
    return sensor.type, sensor.location, sensor.name


def _unknown(type: str | None, location: str | None, name: str | None) -> str:
    said = {"type": type, "location": location, "name": name}
    parts = ", ".join(f"{part} “{value}”" for part, value in said.items() if value is not None)
    return f"There is no sensor with {parts}. It may have been renamed, or the link is mistyped."


def _require_text(*values: Any) -> None:
    for value in values:
        if not (isinstance(value, str) and value.isprintable() and len(value) <= LONGEST_TEXT):
            raise BadRequest(f"A choice is a text of at most {LONGEST_TEXT} printable characters.")


def _points(given: Any) -> int:
    if not isinstance(given, int) or isinstance(given, bool):
        raise BadRequest("The number of points is a whole number.")
    return min(max(given, FEWEST_POINTS), MOST_POINTS)


def _dropdown(id: str, label: str, options: list[str], value: str) -> html.Div:
    return html.Div(
        [
            html.Label(label, htmlFor=id),
            dcc.Dropdown(options, value, id=id, clearable=False, searchable=len(options) > 8),
        ]
    )


def _ranges(span: str) -> dbc.RadioItems:
    return dbc.RadioItems(
        id="range-preset",
        name="range",
        options=[{"label": label, "value": value} for value, label in RANGES.items()],
        value=span if span in RANGES else None,
        className="btn-group ts-ranges",
        input_class_name="btn-check",
        label_class_name="btn btn-sm btn-outline-primary",
        label_checked_class_name="active",
    )


def _card(
    name: str,
    eyebrow: str,
    title: list,
    figure: go.Figure,
    caption: str,
    config: dict,
    tools: list[Component],
) -> html.Section:
    heading = [
        html.P(eyebrow, id=f"{name}-eyebrow", className="ts-eyebrow"),
        html.H2(title, id=f"{name}-title", className="h5 mb-0"),
    ]
    return html.Section(
        [
            html.Div([html.Div(heading), *tools], className="ts-card-head"),
            dcc.Loading(
                dcc.Graph(id=f"{name}-graph", figure=figure, config=config, responsive=True),
                delay_show=250,
                overlay_style={"visibility": "visible", "opacity": 0.5},
                custom_spinner=html.Div(
                    html.Span("Loading", className="visually-hidden"),
                    className="spinner-border text-primary",
                    role="status",
                ),
            ),
            html.Div(
                [
                    html.Span(caption, id=f"{name}-caption"),
                    html.Span(
                        [
                            html.Span("mean or reading", className="ts-key ts-key-line"),
                            html.Span("minimum to maximum", className="ts-key ts-key-band"),
                        ],
                        className="ts-keys",
                    ),
                ],
                className="ts-caption",
            ),
        ],
        id=f"{name}-chart",
        className="ts-card ts-chart",
        # The two charts of a sensor have one title.
        **{"aria-labelledby": f"{name}-eyebrow {name}-title"},
    )
