"""Charts of one line over time, as parts of a page: what they show, and what a reader does to them.

The server answers with a drawing (figure.py) in a store; its ``meta`` says what it is. The browser
gives it its colours (assets/colours.js), asks again for what comes into view (assets/timestack.js),
and while the chart is live for what is new (assets/follow.js). Ids begin with the chart's name,
which no other chart of the application may have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

import dash_bootstrap_components as dbc
import plotly.graph_objects as go
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, set_props
from dash.development.base_component import Component
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest

from timestack import db
from timestack.dash import states
from timestack.dash.choice import Choice, require_text
from timestack.dash.timechart import download, figure, live
from timestack.dash.timechart.caption import between, caption, noun
from timestack.dash.timechart.line import FEWEST_POINTS, MOST_POINTS, Line
from timestack.dash.timechart.ranges import (
    DEFAULT_RANGE,
    RANGES,
    UnknownRangeError,
    Window,
    follows,
    window,
)
from timestack.series.query import Series
from timestack.words import EMPTY

# What of a window is not chart: margins, padding, the axis. In CSS pixels.
FRAME = 120


class View(NamedTuple):
    """All that a chart says, in the order of its callback's outputs."""

    title: list
    drawing: go.Figure
    caption: str


@dataclass(frozen=True)
class _Chart:
    """``line(session, chosen)`` returns what is drawn of what the reader chose on the page."""

    name: str
    line: Callable[[Session, Any], Line]

    def id(self, part: str) -> str:
        """The id of one of its components."""
        return f"{self.name}-{part}"

    def _view(self, line: Line, draw: Callable[[Line], tuple[go.Figure, str]]) -> View:
        title = [f"{line.title} ", html.Span(line.unit, className="ts-chip")]
        if line.extent is None:
            return View(title, figure.blank(EMPTY.heading), f"{EMPTY.heading}.")
        return View(title, *draw(line.with_width()))

    def _card(
        self,
        view: View,
        *,
        label: str,
        config: dict,
        size: str,
        tools: list[Component],
        alert: Component | None = None,
        state: list[Component],
        stores: list[Component],
    ) -> html.Section:
        heading = [
            html.P(label, id=self.id("eyebrow"), className="ts-eyebrow"),
            html.H2(view.title, id=self.id("title"), className="h5 mb-0"),
        ]
        keys = [
            html.Span("mean or reading", className="ts-key ts-key-line"),
            html.Span("minimum to maximum", className="ts-key ts-key-band"),
        ]
        menu = download.menu(self.id, (view.drawing.layout.meta or {}).get("rows"))
        return html.Section(
            [
                html.Div(
                    [
                        html.Div(heading),
                        html.Div([*tools, menu], className="ts-tools"),
                    ],
                    className="ts-card-head",
                ),
                html.Div(alert, id=self.id("alert")),
                dcc.Loading(
                    [
                        dcc.Store(id=self.id("drawing"), data=view.drawing),
                        dcc.Graph(
                            id=self.id("graph"),
                            config=config,
                            responsive=True,
                            className=size,
                        ),
                    ],
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
                        html.Span(
                            [html.Span(view.caption, id=self.id("caption")), *state],
                            className="ts-caption-text",
                        ),
                        html.Span(keys, className="ts-keys"),
                    ],
                    className="ts-caption",
                ),
                *stores,
            ],
            id=self.id("chart"),
            className="ts-card ts-chart",
            # Two charts of a page may have one title.
            **{"aria-labelledby": f"{self.id('eyebrow')} {self.id('title')}"},
        )

    def _register(
        self, dash: Dash, draw: Callable[..., View], inputs: list[Input], state: list[State]
    ) -> None:
        if f"{self.id('graph')}.figure" in dash.callback_map:
            raise ValueError(f"two charts are called {self.name}: their ids would be the same")
        dash.clientside_callback(
            ClientsideFunction("timestack", "paint"),
            Output(self.id("graph"), "figure"),
            Input(self.id("drawing"), "data"),
            Input("look", "data"),
        )
        dash.clientside_callback(
            ClientsideFunction("timestack", "links"),
            download.outputs(self.id),
            Input(self.id("drawing"), "data"),
        )

        def answer(*given: Any) -> View:
            view = draw(*given)
            set_props(self.id("alert"), {"children": None})
            return view

        if inputs:
            dash.callback(
                Output(self.id("title"), "children"),
                Output(self.id("drawing"), "data"),
                Output(self.id("caption"), "children"),
                inputs,
                state,
                prevent_initial_call=True,
                on_error=self._failed,
            )(answer)

    def _failed(self, error: Exception) -> None:
        """Show what went wrong above the chart, and leave the chart as it was."""
        set_props(self.id("alert"), {"children": states.failure(error)})


