"""A table of what the reader chose, as a part of a page."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from dash import Dash, Output, html
from dash.development.base_component import Component
from sqlalchemy.orm import Session

from timestack import db
from timestack.dash import states
from timestack.dash.choice import Choice

Cell = str | Component


@dataclass(frozen=True)
class Table:
    """Rows read for what the reader chose; without any, the sentence ``nothing`` is shown.

    ``rows(session, chosen)`` returns a cell for each of ``columns``. Those of ``numbers``, counted
    from 0, are set to the right. Two that are not ``wide`` are side by side where there is room. No
    other part of the application has the name.
    """

    name: str
    title: str
    columns: Sequence[str]
    rows: Callable[[Session, Any], Sequence[Sequence[Cell]]]
    nothing: str
    note: str = ""
    numbers: Sequence[int] = ()
    wide: bool = False

    def id(self, part: str) -> str:
        """The id of one of its components."""
        return f"{self.name}-{part}"

    def card(self, session: Session, chosen: Any) -> html.Section:
        """Return the table for what was chosen."""
        head = [html.H2(self.title, id=self.id("title"), className="h5 mb-0")]
        if self.note:
            head.append(html.P(self.note, className="text-body-secondary small mb-0"))
        return html.Section(
            [
                html.Div(head, className="ts-table-head"),
                html.Div(self._body(session, chosen), id=self.id("body")),
            ],
            className="ts-card ts-wide" if self.wide else "ts-card",
            **{"aria-labelledby": self.id("title")},
        )

    def register(self, dash: Dash, choice: Choice) -> None:
        """Add its callback; ``choice`` is what the page's reader chooses from."""

        def draw(*chosen: Any) -> Component:
            """Raises BadRequest for whatever the page does not offer."""
            with db.session() as session:
                return self._body(session, choice.find(session, chosen))

        if inputs := choice.inputs():
            dash.callback(
                Output(self.id("body"), "children"),
                inputs,
                prevent_initial_call=True,
                on_error=states.failure,
            )(draw)

    def _body(self, session: Session, chosen: Any) -> Component:
        rows = self.rows(session, chosen)
        if not rows:
            return html.P(self.nothing, className="text-body-secondary mb-0")
        return table(self.columns, rows, self.numbers)


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    numbers: Collection[int] = (),
    look: str = "ts-table",
) -> html.Table:
    """Return rows below the heads of their columns; ``numbers`` are those set to the right."""

    def cell(kind: type[Component], number: int, text: Cell) -> Component:
        scope = {"scope": "col"} if kind is html.Th else {"data-label": columns[number]}
        return kind(text, className="ts-number" if number in numbers else None, **scope)

    def line(kind: type[Component], cells: Sequence[Cell]) -> html.Tr:
        return html.Tr([cell(kind, *each) for each in enumerate(cells)])

    return html.Table(
        [html.Thead(line(html.Th, columns)), html.Tbody([line(html.Td, row) for row in rows])],
        className=look,
    )
