"""Differences in who may use which table, and whose rows they see there."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.provision.aggregates import levels
from scripts.provision.state import RowPolicy, State
from scripts.provision.steps import Action, Step
from timestack.series.catalog import Catalog, Table
from timestack.series.sql import fill
from timestack.shared.roles import PGADMIN

# The application names the account in each transaction (set local); without it there are no rows.
# Written as PostgreSQL prints it, so that the next plan finds it equal.
OWN_ROWS = "({column} = NULLIF(current_setting('timestack.account'::text, true), ''::text))"
# An administrator looks after the rows of all accounts.
ALL_ROWS = "true"
ADMINISTRATOR = PGADMIN.name


def declared(catalog: Catalog) -> dict[str, dict[str, set[str]]]:
    """Table -> role -> privileges. Who may read a hypertable may read its rollups."""
    wanted = {
        name: {role: set(privileges) for role, privileges in table.grants.items()}
        for name, table in {**catalog.tables, **catalog.hypertables}.items()
    }
    for name, table in catalog.hypertables.items():
        readers = {role: {"select"} for role, given in wanted[name].items() if "select" in given}
        for level in levels(name, table):
            wanted[level.table] = readers
    return wanted


def diff(catalog: Catalog, state: State) -> Iterator[Step]:
    """Steps that grant what is declared and revoke what is not, on every declared table."""
    tables = declared(catalog)
    for table, wanted in {**tables, **_sequences(tables, state)}.items():
        actual = state.grants[table]
        for role in sorted(wanted.keys() | actual.keys()):
            give = wanted.get(role, set()) - actual.get(role, set())
            take = actual.get(role, set()) - wanted.get(role, set())
            if give:
                yield _step("create", "grant", "to", table, role, give)
            if take:
                yield _step("drop", "revoke", "from", table, role, take)
    for name, table in catalog.tables.items():
        yield from _row_security(name, table, state)


def _sequences(
    tables: dict[str, dict[str, set[str]]], state: State
) -> dict[str, dict[str, set[str]]]:
    """Sequence -> role -> privileges, of the declared tables that have one.

    pgAdmin's Backup reads the position of a table's sequence beside its rows, and Restore sets it.
    To insert a row needs no right to the sequence of an identity column.
    """
    wanted = {}
    for sequence, table in state.sequences.items():
        if table in tables:
            given = tables[table].get(ADMINISTRATOR, set())
            privileges = {"select"} & given | ({"update"} if "insert" in given else set())
            wanted[sequence] = {ADMINISTRATOR: privileges} if privileges else {}
    return wanted


def _step(
    action: Action, verb: str, direction: str, table: str, role: str, privileges: set[str]
) -> Step:
    listed = ", ".join(sorted(privileges))
    statement = fill(
        "{sql_verb} {sql_privileges} on {table:relation} {sql_direction} {sql_role}",
        sql_verb=verb,
        sql_privileges=listed,
        table=table,
        sql_direction=direction,
        sql_role="public" if role == "public" else fill("{role}", role=role),
    )
    return Step(action, f"grant on {table}", f"{verb} {listed} {direction} {role}", (statement,))


def _row_security(name: str, table: Table, state: State) -> Iterator[Step]:
    wanted: dict[str, RowPolicy] = {}
    if table.account_column:
        own = OWN_ROWS.format(column=table.account_column)
        wanted["own_rows"] = RowPolicy(frozenset({"public"}), "all", own, own)
        wanted["all_rows"] = RowPolicy(frozenset({ADMINISTRATOR}), "all", ALL_ROWS, ALL_ROWS)
    relation = state.relations.get(name)
    enabled = bool(relation and relation.row_security)
    if enabled != bool(wanted):
        verb = "enable" if wanted else "disable"
        yield Step(
            "change",
            f"row security of {name}",
            f"{verb}d: {'an account sees its own rows' if wanted else 'not declared'}",
            (
                fill(
                    "alter table {name:relation} {sql_verb} row level security",
                    name=name,
                    sql_verb=verb,
                ),
            ),
        )
    actual = state.row_policies[name]
    for policy in sorted(wanted.keys() | actual.keys()):
        if actual.get(policy) == wanted.get(policy):
            continue
        drop = fill("drop policy if exists {policy} on {name:relation}", policy=policy, name=name)
        if policy not in wanted:
            yield Step("drop", f"row policy {policy} on {name}", "not declared", (drop,))
            continue
        rule = wanted[policy]
        create = fill(
            "create policy {policy} on {name:relation} to {sql_roles} "
            "using ({sql_using}) with check ({sql_check})",
            policy=policy,
            name=name,
            sql_roles=", ".join(sorted(rule.roles)),
            sql_using=rule.using,
            sql_check=rule.check,
        )
        action: Action = "change" if policy in actual else "create"
        yield Step(action, f"row policy {policy} on {name}", rule.using, (drop, create))
