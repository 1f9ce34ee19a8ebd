"""What a month of the account was: three figures, of one query each, and their numbers as text.

Days are those of UTC. A day that the platform corrected is a row that was replaced, and counts as
it is now. A project that was renamed is one under each name: a name is all that there is of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Date, Double, Numeric, and_, case, cast, func, literal, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import InstrumentedAttribute, Session

from timestack.domains.usage import plots
from timestack.domains.usage.months import Month
from timestack.domains.usage.parts import Part, Whole, digits, fold, rounded
from timestack.models.usage import STORAGE_KINDS, VOLUMES, Usage

SECONDS_PER_HOUR, MB_PER_GB = 3600, 1000
# Parts that have a place of their own.
MOST_PROJECTS, MOST_STORED = 5, 12
# Of the bars, with the chosen one.
MONTHS = 3
NAMES = ("projects", "storage", "volumes")


@dataclass(frozen=True)
class Row:
    """A line of a figure's table, and which colour stands for it: 1 to 6, 0 for the others."""

    cells: tuple[str, ...]
    key: int | None = None
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """A figure: what it says, its numbers as a table, and its ``plot`` as JSON for Plotly.

    The plot has no colours: each trace has as ``meta`` the keys of its parts, as rows have one.
    The first ``texts`` columns hold words. Without a plot, ``about`` says that there is none.
    """

    name: str
    title: str
    about: str
    notes: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    total: Row | None
    texts: int
    plot: Mapping[str, Any] | None


def _exact(amount: InstrumentedAttribute[float]) -> ColumnElement[Decimal]:
    # What is no amount, such as NaN from a file, would be all of the sum.
    return case((amount < literal(math.inf, Double), cast(amount, Numeric)), else_=0)


SECONDS = [_exact(getattr(Usage, f"{each}_seconds")) for each in VOLUMES]
MEGABYTES = [_exact(getattr(Usage, f"storage_{each}_mb")).label(each) for each in STORAGE_KINDS]
MONTH = cast(func.date_trunc("month", Usage.day), Date)


def read(session: Session, name: str, month: Month) -> Figure:
    """Read one of NAMES for a month."""
    return {"projects": projects, "storage": storage, "volumes": volumes}[name](session, month)


def projects(session: Session, month: Month) -> Figure:
    """The hours of the month per project: the sum of the four volumes."""
    newest = func.array_agg(aggregate_order_by(Usage.deleted, Usage.day.desc()))[1]
    rows = session.execute(
        select(Usage.project, func.sum(sum(SECONDS)).label("seconds"), newest.label("deleted"))
        .where(_within(month))
        .group_by(Usage.project)
    ).all()
    gone = {row.project for row in rows if row.deleted}
    parts = [Part((row.project,), row.seconds) for row in rows if row.seconds > 0]
    whole = fold(parts, MOST_PROJECTS)
    hours, total = _shown(whole, SECONDS_PER_HOUR)
    keys = _keys(whole, range(1, MOST_PROJECTS + 1))
    labels = [*(each.names[0] for each in whole.largest), *_others(whole, "project")]
    return Figure(
        name="projects",
        title="Hours per project",
        about=f"{total} hours in {month.name}: ingested, transcribed, subtitled and translated"
        " media together."
        if parts
        else f"No hours in {month.name}.",
        notes=("A project that was renamed counts under each of its names.",) if parts else (),
        columns=("Project", "Hours", "Share"),
        rows=tuple(
            Row((label, hour, share), key, "deleted" if key and label in gone else "")
            for label, hour, share, key in zip(labels, hours, _shares(whole), keys, strict=True)
        ),
        total=Row(("All projects", total, "100.0%")) if parts else None,
        texts=1,
        plot=plots.donut(labels, hours, _shares(whole), keys, total) if parts else None,
    )


