"""What is charted of a dataset: one of its values, of all its series together or of some."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest

from timestack.dash.choice import MOST_BESIDE, Choice, require_text
from timestack.dash.datasets import entries
from timestack.dash.datasets.entries import Entry
from timestack.dash.page import tools
from timestack.dash.timechart import Line, TimeChart, hypertable_line
from timestack.domains.datasets import look
from timestack.domains.export.tables import WrongKey, kept_columns, typed

# The lines of a chart have so many colours.
MOST_LINES = MOST_BESIDE + 1
# Series that the drop-down offers; a link may name any.
MOST_OFFERED = 200


@dataclass(frozen=True)
class Chosen:
    """A value of a dataset, and of which series: the values of their keys; {} is all together."""

    entry: Entry
    value: str
    series: Sequence[Mapping[str, Any]]


class Pickers(Choice):
    """The drop-downs of a dataset's values and series, as the chart listens to them."""

    def inputs(self) -> list[Input]:
        """Return what the chart depends on."""
        return [
            Input("dataset-name", "data"),
            Input("dataset-value", "value"),
            Input("dataset-series", "value"),
        ]

    def find(self, session: Session, given: Iterable[Any]) -> Chosen:
        """Return what is charted; raises BadRequest for what the dataset does not have."""
        name, value, series = given
        # A drop-down without a value.
        series = [] if series is None else series
        if not isinstance(series, list):
            raise BadRequest("Series are a list.")
        require_text(name, value, *series)
        entry = entries.one(session, name)
        try:
            return choose(session, entry, value, series)
        except LookupError as error:
            raise BadRequest(str(error)) from None


PICKERS = Pickers("dataset", (), lambda _: {})


def values(entry: Entry | None) -> list[str]:
    """The columns of a dataset that can be charted; none while it cannot be read."""
    return look.charted(entry.now) if entry and entry.now else []


def choose(session: Session, entry: Entry | None, value: str, series: Sequence[str]) -> Chosen:
    """Return what is charted; raises LookupError with a sentence."""
    there = values(entry)
    if value not in there:
        has = f"its numbers are {', '.join(there)}" if there else "it has no numbers to chart"
        raise LookupError(f"There is no column “{value}” to chart: {has}.")
    if len(series) > MOST_LINES:
        raise LookupError(f"A chart has {MOST_LINES} lines at most.")
    found = [_keys(session, entry, value, each) for each in dict.fromkeys(series)]
    return Chosen(entry, value, found or [{}])


def _keys(session: Session, entry: Entry, value: str, series: str) -> dict[str, Any]:
    names = look.keys_of(entry.now, value)
    given = [unquote(each) for each in series.split("/")]
    try:
        if len(given) != len(names):
            raise WrongKey(series, "is not one value for each key")
        known = kept_columns(session, entry.table)
        asked = {name: [each] for name, each in zip(names, given, strict=True)}
        typed_ = typed(session, {name: known[name] for name in names}, asked)
    except WrongKey:
        raise LookupError(f"“{series}” is not a series of this dataset.") from None
    return {name: found for name, [found] in typed_.items()}


def usual(session: Session, entry: Entry, value: str) -> list[str]:
    """The series that are shown at first: each by itself where they are few, else all together."""
    found = look.series(session, entry.now, value, MOST_LINES + 1)
    return [_text(each) for each in found] if len(found) <= MOST_LINES else []


def card(session: Session, chosen: Chosen) -> html.Div:
    """The drop-downs; that of series where there are keys."""
    entry, value = chosen.entry, chosen.value
    found = look.series(session, entry.now, value, MOST_OFFERED)
    shown = [each for each in chosen.series if each]
    offered = {_text(each): label(each) for each in (*found, *shown)}
    return html.Div(
        [
            dcc.Store(id="dataset-name", data=entry.name),
            html.Div(
                [
                    html.Label("Value", htmlFor="dataset-value"),
                    dcc.Dropdown(
                        values(entry),
                        value,
                        id="dataset-value",
                        clearable=False,
                        searchable=len(values(entry)) > 8,
                    ),
                ]
            ),
            html.Div(
                [
                    html.Label(f"Series, {MOST_LINES} at most", htmlFor="dataset-series"),
                    dcc.Dropdown(
                        [{"value": text, "label": label} for text, label in offered.items()],
                        [_text(each) for each in shown],
                        id="dataset-series",
                        multi=True,
                        placeholder="all together",
                        searchable=len(offered) > 8,
                    ),
                ],
                className="ts-beside",
                hidden=not offered,
            ),
        ],
        className="ts-card ts-choice",
        # With nothing to choose.
        hidden=len(values(entry)) == 1 and not offered,
    )


def lines(session: Session, chosen: Chosen) -> Sequence[Line]:
    """The lines of what was chosen."""
    about = chosen.entry.name
    return [
        hypertable_line(
            session,
            chosen.entry.table,
            keys,
            title=f"{chosen.value}, {label(keys)}" if keys else f"{chosen.value}, {about}",
            quantity=chosen.value,
            unit="",
            value=chosen.value,
            label=label(keys) if keys else about,
        )
        for keys in chosen.series
    ]


def label(keys: Mapping[str, Any]) -> str:
    """A series in words."""
    return ", ".join(f"{name} {value}" for name, value in keys.items())


def _text(keys: Mapping[str, Any]) -> str:
    """A series in an address, where commas are between several."""
    return "/".join(quote(str(value), safe="") for value in keys.values())


CHART = TimeChart("dataset-chart", lines)
# The names in the address.
PARAMETERS = {
    "choice": ["dataset", "value"],
    "beside": ["series"],
    "ranges": [CHART.parameter],
    "live": [CHART.live_parameter],
}


def parts(session: Session, entry: Entry, asked: Mapping[str, str]) -> list[Component]:
    """Return the drop-downs and the chart for an address; none of a dataset without numbers.

    Raises LookupError, with a sentence, for what the dataset does not have.
    """
    there = values(entry)
    if not there:
        return [html.P("It has no column of numbers to chart.", className="ts-notice mb-0")]
    value = asked.get("value")
    if value:
        series = list(filter(None, asked.get("series", "").split(",")))
    else:
        value, series = there[0], usual(session, entry, there[0])
    chosen = choose(session, entry, value, series)
    return [
        tools(),
        card(session, chosen),
        CHART.card(CHART.lines(session, chosen), asked),
        dcc.Store(id="dataset-remembered"),
        dcc.Store(id="dataset-parameters", data=PARAMETERS),
    ]


def register(dash: Dash) -> None:
    """Add the callbacks of the chart, and the one that writes the address."""
    CHART.register(dash, PICKERS)
    dash.clientside_callback(
        ClientsideFunction("timestack", "fewer"),
        Output("dataset-series", "value"),
        Input("dataset-series", "value"),
        prevent_initial_call=True,
    )
    dash.clientside_callback(
        ClientsideFunction("timestack", "remember"),
        Output("dataset-remembered", "data"),
        [*PICKERS.inputs(), Input(CHART.id("range"), "data"), Input(CHART.id("live"), "value")],
        State("dataset-parameters", "data"),
    )
