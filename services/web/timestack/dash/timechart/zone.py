"""In which time zone charts show times: UTC or the reader's own, which the browser knows.

assets/zone.js names the latter and remembers what was chosen.
"""

from __future__ import annotations

import dash_bootstrap_components as dbc
from dash import ClientsideFunction, Dash, Input, Output, html
from dash.development.base_component import Component


def switch() -> Component:
    """Return the buttons, for a page; the browser shows them where it has a zone of its own."""
    return html.Div(
        [
            html.Span("Times in", id="zone-label"),
            dbc.RadioItems(
                id="zone",
                name="zone",
                options=[{"label": "UTC", "value": "utc"}],
                value="utc",
                className="btn-group ts-ranges",
                input_class_name="btn-check",
                label_class_name="btn btn-sm btn-outline-primary",
                label_checked_class_name="active",
            ),
        ],
        id="zones",
        className="ts-zone",
        role="group",
        hidden=True,
        **{"aria-labelledby": "zone-label"},
    )


def register(dash: Dash) -> None:
    """Add what gives the buttons their zones, and draws all charts again in another one."""
    dash.clientside_callback(
        ClientsideFunction("timestack", "zones"),
        Output("zone", "options"),
        Output("zone", "value"),
        Input("zone", "id"),
    )
    dash.clientside_callback(
        ClientsideFunction("timestack", "zoned"),
        Input("zone", "value"),
        prevent_initial_call=True,
    )
