"""What follows from what was seen: alerts that begin, go on and end, and who is told."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, text
from sqlalchemy.orm import Session

from timestack.domains import notifications
from timestack.domains.alerts import faults, silences, words
from timestack.domains.alerts.observe import Seen
from timestack.domains.alerts.rules import Rule, Rules
from timestack.domains.alerts.steps import Condition, Sight, step
from timestack.models.alerts import OPEN, Alert
from timestack.series import catalog

CLEARED, LEFT_OUT = "the condition is over", "the rule is no longer about it"
UPDATE = """
update alerts a
   set state = r.state, value = r.value, since = r.since, seen_at = r.seen_at,
       clear_since = r.clear_since, fired_at = r.fired_at, resolved_at = r.resolved_at,
       reason = r.reason, told = r.told, severity = r.severity, label = r.label
  from jsonb_to_recordset(cast(:rows as jsonb)) as r(
       id bigint, state text, value float8, since timestamptz, seen_at timestamptz,
       clear_since timestamptz, fired_at timestamptz, resolved_at timestamptz, reason text,
       told boolean, severity text, label text)
 where a.id = r.id
"""
CHANGING = (
    *("id", "state", "value", "since", "seen_at", "clear_since", "fired_at", "resolved_at"),
    *("reason", "told", "severity", "label"),
)


@dataclass
class Evaluation:
    """What an evaluation found; ``alerts`` are all that are open after it.

    ``faults`` are the rules that could not be looked at, with the reasons.
    """

    now: datetime
    alerts: list[Alert] = field(default_factory=list)
    fired: list[Alert] = field(default_factory=list)
    resolved: list[Alert] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)

    def result(self, rules: Rules) -> dict[str, int]:
        """Return it in numbers."""
        counts = {state: sum(each.state == state for each in self.alerts) for state in OPEN}
        changes = {"fired": len(self.fired), "resolved": len(self.resolved)}
        return {"rules": len(rules.rules), "failed": len(self.faults), **counts, **changes}


class Changes:
    """What is to be written, collected from what was seen; ``before`` are the alerts so far."""

    def __init__(
        self,
        rules: Rules,
        declared: catalog.Catalog,
        evaluation: Evaluation,
        before: Iterable[Alert],
    ):
        self._rules, self._declared = rules, declared
        self.evaluation = evaluation
        self._new: list[Alert] = []
        self._known = [(alert, _row(alert)) for alert in before]
        self._gone: set[int] = set()

    def take(self, names: list[str], known: Iterable[Alert], seen: Iterable[Seen]) -> None:
        """Do for each series what follows from what was seen."""
        by_id = {alert.id: alert for alert in known}
        for each in seen:
            name = names[each.number]
            rule = self._rules.rules[name]
            if each.id is None:
                self._begin(name, rule, each)
            else:
                self._go_on(by_id.pop(each.id), rule, each)
        self.evaluation.alerts += by_id.values()

    def keep(self, alerts: Iterable[Alert]) -> None:
        """Leave as they are the alerts of rules that could not be looked at."""
        self.evaluation.alerts += alerts

    def _begin(self, name: str, rule: Rule, seen: Seen) -> None:
        after = _after(None, rule, seen)
        if after is None:
            return
        low, high = rule.thresholds
        alert = Alert(
            rule=name,
            digest=rule.digest,
            source=rule.table,
            value_column="" if rule.no_data else self._rules.value_of(name, self._declared),
            keys=seen.keys,
            label=seen.label,
            severity=rule.severity,
            low=low,
            high=high,
            told=False,
            reason="",
        )
        self._set(alert, after, seen)
        self._new.append(alert)
        self.evaluation.alerts.append(alert)

    def _go_on(self, alert: Alert, rule: Rule, seen: Seen) -> None:
        if not seen.is_covered:
            self.end(alert, LEFT_OUT)
            return
        alert.severity, alert.label = rule.severity, seen.label
        if seen.value is None:
            # Without data it stays what it is.
            self.evaluation.alerts.append(alert)
            return
        before = Condition(alert.state, alert.since, alert.clear_since)
        after = _after(before, rule, seen)
        if after is None:
            self._gone.add(alert.id)
            return
        if after.state == "resolved":
            alert.value, alert.seen_at = seen.value, seen.at
            alert.clear_since = after.clear_since
            self.end(alert, CLEARED)
            return
        self._set(alert, after, seen)
        self.evaluation.alerts.append(alert)

    def end(self, alert: Alert, reason: str) -> None:
        """Resolve what fires; what was pending has never been."""
        if alert.state == "pending":
            self._gone.add(alert.id)
            return
        alert.state, alert.reason = "resolved", reason
        alert.resolved_at = self.evaluation.now
        self.evaluation.resolved.append(alert)

    def _set(self, alert: Alert, after: Condition, seen: Seen) -> None:
        if after.state == "firing" and alert.state != "firing":
            alert.fired_at = self.evaluation.now
            self.evaluation.fired.append(alert)
        alert.state, alert.since, alert.clear_since = after.state, after.since, after.clear_since
        alert.value, alert.seen_at = seen.value, seen.at

    def tell(self, session: Session) -> None:
        """Have people told, one message for each rule, and one of rules that began to fail."""
        silent = silences.silences(session)
        ended = {(each.rule, _key(each)): each for each in self.evaluation.resolved}
        fired: dict[str, list[Alert]] = defaultdict(list)
        resolved: dict[str, list[Alert]] = defaultdict(list)
        for alert in self.evaluation.alerts:
            if alert.state != "firing" or alert.told:
                continue
            former = ended.get((alert.rule, _key(alert)))
            if former and former.told:
                # It fires by the changed rule as by the one before.
                del ended[alert.rule, _key(alert)]
                alert.told = True
            elif not silences.is_silent(silent, alert.rule, alert.keys):
                alert.told = True
                fired[alert.rule].append(alert)
        for alert in ended.values():
            if alert.told and not silences.is_silent(silent, alert.rule, alert.keys):
                resolved[alert.rule].append(alert)
        for name in sorted({*fired, *resolved}):
            rule = self._rules.rules.get(name)
            about = [*fired[name], *resolved[name]]
            notifications.add(
                session,
                "alert",
                words.subject(name, about[0].severity, len(fired[name]), len(resolved[name])),
                words.body(rule, fired[name], resolved[name], self.evaluation.now),
                f"/dash/alerts?rule={name}",
            )
        new = faults.note(session, self.evaluation.faults)
        if new:
            notifications.add(
                session,
                "alert",
                words.faulty(new),
                "\n".join(f"{name}: {self.evaluation.faults[name]}" for name in new[: words.NAMED]),
                "/dash/alerts",
            )

    def write(self, session: Session) -> None:
        """Write all of it: what has ended first, so that its series may have another one."""
        if self._gone:
            session.execute(delete(Alert).where(Alert.id.in_(self._gone)))
        left = [(alert, was) for alert, was in self._known if alert.id not in self._gone]
        changed = [row for alert, was in left if (row := _row(alert)) != was]
        if changed:
            given = {"rows": json.dumps(changed, default=datetime.isoformat)}
            session.execute(text(UPDATE), given)
        if self._new:
            columns = [each.key for each in Alert.__table__.columns if each.key != "id"]
            rows = [{name: getattr(each, name) for name in columns} for each in self._new]
            session.execute(insert(Alert.__table__), rows)


def _after(before: Condition | None, rule: Rule, seen: Seen) -> Condition | None:
    sight = Sight(seen.at, seen.is_alert, seen.is_clear, seen.since)
    return step(before, sight, rule.hold, rule.clear_hold)


def _row(alert: Alert) -> dict[str, Any]:
    return {name: getattr(alert, name) for name in CHANGING}


def _key(alert: Alert) -> str:
    return json.dumps(alert.keys, sort_keys=True)
