"""A form made from the JSON schema of a kind's parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from timestack.dash.address import href
from timestack.domains.jobs import forms, words
from timestack.domains.jobs.kinds import Kind

NUMBERS = {"integer": "1", "number": "any"}
BOUNDS = {"minimum": "at least", "maximum": "at most"}


def form(kind: Kind, filled: Mapping[str, str], faults: Sequence[str]) -> html.Form:
    """Return the form; each fault, ``name: what is wrong``, is shown at its field."""
    known = forms.fields(kind)
    at, others = {}, []
    for fault in faults:
        name, _, text = fault.partition(": ")
        if name in known:
            at[name] = text
        else:
            others.append(fault)
    shown = [_field(name, each, filled.get(name), at.get(name)) for name, each in known.items()]
    none = html.P("It has no parameters.", className="text-body-secondary mb-3")
    return html.Form(
        [
            html.H2(kind.title, className="h4"),
            html.P(html.Code(kind.name), className="ts-job-sub mb-3"),
            *(html.P(_sentence(each), className="ts-job-note", role="alert") for each in others),
            *(shown or [none]),
            html.Div(
                [
                    html.Button("Start the job", type="submit", className="btn btn-primary"),
                    html.A("Back to all jobs", href=href(), className="btn btn-outline-primary"),
                ],
                className="ts-job-do",
            ),
        ],
        id="jobs-start",
        **{"data-start": kind.name},
    )


def _field(name: str, field: Mapping[str, Any], given: str | None, fault: str | None) -> html.Div:
    id = f"start-{name}"
    label = html.Label(
        [
            field.get("title", name),
            html.Span(f" {hint}" if (hint := _hint(field)) else "", className="ts-hint"),
        ],
        htmlFor=id,
        className="form-label",
    )
    return html.Div(
        [
            label,
            _control(id, name, field, given, fault is not None),
            html.P(_sentence(fault), className="ts-field-errors", role="alert") if fault else None,
        ],
        className="ts-field",
        id=f"{id}-field",
    )


def _control(
    id: str, name: str, field: Mapping[str, Any], given: str | None, wrong: bool
) -> Component:
    default = field.get("default")
    shown = given if given is not None else "" if default is None else _text(default)
    if field.get("type") == "boolean" or field.get("enum"):
        offered = field.get("enum") or [True, False]
        options = [{"label": _text(each), "value": _text(each)} for each in offered]
        return dbc.Select(id=id, name=name, options=options, value=shown, invalid=wrong)
    kind = {"date": "date"}.get(field.get("format"), "text")
    if field.get("type") in NUMBERS:
        return dbc.Input(
            id=id,
            name=name,
            type="number",
            step=NUMBERS[field["type"]],
            min=field.get("minimum"),
            max=field.get("maximum"),
            value=shown,
            invalid=wrong,
        )
    return dbc.Input(id=id, name=name, type=kind, value=shown, invalid=wrong, autocomplete="off")


def _hint(field: Mapping[str, Any]) -> str:
    bounds = [f"{word} {field[key]:g}" for key, word in BOUNDS.items() if key in field]
    needed = ["required"] if field["required"] else []
    return ", ".join(filter(None, [field.get("description", ""), *bounds, *needed]))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else words.written(value)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."
