"""The plan of a dataset's table on either edition, from states that are made up."""

from __future__ import annotations

import pytest

from scripts.provision import datasets
from scripts.provision.edition import Edition
from scripts.provision.plan import EDITIONS, _plan
from scripts.provision.state import Dimensions, Relation, State
from timestack.domains.datasets import declare
from timestack.domains.uploads.layout import Layout
from timestack.series import uploaded
from timestack.series.catalog import Catalog

TABLE = "datasets.d7"
LAYOUT = Layout.model_validate(
    {
        "columns": [
            {"label": "t", "name": "time", "type": "time", "role": "time"},
            {"label": "k", "name": "key", "type": "text", "role": "key"},
            {"label": "v", "name": "value", "type": "number", "role": "value"},
        ]
    }
)


@pytest.fixture
def declared() -> Catalog:
    table = uploaded.hypertable(declare.declared(LAYOUT), "mine")
    return Catalog(hypertables={}).model_copy(update={"hypertables": {TABLE: table}})


@pytest.fixture(params=["apache", "timescale"])
def state(request: pytest.FixtureRequest) -> State:
    return State(request.param)


def statements(declared: Catalog, state: State) -> list[str]:
    steps = [*datasets.make(declared, state), *_plan(declared, state, None).steps]
    return [statement for step in steps for statement in step.statements]


def test_every_statement_names_the_schema_of_what_it_makes(declared: Catalog, state: State) -> None:
    found = statements(declared, state)
    assert found[0] == (
        'create table datasets."d7" ("time" timestamptz not null, "key" text,'
        ' "value" double precision)'
    )
    kind = "materialized view" if state.edition == "timescale" else "table"
    for rollup in ("d7_1h", "d7_1d", "d7_total_1h", "d7_total_28d"):
        assert any(each.startswith(f'create {kind} datasets."{rollup}"') for each in found)
    assert not [each for each in found if "public." in each or '"datasets.d7"' in each]
    if state.edition == "timescale":
        assert any(
            "add_continuous_aggregate_policy('datasets.d7_total_1d'" in each for each in found
        )


def test_a_dropped_dataset_takes_what_is_its_own_and_nothing_else(state: State) -> None:
    for name in ("readings", "readings_1h", TABLE, "datasets.d7_1h", "datasets.d77_1h"):
        of = name.removesuffix("_1h")
        comment = f"timestack rollup of {of}: 1 hour from {of}" if name != of else None
        state.relations[name] = Relation(False, comment, ("bucket",))
        state.hypertables[name] = Dimensions("bucket", None, None)
    state.functions = dict.fromkeys(
        ["record_change", "refresh_readings_1h", "refresh_datasets.d7_1h"], "x"
    )
    nothing = Catalog(hypertables={})
    edition: Edition = EDITIONS[state.edition]
    alone = datasets.alone(TABLE, nothing, state, edition)
    steps = [*_plan(nothing, alone, None).steps, *datasets.drop(TABLE, alone)]
    assert [step.object for step in steps] == [
        "rollup datasets.d7_1h",
        "function timestack.refresh_datasets.d7_1h",
        "table datasets.d7",
    ]
    assert "readings" in state.relations, "the state that was read is as it was"


@pytest.mark.parametrize("type", ["text; drop table users", "serial", "time"])
def test_a_row_that_names_another_type_is_refused(type: str) -> None:
    described = {**declare.declared(LAYOUT), "types": [["time", type]]}
    with pytest.raises(ValueError, match="types"):
        uploaded.hypertable(described, "mine")


@pytest.mark.parametrize("name", ["a b", 'x"; drop table users --', "A", ""])
def test_a_row_that_names_a_column_that_is_no_identifier_is_refused(name: str) -> None:
    described = {**declare.declared(LAYOUT), "types": [[name, "text"]]}
    with pytest.raises(ValueError, match="types"):
        uploaded.hypertable(described, "mine")