@dataclass(frozen=True)
class TimeChart(_Chart):
    """A range of a line at the resolution of the screen: buttons, slider, zoom, pan, what is new.

    ``parameter`` is the range's name in the address; two such charts of a page need two.
    """

    label: str = "Range in view"
    parameter: str = "range"

    @property
    def live_parameter(self) -> str:
        """The name in the address of whether it is live."""
        return "live" if self.parameter == "range" else f"{self.parameter}-live"

    def card(self, line: Line, asked: Mapping[str, str], width: int) -> html.Section:
        """Return the chart for an address's parameters and a window's width in CSS pixels."""
        span, points = asked.get(self.parameter, DEFAULT_RANGE), _clamp(width - FRAME)
        alert = None
        try:
            view = self.show(line, span, points)
        except UnknownRangeError as error:
            alert = dbc.Alert(str(error), color="warning")
            span = DEFAULT_RANGE
            view = self.show(line, span, points)
        return self._card(
            view,
            label=self.label,
            config=figure.CONFIG,
            size="ts-graph-tall",
            tools=[self._buttons(span), self._switch(asked.get(self.live_parameter) == "1")],
            alert=alert,
            state=[
                # Only whether it is connected is read aloud: what is new, comes every few seconds.
                html.Span(id=self.id("connection"), role="status"),
                html.Span(id=self.id("news")),
                html.Button(
                    "Show the newest",
                    id=self.id("newest"),
                    type="button",
                    className="btn btn-link ts-link",
                    hidden=True,
                ),
            ],
            stores=[
                dcc.Store(id=self.id("range"), data=span),
                dcc.Store(id=self.id("points"), data=points),
                dcc.Store(id=self.id("tick")),
                dcc.Store(id=self.id("asked")),
                dcc.Store(id=self.id("tail")),
            ],
        )

    def register(self, dash: Dash, choice: Choice) -> None:
        """Add its callbacks; ``choice`` is what the page's reader chooses from."""
        dash.clientside_callback(
            ClientsideFunction("timestack", "preset"),
            Output(self.id("range"), "data"),
            Input(self.id("preset"), "value"),
            prevent_initial_call=True,
        )
        dash.clientside_callback(
            ClientsideFunction("timestack", "zoom"),
            Input(self.id("graph"), "relayoutData"),
            prevent_initial_call=True,
        )

        def draw(*given: Any) -> View:
            """Raises BadRequest for whatever the page does not offer."""
            *chosen, span, points = given
            require_text(*chosen, span)
            points = _points(points)
            with db.session() as session:
                line = self.line(session, choice.find(session, chosen))
                try:
                    return self.show(line, span, points)
                except UnknownRangeError as error:
                    raise BadRequest(str(error)) from None

        inputs = [*choice.inputs(), Input(self.id("range"), "data")]
        width = State(self.id("points"), "data")
        self._register(dash, draw, inputs, [width])
        self._register_live(dash, choice, [*_states(inputs), width])

    def _register_live(self, dash: Dash, choice: Choice, state: list[State]) -> None:
        drawing, span = State(self.id("drawing"), "data"), State(self.id("range"), "data")
        dash.clientside_callback(
            ClientsideFunction("timestack", "live"),
            Output(self.id("tick"), "data"),
            Input(self.id("live"), "value"),
            span,
            drawing,
        )
        dash.clientside_callback(
            ClientsideFunction("timestack", "ask"),
            Output(self.id("asked"), "data"),
            Input(self.id("tick"), "data"),
            Input(self.id("range"), "data"),
            drawing,
            prevent_initial_call=True,
        )
        dash.clientside_callback(
            ClientsideFunction("timestack", "follow"),
            Input(self.id("tail"), "data"),
            span,
            drawing,
            prevent_initial_call=True,
        )
        dash.clientside_callback(
            ClientsideFunction("timestack", "newest"),
            Input(self.id("newest"), "n_clicks"),
            span,
            prevent_initial_call=True,
        )

        @dash.callback(
            Output(self.id("tail"), "data"),
            Input(self.id("asked"), "data"),
            *state,
            prevent_initial_call=True,
            # It is answered as a failed request is: the browser asks again.
            on_error=_raise,
        )
        def follow(asked: Any, *given: Any) -> dict[str, Any]:
            """Raises BadRequest for whatever no chart asks."""
            there = live.read(asked)
            *chosen, span, points = given
            require_text(*chosen, span)
            points = _points(points)
            with db.session() as session:
                line = self.line(session, choice.find(session, chosen))
                try:
                    return self.follow(line, span, points, there)
                except UnknownRangeError as error:
                    raise BadRequest(str(error)) from None

    def show(self, line: Line, span: str, points: int) -> View:
        """Read and draw a range; raises UnknownRangeError."""

        def draw(line: Line) -> tuple[go.Figure, str]:
            seen = window(span, line.extent)
            series = line.read(seen.start, seen.end, points)
            drawing = figure.detail(line, series, line.days, seen, _revision(series, span))
            drawing.layout.meta = {
                "rows": download.address(line.rows, seen),
                "noun": noun(series, line.levels),
                "shown": live.shown(series, seen).sent(),
            }
            return drawing, caption(series, line.levels, seen.start, seen.end)

        return self._view(line, draw)

    def follow(
        self, line: Line, span: str, points: int, there: live.Shown | None
    ) -> dict[str, Any]:
        """Return what a live chart that shows ``there`` is to take in; raises UnknownRangeError.

        ``news`` and ``span`` are always there. Beside them are the parts of a view that replaces
        what is shown, or those of a tail; neither where the range is of the past, which stays.
        """
        if line.extent is None:
            return {"span": span, "news": "no readings yet"}
        line = line.with_width()
        seen = window(span, line.extent)
        answer = {
            "span": span,
            "news": live.news(line.extent.last, there and there.step),
            "slider": figure.texts(line.extent.first, line.extent.last),
        }
        if there and not follows(span):
            return answer
        series = live.tail(line, there, seen, points) if there else None
        if series is None:
            return {**answer, "whole": self.show(line, span, points)._asdict()}
        drawn = figure.tail(line, series, there.step, seen)
        return {
            **answer,
            "tail": {
                "since": there.sent()["since"],
                "shown": live.after(there, series).sent(),
                "revision": _revision(series, span),
                "data": drawn.data,
                "height": drawn.layout.yaxis.range,
                "shapes": drawn.layout.shapes,
                "range": figure.texts(seen.start, seen.end),
                "between": between(seen.start, seen.end),
                "rows": download.address(line.rows, seen),
            },
        }

    def _switch(self, is_on: bool) -> dbc.Switch:
        return dbc.Switch(id=self.id("live"), label="Live", value=is_on, className="ts-switch")

    def _buttons(self, span: str) -> dbc.RadioItems:
        return dbc.RadioItems(
            id=self.id("preset"),
            name=self.id("range"),
            options=[{"label": label, "value": value} for value, label in RANGES.items()],
            value=span if span in RANGES else None,
            className="btn-group ts-ranges",
            input_class_name="btn-check",
            label_class_name="btn btn-sm btn-outline-primary",
            label_checked_class_name="active",
        )


