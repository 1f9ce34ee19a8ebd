"""What a page's reader chooses from: drop-downs, each offering what is left by those before it.

With a ``Comparison`` there is one more, of several: what is drawn beside the choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest

LONGEST_TEXT = 200
# A chart has six colours.
MOST_BESIDE = 5
# So many are seen at once, and need no search.
FEW = 8

# The values of all drop-downs, from left to right.
Row = tuple[str, ...]


@dataclass(frozen=True)
class DropDown:
    """One drop-down; ``parameter`` is its name in the address. No other component has its id."""

    id: str
    label: str
    parameter: str


class Peer(NamedTuple):
    """How one of what is offered is called beside another one: in an address, and to a reader.

    Those of one ``group`` can be drawn in one chart.
    """

    key: str
    label: str
    group: str


@dataclass(frozen=True)
class Comparison(DropDown):
    """The drop-down of what is drawn beside the choice; ``peer`` describes one of the offers."""

    peer: Callable[[Any], Peer]


@dataclass(frozen=True)
class Choice:
    """Choosing one ``noun``, such as a sensor.

    ``offers(session)`` returns each row that can be chosen, in reading order, with what the
    charts of the page are given for it: with a ``comparison`` a list, of what was chosen and then
    what is drawn beside it. ``called`` is what the last drop-down calls one of the offers, by which
    it is searched as well; its value without that.
    """

    noun: str
    drop_downs: Sequence[DropDown]
    offers: Callable[[Session], Mapping[Row, Any]]
    comparison: Comparison | None = None
    called: Callable[[Any], str] | None = None

    def wanted(self, asked: Mapping[str, str]) -> tuple[str | None, ...]:
        """Return what an address asks for; None for what it leaves open."""
        return tuple(asked.get(each.parameter) for each in self.drop_downs)

    def wanted_beside(self, asked: Mapping[str, str]) -> list[str]:
        """Return the keys of what an address asks for beside the choice."""
        given = asked.get(self.comparison.parameter, "") if self.comparison else ""
        return list(filter(None, given.split(",")))

    def find(self, session: Session, given: Iterable[Any]) -> Any:
        """Return what the charts are given for the values of all drop-downs.

        Raises BadRequest for what is not offered, and before the database is asked for what is not
        a choice at all.
        """
        row, beside = tuple(given), []
        if self.comparison:
            *row, beside = row
            if not isinstance(beside, list):
                raise BadRequest("What is compared is a list.")
        require_text(*row, *beside)
        row, offers = tuple(row), self.offers(session)
        if row not in offers:
            raise BadRequest(f"There is no {self.noun} “{', '.join(row)}”.")
        try:
            return self.together(offers, row, beside)
        except LookupError as error:
            raise BadRequest(str(error)) from None

    def together(self, offers: Mapping[Row, Any], row: Row, beside: Iterable[str]) -> Any:
        """Return what the charts are given; raises LookupError with a sentence."""
        if not self.comparison:
            return offers[row]
        able = dict(self._peers(offers, row))
        keys = list(dict.fromkeys(beside))
        if unknown := [key for key in keys if key not in able]:
            raise LookupError(
                f"There is no {self.noun} “{', '.join(unknown)}” to compare this one with."
            )
        if len(keys) > MOST_BESIDE:
            raise LookupError(f"A chart compares with {MOST_BESIDE} at most.")
        return [offers[row], *(able[key] for key in keys)]

    def _peers(self, offers: Mapping[Row, Any], row: Row) -> Iterator[tuple[str, Any]]:
        group = self.comparison.peer(offers[row]).group
        for other, thing in offers.items():
            key, _, its = self.comparison.peer(thing)
            if its == group and other != row:
                yield key, thing

    def unknown(self, wanted: Iterable[str | None]) -> str:
        """Return the sentence for an address that asks for what is not there."""
        named = zip(self.drop_downs, wanted, strict=True)
        parts = ", ".join(f"{each.parameter} “{want}”" for each, want in named if want is not None)
        return (
            f"The address asks for {parts}, and there is no such {self.noun}. It may have been"
            " renamed, or the link is mistyped."
        )

    def card(
        self, offers: Mapping[Row, Any], chosen: Row, beside: Sequence[str] = ()
    ) -> html.Div | None:
        """Return the drop-downs; None where there are none."""
        if not self.drop_downs:
            return None
        rows = list(offers)
        labels = [self.called(each) for each in offers.values()] if self.called else None
        fields = [
            _field(each, options(rows, chosen[:level]), chosen[level])
            for level, each in enumerate(self.drop_downs)
        ]
        if labels:
            last = fields[-1].children[1]
            last.options = [
                {"label": label, "value": row[-1]}
                for row, label in zip(rows, labels, strict=True)
                if row[:-1] == chosen[:-1]
            ]
            # Others of the drop-downs before it may lead to more.
            last.searchable = len(rows) > FEW
        return html.Div(
            [
                *fields,
                *(self._beside(offers, beside) if self.comparison else ()),
                dcc.Store(id=self._rows_id, data=rows),
                dcc.Store(id=self._labels_id, data=labels),
            ],
            className="ts-card ts-choice",
        )

    def _beside(self, offers: Mapping[Row, Any], beside: Sequence[str]) -> list[Component]:
        peers = [self.comparison.peer(each) for each in offers.values()]
        # The others are known to the browser, which offers them.
        shown = [{"label": each.label, "value": each.key} for each in peers if each.key in beside]
        id = self.comparison.id
        return [
            html.Div(
                [
                    html.Label(self.comparison.label, htmlFor=id),
                    dcc.Dropdown(
                        shown,
                        list(beside),
                        id=id,
                        multi=True,
                        placeholder="nothing",
                        searchable=len(peers) > FEW,
                    ),
                ]
            ),
            dcc.Store(id=f"{id}-peers", data=peers),
        ]

    def inputs(self) -> list[Input]:
        """Return what a callback that depends on the choice listens to."""
        several = [self.comparison] if self.comparison else []
        return [Input(each.id, "value") for each in (*self.drop_downs, *several)]

    def register(self, dash: Dash) -> None:
        """Add the callbacks that fit the drop-downs to those before them.

        In the browser: a drop-down that waited for the server could change under the reader's
        hand.
        """
        chosen = [Input(each.id, "value") for each in self.drop_downs]
        if self.comparison:
            id = self.comparison.id
            dash.clientside_callback(
                ClientsideFunction("timestack", "beside"),
                Output(id, "options"),
                Output(id, "value"),
                chosen,
                Input(id, "value"),
                State(self._rows_id, "data"),
                State(f"{id}-peers", "data"),
            )
        if len(self.drop_downs) < 2:
            return
        dash.clientside_callback(
            ClientsideFunction("timestack", "cascade"),
            [
                Output(each.id, part)
                for each in self.drop_downs[1:]
                for part in ("options", "value")
            ],
            chosen,
            State(self._rows_id, "data"),
            State(self._labels_id, "data"),
            prevent_initial_call=True,
        )

    @property
    def _rows_id(self) -> str:
        return f"{self.drop_downs[0].id}-rows"

    @property
    def _labels_id(self) -> str:
        return f"{self.drop_downs[0].id}-labels"


# For a page with nothing to choose.
NO_CHOICE = Choice("choice", (), lambda _: {(): None})


def options(rows: Iterable[Row], before: Sequence[str]) -> list[str]:
    """Return the distinct values that follow those ``before``, in the order of the rows."""
    level = len(before)
    return list(dict.fromkeys(row[level] for row in rows if row[:level] == tuple(before)))


def nearest(rows: Iterable[Row], wanted: Iterable[str | None]) -> Row:
    """Return the row that keeps as much of what is wanted as exists, from left to right.

    That is the first with all of it, where there is one. Else a value that is None or does not
    occur behind those before it becomes the first one that does.
    """
    rows, wanted, chosen = list(rows), list(wanted), ()
    for row in rows:
        if all(want in (None, got) for want, got in zip(wanted, row, strict=True)):
            return row
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
                offered, value, id=drop_down.id, clearable=False, searchable=len(offered) > FEW
            ),
        ]
    )
