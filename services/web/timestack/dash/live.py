"""The live part of a page: elements, one for each section, that follow what the server knows.

A clock in the browser asks for the sections while the page is seen (assets/jobs.js); only those
that changed are sent, to be changed in place (assets/live.js).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, set_props
from dash.development.base_component import Component
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import BadRequest

from timestack.dash.lists import Note

# Milliseconds between two looks at what moves, and at what rests.
LIVELY, CALM = 2_000, 15_000

Seen = Mapping[str, Component | None]


@dataclass(frozen=True)
class Live:
    """The ``sections`` of a page; its element has the ``name`` as ``data-page``.

    Stores of that name keep the address (``-what``) and the digests of the sections that are shown,
    what the browser asks for (``-asked``, ``-action``), and what came of it (``-seen``, ``-note``).
    """

    name: str
    sections: Sequence[str]

    def elements(self, seen: Seen, *names: str) -> list[html.Div]:
        """The elements of these sections, by default of all."""
        return [
            html.Div(seen.get(each), id=f"{self.name}-{each}", className="ts-live")
            for each in names or self.sections
        ]

    def stores(
        self, what: Mapping[str, str], seen: Seen, pace: int = CALM, *, still: bool = False
    ) -> list[Component]:
        """The stores and the clock, which is ``still`` where nothing is asked for."""
        return [
            dcc.Store(id=f"{self.name}-what", data=what),
            dcc.Store(id=f"{self.name}-shown", data=self._digests(seen)),
            *(dcc.Store(id=f"{self.name}-{each}") for each in ("asked", "action", "seen", "note")),
            dcc.Interval(id=f"{self.name}-clock", interval=pace, disabled=still),
        ]

    def follow(
        self, dash: Dash, look: Callable[[Any, Note], tuple[Seen, int]], draw: str = "draw"
    ) -> None:
        """Keep the sections as ``look`` finds them for an address and a note, with the next pace.

        The browser's function ``draw`` draws them. ``look`` may raise ValueError for an address
        that cannot be.
        """
        self.clock(dash, draw)

        @dash.callback(
            Output(f"{self.name}-seen", "data"),
            Output(f"{self.name}-shown", "data"),
            Output(f"{self.name}-clock", "interval"),
            Input(f"{self.name}-asked", "data"),
            Input(f"{self.name}-note", "data"),
            State(f"{self.name}-what", "data"),
            State(f"{self.name}-shown", "data"),
            prevent_initial_call=True,
        )
        def refresh(_: Any, note: Any, what: Any, shown: Any) -> tuple:
            try:
                seen, pace = look(parameters(what), Note.read(note))
            except ValueError as error:
                raise BadRequest(str(error)) from None
            except (OperationalError, PoolTimeout):
                # It is asked again, but not so often.
                set_props(f"{self.name}-clock", {"interval": CALM})
                raise
            return *self.changes(what, seen, shown), pace

    def clock(self, dash: Dash, draw: str) -> None:
        """Have the browser ask, and ``draw`` what it is answered."""
        dash.clientside_callback(
            ClientsideFunction("timestack", "look"),
            Output(f"{self.name}-asked", "data"),
            Input(f"{self.name}-clock", "n_intervals"),
            prevent_initial_call=True,
        )
        dash.clientside_callback(
            ClientsideFunction("timestack", draw),
            Input(f"{self.name}-seen", "data"),
            State(f"{self.name}-what", "data"),
            prevent_initial_call=True,
        )

    def act(self, dash: Dash, do: Callable[[Any], Note]) -> None:
        """Have ``do`` do what a button asks for."""

        @dash.callback(
            Output(f"{self.name}-note", "data"),
            Input(f"{self.name}-action", "data"),
            prevent_initial_call=True,
        )
        def note(asked: Any) -> dict:
            # With a number of its own: the same words, said again, are news.
            return {**asdict(do(asked)), "turn": asked.get("turn")}

    def changes(self, what: Any, seen: Seen, shown: Any) -> tuple[dict, dict]:
        """What the browser draws of sections that are others than those shown, and all digests."""
        # Whatever failed before, this did not.
        set_props("alert", {"children": None})
        before = shown if isinstance(shown, dict) else {}
        now = self._digests(seen)
        parts = {
            f"{self.name}-{each}": seen.get(each) for each in now if now[each] != before.get(each)
        }
        return {"address": what, "parts": parts}, now

    def _digests(self, seen: Seen) -> dict[str, str]:
        """A text for each section that is another one when the section is."""
        return {
            each: hashlib.sha256(repr(seen.get(each)).encode()).hexdigest()[:16]
            for each in self.sections
        }


def parameters(what: Any) -> dict[str, Any]:
    """Return what the browser keeps of an address; raises BadRequest for anything else."""
    if not isinstance(what, dict):
        raise BadRequest("What is shown is an address's parameters.")
    return what
