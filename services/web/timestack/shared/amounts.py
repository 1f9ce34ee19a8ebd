"""Sizes, shares, numbers and durations as people read them, on pages and in a terminal."""

from __future__ import annotations

UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
# The largest first, in seconds.
SPANS = {
    "year": 365.25 * 86_400,
    "month": 30.44 * 86_400,
    "day": 86_400,
    "hour": 3600,
    "minute": 60,
    "second": 1,
}


def size(count: float) -> str:
    """Return a number of bytes in decimal units, to three digits: ``12.3 GB``."""
    value, unit = float(count), UNITS[0]
    for unit in UNITS:
        if value < 999.5 or unit == UNITS[-1]:
            break
        value /= 1000
    return f"{value:.3g} {unit}" if value < 999.5 else f"{value:,.0f} {unit}"


def share(part: float) -> str:
    """Return a part from 0 to 1 in percent, to a tenth near both ends."""
    percent = part * 100
    exact = 0 < percent < 1 or 99 < percent < 100
    return f"{percent:.1f}%" if exact else f"{percent:.0f}%"


def number(count: float) -> str:
    """Return a whole number with commas."""
    return f"{count:,.0f}"


def about(seconds: float) -> str:
    """Return a duration in its largest unit of which there are two or more: ``5 months``."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.2g} s"
    unit = next((unit for unit, each in SPANS.items() if seconds >= 1.95 * each), "second")
    return f"{seconds / SPANS[unit]:,.0f} {unit}s"
