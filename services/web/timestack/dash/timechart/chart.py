"""Charts of lines over time, as parts of a page: what they show, and what a reader does to them.

The page brings a skeleton of each chart (skeleton.py) in a store. Everything else is done in the
browser: assets/chart.js asks `/api/v1/series` for the points of what is in view and draws them,
assets/timestack.js hears of what the reader does, assets/follow.js asks for what is new. Ids begin
with the chart's name, which no other chart of the application may have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

import dash_bootstrap_components as dbc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, set_props
from dash.development.base_component import Component
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest

from timestack import db
from timestack.dash import states
from timestack.dash.choice import Choice
from timestack.dash.timechart import download
from timestack.dash.timechart.line import Line
from timestack.dash.timechart.ranges import DEFAULT_RANGE, RANGES, UnknownRangeError, known
from timestack.dash.timechart.skeleton import sent, skeleton, title


@dataclass(frozen=True)
class _Chart:
    """``line(session, chosen)`` returns the line of what the reader chose on the page, or several.

    Several are series of one value of one table, in one unit.
    """

    name: str
    line: Callable[[Session, Any], Line | Sequence[Line]]

    def id(self, part: str) -> str:
        """The id of one of its components."""
        return f"{self.name}-{part}"

    def lines(self, session: Session, chosen: Any) -> Sequence[Line]:
        """Return what is drawn of a choice."""
        found = self.line(session, chosen)
        return [found] if isinstance(found, Line) else found

    def _card(
        self,
        lines: Sequence[Line],
        *,
        label: str,
        size: str,
        tools: list[Component],
        alert: Component | None = None,
        state: list[Component],
        stores: list[Component],
    ) -> html.Section:
        heading = [
            html.P(label, id=self.id("eyebrow"), className="ts-eyebrow"),
            html.H2(
                [
                    html.Span(f"{title(lines)} ", id=self.id("name")),
                    html.Span(lines[0].unit, id=self.id("unit"), className="ts-chip"),
                ],
                id=self.id("title"),
                className="h5 mb-0",
            ),
        ]
        keys = [
            html.Span("mean or reading", className="ts-key ts-key-line"),
            html.Span("minimum to maximum", className="ts-key ts-key-band"),
        ]
        # See assets/plot.js.
        graph = html.Div(id=self.id("graph"), className=f"ts-plot {size}")
        busy, fault = states.asking(self.name)
        return html.Section(
            [
                html.Div(
                    [
                        html.Div(heading),
                        html.Div([*tools, download.menu(self.id)], className="ts-tools"),
                    ],
                    className="ts-card-head",
                ),
                html.Div(alert, id=self.id("alert")),
                fault,
                html.Ul(id=self.id("lines"), className="ts-lines", hidden=True),
                html.Div([graph, busy], className="ts-graph"),
                html.Div(
                    [
                        html.Span(
                            [html.Span(id=self.id("caption")), *state],
                            className="ts-caption-text",
                        ),
                        html.Span(keys, className="ts-keys"),
                    ],
                    className="ts-caption",
                ),
                dcc.Store(id=self.id("skeleton"), data=skeleton(lines)),
                *stores,
            ],
            id=self.id("chart"),
            className="ts-card ts-chart",
            # Two charts of a page may have one title.
            **{"aria-labelledby": f"{self.id('eyebrow')} {self.id('title')}"},
        )

    def _register(self, dash: Dash, choice: Choice, *also: Input) -> None:
        """Add what draws it, and gives it another skeleton when the reader chooses."""
        if f"{self.id('shown')}.data" in dash.callback_map:
            raise ValueError(f"two charts are called {self.name}: their ids would be the same")
        dash.clientside_callback(
            ClientsideFunction("timestack", "show"),
            Output(self.id("shown"), "data"),
            Input(self.id("skeleton"), "data"),
            *also,
        )
        if not choice.inputs():
            return

        @dash.callback(
            Output(self.id("skeleton"), "data"),
            choice.inputs(),
            prevent_initial_call=True,
            on_error=self._failed,
        )
        def choose(*given: Any) -> dict[str, Any]:
            """Raises BadRequest for whatever the page does not offer."""
            with db.session() as session:
                found = skeleton(self.lines(session, choice.find(session, given)))
            set_props(self.id("alert"), {"children": None})
            return found

    def _failed(self, error: Exception) -> None:
        """Show what went wrong above the chart, and leave the chart as it was."""
        set_props(self.id("alert"), {"children": states.failure(error)})


@dataclass(frozen=True)
class TimeChart(_Chart):
    """A range of lines at the resolution of the screen: buttons, slider, zoom, pan, what is new.

    ``parameter`` is the range's name in the address; two such charts of a page need two.
    """

    label: str = "Range in view"
    parameter: str = "range"

    @property
    def live_parameter(self) -> str:
        """The name in the address of whether it is live."""
        return "live" if self.parameter == "range" else f"{self.parameter}-live"

    def card(self, lines: Sequence[Line], asked: Mapping[str, str]) -> html.Section:
        """Return the chart for an address's parameters."""
        alert = None
        try:
            span = known(asked.get(self.parameter, DEFAULT_RANGE))
        except UnknownRangeError as error:
            alert, span = dbc.Alert(str(error), color="warning"), DEFAULT_RANGE
        return self._card(
            lines,
            label=self.label,
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
                dcc.Store(id=self.id("shown")),
                dcc.Store(id=self.id("following")),
                dcc.Store(id=self.id("range"), data=span),
                dcc.Store(id=self.id("seen")),
                dcc.Store(id=self.id("bands")),
            ],
        )

    def register(self, dash: Dash, choice: Choice) -> None:
        """Add its callbacks; ``choice`` is what the page's reader chooses from."""
        span = self.id("range")
        self._register(dash, choice, Input(span, "data"))
        dash.clientside_callback(
            ClientsideFunction("timestack", "preset"),
            Output(span, "data"),
            Input(self.id("preset"), "value"),
            prevent_initial_call=True,
        )
        dash.clientside_callback(
            ClientsideFunction("timestack", "bands"),
            Input(self.id("bands"), "data"),
            prevent_initial_call=True,
        )
        dash.clientside_callback(
            ClientsideFunction("timestack", "live"),
            # Without an output it would not be called when the page comes.
            Output(self.id("following"), "data"),
            Input(self.id("live"), "value"),
            State(span, "data"),
            State(self.id("skeleton"), "data"),
        )
        dash.clientside_callback(
            ClientsideFunction("timestack", "newest"),
            Input(self.id("newest"), "n_clicks"),
            State(span, "data"),
            prevent_initial_call=True,
        )

        @dash.callback(
            Output(self.id("bands"), "data"),
            Input(self.id("seen"), "data"),
            [State(each.component_id, each.component_property) for each in choice.inputs()],
            prevent_initial_call=True,
            # It is answered as a failed request is.
            on_error=_raise,
        )
        def stands_out(seen: Any, *given: Any) -> dict[str, Any]:
            """What stands out in a time; raises BadRequest for what no chart sends."""
            start, end = _seen(seen)
            with db.session() as session:
                lines = self.lines(session, choice.find(session, given))
                found = [band for each in lines if each.bands for band in each.bands(start, end)]
            return {"seen": seen, "bands": sent(found)}

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
    """The whole history of lines, a point a day or fewer; it does not move."""

    label: str = "The whole history, day by day"

    def card(self, lines: Sequence[Line], asked: Mapping[str, str]) -> html.Section:
        """Return the chart; the address does not change it."""
        return self._card(
            lines,
            label=self.label,
            size="ts-graph-low",
            tools=[],
            state=[],
            stores=[dcc.Store(id=self.id("shown"))],
        )

    def register(self, dash: Dash, choice: Choice) -> None:
        """Add its callbacks; ``choice`` is what the page's reader chooses from."""
        self._register(dash, choice)


def _seen(given: Any) -> tuple[datetime, datetime]:
    """The ends of what a browser shows; raises BadRequest."""
    try:
        start, end = (datetime.fromisoformat(given[name]) for name in ("start", "end"))
        return start.astimezone(UTC), end.astimezone(UTC)
    except (TypeError, KeyError, ValueError, OverflowError):
        raise BadRequest("What a chart shows are two times.") from None


def _raise(error: Exception) -> NoReturn:
    raise error
