"""``/``: what this is; for those who are signed in, what it holds and where to go from here."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from flask import current_app, g, render_template
from sqlalchemy.exc import SQLAlchemyError

from timestack import db
from timestack.domains import certificates, overview
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
    figures = _figures()
    trend = figures.trend if figures else None
    known = manifest.current()
    return render_template(
        "pages/landing.html",
        figures=figures,
        outage=OUTAGE,
        empty=EMPTY,
        sensor=trend.sensor if trend else None,
        chart=draw(trend.series) if trend else None,
        size=(WIDTH, HEIGHT),
        certificates=_certificates() if g.admin else [],
        # Where there is no platform there is none, and the page does not speak of it.
        manifest=None if isinstance(known, manifest.Absent) else known,
        age=_in_words,
    )


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


def _figures() -> overview.Overview | None:
    # The way to pgAdmin and to the health page matters most when the database is away.
    try:
        with db.session() as session:
            return overview.read(session)
    except SQLAlchemyError as error:
        log.warning("no figures on the landing page: %s", error)
        return None
