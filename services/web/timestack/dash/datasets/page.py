"""The Datasets page: its layout, and the callbacks that keep it up to date.

The address says what is shown (``Address``): all datasets, one of them, or the columns of a file of
which one is to be made. The sections of ``view`` are live. Where more than these is another, the
browser has the whole page made again (assets/datasets.js).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import Dash, Input, Output, State, dcc, html, set_props
from dash.development.base_component import Component
from flask import g
from sqlalchemy.orm import Session

from timestack import db
from timestack.dash import guard, live, states
from timestack.dash.address import href
from timestack.dash.datasets import actions, chart, entries, figures, files, one, upload, view
from timestack.dash.datasets.address import Address
from timestack.dash.lists import Note
from timestack.dash.live import CALM, LIVELY, Live
from timestack.dash.page import head
from timestack.domains.datasets import describe, look
from timestack.series.question import UnknownSeries
from timestack.words import sentence

LIVE = Live("datasets", view.SECTIONS)
# Of the newest.
ROWS = 10


class DatasetsPage:
    """Whoever may see the charts may see it; editors upload, and change what is theirs."""

    path = "datasets"
    title = "Datasets"
    about = "Files of your own, uploaded and charted like all else; share, rename, delete them."
    icon = "stack"
    table = ""
    role = "viewer"

    def layout(self, asked: Mapping[str, str], width: int) -> Component:
        """Return the page for an address."""
        address = Address.read(asked)
        try:
            if address.upload:
                guard.require("editor")
                return self._frame(address, view.View({}), *upload.columns(address.upload))
            try:
                return self._made(address, asked)
            except (KeyError, UnknownSeries):
                # It was deleted since it was looked up.
                return self._made(address, asked)
        except (view.GoneError, upload.GoneError) as error:
            return states.unknown(error.noun, str(error))
        except LookupError as error:
            return states.unknown("column", str(error))

    def _made(self, address: Address, asked: Mapping[str, str]) -> Component:
        with db.session() as session:
            seen = view.read(session, address, Note())
            if seen.entry is None:
                before, after = self._all(), []
            else:
                before, after = [], self._one(session, seen, asked)
        return self._frame(address, seen, before, after)

    def _frame(
        self,
        address: Address,
        seen: view.View,
        before: Sequence[Component],
        after: Sequence[Component],
    ) -> html.Div:
        return html.Div(
            [
                *before,
                *LIVE.elements(seen.sections),
                *after,
                *LIVE.stores(
                    seen.parameters or address.parameters(),
                    seen.sections,
                    _pace(seen),
                    still=bool(address.upload),
                ),
                # What the rest of the page is made for.
                dcc.Store(id="datasets-shape", data=seen.shape),
            ],
            className="ts-charts ts-jobs-page ts-datasets-page",
            **{"data-page": self.path},
        )

    def _all(self) -> list[Component]:
        return [head(self), files.card() if guard.may(g.user, "editor") else None]

    def _one(self, session: Session, seen: view.View, asked: Mapping[str, str]) -> list[Component]:
        """What follows the sections of a dataset; raises LookupError for an unknown column."""
        entry = seen.entry
        if entry.now is None:
            return one.dialogs(entry) if entries.may_change(entry) else []
        return [
            *chart.parts(session, entry, asked),
            figures.describing(entry.now),
            figures.newest(look.newest(session, entry.now, ROWS)),
            *(one.dialogs(entry) if entries.may_change(entry) else []),
        ]

    def register(self, dash: Dash) -> None:
        """Add the callbacks of the clock, the buttons, the form, the chart and the figures."""
        chart.register(dash)
        upload.register(dash)
        LIVE.clock(dash, "redraw")
        LIVE.act(dash, actions.do)

        @dash.callback(
            Output("datasets-seen", "data"),
            Output("datasets-shown", "data"),
            Output("datasets-clock", "interval"),
            Input("datasets-asked", "data"),
            Input("datasets-note", "data"),
            State("datasets-what", "data"),
            State("datasets-shape", "data"),
            State("datasets-shown", "data"),
            prevent_initial_call=True,
        )
        def refresh(_: Any, note: Any, asked: Any, shape: Any, shown: Any) -> tuple:
            return _refresh(asked, Note.read(note), shape, shown)

        @dash.callback(
            Output("dataset-figures", "children"),
            Input("dataset-describe", "n_clicks"),
            State("datasets-what", "data"),
            prevent_initial_call=True,
            on_error=states.failure,
        )
        def describe_columns(_: Any, asked: Any) -> Component | list[Component]:
            return _figures(asked)


def _refresh(asked: Any, note: Note, shape: Any, shown: Any) -> tuple:
    address = _address(asked)
    if address.upload:
        # A form stays as it is filled in, until its file is discarded.
        answer = {"go": href()} if note.about == address.upload else {"parts": {}}
        return {"address": asked, **answer}, {}, CALM
    try:
        with db.session() as session:
            seen = view.read(session, address, note)
    except view.GoneError:
        seen = None
    if seen is None or seen.shape != shape:
        # What follows the sections is another, and the page is made again.
        set_props("alert", {"children": None})
        return {"address": asked, **_elsewhere(seen, shape)}, {}, CALM
    return *LIVE.changes(asked, seen.sections, shown), _pace(seen)


def _elsewhere(seen: view.View | None, shape: Any) -> dict[str, Any]:
    """Where to go on: at the new name of a dataset, or at this address with what is there now."""
    is_renamed = seen is not None and isinstance(shape, list) and seen.entry.name not in shape
    return {"go": href(dataset=seen.entry.name)} if is_renamed else {"again": True}


def _figures(asked: Any) -> Component | list[Component]:
    try:
        with db.session() as session:
            entry = entries.one(session, _address(asked).dataset or "")
            if entry is None or entry.now is None:
                return html.P("It is not there any more.", className="ts-job-note", role="alert")
            return figures.figures(describe.describe(session, entry.now))
    except describe.TooLongError as error:
        return html.P(sentence(error), className="ts-job-note", role="alert")


def _address(asked: Any) -> Address:
    return Address.read(live.parameters(asked))


def _pace(seen: view.View) -> int:
    return LIVELY if seen.moving else CALM


PAGE = DatasetsPage()
