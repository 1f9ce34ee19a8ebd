"""Rules and alerts in words: what a page, a message and a terminal say of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from timestack.domains.alerts.rules import Rule
from timestack.models.alerts import Alert
from timestack.series.sql import interval_text

# Series that a message names.
NAMED = 8
QUANTITIES = {"mean": "mean", "min": "minimum", "max": "maximum", "change": "change"}


def condition(rule: Rule) -> str:
    """Return such as "mean over 1 hour above 30 for 10 minutes, until 28"."""
    if rule.no_data is not None:
        return f"no data for {interval_text(rule.no_data)}"
    low, high = rule.band
    what = f"{QUANTITIES[rule.of]} over {interval_text(rule.over)} " if rule.over else ""
    text = what + thresholds(low, high)
    if rule.wait:
        text += f" for {interval_text(rule.wait)}"
    if rule.clear is not None:
        ends = [number(each) for each in rule.clear_band if math.isfinite(each)]
        text += f", until {' to '.join(ends)}"
    return text


def thresholds(low: float, high: float) -> str:
    """Return such as "above 30", "below 10" or "outside 10 to 30"."""
    if math.isfinite(low) and math.isfinite(high):
        return f"outside {number(low)} to {number(high)}"
    return f"below {number(low)}" if math.isfinite(low) else f"above {number(high)}"


def scope(rule: Rule) -> str:
    """Return which series a rule is about, such as "readings of type temperature"."""
    chosen = {**rule.keys, **rule.where}
    parts = [f"{column} {' or '.join(values)}" for column, values in chosen.items()]
    table = rule.table if rule.value is None else f"{rule.table}, {rule.value}"
    return f"{table} of {' and '.join(parts)}" if parts else f"{table}, every series"


def number(value: float) -> str:
    """Return a number as people write it: up to six digits."""
    return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:.4g}"


def reading(alert: Alert, rule: Rule | None) -> str:
    """Return what was seen last, such as "31.2" or "no data since 12:03 UTC"."""
    if alert.value is None:
        return ""
    if rule is not None and rule.no_data is not None:
        return f"no data for {ago(alert.value)}"
    return number(alert.value)


def ago(seconds: float) -> str:
    """Return a duration in its largest unit, "3 h"."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.0f} s"


def clock(time: datetime, now: datetime) -> str:
    """Return a time in UTC, with the day where it is not today."""
    time = time.astimezone(UTC)
    day = "" if time.date() == now.astimezone(UTC).date() else f"{time:%Y-%m-%d} "
    return f"{day}{time:%H:%M} UTC"


def subject(name: str, severity: str, fired: int, resolved: int) -> str:
    """Return the first line of a message, such as "warning: heat: 2 firing, 1 resolved"."""
    counts = ((fired, "firing"), (resolved, "resolved"))
    return f"{severity}: {name}: " + ", ".join(f"{n:,} {word}" for n, word in counts if n)


def faulty(names: Sequence[str]) -> str:
    """Return the first line of a message about rules that could not be looked at."""
    if len(names) == 1:
        return f"alert rule {names[0]} cannot be looked at"
    return f"{len(names):,} alert rules cannot be looked at"


def body(
    rule: Rule | None, fired: Sequence[Alert], resolved: Sequence[Alert], now: datetime
) -> str:
    """Return the rest of a message: the rule's own words, its condition, and the series."""
    lines = [rule.message, condition(rule)] if rule else []
    lines += _listed(
        "Firing", [f"{each.label}: {_seen(each, rule, now)}" for each in fired]
    ) + _listed("Resolved", [f"{each.label}: {each.reason}" for each in resolved])
    return "\n".join(filter(None, lines))


def _seen(alert: Alert, rule: Rule | None, now: datetime) -> str:
    since = clock(alert.since, now)
    return f"{reading(alert, rule)}, since {since}"


def _listed(heading: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    more = [f"and {len(lines) - NAMED:,} more"] if len(lines) > NAMED else []
    return [f"{heading}:", *lines[:NAMED], *more]
