"""An evaluation of all rules: what was found, what becomes of it and who is told, at once.

Two of them take turns. All times are the database's.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from timestack.domains.alerts import datasets, silences
from timestack.domains.alerts.changes import Changes, Evaluation
from timestack.domains.alerts.looking import EACH, Looking
from timestack.domains.alerts.observe import looks
from timestack.domains.alerts.rules import Rules
from timestack.domains.jobs import steps as locks
from timestack.models.alerts import OPEN, Alert
from timestack.progress import Progress, unwatched
from timestack.series import catalog

# How long what was resolved is kept.
KEPT = timedelta(days=366)
REMOVED, CHANGED = "the rule was removed", "the rule was changed"


def evaluate(
    session: Session,
    rules: Rules,
    declared: catalog.Catalog,
    progress: Progress = unwatched,
) -> Evaluation:
    """Look at every series by every rule, and have people told of what began or ended.

    In the session's transaction, whose commit is the caller's: alerts and messages are there
    together or not at all. A rule that cannot be looked at keeps its alerts as they are.
    """
    session.execute(select(func.pg_advisory_xact_lock(locks.key("alerts"))))
    # After the wait: what another evaluation has done is before it.
    limit = func.set_config("statement_timeout", f"{EACH * 1000:.0f}ms", True)
    now, _ = session.execute(select(func.clock_timestamp(), limit)).one()
    # Not of the session: what changes is written by one statement for all.
    before = session.scalars(select(Alert).where(Alert.state.in_(OPEN))).all()
    session.expunge_all()
    known = datasets.known(session, rules, declared)
    done = Changes(rules, known.declared, Evaluation(now, faults=dict(known.faults)), before)
    opened: dict[str, list[Alert]] = defaultdict(list)
    for alert in before:
        reason = _why_outdated(alert, rules) or known.faults.get(alert.rule)
        if reason:
            done.end(alert, reason)
        else:
            opened[alert.rule].append(alert)
    looking = Looking(session, now, known.declared, opened, progress)
    for sight in looking.all(looks(rules, known)):
        if sight.fault:
            done.evaluation.faults |= dict.fromkeys(sight.names, sight.fault)
            done.keep(sight.opened)
        else:
            done.take(sight.names, sight.opened, sight.seen)
    done.tell(session)
    done.write(session)
    session.execute(delete(Alert).where(Alert.resolved_at < now - KEPT))
    silences.forget(session)
    return done.evaluation


def _why_outdated(alert: Alert, rules: Rules) -> str | None:
    rule = rules.rules.get(alert.rule)
    if rule is None:
        return REMOVED
    return None if rule.digest == alert.digest else CHANGED
