"""The layout that a file's first rows suggest, and what a person should check of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from timestack.domains.uploads import guess
from timestack.domains.uploads.cells import time_rules
from timestack.domains.uploads.guess import Guess
from timestack.domains.uploads.layout import LONGEST_LABEL, Column, Layout
from timestack.domains.uploads.names import names
from timestack.domains.uploads.problems import Problems
from timestack.domains.uploads.sample import Sample, UnreadableError

Cells = Sequence[str | None]
# A line of the file, and its cells.
Row = tuple[int, Cells]


def propose(
    found: Sample, rows: Sequence[Row], delimiter: str, escape: str | None, problems: Problems
) -> tuple[Layout, list[Guess]]:
    """Return a layout for all ``rows``, a header among them or not, and what it is made of.

    It is not validated: there may be no time in it.
    """
    head = rows[0][1]
    below = filled(rows[1:], len(head))
    point = guess.decimal(below, delimiter)
    labels = [(cell or "").strip() for cell in head]
    guesses = _guessed(labels, below, point)
    header = len(rows) == 1 or guess.has_header(head, guesses, point)
    if not header:
        below = filled(rows, len(head))
        guesses = _guessed([""] * len(head), below, point)
        labels = [f"column {n}" for n, _ in enumerate(head, 1)]
    if found.rows:
        types = found.rows.schema.types
        guesses = [guess.declared(*both) for both in zip(types, guesses, strict=True)]
    place = guess.time_column(labels, guesses, [len(column) for column in below])
    time = guesses[place] if place is not None else Guess("text", 0)
    if place is None:
        problems.stop(
            "no column holds times: one must, such as 2026-01-31T12:00:00Z, or seconds since 1970"
        )
    else:
        guesses = [guess.beside(each, time) for each in guesses]
        _remark_time(labels[place], place, time, rows, problems)
    roles = [
        "time" if n == place else guess.role(label, each, column)
        for n, (label, each, column) in enumerate(zip(labels, guesses, below, strict=True))
    ]
    # Without a name, over the numbers of the rows, as pandas writes its index.
    if header and not labels[0] and roles[0] != "time" and all(map(str.isdecimal, below[0])):
        roles[0] = "ignored"
    if header:
        _remark_labels(labels, problems)
    columns = [
        Column.model_construct(label=label[:LONGEST_LABEL], name=name, type=each.type, role=role)
        for label, name, each, role in zip(labels, names(labels), guesses, roles, strict=True)
    ]
    layout = Layout.model_construct(
        delimiter=delimiter,
        header=header,
        escape=escape,
        decimal=point,
        zone="UTC" if any("" in each.offsets for each in guesses) else None,
        epoch=time.epoch,
        order=time.order,
        columns=columns,
    )
    return layout, guesses


def known(layout: Layout, rows: Sequence[Row], count: int) -> list[Guess]:
    """Return what a layout says of a file's ``count`` columns, and the offsets of their times.

    Raises UnreadableError where it has another number of them.
    """
    if len(layout.columns) != count:
        raise UnreadableError(
            f"the layout has {len(layout.columns)} columns, and the file {count}: name each of"
            " them, and ignore those that are not wanted"
        )
    return [
        guess.times(column, layout.order) if each.type == "time" and not layout.epoch
        else Guess(each.type, 1)
        for each, column in zip(layout.columns, filled(rows, count), strict=True)
    ]  # fmt: skip


def filled(rows: Sequence[Row], count: int) -> list[list[str]]:
    """The cells of each column that are not empty."""
    return [[cell for _, row in rows if (cell := row[place]) is not None] for place in range(count)]


def _guessed(labels: Sequence[str], below: Sequence[list[str]], point: str) -> list[Guess]:
    return [guess.guess(*both, point) for both in zip(labels, below, strict=True)]


def _remark_labels(labels: Sequence[str], problems: Problems) -> None:
    places = defaultdict(list)
    for number, label in enumerate(labels, 1):
        places[label].append(str(number))
    for label, numbers in places.items():
        if len(numbers) > 1:
            shown = f"the name {label!r}" if label else "no name"
            problems.note(
                f"columns {', '.join(numbers)} have {shown}: each is given one of its own", 1
            )


def _remark_time(
    label: str, place: int, time: Guess, rows: Sequence[Row], problems: Problems
) -> None:
    if time.either:
        problems.note(
            "the dates may begin with the day or the month: they are read as day, month, year;"
            " check the first rows",
            column=label,
        )
    if time.offsets == ("",):
        problems.note(
            "the times do not say their zone, and are read as UTC: choose the zone they are in",
            column=label,
        )
    elif "" in time.offsets:
        cells = ((line, row[place] or "") for line, row in rows)
        rules = time_rules(order=time.order)
        said = {line: guess.offset(cell, rules) for line, cell in cells}
        count = Counter(offset for offset in said.values() if offset is not None)
        problems.note(
            f"{count['']:,} of {count.total():,} times do not say their zone, such as this one, and"
            " are read as UTC: choose the zone they are in",
            next(line for line, offset in said.items() if offset == ""),
            label,
        )
