"""What a page's reader chooses from: drop-downs, each offering what is left by those before it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest

LONGEST_TEXT = 200

# The values of all drop-downs, from left to right.
Row = tuple[str, ...]


@dataclass(frozen=True)
class DropDown:
    """One drop-down; ``parameter`` is its name in the address. No other component has its id."""

    id: str
    label: str
    parameter: str


@dataclass(frozen=True)
class Choice:
    """Choosing one ``noun``, such as a sensor.

    ``offers(session)`` returns each row that can be chosen, in reading order, with what the
    charts of the page are given for it.
    """

    noun: str
    drop_downs: Sequence[DropDown]
    offers: Callable[[Session], Mapping[Row, Any]]

    def wanted(self, asked: Mapping[str, str]) -> tuple[str | None, ...]:
        """Return what an address asks for; None for what it leaves open."""
        return tuple(asked.get(each.parameter) for each in self.drop_downs)

    def find(self, session: Session, chosen: Iterable[str]) -> Any:
        """Return what the charts are given for a row; raises BadRequest for one not offered."""
        row = tuple(chosen)
        offers = self.offers(session)
        if row not in offers:
            raise BadRequest(f"There is no {self.noun} “{', '.join(row)}”.")
        return offers[row]

    def unknown(self, wanted: Iterable[str | None]) -> str:
        """Return the sentence for an address that asks for what is not there."""
        named = zip(self.drop_downs, wanted, strict=True)
        parts = ", ".join(f"{each.parameter} “{want}”" for each, want in named if want is not None)
        return (
            f"The address asks for {parts}, and there is no such {self.noun}. It may have been"
            " renamed, or the link is mistyped."
        )

    def card(self, rows: Iterable[Row], chosen: Row) -> html.Div | None:
        """Return the drop-downs; None where there are none."""
        if not self.drop_downs:
            return None
        rows = list(rows)
        return html.Div(
            [
                *(
                    _field(each, options(rows, chosen[:level]), chosen[level])
                    for level, each in enumerate(self.drop_downs)
                ),
                dcc.Store(id=self._rows_id, data=rows),
            ],
            className="ts-card ts-choice",
        )

    def inputs(self) -> list[Input]:
        """Return what a callback that depends on the choice listens to."""
        return [Input(each.id, "value") for each in self.drop_downs]

    def register(self, dash: Dash) -> None:
        """Add the callback that fits the drop-downs to those before them.

        In the browser: a drop-down that waited for the server could change under the reader's
        hand.
        """
        if len(self.drop_downs) < 2:
            return
        dash.clientside_callback(
            ClientsideFunction("timestack", "cascade"),
            [
                Output(each.id, part)
                for each in self.drop_downs[1:]
                for part in ("options", "value")
            ],
            self.inputs(),
            State(self._rows_id, "data"),
            prevent_initial_call=True,
        )

    @property
    def _rows_id(self) -> str:
        return f"{self.drop_downs[0].id}-rows"


# For a page with nothing to choose.
NO_CHOICE = Choice("choice", (), lambda _: {(): None})


def options(rows: Iterable[Row], before: Sequence[str]) -> list[str]:
    """Return the distinct values that follow those ``before``, in the order of the rows."""
    level = len(before)
    return list(dict.fromkeys(row[level] for row in rows if row[:level] == tuple(before)))


def nearest(rows: Iterable[Row], wanted: Iterable[str | None]) -> Row:
    """Return the row that keeps as much of what is wanted as exists, from left to right.

    A value that is None or does not occur behind those before it becomes the first one that does.
    """
    rows, chosen = list(rows), ()
    for want in wanted:
        there = options(rows, chosen)
        chosen += (want if want in there else there[0],)
    return chosen


def require_text(*values: Any) -> None:
    """Raise BadRequest unless each value is a short text that can be printed."""
    for value in values:
        if not (isinstance(value, str) and value.isprintable() and len(value) <= LONGEST_TEXT):
            raise BadRequest(f"A choice is a text of at most {LONGEST_TEXT} printable characters.")


def _field(drop_down: DropDown, offered: list[str], value: str) -> html.Div:
    return html.Div(
        [
            html.Label(drop_down.label, htmlFor=drop_down.id),
            dcc.Dropdown(
                offered, value, id=drop_down.id, clearable=False, searchable=len(offered) > 8
            ),
        ]
    )
