"""The Markets page: which ticker, how its chart looks, and what it is compared with.

The server knows the tickers. The chart is drawn in the browser (assets/markets.js), of the arrays
of `/api/v1/candles` and `/api/v1/comparison`; all that the reader chooses is in the address.
"""

from __future__ import annotations

from collections.abc import Mapping

from dash import ClientsideFunction, Dash, Output, State, dcc, html
from dash.development.base_component import Component
from sqlalchemy.orm import Session

from timestack import db
from timestack.dash import states
from timestack.dash.choice import Choice, Comparison, DropDown, Peer, nearest
from timestack.dash.markets import add, chart
from timestack.dash.markets.address import Address
from timestack.dash.page import head
from timestack.domains.markets import listing
from timestack.models.markets import Ticker

EMPTY = states.empty(
    html.Li(
        [
            html.Code("SEED=yes"),
            " in ",
            html.Code(".env"),
            ", then ",
            html.Code("make up"),
            ": the prices of five companies from 2000 to 2013.",
        ]
    ),
    html.Li(
        [
            "Files of your own, the tickers before their prices:",
            html.Ol(
                [
                    states.file("tickers", "id, symbol, name, industry", "company"),
                    states.file(
                        "prices_daily",
                        "time, ticker_id, open, high, low, close, volume, adjusted_close",
                        "trading day",
                    ),
                ]
            ),
        ]
    ),
)


def offers(session: Session) -> dict[tuple[str, str], Ticker]:
    """Every ticker, by what the reader chooses."""
    return {(each.industry, each.symbol): each for each in listing.catalogue(session)}


def called(ticker: Ticker) -> str:
    """Return the symbol with the name of the company, where that is known."""
    return " · ".join(filter(None, (ticker.symbol, ticker.name.strip())))


CHOICE = Choice(
    "ticker",
    [
        DropDown("markets-industry", "Industry", "industry"),
        DropDown("markets-ticker", "Ticker", "ticker"),
    ],
    offers,
    Comparison(
        "markets-compare",
        "Compare with",
        "compare",
        # Percentages have one unit, whatever they are of.
        lambda ticker: Peer(ticker.symbol, called(ticker), ""),
    ),
    called,
)


class MarketsPage:
    """Candles of one ticker, or several in percent; whoever may see the charts may see it."""

    path = "markets"
    title = "Markets"
    about = "Daily prices of a company as candles or a line, with averages, compared with others."
    icon = "candles"
    table = "prices_daily"
    role = "viewer"

    def layout(self, asked: Mapping[str, str], width: int) -> Component:
        """Return the page for an address; what it leaves open is the first there is."""
        wanted, beside = CHOICE.wanted(asked), CHOICE.wanted_beside(asked)
        with db.session() as session:
            known = offers(session)
        if not known:
            return html.Div([EMPTY, html.Div(add.button(), className="ts-way")])
        chosen = nearest(known, wanted)
        if any(want not in (None, got) for want, got in zip(wanted, chosen, strict=True)):
            return states.unknown(CHOICE.noun, CHOICE.unknown(wanted))
        try:
            ticker, *_ = CHOICE.together(known, chosen, beside)
        except LookupError as error:
            return states.unknown(CHOICE.noun, str(error))
        address = Address.read(asked)
        tools = html.Div([add.button(), chart.copy()], className="ts-tools")
        return html.Div(
            [
                head(self, tools),
                CHOICE.card(known, chosen, beside),
                chart.card(ticker, address, beside),
                dcc.Store(id="markets-parameters", data=PARAMETERS),
                dcc.Store(id="markets-address"),
            ],
            className="ts-charts",
        )

    def register(self, dash: Dash) -> None:
        """Add the callbacks of the choice, the chart and the address."""
        CHOICE.register(dash)
        chart.register(dash, CHOICE.inputs())
        dash.clientside_callback(
            ClientsideFunction("timestack", "remember"),
            Output("markets-address", "data"),
            [*CHOICE.inputs(), *chart.INPUTS],
            State("markets-parameters", "data"),
        )


# The names in the address of what the callback above is given, in that order.
PARAMETERS = {
    "choice": ["industry", "ticker"],
    "beside": ["compare"],
    "ranges": ["range", "kind"],
    "lists": ["averages"],
    "live": ["adjusted"],
}
PAGE = MarketsPage()
