"""A dialog: the browser's own, opened and closed by assets/dialog.js."""

from __future__ import annotations

import json
from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component


def opener(
    label: str, id: str, *, about: str = "", look: str = "btn-outline-primary"
) -> html.Button:
    """Return the button that opens the dialog with an id; ``about`` is for screen readers."""
    return html.Button(
        [label, html.Span(about, className="visually-hidden") if about else None],
        type="button",
        className=f"btn btn-sm {look}",
        **{"data-dialog": id, "aria-haspopup": "dialog"},
    )


def dialog(
    id: str,
    heading: str,
    inside: Sequence[Component],
    *,
    do: str,
    look: str = "btn-primary",
    **ask: str,
) -> html.Dialog:
    """Return a dialog whose button ``do`` asks for an action, with its fields, and closes it."""
    return html.Dialog(
        html.Form(
            [
                html.H2(heading, id=f"{id}-heading", className="h5"),
                *inside,
                html.Div(
                    [
                        html.Button(
                            "Cancel",
                            type="button",
                            className="btn btn-outline-primary",
                            **{"data-close": "1"},
                        ),
                        html.Button(do, type="submit", className=f"btn {look}"),
                    ],
                    className="ts-dialog-do",
                ),
            ],
            **{"data-ask": json.dumps(ask)},
        ),
        id=id,
        className="ts-dialog",
        **{"aria-labelledby": f"{id}-heading"},
    )
