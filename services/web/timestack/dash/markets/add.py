"""The button that opens the dialog for adding a ticker.

The dialog is templates/dialogs/markets.html, and assets/add_ticker.js says what it does: it asks
the API (api/prices.py), and needs no callback.
"""

from __future__ import annotations

from dash import html
from flask import g

from timestack.dash import guard


def button() -> html.Button | None:
    """Return the button; None for those who may not add one."""
    if not guard.may(g.user, "editor"):
        return None
    return html.Button(
        "Add a ticker",
        type="button",
        className="btn btn-sm btn-outline-primary",
        **{"data-do": "open"},
    )
