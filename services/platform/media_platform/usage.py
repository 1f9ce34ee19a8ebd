"""Use per project and day, invented: a pure function of seed, account, project and day.

The same day always has the same rows, so any range of days may be asked for again. Projects that
stay grow and follow the week and the year; seasonal ones come back every year under a new name,
live for four months, and are then reported as deleted, with nothing in them, for another thirty
days. Volumes are seconds, storage is megabytes at the end of the day.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from flask import Blueprint, Response, abort, jsonify, request

from media_platform.accounts import BY_ID, asking
from media_platform.chance import between, unit
from media_platform.faults import may_fail

STAYING = {
    "studio-north": (
        "Evening News",
        "Morning Briefing",
        "Parliament Live",
        "Documentary Desk",
        "Regional Sports",
        "Podcast North",
        "Archive Restoration",
        "Weather Studio",
    ),
    "studio-south": (
        "Late Show",
        "Kitchen Stories",
        "Crime Files",
        "City Magazine",
        "Music Sessions",
        "Language Courses",
        "Film Library",
    ),
    # Names as people type them: quotes, ampersands and brackets must survive every page.
    "harbor-media": (
        "Port Traffic",
        "Science & Sea",
        'The "Long" Interview',
        "Kids <8>",
        "Økonomi i dag",
        "Trailers",
    ),
}
# The month in which each begins.
SEASONAL = {
    "studio-north": {"Winter Sports": 11, "Election Year": 3, "Summer Festival": 6},
    "studio-south": {"Song Contest": 2, "Open Air": 5},
    "harbor-media": {"Regatta": 7, "Christmas Market": 10},
}
OPENED = date(2022, 1, 1)
SEASON = 120
REPORTED_DELETED = 30
# Monday to Sunday.
WEEK = (1.0, 1.06, 1.1, 1.08, 0.97, 0.46, 0.38)
# What is older has been moved to the customer's own archive.
KEPT_DAYS = 365
MEGABYTES_PER_SECOND = {
    "video": 0.6,
    "audio": 0.024,
    "image": 0.008,
    "text": 0.0004,
    "other": 0.015,
}
LONGEST_RANGE = 1100
# Rows of one answer.
PAGE = 500

blueprint = Blueprint("usage", __name__)


@dataclass(frozen=True)
class Project:
    """One project of an account from its first day on; ``ends`` is the day of its deletion."""

    account: str
    name: str
    begins: date
    ends: date | None = None

    def chance(self, low: float, high: float, *parts: object) -> float:
        """Return a number that this project always has under ``parts``."""
        return between(low, high, self.account, self.name, *parts)


def projects(account: str, day: date) -> Iterator[Project]:
    """Yield the projects that are reported on ``day``, those just deleted included."""
    for name in STAYING[account]:
        begins = OPENED + timedelta(days=int(unit(account, name, "begins") * 200))
        if begins <= day:
            yield Project(account, name, begins)
    for title, month in SEASONAL[account].items():
        for year in (day.year - 1, day.year):
            begins = date(year, month, 1)
            if begins >= OPENED and 0 <= (day - begins).days < SEASON + REPORTED_DELETED:
                ends = begins + timedelta(days=SEASON)
                yield Project(account, f"{title} {year}", begins, ends)


def rows(account: str, first: date, last: date) -> Iterator[dict]:
    """Yield one row per day and project from ``first`` to ``last``, both included."""
    first = max(first, OPENED)
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        for project in projects(account, day):
            yield row(project, day)


def row(project: Project, day: date) -> dict:
    """Return what ``project`` used on ``day``, under the names of the table's columns."""
    deleted = project.ends is not None and day >= project.ends
    usual = 0.0 if deleted else _usual(project, day)
    ingested = usual * _busy(project, day)
    transcribed = ingested * _share(project, day, 0.6, 0.97, "transcribed")
    subtitled = transcribed * _share(project, day, 0.25, 0.9, "subtitled")
    # Into several languages, so it may be more than what was subtitled.
    translated = subtitled * _share(project, day, 0.1, 1.8, "translated")
    stored = usual * min((day - project.begins).days + 1, KEPT_DAYS)
    return {
        "account": project.account,
        "project": project.name,
        "day": day.isoformat(),
        "ingested_seconds": round(ingested, 1),
        "transcribed_seconds": round(transcribed, 1),
        "subtitled_seconds": round(subtitled, 1),
        "translated_seconds": round(translated, 1),
        "items": math.ceil(ingested / project.chance(60, 1500, "length")),
        **{
            f"storage_{kind}_mb": round(stored * rate * project.chance(0.3, 2, kind), 1)
            for kind, rate in MEGABYTES_PER_SECOND.items()
        },
        "deleted": deleted,
    }


def _usual(project: Project, day: date) -> float:
    """Seconds on an average day of that time: size, growth that levels off, and the season."""
    size = 1200 + 26_000 * project.chance(0, 1, "size") ** 3
    growth = 1 + 1.5 * (1 - math.exp(-(day - project.begins).days / 700))
    turn = day.timetuple().tm_yday / 365.25 + project.chance(0, 0.2, "phase")
    return size * growth * (1 + 0.15 * math.sin(2 * math.pi * turn))


def _busy(project: Project, day: date) -> float:
    if project.chance(0, 1, "quiet", day) < 0.03:
        return 0.0
    dice = sum(project.chance(0, 1, "day", day, number) for number in range(3)) / 3
    return WEEK[day.weekday()] * (0.6 + 0.8 * dice)


def _share(project: Project, day: date, low: float, high: float, volume: str) -> float:
    return project.chance(low, high, volume) * project.chance(0.85, 1, volume, day)


@blueprint.get("/api/usage")
@may_fail("usage")
def usage() -> Response:
    """Answer with a page of an account's rows; 401, 403, 404 or 400 with a sentence.

    ``next`` is null on the last page, else what ``cursor`` must be to get the next one.
    """
    own = asking()
    account = request.args.get("account", "")
    if own is not None and account != own:
        abort(403, "This token only gives access to the usage of its own account.")
    if account not in BY_ID:
        abort(404, "There is no such account: GET /api/accounts lists them.")
    first, last = _day("from"), _day("to")
    if first > last:
        abort(400, f"from={first} is after to={last}.")
    if last > datetime.now(UTC).date():
        abort(400, f"to={last} has not begun yet (UTC).")
    if (last - first).days >= LONGEST_RANGE:
        abort(400, f"Ask for at most {LONGEST_RANGE} days at a time.")
    found = _all_pages(account, first, last)
    start = _cursor(len(found))
    end = start + PAGE
    return jsonify(
        {
            "simulated": True,
            "account": account,
            "from": first.isoformat(),
            "to": last.isoformat(),
            "rows": found[start:end],
            "next": f"row-{end}" if end < len(found) else None,
        }
    )


@lru_cache(maxsize=4)
def _all_pages(account: str, first: date, last: date) -> list[dict]:
    return list(rows(account, first, last))


def _cursor(length: int) -> int:
    """Return the number of the first row that is asked for."""
    text = request.args.get("cursor")
    if text is None:
        return 0
    number = re.fullmatch(r"row-([1-9][0-9]{0,8})", text)
    if number is None or int(number[1]) >= length:
        abort(400, "cursor must be the next of an answer to the same question.")
    return int(number[1])


def _day(name: str) -> date:
    text = request.args.get(name, "")
    # fromisoformat() alone would also take 20250131 and 2025-W05-5.
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    return abort(400, f"{name} must be a day such as 2025-01-31, not {text[:40]!r}.")
