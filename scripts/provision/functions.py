"""Differences in the functions and triggers of the schema ``timestack``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from scripts.provision.state import State, Trigger
from scripts.provision.steps import Step
from timestack.series.sql import fill, literal
from timestack.shared.roles import APP

# The role of web and workers, who call them.
EXECUTOR = APP.name

CREATE = """create or replace function timestack.{name}({sql_parameters}) returns {sql_returns}
 language {sql_language} security definer
 set search_path = public, pg_temp {sql_settings}
as $body${sql_body}$body$"""


@dataclass(frozen=True)
class Function:
    """One function. It runs as its owner; ``executor`` may call it, None for no role.

    ``destructive`` says what is lost when it is first called with another body than before.
    """

    name: str
    parameters: str
    returns: str
    body: str
    language: str = "plpgsql"
    settings: str = ""
    executor: str | None = EXECUTOR
    destructive: str = ""

    @property
    def subject(self) -> str:
        return f"function timestack.{self.name}"

    @property
    def signature(self) -> str:
        types = ", ".join(each.split()[1] for each in self.parameters.split(", ") if each)
        return fill("timestack.{name}({sql_types})", name=self.name, sql_types=types)

    def create(self) -> tuple[str, ...]:
        statement = fill(
            CREATE,
            name=self.name,
            sql_parameters=self.parameters,
            sql_returns=self.returns,
            sql_language=self.language,
            sql_settings=self.settings,
            sql_body=self.body,
        )
        return (statement, *self.grant())

    def grant(self) -> tuple[str, ...]:
        revoke = f"revoke all on function {self.signature} from public"
        if self.executor is None:
            return (revoke,)
        return (revoke, f"grant execute on function {self.signature} to {self.executor}")


def diff_functions(wanted: list[Function], state: State) -> Iterator[Step]:
    """Steps that make, change and drop functions until only the wanted ones are there."""
    for function in wanted:
        executors = {function.executor} - {None}
        actual, danger = state.executors[function.name], function.destructive
        if function.name not in state.functions:
            yield Step("create", function.subject, "runs as the owner", function.create(), danger)
        elif state.functions[function.name] != function.body:
            yield Step("change", function.subject, "another body", function.create(), danger)
        elif actual != executors:
            revoke = (
                fill(
                    "revoke all on function {sql_signature} from {role}",
                    sql_signature=function.signature,
                    role=role,
                )
                for role in sorted(actual - executors - {"public"})
            )
            yield Step(
                "change",
                function.subject,
                f"may be called by {', '.join(sorted(actual)) or 'no role'} -> "
                f"{', '.join(sorted(executors)) or 'no role'}",
                (*revoke, *function.grant()),
            )
    for name in sorted(set(state.functions) - {function.name for function in wanted}):
        yield Step(
            "drop",
            f"function timestack.{name}",
            "not declared",
            (fill("drop function timestack.{name} cascade", name=name),),
        )


def diff_triggers(
    table: str, wanted: dict[str, tuple[str, Trigger]], state: State
) -> Iterator[Step]:
    """Steps that make, enable and drop triggers until only the wanted ones are there."""
    actual = state.triggers[table]
    for name in sorted(set(actual) - set(wanted)):
        yield Step(
            "drop",
            f"trigger {name} on {table}",
            f"not declared: calls {actual[name].function}",
            (fill("drop trigger {name} on {table:relation}", name=name, table=table),),
        )
    for name, (event, trigger) in wanted.items():
        if actual.get(name) == trigger:
            continue
        drop = fill("drop trigger {name} on {table:relation}", name=name, table=table)
        create = fill(
            "create trigger {name} {sql_event} "
            "for each statement execute function timestack.{function}({sql_arguments})",
            name=name,
            sql_event=fill(event, table=table),
            function=trigger.function,
            sql_arguments=", ".join(map(literal, trigger.arguments)),
        )
        yield Step(
            "change" if name in actual else "create",
            f"trigger {name} on {table}",
            "records changed time ranges",
            (drop, create) if name in actual else (create,),
        )
