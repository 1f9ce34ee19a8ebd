"""What an uploaded file holds, and how it would be read: before anything is written.

Cells, records and times are read by the loader's own code, so that what is shown is what it does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from timestack.domains.load.errors import Fault
from timestack.domains.load.records import cells
from timestack.domains.uploads import guess, proposal, sample
from timestack.domains.uploads.cells import Value, reader, rules_of
from timestack.domains.uploads.guess import Guess
from timestack.domains.uploads.layout import MOST_COLUMNS, Column, Dialect, Layout, faults
from timestack.domains.uploads.problems import FileProblem, Problems, plain
from timestack.domains.uploads.proposal import Row, filled
from timestack.domains.uploads.sample import Sample, UnreadableError

SHOWN = 20
EXAMPLES, LONGEST_EXAMPLE = 5, 100
# What text begins with that is not CSV, and what it is.
MARKUP = {
    ("<!doctype", "<html", "<?xml"): "a page or document in HTML or XML",
    ("{", "["): "JSON",
}


class GuessedColumn(Column):
    """A column as it is read, and how sure its type is, from 0 to 1.

    ``format`` says how times are written; ``zone`` the offsets that they have, or the zone that
    those without one are read in. ``examples`` are cells as they are in the file.
    """

    model_config = ConfigDict(json_schema_mode="serialization")

    format: str | None
    zone: str | None
    sure: Annotated[float, Field(ge=0, le=1)]
    examples: list[str]


class Preview(BaseModel):
    """A file's first rows, and how they are read.

    ``looked_at`` is how many rows were read, ``rows`` how many there are, null where that is not
    known. ``first`` are their values, of the columns that are kept; null where a cell is empty or
    cannot be read. ``layout`` is to be given back, as it is or corrected; null where none fits, and
    ``dialect`` is what there is of one then, null of a file that cannot be read at all.
    """

    model_config = ConfigDict(json_schema_mode="serialization")

    format: str
    complete: bool
    rows: int | None
    looked_at: int
    columns: list[GuessedColumn]
    first: list[list[Value | None]]
    problems: list[FileProblem]
    dialect: Dialect | None
    layout: Layout | None


def preview_of(file: str, name: str, *, complete: bool, layout: Layout | None = None) -> Preview:
    """Look at the file at a path, as a layout reads it, or as it can be guessed.

    ``complete`` says that it has its end. Raises sample.UnfinishedError where that is needed.
    """
    problems = Problems()
    try:
        look = _look(file, name, layout, problems, complete=complete)
        return look.preview(problems, complete=complete)
    except sample.UnfinishedError:
        raise
    except UnreadableError as error:
        problems.stop(str(error), error.line)
        return Preview(
            format="unknown",
            complete=complete,
            rows=None,
            looked_at=0,
            columns=[],
            first=[],
            problems=problems.listed,
            dialect=None,
            layout=None,
        )


@dataclass(frozen=True)
class _Look:
    """A sample, its rows below the header, how they are read, and why so."""

    sample: Sample
    rows: Sequence[Row]
    layout: Layout
    guesses: Sequence[Guess]

    def preview(self, problems: Problems, *, complete: bool) -> Preview:
        """Read the rows, and put together what was found."""
        found, rows = self.sample, self.rows
        if not rows:
            problems.stop("there is no row below the header")
        total = len(found.records) - self.layout.header if found.whole else None
        first = self._first(problems)
        fits = not faults(self.layout.columns)
        return Preview(
            format=found.format,
            complete=complete,
            rows=found.rows.count if found.rows else total,
            looked_at=len(rows),
            columns=self._columns(),
            first=first,
            problems=problems.listed,
            dialect=Dialect.model_validate(self.layout.model_dump(exclude={"columns"})),
            layout=self.layout if fits else None,
        )

    def _first(self, problems: Problems) -> list[list[Value | None]]:
        """Read all rows, to find their faults, and return the values of the first."""
        layout = self.layout
        rules = rules_of(layout)
        kept = [
            (place, each) for place, each in enumerate(layout.columns) if each.role != "ignored"
        ]
        reading = [(place, each, reader(each.type, layout.decimal, rules)) for place, each in kept]
        keys = [n for n, (_, each) in enumerate(kept) if each.role in ("time", "key")]
        seen: dict[tuple[Value, ...], int] = {}
        twice, shown = [], []
        for line, row in self.rows:
            values = [
                _value(row[place], each, read, line, problems) for place, each, read in reading
            ]
            if len(shown) < SHOWN:
                shown.append(values)
            key = tuple(values[n] for n in keys)
            if None not in key and seen.setdefault(key, line) != line:
                twice.append((line, seen[key]))
        if twice and any(each.role == "time" for _, each in kept):
            line, before = twice[0]
            problems.note(
                f"this has the time and the keys of line {before}, and so it is with"
                f" {len(twice):,} of {len(self.rows):,} rows: make what tells them apart a key",
                line,
            )
        return shown

    def _columns(self) -> list[GuessedColumn]:
        columns = self.layout.columns
        return [
            GuessedColumn(
                **each.model_dump(),
                format=found.form if each.type == "time" else None,
                zone=_zone(found, self.layout) if each.type == "time" else None,
                sure=round(found.sure, 3),
                examples=[cell[:LONGEST_EXAMPLE] for cell in [*dict.fromkeys(cells)][:EXAMPLES]],
            )
            for each, found, cells in zip(
                columns, self.guesses, filled(self.rows, len(columns)), strict=True
            )
        ]


def _look(
    file: str, name: str, layout: Layout | None, problems: Problems, *, complete: bool
) -> _Look:
    escape = layout.escape if layout else None
    found = sample.read(file, name, complete=complete, escape=escape)
    delimiter = layout.delimiter if layout else found.separator or guess.delimiter(found.records)
    if layout is None and guess.escapes(found.records, delimiter):
        escape = "\\"
        found = sample.read(file, name, complete=complete, escape=escape)
    rows = _rows(found, delimiter, problems)
    if found.broken:
        problems.stop(found.broken)
    if layout is None:
        layout, guesses = proposal.propose(found, rows, delimiter, escape, problems)
        return _Look(found, rows[1:] if layout.header else rows, layout, guesses)
    below = rows[1:] if layout.header else rows
    return _Look(found, below, layout, proposal.known(layout, below, len(rows[0][1])))


def _rows(found: Sample, delimiter: str, problems: Problems) -> list[Row]:
    """The rows that can be cut into as many cells as the first; raises UnreadableError for that."""
    first = found.records[0]
    text = first.data.decode(errors="replace")
    for begins, what in MARKUP.items():
        if text.lstrip().lower().startswith(begins):
            raise UnreadableError(f"this is {what}: {sample.KINDS}")
    count = len(cells(text, delimiter))
    if count > MOST_COLUMNS:
        raise UnreadableError(sample.too_wide(count), first.line)
    rows: list[Row] = []
    for record, row in found.cut(delimiter, count):
        if not isinstance(row, Fault):
            rows.append((record.line, row))
        elif rows:
            problems.report(str(row), record.line)
        else:
            raise UnreadableError(f"{plain(str(row))}: {sample.KINDS}", record.line)
    if count == 1:
        raise UnreadableError(
            "there is one column: a time and a value are needed, with a comma, semicolon, tab or |"
            " between them",
            first.line,
        )
    return rows


def _value(
    cell: str | None, column: Column, read: Callable[[str], Value], line: int, problems: Problems
) -> Value | None:
    if cell is None:
        if column.role == "time":
            problems.report("is empty, and each row needs a time", line, column.label)
        return None
    try:
        return read(cell)
    except ValueError as error:
        problems.report(str(error), line, column.label)
        return None


def _zone(found: Guess, layout: Layout) -> str | None:
    zones = [each for each in found.offsets if each]
    if "" in found.offsets and layout.zone:
        zones.append(layout.zone)
    return ", ".join(zones[:5]) or None