@dataclass(frozen=True)
class DailyChart(_Chart):
    """The whole history of a line, a point a day or fewer; it does not move."""

    label: str = "The whole history, day by day"

    def card(self, line: Line, asked: Mapping[str, str], width: int) -> html.Section:
        """Return the chart; neither the address nor the width of the window changes it."""
        return self._card(
            self.show(line),
            label=self.label,
            config=figure.STILL,
            size="ts-graph-low",
            tools=[],
            state=[],
            stores=[],
        )

    def register(self, dash: Dash, choice: Choice) -> None:
        """Add its callbacks; ``choice`` is what the page's reader chooses from."""

        def draw(*chosen: Any) -> View:
            """Raises BadRequest for whatever the page does not offer."""
            require_text(*chosen)
            with db.session() as session:
                return self.show(self.line(session, choice.find(session, chosen)))

        self._register(dash, draw, choice.inputs(), [])

    def show(self, line: Line) -> View:
        """Read and draw the whole history."""

        def draw(line: Line) -> tuple[go.Figure, str]:
            seen = Window(line.extent.first, line.extent.last)
            drawing = figure.daily(line, line.days)
            drawing.layout.meta = {"rows": download.address(line.rows, seen)}
            return drawing, caption(line.days, line.levels, seen.start, seen.end)

        return self._view(line, draw)


def _revision(series: Series, span: str) -> str:
    """What stays the same while a reader moves about: Plotly keeps the range meanwhile."""
    return f"{series.key} {span if follows(span) else 'moved'}"


def _states(inputs: list[Input]) -> list[State]:
    """The same as what a callback does not wait for."""
    return [State(each.component_id, each.component_property) for each in inputs]


def _raise(error: Exception) -> NoReturn:
    raise error


def _points(given: Any) -> int:
    if not isinstance(given, int) or isinstance(given, bool):
        raise BadRequest("The number of points is a whole number.")
    return _clamp(given)


def _clamp(points: int) -> int:
    return min(max(points, FEWEST_POINTS), MOST_POINTS)
