"""A dashboard: what the shell asks of a page, and the page that most are, of charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component
from sqlalchemy.orm import Session

from timestack import db
from timestack.dash import states
from timestack.dash.choice import NO_CHOICE, Choice, nearest
from timestack.dash.table import Table
from timestack.dash.timechart import DailyChart, TimeChart, zone


class Page(Protocol):
    """A dashboard at ``<URL_PREFIX>/dash/<path>``, for users with a ``role`` or one above it.

    ``about`` says in a sentence what it is for, below its title and on its card of the start page.
    The card has an ``icon`` of static/icons.svg and the newest time of ``table``, a hypertable; ""
    for none.
    """

    path: str
    title: str
    about: str
    icon: str
    table: str
    role: str

    def layout(self, asked: Mapping[str, str], width: int) -> Component:
        """Return its content for an address's parameters and a window's width in CSS pixels."""

    def register(self, dash: Dash) -> None:
        """Add its callbacks, once per application."""


class Card(Protocol):
    """A part of a page about what the reader chose there, such as a Table."""

    def card(self, session: Session, chosen: Any) -> Component:
        """Return what it shows of what was chosen."""

    def register(self, dash: Dash, choice: Choice) -> None:
        """Add its callbacks; ``choice`` is what the page's reader chooses from."""


def head(page: Page, *beside: Component) -> html.Div:
    """Return the title of a page and what it is for, as the document shows them until it is there.

    ``beside`` is what the reader may want next, such as a link.
    """
    title = html.H1(page.title, className="h3 mb-0")
    about = html.P(page.about, className="ts-page-about") if page.about else None
    return html.Div([html.Div([title, about]), *beside], className="ts-page-head")


def tools() -> html.Div:
    """What every page of charts has: the zone of their times, and a link to what is shown."""
    link = html.Button(
        "Copy link",
        type="button",
        className="btn btn-sm btn-outline-primary",
        # See static/copy.js.
        **{"data-copies": ""},
    )
    return html.Div([zone.switch(), link], className="ts-tools")


@dataclass(frozen=True)
class ChartPage:
    """Charts of one thing, which the reader chooses; the address says which, and what range.

    ``above`` the charts may be other cards, and below them are ``tables`` of the same thing.
    ``empty`` is shown while there is nothing to choose.
    """

    path: str
    title: str
    charts: Sequence[TimeChart | DailyChart]
    choice: Choice = NO_CHOICE
    above: Sequence[Card] = ()
    tables: Sequence[Table] = ()
    empty: Component = field(default_factory=states.empty)
    about: str = ""
    icon: str = "chart"
    table: str = ""
    role: str = "viewer"

    def __post_init__(self) -> None:
        """Refuse what an address could not tell apart."""
        names = [name for names in self._parameters.values() for name in names]
        if len(set(names)) < len(names):
            raise ValueError(f"two parts of the page {self.path} have one name in the address")

    @property
    def _parameters(self) -> dict[str, list[str]]:
        """The names in the address: of the choice, what is beside it, ranges, and what is live."""
        comparison = self.choice.comparison
        return {
            "choice": [each.parameter for each in self.choice.drop_downs],
            "beside": [comparison.parameter] if comparison else [],
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
            beside = self.choice.wanted_beside(asked)
            try:
                given = self.choice.together(offers, chosen, beside)
            except LookupError as error:
                return states.unknown(self.choice.noun, str(error))
            above = [each.card(session, given) for each in self.above]
            # Charts of one line read it once.
            lines = {each.line: each.lines(session, given) for each in self.charts}
            cards = [each.card(lines[each.line], asked) for each in self.charts]
            tables = [each.card(session, given) for each in self.tables]
        return html.Div(
            [
                head(self, tools()),
                self.choice.card(offers, chosen, beside),
                *above,
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
        for each in (*self.above, *self.charts, *self.tables):
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
