"""A dashboard: what the shell asks of a page, and the page that most are, of charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from timestack import db
from timestack.dash import states
from timestack.dash.choice import NO_CHOICE, Choice, nearest
from timestack.dash.table import Table
from timestack.dash.timechart import DailyChart, TimeChart


class Page(Protocol):
    """A dashboard at ``<URL_PREFIX>/dash/<path>``, for users with a ``role`` or one above it."""

    path: str
    title: str
    role: str

    def layout(self, asked: Mapping[str, str], width: int) -> Component:
        """Return its content for an address's parameters and a window's width in CSS pixels."""

    def register(self, dash: Dash) -> None:
        """Add its callbacks, once per application."""


@dataclass(frozen=True)
class ChartPage:
    """Charts of one thing, which the reader chooses; the address says which, and what range.

    Below the charts are ``tables`` of the same thing. ``empty`` is shown while there is nothing to
    choose.
    """

    path: str
    title: str
    charts: Sequence[TimeChart | DailyChart]
    choice: Choice = NO_CHOICE
    tables: Sequence[Table] = ()
    empty: Component = field(default_factory=states.empty)
    role: str = "viewer"

    def __post_init__(self) -> None:
        """Refuse what an address could not tell apart."""
        names = [name for names in self._parameters.values() for name in names]
        if len(set(names)) < len(names):
            raise ValueError(f"two parts of the page {self.path} have one name in the address")

    @property
    def _parameters(self) -> dict[str, list[str]]:
        """The names in the address: of the choice, of the ranges, and of what is live."""
        return {
            "choice": [each.parameter for each in self.choice.drop_downs],
            "ranges": [each.parameter for each in self._moving],
            "live": [each.live_parameter for each in self._moving],
        }

    @property
    def _moving(self) -> list[TimeChart]:
        return [each for each in self.charts if isinstance(each, TimeChart)]

    def layout(self, asked: Mapping[str, str], width: int) -> Component:
        """Return the page for an address; what it leaves open is the first there is."""
        wanted = self.choice.wanted(asked)
        with db.session() as session:
            offers = self.choice.offers(session)
            if not offers:
                return self.empty
            chosen = nearest(offers, wanted)
            if any(want not in (None, got) for want, got in zip(wanted, chosen, strict=True)):
                return states.unknown(self.choice.noun, self.choice.unknown(wanted))
            # Charts of one line read it once.
            lines = {each.line: each.line(session, offers[chosen]) for each in self.charts}
            cards = [each.card(lines[each.line], asked, width) for each in self.charts]
            tables = [each.card(session, offers[chosen]) for each in self.tables]
        head = [
            html.H1(self.title, className="h3 mb-0"),
            html.P("All times are UTC.", className="text-body-secondary mb-0"),
        ]
        return html.Div(
            [
                html.Div(head, className="ts-page-head"),
                self.choice.card(offers, chosen),
                *cards,
                html.Div(tables, className="ts-tables") if tables else None,
                dcc.Store(id=f"{self.path}-address"),
                dcc.Store(id=f"{self.path}-parameters", data=self._parameters),
            ],
            className="ts-charts",
        )

    def register(self, dash: Dash) -> None:
        """Add the callbacks of the choice, of each chart, and the one that writes the address."""
        self.choice.register(dash)
        for each in (*self.charts, *self.tables):
            each.register(dash, self.choice)
        ranges = [Input(each.id("range"), "data") for each in self._moving]
        live = [Input(each.id("live"), "value") for each in self._moving]
        if watched := [*self.choice.inputs(), *ranges, *live]:
            dash.clientside_callback(
                ClientsideFunction("timestack", "remember"),
                Output(f"{self.path}-address", "data"),
                watched,
                State(f"{self.path}-parameters", "data"),
            )
