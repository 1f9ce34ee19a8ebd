"""The file of a dataset into its table."""

from __future__ import annotations

import csv
import io
import time
from dataclasses import replace
from pathlib import Path

from sqlalchemy import func, update
from sqlalchemy.orm import Session

from timestack.domains.datasets import room
from timestack.domains.jobs.steps import PermanentError
from timestack.domains.load.errors import BadRowsError, LoadError, listed
from timestack.domains.load.run import Report, load
from timestack.domains.uploads import loading
from timestack.domains.uploads.layout import Layout
from timestack.models.datasets import Dataset
from timestack.models.imports import Import
from timestack.progress import Progress
from timestack.series import rollups, uploaded

DELETED = "the dataset was deleted meanwhile"
# Rows left out of which a result has the lines and the reasons.
MOST_FAULTS = 100
# How much of the progress is the reading; then come the rollups.
READING = 0.9


class _First(io.StringIO):
    """Keeps the beginning of what is set aside: a line for each row, and one for their names."""

    kept = 0

    def write(self, line: str) -> int:
        self.kept += 1
        return super().write(line) if self.kept <= MOST_FAULTS + 1 else len(line)

    def faults(self) -> list[dict[str, str | int]]:
        """Return line, column and reason of each row that was kept."""
        self.seek(0)
        return [
            {"line": int(each["line"]), "column": each["column"], "reason": each["reason"]}
            for each in csv.DictReader(self)
        ]


def fill(
    session: Session,
    id: int,
    file: Path,
    progress: Progress,
    *,
    skip_bad_rows: bool = False,
) -> dict:
    """Load a file into the table of a dataset, and return what was done.

    It is ready when the caller commits. All of the file or nothing; ``skip_bad_rows`` leaves out
    the rows that are refused. What was loaded already is not loaded again. Raises PermanentError
    where the file is refused.
    """
    dataset = session.get(Dataset, id, populate_existing=True)
    if dataset is None or dataset.state not in ("loading", "ready"):
        raise PermanentError(DELETED)
    table = uploaded.table_of(id)
    aside = _First() if skip_bad_rows else None
    options = replace(
        loading.options(Layout.model_validate(dataset.layout), table, str(file), dataset.source),
        import_id=table,
        quarantine=aside,
    )

    began = time.monotonic()

    def show(position: int, size: int | None, rows: int) -> None:
        rate = rows / max(time.monotonic() - began, 0.001)
        progress(
            READING * position / size if size else 0.0, f"{rows:,} rows read, {rate:,.0f} a second"
        )

    # The rows are written by connections of their own: nothing is to stay locked meanwhile.
    session.commit()
    try:
        # As before the job was added; others have written since.
        room.require(file)
    except room.NoRoomError as error:
        raise PermanentError(f"nothing was loaded: {error}") from None
    try:
        report = load(session.get_bind().engine, options, io.BytesIO(), show)
    except BadRowsError as error:
        rows = "; ".join(listed([str(row) for row in error.rows]))
        raise PermanentError(f"nothing was loaded: {error}: {rows}") from None
    except LoadError as error:
        raise PermanentError(f"nothing was loaded: {error}") from None
    progress(READING, "computing the rollups")
    declared = uploaded.find(session, table).hypertables.get(table)
    if declared is None:
        raise PermanentError(DELETED)
    rollups.refresh(session, table, declared)
    return _ready(session, id, report, aside.faults() if aside else [])


def _ready(session: Session, id: int, report: Report, faults: list[dict]) -> dict:
    loaded = session.get_one(Import, report.import_id)
    there = (Dataset.id == id) & Dataset.state.in_(("loading", "ready"))
    values = {"state": "ready", "rows": loaded.rows, "loaded_at": func.now()}
    if not report.already:
        values["message"] = _left_out(report, faults)
    if not session.execute(update(Dataset).where(there).values(values)).rowcount:
        raise PermanentError(DELETED)
    return {
        "rows": loaded.rows,
        "left_out": report.rejected,
        "faults": faults,
        "rounded": report.rounded,
    }


def _left_out(report: Report, faults: list[dict]) -> str:
    if not report.rejected:
        return ""
    what = "1 row was" if report.rejected == 1 else f"{report.rejected:,} rows were"
    first = faults[0]
    place = f"line {first['line']}" + (f", {first['column']}" if first["column"] else "")
    return f"{what} left out; the first: {place}: {first['reason']}"
