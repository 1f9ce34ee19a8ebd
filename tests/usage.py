"""Rows of usage for tests: whose, of what, on which day."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tests.integration.db.conftest import Database
from timestack.models.usage import AMOUNTS

# The plotly.js of a clone has a style sheet of maps in it, an element, which the policy keeps out
# of the report. That Plotly writes a style into an element of the page is said in other words.
CLONE = r"^Applying inline style violates (?!.*style attributes)"
# The figures are there, and as wide as their places, whatever the window was before.
DRAWN = """
() => ['projects', 'storage', 'volumes'].every(
  name => document.getElementById(`${name}-plot`)?._fullLayout)
"""
FITS = """
() => [...document.querySelectorAll('.ts-figure-plot')].every(
  place => Math.abs(place._fullLayout.width - place.clientWidth) < 2)
"""
SCRIPT = "</script><script>alert(1)</script>"
# Whatever people call their projects.
NAMES = (
    "Evening News",
    SCRIPT,
    "<b>Bold</b> & <a href='https://example.org'>away</a>",
    "Long " * 60,
    "الأخبار المسائية",
    "🎬 Film 👩‍👩‍👧 night",
    "Others (1 project)",
    "%{label} ${x} {{ 7 * 7 }}",
    "2026-10-01",
)


def row(account: str, project: str, day: str, **amounts: Any) -> dict[str, Any]:
    """A row; an amount that is not given is 0."""
    return {
        "account": account,
        "project": project,
        "day": day,
        "deleted": False,
        **dict.fromkeys(AMOUNTS, 0),
        **amounts,
    }


def fill(database: Database, rows: Iterable[dict[str, Any]]) -> None:
    """Have these rows and no others."""
    document = json.dumps(list(rows)).replace("$usage$", "")
    database.sql(
        "truncate usage; insert into usage select * from"
        f" jsonb_populate_recordset(null::usage, $usage${document}$usage$)"
    )


def some(account: str = "anna") -> list[dict[str, Any]]:
    """Three months of NAMES, the last of which was deleted, with different amounts for each."""
    return [
        row(
            account,
            name,
            f"2026-{month:02}-{day:02}",
            deleted=number == len(NAMES) - 1 and (month, day) == (10, 20),
            ingested_seconds=3600 * (20 - 2 * number),
            transcribed_seconds=1800 * (9 - number),
            subtitled_seconds=900 * month,
            translated_seconds=300 * day,
            items=1,
            storage_video_mb=90_000 / (number + 1) * month,
            storage_audio_mb=20_000 / (number + 1),
            storage_image_mb=7_000,
            storage_text_mb=12.5,
        )
        for month in (8, 9, 10)
        for day in (1, 20)
        for number, name in enumerate(NAMES)
    ]
