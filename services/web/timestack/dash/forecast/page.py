"""The Forecast page: its layout, and what keeps it up to date.

The address says what is shown (``Address``); the sections of the list are live, while one forecast,
or several, are as they were found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, dcc, html, no_update, set_props
from dash.development.base_component import Component
from flask import g
from sqlalchemy.orm import Session

from timestack import db
from timestack.dash import guard, states
from timestack.dash.address import href
from timestack.dash.forecast import actions, chart, comparison, form, listing, one, view
from timestack.dash.forecast.address import Address, AskedError
from timestack.dash.forecast.filled import boxes
from timestack.dash.lists import Note
from timestack.dash.live import CALM, LIVELY, Live, Seen
from timestack.dash.page import head
from timestack.dash.started import FormError
from timestack.domains.forecast import store, tickers

# Of a drop-down; a value that is empty would show as nothing.
ALL = "all"
LIVE = Live("forecast", view.SECTIONS)
NOUN = "forecast"


class ForecastPage:
    """Whoever may see the charts may see it; editors make forecasts and delete them."""

    path = "forecast"
    title = "Forecast"
    about = "Models of a ticker's direction, each judged on days that it had not seen."
    icon = "forecast"
    table = ""
    role = "viewer"

    def layout(self, asked: Mapping[str, str], width: int) -> Component:
        """Return the page for an address."""
        try:
            address = Address.read(asked)
            if address.start:
                guard.require("editor")
                return self._frame(address, *_start_page(address))
            with db.session() as session:
                if address.ids:
                    return self._frame(address, *self._found(session, address.ids))
                return self._list(session, address)
        except (AskedError, view.GoneError) as error:
            return states.unknown(NOUN, str(error))

    def _list(self, session: Session, address: Address) -> Component:
        seen = view.read(session, address, Note(), editor=_may_edit())
        link = html.A(
            "New forecast",
            href=href(start="1", symbol=address.ticker),
            className="btn btn-primary",
        )
        symbols = {*tickers.forecast(session), *seen.symbols, *filter(None, [address.ticker])}
        offered = {ALL: "All tickers"} | {each: each for each in sorted(symbols)}
        return self._frame(
            address,
            head(self, *([link] if _may_edit() else [])),
            *LIVE.elements(seen.sections, "told", "jobs"),
            html.Div(
                [
                    listing.filter_card(offered, address.ticker or ALL),
                    listing.comparing(),
                ],
                className="ts-card ts-forecast-filter",
            ),
            *LIVE.elements(seen.sections, "all"),
            seen=seen,
        )

    def _found(self, session: Session, ids: Sequence[int]) -> list[Component | None]:
        """One forecast, or those that there are of several; raises GoneError without any."""
        found = store.get(session, *ids)
        if not found:
            raise view.GoneError(*ids)
        missing = [id for id in ids if id not in {each.id for each in found}]
        gone = _gone(view.GoneError(*missing)) if missing else None
        if len(found) > 1:
            return [comparison.head(found), gone, *comparison.parts(found)]
        [forecast] = found
        return [
            one.head(forecast, editor=_may_edit()),
            gone,
            *one.parts(forecast),
            *([one.delete(forecast)] if _may_edit() else []),
        ]

    def _frame(
        self, address: Address, *parts: Component | None, seen: view.View | None = None
    ) -> html.Div:
        sections = seen.sections if seen else {}
        pace = _pace(seen) if seen else CALM
        return html.Div(
            [
                *parts,
                *LIVE.stores(address.parameters(), sections, pace, still=seen is None),
            ],
            className="ts-charts ts-jobs-page ts-forecast-page",
            **{"data-page": self.path},
        )

    def register(self, dash: Dash) -> None:
        """Add the callbacks of the clock, the filter, the buttons, the form and the charts."""
        LIVE.follow(dash, _look, "forecasts")
        LIVE.act(dash, actions.do)
        chart.register(dash)
        dash.clientside_callback(
            ClientsideFunction("timestack", "forecastPicked"),
            Output("forecast-marked", "data"),
            Input("forecast-what", "data"),
        )
        dash.clientside_callback(
            ClientsideFunction("timestack", "filter"),
            Input("forecast-ticker", "value"),
            prevent_initial_call=True,
        )

        @dash.callback(
            Output("forecast-form", "children"),
            Input("forecast-start-asked", "data"),
            prevent_initial_call=True,
        )
        def start(asked: Any) -> Any:
            return _start(asked)


FORM = (
    "The model learns from the days before the test part, and tells for each later day whether the"
    " next close is higher."
)


def _look(asked: Mapping[str, Any], note: Note) -> tuple[Seen, int]:
    address = Address.read(asked)
    if address.ids or address.start:
        return {}, CALM
    try:
        with db.session() as session:
            seen = view.read(session, address, note, editor=_may_edit())
    except view.GoneError as error:
        return {"told": _gone(error)}, CALM
    return seen.sections, _pace(seen)


def _start_page(address: Address) -> list[Component]:
    return [
        html.Div(
            [
                html.Div(
                    [
                        html.H1("New forecast", className="h3 mb-0"),
                        html.P(FORM, className="ts-page-about"),
                    ]
                ),
                html.A("All forecasts", href=href()),
            ],
            className="ts-page-head",
        ),
        html.Div(_form(boxes(address.filled)), id="forecast-form"),
        dcc.Store(id="forecast-start-asked"),
    ]


def _form(filled: Mapping[str, str], faults: Sequence[str] = ()) -> Component:
    """The form, or what to do where there is no ticker to choose."""
    with db.session() as session:
        spans = tickers.spans(session)
    if not spans:
        return listing.nothing(None, editor=True, prices=False)
    return form.form(spans, filled, faults)


def _start(asked: Any) -> Any:
    given = asked if isinstance(asked, dict) else {}
    try:
        actions.start(given.get("filled"), given.get("id"))
    except FormError as error:
        return _form(given["filled"], error.faults)
    set_props("url", {"search": ""})
    return no_update


def _gone(error: view.GoneError) -> html.P:
    return html.P(str(error), className="ts-notice ts-notice-warn", role="alert")


def _may_edit() -> bool:
    return guard.may(g.user, "editor")


def _pace(seen: view.View) -> int:
    return LIVELY if seen.moving else CALM


PAGE = ForecastPage()
