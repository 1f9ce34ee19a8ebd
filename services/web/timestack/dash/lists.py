"""Lists that are kept up to date: sections of rows, each with buttons, and what became of them.

Each part of a list has an id, by which the browser keeps it, its focus included, when others come
and go (live.py, assets/live.js).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dash import html
from dash.development.base_component import Component

from timestack.domains.jobs import words


@dataclass(frozen=True)
class Note:
    """What became of the last action, and what it is ``about``: a job's id, or a kind."""

    about: str = ""
    text: str = ""

    @classmethod
    def read(cls, given: Any) -> Note:
        """Read what the browser kept; an empty note for anything else."""
        parts = given if isinstance(given, dict) else {}
        about, text = parts.get("about"), parts.get("text")
        return cls(about, text) if isinstance(about, str) and isinstance(text, str) else cls()


def section(heading: str, rows: Sequence[Component], *after: Component | None) -> html.Section:
    """A card with a heading above a list."""
    id = f"heading-{heading.lower().replace(' ', '-')}"
    return html.Section(
        [
            html.H2(heading, className="ts-eyebrow", id=id),
            html.Ul(list(rows), className="ts-jobs"),
            *filter(None, after),
        ],
        className="ts-card",
        **{"aria-labelledby": id},
    )


def quiet(sentence: str) -> html.Li:
    """What a list says that has nothing."""
    return html.Li(sentence, id="quiet", className="text-body-secondary")


def time(moment: datetime | None, now: datetime) -> html.Time | html.Span:
    """A time in UTC."""
    if moment is None:
        return html.Span("never")
    moment = moment.astimezone(UTC)
    return html.Time(words.clock(moment, now), dateTime=f"{moment:%Y-%m-%dT%H:%M:%SZ}")


def exact(moment: datetime) -> html.Time:
    """A time in UTC, whatever day it is now."""
    moment = moment.astimezone(UTC)
    text = f"{moment.day} {moment:%b %Y %H:%M:%S} UTC"
    return html.Time(text, dateTime=f"{moment:%Y-%m-%dT%H:%M:%SZ}")


def button(label: str, about: str, *, primary: bool = False, **ask: str) -> html.Button:
    """A button that asks for an action; ``about`` says to a screen reader of what."""
    return html.Button(
        [label, html.Span(about, className="visually-hidden")],
        id="ask-" + "-".join(ask.values()).replace(".", "-"),
        className=f"btn btn-sm {'btn-primary' if primary else 'btn-outline-primary'}",
        type="button",
        **{"data-ask": json.dumps(ask)},
    )


def told(about: str, note: Note) -> html.P | None:
    """What became of the last action, beside its button."""
    if note.about != about or not note.text:
        return None
    return html.P(note.text, className="ts-job-note", role="alert")
