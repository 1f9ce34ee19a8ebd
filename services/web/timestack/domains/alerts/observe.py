"""What rules see: one statement for all rules that look at the same thing, however many series.

The rules' thresholds and the alerts that are open are handed over as JSON. The statement reads each
series once, from rollup and tail, and answers with what is an alert and what is open.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from timestack.domains.alerts import sources
from timestack.domains.alerts.datasets import Known
from timestack.domains.alerts.rules import Rule, Rules
from timestack.domains.alerts.statement import Look, Statement
from timestack.models.alerts import Alert
from timestack.series import catalog

# New alerts of one statement: what is more than this comes with the next evaluation.
MOST_NEW = 10_000


class Seen(NamedTuple):
    """What a rule sees of a series.

    ``id`` is that of the alert that is open, None where there is none. ``value`` is None where
    there is nothing to compare, and ``is_covered`` False where the rule is not about the series any
    more. ``since`` is when the readings began to be as they are, within the time that matters; None
    where only the present is known. ``at`` is the time of the value. Both are in UTC.
    """

    id: int | None
    number: int
    keys: dict[str, Any]
    label: str
    is_covered: bool
    at: datetime | None
    value: float | None
    is_alert: bool
    is_clear: bool
    since: datetime | None


def looks(rules: Rules, known: Known) -> list[Look]:
    """Return what is to be looked at for all rules that can be."""
    grouped: dict[tuple, dict[str, Rule]] = defaultdict(dict)
    for name, rule in rules.rules.items():
        if name in known.faults:
            continue
        value = None if rule.no_data else rules.value_of(name, known.declared)
        keys = sources.keys(rule.table, value, known.declared)
        grouped[rule.table, value, rule.quantity, rule.over, keys][name] = rule
    return [Look(*shape, rules=found) for shape, found in grouped.items()]


def observe(
    session: Session,
    look: Look,
    opened: Iterable[Alert],
    now: datetime,
    declared: catalog.Catalog,
) -> Iterator[Seen]:
    """Return each series that is an alert by a rule, and each of which an alert is open.

    ``now`` is the database's time; readings of the future are not seen.
    """
    numbers = {name: number for number, name in enumerate(look.names)}
    given = {
        "now": now,
        "horizon": look.horizon,
        "most": MOST_NEW,
        "over": look.over,
        "rules": json.dumps([_rule(n, rule) for n, rule in enumerate(look.rules.values())]),
        "opened": json.dumps(
            [
                {
                    "id": each.id,
                    "no": numbers[each.rule],
                    "keys": each.keys,
                    "is_firing": each.state == "firing",
                }
                for each in opened
            ]
        ),
    }
    statement = Statement(session, look, now, declared)
    sql = text(statement.text())
    for row in session.execute(sql, {**given, **statement.bounds}):
        yield Seen(*row)


def _rule(number: int, rule: Rule) -> dict[str, Any]:
    (low, high), (clear_low, clear_high) = rule.band, rule.clear_band
    # No infinity in JSON: null is none.
    ends = {"low": low, "high": high, "clear_low": clear_low, "clear_high": clear_high}
    spans = {"hold": rule.hold, "clear_hold": rule.clear_hold, "within": rule.within}
    return {
        "no": number,
        **{name: end if math.isfinite(end) else None for name, end in ends.items()},
        **{name: f"{span.total_seconds()} seconds" for name, span in spans.items()},
        **{f"k_{column}": chosen for column, chosen in rule.keys.items()},
        **{f"w_{column}": chosen for column, chosen in rule.where.items()},
    }
