"""What a button of the Alerts page does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import g
from sqlalchemy import func, select
from werkzeug.exceptions import BadRequest

from timestack import db
from timestack.dash import guard
from timestack.dash.choice import require_text
from timestack.dash.lists import Note
from timestack.domains.alerts import listing, rules, silences

# What a button says -> how long it silences.
SPANS = {"1 h": timedelta(hours=1), "1 d": timedelta(days=1), "7 d": timedelta(days=7)}


def do(asked: Any) -> Note:
    """Do what a button asked for, and return what is to be read beside it.

    Raises BadRequest for what no button of ours asks for, and Forbidden.
    """
    verb = asked.get("verb") if isinstance(asked, dict) else None
    if verb not in ("silence", "lift"):
        raise BadRequest("A button asks to silence, or to lift a silence.")
    guard.require("editor")
    rule, about = asked.get("rule"), asked.get("alert", "")
    require_text(rule, about)
    try:
        with db.session() as session:
            keys = _keys(session, rule, about) if about else {}
            if verb == "lift":
                silences.lift(session, rule, keys)
                return Note(about or rule)
            span = asked.get("span")
            if not isinstance(span, str) or span not in SPANS:
                raise BadRequest(f"A silence lasts {', '.join(SPANS)}.")
            until = session.scalar(select(func.now())) + SPANS[span]
            silences.silence(session, rules.current(), rule, until, keys=keys, by=g.user.email)
    except (silences.UnknownRuleError, silences.NotSilentError, silences.SilenceError) as error:
        text = str(error)
        return Note(about or rule, f"{text[:1].upper()}{text[1:]}.")
    return Note(about or rule)


def _keys(session: Any, rule: str, about: str) -> dict[str, Any]:
    alert = listing.get(session, int(about)) if about.isdecimal() and len(about) < 19 else None
    if alert is None or alert.rule != rule:
        raise BadRequest("A button names an alert of its rule.")
    return alert.keys
