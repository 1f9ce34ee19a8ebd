"""The Operations page: a report that is kept up to date, and charts of what was noted each hour."""

from __future__ import annotations

from typing import Any

from dash import Dash, html
from dash.development.base_component import Component
from sqlalchemy.orm import Session

from timestack import db
from timestack.dash.choice import Choice
from timestack.dash.live import CALM, Live
from timestack.dash.operations import parts
from timestack.dash.page import ChartPage
from timestack.dash.timechart import Line, TimeChart, hypertable_line
from timestack.domains import operations

LIVE = Live("operations", ("summary", *parts.TITLES))


class Report:
    """The sections of the report, as a card above the charts."""

    def card(self, session: Session, chosen: Any) -> Component:
        """Return the report of this moment; nothing is chosen."""
        seen = parts.sections(operations.read(session))
        return html.Div(
            [*LIVE.elements(seen), *LIVE.stores({}, seen)],
            className="ts-operations",
            **{"data-page": LIVE.name},
        )

    def register(self, dash: Dash, choice: Choice) -> None:
        """Add the callbacks of the clock."""
        LIVE.follow(dash, lambda *_: (_sections(), CALM))


def _sections() -> dict[str, Component]:
    with db.session() as session:
        return parts.sections(operations.read(session))


def free_space(session: Session, _: Any) -> Line:
    """What was free on the database's disk."""
    return _line(session, "disk_free_gb", "Free on the disk")


def database_size(session: Session, _: Any) -> Line:
    """How large the database was."""
    return _line(session, "database_gb", "Size of the database")


def _line(session: Session, value: str, title: str) -> Line:
    return hypertable_line(session, "operations", {}, title=title, unit="GB", value=value)


PAGE = ChartPage(
    path=LIVE.name,
    title="Operations",
    about="How the stack itself is: disk, database, jobs, certificates, with limits and advice.",
    icon="pulse",
    role="admin",
    above=[Report()],
    charts=[
        TimeChart("free-space", free_space, label="The disk, noted each hour"),
        TimeChart(
            "database-size",
            database_size,
            label="The database, noted each hour",
            parameter="size-range",
        ),
    ],
)
