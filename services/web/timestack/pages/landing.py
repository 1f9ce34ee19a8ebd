"""``/``: what this is; for those who are signed in, what it holds, how it is and where to go."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from flask import current_app, g, render_template
from sqlalchemy.exc import SQLAlchemyError

from timestack import db
from timestack.domains import certificates, operations, overview, users
from timestack.domains.operations.check import Check
from timestack.domains.platform import manifest
from timestack.series.query import Series
from timestack.words import EMPTY, OUTAGE

log = logging.getLogger(__name__)

# The chart's own units; the page stretches it to whatever room there is.
WIDTH, HEIGHT = 400, 100


@dataclass(frozen=True)
class Chart:
    """A line of means in a band from minimum to maximum, as ``points`` attributes of SVG.

    ``low`` and ``high`` are the ends of the vertical axis, in words.
    """

    line: str
    band: str
    low: str
    high: str


def index() -> str:
    """Render the page: for a stranger without any figure, else with those the database gives."""
    if g.user is None:
        return render_template("pages/welcome.html")
    role = users.role_of(g.user)
    figures, checks = _figures(editor=role in ("editor", "admin"))
    trend = figures.trend if figures else None
    known = manifest.current()
    return render_template(
        "pages/landing.html",
        role=role,
        figures=figures,
        outage=OUTAGE,
        empty=EMPTY,
        # The newest row of each hypertable.
        newest={each.name: each.extent.last for each in figures.datasets if each.extent}
        if figures
        else {},
        sensor=trend.sensor if trend else None,
        chart=draw(trend.series) if trend else None,
        size=(WIDTH, HEIGHT),
        checks=checks,
        certificates=_certificates() if g.admin else [],
        # Where there is no platform there is none, and the page does not speak of it.
        manifest=None if isinstance(known, manifest.Absent) else known,
        age=_in_words,
        about=_about,
    )


def _about(rows: int) -> str:
    """Return a planner's estimate with the three digits that it is good for."""
    return f"{round(rows, 3 - len(str(rows))) if rows > 999 else max(rows, 0):,}"


def _in_words(age: timedelta) -> str:
    """Return an age in its largest unit, such as ``3 hours``."""
    seconds = int(age.total_seconds())
    sizes = {"day": 86_400, "hour": 3600, "minute": 60, "second": 1}
    unit = next((unit for unit, size in sizes.items() if seconds >= size), "second")
    n = seconds // sizes[unit]
    return f"{n} {unit}" if n == 1 else f"{n} {unit}s"


def _certificates() -> list[certificates.Ending]:
    return certificates.ending(current_app.config["SETTINGS"].secrets_dir, datetime.now(UTC))


def draw(series: Series) -> Chart:
    """Fit a series into WIDTH x HEIGHT, the oldest point left and the largest value on top."""
    known = np.isfinite(series.mean)
    time = series.time[known].astype(np.float64)
    mean, least, most = (part[known] for part in (series.mean, series.min, series.max))
    low, high = float(least.min()), float(most.max())
    # A single time or a constant value has no extent: it is at the left, or at the bottom.
    x = (time - time[0]) / (np.ptp(time) or 1) * WIDTH
    line, floor, ceiling = (
        HEIGHT - (part - low) / ((high - low) or 1) * HEIGHT for part in (mean, least, most)
    )
    around = _points(np.append(x, x[::-1]), np.append(ceiling, floor[::-1]))
    return Chart(_points(x, line), around, _format_number(low), _format_number(high))


def _format_number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _points(x: np.ndarray, y: np.ndarray) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))


def _figures(*, editor: bool) -> tuple[overview.Overview | None, Sequence[Check]]:
    """The figures, and for an administrator what is not good of the stack."""
    # The way to pgAdmin and to the health page matters most when the database is away.
    try:
        with db.session() as session:
            figures = overview.read(session, editor=editor)
            return figures, operations.summary(session) if g.admin else ()
    except SQLAlchemyError as error:
        log.warning("no figures on the landing page: %s", error)
        return None, ()
