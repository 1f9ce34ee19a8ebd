"""What a page shows when it has nothing to draw: each says what is so and what to do now."""

from __future__ import annotations

import dash_bootstrap_components as dbc
from dash import html
from flask import g

# Table -> the columns of a file for it, and what a line is.
FILES = [
    ("sensors", "id, type, location, name, unit", "a line for each sensor"),
    ("readings", "time, sensor_id, value", "a line for each reading, of the sensor with that id"),
]


def no_sensors() -> html.Section:
    """The database has no sensor yet."""
    return html.Section(
        [
            html.P("Nothing to draw yet", className="ts-eyebrow"),
            html.H1("No sensors yet", className="h4"),
            html.P("The database is there and answers, but nothing has been loaded into it."),
            html.P("On the host, in the folder of the project, do one of these:"),
            html.Ul(
                [
                    html.Li(
                        [
                            html.Code("SEED=yes"),
                            " in ",
                            html.Code(".env"),
                            ", then ",
                            html.Code("make up"),
                            ": a year of real weather at three airports.",
                        ]
                    ),
                    html.Li(
                        [
                            "Files of your own, the sensors before their readings:",
                            html.Ol([_file(*each) for each in FILES]),
                        ]
                    ),
                ]
            ),
            html.P("Then reload this page.", className="text-body-secondary"),
        ],
        className="ts-state",
    )


def _file(table: str, columns: str, line: str) -> html.Li:
    return html.Li(
        [
            html.Code(f"make load FILE={table}.csv TABLE={table}"),
            ", with the columns ",
            html.Code(columns),
            f": {line}.",
        ]
    )


def unknown_sensor(sentence: str, href: str) -> html.Section:
    """The address names a sensor that is not there; ``href`` leads to one that is."""
    return _alert("Unknown sensor", sentence, "Show the sensors there are", href)


def no_such_page(path: str, href: str) -> html.Section:
    """No page has this address."""
    return _alert(
        "There is no such page",
        f"Nothing is kept at “{path}”: the address may be mistyped, or the page has moved.",
        "Go to Sensors",
        href,
    )


def failed(heading: str, advice: str) -> dbc.Alert:
    """Something did not work; Retry asks for the same address again."""
    return dbc.Alert(
        [
            html.H2(heading, className="h5 alert-heading"),
            html.P(advice, className="mb-2"),
            html.P(
                ["Request id: ", html.Code(g.get("request_id", "none"))],
                className="small mb-3",
            ),
            # An empty address is the present one, with the choice that the reader has made.
            html.A("Retry", href="", className="btn btn-primary btn-sm"),
        ],
        color="danger",
    )


def loading() -> html.Div:
    """The outline of a page, until its content is there."""
    return html.Div(
        [
            html.Span("Loading", className="visually-hidden", role="status"),
            html.Div(className="ts-bone ts-bone-line"),
            html.Div(className="ts-bone ts-bone-row"),
            html.Div(className="ts-bone ts-bone-chart"),
        ]
    )


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
