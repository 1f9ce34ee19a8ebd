"""What a page shows when it has nothing to draw: each says what is so and what to do now."""

from __future__ import annotations

import logging

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component
from flask import g
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from timestack import db
from timestack.words import EMPTY, OUR_FAULT, OUTAGE, READ_ONLY

log = logging.getLogger(__name__)


def empty(*ways: Component) -> html.Section:
    """There is nothing to choose from yet; ``ways`` are list items, each a way to load some."""
    how = [html.P("On the host, in the folder of the project:"), html.Ul(list(ways))]
    return html.Section(
        [
            html.H1(EMPTY.heading, className="h4"),
            html.P(EMPTY.advice),
            *(how if ways else []),
            html.P("Then reload this page.", className="text-body-secondary"),
        ],
        className="ts-state",
    )


def file(table: str, columns: str, row: str = "row") -> html.Li:
    """The command that loads a table from a file with these columns; ``row`` says what a row is."""
    return html.Li(
        [
            html.Code(f"make load FILE={table}.csv TABLE={table}"),
            ", with the columns ",
            html.Code(columns),
            f": a line for each {row}.",
        ]
    )


def unknown(noun: str, sentence: str) -> html.Section:
    """The address names what is not there; the link leads to the page without any choice."""
    return _alert(f"Unknown {noun}", sentence, f"Show the {noun}s there are", "?")


def refused(sentence: str, label: str) -> html.Section:
    """The address names what is not for this reader; the link leads to the page without it."""
    return _alert("This is not yours to see", sentence, label, "?")


def no_such_page(path: str, title: str, href: str) -> html.Section:
    """No page has this address; ``href`` leads to the one with a title."""
    return _alert(
        "There is no such page",
        f"Nothing is kept at “{path}”: the address may be mistyped, or the page has moved.",
        f"Go to {title}",
        href,
    )


def failure(error: Exception) -> dbc.Alert:
    """Log what went wrong and return what the reader sees of it; Retry asks for the same address.

    A refusal (an HTTP exception) stays one: it is raised again, and answered with its status.
    """
    if isinstance(error, HTTPException):
        raise error
    if isinstance(error, OperationalError | PoolTimeout):
        log.error("the database does not answer: %s", error)
        words = OUTAGE
    elif db.is_read_only(error):
        words = READ_ONLY
    else:
        log.error("a callback failed", exc_info=error)
        words = OUR_FAULT
    return dbc.Alert(
        [
            html.H2(words.heading, className="h5 alert-heading"),
            html.P(words.advice, className="mb-2"),
            html.P(
                ["Request id: ", html.Code(g.get("request_id", "none"))],
                className="small mb-3",
            ),
            # An empty address is the present one, with the choice that the reader has made.
            html.A("Retry", href="", className="btn btn-primary btn-sm"),
        ],
        color="danger",
    )


def asking(name: str) -> list[Component]:
    """What assets/ask.js shows of requests of this name: that one takes long, that it failed."""
    return [
        html.Div(
            html.Span("Loading", className="visually-hidden"),
            id=f"{name}-busy",
            className="ts-busy spinner-border text-primary",
            role="status",
            hidden=True,
        ),
        html.Div(id=f"{name}-fault", className="ts-fault", role="alert", hidden=True),
    ]


def _alert(heading: str, sentence: str, label: str, href: str) -> html.Section:
    return html.Section(
        [
            html.H1(heading, className="h4"),
            html.P(sentence),
            html.A(label, href=href, className="btn btn-primary"),
        ],
        role="alert",
        className="ts-state",
    )
