"""Times, durations and parameters of jobs, as pages and shell write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from timestack.domains.jobs.kinds import KINDS


def short(id: UUID) -> str:
    """Return the first digits of an id, which are enough to find a job by."""
    return str(id)[:8]


def clock(time: datetime, now: datetime) -> str:
    """Return a time in UTC to the second, with the day and the year where they are not these."""
    time, now = time.astimezone(UTC), now.astimezone(UTC)
    year = "" if time.year == now.year else f" {time.year}"
    day = "" if time.date() == now.date() else f"{time.day} {time:%b}{year} "
    return f"{day}{time:%H:%M:%S}"


def lasting(span: timedelta) -> str:
    """Return a duration in its two largest units; below ten seconds to a tenth or finer."""
    seconds = max(span.total_seconds(), 0.0)
    if 0 < seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95 and seconds % 1:
        return f"{seconds:.1f} s"
    left = round(seconds)
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
        if len(parts) == 2:
            break
    return " ".join(filter(None, parts)) or "0 s"


def age(start: datetime | None, now: datetime) -> str:
    """Return how long ago something was, in whole seconds."""
    return lasting(timedelta(seconds=max((now - start).total_seconds(), 0) // 1)) if start else ""


def assignments(kind: str, params: Mapping[str, Any]) -> str:
    """Return a job's parameters as ``name=value``, without those that have the default value."""
    known = KINDS[kind].params.model_fields if kind in KINDS else {}
    given = {
        name: value
        for name, value in params.items()
        if name not in known or value != known[name].default
    }
    return " ".join(f"{name}={written(value)}" for name, value in given.items())


def parsed(text: str) -> Any:
    """Return the JSON value that a text is, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def written(value: Any) -> str:
    """Return a value as ``parsed`` reads it, a text without quotes where that is unambiguous."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    plain = isinstance(value, str) and value.split() == [value] and parsed(value) is value
    return value if plain else json.dumps(value, ensure_ascii=False)
