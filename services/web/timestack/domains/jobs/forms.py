"""The parameters of a kind as people fill them in: a text by the name of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from timestack.domains.jobs import words
from timestack.domains.jobs.kinds import Kind


def fields(kind: Kind) -> dict[str, dict[str, Any]]:
    """Return the JSON schema of each parameter; of one that may be null, that of the other type."""
    schema = kind.params.model_json_schema()
    known = schema.get("$defs", {})
    found = {}
    for name, each in schema.get("properties", {}).items():
        choices = [one for one in each.get("anyOf", [each]) if one.get("type") != "null"]
        inner = choices[0] if len(choices) == 1 else {}
        if reference := inner.get("$ref"):
            inner = known.get(reference.rsplit("/", 1)[-1], {})
        found[name] = {**each, **inner, "required": name in schema.get("required", ())}
    return found


def parameters(kind: Kind, filled: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters that were filled in, for the kind's model to judge.

    An empty field is left out, and takes its default. What the kind does not have is passed on.
    """
    known = fields(kind)
    return {name: _value(known.get(name, {}), text) for name, text in filled.items() if text != ""}


def _value(field: Mapping[str, Any], text: str) -> Any:
    return text if field.get("type") == "string" else words.parsed(text)
