"""Invented companies with their quarterly revenue, in the shape that ``companies`` loads.

Money is whole cents until it is written, as text with two decimals: no float on the way. The
quarters that some companies have not yet reported are null.
"""

from __future__ import annotations

from functools import cache

from flask import Blueprint, Response, jsonify

from media_platform.chance import unit
from media_platform.faults import may_fail

FIRST = ("Alder", "Birch", "Cobalt", "Drift", "Elm", "Flint", "Garnet", "Heron")
SECOND = ("Broadcasting", "Captioning", "Pictures", "Sound", "Studios")
YEARS = range(2015, 2026)
QUARTERS = ("q1", "q2", "q3", "q4")
# Per mille of an average quarter: the last one of a year sells most.
SEASON = (920, 980, 960, 1140)

blueprint = Blueprint("companies", __name__)


@cache
def companies() -> list[dict]:
    """Return every company with its years, oldest first."""
    names = [f"{first} {second}" for first in FIRST for second in SECOND]
    return [{"name": name, "finances": [_finances(name, year) for year in YEARS]} for name in names]


def _finances(name: str, year: int) -> dict:
    cents = 100_000_000 + int(unit(name, "revenue") ** 3 * 80_000_000_000)
    for past in range(YEARS[0], year):
        # A year brings between 8 % less and 17 % more.
        cents = cents * (920 + int(unit(name, "growth", past) * 250)) // 1000
    reported = {
        quarter: _money(cents * (share + int(unit(name, year, quarter) * 80)) // 4000)
        for quarter, share in zip(QUARTERS, SEASON, strict=True)
    }
    if year == YEARS[-1] and unit(name, "late") < 0.4:
        reported["q4"] = None
    return {"year": year, **reported}


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


@blueprint.get("/api/companies")
@may_fail("companies")
def shown() -> Response:
    """Answer with the document; nothing is added to it, because the loader refuses extras."""
    return jsonify(companies=companies())
