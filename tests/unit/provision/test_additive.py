"""Which change of a schema code from before it would stumble over."""

from __future__ import annotations

import pytest

from scripts.provision.additive import Column, Schema, missed

WORD = Column("text", False, False)
STATES = "CHECK ((state = ANY (ARRAY['a'::text, 'b'::text])))"
UNIQUE = "UNIQUE btree (name)"
BEFORE = Schema(
    {("t", "id"): Column("bigint", True, True), ("t", "name"): WORD, ("t", "state"): WORD},
    {("t", "t_state_check"): STATES, ("t", "t_name_key"): UNIQUE},
    frozenset({"f(text)"}),
)


def changed(columns: dict | None = None, rules: dict | None = None, functions=("f(text)",)) -> list:
    """What is missed when these columns and rules of the table are others; None is gone."""
    after = Schema(
        {key: each for key, each in (BEFORE.columns | (columns or {})).items() if each},
        {key: each for key, each in (BEFORE.rules | (rules or {})).items() if each},
        frozenset(functions),
    )
    return missed(BEFORE, after)


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"columns": {("t", "more"): WORD}},
        {"columns": {("t", "more"): Column("bigint", True, True)}},
        {"columns": {("t", "id"): Column("bigint", False, True)}},
        {"columns": {("u", "id"): Column("bigint", True, False)}, "rules": {("u", "c"): "CHECK x"}},
        {"rules": {("t", "t_state_check"): None}},
        {"rules": {("t", "t_name_key"): None, ("t", "other"): UNIQUE}},
        {"rules": {("t", "t_state_check"): STATES.replace("'b'", "'b'::text, 'c'")}},
        {"functions": ("f(text)", "g()")},
    ],
    ids=[
        *("nothing", "column", "filled-column", "may-be-null", "table", "no-check"),
        *("renamed-index", "wider-check", "function"),
    ],
)
def test_what_only_adds_is_additive(found: dict) -> None:
    assert changed(**found) == []


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"columns": {("t", "name"): None}}, "t.name: is gone"),
        (
            {"columns": {("t", "name"): None, ("t", "title"): WORD}},
            "t.name: is gone",
        ),
        ({"columns": dict.fromkeys(BEFORE.columns), "rules": {}}, "t: is gone"),
        ({"columns": {("t", "id"): Column("integer", True, True)}}, "t.id: is integer, was bigint"),
        ({"columns": {("t", "name"): Column("text", True, False)}}, "t.name: may not be null"),
        ({"columns": {("t", "id"): Column("bigint", True, False)}}, "t.id: has no default"),
        ({"columns": {("t", "more"): Column("text", True, False)}}, "t.more: is new, may not"),
        ({"rules": {("t", "t_name_key"): None}}, "t: t_name_key is gone"),
        ({"rules": {("t", "one"): "CHECK ((name <> ''::text))"}}, "t: one lets less through"),
        (
            {"rules": {("t", "t_state_check"): STATES.replace(", 'b'::text", "")}},
            "t: t_state_check lets less through",
        ),
        ({"rules": {("t", "t_fkey"): "FOREIGN KEY (id) REFERENCES u(id)"}}, "t: t_fkey lets less"),
        ({"functions": ()}, "f(text): the function is gone"),
    ],
    ids=[
        *("column", "renamed", "table", "type", "not-null", "no-default", "new-required"),
        *("unique", "check", "narrower-check", "foreign-key", "function"),
    ],
)
def test_what_takes_away_is_told(found: dict, told: str) -> None:
    assert changed(**found)[0].startswith(told)