def storage(session: Session, month: Month) -> Figure:
    """What the projects had stored on the newest day of the month that has rows, by kind."""
    newest = select(func.max(Usage.day)).where(_within(month)).scalar_subquery()
    rows = session.execute(
        select(Usage.day, Usage.project, Usage.deleted, *MEGABYTES).where(Usage.day == newest)
    ).all()
    gone = {row.project for row in rows if row.deleted}
    parts = [
        Part((row.project, kind), amount)
        for row in rows
        for kind in STORAGE_KINDS
        if not row.deleted and (amount := getattr(row, kind)) > 0
    ]
    whole = fold(parts, MOST_STORED)
    sizes, total = _shown(whole, MB_PER_GB)
    keys = _keys(whole, [STORAGE_KINDS.index(each.names[1]) + 1 for each in whole.largest])
    names = [
        *(each.names for each in whole.largest),
        *((each, "") for each in _others(whole, "part")),
    ]
    day = f"{rows[0].day.day} {month.name}" if rows else month.name
    left_out = f"Left out: {_count(len(gone), 'project')} that the platform has deleted."
    return Figure(
        name="storage",
        title="Storage by project and kind",
        about=f"{total} GB on {day}, the newest day of the month with usage."
        if parts
        else f"Nothing stored on {day}.",
        notes=(left_out,) if gone else (),
        columns=("Project", "Kind", "GB", "Share"),
        rows=tuple(
            Row((project, kind, size, share), key)
            for (project, kind), size, share, key in zip(
                names, sizes, _shares(whole), keys, strict=True
            )
        ),
        total=Row(("All projects", "", total, "100.0%")) if parts else None,
        texts=2,
        plot=plots.treemap(names, sizes, _shares(whole), keys, total) if parts else None,
    )


def volumes(session: Session, month: Month) -> Figure:
    """The hours of each volume in the month and the two before it."""
    shown = [month.after(number) for number in range(1 - MONTHS, 1)]
    found = {
        Month.of(first): [each / SECONDS_PER_HOUR for each in seconds]
        for first, *seconds in session.execute(
            select(MONTH, *map(func.sum, SECONDS)).where(_within(shown[0], month)).group_by(MONTH)
        )
    }
    nothing = [Decimal(0)] * len(VOLUMES)
    hours = [found.get(each, nothing) for each in shown]
    decimals = digits(max((max(each) for each in hours), default=Decimal(0)))
    written = [[f"{each:,.{decimals}f}" for each in row] for row in hours]
    empty = [each.title for each in shown if each not in found]
    titles = [each.title for each in shown]
    labels = tuple(each.capitalize() for each in VOLUMES)
    keys = range(1, len(VOLUMES) + 1)
    return Figure(
        name="volumes",
        title="The four volumes, month by month",
        about=f"Hours from {titles[0]} to {titles[-1]}.",
        notes=(f"No usage in {' and '.join(empty)}: shown as 0.",) if empty else (),
        columns=("Hours", *titles),
        rows=tuple(
            Row((label, *each), key)
            for label, each, key in zip(labels, zip(*written, strict=True), keys, strict=True)
        ),
        total=None,
        texts=1,
        plot=plots.bars(titles, labels, written, keys),
    )


def _within(month: Month, last: Month | None = None) -> ColumnElement[bool]:
    return and_(Usage.day >= month.first, Usage.day < (last or month).after(1).first)


def _shown(whole: Whole, unit: int) -> tuple[list[str], str]:
    """The amounts in a larger unit, and their sum, which what is shown adds up to."""
    amounts = [each / unit for each in whole.amounts]
    decimals = digits(sum(amounts, Decimal(0)))
    found = rounded(amounts, decimals)
    return [f"{each:,.{decimals}f}" for each in found], f"{sum(found, Decimal(0)):,.{decimals}f}"


def _shares(whole: Whole) -> list[str]:
    """Each in percent of the total, in tenths that add up to 100."""
    if not whole.total:
        return []
    parts = rounded([each * 100 / whole.total for each in whole.amounts], 1)
    return [f"{each:.1f}%" for each in parts]


def _keys(whole: Whole, keys: Sequence[int]) -> list[int]:
    return [*keys[: len(whole.largest)], *([0] if whole.count else [])]


def _others(whole: Whole, noun: str) -> list[str]:
    if not whole.count:
        return []
    return [f"Others ({_count(whole.count, noun)})"]


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
