"""How the stack is: what the Operations page shows, for scripts and monitors."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

from timestack import db
from timestack.api.operation import Resource
from timestack.api.types import View
from timestack.domains import operations
from timestack.domains.operations.check import State, worst
from timestack.domains.operations.statements import Statement
from timestack.domains.operations.tables import Compressed

resource = Resource(
    "operations", __name__, url_prefix="/operations", about="How the stack is, and what to do."
)


def _seconds(behind: timedelta | None) -> float | None:
    return None if behind is None else max(behind.total_seconds(), 0.0)


class CheckView(View):
    """One thing that was looked at, in words.

    ``limits`` says from where on it is another state, and ``advice`` with ``command`` (on the host)
    and ``link`` (below this site's root) what to do then; "" where there is none.
    """

    name: str
    value: str
    state: State
    limits: str
    advice: str
    command: str
    link: str


class PartView(View):
    """Checks of one subject, and the worst of their states."""

    name: str
    state: State
    checks: list[CheckView]
    note: str


class TableView(View):
    """A hypertable, its sizes in bytes; that of a dataset has its name as ``title``.

    ``rows`` is an estimate, null before the first one; ``newest`` is the time of the newest row,
    null without rows. ``behind_seconds`` is how much of the newest rows the rollups do not have,
    null where there are none.
    """

    name: str
    title: str
    rows: int | None
    bytes: int
    rollup_bytes: int
    chunks: int
    newest: datetime | None
    behind_seconds: Annotated[
        float | None, Field(validation_alias="behind"), BeforeValidator(_seconds)
    ]
    compressed: Compressed | None


class OperationsView(View):
    """``state`` is the worst of all checks."""

    at: datetime
    state: State
    parts: list[PartView]
    tables: list[TableView]
    statements: list[Statement]


@resource.get("", answer=OperationsView)
def show() -> OperationsView:
    """Look at everything now; a part that cannot be read in time says so."""
    with db.session() as session:
        report = operations.read(session)
    return OperationsView(
        at=report.at,
        state=worst([check for _, check in report.checks]),
        parts=[
            PartView(
                name=name,
                state=worst(part.checks),
                checks=part.checks,
                note=part.note,
            )
            for name, part in report.parts.items()
        ],
        tables=report.parts["tables"].rows,
        statements=report.parts["statements"].rows,
    )
