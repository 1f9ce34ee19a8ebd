"""Rules that cannot be looked at: each has a row with the reason for as long as that is so."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from timestack.domains.alerts.datasets import Known
from timestack.domains.alerts.rules import Rules
from timestack.models.alerts import RuleFault

# One statement, which finds nothing to do as a rule.
NOTE = """
with found as materialized (
  select * from jsonb_to_recordset(cast(:found as jsonb)) as f(rule text, reason text)
), over as (
  delete from alert_faults where rule not in (select rule from found)
)
insert into alert_faults (rule, reason) select rule, reason from found
on conflict (rule) do update set reason = excluded.reason
returning rule, xmax = 0 as is_new
"""


def note(session: Session, found: Mapping[str, str]) -> list[str]:
    """Write why which rules could not be looked at; return those of which that is new."""
    rows = [{"rule": rule, "reason": reason} for rule, reason in found.items()]
    noted = session.execute(text(NOTE), {"found": json.dumps(rows)})
    return sorted(rule for rule, is_new in noted if is_new)


def current(session: Session, rules: Rules, known: Known) -> dict[str, str]:
    """Return why which rules could not be looked at last, or cannot be now."""
    noted = session.execute(select(RuleFault.rule, RuleFault.reason)).all()
    return {rule: reason for rule, reason in noted if rule in rules.rules} | known.faults
