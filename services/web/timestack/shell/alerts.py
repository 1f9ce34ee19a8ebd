"""Alerts at the terminal: what the rules of the file find now, without telling anybody.

Exit status 0: nothing fires; 2: something does, or the file cannot be used; 1: it, or a rule of
it, could not be looked at.
"""

from __future__ import annotations

import argparse
import json
import sys

from timestack import db
from timestack.domains.alerts import rules, words
from timestack.domains.alerts.changes import Evaluation
from timestack.domains.alerts.evaluate import evaluate
from timestack.domains.jobs.listing import utc
from timestack.models.alerts import Alert
from timestack.series import catalog
from timestack.shell import table

FAULTS = (rules.RulesError,)
FIRING, UNSEEN = 2, 1


def add_to(faces: argparse._SubParsersAction) -> None:
    """Add ``alerts`` and its commands to the parser."""
    face = faces.add_parser("alerts", help="alert rules", description=__doc__)
    face.set_defaults(do=show, json=False, opens=("database",))
    commands = face.add_subparsers(metavar="COMMAND")
    now = commands.add_parser("now", help="what would fire now; the default")
    now.add_argument("--json", action="store_true", help="as JSON, for scripts")
    check = commands.add_parser("check", help="name every fault of the file")
    check.set_defaults(do=examine, opens=())
    listed = commands.add_parser("rules", help="the rules, in words")
    listed.set_defaults(do=index, opens=())


def show(asked: argparse.Namespace) -> int:
    """What fires and is pending by the rules of the file."""
    given = rules.current()
    with db.session() as session:
        found = evaluate(session, given, catalog.current())
        # Nothing has happened: the workers write and tell.
        session.rollback()
    alerts = sorted(found.alerts, key=lambda each: (each.state, each.rule, each.label))
    firing = sum(each.state == "firing" for each in alerts)
    if asked.json:
        print(json.dumps([_shape(each) for each in alerts], indent=2))
    elif alerts:
        rows = [_row(each, given.rules.get(each.rule), found) for each in alerts]
        table.show(("state", "rule", "severity", "series", "value", "condition", "since"), rows)
    else:
        print(f"nothing fires: {len(given.rules)} rules")
    for name, why in found.faults.items():
        print(f"{name} cannot be looked at: {why}", file=sys.stderr)
    return FIRING if firing else UNSEEN if found.faults else 0


def _row(alert: Alert, rule: rules.Rule | None, found: Evaluation) -> tuple[str, ...]:
    return (
        alert.state,
        alert.rule,
        alert.severity,
        alert.label,
        words.reading(alert, rule),
        words.condition(rule) if rule else "",
        words.clock(alert.since, found.now),
    )


def _shape(alert: Alert) -> dict:
    return {
        "state": alert.state,
        "rule": alert.rule,
        "severity": alert.severity,
        "keys": alert.keys,
        "series": alert.label,
        "value": alert.value,
        "since": utc(alert.since),
    }


def examine(asked: argparse.Namespace) -> int:
    """Whether the file can be used; each fault is a line."""
    print(f"{len(rules.current().rules)} alert rules, no fault")
    return 0


def index(asked: argparse.Namespace) -> int:
    """The rules of the file."""
    found = rules.current().rules
    if not found:
        print(f"there are no rules: write one into {rules.IN_CLONE}", file=sys.stderr)
        return 0
    rows = [
        (name, rule.severity, words.scope(rule), words.condition(rule), rule.message)
        for name, rule in found.items()
    ]
    table.show(("rule", "severity", "series", "condition", "message"), rows)
    return 0
